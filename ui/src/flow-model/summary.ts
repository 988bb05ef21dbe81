/** What a step does, in a few words for its card: the condition, the address, the text. */
import { builtinOf } from './builtins';
import { parseCondition, rowsOfExpression } from './condition';
import { isObject, typeOf, valueAt, type Json, type JsonObject } from './definition';
import { parseTemplate, wordsOf } from './references';

/** A card shows one line. */
const LENGTH_MAX = 90;

/** A text with its expressions as people say them. */
export function inWords(value: Json | undefined, titleOf: (expression: string) => string | undefined = () => undefined): string {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string') return JSON.stringify(value).slice(0, LENGTH_MAX);
  const said = parseTemplate(value.slice(0, 400)).map((segment) => (segment.kind === 'text' ? segment.text : (titleOf(segment.expression) ?? wordsOf(segment.expression))));
  return said.join('').replace(/\s+/g, ' ').trim();
}

/** "status is equal to done …": the first comparison; an expression that is none is said as it stands. */
export function conditionInWords(value: Json | undefined, operators: { [operator: string]: string }): string {
  const parsed = typeof value === 'string' && value !== '' ? rowsOfExpression(value) : parseCondition(value);
  const [row] = parsed?.rows ?? [];
  if (!row) return typeof value === 'string' ? inWords(value) : '';
  if (!row.left && !row.right) return '';
  return `${inWords(row.left)} ${operators[row.operator] ?? row.operator} ${inWords(row.right) || '“”'}${parsed && parsed.rows.length > 1 ? ' …' : ''}`;
}

/** Empty where there is nothing to say that the title does not. `operators` are the words for comparisons. */
export function summaryOf(step: JsonObject, kind: 'trigger' | 'action', operators: { [operator: string]: string } = {}): string {
  const at = (...path: string[]) => inWords(valueAt(step, path));
  const parameters = valueAt(step, ['inputs', 'parameters']);
  let said = '';
  switch (typeOf(step)) {
    case 'If':
    case 'Until': said = conditionInWords(step['expression'], operators); break;
    case 'Switch': said = at('expression'); break;
    case 'Foreach': said = at('foreach'); break;
    case 'Http': said = [at('inputs', 'method'), at('inputs', 'uri')].filter(Boolean).join(' '); break;
    case 'Response': said = at('inputs', 'statusCode'); break;
    case 'Compose': said = at('inputs'); break;
    case 'ParseJson': said = at('inputs', 'content'); break;
    case 'InitializeVariable': said = [at('inputs', 'variables', '0', 'name'), at('inputs', 'variables', '0', 'value')].filter(Boolean).join(' = '); break;
    case 'SetVariable': said = [at('inputs', 'name'), at('inputs', 'value')].filter(Boolean).join(' = '); break;
    case 'IncrementVariable': said = `${at('inputs', 'name')} + ${at('inputs', 'value')}`; break;
    case 'DecrementVariable': said = `${at('inputs', 'name')} − ${at('inputs', 'value')}`; break;
    case 'AppendToArrayVariable':
    case 'AppendToStringVariable': said = [at('inputs', 'name'), at('inputs', 'value')].filter(Boolean).join(' + '); break;
    case 'Query': said = [at('inputs', 'from'), conditionInWords(valueAt(step, ['inputs', 'where']), operators)].filter(Boolean).join(' · '); break;
    case 'Select':
    case 'Join':
    case 'Table': said = at('inputs', 'from'); break;
    case 'Wait': said = at('inputs', 'until', 'timestamp') || [at('inputs', 'interval', 'count'), at('inputs', 'interval', 'unit')].filter(Boolean).join(' '); break;
    case 'Terminate': said = at('inputs', 'runStatus'); break;
    case 'Recurrence': said = [at('recurrence', 'interval'), at('recurrence', 'frequency')].filter(Boolean).join(' × '); break;
    default:
      if (isObject(parameters)) {
        const builtin = builtinOf(step, kind);
        said = builtin
          ? inWords(Object.values(parameters)[0])
          : Object.values(parameters).filter((value) => typeof value === 'string' || typeof value === 'number').slice(0, 3).map((value) => inWords(value)).filter(Boolean).join(' · ');
      }
  }
  return said.length > LENGTH_MAX ? `${said.slice(0, LENGTH_MAX)}…` : said;
}
