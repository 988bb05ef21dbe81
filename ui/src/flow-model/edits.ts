/** Every change the designer can make, as a function from a definition to the changed definition. */
import {
  actionNames,
  actionsAt,
  branchesOf,
  findAction,
  forEachAction,
  freeName,
  isObject,
  nameOf,
  runAfterOf,
  triggerOf,
  valueAt,
  withValueAt,
  type Json,
  type JsonObject,
  type Place,
} from './definition';
import { mapStrings, renameReferences } from './references';

type Actions = { [name: string]: JsonObject };

/** Where a new action goes: at the start of a place, after an action, or beside the actions that follow one. */
export interface Position {
  place: Place;
  /** Null: first in the place. */
  after: string | null;
  /** True: the actions that follow stay where they are, and the new one runs beside them. */
  parallel?: boolean;
}

const withActions = (definition: JsonObject, place: Place, actions: Actions): JsonObject => withValueAt(definition, place, actions);

/** Puts the entry behind another one, since readers expect the order of the file to be the order of the flow. */
function inserted(actions: Actions, after: string | null, name: string, action: JsonObject): Actions {
  const result: Actions = {};
  if (after === null) result[name] = action;
  for (const [key, value] of Object.entries(actions)) {
    result[key] = value;
    if (key === after) result[name] = action;
  }
  if (!(name in result)) result[name] = action;
  return result;
}

/** What waits only for a failure is a handler of that action and stays one when something is added after it. */
const runsOnSuccess = (statuses: Json | undefined): boolean =>
  Array.isArray(statuses) && (statuses.length === 0 || statuses.some((status) => typeof status === 'string' && status.toLowerCase() === 'succeeded'));

/** Adds an action. Whatever ran after the one before it runs after the new one, unless it is a parallel branch. */
export function addAction(definition: JsonObject, position: Position, title: string, action: JsonObject): { definition: JsonObject; name: string } {
  const name = freeName(nameOf(title), actionNames(definition));
  const actions = { ...actionsAt(definition, position.place) };
  const { after } = position;
  if (!position.parallel) {
    for (const [key, other] of Object.entries(actions)) {
      const before = runAfterOf(other);
      if (after === null ? Object.keys(before).length === 0 : runsOnSuccess(before[after])) {
        const { [after ?? '']: statuses = ['Succeeded'], ...rest } = before;
        actions[key] = { ...other, runAfter: { ...rest, [name]: statuses } };
      }
    }
  }
  const runAfter: JsonObject = after === null ? {} : { [after]: ['Succeeded'] };
  return { name, definition: withActions(definition, position.place, inserted(actions, after, name, { ...action, runAfter })) };
}

/** Removes an action with everything in it; what ran after it runs after what it ran after. */
export function removeAction(definition: JsonObject, name: string): JsonObject {
  const found = findAction(definition, name);
  if (!found) return definition;
  const before = runAfterOf(found.action);
  const actions: Actions = {};
  for (const [key, other] of Object.entries(actionsAt(definition, found.place))) {
    if (key === name) continue;
    const after = runAfterOf(other);
    if (name in after) {
      const { [name]: _, ...rest } = after;
      actions[key] = { ...other, runAfter: { ...before, ...rest } };
    } else {
      actions[key] = other;
    }
  }
  return withActions(definition, found.place, actions);
}

/** Renames an action; runAfter and every expression that mentions it follow. Gives null when the name is taken or empty. */
export function renameAction(definition: JsonObject, from: string, title: string): { definition: JsonObject; name: string } | null {
  const name = nameOf(title);
  if (!title.trim() || (name !== from && actionNames(definition).has(name))) return null;
  if (name === from) return { definition, name };
  const found = findAction(definition, from);
  if (!found) return null;
  const actions: Actions = {};
  for (const [key, action] of Object.entries(actionsAt(definition, found.place))) {
    const after = runAfterOf(action);
    const moved = from in after ? { ...action, runAfter: Object.fromEntries(Object.entries(after).map(([other, statuses]) => [other === from ? name : other, statuses])) } : action;
    actions[key === from ? name : key] = moved;
  }
  const changed = withActions(definition, found.place, actions);
  return { name, definition: mapStrings(changed, (text) => renameReferences(text, from, name)) as JsonObject };
}

/** Renames the trigger. Expressions name it seldom, by `trigger()`, so only the key changes. */
export function renameTrigger(definition: JsonObject, title: string): JsonObject {
  const held = triggerOf(definition);
  if (!held || !title.trim()) return definition;
  return { ...definition, triggers: { [nameOf(title)]: held.trigger } };
}

export const setTrigger = (definition: JsonObject, title: string, trigger: JsonObject): JsonObject => ({ ...definition, triggers: { [nameOf(title)]: trigger } });

/** Changes a member of an action or, with name null, of the trigger. `undefined` removes it. */
export function setMember(definition: JsonObject, name: string | null, path: readonly string[], value: Json | undefined): JsonObject {
  if (name === null) {
    const held = triggerOf(definition);
    return held ? withValueAt(definition, ['triggers', held.name, ...path], value) : definition;
  }
  const found = findAction(definition, name);
  return found ? withValueAt(definition, [...found.place, name, ...path], value) : definition;
}

/** Replaces an action or the trigger (name null) as a whole, as the code view of a card does. */
export function replaceStep(definition: JsonObject, name: string | null, step: JsonObject): JsonObject {
  if (name === null) {
    const held = triggerOf(definition);
    return held ? withValueAt(definition, ['triggers', held.name], step) : definition;
  }
  const found = findAction(definition, name);
  return found ? withValueAt(definition, [...found.place, name], step) : definition;
}

/** Moves an action, with what is in it. Into itself is refused: the definition comes back unchanged. */
export function moveAction(definition: JsonObject, name: string, position: Position): JsonObject {
  const found = findAction(definition, name);
  if (!found || position.after === name || position.place.includes(name)) return definition;
  const { runAfter: _, ...bare } = found.action;
  const without = removeAction(definition, name);
  const added = addAction(without, position, `${name}`, bare);
  return added.definition;
}

/** Puts an action into a loop over an array, and makes its expressions speak of the loop's item. */
export function wrapInForeach(definition: JsonObject, name: string, array: string): { definition: JsonObject; loop: string } {
  const found = findAction(definition, name);
  if (!found) return { definition, loop: '' };
  const loop = freeName('Apply_to_each', actionNames(definition));
  const { runAfter, ...bare } = found.action;
  const actions: Actions = {};
  for (const [key, action] of Object.entries(actionsAt(definition, found.place))) {
    if (key === name) {
      actions[loop] = { type: 'Foreach', foreach: `@${array}`, actions: { [name]: { ...bare, runAfter: {} } }, runAfter: runAfter ?? {} };
      continue;
    }
    const after = runAfterOf(action);
    actions[key] = name in after ? { ...action, runAfter: Object.fromEntries(Object.entries(after).map(([other, statuses]) => [other === name ? loop : other, statuses])) } : action;
  }
  return { loop, definition: withActions(definition, found.place, actions) };
}

/** Which statuses of which actions an action waits for. */
export const setRunAfter = (definition: JsonObject, name: string, runAfter: { [other: string]: string[] }): JsonObject =>
  setMember(definition, name, ['runAfter'], runAfter);

export function addCase(definition: JsonObject, name: string): JsonObject {
  const found = findAction(definition, name);
  if (!found) return definition;
  const cases = isObject(found.action['cases']) ? found.action['cases'] : {};
  const key = freeName('Case', new Set(Object.keys(cases)));
  return setMember(definition, name, ['cases', key], { case: '', actions: {} });
}

/** What a copied card is on the clipboard. */
export function copied(definition: JsonObject, name: string): string | null {
  const found = findAction(definition, name);
  if (!found) return null;
  const { runAfter: _, ...action } = found.action;
  return JSON.stringify({ $hookmill: 'card', name, action }, null, 2);
}

/** Pastes what {@link copied} made, or the bare JSON of one action. Names inside are made unique, references follow. */
export function paste(definition: JsonObject, position: Position, text: string): { definition: JsonObject; name: string } | null {
  let parsed: Json;
  try {
    parsed = JSON.parse(text) as Json;
  } catch {
    return null;
  }
  if (!isObject(parsed)) return null;
  let name = 'Pasted';
  let action: Json | undefined = parsed;
  if (parsed['$hookmill'] === 'card') {
    action = parsed['action'];
    if (typeof parsed['name'] === 'string') name = parsed['name'];
  } else if (typeof parsed['type'] !== 'string') {
    const only = Object.entries(parsed);
    if (only.length !== 1 || !only[0]) return null;
    [name, action] = only[0];
  }
  if (!isObject(action) || typeof action['type'] !== 'string') return null;
  const taken = actionNames(definition);
  const wrapped: JsonObject = { actions: { [name]: action } };
  let renamed = wrapped;
  const inside: string[] = [];
  forEachAction(wrapped, (inner) => inside.push(inner));
  for (const inner of inside) {
    const free = freeName(inner, taken);
    taken.add(free);
    if (free !== inner) renamed = renameAction(renamed, inner, free)?.definition ?? renamed;
  }
  const [newName, body] = Object.entries(actionsAt(renamed, ['actions']))[0] ?? [name, action];
  return addAction(definition, position, newName, body);
}

/** Container branches that an action lacks (an If without else) are made when something is added there. */
export function ensureBranches(action: JsonObject): JsonObject {
  let result = action;
  for (const branch of branchesOf(action)) {
    if (!isObject(valueAt(result, branch.path))) result = withValueAt(result, branch.path, {});
  }
  return result;
}
