// Approvals: a flow is drawn that asks, people answer from the notification, on the page, on a phone and by a link, and
// the flow goes on; what failed is told and run on; the digest is turned on.
import { designing } from './designing.mjs';
import { PHONE, runScript, same, until } from './harness.mjs';
import { signedIn } from './sample.mjs';
import { serve } from './stand-ins.mjs';

const BOB = { name: 'Bob', email: 'bob@example.org', password: 'another long password' };
const APPROVALS = '/providers/Microsoft.PowerApps/apis/shared_approvals';
const asks = (people, kind = 'Basic', more = {}) => ({
  Ask: {
    type: 'OpenApiConnectionWebhook', runAfter: {},
    inputs: {
      host: { apiId: APPROVALS, connectionName: 'shared_approvals', operationId: 'StartAndWaitForAnApproval' },
      parameters: { approvalType: kind, 'WebhookApprovalCreationInput/title': "Order @{triggerBody()?['number']}", 'WebhookApprovalCreationInput/assignedTo': people, 'WebhookApprovalCreationInput/details': 'Two chairs\nand a desk', ...more },
    },
  },
  Said: { type: 'Compose', runAfter: { Ask: ['Succeeded'] }, inputs: "@body('Ask')?['responseSummary']" },
});
const manual = { manual: { type: 'Request', kind: 'Http', inputs: { schema: {} } } };

await runScript('approvals', async (world, step) => {
  const { call, cookie } = await signedIn(world.server);
  const ada = await world.person('ada');
  const { page } = ada;
  await ada.context.addCookies([cookie]);
  const button = (name) => page.getByRole('button', { name, exact: true });
  const make = (name, people, kind, more) => call('POST', '/api/flows', { name, connections: {}, definition: { triggers: manual, actions: asks(people, kind, more) } });
  const begin = async (flow, number) => (await call('POST', `/api/flows/${flow.id}/run`, { body: { number } })).run;
  const ended = (run) => until('the run to end', async () => {
    const seen = await call('GET', `/api/runs/${run}`);
    return seen.ended_at === null ? null : seen;
  }, 60_000);
  const said = (run) => run.actions.find((action) => action.name === 'Said')?.outputs;
  const maker = designing(ada, call);
  const mine = await make('Orders', 'ada@example.org');

  await step(1, 'the action is drawn with its fields', async () => {
    await page.goto(`${world.server.url}/flows/${mine.id}/edit`);
    await page.locator('[data-card="Ask"]').click();
    await page.getByLabel('Approval type').waitFor();
    for (const label of ['Title', 'Assigned to', 'Details']) await page.getByText(new RegExp(`^${label}`)).first().waitFor();
    same('no own responses are asked for', await page.getByText('Response options').count(), 0);
    await page.getByLabel('Approval type').selectOption({ label: 'Custom responses – wait for one response' });
    await page.getByText('Response options').first().waitFor();
  });

  await step(2, 'what is asked first and waited for later is built from the list, and carries the Approval ID', async () => {
    const made = await call('POST', '/api/flows', { name: 'In two steps', connections: {}, definition: { triggers: manual, actions: {
      Create: { type: 'OpenApiConnection', runAfter: {}, inputs: { host: { apiId: APPROVALS, connectionName: 'shared_approvals', operationId: 'CreateAnApproval' }, parameters: { approvalType: 'Basic', 'ApprovalCreationInput/title': 'Order 9', 'ApprovalCreationInput/assignedTo': 'ada@example.org;' } } },
    } } });
    await page.goto(`${world.server.url}/flows/${made.id}/edit`);
    await page.locator('[data-card="Create"]').click();
    await page.getByLabel('Approval type').waitFor();
    await maker.add('wait approval', /^Wait for an approval/);
    await maker.token(maker.box('Approval ID'), 'Approval ID');
    await button('Save').click();
    await until('the action to be saved', async () => (await call('GET', `/api/flows/${made.id}`)).definition.actions.Wait_for_an_approval);
    const saved = (await call('GET', `/api/flows/${made.id}`)).definition.actions.Wait_for_an_approval;
    same('what it waits for', saved.inputs.parameters.approvalName, "@{body('Create')?['name']}");
    const run = await begin(made, 9);
    const waits = await until('the question', async () => (await call('GET', '/api/approvals?open=true')).items.find((one) => one.title === 'Order 9'), 60_000);
    await call('POST', `/api/approvals/${waits.id}/response`, { response: 'Approve' });
    same('how it ends', (await ended(run)).status, 'Succeeded');
  });

  await step(3, 'the phone is told, and answered from the notification itself', async () => {
    page.once('dialog', (dialog) => void dialog.accept());
    await page.goto(`${world.server.url}/notifications`);
    await button('Turn on notifications').click();
    await page.getByText('This device receives notifications.').waitFor();
    const run = await begin(mine, 1);
    await until('the question', async () => (await ada.notifications()).some((one) => one.title === 'Approval: Order 1'), 60_000);
    await ada.tapNotification('Two chairs', 'answer-0');
    const seen = await ended(run);
    same('what the flow heard', [seen.status, said(seen)], ['Succeeded', 'Ada Lovelace: Approve']);
  });

  await step(4, 'the page shows what waits, takes the answer with a comment, and keeps both lists', async () => {
    const run = await begin(mine, 2);
    await page.getByRole('link', { name: /^Approvals/ }).first().click();
    await page.getByRole('link', { name: 'Order 2' }).click();
    await page.getByText('Two chairs').waitFor();
    await page.getByLabel('Comments').fill('Too dear');
    await button('Reject').click();
    await page.getByText('Your answer was sent: Reject.').waitFor();
    same('nothing is offered any more', await button('Approve').count(), 0);
    same('what the flow heard', said(await ended(run)), 'Ada Lovelace: Reject: Too dear');
    await page.goto(`${world.server.url}/approvals?side=sent`);
    await page.getByRole('list', { name: 'Sent' }).getByText('Order 2').waitFor();
    await page.getByRole('list', { name: 'Sent' }).getByText('Reject', { exact: true }).first().waitFor();
  });

  await step(5, 'two people: the second answers on a phone; a stranger sees nothing', async () => {
    await call('POST', '/api/users', { ...BOB, role: 'member' });
    const both = await make('Both', 'ada@example.org; bob@example.org', 'BasicAwaitAll');
    const run = await begin(both, 3);
    const waits = await until('the question', async () => (await call('GET', '/api/approvals?open=true')).items.find((one) => one.title === 'Order 3'), 60_000);
    await call('POST', `/api/approvals/${waits.id}/response`, { response: 'Approve' });
    const bob = await world.person('bob', { viewport: PHONE });
    await bob.goto(`/sign-in?to=/approvals/${waits.id}`);
    await bob.page.getByLabel('E-mail').fill(BOB.email);
    await bob.page.getByLabel('Password').fill(BOB.password);
    await bob.page.keyboard.press('Enter');
    await bob.page.getByRole('heading', { name: 'Order 3' }).waitFor();
    await bob.page.getByRole('button', { name: 'Approve', exact: true }).click();
    await bob.page.getByText('Your answer was sent: Approve.').waitFor();
    same('it fits the phone', await bob.page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), true);
    same('the outcome', said(await ended(run)), 'Ada Lovelace: Approve\nBob: Approve');
    const alone = await begin(mine, 4);
    const own = await until('the question', async () => (await call('GET', '/api/approvals?open=true')).items.find((one) => one.title === 'Order 4'), 60_000);
    await bob.goto(`/approvals/${own.id}`);
    await bob.page.getByText(/no approval/i).first().waitFor();
    await call('POST', `/api/runs/${alone}/cancel`);
    await until('it to be taken back', async () => (await call('GET', `/api/approvals/${own.id}`)).stage === 'withdrawn', 60_000);
    await bob.context.close();
  });

  await step(6, 'a link that is wrong says so, without signing in', async () => {
    const stranger = await world.person('stranger', { viewport: PHONE });
    await stranger.goto('/approve/apr_00000000000000000000000000.0.AAAA');
    await stranger.page.getByRole('heading', { name: 'This link does not work' }).waitFor();
    await stranger.context.close();
  });

  await step(7, 'what fails is told once, counted, and runs another flow with what failed', async () => {
    const service = await serve(() => ({ status: 500, body: { message: 'pool exhausted' } }));
    const catcher = await call('POST', '/api/flows', { name: 'Catcher', connections: {}, definition: { triggers: manual, actions: { Said: { type: 'Compose', runAfter: {}, inputs: "@{triggerBody()?['flow']?['name']}: @{triggerBody()?['error']?['message']} (@{triggerBody()?['trigger']?['body']?['number']})" } } } });
    const fails = await call('POST', '/api/flows', { name: 'Fails', connections: {}, definition: { triggers: manual, actions: { Each: { type: 'Foreach', foreach: '@createArray(1)', runAfter: {}, actions: { Call: { type: 'Http', runAfter: {}, inputs: { method: 'GET', uri: `${service.url}/`, retryPolicy: { type: 'none' } } } } } } } });
    await page.goto(`${world.server.url}/flows/${fails.id}`);
    await page.getByLabel('Notify me in the inbox and on my phone').check();
    await page.getByLabel('Run a flow with what failed').selectOption({ label: 'Catcher' });
    await page.locator('section', { hasText: 'When a run fails' }).getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved.').waitFor();
    for (const number of [5, 6, 7]) await ended(await begin(fails, number));
    const caught = await until('the other flow to have run', async () => {
      const { items } = await call('GET', `/api/runs?flow=${catcher.id}`);
      return items.length === 3 && items.every((one) => one.status === 'Succeeded') ? items : null;
    }, 60_000);
    const heard = await Promise.all(caught.map(async (one) => said(await call('GET', `/api/runs/${one.id}`))));
    same('what it was given', heard.sort(), [5, 6, 7].map((number) => `Fails: Call failed: 500 pool exhausted (${number})`));
    const told = (await call('GET', '/api/notifications?q=Fails failed')).items;
    same('how often it was told', told.length, 1);
    await service.stop();
  });

  await step(8, 'the digest is turned on for the morning', async () => {
    await page.goto(`${world.server.url}/settings/account`);
    await page.getByLabel('Send me a digest each day').check();
    await page.getByLabel('At', { exact: true }).selectOption('7');
    await page.locator('section', { hasText: 'Daily digest' }).getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved.').waitFor();
    const kept = await call('GET', '/api/account/digest');
    same('what is kept', [kept.is_on, kept.hour], [true, 7]);
  });
});
