/** Answers of the server for unit tests. Their types are those of the server's own document, so an answer that the server cannot give does not compile. */
import { http, HttpResponse, type HttpHandler } from 'msw';
import { setupServer } from 'msw/node';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import type { Answer, Method, PathOf } from '../../src/api/operations';
import type { components } from '../../src/api/schema';

const place = (path: string) => `http://localhost:7780${path.replace(/\{(\w+)\}/g, ':$1')}`;

/** What the server answers at a path; `hear` gets what was asked. */
export const answer = <M extends Method, Path extends PathOf<M>>(method: M, path: Path, body: Answer<Path, M>, hear: (request: Request) => unknown = () => undefined): HttpHandler =>
  http[method](place(path), async ({ request }) => {
    await hear(request);
    return body === undefined ? new HttpResponse(null, { status: 204 }) : HttpResponse.json(body as Parameters<typeof HttpResponse.json>[0]);
  });

/** How the server refuses. */
export const refusal = <M extends Method>(method: M, path: PathOf<M>, problem: components['schemas']['Problem']): HttpHandler =>
  http[method](place(path), () => HttpResponse.json(problem, { status: problem.status, headers: { 'content-type': 'application/problem+json', 'x-request-id': problem.request_id ?? '' } }));

/** A server for the tests of one file; a question that nobody answers fails the test. */
export function mockServer(...handlers: HttpHandler[]) {
  const server = setupServer(...handlers);
  const unanswered: string[] = [];
  beforeAll(() =>
    server.listen({
      onUnhandledRequest: (request, print) => {
        unanswered.push(`${request.method} ${request.url}`);
        print.error();
      },
    }),
  );
  afterEach(() => {
    server.resetHandlers();
    // The page may have taken the refusal for a server that cannot be reached.
    expect(unanswered.splice(0)).toEqual([]);
  });
  afterAll(() => server.close());
  return server;
}
