/** The fixtures that the server's own crates run too: branches, order, references and renames of definitions. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BUILTINS, builtinOf } from '../../src/flow-model/builtins';
import { check, pointerOf } from '../../src/flow-model/checker';
import { actionsAt, branchesOf, branchPlace, findAction, forEachAction, runAfterOf, type Json, type JsonObject } from '../../src/flow-model/definition';
import { renamedAs } from '../../src/flow-model/edits';
import { ACTION_TYPES, TRIGGER_TYPES } from '../../src/flow-model/language';
import { mentionsOf } from '../../src/flow-model/references';

interface Fixture {
  about: string;
  definition: JsonObject;
  branches: { pointer: string; kind: string; case?: string; path: string[]; actions: string[] }[];
  runAfter: { [name: string]: string[] };
  references: { pointer: string; function: string; name: string; action: string | null; inMemberName?: boolean }[];
  renames: { from: string; to: string; definition: JsonObject }[];
  findings: { severity: string; code: string; pointer: string }[];
}

const folder = join(process.cwd(), '../crates/hookmill-definition/test_data/language');
const fixtures = readdirSync(folder).map((file): [string, Fixture] => [file, JSON.parse(readFileSync(join(folder, file), 'utf8')) as Fixture]);
const escaped = (part: string) => part.replace(/~/g, '~0').replace(/\//g, '~1');

/** Every mention of an action in the texts and names below a value, by where it stands. */
function references(definition: JsonObject): Fixture['references'] {
  const found: Fixture['references'] = [];
  const tell = (text: string, pointer: string, more: object) => {
    for (const mention of mentionsOf(text)) found.push({ pointer, ...more, function: mention.function, name: mention.name, action: findAction(definition, mention.name)?.name ?? null });
  };
  const walk = (value: Json, pointer: string) => {
    if (typeof value === 'string') return tell(value, pointer, {});
    if (typeof value !== 'object' || value === null) return undefined;
    for (const [key, item] of Object.entries(value)) {
      const at = `${pointer}/${escaped(key)}`;
      if (!Array.isArray(value)) tell(key, at, { inMemberName: true });
      walk(item, at);
    }
    return undefined;
  };
  walk(definition, '');
  return found;
}
const sorted = (rows: Fixture['references']) => rows.map((row) => JSON.stringify([row.pointer, row.function.toLowerCase(), row.name, row.action, row.inMemberName ?? false])).sort();

describe.each(fixtures)('%s', (_, fixture) => {
  const { definition } = fixture;
  it('has the branches of its containers', () => {
    const seen: Fixture['branches'] = [];
    forEachAction(definition, (name, action, place) => {
      for (const branch of branchesOf(action)) {
        seen.push({ pointer: pointerOf(place, name), kind: branch.kind, ...(branch.name === undefined ? {} : { case: branch.name }), path: [...branch.path], actions: Object.keys(actionsAt(definition, branchPlace(place, name, branch))) });
      }
    });
    expect(seen).toEqual(expect.arrayContaining(fixture.branches));
    expect(seen).toHaveLength(fixture.branches.length);
  });
  it('runs in its order', () => {
    const seen: Fixture['runAfter'] = {};
    forEachAction(definition, (name, action, place) => {
      const after = Object.keys(runAfterOf(action)).filter((other) => other in actionsAt(definition, place));
      if (after.length > 0) seen[name] = after;
    });
    expect(seen).toEqual(fixture.runAfter);
  });
  it('has its references', () => {
    expect(sorted(references(definition))).toEqual(sorted(fixture.references));
  });
  it.each(fixture.renames.map((rename): [string, string, Fixture['renames'][number]] => [rename.from, rename.to, rename]))('renames %s to %s everywhere', (from, to, rename) => {
    const renamed = renamedAs(definition, from, to);
    expect(renamed).toEqual(rename.definition);
  });
  it('has no error here that the server does not find', () => {
    if (fixture.findings.some((finding) => finding.severity === 'error')) return;
    expect(check(definition).filter((finding) => finding.severity === 'error')).toEqual([]);
  });
});

describe('every step that the engine runs', () => {
  const withForm = new Set(BUILTINS.map((builtin) => `${builtin.kind}/${builtin.type}`));
  // What calls a connector has the form of its operation.
  const isConnector = (type: string) => /^(OpenApi|Api)Connection(Webhook)?$/.test(type);
  it.each(ACTION_TYPES.filter((step) => !isConnector(step.type)).map((step) => step.type))('%s has a card and a form', (type) => expect(withForm.has(`action/${type}`)).toBe(true));
  it.each(TRIGGER_TYPES.filter((step) => !isConnector(step.type)).map((step) => step.type))('the trigger %s has a card and a form', (type) => expect(withForm.has(`trigger/${type}`)).toBe(true));
  const kinds = ACTION_TYPES.find((step) => step.type === 'Expression')?.kinds ?? [];
  it.each(kinds.map(({ kind }) => kind))('the kind %s of Expression is itself, in any case', (kind) => {
    expect(builtinOf({ type: 'expression', kind: kind.toLowerCase(), inputs: {} }, 'action')?.id).toBe(kind);
  });
  it('has the fields of the language, and asks for those that it needs', () => {
    for (const builtin of BUILTINS) {
      const step = (builtin.kind === 'action' ? ACTION_TYPES : TRIGGER_TYPES).find((item) => item.type === builtin.type);
      const fields = builtin.type === 'Expression' ? kinds.find(({ kind }) => kind === builtin.id)?.fields : step?.fields;
      if (!fields || isConnector(builtin.type)) continue;
      const asked = builtin.fields.map((form) => form.path.join('/'));
      for (const field of fields) {
        const path = field.path.join('/');
        const isBranch = ['actions', 'cases'].includes(field.kind);
        // A request of a webhook is asked for member by member.
        if (field.required && !isBranch && !['request', 'host'].includes(field.kind)) expect(asked.some((own) => own === path || own.startsWith(`${path}/`)), `${builtin.id} asks for ${path}`).toBe(true);
      }
      for (const form of builtin.fields) {
        const known = fields.some((field) => form.path.join('/').startsWith(field.path.join('/')) || field.path.join('/').startsWith(`${form.path.join('/')}/`) || (field.aliases ?? []).includes(form.path.at(-1) ?? ''));
        expect(known, `${builtin.id}: ${form.path.join('/')}`).toBe(true);
      }
    }
  });
  it('that is not known is kept and has no form', () => {
    expect(builtinOf({ type: 'Liquid', inputs: { content: 1 } }, 'action')).toBeNull();
    expect(builtinOf({ type: 'Http', inputs: "@body('X')" }, 'action')).toBeNull();
  });
});
