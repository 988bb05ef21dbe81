/** Both languages say everything: same keys, same kinds, nothing left in English, nothing written past the tables. */
import { describe, expect, it } from 'vitest';
import { BUILTINS } from '../../src/flow-model/builtins';
import { designerText } from '../../src/features/designer/text';
import { formText } from '../../src/features/designer/forms/text';
import { flowsText } from '../../src/features/flows/text';
import { runsText } from '../../src/features/runs/text';
import { settingsText } from '../../src/features/settings/text';
import { inLanguage } from '../../src/shared/advice';
import { operatorText } from '../../src/shared/operator-text';

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

describe('phrases that people look for', () => {
  const both = <T extends string>(table: { en: { [key in T]: unknown }; de: { [key in T]: unknown } }, key: T, ...values: unknown[]) =>
    [table.en[key], table.de[key]].map((text) => (typeof text === 'function' ? String((text as (...values: unknown[]) => unknown)(...values)) : text));
  it.each([
    [both(flowsText, 'ownAddress'), 'Address of this flow', 'Adresse dieses Flows'],
    [both(flowsText, 'lastRequest'), 'Last request', 'Letzte Anfrage'],
    [both(formText, 'lastRequest'), 'Last request', 'Letzte Anfrage'],
    [both(runsText, 'resumeThen', 2), 'With version 2 (as it ran)', 'Mit Version 2 (wie gelaufen)'],
    [both(runsText, 'resumeNow', 3), 'With version 3 (current)', 'Mit Version 3 (aktuell)'],
    [both(runsText, 'resumedFrom', '06:29'), 'Resumed from the run of 06:29', 'Fortgesetzt vom Lauf von 06:29'],
    [both(runsText, 'notReached'), 'Not reached yet.', 'Noch nicht erreicht.'],
    [both(designerText, 'testFailed'), 'Test run failed:', 'Testlauf fehlgeschlagen:'],
    [both(designerText, 'scopeHint'), 'Put steps inside; set Run after on the next scope to catch failures.', 'Legen Sie Schritte hinein; stellen Sie beim nächsten Bereich „Ausführen nach“ ein, um Fehler abzufangen.'],
    [both(settingsText, 'newUser'), 'Add a user', 'Benutzer hinzufügen'],
    [both(operatorText, 'wasEmpty', 'amount_due', 'is greater than', true), 'amount_due was empty; “is greater than” needs a number.', 'amount_due war leer; „is greater than“ braucht eine Zahl.'],
  ])('%j', (found, en, de) => expect(found).toEqual([en, de]));
  it('name the fields of loops and the two tables', () => {
    const labels = BUILTINS.flatMap((item) => [item.title, ...item.fields.map((field) => field.label)]);
    for (const [en, de] of [['Maximum repetitions', 'Höchste Anzahl'], ['Maximum time', 'Höchste Dauer'], ['Create HTML table', 'HTML-Tabelle erstellen'], ['Create CSV table', 'CSV-Tabelle erstellen']]) expect(labels).toContainEqual({ en, de });
  });
  it('say what failed, and why', () => {
    expect(inLanguage({ code: 'ActionFailed', message: 'HTTP failed: 500 pool exhausted' } as never, 'de').message).toBe('HTTP schlug fehl: 500 pool exhausted');
  });
  it('have one German word each for a version and a notification', () => {
    const german = tables.flatMap(({ de }) => leaves(de, '').map(([, leaf]) => said(leaf)));
    expect(german.filter((text) => /(?<!zusammen)fassung|benachrichtigung/i.test(text))).toEqual([]);
  });
});
