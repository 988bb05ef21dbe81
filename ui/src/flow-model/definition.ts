/** The workflow definition as the designer reads it. Members that it does not know stay as they are. */

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

const CONTAINERS = new Set(['If', 'Switch', 'Foreach', 'Until', 'Scope']);

export const isContainer = (action: JsonObject): boolean =>
  CONTAINERS.has(typeOf(action)) || isObject(action['actions']) || isObject(action['cases']);

export const typeOf = (step: JsonObject | undefined): string => (typeof step?.['type'] === 'string' ? step['type'] : '');

/** The branches of a container, in the order they are drawn; empty for a plain action. */
export function branchesOf(action: JsonObject): Branch[] {
  switch (typeOf(action)) {
    case 'If':
      return [
        { kind: 'yes', path: ['actions'] },
        { kind: 'no', path: ['else', 'actions'] },
      ];
    case 'Switch': {
      const cases = isObject(action['cases']) ? Object.keys(action['cases']) : [];
      return [
        ...cases.map((name): Branch => ({ kind: 'case', name, path: ['cases', name, 'actions'] })),
        { kind: 'default', path: ['default', 'actions'] },
      ];
    }
    default:
      return isContainer(action) ? [{ kind: 'body', path: ['actions'] }] : [];
  }
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

export function actionsAt(definition: JsonObject, place: Place): { [name: string]: JsonObject } {
  const actions = valueAt(definition, place);
  return isObject(actions) ? (actions as { [name: string]: JsonObject }) : {};
}

export const branchPlace = (place: Place, name: string, branch: Branch): Place => [...place, name, ...branch.path];

export interface Found {
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
    if (!index.has(name)) index.set(name, { place, action });
  });
  indexes.set(definition, index);
  return index;
}

export const findAction = (definition: JsonObject, wanted: string): Found | null => indexOf(definition).get(wanted) ?? null;

export function actionNames(definition: JsonObject): Set<string> {
  return new Set(indexOf(definition).keys());
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
const NAME_MAX = 80;

/** Why a person cannot call a step so: the signs that no name may have, or its length. */
export function wrongWithName(title: string): { signs: string } | { tooLong: number } | null {
  const signs = [...new Set(title.match(FORBIDDEN) ?? [])].join(' ');
  return signs ? { signs } : title.trim().length > NAME_MAX ? { tooLong: NAME_MAX } : null;
}

/** Names of actions stand for spaces by underscores: "Send me a mobile notification" ↔ `Send_me_a_mobile_notification`. */
export const nameOf = (title: string): string => title.trim().replace(FORBIDDEN, '').replace(/\s/g, '_').slice(0, NAME_MAX) || 'Action';
export const titleOf = (name: string): string => name.replace(/_/g, ' ');

/** The name itself, or with the first number that is free. */
export function freeName(wanted: string, taken: ReadonlySet<string>): string {
  if (!taken.has(wanted)) return wanted;
  for (let number = 2; ; number += 1) {
    const name = `${wanted}_${number}`;
    if (!taken.has(name)) return name;
  }
}
