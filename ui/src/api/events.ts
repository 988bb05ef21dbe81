/** Live updates: one event stream for the whole page; each event makes the queries about its subject stale. */
import type { QueryClient } from '@tanstack/react-query';
import { addressOf } from './client';

const SUBJECTS: { [event: string]: string[] } = {
  run: ['runs', 'flows', 'attention'],
  flow: ['flows', 'attention'],
  connection: ['connections', 'attention'],
  notification: ['notifications'],
  attention: ['attention'],
  reload: ['runs', 'flows', 'attention', 'connections', 'notifications'],
};

/** Bursts of events (a thousand runs a second) ask for fresh lists at most this often. */
const QUIET_MS = 400;

/** Opens the stream; gives the function that closes it. The browser connects again by itself. */
export function listen(client: QueryClient): () => void {
  if (typeof EventSource === 'undefined') return () => undefined;
  const source = new EventSource(addressOf('/api/events'));
  const stale = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | null = null;
  const flush = () => {
    timer = null;
    for (const subject of stale) void client.invalidateQueries({ queryKey: [subject] });
    stale.clear();
  };
  for (const [name, subjects] of Object.entries(SUBJECTS)) {
    source.addEventListener(name, () => {
      for (const subject of subjects) stale.add(subject);
      timer ??= setTimeout(flush, QUIET_MS);
    });
  }
  return () => {
    source.close();
    if (timer) clearTimeout(timer);
  };
}
