/** Answers of the server for unit tests. Their types are those of the server's own document, so an answer that the server cannot give does not compile. */
import { http, HttpResponse, type HttpHandler } from 'msw';
import { setupServer } from 'msw/node';
import { afterAll, afterEach, beforeAll } from 'vitest';
import type { components, paths } from '../../src/api/schema';

type Content<R> = R extends { content: { 'application/json': infer Body } } ? Body : never;
type Answer<Path extends keyof paths, Method extends keyof paths[Path]> = paths[Path][Method] extends { responses: infer Responses }
  ? Content<Responses extends { 200: infer Good } ? Good : Responses extends { 201: infer Made } ? Made : never>
  : never;
type Method = 'get' | 'post' | 'put' | 'delete';

const place = (path: string) => `http://localhost:7780${path.replace(/\{(\w+)\}/g, ':$1')}`;

/** What the server answers at a path. */
export const answer = <Path extends keyof paths, M extends Method & keyof paths[Path]>(method: M, path: Path, body: Answer<Path, M>): HttpHandler =>
  http[method](place(path), () => HttpResponse.json(body as Parameters<typeof HttpResponse.json>[0]));

/** How the server refuses. */
export const refusal = (method: Method, path: keyof paths, problem: components['schemas']['Problem']): HttpHandler =>
  http[method](place(path), () => HttpResponse.json(problem, { status: problem.status, headers: { 'content-type': 'application/problem+json', 'x-request-id': problem.request_id ?? '' } }));

/** A server for the tests of one file; a question that nobody answers fails the test. */
export function mockServer(...handlers: HttpHandler[]) {
  const server = setupServer(...handlers);
  beforeAll(() => server.listen({ onUnhandledRequest: 'error' }));
  afterEach(() => server.resetHandlers());
  afterAll(() => server.close());
  return server;
}
