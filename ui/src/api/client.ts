/** The one place that talks to the server: JSON in and out, the session's CSRF token, problems as exceptions. */
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

export interface RequestOptions {
  query?: { [name: string]: string | number | boolean | undefined | null };
  body?: unknown;
  /** Sent as it is: form data, a file, text. */
  raw?: BodyInit;
  contentType?: string;
  etag?: string | undefined;
  signal?: AbortSignal;
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

/** Sends a request to a path below `/api` and gives the parsed answer (undefined for 204). Throws {@link Problem}. */
export async function request<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
  const url = new URL(path, window.location.origin);
  for (const [name, value] of Object.entries(options.query ?? {})) {
    if (value !== undefined && value !== null && value !== '') url.searchParams.set(name, String(value));
  }
  const headers = new Headers({ Accept: 'application/json' });
  if (csrfToken && method !== 'GET') headers.set('X-CSRF-Token', csrfToken);
  if (options.etag) headers.set('If-Match', options.etag);
  let body: BodyInit | undefined = options.raw;
  if (options.body !== undefined) {
    headers.set('Content-Type', 'application/json');
    body = JSON.stringify(options.body);
  } else if (options.contentType) {
    headers.set('Content-Type', options.contentType);
  }
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      headers,
      body: body ?? null,
      credentials: 'same-origin',
      signal: options.signal ? AbortSignal.any([options.signal, timeout]) : timeout,
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Problem({ status: 0, code: timeout.aborted ? 'timeout' : 'unreachable' });
  }
  if (!response.ok) {
    const problem = await problemOf(response);
    if (response.status === 401 && !path.startsWith('/api/session')) window.dispatchEvent(new Event('hookmill:signed-out'));
    throw problem;
  }
  if (response.status === 204) return undefined as T;
  const text = await response.text();
  return (text ? JSON.parse(text) : undefined) as T;
}

export const get = <T>(path: string, query?: RequestOptions['query'], signal?: AbortSignal): Promise<T> =>
  request<T>('GET', path, { ...(query ? { query } : {}), ...(signal ? { signal } : {}) });
export const post = <T>(path: string, body?: unknown, options: RequestOptions = {}): Promise<T> =>
  request<T>('POST', path, { ...options, ...(options.raw === undefined ? { body: body ?? {} } : {}) });
export const put = <T>(path: string, body: unknown, etag?: string): Promise<T> => request<T>('PUT', path, { body, etag });
export const remove = (path: string): Promise<void> => request<void>('DELETE', path);
