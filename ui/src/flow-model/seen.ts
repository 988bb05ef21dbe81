/** What expressions stood for in a run: an example says more than a description. */
import { findAction, isObject, typeOf, valueAt, type Json, type JsonObject } from './definition';
import { hasItems } from './order';
import { normalExpression } from './references';
import { arrayOf, type ContentToken } from './tokens';

/** Outputs of the trigger (under null) and of the actions of a run. */
export type SeenOutputs = ReadonlyMap<string | null, Json>;

/** So many items of a list are an example. */
const ITEMS_MAX = 3;
const DEPTH_MAX = 8;

const keysOf = (path: string): string[] => [...path.matchAll(/\['((?:[^']|'')*)'\]/g)].map((match) => (match[1] ?? '').replace(/''/g, "'"));
const at = (value: Json, keys: readonly string[]): Json[] => {
  const found = valueAt(value, keys);
  return found === undefined ? [] : [found];
};
const itemsOf = (lists: readonly Json[]): Json[] => lists.flatMap((list) => (Array.isArray(list) ? list : [])).slice(0, ITEMS_MAX);
/** Large values are left out of a run. */
const isCut = (value: Json | undefined): boolean => isObject(value) && value['$truncated'] === true;

const bodyOf = (outputs: Json | undefined): Json[] => {
  if (outputs === undefined || isCut(outputs)) return [];
  const body = isObject(outputs) && 'body' in outputs ? outputs['body'] : outputs;
  return body === undefined || isCut(body) ? [] : [body];
};

const PATH = /^(triggerBody\(\)|triggerOutputs\(\)|(?:body|outputs|items)\('((?:[^']|'')*)'\)|item\(\))((?:\??\['(?:[^']|'')*'\])*)$/;

/**
 * What a plain path read in a run, for a step of the definition: one value, or of each of the first items of the list
 * that the path goes through. Empty for every other expression, and for what the run did not have.
 */
export function seenOf(definition: JsonObject, outputs: SeenOutputs, step: string | null, expression: string, depth = 0): Json[] {
  const path = PATH.exec(normalExpression(expression));
  if (!path || depth > DEPTH_MAX) return [];
  const [, root = '', quoted, rest = ''] = path;
  const keys = keysOf(rest);
  const action = quoted === undefined ? null : findAction(definition, quoted.replace(/''/g, "'"));
  const through = (array: string) => itemsOf(seenOf(definition, outputs, step, array, depth + 1)).flatMap((item) => at(item, keys));
  if (root === 'triggerBody()') return bodyOf(outputs.get(null)).flatMap((body) => at(body, keys));
  if (root === 'triggerOutputs()') return at(outputs.get(null) ?? null, keys);
  if (root === 'item()') {
    const own = step === null ? null : findAction(definition, step)?.action;
    return own && hasItems(own) ? through(arrayOf(valueAt(own, ['inputs', 'from']))) : [];
  }
  if (!action) return [];
  if (root.startsWith('items(')) return typeOf(action.action) === 'Foreach' ? through(arrayOf(action.action['foreach'])) : [];
  const own = outputs.get(action.name);
  if (root.startsWith('outputs(')) return own === undefined || isCut(own) ? [] : at(own, keys);
  return bodyOf(own).flatMap((body) => at(body, keys));
}

/** What a token stood for, for a step. */
export function seenOfToken(definition: JsonObject, outputs: SeenOutputs, step: string | null, token: ContentToken): Json[] {
  if (!token.arrays) return seenOf(definition, outputs, step, token.expression);
  const [first = '', ...inner] = token.arrays;
  const lists = inner.reduce<Json[]>((held, path) => itemsOf(held).flatMap((item) => at(item, keysOf(path))), seenOf(definition, outputs, step, first));
  return itemsOf(lists).flatMap((item) => at(item, keysOf(token.tail ?? '')));
}

/** Values as one line of at most `most` characters; undefined where there is nothing short to show. */
export function inOneLine(values: readonly Json[], most: number): string | undefined {
  const said = values.filter((value) => value !== null && typeof value !== 'object').map(String);
  const line = [...new Set(said)].join(', ');
  return line === '' ? undefined : line.length > most ? `${line.slice(0, most)}…` : line;
}
