// A maker's week by visible labels: what other scripts do not do. Pictures at three widths, light and dark, are in `artifacts/week`.
import { designing } from './designing.mjs';
import { runScript, same, until } from './harness.mjs';
import { signedIn, startService } from './sample.mjs';

const OPERATIONS = 200;
const WIDE = { width: 1440, height: 900 };
const SMALL = { width: 1024, height: 768 };

/** A service of many operations, as enterprise systems have them. */
const bigDocument = (host) => ({
  swagger: '2.0',
  info: { title: 'Ledger', version: '1' },
  host,
  schemes: ['http'],
  paths: Object.fromEntries(
    Array.from({ length: OPERATIONS }, (_, at) => [`/accounts/${at}`, { get: { operationId: `ReadAccount${at}`, summary: `Read account ${at}`, parameters: [], responses: { 200: { description: 'OK', schema: { type: 'object', properties: { balance: { type: 'number', 'x-ms-summary': 'Balance' } } } } } } }]),
  ),
});
const file = (name, content) => ({ name, mimeType: 'application/json', buffer: Buffer.from(JSON.stringify(content)) });
const manual = { manual: { type: 'Request', kind: 'Http', inputs: { schema: {} } } };
const compose = (inputs, after) => ({ type: 'Compose', inputs, runAfter: after ? { [after]: ['Succeeded'] } : {} });

await runScript('week', async (world, step) => {
  const service = await startService();
  const { call, cookie } = await signedIn(world.server);
  const person = await world.person('maker');
  const { page } = person;
  await person.context.addCookies([cookie]);
  const at = designing(person, call);
  const { button, box, card, see, panel, openCard, add, picker } = at;
  const field = (role, name) => panel().getByRole(role, { name, exact: true });
  /** What a page looks like at three widths, light and dark. */
  const pictures = async (name) => {
    for (const look of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme: look });
      for (const size of [WIDE, SMALL, { width: 390, height: 844 }]) {
        await page.setViewportSize(size);
        await page.waitForTimeout(150);
        await person.screenshot(`${name}-${size.width}-${look}`);
      }
    }
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize(WIDE);
  };
  let flow;
  const send = async (body) => {
    const { webhook } = await call('GET', `/api/flows/${flow}`);
    return fetch(webhook.callback_url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  };
  const ended = (count) => until(`${count} runs to end`, async () => {
    const { items } = await call('GET', `/api/runs?flow=${flow}&limit=50`);
    return items.length === count && items.every((run) => run.ended_at !== null);
  });

  await step(1, 'a request comes in; its shape is learned, and the parts of its list are mapped with their values of yesterday', async () => {
    await person.goto('/flows');
    await button('Create from blank').first().click();
    await at.pick('request', 'When a web request is received');
    await page.getByRole('textbox', { name: 'Name of the flow', exact: true }).fill('Orders');
    await add('compose', 'Compose');
    await box('Inputs').click();
    await page.keyboard.type('begun');
    flow = await at.create();
    await call('POST', `/api/flows/${flow}/on`).catch(() => undefined);
    await send({ customer: 'Kim', lines: [{ article: 'lamp', amount_due: 40 }, { article: 'desk', amount_due: 160 }] });
    await ended(1);
    await person.goto(`/flows/${flow}/edit`);
    await openCard('$trigger');
    await see(panel().getByText('Address of this flow'));
    await see(panel().getByRole('button', { name: 'Copy the address' }));
    await panel().getByRole('button', { name: 'Use the last requests as samples' }).click();
    await until('the schema', async () => (await panel().getByRole('textbox', { name: 'Request body schema' }).inputValue()).includes('amount_due'));
    await add('select', 'Select');
    await at.token(box('From'), 'Lines', 'When a web request is received');
    const map = panel().getByRole('group', { name: 'Map *' });
    await map.getByRole('button', { name: 'Add an item' }).click();
    await map.getByRole('textbox', { name: 'Map: Name 1' }).fill('what');
    await box('Map: Value 1').click();
    const article = picker().getByRole('region', { name: 'Items of the list' }).getByRole('button', { name: /article/i });
    await see(article.getByText('lamp, desk'));
    await article.click();
    await see(map.getByText('Last run: lamp'));
  });

  await step(2, 'filter, table, mail: the items are offered after the filter, and a mail without a mail server says where to set one', async () => {
    await add('filter', 'Filter array');
    await at.token(box('From'), 'Lines', 'When a web request is received');
    await box('Choose a value').click();
    await picker().getByRole('region', { name: 'Items of the list' }).getByRole('button', { name: /amount.due/i }).click();
    await field('combobox', 'Comparison').selectOption({ label: 'is greater than' });
    await box('Choose a value to compare with').fill('100');
    await add('html', 'Create HTML table');
    await box('From').click();
    await picker().getByRole('region', { name: 'Filter array' }).getByRole('button', { name: 'Body', exact: true }).click();
    await panel().getByRole('radio', { name: 'Custom' }).check();
    await box('Header 1').fill('Article');
    await box('Value 1').click();
    await picker().getByRole('region', { name: 'Items of the list' }).getByRole('button', { name: /article/i }).click();
    await add('mail', 'Send me an email notification');
    await box('To').fill('team@example.org');
    await box('Subject').fill('Large orders');
    await at.token(box('Body'), 'Body', 'Create HTML table');
    await button('Save').click();
    await see(page.getByText('Saved.'));
    await page.getByRole('button', { name: /^Flow checker/ }).click();
    await see(page.getByRole('link', { name: 'Set it under Settings → Server' }));
  });

  await step(3, 'a condition says how often it was true in the last runs, also before it is saved', async () => {
    const reads = "@first(triggerBody()?['lines'])?['amount_due']";
    await call('PUT', `/api/flows/${flow}`, {
      name: 'Orders',
      definition: {
        triggers: { manual: { type: 'Request', kind: 'Http', inputs: { schema: { type: 'object', properties: { lines: { type: 'array', items: { type: 'object', properties: { article: { type: 'string' }, amount_due: { type: 'number' } } } } } } } } },
        actions: {
          Try: {
            type: 'Scope', runAfter: {},
            actions: {
              Large: { type: 'If', runAfter: {}, expression: { and: [{ greater: [reads, 50] }] }, actions: { Yes: compose('large') }, else: { actions: { No: compose('small') } } },
              Kind: { type: 'Switch', runAfter: { Large: ['Succeeded'] }, expression: "@triggerBody()?['customer']", cases: { Case: { case: 'Kim', actions: { Known: compose('known') } } }, default: { actions: {} } },
            },
          },
        },
      },
    });
    for (const due of [10, 60, 100]) await send({ customer: 'Kim', lines: [{ article: 'lamp', amount_due: due }] });
    await ended(4);
    await person.goto(`/flows/${flow}/edit`);
    await openCard('Large');
    await see(panel().getByText('True for 2 of the last 4 runs.'));
    await box('Choose a value to compare with').fill('5');
    await see(panel().getByText('True for 4 of the last 4 runs.'));
    await panel().getByRole('button', { name: 'Add a group' }).click();
    await see(panel().getByRole('group', { name: 'Group' }));
    await pictures('condition');
  });

  await step(4, 'room: the panel is widened by keys, containers are closed and opened, and what is searched for is shown', async () => {
    await person.goto(`/flows/${flow}/edit`);
    await button('Discard').click();
    await openCard('Large');
    const edge = page.getByRole('separator', { name: 'Width of the panel' });
    const before = (await panel().boundingBox()).width;
    await edge.focus();
    for (let press = 0; press < 4; press += 1) await page.keyboard.press('ArrowLeft');
    const wide = (await panel().boundingBox()).width;
    if (wide < before + 80) throw new Error(`the panel went from ${before} to ${wide} px`);
    await page.reload();
    await openCard('Large');
    same('the width is kept', Math.round((await panel().boundingBox()).width), Math.round(wide));
    const { x, y, height } = await edge.boundingBox();
    await page.mouse.move(x + 3, y + height / 2);
    await page.mouse.down();
    await page.mouse.move(x + 63, y + height / 2, { steps: 3 });
    await page.mouse.up();
    await until('the panel to follow the mouse', async () => Math.abs((await panel().boundingBox()).width - (wide - 60)) < 4);
    await edge.dblclick();
    await button('Collapse Try').click();
    await see(button('Expand Try: 5 steps inside'));
    same('what is inside is not drawn', await card('Large').count(), 0);
    await card('Try').focus();
    await page.keyboard.press('c');
    await see(card('Large'));
    await button('Collapse all containers').click();
    await see(button('Expand Try: 5 steps inside'));
    // What is searched for is shown.
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+k');
    await at.search.fill('known');
    await panel().getByRole('button', { name: 'Known' }).first().click();
    await see(card('Known'));
    await card('Try').focus();
    await page.keyboard.press('c');
    await see(button('Expand Try: 5 steps inside'));
    await pictures('closed');
  });

  await step(5, 'usable at 1024: the canvas keeps its width beside the panel, the navigation is slim', async () => {
    await page.setViewportSize(SMALL);
    await page.evaluate(() => window.localStorage.removeItem('hookmill-slim-navigation'));
    await person.goto(`/flows/${flow}/edit`);
    await openCard('Try');
    const [canvas, navigation] = await Promise.all([page.locator('.canvas').boundingBox(), page.getByRole('navigation', { name: 'Main navigation' }).boundingBox()]);
    if (canvas.width < 500 || navigation.width > 70) throw new Error(`canvas ${canvas.width} px, navigation ${navigation.width} px`);
    same('nothing is cut off', await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), true);
    await page.setViewportSize(WIDE);
  });

  await step(6, 'a connector of two hundred operations: found by a word, and the chosen one stays in view', async () => {
    await person.goto('/connectors');
    await button('Create custom connector').click();
    await page.getByRole('menuitem', { name: 'Import OpenAPI' }).click();
    await page.getByRole('dialog').getByLabel('OpenAPI file').setInputFiles(file('ledger.json', bigDocument(service.address)));
    await see(page.getByText('200 operations', { exact: false }));
    await button('Create connector').click();
    await page.waitForURL(/connectors\/cnr_/);
    await page.getByRole('link', { name: '3. Definition' }).or(page.getByRole('tab', { name: '3. Definition' })).or(page.getByRole('button', { name: '3. Definition' })).first().click();
    await see(page.getByRole('searchbox').first());
    await page.getByRole('searchbox').first().fill('account 187');
    await page.getByRole('button', { name: /Read account 187/ }).first().click();
    await see(page.getByLabel(/Summary/).first());
    await pictures('ledger');
    await person.goto(`/flows/${flow}/edit`);
    await page.getByRole('button', { name: 'New step', exact: true }).last().click();
    await at.choose('Add an action');
    await at.search.fill('account 187');
    await panel().getByRole('button', { name: /Read account 187/ }).first().click();
    await see(card('Read_account_187'));
  });

  await step(7, 'three packages one after the other: each says what it needs, and none ends at a raw box', async () => {
    const packages = [
      ['Archive', { Keep: { type: 'Http', inputs: { method: 'GET', uri: 'https://example.org/' }, runAfter: {} } }],
      ['Mail it', { Send: { type: 'OpenApiConnection', inputs: { host: { apiId: '/providers/Microsoft.PowerApps/apis/shared_office365', connectionName: 'shared_office365', operationId: 'SendEmailV2' }, parameters: { 'emailMessage/To': 'a@example.org', 'emailMessage/Subject': 'x', 'emailMessage/Body': 'y' } }, runAfter: {} } }],
      ['Read it', { Read: { type: 'OpenApiConnection', inputs: { host: { apiId: '/providers/Microsoft.PowerApps/apis/shared_ledger', connectionName: 'shared_ledger', operationId: 'ReadAccount3' }, parameters: {} }, runAfter: {} } }],
    ];
    for (const [name, actions] of packages) {
      await person.goto('/flows/import');
      await page.getByLabel('Package or definition').setInputFiles(file(`${name}.json`, { properties: { displayName: name, definition: { triggers: manual, actions } } }));
      await see(page.getByText(/\d of \d steps work\.|All \d steps work\.|The step works\./).or(page.getByRole('progressbar')));
      const mail = page.getByRole('region', { name: 'Office365' });
      if (await mail.count()) await mail.getByLabel('Office365: what to use').selectOption({ label: 'Replace its steps by built-in ones' });
      await button('Open in the designer').click();
      await page.waitForURL(/flows\/new/);
      const [first] = Object.keys(actions);
      await openCard(first);
      same('the form is no raw box', await panel().getByRole('textbox', { name: 'inputs', exact: true }).count(), 0);
    }
  });

  await step(8, 'two users: a user is added and sees flows of nobody else', async () => {
    await call('POST', '/api/users', { name: 'Grace', email: 'grace@example.org', password: 'another long password', role: 'member' });
    const grace = await world.person('grace');
    await grace.goto('/sign-in');
    await grace.page.getByLabel(/^E-mail/).fill('grace@example.org');
    await grace.page.getByLabel(/^Password/).fill('another long password');
    await grace.page.getByRole('button', { name: 'Sign in' }).click();
    await grace.page.getByRole('heading', { name: 'Home' }).waitFor();
    await grace.goto('/flows');
    await grace.page.getByText('No flow yet').waitFor();
    await grace.goto('/settings/users');
    await grace.page.getByText('Only the owner can see users.').first().waitFor();
    await grace.context.close();
    world.people.pop();
  });

  await step(9, 'a comparison without a value names what was empty', async () => {
    await send({ customer: 'Kim', lines: [{ article: 'lamp' }] });
    await ended(5);
    const { items } = await call('GET', `/api/runs?flow=${flow}&limit=1`);
    await person.goto(`/flows/${flow}/runs/${items[0].id}`);
    await see(panel().getByText('amount_due was empty; “is greater than” needs a number.', { exact: false }).or(panel().getByText('was empty; “is greater than” needs a number.', { exact: false })));
    await pictures('failed');
  });

  await step(10, 'on a phone a run is a list of steps, with the failed one open', async () => {
    const phone = await world.person('phone', { phone: true });
    await phone.context.addCookies([cookie]);
    await phone.goto(new URL(page.url()).pathname);
    await phone.page.getByRole('list', { name: 'The run, step by step' }).waitFor();
    await phone.page.getByText('needs a number.', { exact: false }).first().waitFor();
    same('no canvas', await phone.page.locator('.canvas').count(), 0);
    return phone;
  });

  await step(11, 'settings in German, by keys alone', async () => {
    await page.evaluate(() => window.localStorage.setItem('hookmill-language', 'de'));
    await person.goto('/settings/account');
    await see(page.getByRole('heading', { name: 'Einstellungen' }));
    await page.getByRole('tab', { name: 'Konto' }).or(page.getByRole('link', { name: 'Konto' })).first().focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    await see(page.getByRole('button', { name: 'Benutzer hinzufügen' }));
    const name = page.getByLabel(/^Name/);
    await name.focus();
    await page.keyboard.type('Linus');
    await page.keyboard.press('Tab');
    await page.keyboard.type('linus@example.org');
    await page.keyboard.press('Tab');
    await page.keyboard.type('a very long password');
    await page.keyboard.press('Enter');
    await see(page.getByRole('row').filter({ hasText: 'linus@example.org' }));
    await pictures('settings');
    await person.goto('/');
    await pictures('home');
  });
  await service.stop();
});
