/** What the forms ask the server: schemas of samples, time zones, the next times of a timetable. */
import { useQuery } from '@tanstack/react-query';
import { api } from '../../../api/client';
import type { TimeZone } from '../../../api/types';
import type { Json, JsonObject } from '../../../flow-model/definition';

/** The schema of samples; what only some of them have is optional in it. */
export const schemaOf = (...samples: Json[]): Promise<Json> => api.post('/api/authoring/schema-from-samples', { body: { samples } }).then(({ schema }) => schema);

/** So many of the last requests tell what a body is like. */
const REQUESTS_MAX = 5;

/** The schema of the last requests that a flow got; null where none came, or none had a body. */
export async function schemaOfRequests(flow: string): Promise<Json> {
  const { items } = await api.get('/api/flows/{id}/events', { path: { id: flow }, query: { limit: REQUESTS_MAX } });
  const events = await Promise.all(items.map((item) => api.get('/api/flows/{id}/events/{event}', { path: { id: flow, event: item.id } })));
  const bodies = events.map((event) => event.body ?? null).filter((body) => body !== null);
  return bodies.length > 0 ? schemaOf(...bodies) : null;
}

export const useTimeZones = () => useQuery({ queryKey: ['authoring', 'time-zones'], queryFn: ({ signal }): Promise<TimeZone[]> => api.get('/api/authoring/time-zones', { signal }).then((page) => page.items), staleTime: Infinity });

/** Old times stay while new ones are on their way, so that nothing jumps while one types. */
export const useNextTimes = (recurrence: JsonObject) =>
  useQuery({
    queryKey: ['authoring', 'next-times', JSON.stringify(recurrence)],
    queryFn: ({ signal }) => api.post('/api/authoring/next-times', { body: { recurrence }, signal }),
    placeholderData: (before) => before,
    staleTime: 30_000,
    retry: false,
  });
