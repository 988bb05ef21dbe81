/** Edits of a flow at random: whatever is done, the flow stays whole and references keep their meaning. */
import { describe, expect, it } from 'vitest';
import { differences, merged } from '../../src/flow-model/compare';
import { actionNames, actionsAt, branchesOf, branchPlace, containersOf, emptyDefinition, findAction, forEachAction, ROOT, runAfterOf, type JsonObject, type Place } from '../../src/flow-model/definition';
import { addAction, copied, ensureBranches, moveActions, paste, removeActions, renameAction, setStaticResult, setTrigger, staticResultOf, wrapInForeach, wrapInScope } from '../../src/flow-model/edits';
import { layout, neighbour } from '../../src/flow-model/layout';
import { hasCircle } from '../../src/flow-model/order';
import { mapStrings, mentionsOf } from '../../src/flow-model/references';
import { summaryOf } from '../../src/flow-model/summary';

/** Numbers that look random and are the same for the same seed. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return (state >> 8) % below;
  };
}

function places(definition: JsonObject): Place[] {
  const found: Place[] = [ROOT];
  forEachAction(definition, (name, action, place) => {
    for (const branch of branchesOf(action)) found.push(branchPlace(place, name, branch));
  });
  return found;
}

/** What is wrong with a definition as a whole; empty when it is sound. */
function faults(definition: JsonObject): string[] {
  const wrong: string[] = [];
  const seen = new Set<string>();
  forEachAction(definition, (name, action, place) => {
    if (seen.has(name)) wrong.push(`${name} is there twice`);
    seen.add(name);
    const beside = actionsAt(definition, place);
    for (const other of Object.keys(runAfterOf(action))) if (!(other in beside)) wrong.push(`${name} runs after ${other}, which is not beside it`);
    for (const container of containersOf(place)) if (!findAction(definition, container)) wrong.push(`${name} is in ${container}, which is nowhere`);
  });
  for (const place of places(definition)) if (hasCircle(actionsAt(definition, place))) wrong.push(`a circle at ${place.join('/')}`);
  return wrong;
}

function broken(definition: JsonObject): number {
  const names = actionNames(definition);
  let count = 0;
  mapStrings(definition, (text) => {
    count += mentionsOf(text).filter((mention) => !names.has(mention.name)).length;
    return text;
  });
  return count;
}

const blank: JsonObject = setTrigger(emptyDefinition(), 'manual', { type: 'Request' });
const compose = (inputs = ''): JsonObject => ({ type: 'Compose', inputs });
const kinds: JsonObject[] = [compose(), { type: 'Scope', actions: {} }, { type: 'If', expression: {}, actions: {} }, { type: 'Switch', expression: '', cases: { One: { case: 1, actions: {} } } }, { type: 'Foreach', foreach: '', actions: {} }];

describe('edits at random', () => {
  it.each(Array.from({ length: 25 }, (_, seed) => [seed + 1]))('keep a flow whole (seed %i)', (seed) => {
    const next = numbers(seed);
    const one = <T>(items: readonly T[]): T => items[next(items.length)] as T;
    let definition = blank;
    for (let round = 0; round < 60; round += 1) {
      const names = [...actionNames(definition)];
      const place = one(places(definition));
      const here = Object.keys(actionsAt(definition, place));
      const position = { place, after: here.length && next(4) ? one(here) : null, ...(next(5) === 0 ? { parallel: true } : {}) };
      const before = { names: names.length, broken: broken(definition) };
      const kind = names.length < 3 ? 0 : next(8);
      let removes = false;
      if (kind <= 1) {
        const reads = names.length ? `@concat(outputs('${one(names).replace(/'/g, "''")}'), 'x')` : '@triggerBody()';
        definition = addAction(definition, position, one(["It's new", 'Step', 'Read (1)', 'Größe']), ensureBranches(one(kinds))).definition;
        definition = addAction(definition, position, 'Reads', compose(reads)).definition;
      } else if (kind === 2) definition = moveActions(definition, [one(names), one(names)], position);
      else if (kind === 3) definition = renameAction(definition, one(names), `Renamed ${round}`)?.definition ?? definition;
      else if (kind === 4) {
        removes = true;
        definition = removeActions(definition, [one(names)]);
      } else if (kind === 5) definition = paste(definition, position, copied(definition, [one(names), one(names)]) ?? '')?.definition ?? definition;
      else if (kind === 6) definition = wrapInScope(definition, [one(names), one(names)], 'Scope')?.definition ?? definition;
      else definition = wrapInForeach(definition, one(names), "triggerBody()?['items']").definition;
      expect(faults(definition)).toEqual([]);
      if (!removes) {
        expect(actionNames(definition).size).toBeGreaterThanOrEqual(before.names);
        expect(broken(definition)).toBeLessThanOrEqual(before.broken * 2);
        if (before.broken === 0) expect(broken(definition)).toBe(0);
      }
      const made = layout(definition);
      expect(made.boxes.filter((box) => box.kind === 'card' || box.kind === 'container')).toHaveLength(actionNames(definition).size);
    }
  });
  it('move what has a strange name without touching the name', () => {
    const strange = { ...blank, actions: { "Ada's?": { ...compose(), runAfter: {} }, B: { ...compose("@outputs('Ada''s?')"), runAfter: { "Ada's?": ['Succeeded'] } } } };
    const moved = moveActions(strange, ["Ada's?"], { place: ROOT, after: 'B' });
    expect(Object.keys(actionsAt(moved, ROOT))).toContain("Ada's?");
    expect(broken(moved)).toBe(0);
  });
  it('paste several with what they say of each other', () => {
    const flow = { ...blank, actions: { A: { ...compose('1'), runAfter: {} }, B: { ...compose("@outputs('A')"), runAfter: { A: ['Succeeded'] } }, C: { ...compose(), runAfter: { B: ['Succeeded'] } } } };
    const pasted = paste(flow, { place: ROOT, after: 'B' }, copied(flow, ['A', 'B']) ?? '');
    expect(pasted?.names).toEqual(['A_2', 'B_2']);
    const actions = actionsAt(pasted?.definition ?? {}, ROOT);
    expect(actions['B_2']?.['inputs']).toBe("@outputs('A_2')");
    expect(Object.keys(runAfterOf(actions['A_2'] ?? {}))).toEqual(['B']);
    expect(Object.keys(runAfterOf(actions['C'] ?? {}))).toEqual(['B_2']);
  });
  it('refuse a scope around what another action runs between', () => {
    const flow = { ...blank, actions: { A: { ...compose(), runAfter: {} }, B: { ...compose(), runAfter: { A: ['Succeeded'] } }, C: { ...compose(), runAfter: { B: ['Succeeded'] } } } };
    expect(wrapInScope(flow, ['A', 'C'], 'Scope')).toBeNull();
    const wrapped = wrapInScope(flow, ['A', 'B'], 'Scope');
    expect(Object.keys(runAfterOf(actionsAt(wrapped?.definition ?? {}, ROOT)['C'] ?? {}))).toEqual(['Scope']);
  });
  it('pretend a result and take it back', () => {
    const flow = { ...blank, actions: { A: { ...compose(), runAfter: {} } } };
    const pretended = setStaticResult(flow, 'A', { status: 'Failed' });
    const action = findAction(pretended, 'A')?.action ?? {};
    expect(staticResultOf(pretended, action)).toEqual({ status: 'Failed' });
    expect(findAction(setStaticResult(pretended, 'A', null), 'A')?.action).toEqual(flow.actions.A);
  });
});

describe('two versions', () => {
  const base: JsonObject = { ...blank, actions: { A: { ...compose('a'), runAfter: {} }, S: { type: 'Scope', actions: { B: { ...compose('b'), runAfter: {} } }, runAfter: { A: ['Succeeded'] } } } };
  const changed = (name: string, inputs: string) => JSON.parse(JSON.stringify(base).replace(JSON.stringify(name), JSON.stringify(inputs))) as JsonObject;
  it('tell what differs, the inner step alone', () => {
    expect(differences(base, changed('b', 'other'))).toEqual([{ step: 'B', kind: 'changed' }]);
    expect(differences(base, { ...base, actions: {} }).map(({ kind }) => kind)).toEqual(['removed', 'removed', 'removed']);
  });
  it('become one where they do not contradict each other', () => {
    const both = merged(base, changed('a', 'mine'), changed('b', 'theirs'));
    expect(findAction(both ?? {}, 'A')?.action['inputs']).toBe('mine');
    expect(findAction(both ?? {}, 'B')?.action['inputs']).toBe('theirs');
    expect(merged(base, changed('a', 'mine'), changed('a', 'theirs'))).toBeNull();
  });
  it('are not merged into a flow that is not whole', () => {
    const theirs = removeActions(base, ['A']);
    const mine = addAction(base, { place: ROOT, after: 'A', parallel: true }, 'C', compose()).definition;
    expect(merged(base, mine, theirs)).toBeNull();
  });
});

describe('cards', () => {
  it('say what a step does', () => {
    expect(summaryOf({ type: 'If', expression: { and: [{ equals: ["@triggerBody()?['ref']", 'main'] }] } }, 'action', { equals: 'is' })).toBe('ref is main');
    expect(summaryOf({ type: 'Http', inputs: { method: 'GET', uri: 'https://example.org/' } }, 'action')).toBe('GET https://example.org/');
    expect(summaryOf({ type: 'Scope', actions: {} }, 'action')).toBe('');
  });
  it('are reached by arrows along the lines', () => {
    const condition = ensureBranches({ type: 'If', expression: {}, actions: { Yes: { ...compose(), runAfter: {} } }, else: { actions: { No: { ...compose(), runAfter: {} } } } });
    const flow = { ...blank, actions: { Condition: { ...condition, runAfter: {} }, After: { ...compose(), runAfter: { Condition: ['Succeeded'] } } } };
    const made = layout(flow);
    const go = (from: string, key: string) => neighbour(made, from, key)?.id;
    expect(go('$trigger', 'ArrowDown')).toBe('Condition');
    expect(go('Condition', 'ArrowDown')).toBe('Yes');
    expect(go('Yes', 'ArrowRight')).toBe('No');
    expect(go('No', 'ArrowDown')).toBe('After');
    expect(go('No', 'ArrowUp')).toBe('Condition');
    expect(go('Condition', 'ArrowUp')).toBe('$trigger');
    expect(go('After', 'ArrowDown')).toBeUndefined();
  });
});
