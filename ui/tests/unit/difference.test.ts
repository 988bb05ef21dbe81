/** Differences of two values: where, and what stands on each side. */
import { describe, expect, it } from 'vitest';
import { differences, DIFFERENCES_MAX } from '../../src/features/runs/difference';

describe('differences', () => {
  it('names the place, however deep', () => {
    const a = { body: { ref: 'main', commits: [{ id: 1 }, { id: 2 }], 'x-y z': true }, same: [1, 2] };
    const b = { body: { ref: 'main', commits: [{ id: 1 }, { id: 3 }, { id: 4 }], 'x-y z': false }, same: [1, 2] };
    expect(differences(a, b)).toEqual([
      { path: 'body.commits[1].id', ours: 2, theirs: 3 },
      { path: 'body.commits[2]', ours: undefined, theirs: { id: 4 } },
      { path: 'body["x-y z"]', ours: true, theirs: false },
    ]);
  });
  it('tells apart what is not there, null, and another kind', () => {
    expect(differences({ a: null }, {})).toEqual([{ path: 'a', ours: null, theirs: undefined }]);
    expect(differences({ a: [] }, { a: {} })).toEqual([{ path: 'a', ours: [], theirs: {} }]);
    expect(differences('x', 'y')).toEqual([{ path: '', ours: 'x', theirs: 'y' }]);
    expect(differences(undefined, undefined)).toEqual([]);
  });
  it('ends after as many as anybody reads', () => {
    const many = (value: number) => Array.from({ length: 5_000 }, () => value);
    expect(differences(many(1), many(2))).toHaveLength(DIFFERENCES_MAX + 1);
  });
});
