/** Live updates: one event stream for the whole page; each event makes the queries about its subject stale. */
import type { QueryClient } from '@tanstack/react-query';
import { addressOf } from './client';

const SUBJECTS: { [event: string]: string[] } = {
  run: ['runs', 'flows', 'attention'],
  flow: ['flows', 'attention'],
  connection: ['connections', 'attention'],
  notification: ['notifications'],
  approval: ['approvals'],
  attention: ['attention'],
  reload: ['runs', 'flows', 'attention', 'connections', 'notifications', 'approvals'],
};

/** Bursts of events (a thousand runs a second) ask for fresh lists at most this often. */
const QUIET_MS = 400;

/** Whether a list about the subject fetches a further page. Asking for all of it again would throw that page away. */
const loadsMore = (client: QueryClient, subject: string): boolean =>
  client.getQueryCache().findAll({ queryKey: [subject] }).some(({ state }) => state.fetchStatus === 'fetching' && state.fetchMeta?.fetchMore !== undefined);

const waiting = new WeakMap<QueryClient, Set<string>>();

/** Lets the queries about some subjects be asked again, soon and together. */
export function freshen(client: QueryClient, subjects: string[]): void {
  const held = waiting.get(client);
  if (held) {
    for (const subject of subjects) held.add(subject);
    return;
  }
  const stale = new Set(subjects);
  waiting.set(client, stale);
  const flush = () => {
    waiting.delete(client);
    const later = [...stale].filter((subject) => loadsMore(client, subject));
    for (const subject of stale) if (!later.includes(subject)) void client.invalidateQueries({ queryKey: [subject] });
    if (later.length) freshen(client, later);
  };
  setTimeout(flush, QUIET_MS);
}

/** Opens the stream; gives the function that closes it. The browser connects again by itself. */
export function listen(client: QueryClient): () => void {
  if (typeof EventSource === 'undefined') return () => undefined;
  const source = new EventSource(addressOf('/api/events'));
  for (const [name, subjects] of Object.entries(SUBJECTS)) source.addEventListener(name, () => freshen(client, subjects));
  return () => source.close();
}
