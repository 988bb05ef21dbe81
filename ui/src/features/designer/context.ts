/** What the panels of the designer share: the edited flow, changing it, and what the server knows about its steps. */
import { useQueries, useQuery } from '@tanstack/react-query';
import { createContext, useContext } from 'react';
import { api } from '../../api/client';
import type { Flow, OperationDetail } from '../../api/types';
import { findAction, forEachAction, triggerOf, type JsonObject } from '../../flow-model/definition';
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

export const stepOf = (definition: JsonObject, name: string | null): JsonObject | null =>
  name === null ? (triggerOf(definition)?.trigger ?? null) : (findAction(definition, name)?.action ?? null);

export function useConnections() {
  return useQuery({ queryKey: ['connections', 'all'], queryFn: ({ signal }) => api.get('/api/connections', { query: { limit: 200 }, signal }).then((page) => page.items) });
}

export function useConnectors() {
  return useQuery({ queryKey: ['connectors', 'all'], queryFn: ({ signal }) => api.get('/api/connectors', { query: { limit: 200 }, signal }) });
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

/** The operations of all steps of the flow, by `connector/operation`. */
export function useOperations(edited: Edited): Map<string, OperationDetail> {
  const connections = useConnections();
  const known = connections.data ?? [];
  const wanted = new Map<string, { connector: string; operation: string }>();
  const add = (step: JsonObject | null) => {
    const connector = connectorOf(step, edited.connections, known);
    const operation = hostOf(step)?.operation;
    if (connector && operation) wanted.set(`${connector}/${operation}`, { connector, operation });
  };
  add(triggerOf(edited.definition)?.trigger ?? null);
  forEachAction(edited.definition, (_, action) => add(action));
  const pairs = [...wanted.entries()];
  const results = useQueries({ queries: pairs.map(([, { connector, operation }]) => operationQuery(connector, operation)) });
  const map = new Map<string, OperationDetail>();
  pairs.forEach(([key], index) => {
    const data = results[index]?.data;
    if (data) map.set(key, data);
  });
  return map;
}
