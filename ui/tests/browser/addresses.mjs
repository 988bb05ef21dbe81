// An address that too many know: it is renewed by a click, for a flow that others call and for a webhook at a service.
import { runScript, same, until } from './harness.mjs';
import { forgeDocument, signedIn } from './sample.mjs';
import { startGithub } from './stand-ins.mjs';

const request = { When_a_web_request_is_received: { type: 'Request', kind: 'Http', inputs: { schema: {} } } };

await runScript('addresses', async (world, step) => {
  const github = await startGithub();
  const { call, cookie } = await signedIn(world.server);
  const person = await world.person('maker');
  const { page } = person;
  await person.context.addCookies([cookie]);
  const flowAt = (id) => call('GET', `/api/flows/${id}`);
  const send = (url) => fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });
  const renew = async (id) => {
    await person.goto(`/flows/${id}`);
    await page.getByRole('button', { name: 'Renew address', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('The old one ends at once', { exact: false }).waitFor({ state: 'visible' });
    return dialog;
  };

  await step(1, 'the address of a flow is renewed; the old one is answered 410', async () => {
    const { id, webhook } = await call('POST', '/api/flows', { name: 'Orders', definition: { triggers: request, actions: {} } });
    const old = webhook.callback_url;
    same('the old address', (await send(old)).status, 202);
    const dialog = await renew(id);
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    same('nothing happens without a yes', (await flowAt(id)).webhook.callback_url, old);
    await (await renew(id)).getByRole('button', { name: 'Renew address' }).click();
    const fresh = await until('another address', async () => {
      const now = (await flowAt(id)).webhook.callback_url;
      return now === old ? null : now;
    });
    await page.locator('code', { hasText: fresh }).waitFor({ state: 'visible' });
    same('the page forgets the old one', await page.locator('code', { hasText: old }).count(), 0);
    same('old and new', [(await send(old)).status, (await send(fresh)).status], [410, 202]);
  });

  await step(2, 'the callback URL of a webhook is renewed: it is made anew at its service, and the old one is deleted there', async () => {
    const settings = { authentication: { type: 'basic', username_label: 'User name', password_label: 'Access token' } };
    const connector = await call('POST', '/api/connectors', { document: forgeDocument(github.host), settings });
    const connection = await call('POST', '/api/connections', { connector_id: connector.id, name: 'Team', username: 'octocat', password: 'ghp_right' });
    const triggers = { When_something_is_pushed: { type: 'OpenApiConnectionWebhook', inputs: { host: { apiId: `/providers/Microsoft.PowerApps/apis/${connector.id}`, connectionName: 'shared_forge', operationId: 'OnPush' }, parameters: { owner: 'acme', repo: 'web' } } } };
    const { id } = await call('POST', '/api/flows', { name: 'Pushes', definition: { triggers, actions: {} }, connections: { shared_forge: { connection_id: connection.id } } });
    const [old] = github.hooks();
    same('the first webhook', (await github.send(old, 'push', {})).status, 202);
    await (await renew(id)).getByRole('button', { name: 'Renew address' }).click();
    const fresh = await until('the old webhook to be deleted', () => {
      const now = github.hooks();
      return now.length === 1 && now[0].id !== old.id ? now[0] : null;
    });
    same('another capability', fresh.config.url === old.config.url, false);
    same('old and new', [(await github.send(old, 'push', {})).status, (await github.send(fresh, 'push', {})).status], [410, 202]);
  });
});
