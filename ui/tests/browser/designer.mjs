// The designer by clicks and keys: a flow with a condition, a loop, a scope whose failure is handled, and an expression; its run, its history.
import { designing } from './designing.mjs';
import { runScript, same, until } from './harness.mjs';
import { signedIn, startService } from './sample.mjs';

const SCHEMA = {
  type: 'object',
  properties: {
    number: { type: 'string', title: 'Order number' },
    priority: { type: 'string', title: 'Priority' },
    items: { type: 'array', title: 'Items', items: { type: 'object', properties: { article: { type: 'string', title: 'Article' }, count: { type: 'integer', title: 'Count' } } } },
  },
};
const ORDER = { number: '2026-7', priority: 'high', items: [{ article: 'chair', count: 4 }, { article: 'table', count: 1 }, { article: 'lamp', count: 2 }, { article: 'shelf', count: 3 }] };

await runScript('designer', async (world, step) => {
  const service = await startService();
  const { call, cookie } = await signedIn(world.server);
  const person = await world.person('maker');
  const { page } = person;
  await person.context.addCookies([cookie]);
  const { button, box, card, openCard, see, panel, choose, search, pick, plusBefore, picker, token, definition, code: codeOf } = designing(person, call);
  let flow;

  await step(1, 'a flow from blank begins with the trigger', async () => {
    await person.goto('/flows/new');
    await button('When a web request is received', false).click();
    await page.getByRole('textbox', { name: 'Request body schema' }).fill(JSON.stringify(SCHEMA));
    await box('Name of the flow').fill('Reserve goods');
  });
  await step(2, 'a condition with a token', async () => {
    await button('New step').click();
    await page.getByRole('menuitem', { name: 'Add a condition' }).waitFor();
    same('what the menu is drawn in covers the page', await page.evaluate(() => [...document.querySelectorAll('[data-portal-node]')].some((node) => node.clientHeight > 0)), false);
    await choose('Add a condition');
    await token(box('Choose a value'), 'Priority');
    await box('Choose a value to compare with').fill('high');
    await see(card('Condition').getByText('priority is equal to high'));
  });
  await step(3, 'an expression: completion, documentation, a try, a chip', async () => {
    await page.getByRole('button', { name: 'New step' }).first().click();
    await choose('Add an action');
    await pick('compose', 'Compose');
    await box('Inputs').click();
    await picker().getByRole('tab', { name: 'Expression' }).click();
    const editor = picker().locator('.cm-content');
    await editor.click();
    await page.keyboard.type('toUp');
    await see(page.locator('.cm-tooltip-autocomplete').getByText('toUpper'));
    // The list ignores keys for a moment, so that nobody chooses by accident.
    await page.waitForTimeout(150);
    await page.keyboard.press('Enter');
    await page.keyboard.type("'urgent'");
    await see(picker().getByText('toUpper(text)'));
    await see(picker().getByRole('status').getByText('URGENT', { exact: true }));
    await picker().getByRole('button', { name: 'Insert', exact: true }).click();
    await see(box('Inputs').getByText(/toUpper/));
  });
  await step(4, 'a scope, and in it an action that a token of a list puts into a loop', async () => {
    await page.getByRole('button', { name: 'New step' }).last().click();
    await choose('Add a scope');
    // The button inside of the scope is the one before the last.
    await page.getByRole('button', { name: 'New step' }).nth(-2).click();
    await choose('Add an action');
    await pick('http', 'HTTP');
    await page.getByRole('combobox', { name: 'Method' }).selectOption('POST');
    await box('URI').fill(`http://${service.address}/stock`);
    await token(box('Body'), 'Article');
    await page.getByRole('dialog').getByRole('button', { name: 'Apply to each' }).click();
    await see(card('Apply_to_each'));
    await see(box('Body').getByText('Article'));
    await until('the expression of the item', async () => (await codeOf()).includes("@items('Apply_to_each')?['article']"));
  });
  await step(5, 'undo takes the loop away, redo brings it back', async () => {
    await button('Undo').click();
    await button('Undo').click();
    await card('Apply_to_each').waitFor({ state: 'detached' });
    await button('Redo').click();
    await button('Redo').click();
    await see(card('Apply_to_each'));
  });
  await step(6, 'one after the other, and a name that references follow', async () => {
    await openCard('Apply_to_each');
    await page.getByRole('tab', { name: 'Settings' }).click();
    await page.getByRole('checkbox', { name: 'Limit how many run at once' }).check();
    await page.getByRole('spinbutton', { name: 'Degree of parallelism' }).fill('1');
    await box('Name of the step').fill('For each item');
    await page.keyboard.press('Enter');
    await see(card('For_each_item'));
    await openCard('HTTP');
    await until('the reference to follow', async () => (await codeOf()).includes("@items('For_each_item')?['article']"));
  });
  await step(7, 'an action that runs when the scope has failed', async () => {
    await page.getByRole('button', { name: 'New step' }).last().click();
    await choose('Add an action');
    await pick('mobile', 'Send me a mobile notification');
    await box('Text').click();
    await page.keyboard.type('Out of stock: order ');
    await token(box('Text'), 'Order number');
    await page.getByRole('tab', { name: 'Run after' }).click();
    await page.getByRole('group', { name: '“Scope”' }).getByRole('checkbox', { name: 'has failed' }).check();
    await page.getByRole('group', { name: '“Scope”' }).getByRole('checkbox', { name: 'is successful' }).uncheck();
    await see(page.getByText('after a failure'));
  });
  await step(8, 'Create flow', async () => {
    await button('Create flow').click();
    await see(page.getByRole('heading', { name: 'Reserve goods' }));
    await page.waitForURL(/flows\/flw_\w+$/);
    flow = /flows\/(flw_\w+)/.exec(page.url())?.[1];
    const stored = await definition(flow);
    same('the condition', stored.actions.Condition.expression, { and: [{ equals: ["@triggerBody()?['priority']", 'high'] }] });
    same('the expression', stored.actions.Condition.actions.Compose.inputs, "@toUpper('urgent')");
    same('the loop', stored.actions.Scope.actions.For_each_item.foreach, "@triggerBody()?['items']");
    same('the handler', stored.actions.Send_me_a_mobile_notification.runAfter, { Scope: ['Failed'] });
  });
  await step(9, 'a test with JSON is shown live on the cards', async () => {
    await person.goto(`/flows/${flow}/edit`);
    await button('Test').click();
    const editor = panel().locator('.cm-content');
    await editor.click();
    await page.keyboard.press('Control+A');
    await page.keyboard.insertText(JSON.stringify(ORDER));
    await panel().getByRole('button', { name: 'Run', exact: true }).click();
    await see(page.getByText('The run on the cards:'));
    await see(card('Scope').getByText('Failed'));
    await see(card('Send_me_a_mobile_notification').getByText('Succeeded'));
    await see(card('Compose').getByText('Succeeded'));
  });
  await step(10, 'the history of the third repetition', async () => {
    await page.getByRole('link', { name: 'Open the run' }).click();
    await see(page.getByRole('heading', { name: 'Reserve goods · Run' }));
    await openCard('HTTP');
    await button('Next failed').or(button('Next failed repetition')).click();
    await see(page.getByText(/3 of 4|3 \/ 4/));
    await see(page.getByText('lamp'));
    await see(page.getByText(/409/));
  });
  await step(11, 'the keyboard alone: go along the lines, open, insert, delete, search', async () => {
    await person.goto(`/flows/${flow}/edit`);
    await card('$trigger').focus();
    const at = () => page.evaluate(() => document.activeElement?.getAttribute('data-card'));
    for (const [key, expected] of [['ArrowDown', 'Condition'], ['ArrowDown', 'Compose'], ['ArrowDown', 'Scope'], ['ArrowDown', 'For_each_item'], ['ArrowDown', 'HTTP'], ['ArrowUp', 'For_each_item'], ['ArrowDown', 'HTTP'], ['ArrowDown', 'Send_me_a_mobile_notification']]) {
      await page.keyboard.press(key);
      await until(`${key} to lead to ${expected}`, async () => (await at()) === expected);
    }
    await page.keyboard.press('Enter');
    await see(box('Text'));
    await card('Send_me_a_mobile_notification').focus();
    await page.keyboard.press('Insert');
    await search.waitFor();
    await page.keyboard.type('delay until');
    await see(button('Delay until', false));
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await see(card('Delay_until'));
    await card('Delay_until').focus();
    await page.keyboard.press('Delete');
    await card('Delay_until').waitFor({ state: 'detached' });
    await page.keyboard.press('Control+k');
    await search.waitFor();
    await page.keyboard.type('http');
    await page.getByRole('region', { name: 'In this flow' }).getByRole('button', { name: 'HTTP' }).click();
    await see(box('URI'));
  });
  await step(12, 'copy, paste, several cards, a scope around them', async () => {
    await card('Send_me_a_mobile_notification').focus();
    await page.keyboard.press('Control+c');
    await page.keyboard.press('Control+v');
    await see(card('Send_me_a_mobile_notification_2'));
    await openCard('Send_me_a_mobile_notification');
    await card('Send_me_a_mobile_notification_2').click({ modifiers: ['Shift'] });
    await see(page.getByText('2 cards chosen'));
    await page.getByRole('toolbar', { name: '2 cards chosen' }).getByRole('button', { name: 'Put into a scope' }).click();
    await see(card('Scope_2'));
    await page.keyboard.press('Escape');
    await button('Undo').click();
    await button('Undo').click();
    await card('Send_me_a_mobile_notification_2').waitFor({ state: 'detached' });
    // Dropped on a plus, a card moves there with what follows closing the gap.
    await button('Show the whole flow').click();
    const top = async (name) => (await card(name).boundingBox())?.y ?? 0;
    await card('Compose').dragTo(page.getByRole('button', { name: 'Insert a step before: Scope' }));
    await until('the card to be outside of the condition', async () => (await top('Compose')) > (await top('Condition')) && (await top('Compose')) < (await top('Scope')) && (await page.getByRole('button', { name: 'Insert a step before: Compose' }).count()) === 1);
    await button('Undo').click();
  });
  await step(13, 'a parallel branch, and a token whose source is gone', async () => {
    await plusBefore('Send me a mobile notification');
    await choose('Add a parallel branch');
    await pick('delay', 'Delay until');
    await see(card('Delay_until'));
    await plusBefore('Scope');
    await choose('Add an action');
    await pick('compose', 'Compose');
    await see(card('Compose_2'));
    await box('Inputs').fill('a text');
    await openCard('Send_me_a_mobile_notification');
    await box('Text').click();
    await picker().getByRole('region', { name: 'Compose 2' }).getByRole('button', { name: 'Outputs' }).click();
    await see(box('Text').locator('.token').getByText('Outputs'));
    same('broken tokens', await page.locator('.token.broken').count(), 0);
    await card('Compose_2').focus();
    await page.keyboard.press('Delete');
    await openCard('Send_me_a_mobile_notification');
    await see(page.locator('.token.broken'));
    await openCard('HTTP');
    await button('Flow checker', false).click();
    await panel().getByRole('button', { name: /Send me a mobile notification.*Compose_2/s }).first().click();
    await see(page.locator('.token.broken'));
  });
  await step(14, 'leaving with changes is asked about; what was not saved is kept', async () => {
    await page.getByRole('navigation', { name: 'Main navigation' }).getByRole('link', { name: 'My flows' }).click();
    await page.getByRole('dialog').getByText('Leave without saving?').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    await see(card('Delay_until'));
    await until('the changes to be kept', () => page.evaluate((key) => localStorage.getItem(key)?.includes('Delay_until'), `hookmill-draft:${flow}`));
    page.once('dialog', (dialog) => void dialog.accept());
    await page.reload();
    await button('Restore them').click();
    await see(card('Delay_until'));
    await button('Undo').click();
    await card('Delay_until').waitFor({ state: 'detached' });
  });
  await step(15, 'two editors at once: both changes are merged', async () => {
    const stored = await call('GET', `/api/flows/${flow}`);
    const theirs = structuredClone(stored.definition);
    theirs.actions.Condition.expression.and[0].equals[1] = 'urgent';
    await call('PUT', `/api/flows/${flow}`, { name: stored.name, definition: theirs, connections: {} }, { 'if-match': stored.etag });
    await openCard('HTTP');
    await page.getByRole('combobox', { name: 'Method' }).selectOption('PUT');
    await button('Save').click();
    await see(page.getByRole('dialog').getByText('Someone else changed this flow'));
    await page.getByRole('dialog').getByText('Condition').first().click();
    await see(page.getByRole('dialog').locator('pre').getByText('urgent').or(page.getByRole('dialog').locator('pre').filter({ hasText: 'urgent' })));
    await page.getByRole('dialog').getByRole('button', { name: 'Merge both' }).click();
    await see(page.getByText('Saved.'));
    const both = await definition(flow);
    same('theirs', both.actions.Condition.expression.and[0].equals[1], 'urgent');
    same('mine', both.actions.Scope.actions.For_each_item.actions.HTTP.inputs.method, 'PUT');
  });
  await step(16, 'the whole flow as code', async () => {
    await button('Code view').click();
    await page.waitForURL(/view=code/);
    await see(page.locator('.cm-content').getByText('"Condition"'));
    await button('Designer').click();
    await see(card('Condition'));
  });
});
