/** What a maker meets every day: which step of a run failed, words for conditions and cases, names that are kept, advice. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ActionRun } from '../../src/api/types';
import { between, durationText } from '../../src/features/runs/duration';
import { failedInside, firstFailed, isTaken } from '../../src/features/runs/failed';
import { caseInWords } from '../../src/flow-model/cases';
import { rowsOfExpression } from '../../src/flow-model/condition';
import { emptyDefinition, nameOf, wrongWithName, type JsonObject } from '../../src/flow-model/definition';
import { tokenSources } from '../../src/flow-model/order';
import { summaryOf } from '../../src/flow-model/summary';
import { listBehind, selectedMembers } from '../../src/flow-model/tokens';
import { inLanguage } from '../../src/shared/advice';
import { GERMAN, inWords } from '../../src/shared/sentences';
import { withWords } from '../../src/shared/LongSelect';

const flow = (actions: JsonObject): JsonObject => ({ ...emptyDefinition(), triggers: { manual: { type: 'Request' } }, actions });
const after = (...names: string[]) => Object.fromEntries(names.map((name) => [name, ['Succeeded', 'Failed']]));
const ran = (name: string, more: Partial<ActionRun> = {}): ActionRun => ({ name, status: 'Failed', failed_repetitions: 1, repetitions: 1, ended_at: '2026-01-01T00:00:05Z', ...more }) as ActionRun;

describe('the step that failed', () => {
  const definition = flow({
    Before: { type: 'Compose', inputs: '' },
    Try: { type: 'Scope', actions: { Check: { type: 'If', actions: { HTTP: { type: 'Http' } }, else: { actions: {} } }, Later: { type: 'Http' } } },
  });
  it('is the innermost, not the container that only tells of it', () => {
    const actions = [ran('Before', { status: 'Succeeded', failed_repetitions: 0 }), ran('Try', { ended_at: '2026-01-01T00:00:09Z' }), ran('Check'), ran('HTTP')];
    expect(firstFailed(definition, actions)?.name).toBe('HTTP');
  });
  it('is the first of several', () => {
    expect(firstFailed(definition, [ran('Try'), ran('Later', { ended_at: '2026-01-01T00:00:04Z' }), ran('Check'), ran('HTTP')])?.name).toBe('Later');
  });
  it('is a container whose steps did not fail, such as a loop that ran too often', () => {
    expect(firstFailed(definition, [ran('Try', { code: 'WorkflowRunActionUntilLimitInvalid' }), ran('HTTP', { status: 'Succeeded', failed_repetitions: 0 })])?.name).toBe('Try');
    expect(firstFailed(definition, [])).toBeUndefined();
  });
  it('is told by each container around it', () => {
    const actions = [ran('Try'), ran('Check'), ran('HTTP')];
    expect(['Try', 'Check', 'HTTP'].map((name) => failedInside(definition, actions, name)?.name)).toEqual(['HTTP', 'HTTP', undefined]);
  });
});

it('how long it took is said in the language', () => {
  const spans = [null, 420, 1234, 59_700, 65_000, 7_500_000, 190_000_000];
  expect(spans.map((span) => durationText(span, 'en'))).toEqual(['–', '420 ms', '1.2 s', '1 min 0 s', '1 min 5 s', '2 h 5 min', '2 d 4 h']);
  expect(spans.map((span) => durationText(span, 'de'))).toEqual(['–', '420 ms', '1,2 s', '1 Min. 0 s', '1 Min. 5 s', '2 Std. 5 Min.', '2 T. 4 Std.']);
  expect(between('2026-01-01T00:00:00Z', null)).toBeNull();
});

it('a branch is the taken one by what the run says', () => {
  expect(isTaken('true', { kind: 'yes', path: [] })).toBe(true);
  expect(isTaken('Paid', { kind: 'case', name: 'Paid', path: [] })).toBe(true);
  expect(isTaken('default', { kind: 'case', name: 'Paid', path: [] })).toBe(false);
  expect(isTaken(null, { kind: 'yes', path: [] })).toBeUndefined();
});

it('a case is said by its value, with a name that says more', () => {
  const action = { type: 'Switch', cases: { Case: { case: 'paid' }, Case_2: { case: '' }, Refund: { case: 7 }, paid: { case: 'paid' } } };
  expect(['Case', 'Case_2', 'Refund', 'paid', 'default'].map((name) => caseInWords(action, name))).toEqual(['paid', 'Case_2', '7 (Refund)', 'paid', '']);
});

describe('a condition that is one expression', () => {
  const words = { equals: 'is', greater: 'is more than', notEquals: 'is not' };
  it.each([
    ["@equals(variables('done'), true)", 'done is true'],
    ["@not(equals(body('HTTP')?['state'], 'open, maybe'))", 'state is not open, maybe'],
    ["@and(greater(variables('n'), 3), equals(item(), 'x'))", 'n is more than 3 …'],
  ])('%s is said in words', (expression, said) => expect(summaryOf({ type: 'Until', expression }, 'action', words)).toBe(said));
  it('is said as it stands where it is richer', () => {
    expect(rowsOfExpression("@empty(body('X'))")).toBeNull();
    expect(rowsOfExpression("@equals(1, 2) and more")).toBeNull();
    expect(rowsOfExpression('text')).toBeNull();
  });
});

it('names keep what was typed, and say which signs they cannot have', () => {
  expect(nameOf("Fehler: it's (done) @ 5 €!")).toBe("Fehler_it's_(done)_@_5_€!");
  expect(wrongWithName('a/b: c?')).toEqual({ signs: '/ : ?' });
  expect(wrongWithName('x'.repeat(81))).toEqual({ tooLong: 80 });
  expect(wrongWithName("Größe (1) it's fine!")).toBeNull();
});

describe('dynamic content', () => {
  const definition = flow({
    Try: { type: 'Scope', actions: { HTTP: { type: 'Http', runAfter: {} }, Loop: { type: 'Foreach', foreach: '@x', runAfter: after('HTTP'), actions: { Inner: { type: 'Compose', runAfter: {} } } } }, runAfter: {} },
    Filter: { type: 'Query', inputs: { from: "@body('HTTP')?['rows']", where: '' }, runAfter: after('Try') },
    Select: { type: 'Select', inputs: { from: "@body('Filter')", select: { id: '', full_name: '' } }, runAfter: after('Filter') },
    Catch: { type: 'Scope', runAfter: after('Try'), actions: { Tell: { type: 'Compose', runAfter: {} } } },
  });
  it('has the steps inside of an earlier container, but not those of a loop', () => {
    expect(tokenSources(definition, 'Tell').map((source) => source.name)).toEqual(['Try', 'Loop', 'HTTP', null]);
  });
  it('knows where a filtered list comes from, and what a Select makes', () => {
    expect(listBehind(definition, "body('Filter')")).toBe("body('HTTP')?['rows']");
    expect(selectedMembers(definition, "body('Select')")?.map((token) => token.tail)).toEqual(["?['id']", "?['full_name']"]);
    expect(selectedMembers(definition, "body('Filter')")).toBeNull();
  });
});

it('a long list is found by words in any order', () => {
  const options = [{ value: '1', title: 'Stripe: recon daily' }, { value: '2', title: 'Recon', words: 'paypal' }];
  expect(withWords(options, 'recon stripe').map((option) => option.value)).toEqual(['1']);
  expect(withWords(options, 'PAYPAL').map((option) => option.value)).toEqual(['2']);
});

describe('advice', () => {
  it('is German for every failure that the server gives advice on', () => {
    const source = readFileSync(join(process.cwd(), '../crates/hookmill-server/src/runs/failure.rs'), 'utf8');
    const codes = [...source.slice(source.indexOf('fn hint(')).matchAll(/"([A-Za-z]+)"(?=[^;"]*(?:\||=>))/g)].map((match) => match[1] ?? '');
    expect(codes.length).toBeGreaterThan(10);
    for (const code of codes) expect(inLanguage({ code, message: 'x', hint: 'English' }, 'de').hint, code).not.toBeNull();
  });
  it('keeps what the service itself said', () => {
    const told = inLanguage({ code: 'InternalServerError', message: 'The service answered 500 Internal Server Error to POST http://crm/x (attempt 2). It says: pool exhausted', hint: 'h' }, 'de');
    expect(told.message).toBe('Der Dienst antwortete 500 Internal Server Error auf POST http://crm/x (Versuch 2). Er sagt: pool exhausted');
    expect(told.hint).toContain('Dienst');
    expect(inLanguage({ code: 'ActionFailed', message: 'HTTP failed: 404 no such order', hint: null }, 'de')).toEqual({ message: 'HTTP schlug fehl: 404 no such order', hint: null });
  });
});

describe('sentences about webhooks in German', () => {
  const said = ['hookmill-server/src/attention.rs', 'hookmill-engine/src/subscription/refusal.rs']
    .map((file) => readFileSync(join(process.cwd(), '../crates', file), 'utf8').replace(/\\\n\s*/g, ''))
    .join('\n');
  it.each(Object.keys(GERMAN))('the server says: %s', (english) => expect(said).toContain(english));
  it('has the cause of failed runs and of a refused webhook', () => {
    expect(inWords('The last 3 runs failed. HTTP failed: 404 no such order', 'de')).toBe('Die letzten 3 Läufe schlugen fehl. HTTP schlug fehl: 404 no such order');
    expect(inWords('The service answered 404 Not Found to POST http://a/hooks.', 'de')).toBe('Der Dienst antwortete 404 Not Found auf POST http://a/hooks.');
    expect(inWords('Sign in again.', 'en')).toBe('Sign in again.');
  });
});
