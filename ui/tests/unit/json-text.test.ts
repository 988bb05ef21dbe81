/** JSON as it is typed into a field with tokens, and what is stored for it. */
import { describe, expect, it } from 'vitest';
import type { Json } from '../../src/flow-model/definition';
import { jsonOfTemplate, templateOfJson } from '../../src/flow-model/json-text';

const NAME = "triggerBody()?['name']";

describe('typed JSON', () => {
  it.each([
    ['an object', '{"a": 1, "b": [true, null]}', { a: 1, b: [true, null] }],
    ['a token between quotes is part of a text', `{"name": "Dear @{${NAME}}!"}`, { name: `Dear @{${NAME}}!` }],
    ['a token alone between quotes stays a text', `{"name": "@{${NAME}}"}`, { name: `@{${NAME}}` }],
    ['a token without quotes keeps its type', `{"total": @{${NAME}}, "list": [@{body('X')}]}`, { total: `@${NAME}`, list: ["@body('X')"] }],
    ['a token with quotes inside', '{"a": "@{concat(\'"\', \'}\')}"}', { a: '@{concat(\'"\', \'}\')}' }],
    ['a quote that is escaped', `{"a": "say \\"@{${NAME}}\\""}`, { a: `say "@{${NAME}}"` }],
    ['an @ at the beginning of a text is an @', '{"to": "@channel", "@type": "x"}', { to: '@@channel', '@@type': 'x' }],
    ['a call of a function is one', `{"a": "@${NAME}", "b": "@length(body('X'))"}`, { a: `@${NAME}`, b: "@length(body('X'))" }],
    ['a text with @{ as it is', '{"a": "x @@{y}"}', { a: 'x @@{y}' }],
    ['lines and signs', '{\n  "a": "one\\ntwo ✓"\n}', { a: 'one\ntwo ✓' }],
  ])('%s', (_, template, value) => expect(jsonOfTemplate(template)).toEqual(value));

  it.each([['not finished', '{"a": '], ['a text', '[urgent] now'], ['a token alone', `@{${NAME}}`], ['a number', '5'], ['a text in quotes', '"a"'], ['two tokens side by side', `{"a": @{${NAME}}@{${NAME}}}`]])('%s is no JSON', (_, template) => expect(jsonOfTemplate(template)).toBeUndefined());

  it('is shown as it is stored', () => {
    const values: Json[] = [
      { a: `@${NAME}`, b: `@{${NAME}}`, c: `x @{${NAME}} "y"`, d: '@@channel', e: 'a @@{b', '@@odata.type': '#x', "@variables('k')": 1, 'a @{b}': [] },
      [[], {}, null, 1.5, ['@item()']],
      { text: 'one\ntwo \\ "three"' },
    ];
    for (const value of values) expect(jsonOfTemplate(templateOfJson(value))).toEqual(value);
  });
});
