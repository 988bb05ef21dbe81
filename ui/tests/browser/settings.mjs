// Settings of the server and of one's account: backup, public address, retention, mail, users, tokens, browsers, about.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { OWNER, runScript, same, until } from './harness.mjs';
import { signedIn } from './sample.mjs';

/** A mail server that takes everything. */
async function startMailServer() {
  const messages = [];
  const server = createServer((socket) => {
    let inData = false;
    let text = '';
    socket.write('220 stand-in\r\n');
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      text += chunk;
      for (;;) {
        const end = text.indexOf(inData ? '\r\n.\r\n' : '\r\n');
        if (end < 0) return;
        const line = text.slice(0, end);
        text = text.slice(end + (inData ? 5 : 2));
        if (inData) {
          messages.push(line);
          inData = false;
          socket.write('250 taken\r\n');
        } else if (/^DATA/i.test(line)) {
          inData = true;
          socket.write('354 go on\r\n');
        } else socket.write(/^QUIT/i.test(line) ? '221 bye\r\n' : '250 fine\r\n');
      }
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { port: server.address().port, messages, stop: () => new Promise((done) => server.close(done)) };
}

await runScript('settings', async (world, step) => {
  const mail = await startMailServer();
  const { call, cookie } = await signedIn(world.server);
  const ada = await world.person('ada');
  const { page } = ada;
  await ada.context.addCookies([cookie]);
  const button = (name) => page.getByRole('button', { name, exact: true });
  const open = async (part) => {
    await page.goto(`${world.server.url}/settings/${part}`);
    await page.getByRole('heading', { name: 'Settings', exact: true }).waitFor();
  };

  await step(1, 'how the server does: nothing ran at first, then the runs, the slowest flow, the disk', async () => {
    await open('server');
    const figures = page.getByRole('region', { name: 'How the server does' });
    await figures.getByText('No run began in the last hour.').waitFor();
    await figures.getByText('Nothing waits.').waitFor();
    await figures.getByText('Make one below.').waitFor();
    const flow = await call('POST', '/api/flows', { name: 'One', connections: {}, definition: { triggers: { manual: { type: 'Request', inputs: {} } }, actions: {} } });
    for (let i = 0; i < 3; i += 1) await call('POST', `/api/flows/${flow.id}/run`, {});
    // It looks again by itself.
    const slowest = figures.getByRole('table', { name: 'Slowest flows' });
    await slowest.getByRole('link', { name: 'One' }).waitFor();
    await until('three runs', async () => /^One.*3$/.test(((await slowest.getByRole('row').nth(1).textContent()) ?? '').trim()));
    await figures.getByRole('img', { name: /^Runs by minute in the last .*: 3, of which 0 failed\.$/ }).waitFor();
    await figures.getByText(/ a (minute|second), none failed/).waitFor();
    await figures.getByText(/^of \d/).waitFor();
    await figures.getByRole('heading', { name: 'This server' }).waitFor();
    same('servers of one that is alone', await figures.getByRole('table', { name: 'Servers' }).count(), 0);
    await slowest.getByRole('link', { name: 'One' }).click();
    await page.waitForURL(`**/flows/${flow.id}`);
  });

  await step(2, 'about: version, licence, size and counts', async () => {
    await open('server');
    const about = page.getByRole('region', { name: 'About' });
    await about.getByText('MIT OR Apache-2.0').waitFor();
    await about.getByText('1 flow, 0 connectors, 0 connections, 1 user').waitFor();
    await about.getByText(/\d+ [kM]B/).waitFor();
    same('the title', await page.title(), 'Server · Settings · Hookmill');
  });

  await step(3, 'a backup is made, downloaded, and its date remembered', async () => {
    const backup = page.getByRole('region', { name: 'Backup' });
    await backup.getByText('The master key is not in it.').waitFor();
    await backup.getByText('never', { exact: true }).waitFor();
    const [download] = await Promise.all([page.waitForEvent('download'), button('Make a backup').click()]);
    if (!/^hookmill-\d{4}-\d\d-\d\d\.db$/.test(download.suggestedFilename())) throw new Error(`it is called ${download.suggestedFilename()}`);
    same('what it is', readFileSync(await download.path()).subarray(0, 15).toString(), 'SQLite format 3');
    await backup.getByText('The copy is ready').waitFor();
    await page.reload();
    await until('the date', async () => (await backup.getByText('never', { exact: true }).count()) === 0);
    const [again] = await Promise.all([page.waitForEvent('download'), backup.getByRole('link', { name: /^Download/ }).click()]);
    same('the same file', readFileSync(await again.path()).equals(readFileSync(await download.path())), true);
  });

  await step(4, 'the check of the public address says what it found, and what cannot be told', async () => {
    await button('Check the address').click();
    await page.getByText('The callbacks can be reached from here only.').waitFor();
    await page.getByText('A call through the address arrived at this server').waitFor();
    await page.getByText('only programs on it can call it').waitFor();
    await page.getByText('can only be seen from elsewhere').waitFor();
    await page.getByLabel('Public URL').fill('https://hookmill.invalid');
    await button('Check the address').click();
    await page.getByText('The callbacks cannot be reached.').waitFor();
    await page.getByText('The name hookmill.invalid has no address').waitFor();
  });

  await step(5, 'retention and public address are kept; what is wrong is said', async () => {
    await page.getByLabel('Keep the run history for (days)').fill('30');
    await button('Save').click();
    await page.getByText('Saved.').waitFor();
    await page.reload();
    same('the days', await page.getByLabel('Keep the run history for (days)').inputValue(), '30');
    same('the address', await page.getByLabel('Public URL').inputValue(), 'https://hookmill.invalid');
    await page.getByText('Used from the next start on.').waitFor();
    await page.getByLabel('Keep the run history for (days)').fill('4000');
    await button('Save').click();
    await page.getByText('Runs are kept for 1 to 3650 days.').waitFor();
    await page.getByLabel('Keep the run history for (days)').fill('90');
  });

  await step(6, 'mail: a test message arrives, and a server that is not there is named', async () => {
    await page.getByRole('checkbox', { name: 'Send e-mail' }).click();
    await page.getByLabel('Host').fill('127.0.0.1');
    await page.getByLabel('Port').fill(String(mail.port));
    await page.getByLabel('Sender').fill('hookmill@example.org');
    await page.getByLabel('Security').selectOption('none');
    await button('Save').click();
    await page.getByText('Saved.').waitFor();
    await button('Send a test e-mail').click();
    await page.getByText('The test e-mail was handed to the mail server.').waitFor();
    if (!mail.messages[0].includes(`To: ${OWNER.email}`)) throw new Error(mail.messages[0]);
    await mail.stop();
    await button('Send a test e-mail').click();
    await page.getByRole('alert').filter({ hasText: '127.0.0.1' }).waitFor();
  });

  await step(7, 'a token with an end: shown once, its use noted, revoked', async () => {
    await open('tokens');
    await page.getByLabel('What is it for?').fill('Deployment');
    await page.getByLabel('Valid for').selectOption('30');
    await button('New token').click();
    const token = await page.locator('code').first().textContent();
    const row = page.getByRole('row').filter({ hasText: 'Deployment' });
    await row.getByText('never').waitFor();
    const [made] = (await call('GET', '/api/tokens')).items;
    const days = (Date.parse(made.expires_at) - Date.now()) / 86_400_000;
    if (days < 29.9 || days > 30.1) throw new Error(`it ends in ${days} days`);
    const about = () => fetch(`${world.server.url}/api/about`, { headers: { authorization: `Bearer ${token}` } });
    same('it opens', (await about()).status, 200);
    await page.reload();
    same('it is not shown again', await page.getByText(token).count(), 0);
    await until('its use', async () => (await row.getByText('never').count()) === 0);
    await row.getByRole('button', { name: 'Revoke: Deployment' }).click();
    await page.getByText('No token yet.').waitFor();
    same('it is gone', (await about()).status, 401);
  });

  await step(8, 'another browser is listed and signed out', async () => {
    const other = await world.person('other');
    await other.goto('/sign-in');
    await other.page.getByLabel(/^E-mail/).fill(OWNER.email);
    await other.page.getByLabel(/^Password/).fill(OWNER.password);
    await other.page.getByRole('button', { name: 'Sign in' }).click();
    await other.page.getByRole('heading', { name: 'Home' }).waitFor();
    await open('account');
    const row = page.getByRole('row').filter({ hasText: 'Chrome · Linux' });
    await row.getByRole('button', { name: 'Sign out: Chrome · Linux' }).click();
    await until('one browser', async () => (await call('GET', '/api/sessions')).items.length === 1);
    await other.page.reload();
    await other.page.getByRole('heading', { name: 'Sign in' }).waitFor();
  });

  await step(9, 'a member is made, may not change the server, and is removed', async () => {
    await open('users');
    await page.getByLabel(/^Name/).fill('Grace');
    await page.getByLabel(/^E-mail/).fill('grace@example.org');
    await page.getByLabel(/^Password/).fill('another long password');
    await button('Add a user').click();
    await page.getByRole('row').filter({ hasText: 'grace@example.org' }).waitFor();
    const grace = await world.person('grace');
    await grace.goto('/sign-in');
    await grace.page.getByLabel(/^E-mail/).fill('grace@example.org');
    await grace.page.getByLabel(/^Password/).fill('another long password');
    await grace.page.getByRole('button', { name: 'Sign in' }).click();
    await grace.page.getByRole('heading', { name: 'Home' }).waitFor();
    await grace.goto('/settings/server');
    await grace.page.getByText('Only the owner can change the settings of the server.').waitFor();
    await grace.page.getByText('MIT OR Apache-2.0').waitFor();
    await page.getByRole('button', { name: 'Remove: Grace' }).click();
    await until('Ada alone', async () => (await call('GET', '/api/users')).items.length === 1);
  });
});
