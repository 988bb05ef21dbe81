// The tutorial's core without a mouse: Tab, Enter, Space, arrows and typing lead from an OpenAPI file to a run.
import { dataFile, dataJson, GITHUB, OWNER, runScript, until } from './harness.mjs';

const PUSH = dataJson('github-push-payload.json');
/** More stops than any page has; whoever needs more is lost. */
const STOPS_MAX = 90;

/** Role and name of the element that has the focus, as assistive technology is told them. Runs in the page. */
function focused() {
  const element = document.activeElement;
  if (!element || element === document.body) return { role: 'none', name: '', visible: true };
  const textOf = (id) => document.getElementById(id)?.textContent ?? '';
  const labelledBy = element.getAttribute('aria-labelledby')?.split(' ').map(textOf).join(' ');
  const name = element.getAttribute('aria-label') || labelledBy || element.labels?.[0]?.textContent || element.innerText || '';
  const box = element.getBoundingClientRect();
  return {
    role: element.getAttribute('role') ?? { A: 'link', BUTTON: 'button', SELECT: 'combobox', TEXTAREA: 'textbox', INPUT: 'textbox' }[element.tagName] ?? element.tagName.toLowerCase(),
    name: name.replace(/\*$/, '').trim(),
    // The component library hands the focus on from its own marks at the ends of a group.
    visible: (box.width > 0 && box.height > 0) || element.hasAttribute('data-tabster-dummy'),
  };
}

await runScript('keyboard', async (world, step) => {
  const { github } = world;
  const ada = await world.person('ada');
  const { page } = ada;
  const { keyboard } = page;
  const see = (locator) => locator.first().waitFor({ state: 'visible' });
  const say = (text) => see(page.getByText(text));
  const heading = (name) => see(page.getByRole('heading', { name, exact: true }));
  const now = () => page.evaluate(focused);
  const is = (held, name, role) => (typeof name === 'string' ? held.name === name : name.test(held.name)) && (!role || held.role === role);

  /** Presses Tab until something of this name has the focus; every stop on the way must be one that can be seen. */
  const tabTo = async (name, { role, key = 'Tab' } = {}) => {
    const passed = [];
    for (let stop = 0; stop < STOPS_MAX; stop += 1) {
      const held = await now();
      if (!held.visible) throw new Error(`Tab leads to something that cannot be seen: ${held.role} "${held.name}"`);
      if (is(held, name, role)) return;
      passed.push(`${held.role} "${held.name.slice(0, 30)}"`);
      await keyboard.press(key);
    }
    throw new Error(`Tab never leads to ${name}. It passed: ${passed.join(', ')}`);
  };
  const press = async (name, options) => {
    await tabTo(name, options);
    await keyboard.press('Enter');
  };
  const write = async (name, text, options) => {
    await tabTo(name, options);
    await keyboard.press('Control+A');
    await keyboard.type(text);
  };
  /** Chooses from an open menu. */
  const item = async (name) => {
    await until('the menu', async () => (await now()).role === 'menuitem');
    for (let stop = 0; stop < 12 && !is(await now(), name); stop += 1) await keyboard.press('ArrowDown');
    await keyboard.press('Enter');
  };
  /** Goes down from a search field to a result. */
  const result = async (name) => {
    await see(page.getByRole('button', { name }));
    for (let stop = 0; stop < 20 && !is(await now(), name); stop += 1) await keyboard.press('ArrowDown');
    await keyboard.press('Enter');
  };
  const go = async (place) => {
    await page.evaluate(() => document.activeElement?.blur());
    await press(place, { role: 'link' });
  };

  await step(1, 'the owner account', async () => {
    await page.goto(world.server.setup);
    await heading('Create the owner account');
    await write('Name', OWNER.name);
    await write('E-mail', OWNER.email);
    await write('Password', OWNER.password);
    await keyboard.press('Enter');
    await heading('Home');
  });

  await step(2, 'the first stop leads past the navigation', async () => {
    await page.evaluate(() => document.activeElement?.blur());
    await keyboard.press('Tab');
    const first = await now();
    if (!/^Skip to/.test(first.name) || !first.visible) throw new Error(`the first stop is ${JSON.stringify(first)}`);
    await keyboard.press('Enter');
  });

  await step(3, 'a connector is imported and made', async () => {
    await go('Custom connectors');
    await heading('No custom connector yet');
    await press('Create custom connector');
    await item('Import OpenAPI');
    // A dialog takes the focus when it is there.
    await until('the dialog to have the focus', () => page.evaluate(() => document.activeElement?.closest('[role=dialog]') !== null));
    let chooser = null;
    const tried = [];
    for (let turn = 0; turn < 5 && !chooser; turn += 1) {
      await tabTo('OpenAPI file');
      const shown = page.waitForEvent('filechooser', { timeout: 10_000 }).catch(() => null);
      await keyboard.press('Space');
      chooser = await shown;
      if (!chooser) tried.push(JSON.stringify(await now()));
    }
    if (!chooser) throw new Error(`Space on the file field opened no chooser; the focus was on ${tried.join(', ')}`);
    await chooser.setFiles(dataFile('github-webhook-sample.swagger.json'));
    await say('3 operations, 1 trigger');
    await tabTo('Scheme');
    await keyboard.press('ArrowDown');
    await write('Host', github.host);
    await press('Continue');
    await tabTo('Authentication type');
    await keyboard.type('Basic');
    await see(page.getByLabel('Parameter label of the user name'));
    await press('Create connector');
    await see(page.getByText(/^The connector was created/));
  });

  await step(4, 'a trigger with a connection', async () => {
    await go('My flows');
    await heading('No flow yet');
    await press('Create from blank');
    await see(page.getByRole('searchbox', { name: 'Search triggers and actions' }));
    await until('the search to have the focus', async () => /Search/.test((await now()).name));
    await keyboard.type('push event');
    await result(/PUSH event/);
    await heading('New connection');
    await write('Connection name', 'My GitHub');
    await write('User name', GITHUB.user);
    await write('Password', GITHUB.token);
    await keyboard.press('Enter');
    await see(page.getByRole('textbox', { name: 'owner' }));
    await write('owner', 'octocat');
    await write('repo', 'Hello-World');
  });

  await step(5, 'an action with dynamic content', async () => {
    await press(/New step/, { key: 'Shift+Tab' });
    await item('Add an action');
    await until('the search to have the focus', async () => /Search/.test((await now()).name));
    await keyboard.type('push');
    await result(/^Send me a mobile notification/);
    await see(page.getByRole('textbox', { name: 'Text' }));
    await tabTo('Text', { role: 'textbox' });
    await keyboard.type('Pushed by ');
    await press(/^Pusher name/, { role: 'button' });
    await see(page.getByRole('textbox', { name: 'Text' }).getByText('Pusher name'));
  });

  await step(6, 'the flow is named and made', async () => {
    await write('Name of the flow', 'Pushes', { key: 'Shift+Tab' });
    await press('Create flow');
    await heading('Pushes');
    await until('the webhook', () => github.hooks().length === 1);
  });

  await step(7, 'a push becomes a run, seen card by card', async () => {
    await go('My flows');
    await press('Run history: Pushes');
    await heading('Run history of Pushes');
    await github.send(github.hooks()[0], 'push', PUSH);
    await see(page.getByRole('row').filter({ hasText: 'Succeeded' }).filter({ hasNotText: 'Create webhook' }));
    await page.evaluate(() => document.activeElement?.blur());
    await tabTo(/^(now|\d+ seconds? ago)/, { role: 'link' });
    await keyboard.press('Enter');
    await heading('Pushes · Run');
    await tabTo(/Triggers when a PUSH/, { role: 'button' });
    await keyboard.press('ArrowDown');
    await until('the next card to have the focus', async () => /Send me a mobile notification/.test((await now()).name));
    await keyboard.press('Enter');
    await say(`Pushed by ${PUSH.pusher.name}`);
  });
});
