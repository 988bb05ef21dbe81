/** Tokens of dynamic content: made from samples, moved to another root, put into loops. */
import { isObject, valueAt, type Json } from './definition';
import { normalExpression } from './references';

export interface ContentToken {
  title: string;
  expression: string;
  /** The array whose items have this property. */
  inArray?: string;
  type?: string;
  description?: string;
  advanced?: boolean;
  /** It was found in data of a run, not in a schema. */
  sampled?: boolean;
}

const member = (name: string) => `?['${name.replace(/'/g, "''")}']`;
const said = (path: string[]) => {
  const words = path.join(' ').replace(/[_-]+/g, ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
};

/** Enough for a picker that is searched, not read. */
const SAMPLED_MAX = 120;

/** Tokens for data that was seen, where no schema tells. */
export function tokensOfSample(sample: Json, root: string): ContentToken[] {
  const tokens: ContentToken[] = [];
  const walk = (value: Json, path: string[], expression: string, array: string | undefined) => {
    if (tokens.length >= SAMPLED_MAX || path.length > 6) return;
    if (path.length > 0) tokens.push({ title: said(path), expression, sampled: true, type: Array.isArray(value) ? 'array' : value === null ? 'any' : typeof value, ...(array ? { inArray: array } : {}) });
    if (Array.isArray(value)) {
      const first = value[0];
      if (array === undefined && isObject(first)) for (const [name, item] of Object.entries(first)) walk(item, [...path, name], expression + member(name), expression);
    } else if (isObject(value)) {
      for (const [name, item] of Object.entries(value)) walk(item, [...path, name], expression + member(name), array);
    }
  };
  walk(sample, [], root, undefined);
  return tokens;
}

/** The same property of another root: the server tells an operation's content without knowing the action's name. */
export function rebased(expression: string, root: string): string {
  const normal = normalExpression(expression);
  const at = normal.indexOf('?[');
  return at < 0 ? root : root + normal.slice(at);
}

/** What a plain path reads in known data; undefined for every other expression. `bodies` has the trigger's under null. */
export function valueOfPath(expression: string, bodies: ReadonlyMap<string | null, Json>): Json | undefined {
  const path = /^(?:triggerBody\(\)|body\('((?:[^']|'')*)'\))((?:\?\['(?:[^']|'')*'\])*)$/.exec(normalExpression(expression));
  if (!path) return undefined;
  const keys = [...(path[2] ?? '').matchAll(/\['((?:[^']|'')*)'\]/g)].map((match) => (match[1] ?? '').replace(/''/g, "'"));
  return valueAt(bodies.get(path[1] === undefined ? null : path[1].replace(/''/g, "'")), keys);
}

/** The expression of an array item's property inside the loop over that array. */
export function itemExpression(token: ContentToken, loop: string): string {
  const array = token.inArray ?? '';
  const rest = token.expression.startsWith(array) ? token.expression.slice(array.length) : token.expression.slice(Math.max(0, token.expression.indexOf('?[')));
  return `items('${loop.replace(/'/g, "''")}')${rest}`;
}

/** Whether a loop's `foreach` goes over this array. */
export const loopsOver = (foreach: Json | undefined, array: string): boolean =>
  typeof foreach === 'string' && normalExpression(foreach.replace(/^@\{?|\}$/g, '')) === normalExpression(array);
