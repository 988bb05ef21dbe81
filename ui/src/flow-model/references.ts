/** Expressions inside texts: finding, reading and renaming what they mention, without evaluating them. */
import type { Json, JsonObject } from './definition';
import { isObject } from './definition';
import { isSameName, NAMING_FUNCTIONS } from './language';

/** A copy of a value in which every text was mapped, names of members with expressions too. Unchanged parts are shared with the original. */
export function mapStrings(value: Json, map: (text: string) => string): Json {
  if (typeof value === 'string') return map(value);
  if (Array.isArray(value)) {
    const next = value.map((item) => mapStrings(item, map));
    return next.some((item, index) => item !== value[index]) ? next : value;
  }
  if (isObject(value)) {
    let changed = false;
    const next: JsonObject = {};
    for (const [key, item] of Object.entries(value)) {
      const mapped = mapStrings(item, map);
      // Names of members are templates too.
      const name = key.includes('@') ? map(key) : key;
      changed ||= mapped !== item || name !== key;
      next[name] = mapped;
    }
    return changed ? next : value;
  }
  return value;
}

export type Segment = { kind: 'text'; text: string } | { kind: 'expression'; expression: string };

/** The end of an expression that starts at `from`, just before the `}` that closes it; -1 when it is not closed. */
function closing(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at += 1) {
    const sign = text.charAt(at);
    if (sign === "'") {
      at = text.indexOf("'", at + 1);
      if (at < 0) return -1;
    } else if (sign === '{') depth += 1;
    else if (sign === '}') {
      if (depth === 0) return at;
      depth -= 1;
    }
  }
  return -1;
}

/** Splits a text into what is said and what is computed: `@expression` alone, or `@{expression}` between other text. `@@` is an @. */
export function parseTemplate(text: string): Segment[] {
  if (text.startsWith('@') && !text.startsWith('@@') && !text.startsWith('@{')) return [{ kind: 'expression', expression: text.slice(1) }];
  const segments: Segment[] = [];
  let said = '';
  // Only a leading @@ stands for one @, and @@{ anywhere for @{ as it is.
  let at = 0;
  if (text.startsWith('@@') && !text.startsWith('@@{')) {
    said = '@';
    at = 2;
  }
  while (at < text.length) {
    if (text.startsWith('@@{', at)) {
      said += '@{';
      at += 3;
    } else if (text.startsWith('@{', at)) {
      const end = closing(text, at + 2);
      if (end < 0) {
        said += text.slice(at);
        break;
      }
      if (said) segments.push({ kind: 'text', text: said });
      said = '';
      segments.push({ kind: 'expression', expression: text.slice(at + 2, end) });
      at = end + 1;
    } else {
      said += text.charAt(at);
      at += 1;
    }
  }
  if (said) segments.push({ kind: 'text', text: said });
  return segments;
}

/**
 * The text for segments. One expression alone keeps its type (`@…`) where `typed` says that the field takes a value of
 * any type; in a text field it is written as text (`@{…}`).
 */
export function formatTemplate(segments: Segment[], typed = false): string {
  const parts = segments.filter((segment) => segment.kind === 'expression' || segment.text !== '');
  const only = parts[0];
  if (typed && parts.length === 1 && only?.kind === 'expression') return `@${only.expression}`;
  return parts
    .map((segment, index) => {
      if (segment.kind === 'expression') return `@{${segment.expression}}`;
      const text = segment.text.replace(/@\{/g, '@@{');
      return index === 0 && text.startsWith('@') && !text.startsWith('@@{') ? `@${text}` : text;
    })
    .join('');
}

const quote = (name: string) => name.replace(/'/g, "''");

const MENTION = new RegExp(`\\b(${NAMING_FUNCTIONS.join('|')})(\\s*\\(\\s*)'((?:[^']|'')*)'`, 'gi');

/** The expressions of a text. */
export const expressionsOf = (text: string): string[] => parseTemplate(text).flatMap((segment) => (segment.kind === 'expression' ? [segment.expression] : []));

/** Names of actions that a text mentions in its expressions. */
export function mentionsOf(text: string): { name: string; function: string }[] {
  const mentions: { name: string; function: string }[] = [];
  for (const expression of expressionsOf(text)) {
    for (const match of expression.matchAll(MENTION)) mentions.push({ function: (match[1] ?? '').toLowerCase(), name: (match[3] ?? '').replace(/''/g, "'") });
  }
  return mentions;
}

/** Replaces an action's name in the expressions of a text; other text is left alone. */
export function renameReferences(text: string, from: string, to: string): string {
  if (!text.includes('@')) return text;
  const swap = (expression: string) =>
    expression.replace(MENTION, (whole, name: string, open: string, mentioned: string) => (isSameName(mentioned.replace(/''/g, "'"), from) ? `${name}${open}'${quote(to)}'` : whole));
  if (text.startsWith('@') && !text.startsWith('@@') && !text.startsWith('@{')) return `@${swap(text.slice(1))}`;
  let result = '';
  let at = 0;
  while (at < text.length) {
    if (text.startsWith('@@{', at)) {
      result += '@@{';
      at += 3;
    } else if (text.startsWith('@{', at)) {
      const end = closing(text, at + 2);
      if (end < 0) return result + text.slice(at);
      result += `@{${swap(text.slice(at + 2, end))}}`;
      at = end + 1;
    } else {
      result += text.charAt(at);
      at += 1;
    }
  }
  return result;
}

/** An expression as people say it: `triggerBody()?['pusher']?['name']` → "pusher name". */
export function wordsOf(expression: string): string {
  const normal = expression.trim();
  const whole: { [call: string]: string } = { 'triggerBody()': 'Body', 'triggerOutputs()': 'Outputs', 'item()': 'Current item' };
  if (whole[normal]) return whole[normal];
  const simple = /^(triggerBody\(\)|triggerOutputs\(\)|trigger\(\)|(?:body|outputs|items|actions|variables|parameters)\('(?:[^']|'')*'\)|item\(\))((?:\??\[(?:'(?:[^']|'')*'|\d+)\])*)$/.exec(normal);
  if (!simple) return normal.length > 40 ? `${normal.slice(0, 38)}…` : normal;
  const keys = [...(simple[2] ?? '').matchAll(/\[(?:'((?:[^']|'')*)'|(\d+))\]/g)].map((match) => match[1] ?? match[2] ?? '');
  const path = keys.flatMap((key) => key.split('/')).filter((key, index) => !(index === 0 && key === 'body'));
  if (path.length > 0) return path.join(' ').replace(/_/g, ' ');
  const named = /\('((?:[^']|'')*)'\)/.exec(simple[1] ?? '');
  return named ? (named[1] ?? '').replace(/_/g, ' ') : normal;
}

/** `triggerOutputs()?['body/pusher/name']` and `triggerBody()?['pusher']?['name']` are one token: gives the latter. */
export function normalExpression(expression: string): string {
  return expression.trim().replace(/^(triggerOutputs\(\)|outputs\('((?:[^']|'')*)'\))\?\['body(\/[^']*)?'\]/, (_, __, action: string | undefined, path: string | undefined) => {
    const start = action === undefined ? 'triggerBody()' : `body('${action}')`;
    return start + (path ?? '').split('/').filter(Boolean).map((part) => `?['${part}']`).join('');
  });
}
