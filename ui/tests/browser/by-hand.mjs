// A flow that people start: its inputs are drawn, Run now is a form on the page and on the phone; a run that retries says so.
import { createServer } from 'node:http';
import { designing } from './designing.mjs';
import { runScript, same, until } from './harness.mjs';
import { signedIn } from './sample.mjs';

await runScript('by-hand', async (world, step) => {
  const { call, cookie } = await signedIn(world.server);
  const person = await world.person('maker');
  const { page } = person;
  await person.context.addCookies([cookie]);
  const { button, see, panel, box } = designing(person, call);
  let flow;
  const add = async (kind, title) => {
    await panel().getByRole('button', { name: 'Add an input' }).click();
    await page.getByRole('menuitem', { name: kind, exact: true }).click();
    await panel().getByRole('textbox', { name: 'Title of the input' }).last().fill(title);
  };
  const ended = async (id) => until('the run to end', async () => {
    const run = await call('GET', `/api/runs/${id}`);
    return run.ended_at ? run : null;
  });

  await step(1, 'the inputs of a flow that is started by hand are drawn', async () => {
    await person.goto('/flows/new');
    await page.getByRole('searchbox').first().fill('manual');
    await page.getByRole('option', { name: /Manually trigger a flow/ }).or(page.getByRole('button', { name: /Manually trigger a flow/ })).first().click();
    await add('Text', 'Customer');
    await add('Number', 'Amount');
    await add('Yes or no', 'Urgent');
    await add('Date', 'Due');
    await add('Choice', 'Colour');
    await panel().getByRole('textbox', { name: 'Choices' }).fill('red, green');
    await add('File', 'Attachment');
    await panel().getByRole('checkbox', { name: 'It must be filled in' }).last().uncheck();
    await page.getByRole('textbox', { name: 'Name of the flow' }).or(page.locator('.name-input input')).first().fill('Order by hand');
    await button('Save as draft').or(button('Save draft')).first().click();
    await page.waitForURL(/\/flows\/flw_/);
    const [{ id }] = (await call('GET', '/api/flows?q=hand')).items;
    flow = id;
    const { definition } = await call('GET', `/api/flows/${flow}`);
    const { trigger } = { trigger: Object.values(definition.triggers)[0] };
    same('the kind', [trigger.type, trigger.kind], ['Request', 'Button']);
    const { properties, required } = trigger.inputs.schema;
    same('the inputs', Object.entries(properties).map(([name, own]) => [name, own.title, own.type]), [['text', 'Customer', 'string'], ['number', 'Amount', 'number'], ['boolean', 'Urgent', 'boolean'], ['date', 'Due', 'string'], ['text_1', 'Colour', 'string'], ['file', 'Attachment', 'object']]);
    same('the choices', properties.text_1.enum, ['red', 'green']);
    same('what is required', required, ['text', 'number', 'boolean', 'date', 'text_1']);
    await call('PUT', `/api/flows/${flow}`, { name: 'Order by hand', state: 'on', definition: { ...definition, actions: { Take: { type: 'Compose', inputs: '@triggerBody()', runAfter: {} } } } });
  });

  await step(2, 'Run now is a form; what is missing is said, and files go along', async () => {
    await person.goto('/flows');
    await button('More for Order by hand').click();
    await page.getByRole('menuitem', { name: 'Run now' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('textbox', { name: 'Customer' }).fill('Kim "K" Å');
    await see(dialog.getByText('Still empty: Amount, Due, Colour'));
    same('it waits', await dialog.getByRole('button', { name: 'Run now' }).isDisabled(), true);
    await dialog.getByRole('spinbutton', { name: 'Amount' }).fill('12.5');
    await dialog.getByRole('switch', { name: /Urgent|No/ }).check();
    await dialog.getByLabel('Due').fill('2026-12-24');
    await dialog.getByRole('combobox', { name: 'Colour' }).selectOption('green');
    await dialog.getByLabel('Attachment').setInputFiles({ name: 'note.txt', mimeType: 'text/plain', buffer: Buffer.from('hello') });
    await until('the file to be read', async () => (await dialog.getByText('Now: note.txt').count()) === 1);
    await dialog.getByRole('button', { name: 'Run now' }).click();
    await page.waitForURL(/\/runs\/run_/);
    const run = await ended(page.url().split('/').pop());
    same('what came', run.actions[0].outputs, { text: 'Kim "K" Å', number: 12.5, boolean: true, date: '2026-12-24', text_1: 'green', file: { name: 'note.txt', contentBytes: Buffer.from('hello').toString('base64') } });
  });

  await step(3, 'on the phone the form stands there too', async () => {
    const phone = await world.person('phone', { phone: true });
    await phone.context.addCookies([cookie]);
    await phone.goto(`/flows/${flow}?run=now`);
    const dialog = phone.page.getByRole('dialog');
    await dialog.getByRole('textbox', { name: 'Customer' }).fill('Ada');
    await dialog.getByRole('spinbutton', { name: 'Amount' }).fill('1');
    await dialog.getByLabel('Due').fill('2026-12-31');
    await dialog.getByRole('combobox', { name: 'Colour' }).selectOption('red');
    await dialog.getByRole('button', { name: 'Run now' }).click();
    await phone.page.waitForURL(/\/runs\/run_/);
    const run = await ended(phone.page.url().split('/').pop());
    same('what came', [run.status, run.actions[0].outputs.text, run.actions[0].outputs.boolean], ['Succeeded', 'Ada', false]);
    return phone;
  });

  await step(4, 'what waits for another attempt says which, when and why', async () => {
    const tired = createServer((_, answer) => answer.writeHead(503, { 'content-type': 'text/plain' }).end('pool exhausted'));
    await new Promise((done) => tired.listen(0, '127.0.0.1', done));
    const definition = {
      triggers: { manual: { type: 'Request', kind: 'Http', inputs: { schema: {} } } },
      actions: { Ask: { type: 'Http', inputs: { method: 'GET', uri: `http://127.0.0.1:${tired.address().port}/`, retryPolicy: { type: 'fixed', count: 3, interval: 'PT1H' } }, runAfter: {} } },
    };
    const { id } = await call('POST', '/api/flows', { name: 'Retries', definition });
    const { run } = await call('POST', `/api/flows/${id}/run`, {});
    await until('it to wait', async () => (await call('GET', `/api/runs/${run}`)).actions[0]?.waits_for === 'retry');
    await person.goto(`/flows/${id}/runs/${run}?step=Ask`);
    await see(page.getByText(/Retrying: attempt 2 of 4 at .*\d\d:\d\d:\d\d/));
    await see(page.getByText(/The last attempt: 503/));
    await see(page.getByText('Attempt 1 of 4', { exact: false }));
    tired.closeAllConnections();
    tired.close();
  });
});
