// A package leads on: each connector that is missing is mapped on one page, which says how many steps work; templates are started from.
import { designing } from './designing.mjs';
import { runScript, same, until } from './harness.mjs';
import { IMPORTED } from './pages.mjs';
import { signedIn, startService } from './sample.mjs';

/** What the forge can do, as its OpenAPI file says it. */
const FORGE = {
  swagger: '2.0',
  info: { title: 'Forge', version: '1' },
  host: 'forge.example.org',
  schemes: ['https'],
  securityDefinitions: { basic: { type: 'basic' } },
  security: [{ basic: [] }],
  paths: {
    '/repos/{owner}/{repo}/issues': {
      post: {
        operationId: 'OpenIssue',
        summary: 'Open an issue',
        parameters: [
          { name: 'owner', in: 'path', required: true, type: 'string' },
          { name: 'repo', in: 'path', required: true, type: 'string' },
          { name: 'body', in: 'body', required: true, schema: { type: 'object', properties: { title: { type: 'string' } } } },
        ],
        responses: { 201: { description: 'made' } },
      },
    },
  },
};
const file = (name, content) => ({ name, mimeType: 'application/json', buffer: Buffer.from(JSON.stringify(content)) });

await runScript('imports', async (world, step) => {
  const service = await startService();
  const { call, cookie } = await signedIn(world.server);
  const person = await world.person('maker');
  const { page } = person;
  await person.context.addCookies([cookie]);
  const at = designing(person, call);
  const { button, see, panel, openCard, box } = at;
  const need = (title) => page.getByRole('region', { name: title });
  const use = (title, option) => need(title).getByLabel(`${title}: what to use`).selectOption({ label: option });

  await step(1, 'the file says what it needs, and how many of its steps work', async () => {
    await person.goto('/flows');
    await button('Import').click();
    await see(page.getByRole('heading', { name: 'Import flows' }));
    await page.getByLabel('Package or definition').setInputFiles(file('flow.json', IMPORTED));
    await see(page.getByText('1 of 5 steps work.'));
    await see(page.getByText('Say below what stands in for 3 connectors.'));
    same('its name', await box('Name').inputValue(), 'Flagged mail to task');
  });

  await step(2, 'each connector is mapped: built-in steps, its OpenAPI file with another operation', async () => {
    await use('Office365', 'Replace its steps by built-in ones');
    await see(page.getByText('3 of 5 steps work.'));
    await need('Planner').getByRole('button', { name: 'Show the steps' }).click();
    await need('Planner').getByLabel('Instead of Create a task').selectOption({ label: 'HTTP' });
    await see(page.getByText('4 of 5 steps work.'));
    await use('Forge', 'Import its OpenAPI file…');
    await page.getByLabel('OpenAPI file of Forge').setInputFiles(file('forge.json', FORGE));
    await see(need('Forge').getByText('The connector has no such operation.'));
    await need('Forge').getByLabel('Instead of Open an issue').selectOption({ label: 'Operation: Open an issue' });
    await see(page.getByText('All 5 steps work.'));
    await need('Forge').getByLabel('Connection', { exact: true }).selectOption({ label: 'Add new connection' });
    await need('Forge').getByLabel('User name').fill('ada');
    await need('Forge').getByLabel('Password').fill('secret');
    await need('Forge').getByRole('button', { name: 'Create' }).click();
    await until('the connection to be chosen', async () => (await need('Forge').getByLabel('Connection', { exact: true }).locator('option:checked').textContent()) === 'Forge');
  });

  await step(3, 'the designer has a form for every step, and nothing is a raw box', async () => {
    await button('Open in the designer').click();
    for (const [name, field] of [['Create_a_task', 'URI'], ['Open_an_issue', 'Owner'], ['Send_an_email_(V2)', 'Subject']]) {
      await openCard(name);
      await see(panel().getByRole('textbox', { name: field, exact: false }).first());
      same(`a raw box at ${name}`, await panel().getByRole('textbox', { name: 'inputs', exact: true }).count(), 0);
    }
    await openCard('Create_a_task');
    await box('URI').click();
    await page.keyboard.type(`http://${service.address}/tasks`);
    await button('Create flow').click();
    await page.waitForURL(/\/flows\/flw_[^/]+$/);
    const { items } = await call('GET', '/api/flows');
    const { definition, connections } = await call('GET', `/api/flows/${items[0].id}`);
    same('the trigger', Object.values(definition.triggers)[0].type, 'Request');
    same('the operation', definition.actions.Open_an_issue.inputs.host.operationId, 'OpenIssue');
    same('its connection', typeof connections.shared_forge.connection_id, 'string');
    same('the mail', definition.actions['Send_an_email_(V2)'].inputs.parameters['NotificationEmailDefinition/notificationSubject'], "@{outputs('Subject')}");
    same('the order stays', definition.actions.Open_an_issue.runAfter, { Create_a_task: ['Succeeded'] });
  });

  await step(4, 'several flows come out of one file, and what is not whole is kept as a draft', async () => {
    const request = (uri) => ({ triggers: { manual: { type: 'Request', kind: 'Http', inputs: { schema: {} } } }, actions: { Send: { type: 'Http', inputs: { method: 'GET', uri }, runAfter: {} } } });
    for (const name of ['First', 'Second']) await call('POST', '/api/flows', { name, definition: request('https://example.org/') });
    await person.goto('/flows?q=first%20');
    await page.getByRole('checkbox', { name: 'Choose First' }).check();
    await person.goto('/flows?sort=name');
    await page.getByRole('checkbox', { name: 'Choose First' }).check();
    await page.getByRole('checkbox', { name: 'Choose Second' }).check();
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('toolbar', { name: '2 flows chosen' }).getByRole('button', { name: 'Export' }).click()]);
    const saved = await download.path();
    await person.goto('/flows/import');
    await page.getByLabel('Package or definition').setInputFiles(saved);
    await see(page.getByText('All 4 steps work.'));
    await page.getByRole('textbox', { name: 'Name 2' }).fill('Second again');
    await button('Create 2 flows').click();
    await see(page.getByRole('link', { name: 'Second again' }));
    same('they are off', await page.getByText('Created; turn it on when you are ready.').count(), 2);
  });

  await step(5, 'a template is found, filled in and created', async () => {
    await person.goto('/');
    await page.getByRole('link', { name: /Start from a template/ }).click();
    await page.getByRole('searchbox', { name: 'Search templates' }).fill('chat branch');
    await see(page.getByRole('button', { name: /Post pushes of one branch to a chat/ }));
    await until('the others to go', async () => (await page.getByRole('listitem').filter({ has: page.getByRole('img') }).count()) === 1);
    await page.getByRole('button', { name: /Post pushes of one branch to a chat/ }).click();
    const dialog = page.getByRole('dialog');
    await see(dialog.getByRole('img', { name: /^The flow: When a web request is received/ }));
    await dialog.getByRole('textbox', { name: 'Chat webhook' }).fill(`http://${service.address}/chat`);
    await dialog.getByRole('button', { name: 'Use this template' }).click();
    await button('Create flow').click();
    await page.waitForURL(/\/flows\/flw_[^/]+$/);
    const { items } = await call('GET', '/api/flows?q=post%20pushes');
    const { definition, state } = await call('GET', `/api/flows/${items[0].id}`);
    same('the parameter', [definition.parameters.chatWebhook.defaultValue, state], [`http://${service.address}/chat`, 'on']);
  });
  await service.stop();
});
