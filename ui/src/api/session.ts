/** Who is signed in. The answer carries the CSRF token that every change needs. */
import { queryOptions } from '@tanstack/react-query';
import { get, post, Problem, remove, setCsrfToken } from './client';
import type { Session } from './types';

function accept(session: Session): Session {
  setCsrfToken(session.csrf_token);
  return session;
}

/** The session, or null for a stranger. */
export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: ({ signal }) =>
    get<Session>('/api/session', undefined, signal)
      .then(accept)
      .catch((error: unknown) => {
        if (error instanceof Problem && error.status === 401) return null;
        throw error;
      }),
  staleTime: 5 * 60_000,
});

export const setupQuery = queryOptions({
  queryKey: ['setup'],
  queryFn: ({ signal }) => get<{ needed: boolean }>('/api/setup', undefined, signal),
  staleTime: Infinity,
});

/** The answer to signing in may leave out the token of the new session; then it is asked for. */
async function complete(answer: Partial<Session> | undefined): Promise<Session> {
  return answer?.csrf_token && answer.user ? accept(answer as Session) : accept(await get<Session>('/api/session'));
}

export const signIn = async (email: string, password: string): Promise<Session> =>
  complete(await post<Session>('/api/session', { email, password }));

export const setUp = async (form: { token: string; name: string; email: string; password: string }): Promise<Session> =>
  complete(await post<Session>('/api/setup', form));

export async function signOut(): Promise<void> {
  await remove('/api/session');
  setCsrfToken(null);
  navigator.serviceWorker?.controller?.postMessage({ type: 'forget' });
}
