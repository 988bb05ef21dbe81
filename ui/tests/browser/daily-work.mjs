// What a maker does every day: typing JSON with dynamic content, handling failures, looking for what failed, trying again with what came.
import { designing } from './designing.mjs';
import { runScript, same, until } from './harness.mjs';
import { signedIn, startService } from './sample.mjs';

const after = (name, ...statuses) => ({ runAfter: { [name]: statuses } });
const http = (url, more = {}) => ({ type: 'Http', inputs: { method: 'POST', uri: url, body: { article: 'lamp' }, retryPolicy: { type: 'none' } }, runAfter: {}, ...more });
const triggers = { When_a_web_request_is_received: { type: 'Request', kind: 'Http', inputs: { schema: { type: 'object', properties: { name: { type: 'string' }, total: { type: 'integer' }, lines: { type: 'array', items: { type: 'object', properties: { article: { type: 'string' } } } } } } } } };

await runScript('daily-work', async (world, step) => {
  const service = await startService();
  const { call, cookie } = await signedIn(world.server);
  const person = await world.person('maker');
  const { page } = person;
  await person.context.addCookies([cookie]);
  const at = designing(person, call);
  const { button, box, card, see, panel, openCard, add, picker } = at;
  const stored = (name, definition) => call('POST', '/api/flows', { name, definition: { $schema: 'https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#', contentVersion: '1.0.0.0', triggers, ...definition } });
  const send = async (flow, body) => {
    const { webhook } = await call('GET', `/api/flows/${flow}`);
    return fetch(webhook.callback_url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  };
  let flow;

  await step(1, 'JSON that is typed with tokens goes out as JSON, whatever the tokens hold', async () => {
    const { id } = await stored('Typed', { actions: { HTTP: { type: 'Http', inputs: { method: 'POST', uri: `http://${service.address}/report` }, runAfter: {} } } });
    flow = id;
    await person.goto(`/flows/${flow}/edit`);
    await openCard('HTTP');
    const body = box('Body');
    await body.click();
    await page.keyboard.type('{"greeting": "Dear ');
    await see(panel().getByText('As it stands it is stored as a text', { exact: false }));
    await picker().getByRole('button', { name: /^Name/ }).first().click();
    await page.keyboard.type('", "total": ');
    await picker().getByRole('button', { name: /^Total/ }).first().click();
    await page.keyboard.type(', "to": "@channel"}');
    await until('the hint to go', async () => (await panel().getByText('stored as a text', { exact: false }).count()) === 0);
    await button('Save').click();
    await see(page.getByText('Saved.'));
    const { HTTP } = (await at.definition(flow)).actions;
    same('what is stored', HTTP.inputs.body, { greeting: "Dear @{triggerBody()?['name']}", total: "@triggerBody()?['total']", to: '@@channel' });
    const run = await at.ran(flow, { name: 'Kim "K"', total: 7 });
    same('the run', run.status, 'Succeeded');
    const [sent] = service.calls.slice(-1);
    same('what was sent', [JSON.parse(sent.body), sent.headers['content-type'].split(';')[0]], [{ greeting: 'Dear Kim "K"', total: 7, to: '@channel' }, 'application/json']);
  });

  await step(2, 'it is shown again as it was typed, and a word more changes only that word', async () => {
    await person.goto(`/flows/${flow}/edit`);
    await openCard('HTTP');
    await box('Body').getByText('"greeting"', { exact: false }).click();
    await page.keyboard.press('Control+End');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.type(',\n"more": [1, true]');
    await button('Save').click();
    await see(page.getByText('Saved.'));
    same('what is stored', (await at.definition(flow)).actions.HTTP.inputs.body, { greeting: "Dear @{triggerBody()?['name']}", total: "@triggerBody()?['total']", to: '@@channel', more: [1, true] });
  });

  await step(3, 'a Catch scope offers what the steps in Try gave; item() is right in Select before any run', async () => {
    const { id } = await stored('Safe', {
      actions: {
        Try: { type: 'Scope', runAfter: {}, actions: { Check: { type: 'If', runAfter: {}, expression: { and: [{ equals: [1, 1] }] }, actions: { Reserve: http(`http://${service.address}/stock`) }, else: { actions: {} } } } },
        Catch: { type: 'Scope', ...after('Try', 'Failed', 'TimedOut'), actions: { Tell: { type: 'Compose', inputs: '', runAfter: {} } } },
        Select: { type: 'Select', ...after('Catch', 'Succeeded', 'Skipped'), inputs: { from: "@triggerBody()?['lines']", select: { article: '' } } },
      },
    });
    flow = id;
    await person.goto(`/flows/${flow}/edit`);
    await openCard('Tell');
    await box('Inputs').click();
    await picker().getByRole('region', { name: 'Reserve', exact: true }).getByRole('button', { name: /^Body/ }).click();
    await page.getByRole('tab', { name: 'Expression', exact: true }).click();
    const editor = picker().locator('.cm-content');
    await editor.click();
    await page.keyboard.type("outputs('Reserve')?['statusCode']");
    await see(picker().getByText('no run has the data that it reads', { exact: false }));
    same('no error', await picker().locator('.bad-text').count(), 0);
    await openCard('Select');
    await panel().getByRole('textbox', { name: 'Map: Value 1' }).click();
    await see(picker().getByRole('region', { name: 'Items of the list' }).getByRole('button', { name: /article/i }));
    const wide = await Promise.all([picker().boundingBox(), panel().boundingBox()]);
    if (wide[0].width < wide[1].width * 0.8) throw new Error(`the picker of a row is ${wide[0].width} px wide in a panel of ${wide[1].width}`);
    await page.getByRole('tab', { name: 'Expression', exact: true }).click();
    await picker().locator('.cm-content').click();
    await page.keyboard.type("item()?['artic']");
    await see(picker().getByText('no run has the data that it reads', { exact: false }));
    await page.getByRole('tab', { name: 'Dynamic content', exact: true }).click();
    await picker().getByRole('region', { name: 'Items of the list' }).getByRole('button', { name: /article/i }).click();
    await openCard('Tell');
    await button('Save').click();
    await see(page.getByText('Saved.'));
  });

  await step(4, 'a failed run opens at the step that failed inside of the containers, with what the service said', async () => {
    const { id } = await stored('Orders', {
      actions: { Try: { type: 'Scope', runAfter: {}, actions: { Check: { type: 'Switch', runAfter: {}, expression: "@triggerBody()?['name']", cases: { Case: { case: 'paid', actions: { Reserve: http(`http://${service.address}/stock`) } } }, default: { actions: {} } } } } },
    });
    flow = id;
    await send(flow, { name: 'paid', total: 1 });
    const run = await until('the run to fail', async () => (await call('GET', `/api/runs?flow=${flow}&limit=1`)).items.find((item) => item.status === 'Failed'));
    await person.goto(`/flows/${flow}/runs`);
    await see(page.getByText('Reserve failed: 409 out_of_stock'));
    await page.locator(`[data-run="${run.id}"] a`).first().click();
    await see(page.getByRole('complementary', { name: 'Reserve' }));
    await see(card('Reserve').getByText('409 out_of_stock'));
    await see(card('Check').getByText('→ paid', { exact: false }));
    await see(page.getByText('Case: paid'));
    await see(page.getByText('✓ taken'));
    same('no codes that say nothing', await page.getByText('NotSpecified').count(), 0);
    await page.getByRole('button', { name: 'Resume from the failed action' }).click();
    await see(page.getByRole('menuitem', { name: 'With version 1 (as it ran)' }));
    await page.keyboard.press('Escape');
    await person.goto('/');
    await see(page.getByText('Reserve failed: 409 out_of_stock').first());
  });

  await step(5, 'a test takes the newest notification by itself; names keep what was typed', async () => {
    await person.goto(`/flows/${flow}/edit`);
    await button('Test').click();
    await until('the newest to be chosen', () => panel().getByRole('radio', { name: 'With a past notification' }).isChecked());
    await see(panel().locator('.cm-content').getByText('"paid"'));
    await panel().getByRole('button', { name: 'Run', exact: true }).click();
    await see(page.getByText('Test run failed:'));
    await openCard('Reserve');
    const name = box('Name of the step');
    await name.fill('Reserve: the goods?');
    await name.press('Enter');
    await see(panel().getByText('A name cannot have these signs: : ?'));
    same('the text stays', await name.inputValue(), 'Reserve: the goods?');
    await name.fill("Reserve (Kim's) & more!");
    await see(panel().getByText('A name cannot have these signs: &'));
    await name.fill("Reserve Kim's goods!");
    await name.press('Enter');
    await see(card("Reserve_Kim's_goods!"));
  });
  await service.stop();
});
