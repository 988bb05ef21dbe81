/** Tokens of dynamic content: made from schemas and samples, and how those below lists are read inside of loops. */
import { containersOf, findAction, isObject, typeOf, valueAt, type Json, type JsonObject } from './definition';
import { hasItems } from './order';
import { normalExpression } from './references';

export interface ContentToken {
  title: string;
  /** What is inserted; of a property below a list it only tells it from others (see {@link itemExpression}). */
  expression: string;
  /** The lists it is below of: the expression of the outermost, then what leads from an item to the next. */
  arrays?: readonly string[];
  /** From the item of the innermost list on. */
  tail?: string;
  type?: string;
  description?: string;
  advanced?: boolean;
  /** It was found in data of a run, not in a schema. */
  sampled?: boolean;
}

const quoted = (name: string) => name.replace(/'/g, "''");
const member = (name: string) => `?['${quoted(name)}']`;
const said = (path: string[]) => {
  const words = path.join(' ').replace(/[_-]+/g, ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
};
/** Tells tokens below lists apart. */
const keyOf = (arrays: readonly string[], tail: string) => `${arrays.join('[*]')}[*]${tail}`;
const below = (arrays: readonly string[], tail: string): Pick<ContentToken, 'expression' | 'arrays' | 'tail'> => ({ expression: keyOf(arrays, tail), arrays, tail });

/** Enough for a picker that is searched, not read. */
const SAMPLED_MAX = 120;
const DEPTH_MAX = 8;

/** Tokens for data that was seen, where no schema tells. */
export function tokensOfSample(sample: Json, root: string): ContentToken[] {
  const tokens: ContentToken[] = [];
  const walk = (value: Json, path: string[], arrays: readonly string[], tail: string) => {
    if (tokens.length >= SAMPLED_MAX || path.length > DEPTH_MAX) return;
    const type = Array.isArray(value) ? 'array' : value === null ? 'any' : typeof value;
    if (path.length > 0) tokens.push({ title: said(path), sampled: true, type, ...(arrays.length > 0 ? below(arrays, tail) : { expression: tail }) });
    if (Array.isArray(value)) {
      const first = value[0];
      if (isObject(first)) for (const [name, item] of Object.entries(first)) walk(item, [...path, name], [...arrays, tail], member(name));
    } else if (isObject(value)) {
      for (const [name, item] of Object.entries(value)) walk(item, [...path, name], arrays, tail + member(name));
    }
  };
  walk(sample, [], [], root);
  return tokens;
}

/** A token as the server tells it: below a list its expression begins at `item()`, and `in_array` is the list. */
export interface ToldToken {
  title: string;
  expression: string;
  in_array?: string | null;
  type?: string;
  description?: string | null;
  visibility?: string;
}

/** The same property of another root: the server tells an operation's content without knowing the action's name. */
export function rebased(expression: string, root: string): string {
  const normal = normalExpression(expression);
  // Headers of what started the run are below no action and no body.
  if (normal.startsWith('triggerOutputs()')) return normal;
  const at = normal.indexOf('?[');
  return at < 0 ? root : root + normal.slice(at);
}

const isBelow = (expression: string) => expression.startsWith('item()');

/** Tokens come depth first, so the list that an inner one speaks of is the last one that was told under its expression. */
export function tokensOfSchema(told: readonly ToldToken[], root: string): ContentToken[] {
  const lists = new Map<string, readonly string[]>();
  return told.flatMap((token): ContentToken[] => {
    const outer = token.in_array ? (lists.get(token.in_array) ?? [rebased(token.in_array, root)]) : [];
    const place = token.in_array ? below(outer, token.expression.slice('item()'.length)) : { expression: rebased(token.expression, root) };
    lists.set(token.expression, token.in_array ? [...outer, token.expression.slice('item()'.length)] : [place.expression]);
    if (token.visibility === 'internal' || (token.in_array && !isBelow(token.expression))) return [];
    return [{
      title: token.title,
      ...place,
      ...(token.type ? { type: token.type } : {}),
      ...(token.description ? { description: token.description } : {}),
      ...(token.visibility === 'advanced' ? { advanced: true } : {}),
    }];
  });
}

/** The array that a loop's `foreach`, or the `from` of a *Select*, goes over; empty for what is no single expression. */
export const arrayOf = (value: Json | undefined): string => (typeof value === 'string' && value.startsWith('@') ? normalExpression(value.replace(/^@\{?|\}$/g, '')) : '');

/** What an array is made from: *Filter array* gives items as they were. Bounded, since a flow that is not finished may go in circles. */
export function listBehind(definition: JsonObject, array: string): string {
  let list = array;
  for (let hops = 0; hops < DEPTH_MAX; hops += 1) {
    const name = /^body\('((?:[^']|'')*)'\)$/.exec(list)?.[1]?.replace(/''/g, "'");
    const step = name === undefined ? undefined : findAction(definition, name)?.action;
    const from = step && typeOf(step) === 'Query' ? arrayOf(valueAt(step, ['inputs', 'from'])) : '';
    if (!from) break;
    list = from;
  }
  return list;
}

/** What the items of an array have that a *Select* makes; null where no *Select* makes it, or each item is one value. */
export function selectedMembers(definition: JsonObject, array: string): ContentToken[] | null {
  const name = /^body\('((?:[^']|'')*)'\)$/.exec(array)?.[1]?.replace(/''/g, "'");
  const step = name === undefined ? undefined : findAction(definition, name)?.action;
  const map = step && typeOf(step) === 'Select' ? valueAt(step, ['inputs', 'select']) : undefined;
  return isObject(map) ? Object.keys(map).map((key) => ({ title: key, expression: '', tail: member(key) })) : null;
}

const itemOf = (loop: string) => `items('${quoted(loop)}')`;

/** The lists that an array is below of, itself last, by the loops it speaks of. */
export function listsOf(definition: JsonObject, array: string): string[] {
  const match = /^items\('((?:[^']|'')*)'\)(.+)$/.exec(array);
  const loop = match && findAction(definition, (match[1] ?? '').replace(/''/g, "'"))?.action;
  return match && loop ? [...listsOf(definition, arrayOf(loop['foreach'])), match[2] ?? ''] : [array];
}

/** Where a step stands below lists: how many of them its loops go through, the item it has there, and the list that comes next. */
export function standing(definition: JsonObject, step: string, arrays: readonly string[]): { depth: number; item: string; next: string } {
  const found = findAction(definition, step);
  let depth = 0;
  let item = '';
  let next = normalExpression(arrays[0] ?? '');
  const enter = (array: string, name: string) => {
    if (depth >= arrays.length || array !== next) return;
    depth += 1;
    item = name;
    next = item + (arrays[depth] ?? '');
  };
  for (const container of found ? containersOf(found.place) : []) {
    const loop = findAction(definition, container)?.action;
    if (loop && typeOf(loop) === 'Foreach') enter(arrayOf(loop['foreach']), itemOf(container));
  }
  if (found && hasItems(found.action)) enter(arrayOf(valueAt(found.action, ['inputs', 'from'])), 'item()');
  return { depth, item, next };
}

/** What a token inserts in a step; null where the step is not yet inside of all its lists. */
export function itemExpression(definition: JsonObject, step: string, token: ContentToken): string | null {
  if (!token.arrays) return token.expression;
  const { depth, item } = standing(definition, step, token.arrays);
  return depth === token.arrays.length ? item + (token.tail ?? '') : null;
}
