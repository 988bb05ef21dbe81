// A server with something on it: a connector, connections, flows, runs of every kind. For pictures, checks of accessibility, and tests.
import { createServer } from 'node:http';
import { OWNER, until } from './harness.mjs';

const text = { type: 'string' };
const object = (properties, more = {}) => ({ type: 'object', properties, ...more });
const titled = (type, summary) => ({ type, 'x-ms-summary': summary });
const inPath = (name, summary) => ({ name, in: 'path', required: true, type: 'string', 'x-ms-summary': summary });

const PUSH = object({
  ref: titled('string', 'Branch'),
  compare: titled('string', 'Compare URL'),
  pusher: object({ name: titled('string', 'Pusher name'), email: titled('string', 'Pusher e-mail') }),
  repository: object({ name: titled('string', 'Repository name'), full_name: titled('string', 'Repository full name') }),
  head_commit: object({ message: titled('string', 'Commit message'), url: titled('string', 'Commit URL') }),
  commits: { type: 'array', 'x-ms-summary': 'Commits', items: object({ id: titled('string', 'Commit ID'), message: titled('string', 'Message of the commit'), author: object({ name: titled('string', 'Author name') }) }) },
});

/** A service that has webhooks, in the manner of a code forge. */
export const forgeDocument = (host) => ({
  swagger: '2.0',
  info: { title: 'Forge', version: '1.0', description: 'Repositories, pushes and issues of the team.' },
  host,
  basePath: '/',
  schemes: ['http'],
  securityDefinitions: { basic: { type: 'basic' } },
  paths: {
    '/repos/{owner}/{repo}/hooks': {
      'x-ms-notification-content': { description: 'A push', schema: PUSH },
      post: {
        operationId: 'OnPush', summary: 'When something is pushed', description: 'Starts when commits arrive in a repository.', 'x-ms-trigger': 'single',
        parameters: [
          inPath('owner', 'Owner'),
          inPath('repo', 'Repository'),
          { name: 'body', in: 'body', schema: object({
            events: { type: 'array', items: text, default: ['push'], 'x-ms-visibility': 'internal' },
            config: object({ url: { type: 'string', 'x-ms-notification-url': true, 'x-ms-visibility': 'internal' }, content_type: { type: 'string', default: 'json', 'x-ms-visibility': 'internal' } }),
          }) },
        ],
        responses: { 201: { description: 'Created' } },
      },
    },
    '/repos/{owner}/{repo}/hooks/{hook}': { delete: { operationId: 'DeleteHook', summary: 'Delete a webhook', 'x-ms-visibility': 'internal', parameters: [inPath('owner', 'Owner'), inPath('repo', 'Repository'), inPath('hook', 'Hook')], responses: { 204: { description: 'Gone' } } } },
    '/repos/{owner}/{repo}/issues': {
      post: {
        operationId: 'CreateIssue', summary: 'Create an issue', description: 'Opens an issue in a repository.',
        parameters: [
          inPath('owner', 'Owner'),
          { ...inPath('repo', 'Repository'), 'x-ms-dynamic-values': { operationId: 'ListRepositories', 'value-path': 'name', 'value-title': 'full_name' } },
          { name: 'body', in: 'body', schema: object({
            title: { type: 'string', 'x-ms-summary': 'Title' },
            body: { type: 'string', 'x-ms-summary': 'Text' },
            labels: { type: 'array', items: text, 'x-ms-summary': 'Labels' },
            priority: { type: 'string', enum: ['low', 'normal', 'high'], default: 'normal', 'x-ms-summary': 'Priority', 'x-ms-visibility': 'advanced' },
          }, { required: ['title'] }) },
        ],
        responses: { 201: { description: 'Created', schema: object({ number: titled('integer', 'Issue number'), url: titled('string', 'Issue URL') }) } },
      },
    },
    '/user/repos': {
      get: { operationId: 'ListRepositories', summary: 'List repositories', parameters: [], responses: { 200: { description: 'OK', schema: { type: 'array', items: object({ name: titled('string', 'Name'), full_name: titled('string', 'Full name') }) } } } },
    },
  },
});

/** Answers for the forge, a warehouse that is out of one article, and a report. Listens on a free port of this machine. */
export async function startService() {
  const calls = [];
  let hooks = 0;
  const server = createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      const body = Buffer.concat(parts).toString();
      calls.push({ method: request.method, path: request.url, headers: request.headers, body });
      const answer = (status, value, headers = {}) => {
        response.writeHead(status, { 'content-type': 'application/json', ...headers });
        response.end(value === undefined ? '' : JSON.stringify(value));
      };
      const path = (request.url ?? '').split('?')[0];
      if (request.method === 'POST' && path.includes('/missing/')) answer(404, { message: 'Not Found' });
      else if (request.method === 'POST' && path.endsWith('/hooks')) {
        hooks += 1;
        answer(201, { id: hooks, active: true }, { location: `http://${service.address}${path}/${hooks}` });
      } else if (request.method === 'DELETE') answer(204);
      else if (path.endsWith('/issues')) answer(201, { number: 41, url: 'https://forge.example/acme/web/issues/41' });
      else if (path === '/user/repos') answer(200, [{ name: 'web', full_name: 'acme/web' }, { name: 'api', full_name: 'acme/api' }]);
      else if (path === '/stock' && body.includes('lamp')) answer(409, { error: 'out_of_stock', article: 'lamp' });
      else if (path === '/stock') answer(200, { reserved: true });
      else if (path === '/report') answer(200, { visitors: 1284, orders: 37, revenue: 4120.5 });
      else answer(404, { message: 'Not Found' });
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const service = { address: `127.0.0.1:${server.address().port}`, calls, stop: () => new Promise((done) => server.close(done)) };
  return service;
}

/** Makes the owner of a new server; gives a caller of the API, and the cookie that signs a browser in. */
export async function signedIn({ url, setup }) {
  const owner = { token: new URL(setup).searchParams.get('token'), ...OWNER };
  const made = await fetch(`${url}/api/setup`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(owner) });
  if (!made.ok) throw new Error(`setting up: ${made.status} ${await made.text()}`);
  const cookie = (made.headers.get('set-cookie') ?? '').split(';')[0];
  const { csrf_token: csrf } = await made.json();
  const call = async (method, path, body, headers = {}) => {
    const response = await fetch(url + path, {
      method,
      headers: { cookie, 'x-csrf-token': csrf, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${answer}`);
    return answer ? JSON.parse(answer) : undefined;
  };
  const [name, value] = cookie.split('=');
  return { call, cookie: { name, value, url } };
}

const after = (name, ...statuses) => ({ runAfter: { [name]: statuses.length ? statuses : ['Succeeded'] } });
const notify = (message, more = {}) => ({
  type: 'OpenApiConnection',
  inputs: { host: { apiId: '/providers/Microsoft.PowerApps/apis/shared_flowpush', connectionName: 'shared_flowpush', operationId: 'SendNotification' }, parameters: { 'NotificationDefinition/notificationText': message } },
  runAfter: {},
  ...more,
});
const request = (schema) => ({ 'When a web request is received': { type: 'Request', kind: 'Http', inputs: { schema } } });

const ORDER = object({
  order: object({ number: text, customer: object({ name: text, email: text }) }),
  items: { type: 'array', items: object({ article: text, count: { type: 'integer' } }) },
});

export const definitions = (service, connector) => {
  const through = (operationId, parameters, more = {}) => ({ inputs: { host: { apiId: `/providers/Microsoft.PowerApps/apis/${connector}`, connectionName: 'shared_forge', operationId }, parameters }, ...more });
  const onPush = (repo) => ({ When_something_is_pushed: { type: 'OpenApiConnectionWebhook', ...through('OnPush', { owner: 'acme', repo }) } });
  return {
    pushes: {
      triggers: onPush('web'),
      actions: {
        Is_it_the_main_branch: {
          type: 'If', runAfter: {}, expression: { and: [{ equals: ["@triggerBody()?['ref']", 'refs/heads/main'] }] },
          actions: { Tell_the_team: notify("@{triggerBody()?['pusher']?['name']} pushed to @{triggerBody()?['repository']?['full_name']}: @{triggerBody()?['head_commit']?['message']}") },
          else: { actions: { Remember_the_branch: { type: 'Compose', inputs: "@triggerBody()?['ref']", runAfter: {} } } },
        },
        Open_an_issue: { type: 'OpenApiConnection', ...through('CreateIssue', { owner: 'acme', repo: 'web', 'body/title': "Review @{triggerBody()?['head_commit']?['message']}" }), ...after('Is_it_the_main_branch') },
      },
    },
    missing: { triggers: onPush('missing'), actions: { Tell_me: notify('A push') } },
    orders: {
      triggers: request(ORDER),
      actions: {
        Reserve_the_goods: {
          type: 'Scope', runAfter: {},
          actions: {
            For_each_item: {
              type: 'Foreach', foreach: "@triggerBody()?['items']", runAfter: {}, runtimeConfiguration: { concurrency: { repetitions: 1 } },
              actions: {
                Name_the_item: { type: 'Compose', inputs: "@concat(string(items('For_each_item')?['count']), ' × ', items('For_each_item')?['article'])", runAfter: {} },
                Reserve: { type: 'Http', inputs: { method: 'POST', uri: `http://${service}/stock`, headers: { 'content-type': 'application/json' }, body: "@items('For_each_item')" }, ...after('Name_the_item') },
              },
            },
          },
        },
        Confirm_the_order: notify("Order @{triggerBody()?['order']?['number']} of @{triggerBody()?['order']?['customer']?['name']} is reserved.", after('Reserve_the_goods')),
        Call_for_help: notify("Order @{triggerBody()?['order']?['number']} could not be reserved.", after('Reserve_the_goods', 'Failed', 'TimedOut')),
      },
    },
    report: {
      triggers: { Every_morning: { type: 'Recurrence', recurrence: { frequency: 'Day', interval: 1, timeZone: 'W. Europe Standard Time', schedule: { hours: ['7'] } } } },
      actions: {
        Initialize_total: { type: 'InitializeVariable', inputs: { variables: [{ name: 'total', type: 'integer', value: 0 }] }, runAfter: {} },
        Read_the_report: { type: 'Http', inputs: { method: 'GET', uri: `http://${service}/report` }, ...after('Initialize_total') },
        Send_the_report: notify("@{body('Read_the_report')?['orders']} orders, @{body('Read_the_report')?['visitors']} visitors", after('Read_the_report')),
      },
    },
    forms: {
      parameters: { Report_password: { type: 'SecureString' } },
      triggers: { Every_second_week: { type: 'Recurrence', recurrence: { frequency: 'Week', interval: 2, startTime: '2044-03-07T08:30:00', timeZone: 'W. Europe Standard Time', schedule: { weekDays: ['Monday', 'Friday'], hours: [8, 17], minutes: [30] } } } },
      actions: {
        Read_the_report: {
          type: 'Http', description: 'The figures of the last two weeks.', limit: { timeout: 'PT2M' }, runAfter: {}, runtimeConfiguration: { secureData: { properties: ['inputs'] } },
          inputs: {
            method: 'POST', uri: `http://${service}/report`, headers: { 'X-Kind': 'weekly' }, queries: { days: '14' }, body: { from: "@addDays(utcNow(), -14)" },
            authentication: { type: 'Basic', username: 'ada', password: "@parameters('Report_password')" }, retryPolicy: { type: 'exponential', count: 4, interval: 'PT7S' },
          },
        },
        Shorten: { type: 'Select', inputs: { from: "@body('Read_the_report')?['lines']", select: { article: "@item()?['article']", price: "@item()?['price']" } }, ...after('Read_the_report') },
        As_a_table: { type: 'Table', inputs: { from: "@body('Shorten')", format: 'CSV', columns: [{ header: 'Article', value: "@item()?['article']" }, { header: 'Price', value: "@item()?['price']" }] }, ...after('Shorten') },
        Where_it_goes: {
          type: 'Switch', expression: "@body('Read_the_report')?['kind']", ...after('As_a_table'),
          cases: { Weekly: { case: 'weekly', actions: { Tell_the_team: notify("@{body('As_a_table')}") } }, Yearly: { case: 'yearly', actions: {} } }, default: { actions: {} },
        },
        Say_that_it_failed: notify('No report', after('Read_the_report', 'Failed', 'TimedOut')),
      },
    },
    draft: {
      triggers: request({}),
      actions: { Use_what_is_gone: { type: 'Compose', inputs: "@{body('Removed_step')?['name']}", runAfter: {} }, Send_me_a_mobile_notification: notify('', after('Use_what_is_gone')) },
    },
  };
};

const order = (number, name, ...articles) => ({ order: { number, customer: { name, email: `${name.toLowerCase()}@example.org` } }, items: articles.map((article, index) => ({ article, count: index + 1 })) });
const push = (ref, name, message) => ({
  ref, compare: 'https://forge.example/acme/web/compare/1', pusher: { name, email: `${name.toLowerCase()}@example.org` }, repository: { name: 'web', full_name: 'acme/web' },
  head_commit: { message, url: 'https://forge.example/acme/web/commit/1' }, commits: [{ id: '1', message, author: { name } }],
});

/** Fills the server. Gives the identifiers of what it made. */
export async function fill({ call }, service) {
  const settings = { color: '#20435c', authentication: { type: 'basic', username_label: 'User name', password_label: 'Access token' } };
  const connector = await call('POST', '/api/connectors', { document: forgeDocument(service.address), settings });
  const connection = await call('POST', '/api/connections', { connector_id: connector.id, name: 'Team account', username: 'ada', password: 'secret' });
  await call('POST', '/api/connections', { connector_id: connector.id, name: 'Private account', username: 'ada-private', password: 'secret' });
  const made = definitions(service.address, connector.id);
  const connections = { shared_forge: { connection_id: connection.id } };
  const flow = (name, definition, more = {}) => call('POST', '/api/flows', { name, definition, connections: {}, ...more });
  const pushes = await flow('Tell the team about pushes', made.pushes, { connections });
  const missing = await flow('Watch the archived repository', made.missing, { connections });
  const orders = await flow('Reserve goods for orders', made.orders);
  const report = await flow('Morning report', made.report);
  const draft = await flow('Sort support requests', made.draft, { state: 'draft' });
  const forms = await flow('Report to the team', made.forms, { state: 'draft', parameters: { Report_password: 'secret' } });
  const run = async (id, body) => (await call('POST', `/api/flows/${id}/run`, { body })).run;
  for (const [ref, name, message] of [['refs/heads/main', 'Grace', 'Show prices with tax'], ['refs/heads/feature/cart', 'Linus', 'Try a smaller cart'], ['refs/heads/main', 'Ada', 'Mend the login on phones'], ['refs/heads/main', 'Edsger', 'Remove what nobody calls']]) await run(pushes.id, push(ref, name, message));
  const good = await run(orders.id, order('2026-114', 'Grace', 'chair', 'table', 'shelf'));
  const bad = await run(orders.id, order('2026-115', 'Linus', 'chair', 'table', 'lamp', 'shelf'));
  for (let index = 0; index < 8; index += 1) await run(orders.id, order(`2026-${116 + index}`, index % 3 ? 'Ada' : 'Edsger', index === 5 ? 'lamp' : 'chair', 'table'));
  await run(report.id, {});
  await call('POST', `/api/flows/${report.id}/off`);
  await call('POST', '/api/tokens', { name: 'Deployment script' });
  await call('POST', '/api/users', { name: 'Grace Hopper', email: 'grace@example.org', password: 'another long password', role: 'member' });
  await until('the runs to end', async () => (await call('GET', '/api/runs?limit=50')).items.every((item) => item.status !== 'Running'));
  const hookRun = (await call('GET', `/api/runs?flow=${missing.id}`)).items[0];
  return { connector: connector.id, connection: connection.id, flows: { pushes: pushes.id, missing: missing.id, orders: orders.id, report: report.id, draft: draft.id, forms: forms.id }, runs: { good, bad, webhook: hookRun?.id } };
}
