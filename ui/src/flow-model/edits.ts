/** Every change the designer can make, as a function from a definition to the changed definition. */
import {
  actionNames,
  actionsAt,
  branchesOf,
  containersOf,
  findAction,
  forEachAction,
  freeName,
  isObject,
  nameOf,
  runAfterOf,
  triggerOf,
  valueAt,
  withValueAt,
  type Found,
  type Json,
  type JsonObject,
  type Place,
} from './definition';
import { isSameName } from './language';
import { hasCircle, lastOf } from './order';
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

/** Puts actions that hang together at a position. Whatever ran after the one before them runs after the last of them, unless it is a parallel branch. */
function insertGroup(definition: JsonObject, position: Position, group: Actions): JsonObject {
  let actions: Actions = { ...actionsAt(definition, position.place) };
  const { after } = position;
  const ends = lastOf(group);
  if (!position.parallel) {
    for (const [key, other] of Object.entries(actions)) {
      const earlier = runAfterOf(other);
      if (after === null ? Object.keys(earlier).length === 0 : runsOnSuccess(earlier[after])) {
        const { [after ?? '']: statuses = ['Succeeded'], ...rest } = earlier;
        actions[key] = { ...other, runAfter: { ...rest, ...Object.fromEntries(ends.map((end) => [end, statuses])) } };
      }
    }
  }
  let behind = after;
  for (const [name, action] of Object.entries(group)) {
    const isFirst = Object.keys(runAfterOf(action)).length === 0;
    actions = inserted(actions, behind, name, isFirst ? { ...action, runAfter: after === null ? {} : { [after]: ['Succeeded'] } } : action);
    behind = name;
  }
  return withActions(definition, position.place, actions);
}

/** Adds an action under the first name for its title that is free. */
export function addAction(definition: JsonObject, position: Position, title: string, action: JsonObject): { definition: JsonObject; name: string } {
  const name = freeName(nameOf(title), actionNames(definition));
  return { name, definition: insertGroup(definition, position, { [name]: { ...action, runAfter: {} } }) };
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

/** Gives an action another name; runAfter and every expression that mentions it follow. */
export function renamedAs(definition: JsonObject, from: string, to: string): JsonObject {
  const found = findAction(definition, from);
  const place = found && valueAt(definition, found.place);
  if (!found || !isObject(place) || from === to) return definition;
  const actions: JsonObject = {};
  for (const [key, action] of Object.entries(place)) {
    const after = isObject(action) ? runAfterOf(action) : {};
    const follows = Object.keys(after).some((other) => isSameName(other, from));
    const moved = follows && isObject(action) ? { ...action, runAfter: Object.fromEntries(Object.entries(after).map(([other, statuses]) => [isSameName(other, from) ? to : other, statuses])) } : action;
    actions[key === found.name ? to : key] = moved;
  }
  return mapStrings(withValueAt(definition, found.place, actions), (text) => renameReferences(text, from, to)) as JsonObject;
}

/** Renames an action to what a person typed. Gives null when the name is taken or empty. */
export function renameAction(definition: JsonObject, from: string, title: string): { definition: JsonObject; name: string } | null {
  const name = nameOf(title);
  const taken = findAction(definition, name);
  if (!title.trim() || (taken && taken.name !== from) || !findAction(definition, from)) return null;
  return { name, definition: renamedAs(definition, from, name) };
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

/** Without those that are inside of others: these come along anyway. */
function outermost(definition: JsonObject, names: readonly string[]): { name: string; found: Found }[] {
  const chosen = new Set(names);
  const result: { name: string; found: Found }[] = [];
  forEachAction(definition, (name, action, place) => {
    if (chosen.has(name) && !containersOf(place).some((container) => chosen.has(container))) result.push({ name, found: { name, place, action } });
  });
  return result;
}

/** Actions cut free of what is around them: they run after each other as before, and after nothing else. */
function groupOf(definition: JsonObject, names: readonly string[]): Actions {
  const chosen = outermost(definition, names);
  const kept = new Map(chosen.map(({ name, found }) => [name, found.place.join('/')]));
  return Object.fromEntries(
    chosen.map(({ name, found }) => {
      const own = found.place.join('/');
      const runAfter = Object.fromEntries(Object.entries(runAfterOf(found.action)).filter(([other]) => kept.get(other) === own));
      return [name, { ...found.action, runAfter }];
    }),
  );
}

export const removeActions = (definition: JsonObject, names: readonly string[]): JsonObject =>
  outermost(definition, names).reduce((held, { name }) => removeAction(held, name), definition);

/** Moves actions, with what is in them. Into or behind themselves is refused: the definition comes back unchanged. */
export function moveActions(definition: JsonObject, names: readonly string[], position: Position): JsonObject {
  const group = groupOf(definition, names);
  const moved = Object.keys(group);
  if (moved.length === 0 || containersOf(position.place).some((container) => moved.includes(container))) return definition;
  if (position.after !== null && moved.includes(position.after)) return definition;
  return insertGroup(removeActions(definition, moved), position, group);
}

/** Puts actions of one place into a scope of their own. Null when another action runs between them, since that would make a circle. */
export function wrapInScope(definition: JsonObject, names: readonly string[], title: string): { definition: JsonObject; name: string } | null {
  const chosen = outermost(definition, names);
  const place = chosen[0]?.found.place;
  if (!place || chosen.some(({ found }) => found.place.join('/') !== place.join('/'))) return null;
  const inside = new Set(chosen.map(({ name }) => name));
  const scope = freeName(nameOf(title), actionNames(definition));
  const before: JsonObject = {};
  const actions: Actions = {};
  for (const [name, action] of Object.entries(actionsAt(definition, place))) {
    const after = runAfterOf(action);
    if (inside.has(name)) {
      for (const [other, statuses] of Object.entries(after)) if (!inside.has(other)) before[other] = statuses;
      if (!(scope in actions)) actions[scope] = {};
      continue;
    }
    const outer = Object.entries(after).filter(([other]) => !inside.has(other));
    const waits = Object.entries(after).find(([other]) => inside.has(other));
    actions[name] = waits ? { ...action, runAfter: { ...Object.fromEntries(outer), [scope]: waits[1] } } : action;
  }
  actions[scope] = { type: 'Scope', actions: groupOf(definition, [...inside]), runAfter: before };
  return hasCircle(actions) ? null : { name: scope, definition: withActions(definition, place, actions) };
}

/** Puts an action into a loop over an array, and makes its expressions speak of the loop's item. */
export function wrapInForeach(definition: JsonObject, name: string, array: string, title = 'Apply to each'): { definition: JsonObject; loop: string } {
  const found = findAction(definition, name);
  if (!found) return { definition, loop: '' };
  const loop = freeName(nameOf(title), actionNames(definition));
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

/** Pretends an outcome instead of performing an action; null performs it again. The outcomes stand beside the actions, by name. */
export function setStaticResult(definition: JsonObject, name: string, result: JsonObject | null): JsonObject {
  const path = ['runtimeConfiguration', 'staticResult'];
  const known = valueAt(findAction(definition, name)?.action, [...path, 'name']);
  const key = typeof known === 'string' ? known : freeName(`${name}0`, new Set(Object.keys(isObject(definition['staticResults']) ? definition['staticResults'] : {})));
  if (result === null) {
    const without = setMember(withValueAt(definition, ['staticResults', key], undefined), name, path, undefined);
    const left = valueAt(findAction(without, name)?.action, ['runtimeConfiguration']);
    return isObject(left) && Object.keys(left).length === 0 ? setMember(without, name, ['runtimeConfiguration'], undefined) : without;
  }
  return setMember(withValueAt(definition, ['staticResults', key], result), name, path, { name: key, staticResultOptions: 'Enabled' });
}

/** The outcome that is pretended, when one is. */
export function staticResultOf(definition: JsonObject, action: JsonObject): JsonObject | null {
  const own = valueAt(action, ['runtimeConfiguration', 'staticResult']);
  if (!isObject(own) || own['staticResultOptions'] !== 'Enabled' || typeof own['name'] !== 'string') return null;
  const result = valueAt(definition, ['staticResults', own['name']]);
  return isObject(result) ? result : {};
}

/** Which statuses of which actions an action waits for. */
export const setRunAfter = (definition: JsonObject, name: string, runAfter: { [other: string]: string[] }): JsonObject =>
  setMember(definition, name, ['runAfter'], runAfter);

/** What copied cards are on the clipboard. */
export function copied(definition: JsonObject, names: readonly string[]): string | null {
  const actions = groupOf(definition, names);
  return Object.keys(actions).length > 0 ? JSON.stringify({ $hookmill: 'cards', actions }, null, 2) : null;
}

/** The actions in a pasted text: what {@link copied} made, one action with or without its name, or several with names. */
function actionsOfText(text: string): Actions | null {
  let parsed: Json;
  try {
    parsed = JSON.parse(text) as Json;
  } catch {
    return null;
  }
  if (!isObject(parsed)) return null;
  const held = parsed['$hookmill'] === 'cards' ? parsed['actions'] : typeof parsed['type'] === 'string' ? { Pasted: parsed } : parsed;
  if (!isObject(held) || Object.keys(held).length === 0) return null;
  const actions: Actions = {};
  for (const [name, action] of Object.entries(held)) {
    if (!isObject(action) || typeof action['type'] !== 'string') return null;
    const inside = Object.fromEntries(Object.entries(runAfterOf(action)).filter(([other]) => other in held && other !== name));
    actions[name] = { ...action, runAfter: inside };
  }
  return hasCircle(actions) ? null : actions;
}

/** Pastes actions. Names inside are made unique, references among them follow. */
export function paste(definition: JsonObject, position: Position, text: string): { definition: JsonObject; names: string[] } | null {
  const actions = actionsOfText(text);
  if (!actions) return null;
  const taken = actionNames(definition);
  let wrapped: JsonObject = { actions };
  const inside = actionNames(wrapped);
  for (const inner of inside) {
    const free = freeName(inner, taken);
    // What is pasted must not take the name of another pasted action either.
    const name = free === inner ? inner : freeName(inner, new Set([...taken, ...inside]));
    taken.add(name);
    wrapped = renamedAs(wrapped, inner, name);
  }
  const group = actionsAt(wrapped, ['actions']);
  return { names: Object.keys(group), definition: insertGroup(definition, position, group) };
}

/** Container branches that an action lacks (an If without else) are made when something is added there. */
export function ensureBranches(action: JsonObject): JsonObject {
  let result = action;
  for (const branch of branchesOf(action)) {
    if (!isObject(valueAt(result, branch.path))) result = withValueAt(result, branch.path, {});
  }
  return result;
}
