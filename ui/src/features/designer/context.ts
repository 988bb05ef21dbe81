/** What the panels of the designer share: the edited flow, changing it, and what the server knows about its steps. */
import { useQueries, useQuery } from '@tanstack/react-query';
import { createContext, useCallback, useContext, useMemo } from 'react';
import { api } from '../../api/client';
import type { ConnectorListed, Flow, OperationDetail } from '../../api/types';
import { findAction, forEachAction, triggerOf, type JsonObject } from '../../flow-model/definition';
import { useConnections } from '../../shared/ConnectionPicker';
import type { CardCommands } from './cards';
import { connectorOf, hostOf, type Edited } from './state';

export interface DesignerContext {
  edited: Edited;
  edit: (edit: (held: Edited) => Edited, subject?: string) => void;
  /** The stored flow, when there is one. */
  flow: Flow | null;
  open: (name: string | null) => void;
  cards: CardCommands;
}

export const Designing = createContext<DesignerContext | null>(null);

export function useDesigner(): DesignerContext {
  const context = useContext(Designing);
  if (!context) throw new Error('only inside the designer');
  return context;
}

export { useConnections };

export const stepOf = (definition: JsonObject, name: string | null): JsonObject | null =>
  name === null ? (triggerOf(definition)?.trigger ?? null) : (findAction(definition, name)?.action ?? null);

export function useConnectors() {
  return useQuery({ queryKey: ['connectors', 'all'], queryFn: ({ signal }) => api.get('/api/connectors', { query: { limit: 200 }, signal }) });
}

/** The connector of a step, as far as it is known. */
export function useConnectorOf(connections: Edited['connections']): (step: JsonObject | null) => ConnectorListed | null {
  const known = useConnections().data;
  const connectors = useConnectors().data?.items;
  return useCallback(
    (step) => {
      const id = connectorOf(step, connections, known ?? []);
      return connectors?.find((item) => item.id === id) ?? null;
    },
    [connections, known, connectors],
  );
}

const operationQuery = (connector: string, operation: string) => ({
  queryKey: ['connectors', connector, 'operations', operation],
  queryFn: ({ signal }: { signal: AbortSignal }) => api.get('/api/connectors/{id}/operations/{operation}', { path: { id: connector, operation }, signal }),
  staleTime: 60_000,
});

/** The operation of one step, with its parameters and dynamic content. */
export function useOperation(connector: string | null, operation: string | null) {
  return useQuery({ ...operationQuery(connector ?? '', operation ?? ''), enabled: !!connector && !!operation });
}

const detailsOf = (results: { data: OperationDetail | undefined }[]): (OperationDetail | undefined)[] => results.map((result) => result.data);

/** The operations of all steps of the flow, by `connector/operation`. The same map for as long as nothing about them changes. */
export function useOperations(edited: Edited): ReadonlyMap<string, OperationDetail> {
  const known = useConnections().data;
  const { definition, connections } = edited;
  const pairs = useMemo(() => {
    const wanted = new Map<string, { connector: string; operation: string }>();
    const add = (step: JsonObject | null) => {
      const operation = hostOf(step)?.operation;
      const connector = operation ? connectorOf(step, connections, known ?? []) : null;
      if (connector && operation) wanted.set(`${connector}/${operation}`, { connector, operation });
    };
    add(triggerOf(definition)?.trigger ?? null);
    forEachAction(definition, (_, action) => add(action));
    return [...wanted.entries()];
  }, [definition, connections, known]);
  const details = useQueries({ queries: pairs.map(([, { connector, operation }]) => operationQuery(connector, operation)), combine: detailsOf });
  const keys = pairs.map(([key]) => key).join('\n');
  return useMemo(() => new Map(keys.split('\n').flatMap((key, index) => (details[index] ? [[key, details[index]] as const] : []))), [keys, details]);
}
