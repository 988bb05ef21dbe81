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
