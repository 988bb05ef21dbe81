/** The step that a choice of the search becomes. */
import { ensureBranches } from '../../flow-model/edits';
import type { JsonObject } from '../../flow-model/definition';
import { operationStep } from '../../flow-model/host';
import type { Language } from '../../shared/language';
import type { Choice } from './SearchPanel';
import { connectionKey, type Edited } from './state';

export function stepOfChoice(choice: Choice, language: Language, edited: Edited, known: { id: string; connector: { id: string } }[]): { title: string; step: JsonObject; connections: Edited['connections'] } {
  if ('builtin' in choice) return { title: choice.builtin.title[language], step: ensureBranches(choice.builtin.step), connections: edited.connections };
  const { item } = choice;
  const connector = item.connector ?? { id: '', name: '' };
  const key = connectionKey(connector, edited.connections, known);
  const own = known.find((connection) => connection.connector.id === connector.id);
  const bound = edited.connections[key]?.connection_id ?? own?.id ?? null;
  const step = operationStep(item.kind, item.type, connector.id, key, item.operation_id ?? '');
  return { title: item.title, step, connections: { ...edited.connections, [key]: { connection_id: bound, connector_id: connector.id } } };
}
