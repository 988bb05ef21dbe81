// Services that the server talks to, as real HTTP servers of the test: one like GitHub, one like a push service.
import { createHmac, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { checkVapid, makeKeys, openMessage } from './web-push.mjs';

/** Serves on a free port; `answer` gets the request with its body and gives `{status, headers, body}`, or `html` for what is not JSON. */
export async function serve(answer) {
  const calls = [];
  const server = createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', async () => {
      const call = { method: request.method, path: request.url, headers: request.headers, body: Buffer.concat(chunks) };
      calls.push(call);
      try {
        const { status, headers = {}, body, html = '' } = await answer(call);
        response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
        response.end(body === undefined ? html : JSON.stringify(body));
      } catch (error) {
        response.writeHead(500).end(String(error?.stack ?? error));
      }
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const host = `127.0.0.1:${server.address().port}`;
  return {
    host,
    url: `http://${host}`,
    calls,
    /** `METHOD /path` of every request, from number `since` on. */
    lines: (since = 0) => calls.slice(since).map((call) => `${call.method} ${call.path}`),
    stop: () =>
      new Promise((done) => {
        server.close(done);
        server.closeAllConnections();
      }),
  };
}

/**
 * Webhooks of repositories, as GitHub has them: basic authentication, 404 for repositories that one may not manage,
 * 422 for a second webhook with the same address.
 */
export async function startGithub({ user = 'octocat', token = 'ghp_right' } = {}) {
  const hooks = new Map();
  let next = 4_711;
  const allowed = `Basic ${Buffer.from(`${user}:${token}`).toString('base64')}`;
  const service = await serve((call) => {
    if (call.headers.authorization !== allowed) return { status: 401, body: { message: 'Bad credentials', documentation_url: 'https://docs.example.com/rest' } };
    const [, owner, repo, id] = /^\/repos\/([^/]+)\/([^/]+)\/hooks(?:\/([^/]+))?$/.exec(call.path) ?? [];
    if (call.method === 'GET' && call.path === '/user/repos') return { status: 200, body: [{ name: 'Hello-World', description: 'My first repository', html_url: `${service.url}/octocat/Hello-World` }] };
    if (call.method === 'GET' && /^\/users\/[^/]+\/repos/.test(call.path)) return { status: 200, body: [{ name: 'Hello-World', full_name: 'octocat/Hello-World' }] };
    if (!owner || repo === 'missing') return { status: 404, body: { message: 'Not Found' } };
    if (call.method === 'POST' && id === undefined) {
      const form = JSON.parse(call.body.toString() || '{}');
      if (!form.config?.url) return { status: 422, body: { message: 'Validation Failed' } };
      next += 1;
      const hook = { id: next, type: 'Repository', name: form.name, active: form.active, events: form.events, config: form.config, owner, repo };
      hooks.set(String(next), hook);
      const url = `${service.url}/repos/${owner}/${repo}/hooks/${next}`;
      return { status: 201, headers: { Location: url }, body: { ...hook, url, ping_url: `${url}/pings`, config: { ...form.config } } };
    }
    if (call.method === 'DELETE' && hooks.delete(id)) return { status: 204 };
    return { status: 404, body: { message: 'Not Found' } };
  });
  return {
    ...service,
    /** The webhooks that exist now. */
    hooks: () => [...hooks.values()],
    /** Sends an event to the address of a webhook, as GitHub does; signed when a secret is given. */
    async send(hook, event, payload, { secret = hook.config.secret } = {}) {
      const body = typeof payload === 'string' ? payload : JSON.stringify(payload);
      const headers = { 'Content-Type': 'application/json', 'User-Agent': 'GitHub-Hookshot/test', 'X-GitHub-Event': event, 'X-GitHub-Delivery': randomUUID(), 'X-GitHub-Hook-ID': String(hook.id) };
      if (secret) headers['X-Hub-Signature-256'] = `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
      const response = await fetch(hook.config.url, { method: 'POST', headers, body });
      return { status: response.status, body: await response.text() };
    },
  };
}

const text = { type: 'string' };
/** What the service of {@link startHooks} says of itself. */
export const hooksDocument = (host) => ({
  swagger: '2.0',
  info: { title: 'Hook service', version: '1.0', description: 'Webhooks that are deleted by their number.' },
  host,
  basePath: '/v1',
  schemes: ['http'],
  paths: {
    '/lists': { get: { operationId: 'ListLists', summary: 'List lists', parameters: [], responses: { 200: { description: 'OK', schema: { type: 'object', properties: { lists: { type: 'array', items: { $ref: '#/definitions/List' } } } } } } } },
    '/echo': { get: { operationId: 'Echo', summary: 'Say it back', parameters: [{ name: 'say', in: 'query', required: true, ...text }], responses: { 200: { description: 'OK' } } } },
    '/odd/{thing}': { get: { operationId: 'Odd', summary: 'An odd one', parameters: [], responses: { 200: { description: 'OK' } } } },
  },
  definitions: { List: { type: 'object', properties: { id: text, name: text } } },
});
/** What Power Platform keeps beside it. */
export const hooksProperties = {
  properties: {
    connectionParameters: {},
    policyTemplateInstances: [{ templateId: 'dynamichosturl', title: 'Host of the tenant', parameters: { 'x-ms-apimTemplateParameter.urlTemplate': "https://@connectionParameters('tenant')" } }],
  },
};

/**
 * A service whose answer to the creation of a webhook has its number in the body and no `Location`. It wants a key in
 * a header, says back what it was asked, and has its document and a page that is none.
 */
export async function startHooks({ key = 'right-key' } = {}) {
  const hooks = new Map();
  const service = await serve((call) => {
    const url = new URL(call.path, service.url);
    if (url.pathname === '/openapi.json') return { status: 200, body: hooksDocument(service.host) };
    if (url.pathname === '/page') return { status: 200, headers: { 'Content-Type': 'text/html' }, html: '<!doctype html><html><body>Docs</body></html>' };
    if (call.headers['x-key'] !== key) return { status: 401, body: { error: 'wrong key' } };
    if (url.pathname === '/v1/lists') return { status: 200, body: { lists: [{ id: 'l1', name: 'Groceries' }, { id: 'l2', name: 'Ideas' }] } };
    if (url.pathname === '/v1/echo') return { status: 200, body: { query: Object.fromEntries(url.searchParams), version: call.headers['x-version'] ?? null } };
    const [, list, number] = /^\/v1\/lists\/([^/]+)\/hooks(?:\/([^/]+))?$/.exec(url.pathname) ?? [];
    if (call.method === 'POST' && list && !number) {
      const form = JSON.parse(call.body.toString() || '{}');
      const hook = { no: `h-${hooks.size + 1}`, list, target: form.target };
      hooks.set(hook.no, hook);
      return { status: 201, body: { hook: { no: hook.no } } };
    }
    if (call.method === 'DELETE' && hooks.delete(number)) return { status: 204 };
    return { status: 404, body: { error: 'not found' } };
  });
  return { ...service, hooks: () => [...hooks.values()] };
}

/** A push service: checks who sends, opens the message with the browser's keys, and hands it to that browser. */
export async function startPushService() {
  const browsers = new Map();
  const service = await serve(async (call) => {
    const browser = browsers.get(call.path);
    if (!browser) return { status: 410 };
    checkVapid(call.headers.authorization, service.url);
    if (call.headers['content-encoding'] !== 'aes128gcm' || !call.headers.ttl) return { status: 400 };
    const text = openMessage(browser.keys, call.body);
    browser.messages.push({ text, bytes: call.body.length });
    await browser.deliver(text);
    return { status: 201 };
  });
  return {
    ...service,
    /** Makes the subscription of one browser; set its `deliver` to pass messages on. */
    subscribe() {
      const path = `/send/${randomUUID()}`;
      const browser = { endpoint: service.url + path, keys: makeKeys(), messages: [], deliver: async () => {} };
      browsers.set(path, browser);
      return browser;
    },
  };
}
