/** Which operation of which connector a step calls, and over which connection of the flow. */
import { isObject, type JsonObject } from './definition';

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

/** What the API of a step is called, where no connector of this server is known to be it: `shared_office365` is “office365”. Empty for a step that calls none. */
export const nameOfApi = (step: JsonObject | null | undefined): string => (hostOf(step)?.api ?? '').replace(/^shared_/, '').replace(/[_-]+/g, ' ');

/** A step that calls an operation of a connector over a connection of the flow. What asks by itself does so every five minutes, until the maker says otherwise. */
export const operationStep = (kind: 'trigger' | 'action', type: string, connector: string, key: string, operation: string): JsonObject => ({
  type,
  inputs: { host: { apiId: `/providers/Microsoft.PowerApps/apis/${connector}`, connectionName: key, operationId: operation }, parameters: {} },
  ...(kind === 'trigger' && type === 'OpenApiConnection' ? { recurrence: { frequency: 'Minute', interval: 5 } } : {}),
});

/** The API under which definitions speak of the built-in notifications. */
export const NOTIFICATIONS_API = 'shared_flowpush';
/** The API under which definitions speak of approvals. */
export const APPROVALS_API = 'shared_approvals';
/** Whether the server itself is what is called, so that there is no connection to choose. */
export const isOwnApi = (api: string): boolean => api === NOTIFICATIONS_API || api === APPROVALS_API;

/** How a step calls a connector by method and path, as Logic Apps writes it: `inputs.host.connection.name` is an expression. */
export function pathCallOf(step: JsonObject | null | undefined): { key: string; method: string; path: string } | null {
  const inputs = step?.['inputs'];
  if (!isObject(inputs) || !isObject(inputs['host'])) return null;
  const connection = inputs['host']['connection'];
  if (!isObject(connection) || typeof connection['name'] !== 'string') return null;
  const named = connection['name'];
  const key = /\['\$connections'\]\s*\[\s*'([^']+)'\s*\]/.exec(named)?.[1] ?? /'\$connections'\s*\)\s*\??\[\s*'([^']+)'\s*\]/.exec(named)?.[1];
  if (!key) return null;
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  return { key, method: text(inputs['method']).toUpperCase() || 'GET', path: text(inputs['path']) };
}
