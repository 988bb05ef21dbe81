/**
 * The one place that talks to the server. What may be asked, with which parameters and body, and what comes back is
 * what `schema.d.ts` says; a call that the document does not know does not compile. Problems come as exceptions.
 */
import createClient, { defaultPathSerializer, type Middleware } from 'openapi-fetch';
import type { Answer, ItemOf, ListQuery, Method, Options, Page, PagedPath, PathOf, Rest } from './operations';
import type { paths } from './schema';
import type { ProblemBody } from './types';

/** What the server said went wrong, or that it could not be reached (`code` "unreachable", status 0). */
export class Problem extends Error {
  constructor(readonly body: ProblemBody) {
    super(body.detail ?? body.title ?? body.code);
    this.name = 'Problem';
  }
  get status(): number {
    return this.body.status;
  }
  get code(): string {
    return this.body.code;
  }
}

let csrfToken: string | null = null;
/** Remembers the token that goes with every unsafe request of this session. */
export function setCsrfToken(token: string | null): void {
  csrfToken = token;
}

/** Long enough for a webhook's creation at a slow service, short enough that no spinner turns for ever. */
const TIMEOUT_MS = 90_000;

async function problemOf(response: Response): Promise<Problem> {
  const requestId = response.headers.get('x-request-id') ?? undefined;
  const text = await response.text().catch(() => '');
  try {
    const body = JSON.parse(text) as Partial<ProblemBody>;
    if (typeof body === 'object' && body !== null) {
      return new Problem({ request_id: requestId, ...body, status: response.status, code: body.code ?? `http_${response.status}` });
    }
  } catch {
    // Not a problem document: a proxy in between, or a server that is starting.
  }
  const detail = text && text.length < 300 && !text.startsWith('<') ? text : `${response.status} ${response.statusText}`.trim();
  return new Problem({ status: response.status, code: `http_${response.status}`, detail, request_id: requestId });
}

/** Asks within the time limit; no answer is a problem too, unless the asker gave up. */
async function ask(request: Request): Promise<Response> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  try {
    return await fetch(request, { signal: AbortSignal.any([request.signal, timeout]) });
  } catch (error) {
    if (request.signal.aborted) throw error;
    throw new Problem({ status: 0, code: timeout.aborted ? 'timeout' : 'unreachable' });
  }
}

const session: Middleware = {
  onRequest({ request }) {
    if (csrfToken && request.method !== 'GET') request.headers.set('X-CSRF-Token', csrfToken);
  },
  async onResponse({ response, schemaPath }) {
    if (response.ok) return;
    const problem = await problemOf(response);
    if (response.status === 401 && schemaPath !== '/api/session') window.dispatchEvent(new Event('hookmill:signed-out'));
    throw problem;
  },
};

const client = createClient<paths>({
  baseUrl: window.location.origin,
  credentials: 'same-origin',
  headers: { Accept: 'application/json' },
  fetch: ask,
  // What is not chosen is not asked for.
  querySerializer: (query) => new URLSearchParams(Object.entries(query).flatMap(([name, value]) => (value === undefined || value === null || value === '' ? [] : [[name, String(value)]]))).toString(),
  bodySerializer: (body: unknown) => (body instanceof FormData || body instanceof Blob ? body : JSON.stringify(body)),
});
client.use(session);

function formData(fields: object): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || value === null) continue;
    form.set(name, value instanceof Blob || typeof value === 'string' ? value : JSON.stringify(value));
  }
  return form;
}

/** The options of any call; the functions below say which of them a path takes. */
interface AnyOptions {
  path?: object;
  query?: object;
  etag?: string | undefined;
  body?: unknown;
  form?: object;
  file?: Blob;
  signal?: AbortSignal;
}

async function call<P extends keyof paths, M extends Method>(method: M, path: P, { path: parameters, query, etag, body, form, file, signal }: AnyOptions = {}): Promise<Answer<P, M>> {
  const headers = { ...(etag ? { 'If-Match': etag } : {}), ...(file ? { 'Content-Type': file.type || 'application/octet-stream' } : {}) };
  const request = client.request as (method: Method, path: string, init: object) => Promise<{ data?: unknown }>;
  const { data } = await request(method, path, { params: { path: parameters, query }, headers, body: form ? formData(form) : (file ?? body), signal });
  return data as Answer<P, M>;
}

/** Each call gives what the server answers, or throws a {@link Problem}. */
export const api = {
  get: <P extends PathOf<'get'>>(path: P, ...[options]: Rest<Options<P, 'get'>>) => call<P, 'get'>('get', path, options as AnyOptions),
  post: <P extends PathOf<'post'>>(path: P, ...[options]: Rest<Options<P, 'post'>>) => call<P, 'post'>('post', path, options as AnyOptions),
  put: <P extends PathOf<'put'>>(path: P, ...[options]: Rest<Options<P, 'put'>>) => call<P, 'put'>('put', path, options as AnyOptions),
  delete: <P extends PathOf<'delete'>>(path: P, ...[options]: Rest<Options<P, 'delete'>>) => call<P, 'delete'>('delete', path, options as AnyOptions),
  /** One page of a list. */
  page: <P extends PagedPath>(path: P, query: ListQuery<P>, cursor: string | undefined, signal: AbortSignal) => call<P, 'get'>('get', path, { query: { limit: 50, ...query, cursor }, signal }) as Promise<Page<ItemOf<P>>>,
};

/** The address of what the browser itself fetches: a download, a stream. */
export const addressOf = <P extends PathOf<'get'>>(path: P, ...[parameters]: Options<P, 'get'>['path'] extends object ? [parameters: Options<P, 'get'>['path']] : []): string => defaultPathSerializer(path, { ...parameters });
