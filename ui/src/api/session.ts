/** Who is signed in. The answer carries the CSRF token that every change needs. */
import { queryOptions } from '@tanstack/react-query';
import { api, Problem, setCsrfToken } from './client';
import type { Session } from './types';

function accept(session: Session): Session {
  setCsrfToken(session.csrf_token);
  return session;
}

/** The session, or null for a stranger. */
export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: ({ signal }) =>
    api.get('/api/session', { signal })
      .then(accept)
      .catch((error: unknown) => {
        if (error instanceof Problem && error.status === 401) return null;
        throw error;
      }),
  staleTime: 5 * 60_000,
});

export const setupQuery = queryOptions({
  queryKey: ['setup'],
  queryFn: ({ signal }) => api.get('/api/setup', { signal }),
  staleTime: Infinity,
});

export const signIn = async (email: string, password: string): Promise<Session> =>
  accept(await api.post('/api/session', { body: { email, password } }));

export const setUp = async (form: { token: string; name: string; email: string; password: string }): Promise<Session> =>
  accept(await api.post('/api/setup', { body: form }));

export async function signOut(): Promise<void> {
  await api.delete('/api/session');
  setCsrfToken(null);
  navigator.serviceWorker?.controller?.postMessage({ type: 'forget' });
}
