/** Which operation of which connector a step calls, and over which connection of the flow. */
import type { JsonObject } from './definition';

export interface Host {
  /** The name under which the flow speaks of the connection. */
  key: string;
  operation: string;
  api: string;
}

export function hostOf(step: JsonObject | null | undefined): Host | null {
  const inputs = step?.['inputs'];
  if (typeof inputs !== 'object' || inputs === null || Array.isArray(inputs)) return null;
  const host = inputs['host'];
  if (typeof host !== 'object' || host === null || Array.isArray(host)) return null;
  const text = (member: string) => (typeof host[member] === 'string' ? (host[member] as string) : '');
  const operation = text('operationId');
  if (!operation) return null;
  return { key: text('connectionName') || text('connectionReferenceName'), operation, api: text('apiId').split('/').pop() ?? '' };
}

/** A step that calls an operation of a connector over a connection of the flow. What asks by itself does so every five minutes, until the maker says otherwise. */
export const operationStep = (kind: 'trigger' | 'action', type: string, connector: string, key: string, operation: string): JsonObject => ({
  type,
  inputs: { host: { apiId: `/providers/Microsoft.PowerApps/apis/${connector}`, connectionName: key, operationId: operation }, parameters: {} },
  ...(kind === 'trigger' && type === 'OpenApiConnection' ? { recurrence: { frequency: 'Minute', interval: 5 } } : {}),
});
