/**
 * JSON as a person types it, with tokens in it, and the value that is stored for it.
 *
 * Between quotes a token is part of a text (`"Hello @{…}"`); outside of them it stands for a whole value and keeps its
 * type (`{"total": @{…}}` is stored as `{"total": "@…"}`). What is typed otherwise is literal: an `@` at the beginning of a
 * text is doubled, as the definition wants it, unless it begins a call of a function.
 */
import { isObject, type Json, type JsonObject } from './definition';
import { formatTemplate, parseTemplate, type Segment } from './references';

/** Stands for a token while the JSON around it is read; no keyboard has it. */
const MARK = '\uE000';
const CALL = /^@[a-z]\w*\s*\(.*\)[^()]*$/is;

/** Whether a text begins like an object or a list. */
export const beginsLikeJson = (text: string): boolean => /^\s*[[{]/.test(text);

/** A text of the JSON as the definition writes it. */
function stored(text: string, expressions: readonly string[]): string {
  const parts = text.split(new RegExp(`${MARK}(\\d+)${MARK}`));
  const segments = parts.map((part, index): Segment => (index % 2 === 0 ? { kind: 'text', text: part } : { kind: 'expression', expression: expressions[Number(part)] ?? '' }));
  return parts.length === 1 && CALL.test(text) ? text : formatTemplate(segments);
}

function restored(value: Json, expressions: readonly string[]): Json {
  if (typeof value === 'string') {
    const whole = new RegExp(`^${MARK}=(\\d+)${MARK}$`).exec(value);
    return whole ? `@${expressions[Number(whole[1])] ?? ''}` : stored(value, expressions);
  }
  if (Array.isArray(value)) return value.map((item) => restored(item, expressions));
  if (isObject(value)) return Object.fromEntries(Object.entries(value).map(([name, item]) => [stored(name, expressions), restored(item, expressions)]));
  return value;
}

/** The value of a typed template; undefined while it is not JSON. */
export function jsonOfTemplate(template: string): JsonObject | Json[] | undefined {
  const segments = parseTemplate(template);
  const [first] = segments;
  if (first?.kind !== 'text' || !beginsLikeJson(first.text)) return undefined;
  const expressions: string[] = [];
  let text = '';
  let quoted = false;
  for (const segment of segments) {
    if (segment.kind === 'expression') {
      text += quoted ? `${MARK}${expressions.length}${MARK}` : `"${MARK}=${expressions.length}${MARK}"`;
      expressions.push(segment.expression);
      continue;
    }
    for (let at = 0; at < segment.text.length; at += 1) {
      if (segment.text[at] === '\\' && quoted) at += 1;
      else if (segment.text[at] === '"') quoted = !quoted;
    }
    text += segment.text;
  }
  try {
    const value = restored(JSON.parse(text) as Json, expressions);
    return isObject(value) || Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A text between quotes, its tokens kept apart. */
const quotedText = (text: string): string =>
  `"${parseTemplate(text).map((segment) => (segment.kind === 'expression' ? `@{${segment.expression}}` : JSON.stringify(segment.text).slice(1, -1).replace(/@\{/g, '@@{'))).join('')}"`;

/** Member names are read like other texts, but cannot be anything else than a text. */
const memberName = (name: string): string => (CALL.test(name) ? JSON.stringify(name) : quotedText(name));

/** The template that shows a value as JSON; the opposite of {@link jsonOfTemplate}. */
export function templateOfJson(value: Json, indent = ''): string {
  const inner = `${indent}  `;
  if (Array.isArray(value)) return value.length === 0 ? '[]' : `[\n${value.map((item) => inner + templateOfJson(item, inner)).join(',\n')}\n${indent}]`;
  if (isObject(value)) {
    const members = Object.entries(value).map(([name, item]) => `${inner}${memberName(name)}: ${templateOfJson(item, inner)}`);
    return members.length === 0 ? '{}' : `{\n${members.join(',\n')}\n${indent}}`;
  }
  if (typeof value !== 'string') return JSON.stringify(value);
  const [only] = parseTemplate(value);
  return only?.kind === 'expression' && !value.startsWith('@{') ? `@{${only.expression}}` : quotedText(value);
}
