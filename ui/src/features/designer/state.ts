/** What the designer edits, and the one function through which every change goes. */
import type { Flow, FlowConnection } from '../../api/types';
import { begin, change, redo, undo, type History } from '../../flow-model/undo';
import { emptyDefinition, type Json, type JsonObject } from '../../flow-model/definition';
import { hostOf, isOwnApi } from '../../flow-model/host';

export interface Edited {
  name: string;
  definition: JsonObject;
  connections: { [key: string]: FlowConnection };
  /** Values of the definition's parameters, and the product it was written for: kept as they came. */
  parameters?: JsonObject;
  profile?: string;
  /** What stood around the definition in an imported file. */
  envelope?: Json;
}

export const editedOf = (flow: Flow): Edited => ({ name: flow.name, definition: flow.definition ?? emptyDefinition(), connections: flow.connections ?? {}, parameters: flow.parameters, profile: flow.profile ?? 'la' });

export type Act =
  | { do: 'edit'; edit: (held: Edited) => Edited; subject?: string }
  | { do: 'undo' }
  | { do: 'redo' }
  | { do: 'reset'; edited: Edited };

export function reduce(history: History<Edited>, act: Act): History<Edited> {
  switch (act.do) {
    case 'edit':
      return change(history, act.edit(history.present), act.subject ?? null);
    case 'undo':
      return undo(history);
    case 'redo':
      return redo(history);
    case 'reset':
      return begin(act.edited);
  }
}

export { hostOf, isOwnApi };

/** The connector of a step: named by its connection, or by the API id itself. */
export function connectorOf(step: JsonObject | null | undefined, connections: Edited['connections'], known: { id: string; connector: { id: string } }[]): string | null {
  const host = hostOf(step);
  if (!host || isOwnApi(host.api)) return null;
  const binding = connections[host.key];
  const connection = known.find((item) => item.id === binding?.connection_id);
  return connection?.connector.id ?? binding?.connector_id ?? (host.api.startsWith('cnr_') ? host.api : null);
}

/** The name under which a flow speaks of a connection of this connector. */
export function connectionKey(connector: { id: string; name: string }, connections: Edited['connections'], known: { id: string; connector: { id: string } }[]): string {
  for (const [key, binding] of Object.entries(connections)) {
    const bound = binding.connector_id ?? known.find((item) => item.id === binding.connection_id)?.connector.id;
    if (bound === connector.id) return key;
  }
  const base = `shared_${connector.name.toLowerCase().replace(/[^a-z0-9]+/g, '') || 'connector'}`;
  let key = base;
  for (let number = 2; key in connections; number += 1) key = `${base}_${number}`;
  return key;
}

/** Connections that no step uses any more are not sent. */
export function usedConnections(edited: Edited): { [key: string]: { connection_id: string } } {
  const text = JSON.stringify(edited.definition);
  const used: { [key: string]: { connection_id: string } } = {};
  for (const [key, binding] of Object.entries(edited.connections)) {
    if (binding.connection_id && text.includes(JSON.stringify(key))) used[key] = { connection_id: binding.connection_id };
  }
  return used;
}
