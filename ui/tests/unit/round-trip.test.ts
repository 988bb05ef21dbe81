/** The definitions of the browser's round trip, in the model alone: drawn, checked, and changed by one word. */
import { describe, expect, it } from 'vitest';
import { check } from '../../src/flow-model/checker';
import { formatGroup, isGroup, parseGroup } from '../../src/flow-model/condition';
import { branchesOf, findAction, forEachAction, titleOf, type Json } from '../../src/flow-model/definition';
import { renameAction, setMember } from '../../src/flow-model/edits';
import { layout } from '../../src/flow-model/layout';
import { DEFINITIONS, withNote } from '../browser/definitions.mjs';

describe.each(Object.entries(DEFINITIONS))('%s', (_, definition) => {
  it('has no error, and a card for each step', () => {
    expect(check(definition).filter((finding) => finding.severity === 'error')).toEqual([]);
    const drawn = JSON.stringify(layout(definition));
    forEachAction(definition, (name, action) => {
      expect(drawn).toContain(JSON.stringify(name).slice(1, -1));
      expect(branchesOf(action).length >= 0 && titleOf(name).length > 0).toBe(true);
    });
  });
  it('is changed by one word and by nothing else', () => {
    const text = JSON.stringify(definition);
    expect(setMember(definition, 'Note', ['inputs'], 'one more')).toEqual(withNote(definition, 'one more'));
    expect(JSON.stringify(definition)).toBe(text);
  });
  it('is the same after a step was renamed there and back', () => {
    const there = renameAction(definition, 'Note', 'Remark');
    const back = there && renameAction(there.definition, 'Remark', 'Note');
    expect(back?.definition).toEqual(definition);
    expect(findAction(definition, 'Note')).not.toBeNull();
  });
});

describe('groups of a condition', () => {
  const value: Json = { or: [{ and: [{ greater: ['@a', 1] }, { not: { equals: ['@b', 'x'] } }] }, { startsWith: ['@c', 'y'] }] };
  it('are read and written as they were', () => {
    const group = parseGroup(value);
    expect(group?.items.map(isGroup)).toEqual([true, false]);
    expect(group && formatGroup(group)).toEqual(value);
  });
  it('are left to the JSON editor where they hold what no row can show', () => expect(parseGroup({ or: [{ and: [{ equals: [{ a: 1 }, 1] }] }] })).toBeNull());
});
