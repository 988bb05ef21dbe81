/** What the forms ask the server: schemas of samples, time zones, the next times of a timetable. */
import { useQuery } from '@tanstack/react-query';
import { api } from '../../../api/client';
import type { TimeZone } from '../../../api/types';
import type { Json, JsonObject } from '../../../flow-model/definition';

export const schemaOf = (sample: Json): Promise<Json> => api.post('/api/authoring/schema-from-samples', { body: { samples: [sample] } }).then(({ schema }) => schema);

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
