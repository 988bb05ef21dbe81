// A person connects Stripe (pastes its secret) and Slack (its question), with nothing but what the pages say.
import { createHmac } from 'node:crypto';
import { designing } from './designing.mjs';
import { runScript, same, until } from './harness.mjs';
import { signedIn } from './sample.mjs';

const hmac = (secret, text) => createHmac('sha256', secret).update(text).digest('hex');
const now = () => String(Math.floor(Date.now() / 1000));

async function post(url, body, headers) {
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });
  return { status: answer.status, text: await answer.text() };
}

const asStripe = (url, secret, event) => {
  const at = now();
  const body = JSON.stringify(event);
  return post(url, body, { 'stripe-signature': `t=${at},v1=${hmac(secret, `${at}.${body}`)}` });
};

const asSlack = (url, secret, event) => {
  const at = now();
  const body = JSON.stringify(event);
  return post(url, body, { 'x-slack-request-timestamp': at, 'x-slack-signature': `v0=${hmac(secret, `v0:${at}:${body}`)}` });
};

await runScript('connect-services', async (world, step) => {
  const { call, cookie } = await signedIn(world.server);
  const person = await world.person('maker');
  const { page } = person;
  await person.context.addCookies([cookie]);
  const { button, see, panel, openCard } = designing(person, call);
  const deliveries = page.getByRole('region', { name: 'Deliveries', exact: true });
  const verdict = (name) => deliveries.getByRole('cell').getByText(name, { exact: true });
  const make = async (name) => {
    await person.goto('/flows/new');
    await page.getByRole('searchbox').first().fill('web request');
    await page.getByRole('option', { name: /When a web request is received/ }).or(page.getByRole('button', { name: /When a web request is received/ })).first().click();
    return name;
  };
  const save = async (name) => {
    await page.getByRole('textbox', { name: 'Name of the flow' }).or(page.locator('.name-input input')).first().fill(name);
    const { add } = designing(person, call);
    await add('compose', /Compose/);
    await button('Create flow').click();
    await page.waitForURL(/flows\/flw_\w+$/);
    return /flows\/(flw_\w+)/.exec(page.url())?.[1];
  };
  const address = async (flow) => (await call('GET', `/api/flows/${flow}`)).webhook.callback_url;
  const paste = async (secret) => {
    const field = panel().getByLabel('Signing secret', { exact: false }).first();
    await field.click();
    await field.fill(secret).catch(() => page.keyboard.insertText(secret));
  };
  let stripe;
  let slack;

  await step(1, 'a flow waits for its first call, and says so', async () => {
    await make('Payments');
    stripe = await save('Payments');
    const learn = page.getByRole('region', { name: 'Learn from the first call', exact: true });
    await see(learn.getByText(/Send a request to the address above/));
    same('nothing came', await deliveries.getByText('Nothing has come in yet.').count(), 1);
  });

  await step(2, 'the first call is shown, Stripe is recognised, and its fields become dynamic content', async () => {
    const first = await asStripe(await address(stripe), 'whsec_not_known_yet', { id: 'evt_0', type: 'ping', data: { object: { amount: 5 } } });
    same('the answer', first.status, 202);
    const learn = page.getByRole('region', { name: 'Learn from the first call', exact: true });
    await see(learn.getByText('It looks like a call of Stripe.'));
    await see(learn.getByText(/"amount": 5/));
    await button('Use these fields').click();
    await see(learn.getByText(/Saved/));
    const { definition } = await call('GET', `/api/flows/${stripe}`);
    const [trigger] = Object.values(definition.triggers);
    same('the fields', Object.keys(trigger.inputs.schema.properties).sort(), ['data', 'id', 'type']);
  });

  await step(3, 'the secret is pasted; a genuine event runs, a forged one is refused, a repeated one is known', async () => {
    await button('Set up Stripe').click();
    await page.waitForURL(/\/edit/);
    await openCard('$trigger');
    await paste('whsec_right');
    await button('Save').first().click();
    await until('the secret to be stored', async () => {
      const [trigger] = Object.values((await call('GET', `/api/flows/${stripe}`)).definition.triggers);
      return trigger.inputs['x-hookmill-secret'] !== undefined;
    });
    const url = await address(stripe);
    const event = { id: 'evt_1', type: 'charge.succeeded', data: { object: { amount: 7 } } };
    same('genuine', (await asStripe(url, 'whsec_right', event)).status, 200);
    same('again', (await asStripe(url, 'whsec_right', event)).status, 200);
    same('forged', (await asStripe(url, 'whsec_guessed', { ...event, id: 'evt_2' })).status, 401);
    await person.goto(`/flows/${stripe}`);
    await see(page.getByText('Senders are verified'));
    await see(verdict('Ran'));
    await see(verdict('Repeated'));
    await see(verdict('Refused'));
  });

  await step(4, 'a delivery is looked at, found by its text, and sent in again', async () => {
    await deliveries.getByRole('searchbox').fill('charge.succeeded');
    await until('the search', async () => (await deliveries.getByRole('row').count()) === 2);
    await deliveries.getByRole('button', { name: 'Details' }).click();
    const dialog = page.getByRole('dialog');
    await see(dialog.getByText(/"amount": 7/));
    await dialog.getByRole('button', { name: 'Replay', exact: true }).click();
    await see(deliveries.getByText('One run began.'));
  });

  await step(5, 'Slack: its question is answered, and only with the right secret', async () => {
    await make('Messages');
    const service = panel().getByRole('combobox', { name: 'Service that calls' });
    await service.click();
    await service.fill('Slack');
    await page.getByRole('option', { name: 'Slack', exact: true }).click();
    await see(panel().getByText(/Basic Information/));
    await paste('slack-secret');
    slack = await save('Messages');
    const url = await address(slack);
    const question = { type: 'url_verification', challenge: 'c-1' };
    same('forged', (await asSlack(url, 'guessed', question)).status, 401);
    same('the challenge', await asSlack(url, 'slack-secret', question), { status: 200, text: 'c-1' });
    same('an event', (await asSlack(url, 'slack-secret', { type: 'event_callback', event_id: 'Ev1', event: { text: 'hi' } })).status, 200);
    await see(verdict('Handshake'));
    await see(verdict('Ran'));
  });
});
