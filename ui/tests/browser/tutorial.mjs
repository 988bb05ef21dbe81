// The tutorial by clicks and typing: from an OpenAPI file to a phone that buzzes, and back to nothing.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dataFile, dataJson, GITHUB, OWNER, png, runScript, same, until } from './harness.mjs';

const PUSH = dataJson('github-push-payload.json');
const COMMIT_URL = PUSH.head_commit?.url ?? '';
const PUSH_TEXT = `${PUSH.pusher.name} pushed to ${PUSH.repository.name}: ${COMMIT_URL}`;
const PULL_REQUEST = { action: 'opened', number: 7, pull_request: { url: 'https://api.example/pulls/7', html_url: 'https://example/pulls/7', user: { login: 'hubot', id: 9 } } };

await runScript('tutorial', async (world, step) => {
  const { github } = world;
  const ada = await world.person('ada');
  const { page } = ada;
  const button = (name, exact = true) => page.getByRole('button', { name, exact });
  const link = (name, exact = true) => page.getByRole('link', { name, exact });
  const heading = (name) => page.getByRole('heading', { name, exact: true });
  // The star of a required field belongs to its label.
  const labelled = (name) => new RegExp(`^${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\*?$`);
  const field = (name) => page.getByLabel(labelled(name));
  /** A card on the canvas. */
  const card = (name) => page.getByRole('region', { name: /^(The flow|The run)/ }).getByRole('button', { name });
  const nav = (name) => page.getByRole('navigation', { name: 'Main navigation' }).getByRole('link', { name });
  const see = (locator) => locator.first().waitFor({ state: 'visible' });
  const row = (name) => page.getByRole('row').filter({ has: page.getByRole('link', { name, exact: true }) });
  const say = (text) => see(page.getByText(text));
  /** The chip of a parameter; behind the name stands what is special about it. */
  const chip = (name) => page.getByRole('button', { name: new RegExp(`^Edit parameter ${name.replaceAll('.', '\\.')}( |$)`) });
  const choose = async (control, file) => {
    const [chooser] = await Promise.all([page.waitForEvent('filechooser'), control.click()]);
    await chooser.setFiles(file);
  };
  let calls = 0;
  /** The calls at the stand-in since this was asked last. */
  const newCalls = () => {
    const lines = github.lines(calls);
    calls = github.calls.length;
    return lines;
  };
  const openRun = async (flow, name) => {
    await nav('My flows').click();
    await button(`Run history: ${flow}`).click();
    await see(heading(`Run history of ${flow}`));
    await page.getByRole('row').filter({ hasText: name }).getByRole('link').first().click();
  };

  await step(1, 'the printed address leads to the set-up', async () => {
    await page.goto(world.server.setup);
    await see(heading('Create the owner account'));
    same('the token is filled in', (await field('Set-up token').inputValue()).length > 20, true);
  });

  await step(2, 'the owner account is made; home offers a guided start', async () => {
    await field('Name').fill(OWNER.name);
    await field('E-mail').fill(OWNER.email);
    await field('Password').fill(OWNER.password);
    await button('Create account').click();
    await see(heading('Home'));
    await see(heading('Your first webhook flow in two minutes'));
  });

  await step(3, 'custom connectors are empty and offer to make one', async () => {
    await nav('Settings').click();
    await see(heading('Settings'));
    await page.getByRole('main').getByRole('link', { name: 'Custom connectors' }).click();
    await see(heading('No custom connector yet'));
    await see(button('Create custom connector'));
  });

  await step(4, 'an OpenAPI file is imported', async () => {
    await button('Create custom connector').click();
    await page.getByRole('menuitem', { name: 'Import OpenAPI' }).click();
    await choose(page.getByRole('dialog').getByLabel('OpenAPI file'), dataFile('github-webhook-sample.swagger.json'));
    await say('3 operations, 1 trigger');
    same('the name', await field('Name').inputValue(), 'GitHub');
    same('the host', await field('Host').inputValue(), 'api.github.com');
  });

  await step(5, 'icon and host are set', async () => {
    const icon = join(world.folder, 'icon.png');
    writeFileSync(icon, png());
    await choose(button('Upload icon'), icon);
    await see(page.getByRole('img', { name: 'Icon' }));
    await field('Scheme').selectOption('http');
    await field('Host').fill(github.host);
  });

  await step(6, 'security has OAuth 2.0 from the file', async () => {
    await button('Continue').click();
    await see(page.getByRole('tab', { name: '2. Security', selected: true }));
    same('the type', await field('Authentication type').inputValue(), 'oauth2');
  });

  await step(7, 'basic authentication with labels', async () => {
    await field('Authentication type').selectOption({ label: 'Basic authentication' });
    await page.getByLabel('Parameter label of the user name').fill('User name');
    await page.getByLabel('Parameter label of the password').fill('Password');
  });

  await step(8, 'the connector is in the list, with its icon', async () => {
    await button('Create connector').last().click();
    await see(page.getByText(/^The connector was created/));
    await link('Custom connectors').first().click();
    await see(heading('Custom connectors'));
    await see(row('GitHub'));
    await until('the icon to be loaded', () => row('GitHub').locator('img').evaluate((image) => image.complete && image.naturalWidth === 64));
  });

  await step(9, 'a new trigger is begun', async () => {
    await link('GitHub').click();
    await page.getByRole('tab', { name: '3. Definition' }).click();
    await button('New trigger').click();
    await see(field('Summary'));
    same('the summary', await field('Summary').inputValue(), '');
  });

  await step(10, 'its validation asks for a request', async () => {
    await field('Summary').fill('When a pull request is made');
    await field('Operation ID').fill('pull-request-trigger');
    await field('Description').fill('Tells when somebody opens a pull request.');
    await say('Add a request: import one from a sample.');
  });

  await step(11, 'the request is imported from a sample', async () => {
    await button('Request: Import from sample').click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Verb').selectOption('POST');
    await dialog.getByLabel('URL', { exact: true }).fill(`${github.url}/repos/{owner}/{repo}/hooks`);
    await dialog.getByLabel('Headers').fill('Content-Type: application/json\nAuthorization: Basic b2N0b2NhdDp0b2tlbg==');
    await dialog.getByLabel('Body').fill(JSON.stringify({ name: 'web', active: true, events: ['pull_request'], config: { url: 'https://example.com/webhook', content_type: 'json' } }));
    await dialog.getByRole('button', { name: 'Import' }).click();
    await dialog.waitFor({ state: 'hidden' });
    for (const name of ['owner', 'repo', 'config.url', 'config.content_type', 'events', 'active', 'name']) await see(page.getByRole('button', { name: new RegExp(`^Edit parameter ${name.replace('.', '[.]')}( |$)`) }));
    await say(/authorization/i);
    await say(/content-type/i);
  });

  await step(12, 'the content is imported from a sample', async () => {
    await button('Webhook response: Import from sample').click();
    const dialog = page.getByRole('dialog');
    const { url, html_url, user } = PULL_REQUEST.pull_request;
    await dialog.getByLabel('Body').fill(JSON.stringify({ pull_request: { url, html_url, user: { login: user.login } } }));
    await dialog.getByRole('button', { name: 'Import' }).click();
    await dialog.waitFor({ state: 'hidden' });
    for (const name of ['pull_request.url', 'pull_request.html_url', 'pull_request.user.login']) await see(page.getByRole('textbox', { name: `Title of ${name}` }));
    same('leaves', await page.getByRole('textbox', { name: /^Title of/ }).count(), 3);
  });

  await step(13, 'the callback URL parameter is chosen', async () => {
    await page.getByLabel('Callback URL parameter').selectOption('config.url');
    await see(chip('config.url').filter({ hasText: 'internal' }));
    // What is always the same is settled here, so that nobody who draws a flow is asked for it.
    for (const [name, value] of Object.entries({ name: 'web', active: 'true', events: '["pull_request"]', 'config.content_type': 'json' })) {
      await chip(name).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Default value').fill(value);
      await dialog.getByLabel('Visibility').selectOption('internal');
      await dialog.getByRole('button', { name: 'Save' }).click();
      await dialog.waitFor({ state: 'hidden' });
      await see(chip(name).filter({ hasText: 'internal' }));
    }
  });

  await step(14, 'the connector is updated', async () => {
    await button('Update connector').click();
    await say('The connector was updated. Validation succeeded.');
    same('triggers', await page.getByRole('region', { name: 'Triggers' }).getByRole('listitem').count(), 2);
  });

  await step(15, 'a flow is begun from blank', async () => {
    await nav('My flows').click();
    await button('Create from blank').first().click();
    await see(page.getByRole('searchbox', { name: 'Search triggers and actions' }));
  });

  await step(16, 'both triggers are found, with the icon', async () => {
    await page.getByRole('searchbox', { name: 'Search triggers and actions' }).fill('github');
    for (const name of ['Triggers when a PUSH event occurs', 'When a pull request is made']) {
      await see(page.getByRole('button', { name }));
      await see(page.getByRole('button', { name }).locator('img'));
    }
  });

  await step(17, 'the push trigger asks for a connection', async () => {
    await page.getByRole('button', { name: 'Triggers when a PUSH event occurs' }).click();
    await see(heading('New connection'));
  });

  await step(18, 'a connection is made with a wrong token', async () => {
    await field('Connection name').fill('My GitHub');
    await field('User name').fill(GITHUB.user);
    await field('Password').fill('ghp_wrong');
    await button('Create').click();
    await see(page.getByRole('textbox', { name: 'owner' }));
  });

  await step(19, 'owner and repository; events show their default', async () => {
    await page.getByRole('textbox', { name: 'owner' }).fill('octocat');
    await page.getByRole('textbox', { name: 'repo', exact: true }).fill('Hello-World');
    await say('push');
    for (const name of ['active', 'name', 'config.url', 'config.content_type']) same(`${name} is not asked for`, await page.getByRole('textbox', { name, exact: true }).count(), 0);
  });

  await step(20, 'an action is searched', async () => {
    await button('New step').click();
    await page.getByRole('menuitem', { name: 'Add an action' }).click();
    await page.getByRole('searchbox', { name: 'Search triggers and actions' }).fill('push');
    await page.getByRole('button', { name: 'Send me a mobile notification' }).click();
    await see(page.getByRole('textbox', { name: 'Text' }));
  });

  await step(21, 'a text with dynamic content', async () => {
    const text = page.getByRole('textbox', { name: 'Text' });
    const insert = (name) => page.getByRole('group', { name: 'Insert dynamic content' }).locator('button').filter({ has: page.getByText(name, { exact: true }) }).click();
    await text.click();
    await insert('Pusher name');
    await page.keyboard.type(' pushed to ');
    await insert('Repository name');
    await page.keyboard.type(': ');
    await insert('Commit URL');
    for (const name of ['Pusher name', 'Repository name', 'Commit URL']) await see(text.getByText(name));
  });

  await step(22, 'the flow is saved but off: the webhook was refused', async () => {
    await page.getByRole('textbox', { name: 'Name of the flow' }).fill('Pushes');
    await button('Create flow').click();
    await say('The flow is saved, but off: the webhook could not be created.');
    await say(/401/);
    await see(button('Try again'));
    await see(page.getByText('What to do'));
    same('hooks', github.hooks().length, 0);
  });

  await step(23, 'the connection is repaired, and the flow is on', async () => {
    await button('Repair connection').click();
    await page.getByRole('dialog').getByLabel('Password').fill(GITHUB.token);
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    await button('Try again').click();
    await say('The flow is on.');
  });

  await step(24, 'the history begins with the creation of the webhook', async () => {
    await nav('My flows').click();
    await button('Run history: Pushes').click();
    const created = page.getByRole('row').filter({ hasText: 'Create webhook' }).filter({ hasText: 'Succeeded' });
    await see(created);
    await created.getByRole('link').first().click();
    await see(heading('Request'));
    await say(/Location/i);
    await say(/201/);
    same('the token in the page', (await page.locator('body').innerText()).includes(GITHUB.token), false);
  });

  await step(25, 'the stand-in has exactly one webhook, as it should be', async () => {
    const hooks = github.hooks();
    same('hooks', hooks.length, 1);
    same('address', hooks[0].config.url.startsWith(`${world.server.url}/callback/`), true);
    same('form', { content_type: hooks[0].config.content_type, events: hooks[0].events, active: hooks[0].active, name: hooks[0].name, repo: hooks[0].repo }, { content_type: 'json', events: ['push'], active: true, name: 'web', repo: 'Hello-World' });
  });

  const phone = await world.person('phone', { phone: true });
  await step(26, 'notifications are turned on and tested', async () => {
    await nav('Notifications').click();
    await button('Turn on notifications').click();
    await say('This device receives notifications.');
    await button('Test', false).first().click();
    await until('the test notification', async () => (await ada.notifications()).length > 0);
    await phone.goto('/');
    await phone.page.getByLabel(labelled('E-mail')).fill(OWNER.email);
    await phone.page.getByLabel(labelled('Password')).fill(OWNER.password);
    await phone.page.getByRole('button', { name: 'Sign in' }).click();
    await phone.page.getByRole('link', { name: /Inbox/ }).click();
    await phone.page.getByRole('button', { name: 'Turn on notifications' }).click();
    await phone.page.getByText('This device receives notifications.').waitFor();
  });

  await step(27, 'a ping and a push are accepted', async () => {
    await nav('My flows').click();
    await button('Run history: Pushes').click();
    await see(page.getByRole('row').filter({ hasText: 'Create webhook' }));
    const [hook] = github.hooks();
    same('the ping', (await github.send(hook, 'ping', { zen: 'Keep it logically awesome.', hook_id: hook.id, hook })).status, 202);
    same('the push', (await github.send(hook, 'push', PUSH)).status, 202);
  });

  await step(28, 'a run appears by itself', async () => {
    const run = page.getByRole('row').filter({ hasText: 'Succeeded' }).filter({ hasNotText: 'Create webhook' });
    await run.first().waitFor({ timeout: 3_000 });
    same('failed runs', await page.getByRole('row').filter({ hasText: 'Failed' }).filter({ hasNotText: 'Create webhook' }).count(), 0);
    const took = await run.first().innerText();
    same(`under a second: ${took}`, /\b\d+ ms\b/.test(took), true);
    await run.first().getByRole('link').first().click();
  });

  await step(29, 'the run shows outputs and the filled text', async () => {
    await see(heading('Pushes · Run'));
    await card(/^Send me a mobile notification.*Succeeded/).click();
    await say(PUSH_TEXT);
    await card(/^Triggers when a PUSH event occurs/).click();
    await see(heading('Outputs'));
    await say('refs/heads/main');
  });

  await step(30, 'the phone shows it, and a tap opens the run', async () => {
    await until('the notification on the phone', async () => (await phone.notifications()).some((one) => one.body === PUSH_TEXT && one.title === 'Pushes'));
    await phone.tapNotification(PUSH_TEXT);
    await phone.page.getByRole('heading', { name: 'Pushes · Run' }).waitFor();
    await phone.page.getByRole('link', { name: /Inbox/ }).click();
    await phone.page.getByText(PUSH_TEXT).waitFor();
    return phone;
  });

  const editTrigger = async (flow, repo) => {
    await nav('My flows').click();
    await button(`Edit: ${flow}`).click();
    await card(/^Triggers when a PUSH event occurs/).click();
    await page.getByRole('textbox', { name: 'repo', exact: true }).fill(repo);
    await button('Save').click();
  };

  let oldHook;
  await step(31, 'another repository: the old webhook goes, a new one comes', async () => {
    [oldHook] = github.hooks();
    newCalls();
    await editTrigger('Pushes', 'Spoon-Knife');
    await say('Saved.');
    await until('the calls', () => github.calls.length - calls >= 2);
    same('calls', newCalls().sort(), [`DELETE /repos/octocat/Hello-World/hooks/${oldHook.id}`, 'POST /repos/octocat/Spoon-Knife/hooks']);
    same('hooks', github.hooks().map((hook) => hook.repo), ['Spoon-Knife']);
  });

  await step(32, 'the old address is gone', async () => {
    same('status', (await github.send(oldHook, 'push', PUSH)).status, 410);
  });

  await step(33, 'another text calls nobody', async () => {
    await card(/^Send me a mobile notification/).click();
    await page.getByRole('textbox', { name: 'Text' }).click();
    await page.keyboard.press('Control+End');
    await page.keyboard.type(' (edited)');
    await button('Save').click();
    await say('Saved.');
    await new Promise((done) => setTimeout(done, 700));
    same('calls', newCalls(), []);
  });

  await step(34, 'a repository that answers 404 is explained', async () => {
    await editTrigger('Pushes', 'missing');
    await say('The flow is saved, but off: the webhook could not be created.');
    await nav('My flows').click();
    await button('Run history: Pushes').click();
    // The list from before, which is shown until the new one has come, has a failed creation already: that of step 22.
    const failed = page.getByRole('row').filter({ hasText: 'Create webhook' }).filter({ hasText: 'Failed' });
    await see(failed.nth(1));
    await failed.first().getByRole('link').first().click();
    await say(/404 Not Found/);
    await say(/Check owner and repository/);
    await say(/admin:repo_hook/);
    for (const name of ['Edit trigger', 'Repair connection', 'Try again']) await see(page.getByRole('button', { name }).or(page.getByRole('link', { name })));
  });

  await step(35, 'back to the good repository; off and on', async () => {
    await editTrigger('Pushes', 'Hello-World');
    await say('Saved.');
    await until('the webhook', () => github.hooks().length === 1);
    newCalls();
    await nav('My flows').click();
    await page.getByRole('switch', { name: 'Pushes: On' }).click();
    await until('the webhook to go', () => github.hooks().length === 0);
    await page.getByRole('switch', { name: 'Pushes: Off' }).click();
    await until('the webhook to come', () => github.hooks().length === 1);
    same('calls', newCalls().map((line) => line.split(' ')[0]), ['DELETE', 'POST']);
    await see(page.getByRole('switch', { name: 'Pushes: On' }));
  });

  await step(36, 'a second flow with the pull-request trigger', async () => {
    await button('Create from blank').first().click();
    await page.getByRole('searchbox', { name: 'Search triggers and actions' }).fill('pull request');
    await page.getByRole('button', { name: 'When a pull request is made' }).click();
    await page.getByRole('textbox', { name: 'owner' }).fill('octocat');
    await page.getByRole('textbox', { name: 'repo', exact: true }).fill('Hello-World');
    await button('New step').click();
    await page.getByRole('menuitem', { name: 'Add an action' }).click();
    await page.getByRole('searchbox', { name: 'Search triggers and actions' }).fill('push');
    await page.getByRole('button', { name: 'Send me a mobile notification' }).click();
    await page.getByRole('textbox', { name: 'Text' }).click();
    await page.keyboard.type('Pull request by ');
    await page.getByRole('group', { name: 'Insert dynamic content' }).getByRole('button', { name: /login/i }).click();
    await page.getByRole('textbox', { name: 'Name of the flow' }).fill('Pull requests');
    await button('Create flow').click();
    await see(heading('Pull requests'));
    const hook = await until('the webhook', () => github.hooks().find((one) => one.events?.includes('pull_request')));
    same('form', { name: hook.name, active: hook.active, content_type: hook.config.content_type }, { name: 'web', active: true, content_type: 'json' });
    same('the pull request', (await github.send(hook, 'pull_request', PULL_REQUEST)).status, 202);
    await openRun('Pull requests', 'Succeeded');
    await card(/^Send me a mobile notification/).click();
    await say('Pull request by hubot');
  });

  await step(37, 'both flows are deleted, and their webhooks', async () => {
    await nav('Connections').click();
    await button('Delete: My GitHub').click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Delete' }).click();
    for (const flow of ['Pushes', 'Pull requests']) await see(dialog.getByRole('link', { name: flow, exact: true }));
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await nav('My flows').click();
    newCalls();
    const history = await row('Pushes').getByRole('link').first().getAttribute('href');
    for (const flow of ['Pushes', 'Pull requests']) {
      await button(`More for ${flow}`).click();
      await page.getByRole('menuitem', { name: 'Delete' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
      await page.getByRole('dialog').waitFor({ state: 'hidden' });
    }
    await see(heading('No flow yet'));
    await until('the webhooks to go', () => github.hooks().length === 0);
    same('calls', newCalls().map((line) => line.split(' ')[0]), ['DELETE', 'DELETE']);
    await ada.goto(`${history}/runs`);
    await see(page.getByRole('row').filter({ hasText: 'Delete webhook' }));
    await page.getByRole('row').filter({ hasText: 'Create webhook' }).last().getByRole('link').first().click();
    await see(heading('Request'));
  });

  await step(38, 'connection and connector go in their order', async () => {
    const remove = async (place, name) => {
      await nav(place).click();
      await button(`Delete: ${name}`).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    };
    await remove('Custom connectors', 'GitHub');
    await say('Used by');
    await see(page.getByRole('dialog').getByRole('link', { name: 'My GitHub' }));
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    await remove('Connections', 'My GitHub');
    await see(heading('No connection yet'));
    await remove('Custom connectors', 'GitHub');
    await see(heading('No custom connector yet'));
  });
});
