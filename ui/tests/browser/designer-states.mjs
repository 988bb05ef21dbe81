// The designer when things go wrong, and by keys and ears alone: no network, a server in trouble, a session that ends, a refusal; waiting for a real run; moving, copying between flows, undo.
import { designing } from './designing.mjs';
import { OWNER, runScript, same, until } from './harness.mjs';
import { signedIn, startService } from './sample.mjs';

const compose = (inputs, after) => ({ type: 'Compose', inputs, runAfter: after ? { [after]: ['Succeeded'] } : {} });
const definition = {
  triggers: { manual: { type: 'Request', kind: 'Http', inputs: { schema: {} } } },
  actions: {
    First: compose("@triggerBody()?['name']"),
    Group: { type: 'Scope', actions: { Inner: compose('inner') }, runAfter: { First: ['Succeeded'] } },
    Last: compose("@outputs('First')", 'Group'),
  },
};

await runScript('designer-states', async (world, step) => {
  await startService();
  const { call, cookie } = await signedIn(world.server);
  const person = await world.person('maker');
  const { page, context } = person;
  await context.addCookies([cookie]);
  const at = designing(person, call);
  const { button, box, card, see, panel, openCard, choose, picker } = at;
  const flow = (await call('POST', '/api/flows', { name: 'Careful', definition, connections: {} })).id;
  const other = (await call('POST', '/api/flows', { name: 'Other', definition: { triggers: definition.triggers, actions: { Only: compose('only') } }, connections: {} })).id;
  const stored = () => at.definition(flow);
  const heard = (text) => until(`to hear "${text}"`, async () => (await page.locator('[data-heard]').innerText()).includes(text));
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute('data-card'));
  const saving = `**/api/flows/${flow}`;

  await step(1, 'without a network nothing is lost, and it is saved on demand when it is back', async () => {
    await person.goto(`/flows/${flow}/edit`);
    await openCard('Last');
    await context.setOffline(true);
    await box('Inputs').click();
    await page.keyboard.press('End');
    await page.keyboard.type(' offline');
    await until('the change to be kept', () => page.evaluate((key) => localStorage.getItem(key)?.includes(' offline'), `hookmill-draft:${flow}`));
    await button('Save').click();
    await see(page.getByText('Your changes are kept in this browser; nothing is lost.'));
    await context.setOffline(false);
    await see(page.getByText('The server answers again.'));
    await button('Save now').click();
    await see(page.getByText('Saved.'));
    same('what is stored', (await stored()).actions.Last.inputs, "@{outputs('First')} offline");
    same('what is kept', await page.evaluate((key) => localStorage.getItem(key), `hookmill-draft:${flow}`), null);
  });
  await step(2, 'a server in trouble: said, and tried again', async () => {
    await box('Inputs').click();
    await page.keyboard.press('End');
    await page.keyboard.type(' again');
    await page.route(saving, (route) => (route.request().method() === 'PUT' ? route.fulfill({ status: 503, contentType: 'application/problem+json', body: JSON.stringify({ status: 503, code: 'unavailable', title: 'The server is starting.' }) }) : route.continue()));
    await button('Save').click();
    await see(page.getByRole('alert').getByText('Not saved.'));
    same('what is in the field', (await box('Inputs').innerText()).endsWith('again'), true);
    await page.unroute(saving);
    await button('Save now').click();
    await see(page.getByText('Saved.'));
    same('what is stored', (await stored()).actions.Last.inputs, "@{outputs('First')} offline again");
  });
  await step(3, 'a refusal leads to the card that is refused', async () => {
    await box('Inputs').click();
    await page.keyboard.type('x');
    await page.route(saving, (route) =>
      route.request().method() === 'PUT'
        ? route.fulfill({ status: 422, contentType: 'application/problem+json', body: JSON.stringify({ status: 422, code: 'definition_invalid', title: 'The definition has faults.', diagnostics: [{ severity: 'error', code: 'x', pointer: '/actions/Group/actions/Inner/inputs', message: 'Inner is refused.' }] }) })
        : route.continue(),
    );
    await button('Save').click();
    await see(page.getByText('Inner is refused.'));
    await until('the card to be open', async () => (await panel().getByRole('textbox', { name: 'Name of the step' }).inputValue()) === 'Inner');
    await page.unroute(saving);
    await button('Undo').click();
  });
  await step(4, 'errors do not keep one from saving: the flow becomes a draft', async () => {
    await openCard('First');
    await page.getByRole('tab', { name: 'Code view' }).click();
    await panel().locator('.cm-content').click();
    await page.keyboard.press('Control+A');
    await page.keyboard.insertText(JSON.stringify(compose("@outputs('Nobody')")));
    await button('Apply').click();
    await until('saving to be refused', () => button('Save').isDisabled());
    await button('Save as draft').click();
    await see(page.getByText('Saved as a draft.'));
    same('the state', (await call('GET', `/api/flows/${flow}`)).state, 'draft');
    await button('Undo').click();
    await button('Create flow').click();
    await see(page.getByText('Saved.'));
    same('the state', (await call('GET', `/api/flows/${flow}`)).state, 'on');
  });
  await step(5, 'a session that ends: after signing in the same draft goes on', async () => {
    await openCard('Last');
    await box('Inputs').click();
    await page.keyboard.press('End');
    await context.clearCookies();
    // The check of what is typed is the next that is asked; it is refused.
    await page.keyboard.insertText(' later');
    await page.getByLabel(/^E-mail/).fill(OWNER.email);
    await page.getByLabel(/^Password/).fill(OWNER.password);
    await button('Sign in').click();
    await page.waitForURL(/\/edit/);
    await see(page.getByText('Your changes from before signing in are back.'));
    await button('Save').click();
    await see(page.getByText('Saved.'));
    await until('it to be stored', async () => {
      const answer = await page.evaluate((id) => fetch(`/api/flows/${id}`).then((one) => one.json()), flow);
      return answer.definition.actions.Last.inputs.endsWith(' later');
    });
  });
  await step(6, 'a change of somebody else, and a draft from before it: both are merged', async () => {
    const session = await context.cookies();
    const asked = (method, path, body, headers) => page.evaluate(async ([verb, to, text, more]) => {
      const { csrf_token: csrf } = await fetch('/api/session').then((answer) => answer.json());
      const answer = await fetch(to, { method: verb, headers: { 'content-type': 'application/json', 'x-csrf-token': csrf, ...more }, body: text });
      return answer.json();
    }, [method, path, JSON.stringify(body), headers]);
    same('signed in', session.length > 0, true);
    await openCard('Last');
    await box('Inputs').click();
    await page.keyboard.press('End');
    await page.keyboard.type(' mine');
    await until('the change to be kept', () => page.evaluate((key) => localStorage.getItem(key)?.includes(' mine'), `hookmill-draft:${flow}`));
    const before = await page.evaluate((id) => fetch(`/api/flows/${id}`).then((one) => one.json()), flow);
    const theirs = structuredClone(before.definition);
    theirs.actions.Group.actions.Inner.inputs = 'theirs';
    await asked('PUT', `/api/flows/${flow}`, { name: before.name, definition: theirs, connections: {} }, { 'if-match': before.etag });
    page.once('dialog', (dialog) => void dialog.accept());
    await page.reload();
    await button('Restore them').click();
    await button('Save').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Merge both' }).click();
    await see(page.getByText('Saved.'));
    const both = (await page.evaluate((id) => fetch(`/api/flows/${id}`).then((one) => one.json()), flow)).definition;
    same('both', [both.actions.Group.actions.Inner.inputs, both.actions.Last.inputs.endsWith(' mine')], ['theirs', true]);
  });
  await step(7, 'waiting for a real run ends when one wants; when it comes it is shown on the cards', async () => {
    await button('Test').click();
    await panel().getByRole('radio', { name: 'Wait for a real one' }).check();
    await see(panel().getByText(/Waiting for the next run/));
    await button('Stop waiting').click();
    await see(panel().getByText('Not waiting any more.'));
    await button('Wait again').click();
    await see(panel().getByText(/Waiting for the next run/));
    const address = await panel().getByRole('textbox', { name: 'Address that is waited at' }).inputValue();
    // The watch first looks what was there before.
    await page.waitForResponse((response) => response.url().includes('/api/runs?') && response.ok());
    await fetch(address, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"name":"Ada","lines":[{"article":"chair"}]}' });
    await see(page.getByText('The run on the cards:'));
    await see(card('Last').getByText('Succeeded'));
    await see(panel().getByText('It came: the run is shown on the cards.'));
    await button('Close', true).first().click();
  });
  await step(8, 'data of that run is offered as tokens, marked so; those of lists lead to a loop', async () => {
    await person.goto(`/flows/${flow}/edit`);
    await openCard('Last');
    await box('Inputs').click();
    const article = picker().getByRole('button', { name: /^Lines article/ });
    await see(article.getByText('Sample'));
    await article.click();
    await page.getByRole('dialog').getByRole('button', { name: 'Apply to each' }).click();
    await see(card('Apply_to_each'));
    await see(box('Inputs').locator('.token').getByText('Lines article'));
    same('broken tokens', await page.locator('.token.broken').count(), 0);
    await button('Undo').click();
    await button('Undo').click();
    await card('Apply_to_each').waitFor({ state: 'detached' });
    await heard('Undone');
  });
  await step(9, 'moved by keys: behind, into and out of a container; each is heard', async () => {
    await card('First').focus();
    await page.keyboard.press('Alt+ArrowRight');
    await heard('First moved into Group');
    await until('the focus to stay on the card', async () => (await focused()) === 'First');
    await page.keyboard.press('Alt+ArrowDown');
    await heard('First moved behind Inner');
    await page.keyboard.press('Alt+ArrowLeft');
    await heard('First moved behind Group');
    await page.keyboard.press('Alt+ArrowUp');
    await heard('First moved to the beginning');
    await page.keyboard.press('Alt+ArrowUp');
    await heard('First cannot be moved there');
    await page.keyboard.press('F2');
    await page.keyboard.type('Very first');
    await page.keyboard.press('Enter');
    await see(card('Very_first'));
    await card('Very_first').focus();
    await page.keyboard.press('Control+d');
    await heard('Very first 2 pasted');
    await card('Very_first_2').focus();
    await page.keyboard.press('Delete');
    await heard('Very first 2 deleted');
    await page.keyboard.press('Control+z');
    await heard('Undone: Very first 2 added');
    await page.keyboard.press('Control+y');
    await heard('Done again: Very first 2 removed');
    await page.keyboard.press('?');
    await see(page.getByRole('dialog').getByText('Move the card out of its container'));
    await page.keyboard.press('Escape');
  });
  await step(10, 'several cards chosen by keys, copied as JSON text, pasted into another flow', async () => {
    await card('Group').focus();
    await page.keyboard.press('Shift+Space');
    await card('Last').focus();
    await page.keyboard.press('Shift+Space');
    await heard('2 cards chosen');
    await page.keyboard.press('Control+c');
    await heard('copied');
    const text = await page.evaluate(() => navigator.clipboard.readText());
    same('the clipboard', Object.keys(JSON.parse(text).actions), ['Group', 'Last']);
    page.once('dialog', (dialog) => void dialog.accept());
    await person.goto(`/flows/${other}/edit`);
    await card('Only').focus();
    await page.keyboard.press('Control+v');
    await heard('Group, Last pasted');
    await see(card('Inner'));
    await button('Undo').click();
    await card('Inner').waitFor({ state: 'detached' });
    // The same text through the menu, as somebody sends it in a message.
    await button('New step').click();
    await choose('Paste JSON …');
    await page.getByRole('dialog').getByRole('textbox').fill(text);
    await page.getByRole('dialog').getByRole('button', { name: 'Insert', exact: true }).click();
    await see(card('Inner'));
  });
  await step(11, 'undo reaches the name of the flow too', async () => {
    await box('Name of the flow').fill('Another name');
    await button('Undo').click();
    await heard('name of the flow');
    same('the name', await box('Name of the flow').inputValue(), 'Other');
    await button('Redo').click();
    same('the name', await box('Name of the flow').inputValue(), 'Another name');
  });
});
