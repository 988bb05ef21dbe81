// Connections that sign in by OAuth 2.0, by clicks: a file, a client, consent in a window, a call with the token, access withdrawn and given again.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLIENT, notesDocument, startAuthorizationServer } from './authorization-server.mjs';
import { findings } from './axe.mjs';
import { runScript, same, until } from './harness.mjs';
import { signedIn } from './sample.mjs';

await runScript('oauth', async (world, step) => {
  const service = await startAuthorizationServer();
  const { call, cookie } = await signedIn(world.server);
  const maker = await world.person('maker');
  await maker.context.addCookies([cookie]);
  const { page } = maker;
  const button = (name, exact = true) => page.getByRole('button', { name, exact });
  const field = (name) => page.getByLabel(new RegExp(`^${name} ?[*]?$`)).filter({ visible: true });
  const see = (locator) => locator.first().waitFor({ state: 'visible' });
  const say = (text) => see(page.getByText(text));
  const gone = (locator) => locator.first().waitFor({ state: 'hidden' });
  const row = (name) => page.getByRole('row').filter({ has: page.getByRole('link', { name, exact: true }) });
  const connection = async (name) => (await call('GET', '/api/connections')).items.find((item) => item.name === name);
  /** Clicks what opens the service's page, and gives the window with it. */
  const opens = async (control) => {
    const [popup] = await Promise.all([page.waitForEvent('popup'), control.click()]);
    await popup.getByRole('heading', { name: 'Notes' }).waitFor();
    return popup;
  };
  /** Agrees there; the window closes itself. */
  const agree = async (popup) => {
    const closed = popup.isClosed() ? Promise.resolve() : popup.waitForEvent('close');
    await popup.getByRole('button', { name: 'Allow' }).click();
    await closed;
  };
  const accessible = async (where) => {
    const found = await findings(where);
    if (found.length) throw new Error(found.join('\n'));
  };

  await step(1, 'a file with OAuth 2.0 becomes a connector with its client', async () => {
    const file = join(world.folder, 'notes.swagger.json');
    writeFileSync(file, JSON.stringify(notesDocument(service.host)));
    await maker.goto('/connectors');
    await button('Create custom connector').click();
    await page.getByRole('menuitem', { name: 'Import OpenAPI' }).click();
    const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.getByRole('dialog').getByLabel('OpenAPI file').click()]);
    await chooser.setFiles(file);
    await say('1 operation');
    await button('Continue').click();
    same('the type', await field('Authentication type').inputValue(), 'oauth2');
    same('the authorization URL', await field('Authorization URL').inputValue(), `${service.url}/authorize`);
    same('the scopes', await field('Scope').inputValue(), 'notes:read notes:write');
    await button('Copy the redirect URL').click();
    same('what was copied', await page.evaluate(() => navigator.clipboard.readText()), `${world.server.url.replace(/\/$/, '')}/oauth/callback`);
    await field('Scope').fill('');
    await field('Scope').pressSequentially('notes:read notes:write');
    await field('Client id').fill(CLIENT.id);
    await field('Client secret').fill(CLIENT.secret);
    await accessible(page);
    await maker.screenshot('security');
    await button('Create connector').last().click();
    await see(page.getByText(/^The connector was created/));
  });

  await step(2, 'a new connection signs in at the service, and works', async () => {
    await maker.goto('/connections');
    await button('New connection').first().click();
    await field('Connection name').fill('Ada’s notes');
    const popup = await opens(page.getByRole('dialog').getByRole('button', { name: 'Sign in' }));
    await say(/Waiting until you agree at 127\.0\.0\.1/);
    await accessible(page);
    await maker.screenshot('waiting');
    await popup.getByText(`Allow ${CLIENT.id} to use notes:read notes:write?`).waitFor();
    await agree(popup);
    await gone(page.getByRole('dialog'));
    await see(row('Ada’s notes').getByText('Works'));
  });

  await step(3, 'a test of an operation sends the token and shows none', async () => {
    const { id } = (await call('GET', '/api/connectors')).items[0];
    await maker.goto(`/connectors/${id}/test`);
    await field('Operation').selectOption({ label: 'List notes' });
    await button('Test operation').click();
    await see(page.getByText('200', { exact: true }));
    same('the token', service.isGood(service.tokens.at(-1)), true);
    same('the page shows a secret', (await page.content()).includes('canary'), false);
    await page.getByRole('tab', { name: /Security/ }).click();
    await say('A secret is stored. Leave empty to keep it.');
  });

  await step(4, 'who declines is told so, in both windows', async () => {
    await maker.goto('/connections');
    await button('New connection').first().click();
    await field('Connection name').fill('Declined');
    const popup = await opens(page.getByRole('dialog').getByRole('button', { name: 'Sign in' }));
    await popup.getByRole('button', { name: 'Decline' }).click();
    await popup.getByRole('alert').getByText(/access was declined/).waitFor();
    same('the address keeps nothing', new URL(popup.url()).search, '');
    await accessible(popup);
    await popup.screenshot({ path: join(world.folder, 'declined-window.png') });
    await popup.close();
    await see(page.getByRole('alert').getByText(/access was declined/));
    await maker.screenshot('declined');
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    await until('the connection to be taken back', async () => !(await connection('Declined')));
  });

  await step(5, 'withdrawn access stands on the start page, and signing in again mends it', async () => {
    service.withdraw();
    await maker.goto('/connections');
    await row('Ada’s notes').getByRole('button', { name: /^Test/ }).click();
    await see(row('Ada’s notes').getByText('Broken'));
    await maker.goto('/');
    await say('Sign in again.');
    await maker.screenshot('attention');
    await page.getByRole('listitem').filter({ hasText: 'Ada’s notes' }).getByRole('link', { name: /Ada’s notes/ }).click();
    await agree(await opens(button('Sign in again')));
    await say('Works');
    same('its health', (await connection('Ada’s notes')).health, 'ok');
    await maker.goto('/');
    await see(page.getByRole('heading', { name: 'Home' }));
    same('what needs attention', (await call('GET', '/api/attention')).items, []);
  });

  await step(6, 'the designer makes a connection in its panel', async () => {
    await call('DELETE', `/api/connections/${(await connection('Ada’s notes')).id}`);
    await maker.goto('/flows/new?template=request');
    await page.getByRole('button', { name: 'New step' }).first().click();
    await page.getByRole('menuitem', { name: 'Add an action' }).click();
    await page.getByRole('searchbox').or(page.getByRole('textbox', { name: /Search/ })).first().fill('list notes');
    await page.getByRole('button', { name: /List notes/ }).or(page.getByRole('option', { name: /List notes/ })).first().click();
    const popup = await opens(page.getByRole('complementary').getByRole('button', { name: 'Sign in' }));
    await say(/Waiting until you agree/);
    await maker.screenshot('designer');
    await agree(popup);
    await until('the connection to be chosen', async () => (await page.getByRole('combobox', { name: /^Connection/ }).inputValue()).startsWith('cnx_'));
    await page.evaluate(() => window.removeEventListener('beforeunload', () => undefined));
  });

  await step(7, 'a browser that opens no window signs in with the page itself', async () => {
    const phone = await world.person('phone', { phone: true, look: 'dark' });
    await phone.context.addCookies([cookie]);
    const tab = phone.page;
    await tab.addInitScript(() => {
      window.open = () => null;
    });
    await phone.goto('/connections');
    await tab.getByRole('button', { name: 'New connection' }).first().click();
    await tab.getByLabel(/^Connection name/).fill('By phone');
    await tab.getByRole('dialog').getByRole('button', { name: 'Sign in' }).click();
    await tab.getByText('The browser did not open a window.').waitFor();
    await accessible(tab);
    await phone.screenshot('phone-blocked');
    await tab.getByRole('button', { name: /Sign in with this page/ }).click();
    await tab.getByRole('button', { name: 'Allow' }).click();
    await tab.waitForURL(/\/connections$/);
    await tab.getByRole('link', { name: 'By phone' }).waitFor();
    same('its health', (await connection('By phone')).health, 'ok');
    return phone;
  });

  await step(8, 'an address that nobody waits for says so; a stranger signs in first', async () => {
    await maker.goto(`/oauth/callback?state=${(await connection('By phone')).id}.guessed&code=canary-code`);
    await see(page.getByRole('alert').getByText(/not under way/));
    same('the address keeps nothing', new URL(page.url()).search, '');
    await accessible(page);
    await maker.screenshot('unknown');
    await maker.goto('/oauth/callback');
    await say('There is no sign-in to finish');
    const stranger = await world.person('stranger');
    await stranger.goto('/oauth/callback?state=x.y&code=z');
    await stranger.page.getByRole('heading', { name: 'Sign in' }).waitFor();
  });

  await step(9, 'no secret is in the data, in the log, or in the browser', async () => {
    for (const name of readdirSync(world.server.data)) {
      same(`a secret in ${name}`, readFileSync(join(world.server.data, name)).includes('canary'), false);
    }
    same('a secret in the log', world.server.log().includes('canary'), false);
    const kept = await page.evaluate(() => JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage)]));
    same('a secret in the browser', kept.includes('canary'), false);
  });
  await service.stop();
});
