/** Which side of a comparison had no value, from the message of the failure. */
import { isGroup, parseGroup, rowsOfExpression, type Group, type Row } from './condition';
import { valueAt, type JsonObject } from './definition';
import { normalExpression } from './references';

const FAILURE = /function '(greater|greaterOrEquals|less|lessOrEquals)' expects its (first|second) parameter [^.]*\. The provided value is of type 'Null'/i;

const rowsOf = (group: Group): Row[] => group.items.flatMap((item) => (isGroup(item) ? rowsOf(item) : [item]));
/** The names as the data has them: `amount_due`, `order.total`. */
const namesIn = (text: string, pattern: RegExp): string => [...text.matchAll(pattern)].map((match) => (match[1] ?? '').replace(/''/g, "'")).join('.');
const pathOf = (expression: string): string => namesIn(expression, /\['((?:[^']|'')+)'\]/g) || namesIn(expression, /\('((?:[^']|'')+)'\)/g);

/** Null where the failure is another one, or the condition does not say which comparison it was. */
export function emptyOperand(step: JsonObject, message: string): { what: string; operator: string; isNumber: boolean } | null {
  const told = FAILURE.exec(message);
  if (!told) return null;
  const condition = step['expression'] ?? valueAt(step, ['inputs', 'where']);
  const rows = typeof condition === 'string' ? (rowsOfExpression(condition)?.rows ?? []) : rowsOf(parseGroup(condition) ?? { joined: 'and', items: [] });
  const [row, ...others] = rows.filter((own) => own.operator.toLowerCase() === told[1]?.toLowerCase());
  if (!row || others.length > 0) return null;
  const [side, other] = told[2] === 'first' ? [row.left, row.right] : [row.right, row.left];
  const what = side.startsWith('@') ? pathOf(normalExpression(side.slice(1).replace(/^\{|\}$/g, ''))) : '';
  return what === '' ? null : { what, operator: row.operator, isNumber: /^-?\d/.test(other) };
}
