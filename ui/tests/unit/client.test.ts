/** The client: what goes with a request, what a call gives, and that calls which the document does not know do not compile. */
import { HttpResponse, http } from 'msw';
import { describe, expect, it, vi } from 'vitest';
import { addressOf, api, Problem, setCsrfToken } from '../../src/api/client';
import type { components } from '../../src/api/schema';
import { answer, mockServer, refusal } from './mock-api';

const server = mockServer();
const user = { id: 'usr_1', name: 'Ada', email: 'ada@example.com', role: 'owner' as const };
const about: components['schemas']['About'] = { version: '1', public_url: '', hooks_url: '', redirect_url: '', data: '', uptime_ms: 1, runs_ended: 0, data_bytes: 0, flows: 0, connectors: 0, connections: 0, users: 1, sends_mail: true, license: '' };
const problem = (status: number, code: string): components['schemas']['Problem'] => ({ type: `/docs/errors/${code}`, title: code, status, code, detail: 'It was refused.', fault: 'author', request_id: 'req_1' });
const refused = async (what: Promise<unknown>): Promise<Problem> => {
  const error: unknown = await what.then(() => null, (thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Problem);
  return error as Problem;
};

describe('a request', () => {
  it('fills the path in and leaves out of the query what is not chosen', async () => {
    let asked = '';
    server.use(answer('get', '/api/runs/{id}/actions/{name}/{which}', { a: 1 }, (request) => (asked = request.url)));
    expect(await api.get('/api/runs/{id}/actions/{name}/{which}', { path: { id: 'run_1', name: 'Post it/now', which: 'outputs' }, query: { index: '' } })).toEqual({ a: 1 });
    expect(asked).toBe('http://localhost:7780/api/runs/run_1/actions/Post%20it%2Fnow/outputs');
  });
  it('carries the token of the session with changes only', async () => {
    const tokens: (string | null)[] = [];
    const hear = (request: Request) => tokens.push(request.headers.get('x-csrf-token'));
    server.use(answer('get', '/api/about', about, hear), answer('put', '/api/account', user, hear), answer('delete', '/api/tokens/{id}', undefined, hear));
    setCsrfToken('abc');
    await api.get('/api/about');
    await api.put('/api/account', { body: { name: 'Ada' } });
    expect(await api.delete('/api/tokens/{id}', { path: { id: 'tok_1' } })).toBeUndefined();
    expect(tokens).toEqual([null, 'abc', 'abc']);
  });
  it('says which version a change is based on, and what kind of file it is', async () => {
    let sent: unknown;
    server.use(answer('put', '/api/connectors/{id}/icon', undefined, (request) => (sent = [request.headers.get('if-match'), request.headers.get('content-type')])));
    await api.put('/api/connectors/{id}/icon', { path: { id: 'cnr_1' }, etag: '7', file: new Blob(['picture'], { type: 'image/png' }) });
    expect(sent).toEqual(['7', 'image/png']);
  });
  it('sends files as a form, and what is no file in it as JSON', async () => {
    let sent: unknown;
    const check = { valid: true, title: '', description: '', host: '', base_path: '', scheme: '', color: '', operations: 0, triggers: [], authentication: [], policy_templates: [], diagnostics: [] };
    server.use(answer('post', '/api/connectors/check', check, async (request) => {
      expect(request.headers.get('content-type')).toMatch(/^multipart\/form-data; boundary=/);
      sent = await request.text();
    }));
    await api.post('/api/connectors/check', { form: { file: new Blob(['{}']), settings: { name: 'Forge' } } });
    expect(sent).toContain('name="settings"\r\n\r\n{"name":"Forge"}');
    expect(sent).toMatch(/name="file"; filename="/);
  });
});

describe('a refusal', () => {
  it('is a problem with the number of the request', async () => {
    server.use(refusal('get', '/api/about', problem(503, 'storage')));
    const told = await refused(api.get('/api/about'));
    expect([told.status, told.code, told.message, told.body.request_id]).toEqual([503, 'storage', 'It was refused.', 'req_1']);
  });
  it('of a proxy in between is a problem too', async () => {
    server.use(http.get('*/api/about', () => new HttpResponse('<html>', { status: 502, statusText: 'Bad Gateway' })));
    const told = await refused(api.get('/api/about'));
    expect([told.status, told.code, told.message]).toEqual([502, 'http_502', '502 Bad Gateway']);
  });
  it('of a stranger tells the page, except where it asks who is signed in', async () => {
    const told = vi.fn();
    window.addEventListener('hookmill:signed-out', told);
    server.use(refusal('get', '/api/session', problem(401, 'sign_in_required')), refusal('get', '/api/about', problem(401, 'sign_in_required')));
    await refused(api.get('/api/session'));
    expect(told).not.toHaveBeenCalled();
    await refused(api.get('/api/about'));
    expect(told).toHaveBeenCalledOnce();
    window.removeEventListener('hookmill:signed-out', told);
  });
  it('without an answer is "unreachable", unless the asker gave up', async () => {
    server.use(http.get('*/api/about', () => HttpResponse.error()));
    expect((await refused(api.get('/api/about'))).code).toBe('unreachable');
    const stop = new AbortController();
    stop.abort();
    await expect(api.get('/api/about', { signal: stop.signal })).rejects.toMatchObject({ name: 'AbortError' });
  });
});

it('addresses for the browser itself come from the document too', () => {
  expect(addressOf('/api/flows/{id}/export', { id: 'flw_1' })).toBe('/api/flows/flw_1/export');
  expect(addressOf('/api/events')).toBe('/api/events');
});

/** Never called: the type check reads it. */
export const doesNotCompile = () => [
  // @ts-expect-error There is no such path.
  api.get('/api/flow/{id}', { path: { id: 'flw_1' } }),
  // @ts-expect-error A path without its parameter.
  api.get('/api/flows/{id}'),
  // @ts-expect-error There is no such method.
  api.delete('/api/flows'),
  // @ts-expect-error No such member in the query.
  api.get('/api/flows', { query: { status: 'on' } }),
  // @ts-expect-error No such word.
  api.get('/api/flows', { query: { state: 'asleep' } }),
  // @ts-expect-error A body that lacks what is needed.
  api.post('/api/connectors/from-url', { body: {} }),
  // @ts-expect-error No such member in the body.
  api.put('/api/account', { body: { nickname: 'A' } }),
  // @ts-expect-error This path takes no body.
  api.post('/api/flows/{id}/on', { path: { id: 'flw_1' }, body: {} }),
  // @ts-expect-error This path takes no If-Match.
  api.put('/api/account', { body: {}, etag: '1' }),
  // @ts-expect-error JSON and a form at once.
  api.post('/api/connectors/check', { body: {}, form: { file: new Blob() } }),
  // @ts-expect-error An answer has no such member.
  api.get('/api/about').then((answered) => answered.release),
  // @ts-expect-error A mock answers what the server can.
  answer('get', '/api/setup', { needed: 'yes' }),
  // @ts-expect-error A mock refuses where there is a path.
  refusal('post', '/api/about', problem(400, 'x')),
  // @ts-expect-error A list that comes whole has no pages.
  api.page('/api/users', {}, undefined, new AbortController().signal),
  // @ts-expect-error An address without its parameter.
  addressOf('/api/flows/{id}/export'),
];
