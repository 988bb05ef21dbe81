/** The condition of an If as rows of a form, and back. What has another form is left to the JSON editor. */
import { isObject, type Json } from './definition';

export interface Row {
  left: string;
  operator: string;
  right: string;
}

const OPERATORS = ['equals', 'contains', 'greater', 'greaterOrEquals', 'less', 'lessOrEquals', 'startsWith', 'endsWith'];
const NEGATED: { [operator: string]: string } = { equals: 'notEquals', contains: 'notContains' };
const POSITIVE: { [operator: string]: string } = { notEquals: 'equals', notContains: 'contains' };

const shown = (value: Json | undefined) => (value === undefined || value === null ? (value === null ? 'null' : '') : typeof value === 'string' ? value : JSON.stringify(value));

/** Numbers, true, false and null are compared as such; everything else is text or an expression. */
function literal(text: string): Json {
  if (/^(-?\d+(\.\d+)?|true|false|null)$/.test(text.trim())) return JSON.parse(text.trim()) as Json;
  return text;
}

function rowOf(value: Json): Row | null {
  if (!isObject(value)) return null;
  const [entry, ...others] = Object.entries(value);
  if (!entry || others.length > 0) return null;
  const [operator, parts] = entry;
  if (operator === 'not') {
    const inner = rowOf(parts);
    const negated = inner && NEGATED[inner.operator];
    return inner && negated ? { ...inner, operator: negated } : null;
  }
  const known = OPERATORS.find((name) => name.toLowerCase() === operator.toLowerCase());
  if (!known || !Array.isArray(parts) || parts.length !== 2) return null;
  if (parts.some((part) => typeof part === 'object' && part !== null)) return null;
  // The text "5" compared as text would become a number in the form.
  if (parts.some((part) => typeof part === 'string' && typeof literal(part) !== 'string')) return null;
  return { left: shown(parts[0]), operator: known, right: shown(parts[1]) };
}

/** Null when the condition does not fit the form. */
export function parseCondition(value: Json | undefined): { joined: 'and' | 'or'; rows: Row[] } | null {
  if (value === undefined || value === '') return { joined: 'and', rows: [{ left: '', operator: 'equals', right: '' }] };
  if (!isObject(value)) return null;
  const joined = 'and' in value ? 'and' : 'or' in value ? 'or' : null;
  if (joined) {
    const list = value[joined];
    if (Object.keys(value).length !== 1 || !Array.isArray(list)) return null;
    const rows = list.map(rowOf);
    return rows.every((row): row is Row => row !== null) ? { joined, rows } : null;
  }
  const row = rowOf(value);
  return row ? { joined: 'and', rows: [row] } : null;
}

export function formatRows(joined: 'and' | 'or', rows: Row[]): Json {
  return {
    [joined]: rows.map((row): Json => {
      const positive = POSITIVE[row.operator];
      const comparison: Json = { [positive ?? row.operator]: [literal(row.left), literal(row.right)] };
      return positive ? { not: comparison } : comparison;
    }),
  };
}

/** Comparisons and further groups, all or one of which must hold. */
export interface Group {
  joined: 'and' | 'or';
  items: (Row | Group)[];
}

export const isGroup = (item: Row | Group): item is Group => 'joined' in item;

const groupOf = (value: Json): Group | null => {
  if (!isObject(value) || Object.keys(value).length !== 1) return null;
  const joined = 'and' in value ? 'and' : 'or' in value ? 'or' : null;
  const list = joined && value[joined];
  if (!joined || !Array.isArray(list)) return null;
  const items = list.map((item) => rowOf(item) ?? groupOf(item));
  return items.every((item): item is Row | Group => item !== null) ? { joined, items } : null;
};

/** A condition with groups in groups; null where it does not fit the form. */
export function parseGroup(value: Json | undefined): Group | null {
  const flat = parseCondition(value);
  if (flat) return { joined: flat.joined, items: flat.rows };
  return value === undefined ? null : groupOf(value);
}

export const formatGroup = ({ joined, items }: Group): Json => ({
  [joined]: items.map((item): Json => {
    if (isGroup(item)) return formatGroup(item);
    const rows = formatRows('and', [item]) as { and: Json[] };
    return rows.and[0] ?? null;
  }),
});

/** The arguments of one call, `name(…)`, as they are written; null for everything else. */
function callOf(expression: string): { name: string; given: string[] } | null {
  const head = /^\s*([a-z]\w*)\s*\(/i.exec(expression);
  if (!head) return null;
  const given: string[] = [];
  let depth = 0;
  let from = head[0].length;
  for (let at = from; at < expression.length; at += 1) {
    const sign = expression.charAt(at);
    if (sign === "'") {
      at = expression.indexOf("'", at + 1);
      if (at < 0) return null;
    } else if ('([{'.includes(sign)) depth += 1;
    else if (sign === ',' && depth === 0) {
      given.push(expression.slice(from, at).trim());
      from = at + 1;
    } else if (')]}'.includes(sign)) {
      if (depth === 0) {
        given.push(expression.slice(from, at).trim());
        return expression.slice(at + 1).trim() === '' ? { name: head[1] ?? '', given } : null;
      }
      depth -= 1;
    }
  }
  return null;
}

/** An argument as a template: a text without its quotes, a number as it is, everything else an expression. */
const argument = (text: string): string => (/^'(?:[^']|'')*'$/.test(text) ? text.slice(1, -1).replace(/''/g, "'") : /^(-?\d+(\.\d+)?|true|false|null)$/.test(text) ? text : `@${text}`);

/** A condition written as one expression, as rows: `@equals(variables('done'), true)`. Null where it is richer. */
export function rowsOfExpression(text: string): { joined: 'and' | 'or'; rows: Row[] } | null {
  const call = text.startsWith('@') && !text.startsWith('@@') ? callOf(text.slice(1).replace(/^\{([\s\S]*)\}$/, '$1')) : null;
  if (!call) return null;
  const name = call.name.toLowerCase();
  if (name === 'and' || name === 'or') {
    const parts = call.given.map((part) => rowsOfExpression(`@${part}`));
    const rows = parts.flatMap((part) => (part?.rows.length === 1 ? part.rows : []));
    return rows.length === parts.length && rows.length > 0 ? { joined: name, rows } : null;
  }
  if (name === 'not') {
    const inner = rowsOfExpression(`@${call.given[0] ?? ''}`)?.rows;
    const negated = inner?.length === 1 ? NEGATED[inner[0]?.operator ?? ''] : undefined;
    return inner?.[0] && negated ? { joined: 'and', rows: [{ ...inner[0], operator: negated }] } : null;
  }
  const operator = OPERATORS.find((known) => known.toLowerCase() === name);
  return operator && call.given.length === 2 ? { joined: 'and', rows: [{ left: argument(call.given[0] ?? ''), operator, right: argument(call.given[1] ?? '') }] } : null;
}
