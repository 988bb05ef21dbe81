// Without the server: it stops although pages listen, the inbox stays readable, everything else says what is wrong.
import { OWNER, runScript, until } from './harness.mjs';

/** A stop waits for requests under way, not for open pages. */
const STOP_MS_MAX = 3_000;

await runScript('offline', async (world, step) => {
  const ada = await world.person('ada');
  const { page } = ada;
  const heading = (name) => page.getByRole('heading', { name, exact: true }).waitFor();

  await step(1, 'a message is in the inbox', async () => {
    await page.goto(world.server.setup);
    await page.getByLabel(/^Name/).fill(OWNER.name);
    await page.getByLabel(/^E-mail/).fill(OWNER.email);
    await page.getByLabel(/^Password/).fill(OWNER.password);
    await page.getByRole('button', { name: 'Create account' }).click();
    await heading('Home');
    await page.getByRole('link', { name: 'Notifications' }).click();
    await page.getByRole('button', { name: 'Turn on notifications' }).click();
    await page.getByRole('button', { name: /^Test/ }).click();
    await page.getByText('This device gets notifications.').waitFor();
    await page.reload();
    await page.getByText('This device gets notifications.').waitFor();
    await until('who is signed in and the inbox to be kept', () =>
      page.evaluate(async () => (await caches.match('/api/session')) && (await caches.match('/api/notifications?limit=50'))?.text().then((text) => text.includes('This device gets notifications.'))),
    );
  });

  await step(2, 'the server stops although the page listens', async () => {
    const from = Date.now();
    await world.server.stop();
    const took = Date.now() - from;
    if (took > STOP_MS_MAX) throw new Error(`stopping took ${took} ms`);
  });

  await step(3, 'the inbox opens from what the device kept', async () => {
    await page.goto(`${world.server.url}/notifications`);
    await heading('Notifications');
    await page.getByText('This device gets notifications.').waitFor();
  });

  await step(4, 'other pages say that the server cannot be reached, and offer to try again', async () => {
    await page.goto(`${world.server.url}/notifications?unread=true`);
    await page.getByText('The server cannot be reached.').first().waitFor({ timeout: 30_000 });
    await page.getByRole('button', { name: 'Try again' }).first().waitFor();
  });
});
