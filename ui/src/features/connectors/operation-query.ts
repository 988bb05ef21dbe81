/** One operation of a connector, as several places of the wizard ask for it. */
import { queryOptions } from '@tanstack/react-query';
import { api } from '../../api/client';

export const operationQuery = (connector: string, operation: string) =>
  queryOptions({
    queryKey: ['connectors', connector, 'operations', operation],
    queryFn: ({ signal }) => api.get('/api/connectors/{id}/operations/{operation}', { path: { id: connector, operation }, signal }),
  });
