// The guide to a first flow: GitHub without a file, and an address for anything that can send a request.
import { dataJson, GITHUB, OWNER, runScript, same, until } from './harness.mjs';

const PUSH = dataJson('github-push-payload.json');

await runScript('first-flow', async (world, step) => {
  const { server, github } = world;
  const ada = await world.person('ada');
  const { page } = ada;
  const heading = (name) => page.getByRole('heading', { name }).first().waitFor();
  const now = () => page.locator('[aria-current="step"]');

  await step(1, 'a new person is offered three ways', async () => {
    await page.goto(server.setup);
    await page.getByLabel(/^Name/).fill(OWNER.name);
    await page.getByLabel(/^E-mail/).fill(OWNER.email);
    await page.getByLabel(/^Password/).fill(OWNER.password);
    await page.getByRole('button', { name: 'Create account' }).click();
    await heading('Your first webhook flow in two minutes');
    for (const way of ['GitHub', 'Another service with webhooks', 'Anything that can send a request']) await page.locator('.choice', { hasText: way }).first().waitFor();
  });

  await step(2, 'the GitHub connector is added with one click', async () => {
    await page.locator('.choice', { hasText: 'GitHub' }).first().click();
    await page.getByRole('button', { name: 'Add GitHub' }).click();
    await page.getByText('GitHub: 7 triggers').waitFor();
    // The connector is the maker's own: here its host becomes the stand-in's.
    const connector = new URL(page.url()).searchParams.get('connector');
    const status = await page.evaluate(
      async ({ connector: id, host }) => {
        const { csrf_token: token } = await (await fetch('/api/session')).json();
        const body = JSON.stringify({ settings: { host, scheme: 'http' } });
        return (await fetch(`/api/connectors/${id}`, { method: 'PUT', headers: { 'content-type': 'application/json', 'x-csrf-token': token }, body })).status;
      },
      { connector, host: github.host },
    );
    same('the new host', status, 200);
  });

  await step(3, 'a reload goes on from there; the account is connected', async () => {
    await page.reload();
    await page.getByText('GitHub: 7 triggers').waitFor();
    await now().getByLabel(/^User name/).fill(GITHUB.user);
    await now().getByLabel(/^Password/).fill(GITHUB.token);
    await now().getByRole('button', { name: 'Create' }).click();
    await page.getByText('Connection: GitHub').waitFor();
  });

  await step(4, 'the designer opens with the flow drawn; owner and repository are all it asks', async () => {
    await now().first().getByLabel('The flow starts').selectOption({ label: 'When commits are pushed' });
    await page.getByRole('button', { name: 'Open the designer' }).click();
    const panel = page.getByRole('complementary');
    await panel.getByRole('textbox', { name: 'Owner' }).click();
    await page.keyboard.type('octocat');
    await panel.getByRole('combobox', { name: 'Repository' }).selectOption('Hello-World');
    same('questions for the repositories', github.lines().filter((line) => line.startsWith('GET /users/')), ['GET /users/octocat/repos?sort=pushed&per_page=100']);
    await page.getByRole('textbox', { name: 'Name of the flow' }).fill('Pushes to my phone');
    await page.getByRole('button', { name: 'Create flow' }).click();
    await heading('Pushes to my phone');
    const hook = await until('the webhook', () => github.hooks()[0]);
    same('events', hook.events, ['push']);
    same('content type', hook.config.content_type, 'json');
  });

  await step(5, 'a push becomes a message', async () => {
    same('the push', (await github.send(github.hooks()[0], 'push', PUSH)).status, 202);
    await page.getByRole('link', { name: 'Notifications' }).click();
    await page.getByText(`${PUSH.pusher.name} → ${PUSH.repository.full_name}: ${PUSH.head_commit.message}`.split('\n')[0]).first().waitFor();
  });

  await step(6, 'an address for anything that can send a request', async () => {
    await page.goto(`${server.url}/`);
    await page.locator('.choice', { hasText: 'Anything that can send a request' }).click();
    await page.getByRole('button', { name: 'Create flow' }).click();
    await page.getByText('Waiting for the first request…').waitFor();
    const address = await page.locator('.guide-code code').first().innerText();
    const sent = await fetch(address, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ hello: 'world' }) });
    same('what the address answers', sent.status, 202);
    await page.getByRole('link', { name: 'It ran: see the run' }).waitFor();
  });

  await step(7, 'the phone comes last', async () => {
    await page.getByRole('button', { name: 'Open Notifications' }).click();
    await page.getByText('"hello":"world"').first().waitFor();
  });
});
