// The wizard of a custom connector by clicks and keys: ways in, drafts, security, triggers, policies, test, code, conflicts, bad inputs.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findings } from './axe.mjs';
import { dataFile, DESKTOP, PHONE, png, runScript, same, until } from './harness.mjs';
import { signedIn } from './sample.mjs';
import { hooksDocument, hooksProperties, startHooks } from './stand-ins.mjs';

const CURL = (url) => `curl -X POST '${url}/v1/lists/{list}/hooks' -H 'Content-Type: application/json' -H 'X-Key: right-key' -H 'Authorization: Bearer abc' -d '{"target":"https://example.com/hook","kinds":["item"]}'`;

await runScript('wizard', async (world, step) => {
  const service = await startHooks();
  const { call, cookie } = await signedIn(world.server);
  const maker = await world.person('maker');
  await maker.context.addCookies([cookie]);
  const { page } = maker;
  const button = (name, exact = true) => page.getByRole('button', { name, exact });
  const tab = (name) => page.getByRole('tab', { name: new RegExp(name.replace('.', '[.]')) });
  /** A field by its label; required ones have a star. */
  const field = (name) => page.getByLabel(new RegExp(`^${name.replace(/[.()]/g, '[$&]')} ?[*]?$`)).filter({ visible: true });
  const dialog = () => page.getByRole('dialog');
  const see = (locator) => locator.first().waitFor({ state: 'visible' });
  const say = (text) => see(page.getByText(text));
  const pane = (name) => page.getByRole('region', { name, exact: true });
  const section = (name) => page.getByRole('region', { name, exact: true });
  const file = (name, content) => {
    const path = join(world.folder, name);
    writeFileSync(path, typeof content === 'string' || Buffer.isBuffer(content) ? content : JSON.stringify(content));
    return path;
  };
  const start = async (way) => {
    await maker.goto('/connectors');
    await button('Create custom connector').click();
    await page.getByRole('menuitem', { name: way }).click();
  };
  const update = async () => {
    await button('Update connector').click();
    await say(/The connector was updated/);
  };
  const idOf = async (name) => (await call('GET', '/api/connectors')).items.find((item) => item.name === name).id;
  const definition = (id) => call('GET', `/api/connectors/${id}/definition`);
  /** What a state of the wizard looks like, wide and narrow, light and dark: nothing serious for axe, nothing wider than the window. */
  const pictures = async (name) => {
    for (const [look, size] of [['light', DESKTOP], ['dark', DESKTOP], ['light', PHONE], ['dark', PHONE]]) {
      await page.emulateMedia({ colorScheme: look, reducedMotion: 'reduce' });
      await page.setViewportSize(size);
      await until('the look', () => page.evaluate((dark) => document.documentElement.style.colorScheme === (dark ? 'dark' : 'light'), look === 'dark'));
      if ((look === 'light') === (size === DESKTOP)) same(`what axe finds, ${look}`, await findings(page), []);
      same(`${name} is not wider than ${size.width} px`, await page.evaluate(() => [...document.querySelectorAll('html, main, .panel, .panel :not(.cm-editor, .cm-editor *, .fui-Combobox__expandIcon)')].filter((part) => part.scrollWidth > part.clientWidth + 1 && getComputedStyle(part).display !== 'inline' && part.clientWidth > 0).map((part) => `${part.tagName} ${part.className} ${part.scrollWidth}>${part.clientWidth}`)), []);
      await page.screenshot({ path: join(world.folder, `${name}-${look}-${size.width}.png`), animations: 'disabled' });
    }
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
    await page.setViewportSize(DESKTOP);
  };
  let id;

  await step(1, 'files that are none are told so', async () => {
    await start('Import OpenAPI');
    await dialog().getByLabel('OpenAPI file').setInputFiles(file('picture.png', png()));
    await see(dialog().getByRole('alert').getByText(/not JSON/i));
    await dialog().getByLabel('OpenAPI file').setInputFiles(file('list.json', '[1,2]'));
    await see(dialog().getByRole('alert').getByText(/not an OpenAPI document/));
    await dialog().getByLabel('OpenAPI file').setInputFiles(file('apiProperties.json', hooksProperties));
    await see(dialog().getByRole('alert').getByText(/neither "swagger" nor "paths"/));
    await dialog().getByLabel('OpenAPI file').setInputFiles([join(world.folder, 'apiProperties.json'), join(world.folder, 'picture.png')]);
    await see(dialog().getByRole('alert').getByText(/no OpenAPI document/));
  });
  await step(2, 'addresses that give none are told so', async () => {
    await start('Import from a URL');
    await dialog().getByLabel('URL of the OpenAPI file').fill('not an address');
    await dialog().getByRole('button', { name: 'Import' }).click();
    await see(dialog().getByRole('alert').getByText(/address|URL/i));
    await dialog().getByLabel('URL of the OpenAPI file').fill(`${service.url}/page`);
    await dialog().getByRole('button', { name: 'Import' }).click();
    await see(dialog().getByRole('alert').getByText(/HTML|not JSON/i));
    await dialog().getByLabel('URL of the OpenAPI file').fill(`${service.url}/nothing`);
    await dialog().getByRole('button', { name: 'Import' }).click();
    await see(dialog().getByRole('alert').getByText(/401/));
  });
  await step(3, 'an address gives a connector', async () => {
    await dialog().getByLabel('URL of the OpenAPI file').fill(`${service.url}/openapi.json`);
    await dialog().getByRole('button', { name: 'Import' }).click();
    await page.waitForURL(/connectors\/cnr_[^/]+\/general/);
    same('the host', await field('Host').inputValue(), service.host);
    same('the base path', await field('Base URL').inputValue(), '/v1');
  });
  await step(4, 'problems are counted and lead to their place', async () => {
    await see(tab('3. Definition').getByText('1'));
    await page.getByRole('button', { name: '/paths/~1odd~1{thing}/get/parameters' }).click();
    await see(tab('3. Definition').and(page.locator('[aria-selected=true]')));
    same('the operation', await field('Operation ID').inputValue(), 'Odd');
    await until('the request to have the focus', () => page.evaluate(() => document.activeElement?.id === 'op-request'));
    await tab('1. General').click();
    await field('Description').fill('What it is for.');
    await update();
    id = page.url().split('/')[4];
  });
  await step(5, 'a draft of files survives a reload', async () => {
    await start('Import OpenAPI');
    const { host: _, ...document } = { ...hooksDocument(service.host), info: { title: 'Drafted', version: '1' } };
    await dialog().getByLabel('OpenAPI file').setInputFiles([file('apiDefinition.swagger.json', document), file('apiProperties.json', hooksProperties)]);
    await say('3 operations, 0 triggers');
    await see(tab('3. Definition').getByText('1'));
    await button('/paths/~1odd~1{thing}/get/parameters').click();
    await see(page.locator('.cm-content').getByText('/odd/{thing}'));
    await tab('2. Security').click();
    await button('/host').click();
    await until('the field to have the focus', () => page.evaluate(() => document.activeElement?.id === 'connector-host'));
    await field('Host').fill(service.host);
    await field('Scheme').selectOption('http');
    const chooser = async (path) => {
      const [opened] = await Promise.all([page.waitForEvent('filechooser'), button('Upload icon').click()]);
      await opened.setFiles(path);
    };
    await chooser(file('notes.txt', 'hello'));
    await see(page.getByRole('alert').getByText(/kind that fits/));
    await chooser(file('large.png', png(400)));
    await see(page.getByRole('alert').getByText(/between 32 and 230 pixels/));
    await chooser(file('heavy.png', Buffer.concat([png(), Buffer.alloc(1024 * 1024)])));
    await see(page.getByRole('alert').getByText(/larger than 1 MB/));
    await chooser(file('broken.png', Buffer.from('no picture')));
    await see(page.getByRole('alert').getByText(/cannot be read/));
    await chooser(file('icon.png', png(64, [20, 90, 160])));
    await see(page.getByRole('img', { name: 'Icon' }).locator('img'));
    await field('Name').fill('Drafted hooks');
    await say('Saved as a draft in this browser.');
    await page.reload();
    same('the name', await field('Name').inputValue(), 'Drafted hooks');
    await see(page.getByRole('img', { name: 'Icon' }).locator('img'));
    await maker.goto('/connectors');
    await say('“Drafted hooks” is being made');
    await button('Continue').click();
  });
  await step(6, 'an API key has a label, a name and a place', async () => {
    await tab('2. Security').click();
    await field('Authentication type').selectOption({ label: 'Basic authentication' });
    await field('Parameter label of the user name').fill('Login');
    await field('Authentication type').selectOption({ label: 'API key' });
    await field('Parameter label').fill('Service key');
    await field('Parameter name').fill('X-Key');
    await field('Parameter location').selectOption('header');
    await button('Create connector').last().click();
    await page.getByText(/^The connector was created/).waitFor();
    const made = await until('the connector', async () => (await call('GET', '/api/connectors')).items.find((item) => item.name === 'Drafted hooks'));
    same('its security', made.authentication, { type: 'api_key', in: 'header', name: 'X-Key', label: 'Service key' });
    same('its icon', !!made.icon_url, true);
    await call('DELETE', `/api/connectors/${id}`);
    id = made.id;
    await page.getByRole('link', { name: 'Custom connectors', exact: true }).first().click();
    await see(page.getByRole('link', { name: 'Drafted hooks' }));
    same('no draft is left', await page.getByText('is being made').count(), 0);
  });
  await step(7, 'a Postman collection becomes actions', async () => {
    await start('Import a Postman collection');
    await dialog().getByLabel('Postman collection').setInputFiles(dataFile('hooks.postman_collection.json'));
    await say('2 operations, 0 triggers');
    same('the host', await field('Host').inputValue(), 'hooks.example.com');
    await button('Create connector').last().click();
    await page.getByText(/^The connector was created/).waitFor();
    same('its actions', (await call('GET', '/api/connectors')).items.find((item) => item.name === 'Postman hooks').actions_count, 2);
  });
  await step(8, 'a connector begins from blank', async () => {
    await start('Create from blank');
    same('it cannot be created yet', await button('Create connector').first().isDisabled(), true);
    await field('Name').fill('Blank');
    await field('Host').fill('blank.example.com');
    await tab('2. Security').click();
    await field('Authentication type').selectOption({ label: 'Basic authentication' });
    await field('Parameter label of the user name').fill('Login');
    await button('Create connector').last().click();
    await page.getByText(/^The connector was created/).waitFor();
    same('its label', (await call('GET', `/api/connectors/${await idOf('Blank')}`)).authentication.username_label, 'Login');
  });
  await step(9, 'an action that deletes hooks', async () => {
    await maker.goto(`/connectors/${id}/definition`);
    await button('New action').click();
    await field('Summary').fill('Delete a hook');
    await field('Operation ID').fill('DeleteHook');
    await button('Request: Import from sample').click();
    await dialog().getByLabel('Verb').selectOption('DELETE');
    await dialog().getByLabel('URL', { exact: true }).fill(`${service.url}/v1/lists/{list}/hooks/{number}`);
    await dialog().getByRole('button', { name: 'Import' }).click();
    await say('DELETE /lists/{list}/hooks/{number}');
    await update();
  });
  await step(10, 'a trigger from a pasted curl command', async () => {
    await button('New trigger').click();
    await field('Summary').fill('When an item is added');
    await field('Operation ID').fill('ItemAdded');
    await button('Request: Import from sample').click();
    await dialog().getByLabel('or paste a curl command').fill(CURL(service.url));
    await dialog().getByRole('button', { name: 'Import' }).click();
    await say('POST /lists/{list}/hooks');
    for (const note of [/^The header X-Key .*left out/, /^The header Authorization .*left out/, /^The header Content-Type .*left out/]) await say(note);
    same('the key is no parameter', await page.getByText('right-key').count(), 0);
    await field('Callback URL parameter').selectOption('target');
    await button('Webhook response: Import from sample').click();
    await dialog().getByLabel('Headers').fill('X-Event: item\nContent-Type: application/json');
    await dialog().getByLabel('Body').fill(JSON.stringify({ item: { id: 'i1', title: 'Milk', internal: true } }));
    await dialog().getByRole('button', { name: 'Import' }).click();
    await see(section('Webhook response').getByText('X-Event'));
    await see(section('Webhook response').getByText(/^The header Content-Type .*left out/));
    await button('Drop item.internal').click();
    await field('Title of item.title').fill('Title of the item');
  });
  await step(11, 'its parameter gets dynamic values', async () => {
    await button('Edit parameter list * · path · Text').click();
    await dialog().getByLabel('Summary').fill('List');
    await dialog().getByLabel('Description').fill('Where items are added.');
    await dialog().getByLabel('Operation that knows the values').selectOption('ListLists');
    await dialog().getByLabel('Path of the list').fill('lists');
    await dialog().getByLabel('Value path').fill('id');
    await dialog().getByLabel('Title path').fill('name');
    await pictures('parameter');
    await dialog().getByRole('button', { name: 'Save' }).click();
    await see(button('Edit parameter list * · path · Text · dynamic values'));
  });
  await step(12, 'its webhook is deleted by the operation', async () => {
    await page.getByRole('radio', { name: 'By an operation, filled from the answer to the creation' }).click();
    await say('Choose the operation that deletes the webhook.');
    await field('Operation that deletes the webhook').selectOption('DeleteHook');
    await until('the guess', async () => (await field('Value of number').inputValue()) === 'id');
    same('the list is that of the trigger', [await field('Where the value of list comes from').inputValue(), await field('Value of list').inputValue()], ['input', 'list']);
    await field('Value of number').fill('hook/no');
    await pictures('trigger');
    await update();
    const stored = (await definition(id)).paths['/lists/{list}/hooks'];
    same('the delete request', stored.post['x-hookmill-registration'], { unsubscribe: { operationId: 'DeleteHook', parameters: { list: '{inputs:list}', number: '{registration:/hook/no}' } } });
    same('the header', Object.keys(stored['x-ms-notification-content'].headers), ['X-Event']);
    same('the fields', Object.keys(stored['x-ms-notification-content'].schema.properties.item.properties), ['id', 'title']);
    same('the values', stored.post.parameters[0]['x-ms-dynamic-values'], { operationId: 'ListLists', 'value-collection': 'lists', 'value-path': 'id', 'value-title': 'name' });
    // Another edit leaves it as it is.
    await field('Description').fill('Tells of new items.');
    await update();
    same('still', (await definition(id)).paths['/lists/{list}/hooks'].post['x-hookmill-registration'].unsubscribe.operationId, 'DeleteHook');
  });
  await step(13, 'a trigger that is polled', async () => {
    await button('New trigger').click();
    await page.getByRole('radio', { name: 'Polling' }).click();
    await page.getByRole('radio', { name: 'A list of events' }).click();
    await field('Summary').fill('When lists change');
    await field('Operation ID').fill('ListsChanged');
    await button('Request: Import from sample').click();
    await dialog().getByLabel('Verb').selectOption('GET');
    await dialog().getByLabel('URL', { exact: true }).fill(`${service.url}/v1/lists/changed?since=2026`);
    await dialog().getByRole('button', { name: 'Import' }).click();
    await button('Response: Import from sample').click();
    await dialog().getByLabel('Body').fill('[{"id":"l1","name":"Groceries"}]');
    await dialog().getByRole('button', { name: 'Import' }).click();
    same('it needs no callback', await field('Callback URL parameter').count(), 0);
    await update();
    const shown = await call('GET', `/api/connectors/${id}/operations/ListsChanged`);
    same('its kind', [shown.trigger_kind, shown.mode, shown.outputs_schema.type], ['polling', 'batch', 'array']);
  });
  await step(14, 'policies: one that runs, one that does not', async () => {
    await see(pane('Policies').getByText('does not run here'));
    await button('Host of the tenant does not run here').click();
    await see(field('URL template'));
    await button('Delete policy').click();
    await dialog().getByRole('button', { name: 'Delete', exact: true }).click();
    await dialog().waitFor({ state: 'hidden' });
    await button('New policy').click();
    await field('Title').fill('Version');
    // Another template asks for other things, and gives back what both have.
    await field('Template').selectOption('routerequesttoendpoint');
    await see(field('New path'));
    await field('Template').selectOption('setheader');
    await field('Name').fill('X-Version');
    await field('Value').fill('7');
    await page.getByRole('checkbox', { name: 'Say it back' }).click();
    await pictures('policy');
    await update();
    const { items } = await call('GET', `/api/connectors/${id}/policies`);
    same('what cannot run', items.map((item) => item.fault), [null]);
    same('for which operation', items[0].instance.parameters['x-ms-apimTemplate-operationName'], ['Echo']);
  });
  await step(15, 'a shared schema is edited', async () => {
    await button('List').click();
    await field('Title of name').fill('Name of the list');
    await pictures('reference');
    await update();
    same('the title', (await definition(id)).definitions.List.properties.name['x-ms-summary'], 'Name of the list');
  });
  await step(16, 'a real call through a connection made here', async () => {
    await tab('4. Test').click();
    await button('New connection').click();
    await dialog().getByLabel('Connection name').fill('Mine');
    await dialog().getByLabel('Service key').fill('right-key');
    await dialog().getByRole('button', { name: /^(Create|Save|Add)/ }).click();
    await dialog().waitFor({ state: 'hidden' });
    await field('Operation').selectOption('Echo');
    await field('say').fill('hello world');
    await button('Test operation').click();
    await say(`GET ${service.url}/v1/echo?say=hello%20world`);
    await see(page.getByRole('status').getByText('200', { exact: true }));
    same('the policy was at work', service.calls.at(-1).headers['x-version'], '7');
    same('the key is not shown', await page.getByText('right-key').count(), 0);
    await pictures('test');
  });
  await step(17, 'a flow turns off and the webhook goes', async () => {
    const connection = (await call('GET', '/api/connections')).items[0].id;
    const host = { apiId: `/providers/Microsoft.PowerApps/apis/${id}`, connectionName: 'hooks', operationId: 'ItemAdded' };
    const flow = await call('POST', '/api/flows', { name: 'Items', definition: { triggers: { Added: { type: 'OpenApiConnectionWebhook', inputs: { host, parameters: { list: 'l1' } } } }, actions: {} }, connections: { hooks: { connection_id: connection } } });
    same('there is a webhook', service.hooks().map((hook) => hook.no), ['h-1']);
    same('nothing to warn of', flow.webhook.warning ?? null, null);
    await call('POST', `/api/flows/${flow.id}/off`, {});
    same('it is gone', [service.hooks().length, service.lines().at(-1)], [0, 'DELETE /v1/lists/l1/hooks/h-1']);
    await call('DELETE', `/api/flows/${flow.id}`);
  });
  await step(18, 'the code view marks what is broken and saves what is good', async () => {
    await tab('Code view').click();
    const editor = page.getByRole('textbox', { name: 'OpenAPI document' });
    await see(editor);
    const held = JSON.stringify(await definition(id), null, 2);
    await editor.fill(held.replace('"swagger": "2.0",', '"swagger": "2.0"'));
    await page.keyboard.press('Control+Home');
    await see(page.locator('.cm-lint-marker-error'));
    await say('The text is not valid JSON yet.');
    same('it cannot be saved', await button('Update connector').isDisabled(), true);
    await editor.fill(held.replace('"Say it back"', '"Say it back, please"').replace('#/definitions/List', '#/definitions/Lists'));
    await say('"#/definitions/Lists" is not in this document');
    await page.getByRole('button', { name: /items\/\$ref$/ }).click();
    await until('the line', () => page.evaluate(() => window.getSelection()?.toString().includes('#/definitions/Lists')));
    await see(page.locator('.cm-lint-marker-error'));
    await pictures('code');
    await button('Update connector').click();
    await see(page.getByRole('alert').getByText('connector_invalid'));
    await editor.fill(held.replace('"Say it back"', '"Say it back, please"'));
    await update();
    same('the summary', (await definition(id)).paths['/echo'].get.summary, 'Say it back, please');
  });
  await step(19, 'two tabs: the conflict is told and nothing is lost', async () => {
    await maker.goto(`/connectors/${id}/definition`);
    await button('Delete a hook').click();
    await field('Summary').fill('Delete a webhook');
    const { etag } = await call('GET', `/api/connectors/${id}`);
    await call('PUT', `/api/connectors/${id}`, { settings: { name: 'Changed elsewhere', authentication: { type: 'api_key', in: 'header', name: 'X-Key', label: 'Service key' } } }, { 'if-match': etag });
    await button('Update connector').click();
    await say('Someone else changed the connector.');
    same('what was typed is there', await field('Summary').inputValue(), 'Delete a webhook');
    await button('Save mine anyway').click();
    await say(/The connector was updated/);
    const now = await call('GET', `/api/connectors/${id}`);
    same('both changes are there', [now.name, now.operations.find((item) => item.operation_id === 'DeleteHook').summary], ['Changed elsewhere', 'Delete a webhook']);
    await field('Summary').fill('Mine');
    await call('PUT', `/api/connectors/${id}`, { settings: { name: 'Once more', authentication: now.authentication } });
    await button('Update connector').click();
    await button('Discard mine and show theirs').click();
    await see(page.getByRole('heading', { name: 'Once more' }));
    same('mine is gone', (await call('GET', `/api/connectors/${id}/operations/DeleteHook`)).summary, 'Delete a webhook');
  });
  await step(20, 'an edit is not left behind unasked', async () => {
    await button('Delete a hook', false).or(button('Delete a webhook')).first().click();
    await field('Summary').fill('Half done');
    await tab('2. Security').click();
    await tab('3. Definition').click();
    same('it waits', await field('Summary').inputValue(), 'Half done');
    let asked = '';
    page.once('dialog', (question) => {
      asked = question.message();
      void question.dismiss();
    });
    await button('Say it back, please').click();
    same('the question', asked, 'There are changes that are not saved. Leave them behind?');
    same('it stays', await field('Summary').inputValue(), 'Half done');
    page.once('dialog', (question) => void question.accept());
    await button('Say it back, please').click();
    await until('the other operation', async () => (await field('Operation ID').inputValue()) === 'Echo');
  });
  await step(21, 'the export is downloaded', async () => {
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Export' }).or(button('Export')).first().click()]);
    same('its name', /[.]zip$/.test(download.suggestedFilename()), true);
  });
  await step(22, 'what it looks like', async () => {
    for (const part of ['general', 'security', 'definition']) {
      await maker.goto(`/connectors/${id}/${part}`);
      await see(tab('1. General'));
      if (part === 'definition') await until('the policies to be read', () => button('New policy').isEnabled());
      await pictures(`step-${part}`);
    }
  });
  await service.stop();
});
