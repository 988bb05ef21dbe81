// Connectors out of the gallery, and forms that a connector's own file makes: kinds of connections, trees, policies, changes.
import { join } from 'node:path';
import { findings } from './axe.mjs';
import { designing } from './designing.mjs';
import { DESKTOP, PHONE, runScript, same, until } from './harness.mjs';
import { signedIn } from './sample.mjs';
import { serve } from './stand-ins.mjs';

const text = { type: 'string' };
const answer = { responses: { 200: { description: 'OK' } } };
const drive = { name: 'drive', in: 'query', required: true, type: 'string', 'x-ms-summary': 'Drive', 'x-ms-dynamic-list': { operationId: 'ListDrives', itemsPath: 'drives', itemValuePath: 'id', itemTitlePath: 'name' } };
const browsed = (operationId, parameters) => ({ operationId, itemsPath: 'nodes', itemValuePath: 'Id', itemTitlePath: 'Name', itemIsParent: 'IsFolder', parameters });
const file = {
  name: 'file', in: 'query', required: true, type: 'string', 'x-ms-summary': 'File',
  'x-ms-dynamic-tree': {
    settings: { canSelectParentNodes: false, canSelectLeafNodes: true },
    open: browsed('ListRoot', { drive: { parameterReference: 'drive' } }),
    browse: browsed('ListFolder', { drive: { parameterReference: 'drive' }, folder: { selectedItemValuePath: 'Id' } }),
  },
};
const columns = { name: 'row', in: 'body', required: true, schema: { type: 'object', 'x-ms-dynamic-properties': { operationId: 'GetColumns', itemValuePath: 'schema', parameters: { drive: { parameterReference: 'drive' } } } } };
const hidden = { 'x-ms-visibility': 'internal', ...answer };
const inQuery = (name) => ({ name, in: 'query', required: true, ...text });

/** A service whose files stand in trees, whose rows have columns of their own, and that has one host for each region. */
const filesDocument = (host) => ({
  swagger: '2.0',
  info: { title: 'Shelves', version: '1' },
  host,
  basePath: '/',
  schemes: ['http'],
  securityDefinitions: { key: { type: 'apiKey', in: 'header', name: 'X-Key' } },
  'x-ms-capabilities': { testConnection: { operationId: 'ListDrives', parameters: {} } },
  paths: {
    '/drives': { get: { operationId: 'ListDrives', summary: 'List drives', ...hidden } },
    '/root': { get: { operationId: 'ListRoot', summary: 'List the root', parameters: [inQuery('drive')], ...hidden } },
    '/folder': { get: { operationId: 'ListFolder', summary: 'List a folder', parameters: [inQuery('drive'), inQuery('folder')], ...hidden } },
    '/columns': { get: { operationId: 'GetColumns', summary: 'Columns', parameters: [inQuery('drive')], ...hidden } },
    '/file': { get: { operationId: 'ReadFile', summary: 'Read a file', parameters: [drive, file], ...answer } },
    '/rows': { post: { operationId: 'AddRow', summary: 'Add a row', parameters: [drive, columns], ...answer } },
  },
});
const shown = (displayName, description, constraints) => ({ uiDefinition: { displayName, description, constraints } });
const filesProperties = {
  properties: {
    connectionParameterSets: {
      uiDefinition: { displayName: 'Kind', description: 'How flows sign in' },
      values: [
        {
          name: 'key', uiDefinition: { displayName: 'By key', description: 'One key for all drives.' },
          parameters: {
            region: { type: 'string', ...shown('Region', 'Where your data is.', { required: 'true', tabIndex: 1, allowedValues: [{ text: 'Europe', value: 'eu' }, { text: 'America', value: 'us' }] }) },
            api_key: { type: 'securestring', ...shown('Key', 'Settings, then Keys.', { required: 'true', tabIndex: 2 }) },
            page: { type: 'int', defaultValue: '50', ...shown('Rows of a page', '', { required: 'false', tabIndex: 3 }) },
            archive: { type: 'bool', ...shown('Read the archive too', '', { required: 'false', tabIndex: 4 }) },
          },
        },
        { name: 'login', uiDefinition: { displayName: 'By login' }, parameters: { username: { type: 'string', ...shown('Login', '', { required: 'true' }) }, password: { type: 'securestring', ...shown('Password', '', { required: 'true' }) } } },
      ],
    },
    policyTemplateInstances: [
      { templateId: 'setheader', title: 'Region of the data', parameters: { 'x-ms-apimTemplateParameter.name': 'X-Region', 'x-ms-apimTemplateParameter.value': "@connectionParameters('region')", 'x-ms-apimTemplateParameter.existsAction': 'override' } },
      { templateId: 'setheader', title: 'Key', parameters: { 'x-ms-apimTemplateParameter.name': 'X-Key', 'x-ms-apimTemplateParameter.value': "@connectionParameters('api_key')", 'x-ms-apimTemplateParameter.existsAction': 'override' } },
    ],
  },
};
const node = (Id, Name, IsFolder = false) => ({ Id, Name, IsFolder });

function startShelves() {
  return serve((call) => {
    const url = new URL(call.path, 'http://shelves.test');
    if (call.headers['x-key'] !== 'right-key' || call.headers['x-region'] !== 'us') return { status: 401, body: { error: 'The key is not of this region.' } };
    const asked = `${url.pathname} ${url.searchParams.get('drive') ?? ''} ${url.searchParams.get('folder') ?? ''}`.trim();
    const known = {
      '/drives': { drives: [{ id: 'd1', name: 'Team' }, { id: 'd2', name: 'Archive' }] },
      '/root d1': { nodes: [node('f1', 'Invoices', true), node('a', 'Read me.txt')] },
      '/folder d1 f1': { nodes: [node('f2', '2026', true), node('b', 'March.pdf')] },
      '/folder d1 f2': { nodes: [node('c', 'April.pdf')] },
      '/columns d1': { schema: { type: 'object', required: ['title'], properties: { title: { type: 'string', 'x-ms-summary': 'Title of the row' }, amount: { type: 'number', 'x-ms-summary': 'Amount' } } } },
    }[asked];
    return known ? { status: 200, body: known } : { status: 404, body: { error: `nothing at ${asked}` } };
  });
}

await runScript('gallery', async (world, step) => {
  const service = await startShelves();
  const { call, cookie } = await signedIn(world.server);
  const person = await world.person('maker');
  const { page } = person;
  await person.context.addCookies([cookie]);
  const { button, see, panel, pick, add, code } = designing(person, call);
  const dialog = () => page.getByRole('dialog');
  const field = (name, inside = page) => inside.getByLabel(new RegExp(`^${name} ?[*]?$`)).filter({ visible: true });
  /** The state in light and dark, wide and narrow: nothing serious for axe, nothing wider than the window. */
  const pictures = async (name) => {
    for (const [look, size] of [['light', DESKTOP], ['dark', PHONE], ['light', PHONE], ['dark', DESKTOP]]) {
      await page.emulateMedia({ colorScheme: look, reducedMotion: 'reduce' });
      await page.setViewportSize(size);
      await until('the look', () => page.evaluate((dark) => document.documentElement.style.colorScheme === (dark ? 'dark' : 'light'), look === 'dark'));
      if ((look === 'light') === (size === DESKTOP)) same(`what axe finds in ${name}, ${look}`, await findings(page), []);
      const wide = () => [...document.querySelectorAll('html, main, [role=dialog], .panel, .gallery, form')].filter((part) => part.scrollWidth > part.clientWidth + 1 && part.clientWidth > 0).map((part) => `${part.tagName} ${part.className} ${part.scrollWidth}>${part.clientWidth}`);
      same(`${name} is not wider than ${size.width} px`, await page.evaluate(wide), []);
      await page.screenshot({ path: join(world.folder, `${name}-${size.width}-${look}.png`), animations: 'disabled' });
    }
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
    await page.setViewportSize(DESKTOP);
  };
  let id;
  let connection;

  await step(1, 'the gallery is searched as one types, and says what does not run here', async () => {
    await person.goto('/connectors');
    await button('Create custom connector').first().click();
    await page.getByRole('menuitem', { name: 'Add from the gallery' }).click();
    const list = dialog().getByRole('list', { name: 'Gallery of connectors' });
    await see(list.getByText('Comes with Hookmill'));
    const all = await dialog().getByRole('status').innerText();
    await pictures('all');
    await field('Search by name, publisher or category', dialog()).fill('24 pull');
    await until('fewer entries', async () => (await dialog().getByRole('status').innerText()) !== all);
    await see(list.getByText(/Licence: MIT/));
    await field('Search by name, publisher or category', dialog()).fill('no such words at all');
    await see(dialog().getByText(/Nothing in the gallery has these words/));
    await field('Search by name, publisher or category', dialog()).fill('');
    await dialog().getByRole('combobox', { name: 'Runs here' }).click();
    await page.getByRole('option', { name: 'In part' }).click();
    await until('only those', async () => (await list.getByText('Runs in full', { exact: true }).count()) === 0);
    await see(list.getByText(/refused when used: custom code/));
    await pictures('in-part');
  });

  await step(2, 'files that cannot be fetched are told so; a connector that comes along is added', async () => {
    await field('Search by name, publisher or category', dialog()).fill('');
    const list = dialog().getByRole('list', { name: 'Gallery of connectors' });
    await list.getByRole('button', { name: /^Add: / }).first().click();
    await see(dialog().getByRole('alert').getByText(/cannot be read/));
    await dialog().getByRole('combobox', { name: 'Runs here' }).click();
    await page.getByRole('option', { name: 'All' }).click();
    await field('Search by name, publisher or category', dialog()).fill('ntfy');
    await dialog().getByRole('button', { name: /^Add: ntfy/i }).click();
    await page.waitForURL(/connectors\/cnr_[^/]+\/general/);
    same('its name', await page.getByRole('heading', { level: 1 }).innerText(), 'ntfy');
  });

  await step(3, 'a connection asks for the fields of its kind', async () => {
    id = (await call('POST', '/api/connectors', { document: filesDocument(service.host), properties: filesProperties })).id;
    await person.goto('/connections');
    await button('New connection').first().click();
    await field('Connector', dialog()).selectOption({ label: 'Shelves' });
    await see(dialog().getByText('One key for all drives.'));
    await see(dialog().getByText('Where your data is.'));
    same('the key is hidden', await field('Key', dialog()).getAttribute('type'), 'password');
    same('the usual number', await field('Rows of a page', dialog()).getAttribute('placeholder'), '50');
    await field('Key', dialog()).fill('wrong-key');
    await dialog().getByRole('button', { name: 'Create' }).click();
    same('the region is missing', await field('Region', dialog()).evaluate((select) => select.validity.valueMissing), true);
    await pictures('kind-key');
    await field('Kind of connection', dialog()).selectOption({ label: 'By login' });
    await see(field('Password', dialog()));
    same('fields of the other kind', await field('Region', dialog()).count(), 0);
    await field('Kind of connection', dialog()).selectOption({ label: 'By key' });
    await field('Region', dialog()).selectOption({ label: 'America' });
    await dialog().getByRole('switch', { name: 'Read the archive too' }).click();
    await dialog().getByRole('button', { name: 'Create' }).click();
    await dialog().waitFor({ state: 'detached' });
    connection = (await call('GET', '/api/connections')).items[0];
    same('what is open', connection.parameters, { archive: true, region: 'us' });
  });

  await step(4, 'its test calls the service; a wrong key is told, and mended where it is seen', async () => {
    await button(`Test: ${connection.name}`).click();
    await see(page.getByText('Broken'));
    await page.getByRole('link', { name: connection.name }).click();
    await see(page.getByText(/The service answered 401 to 'ListDrives'/));
    await see(page.getByText(/Leave empty to keep what is stored/));
    await pictures('broken');
    same('what is open is there', await field('Region').inputValue(), 'us');
    await field('Key').fill('right-key');
    await button('Save').click();
    await button('Test').click();
    await see(page.getByText('Works', { exact: true }));
    same('the call', service.lines().at(-1), 'GET /drives');
  });

  await step(5, 'a file is chosen from the tree of the service', async () => {
    await person.goto('/flows/new');
    await pick('manual', /Manually trigger/);
    await add('Read a file', /Read a file/);
    const drives = panel().getByRole('combobox', { name: /^Drive/ });
    await until('the drives', () => drives.locator('option', { hasText: 'Team' }).count());
    same('nothing can be browsed yet', await button('Browse').isDisabled(), true);
    await see(panel().getByText('The choices appear once this is filled in: Drive.'));
    await pictures('tree-needs');
    await drives.selectOption('d1');
    await button('Browse').click();
    const folder = (name) => button(`Open ${name}`);
    await folder('Invoices').click();
    await folder('2026').click();
    await see(button('April.pdf'));
    same('a folder cannot be chosen', await button('Invoices').count(), 0);
    await pictures('tree');
    await button('April.pdf').click();
    await until('the value', async () => /"file": "c"/.test(await code()));
  });

  await step(6, 'the fields of a row are those that the service knows', async () => {
    await add('Add a row', /Add a row/);
    const drives = panel().getByRole('combobox', { name: /^Drive/ });
    await until('the drives', () => drives.locator('option', { hasText: 'Team' }).count());
    await drives.selectOption('d1');
    await see(panel().getByText('Title of the row'));
    await pictures('columns');
  });

  await step(7, 'each template of a policy has its form, and what is missing is named', async () => {
    await person.goto(`/connectors/${id}/definition`);
    await until('the policies to be read', () => button('New policy').isEnabled());
    await button('Region of the data').click();
    same('the value', await field('Value').inputValue(), "@connectionParameters('region')");
    await button('New policy').click();
    const templates = await field('Template').locator('option').evaluateAll((options) => options.map((option) => option.value));
    same('all that run here', templates.length, 16);
    for (const template of templates) {
      await field('Template').selectOption(template);
      await see(page.locator('.diagnostics li[data-severity=error]'));
      const labels = await page.locator('#policy').locator('xpath=ancestor::section').locator('label').allInnerTexts();
      same(`every field of ${template} has words`, labels.filter((label) => /^[a-z]+[A-Z]/.test(label)), []);
    }
    await pictures('policy');
    await field('Template').selectOption('setqueryparameter');
    await field('Title').fill('Rows of a page');
    await field('Name').fill('top');
    await field('Value').fill("@connectionParameters('page')");
    await page.getByRole('checkbox', { name: 'Read a file' }).click();
    await button('Update connector').click();
    await see(page.getByText(/The connector was updated/));
    const { items } = await call('GET', `/api/connectors/${id}/policies`);
    same('the policies', items.map((item) => item.instance.templateId), ['setheader', 'setheader', 'setqueryparameter']);
  });

  await step(8, 'what a change breaks is shown before it is saved, and only then', async () => {
    const add = { type: 'OpenApiConnection', runAfter: {}, inputs: { host: { connectionName: 'own', operationId: 'AddRow' }, parameters: { drive: 'd1', 'row/title': 'a' } } };
    const made = await call('POST', '/api/flows', { name: 'Adds rows', definition: { triggers: { manual: { type: 'Request', inputs: {} } }, actions: { Add: add } }, connections: { own: { connection_id: connection.id } } });
    await person.goto(`/connectors/${id}/definition`);
    await button('Add a row').click();
    await button('Delete operation').click();
    await see(dialog().getByRole('link', { name: 'Adds rows, Add' }));
    await pictures('breaks');
    await dialog().getByRole('button', { name: 'Cancel' }).click();
    await field('Operation ID').fill('AddOneRow');
    await button('Update connector').click();
    await see(page.getByRole('alert').getByText('This change breaks flows'));
    same('nothing was saved', (await call('GET', `/api/connectors/${id}/definition`)).paths['/rows'].post.operationId, 'AddRow');
    await button('Save all the same').click();
    await see(page.getByText(/The connector was updated/));
    same('it is saved now', (await call('GET', `/api/connectors/${id}/definition`)).paths['/rows'].post.operationId, 'AddOneRow');
    await call('DELETE', `/api/flows/${made.id}`);
  });

  await service.stop();
}, { flags: ['--gallery', '/nowhere'] });
