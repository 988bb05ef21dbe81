// Home with a lot that needs attention: counted and grouped, all of a kind by page, each leading to its run; and the
// values of a notification that the maker has shown in the history.
import { runScript, same, until } from './harness.mjs';
import { signedIn } from './sample.mjs';

const FAILING = 70;

await runScript('attention', async (world, step) => {
  const { call, cookie } = await signedIn(world.server);
  const ada = await world.person('ada');
  const { page } = ada;
  await ada.context.addCookies([cookie]);
  const button = (name) => page.getByRole('button', { name, exact: true });
  const failing = page.getByRole('region', { name: /^Flows that fail/ });
  const items = failing.locator('li');

  await step(1, 'nothing needs attention', async () => {
    await page.goto(world.server.url);
    await page.getByText('Nothing needs your attention.').waitFor();
  });

  await step(2, 'many flows that fail appear by themselves: counted, three of them shown', async () => {
    const definition = { triggers: { manual: { type: 'Request', inputs: {} } }, actions: { Divide: { type: 'Compose', inputs: '@div(1, 0)', runAfter: {} } } };
    for (let number = 0; number < FAILING; number += 1) {
      const flow = await call('POST', '/api/flows', { name: `Failing ${number}`, connections: {}, definition });
      for (let time = 0; time < 3; time += 1) await call('POST', `/api/flows/${flow.id}/run`, { body: {} });
    }
    await failing.getByText(`(${FAILING})`).waitFor();
    same('shown at first', await items.count(), 3);
    await items.first().locator('strong').getByText(`Failing ${FAILING - 1}`, { exact: true }).waitFor();
    await items.first().getByText('The last 3 runs failed. Divide failed:').waitFor();
  });

  await step(3, 'all of them by page, under an address of their own', async () => {
    await failing.getByRole('button', { name: 'Show all' }).click();
    await until('the first page', async () => (await items.count()) === 50);
    same('the address', new URL(page.url()).searchParams.get('attention'), 'flow_failing');
    await items.first().getByRole('link').focus();
    await page.keyboard.press('End');
    await page.keyboard.press('Enter');
    await until('all of them', async () => (await items.count()) === FAILING);
    await page.reload();
    await until('the first page again', async () => (await items.count()) === 50);
    await failing.getByRole('button', { name: 'Show fewer' }).click();
    await until('three', async () => (await items.count()) === 3);
  });

  await step(4, 'each leads to the run that failed last', async () => {
    await items.first().getByRole('link', { name: /^Open/ }).click();
    await page.getByRole('heading', { name: `Failing ${FAILING - 1} · Run` }).waitFor();
    await page.getByRole('complementary').getByText('What to do').waitFor();
  });

  await step(5, 'a success takes a flow off the list', async () => {
    const [{ id, ...flow }] = (await call('GET', '/api/flows?limit=1')).items;
    const { definition } = await call('GET', `/api/flows/${id}`);
    definition.actions.Divide.inputs = '@div(1, 1)';
    await call('PUT', `/api/flows/${id}`, { name: flow.name, connections: {}, definition });
    await call('POST', `/api/flows/${id}/run`, { body: {} });
    await page.goto(world.server.url);
    await failing.getByText(`(${FAILING - 1})`).waitFor();
  });

  await step(6, 'the maker chooses in the designer what the history shows of a run', async () => {
    const schema = { type: 'object', properties: { repository: { type: 'string', title: 'Repository' }, pusher: { type: 'object', properties: { name: { type: 'string', title: 'Pusher name' } } }, noise: { type: 'string', title: 'Noise' } } };
    const flow = await call('POST', '/api/flows', { name: 'Says who', connections: {}, definition: { triggers: { manual: { type: 'Request', inputs: { schema } } }, actions: {} } });
    await page.goto(`${world.server.url}/flows/${flow.id}/edit`);
    await page.locator('[data-card]').first().focus();
    await page.keyboard.press('Enter');
    await page.getByRole('tab', { name: 'Settings' }).click();
    await button('Add a value').click();
    await page.getByRole('combobox', { name: 'Value 1 shown in run history' }).click();
    await page.getByRole('option', { name: 'Pusher name' }).click();
    await button('Add a value').click();
    const second = page.getByRole('combobox', { name: 'Value 2 shown in run history' });
    await second.fill("in @{triggerBody()?['repository']}");
    await page.keyboard.press('Tab');
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    const saved = await until('it to be saved', async () => (await call('GET', `/api/flows/${flow.id}`)).definition.triggers.manual.metadata?.runSummary);
    same('what is kept', saved, ["@triggerBody()?['pusher']?['name']", "in @{triggerBody()?['repository']}"]);
    await call('POST', `/api/flows/${flow.id}/run`, { body: { noise: 'nothing', repository: 'acme/rocket', pusher: { name: 'grace' } } });
    await page.goto(`${world.server.url}/flows/${flow.id}/runs`);
    await page.getByText('grace · in acme/rocket').waitFor();
    await page.goto(`${world.server.url}/flows/${flow.id}/edit`);
    await page.locator('[data-card]').first().focus();
    await page.keyboard.press('Enter');
    await page.getByRole('tab', { name: 'Settings' }).click();
    same('the name of the value', await page.getByRole('combobox', { name: 'Value 1 shown in run history' }).inputValue(), 'Pusher name');
    await page.getByRole('button', { name: 'Remove value 1' }).click();
    same('the other takes its place', await page.getByRole('combobox', { name: 'Value 1 shown in run history' }).inputValue(), "in @{triggerBody()?['repository']}");
  });
});
