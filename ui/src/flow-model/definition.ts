/** The workflow definition as the designer reads it. Members that it does not know stay as they are. */
import { actionType, NAME_CHARS_MAX, nameKey, typeNamed } from './language';

export type Json = null | boolean | number | string | Json[] | { [member: string]: Json };
export type JsonObject = { [member: string]: Json };

export const isObject = (value: Json | undefined): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A place that holds actions: member names from the definition down, ending at the object whose members are actions. */
export type Place = readonly string[];

export const ROOT: Place = ['actions'];

export interface Branch {
  /** What the branch is, for its heading. */
  kind: 'body' | 'yes' | 'no' | 'case' | 'default';
  /** The case's name. */
  name?: string;
  /** Below the action: `['else', 'actions']`. */
  path: readonly string[];
}

/** A container of the language, or of another product: what holds actions is drawn with them. */
export const isContainer = (action: JsonObject): boolean => branchesOf(action).length > 0;

/** The type of a step as the language spells it. */
export const typeOf = (step: JsonObject | undefined): string => (typeof step?.['type'] === 'string' ? typeNamed(step['type']) : '');

/** The branches of a container, in the order they are drawn; empty for a plain action. */
export function branchesOf(action: JsonObject): Branch[] {
  const rows = actionType(typeOf(action))?.branches ?? [];
  if (rows.length === 0) return isObject(action['actions']) ? [{ kind: 'body', path: ['actions'] }] : [];
  return rows.flatMap(({ kind, path }): Branch[] => {
    const at = path.indexOf('*');
    if (at < 0) return [{ kind: kind as Branch['kind'], path }];
    const named = valueAt(action, path.slice(0, at));
    return Object.keys(isObject(named) ? named : {}).map((name) => ({ kind: 'case', name, path: path.map((part) => (part === '*' ? name : part)) }));
  });
}

export function valueAt(root: Json | undefined, path: readonly string[]): Json | undefined {
  let value: Json | undefined = root;
  for (const part of path) {
    if (Array.isArray(value)) value = value[Number(part)];
    else if (isObject(value)) value = value[part];
    else return undefined;
  }
  return value;
}

/** A copy with another value at the path; `undefined` removes the member. Missing objects on the way are made. */
export function withValueAt(root: JsonObject, path: readonly string[], value: Json | undefined): JsonObject {
  const result = replaced(root, path, value);
  return isObject(result) ? result : root;
}

function replaced(root: Json | undefined, path: readonly string[], value: Json | undefined): Json | undefined {
  const [head, ...rest] = path;
  if (head === undefined) return value;
  if (Array.isArray(root)) {
    const copy = [...root];
    const next = replaced(copy[Number(head)], rest, value);
    if (next === undefined) copy.splice(Number(head), 1);
    else copy[Number(head)] = next;
    return copy;
  }
  const copy: JsonObject = isObject(root) ? { ...root } : {};
  const next = replaced(copy[head], rest, value);
  if (next === undefined) delete copy[head];
  else copy[head] = next;
  return copy;
}

/** Actions are never changed in place, so what was read of some stays right for as long as they live. */
const read = new WeakMap<JsonObject, { [name: string]: JsonObject }>();

/** The actions of a place. What they run after is named as the actions themselves are, however the definition spells it. */
export function actionsAt(definition: JsonObject, place: Place): { [name: string]: JsonObject } {
  const actions = valueAt(definition, place);
  if (!isObject(actions)) return {};
  const known = read.get(actions);
  if (known) return known;
  const spelled = new Map(Object.keys(actions).map((name) => [nameKey(name), name]));
  const result = Object.fromEntries(
    Object.entries(actions).map(([name, action]) => {
      const after = isObject(action) ? runAfterOf(action) : {};
      const isExact = Object.keys(after).every((other) => other in actions || !spelled.has(nameKey(other)));
      return [name, isExact || !isObject(action) ? action : { ...action, runAfter: Object.fromEntries(Object.entries(after).map(([other, statuses]) => [spelled.get(nameKey(other)) ?? other, statuses])) }];
    }),
  ) as { [name: string]: JsonObject };
  read.set(actions, result);
  return result;
}

export const branchPlace = (place: Place, name: string, branch: Branch): Place => [...place, name, ...branch.path];

export interface Found {
  /** As the definition spells it. */
  name: string;
  place: Place;
  action: JsonObject;
}

/** Calls for every action, outer ones first. */
export function forEachAction(definition: JsonObject, visit: (name: string, action: JsonObject, place: Place) => void, place: Place = ROOT): void {
  for (const [name, action] of Object.entries(actionsAt(definition, place))) {
    if (!isObject(action)) continue;
    visit(name, action, place);
    for (const branch of branchesOf(action)) forEachAction(definition, visit, branchPlace(place, name, branch));
  }
}

/** Definitions are never changed in place, so an index of one stays right for as long as it lives. */
const indexes = new WeakMap<JsonObject, ReadonlyMap<string, Found>>();

function indexOf(definition: JsonObject): ReadonlyMap<string, Found> {
  const known = indexes.get(definition);
  if (known) return known;
  const index = new Map<string, Found>();
  forEachAction(definition, (name, action, place) => {
    const key = nameKey(name);
    if (!index.has(key)) index.set(key, { name, place, action });
  });
  indexes.set(definition, index);
  return index;
}

export const findAction = (definition: JsonObject, wanted: string): Found | null => indexOf(definition).get(nameKey(wanted)) ?? null;

export function actionNames(definition: JsonObject): Set<string> {
  return new Set([...indexOf(definition).values()].map((found) => found.name));
}

export function triggerOf(definition: JsonObject): { name: string; trigger: JsonObject } | null {
  const triggers = definition['triggers'];
  if (!isObject(triggers)) return null;
  const first = Object.entries(triggers)[0];
  return first && isObject(first[1]) ? { name: first[0], trigger: first[1] } : null;
}

export const runAfterOf = (action: JsonObject): JsonObject => (isObject(action['runAfter']) ? action['runAfter'] : {});

/** The containers around an action, outermost first. */
export function containersOf(place: Place): string[] {
  const names: string[] = [];
  // After a container's name come the members of its branch: `actions`, `else/actions`, `cases/<name>/actions`, `default/actions`.
  for (let at = 0; at + 1 < place.length; ) {
    names.push(place[at + 1] as string);
    const member = place[at + 2];
    at += 2 + (member === 'actions' ? 0 : member === 'cases' ? 2 : 1);
  }
  return names;
}

export const emptyDefinition = (): JsonObject => ({
  $schema: 'https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#',
  contentVersion: '1.0.0.0',
  parameters: {},
  triggers: {},
  actions: {},
  outputs: {},
});

/** What Power Automate refuses in names, so that a flow with such a name could not go back there. */
const FORBIDDEN = /[<>%&\\?/:#]/g;

/** Why a person cannot call a step so: the signs that no name may have, or its length. */
export function wrongWithName(title: string): { signs: string } | { tooLong: number } | null {
  const signs = [...new Set(title.match(FORBIDDEN) ?? [])].join(' ');
  return signs ? { signs } : title.trim().length > NAME_CHARS_MAX ? { tooLong: NAME_CHARS_MAX } : null;
}

/** Names of actions stand for spaces by underscores: "Send me a mobile notification" ↔ `Send_me_a_mobile_notification`. */
export const nameOf = (title: string): string => title.trim().replace(FORBIDDEN, '').replace(/\s/g, '_').slice(0, NAME_CHARS_MAX) || 'Action';
export const titleOf = (name: string): string => name.replace(/_/g, ' ');

/** The name itself, or with the first number that is free. */
export function freeName(wanted: string, taken: Iterable<string>): string {
  const keys = new Set([...taken].map(nameKey));
  if (!keys.has(nameKey(wanted))) return wanted;
  for (let number = 2; ; number += 1) {
    const name = `${wanted}_${number}`;
    if (!keys.has(nameKey(name))) return name;
  }
}
