/** Both languages say everything: same keys, same kinds, nothing left in English, nothing written past the tables. */
import { describe, expect, it } from 'vitest';
import { BUILTINS } from '../../src/flow-model/builtins';

const modules = import.meta.glob<Record<string, unknown>>('../../src/**/{text,*-text}.ts', { eager: true });
const sources = import.meta.glob<string>('../../src/**/*.tsx', { query: '?raw', import: 'default', eager: true });

/** Words that are the same in both languages, or names that are not translated. */
const SAME = new Set(['Browser', 'Code', 'Cookie', 'Definition', 'Designer', 'Flow', 'Flows', 'Format', 'GitHub', 'HTTP', 'Header', 'Host', 'Link', 'Minute', 'Name', 'OAuth 2.0', 'Operation', 'Ping', 'Port', 'Query', 'Schema', 'Server', 'Status', 'Test', 'Text', 'Trigger', 'URI', 'URL', 'Verb', 'Version', 'Webhook', 'Zoom']);

const used = new Set<string>();
/** Steps carry numbers. */
const isSame = (text: string): boolean => {
  const bare = text.replace(/^\d+\. /, '');
  used.add(bare);
  return SAME.has(bare);
};

type Leaf = string | ((...values: never[]) => unknown);
function leaves(value: unknown, path: string): [string, Leaf][] {
  if (typeof value === 'string' || typeof value === 'function') return [[path, value as Leaf]];
  if (typeof value === 'object' && value !== null) return Object.entries(value).flatMap(([key, inner]) => leaves(inner, `${path}.${key}`));
  return [];
}
/** A function's text for arguments that fit words and numbers alike. */
const said = (leaf: Leaf) => (typeof leaf === 'string' ? leaf : String((leaf as (...values: unknown[]) => unknown)(3, 3, 3)));

const tables = Object.entries(modules).flatMap(([file, exports]) =>
  Object.entries(exports).flatMap(([name, table]) => (typeof table === 'object' && table !== null && 'en' in table && 'de' in table ? [{ name: `${file.split('/src/')[1]} ${name}`, en: (table as { en: unknown }).en, de: (table as { de: unknown }).de }] : [])),
);

describe('the languages', () => {
  it('are found', () => expect(tables.length).toBeGreaterThan(8));
  it.each(tables)('have the same keys and kinds: $name', ({ en, de }) => {
    const shape = (value: unknown) => leaves(value, '').map(([path, leaf]) => `${path}: ${typeof leaf}`).sort();
    expect(shape(de)).toEqual(shape(en));
  });
  it.each(tables)('leave nothing in English: $name', ({ en, de }) => {
    const german = new Map(leaves(de, ''));
    const left = leaves(en, '').filter(([path, leaf]) => {
      const text = said(leaf);
      const other = german.get(path);
      return /[a-z]{2}/i.test(text) && other !== undefined && said(other) === text && !isSame(text);
    });
    expect(left.map(([path, leaf]) => `${path}: ${said(leaf)}`)).toEqual([]);
  });
  it('name every built-in step and field', () => {
    const pairs = BUILTINS.flatMap((item) => [item.title, item.description, ...item.fields.map((field) => field.label)]);
    expect(pairs.filter(({ en, de }) => !en || !de || (en === de && !isSame(en)))).toEqual([]);
  });
  it('excuse no word that needs no excuse', () => expect([...SAME].filter((word) => !used.has(word))).toEqual([]));
  it('stand in the tables, not in the pages', () => {
    const found = Object.entries(sources).flatMap(([file, source]) =>
      [...source.matchAll(/>\s*([A-Z][a-z]+(?: [a-z]+){1,})[.!?]?\s*<\/|(?:aria-label|title|placeholder|label|hint)="([A-Z][a-z]+[^"]*)"/g)].map((match) => `${file}: ${match[1] ?? match[2]}`),
    );
    expect(found).toEqual([]);
  });
});
