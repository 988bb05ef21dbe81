// Messages for people: they arrive, are cut where they are long, lead to their run and count as read, also without a
// network; the inbox is searched and paged; devices are named, tested and removed; what stands in the way is said.
import { runScript, same, until } from './harness.mjs';
import { signedIn } from './sample.mjs';

const MANY = 120;
const LONG = `It begins here. ${'A long story. '.repeat(700)}It ends here.`;
const notify = (parameters) => ({
  type: 'OpenApiConnection', runAfter: {},
  inputs: { host: { apiId: '/providers/Microsoft.PowerApps/apis/shared_flowpush', connectionName: 'shared_flowpush', operationId: 'SendNotification' }, parameters },
});
const manual = { manual: { type: 'Request', kind: 'Http', inputs: { schema: {} } } };

/** Keeps what the page tells the system's badge. */
function keepBadge() {
  window.badge = null;
  navigator.setAppBadge = async (count) => void (window.badge = count);
  navigator.clearAppBadge = async () => void (window.badge = 0);
}

await runScript('notifications', async (world, step) => {
  const { call, cookie } = await signedIn(world.server);
  const ada = await world.person('ada');
  const { page } = ada;
  await ada.context.addCookies([cookie]);
  await ada.context.addInitScript(keepBadge);
  const flow = await call('POST', '/api/flows', {
    name: 'Tells', connections: {},
    definition: { triggers: manual, actions: { Tell: notify({ 'NotificationDefinition/notificationText': "@triggerBody()?['text']", 'NotificationDefinition/notificationLink/uri': "@triggerBody()?['link']" }) } },
  });
  const tell = async (text, link = '') => (await call('POST', `/api/flows/${flow.id}/run`, { body: { text, link } })).run;
  const item = (text) => page.locator('.inbox > li').filter({ hasText: text });
  const inbox = async (query = '') => call('GET', `/api/notifications?limit=500${query}`);
  const readAt = async (text) => (await inbox()).items.find((one) => one.text.includes(text))?.read_at;
  const button = (name) => page.getByRole('button', { name, exact: true });

  await step(1, 'turned on after a tap, never before; the device has a name', async () => {
    await page.goto(`${world.server.url}/notifications`);
    await page.getByText('Get notifications on this device').waitFor();
    await button('Turn on notifications').click();
    await page.getByText('This device receives notifications.').waitFor();
    await page.getByText(/^Chrome · Linux$/).waitFor();
  });

  await step(2, 'a device is tested and renamed', async () => {
    await page.getByRole('button', { name: /^Test: / }).click();
    await until('the test message', async () => (await ada.notifications()).some((one) => one.body === 'This device gets notifications.'));
    await page.getByRole('button', { name: /^Rename: / }).click();
    await page.getByLabel('Name of the device').fill('The laptop');
    await page.keyboard.press('Enter');
    await page.getByText('The laptop', { exact: true }).waitFor();
    same('the name at the server', (await call('GET', '/api/devices')).items[0].name, 'The laptop');
  });

  await step(3, 'a tap opens the run, and the message counts as read', async () => {
    await button('Mark all as read').click();
    const run = await tell('The build is green');
    await until('the notification', async () => (await ada.notifications()).some((one) => one.body === 'The build is green'));
    await until('the badge', () => page.evaluate(() => window.badge === 1));
    await page.getByRole('link', { name: /^Notifications/ }).getByText('1').first().waitFor();
    await ada.tapNotification('The build is green');
    await page.waitForURL((url) => url.pathname.endsWith(`/runs/${run}`));
    await until('it to be read at the server', () => readAt('The build is green'));
    await until('the badge to be gone', () => page.evaluate(() => window.badge === 0));
  });

  await step(4, 'a message with a link counts as read, too', async () => {
    await tell('Look at this', 'https://example.com/look');
    await until('the notification', async () => (await ada.notifications()).some((one) => one.body === 'Look at this'));
    same('where it leads', (await ada.notifications()).find((one) => one.body === 'Look at this').data.target, 'https://example.com/look');
    await ada.tapNotification('Look at this');
    await until('it to be read at the server', () => readAt('Look at this'));
  });

  await step(5, 'a long text is cut on the way; the inbox has the rest', async () => {
    await tell(LONG);
    const shown = await until('the notification', async () => (await ada.notifications()).find((one) => one.body.startsWith('It begins here.')));
    if (!shown.body.endsWith('…') || shown.body.includes('It ends here.')) throw new Error(`the notification ends with ${shown.body.slice(-40)}`);
    const sizes = ada.push.messages.map((message) => message.bytes);
    if (Math.max(...sizes) > 4_096) throw new Error(`a message has ${Math.max(...sizes)} bytes`);
    await page.goto(`${world.server.url}/notifications`);
    same('not all of it at once', await item('It begins here.').getByText('It ends here.').count(), 0);
    await item('It begins here.').getByRole('button', { name: 'Show all of it' }).click();
    await item('It begins here.').getByText('It ends here.').waitFor();
  });

  await step(6, 'without a network: the inbox opens, a message is read here and told to the server later', async () => {
    await tell('Read me in the tunnel');
    await tell('Tap me in the tunnel');
    await item('Tap me in the tunnel').waitFor();
    await until('both to be kept', () => page.evaluate(async () => (await (await caches.match('/api/notifications?limit=50')).text()).includes('Tap me in the tunnel')));
    await ada.context.setOffline(true);
    await page.reload();
    await item('Read me in the tunnel').getByRole('button', { name: 'Mark as read' }).click();
    await until('the kept inbox to know', () => page.evaluate(async () => (await (await caches.match('/api/notifications?limit=50')).json()).items.find((one) => one.text === 'Read me in the tunnel').read_at));
    await ada.tapNotification('Tap me in the tunnel');
    await until('the kept inbox to know', () => page.evaluate(async () => (await (await caches.match('/api/notifications?limit=50')).json()).items.find((one) => one.text === 'Tap me in the tunnel').read_at));
    same('the server does not know', [await readAt('Read me in the tunnel'), await readAt('Tap me in the tunnel')], [null, null]);
    await ada.context.setOffline(false);
    await page.goto(`${world.server.url}/notifications`);
    await until('the server to know of the first', () => readAt('Read me in the tunnel'));
    await until('the server to know of the second', () => readAt('Tap me in the tunnel'));
  });

  await step(7, 'the inbox by page, searched, and only what is not read', async () => {
    for (let number = 0; number < MANY; number += 1) await tell(`Message number ${number}`);
    await until('all to be there', async () => (await inbox()).items.length >= MANY);
    await page.goto(`${world.server.url}/notifications`);
    const items = page.locator('.inbox > li');
    await until('the first page', async () => (await items.count()) === 50);
    await items.first().focus();
    await page.keyboard.press('End');
    await page.keyboard.press('Enter');
    await until('two pages', async () => (await items.count()) === 100);
    await page.keyboard.press('/');
    await page.keyboard.type('NUMBER 11');
    await until('11 and 110 to 119', async () => (await items.count()) === 11);
    same('the address', new URL(page.url()).searchParams.get('q'), 'NUMBER 11');
    await items.first().getByRole('button', { name: 'Mark as read' }).click();
    await page.getByRole('switch', { name: 'Unread only' }).click();
    await until('one fewer', async () => (await items.count()) === 10);
    await page.getByRole('searchbox').fill('nobody wrote this');
    await page.getByText('No notification fits').waitFor();
    await button('Show all notifications').click();
    await until('all again', async () => (await items.count()) >= 50);
  });

  await step(8, 'a device that is removed gets nothing more', async () => {
    await page.getByRole('button', { name: 'Remove: The laptop' }).click();
    await page.getByText('No device receives notifications yet.').waitFor();
    const before = ada.push.messages.length;
    await tell('For nobody’s phone');
    await item('For nobody’s phone').waitFor();
    same('messages at the push service', ada.push.messages.length, before);
  });

  await step(9, 'an address without https and an iPhone are told what they need', async () => {
    const plain = await world.person('plain');
    await plain.context.addCookies([cookie]);
    await plain.context.addInitScript(() => Object.defineProperty(window, 'isSecureContext', { value: false }));
    await plain.goto('/settings/devices');
    await plain.page.getByText('only on addresses that begin with https://').waitFor();
    const phone = await world.person('iphone', { phone: true });
    await phone.context.addCookies([cookie]);
    await phone.context.addInitScript(() => {
      Object.defineProperty(navigator, 'userAgent', { value: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1' });
      delete window.PushManager;
    });
    await phone.goto('/notifications');
    await phone.page.getByText('first add Hookmill to the home screen').waitFor();
    return phone;
  });
});
