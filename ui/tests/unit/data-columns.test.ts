/** Columns of the history from what the trigger gave. */
import { describe, expect, it } from 'vitest';
import { cellText, columnTitle, pathsOf, pathText, valueAtPath } from '../../src/features/runs/DataColumns';

describe('columns from the trigger', () => {
  const body = { order: { number: 7, 'a/b': 'x', lines: [{ n: 1 }] }, open: true, none: null };
  it('offers what is one value, near the top first', () => expect(pathsOf(body)).toEqual(['open', 'none', 'order/number', 'order/a~1b']));
  it('reads what a path leads to, whatever its names are', () => {
    expect(valueAtPath(body, pathText(['order', 'a/b']))).toBe('x');
    expect(valueAtPath(body, 'order/number')).toBe(7);
    expect([valueAtPath(body, 'order/gone'), valueAtPath(body, 'open/x'), valueAtPath(undefined, 'x')]).toEqual([undefined, undefined, undefined]);
    expect(columnTitle('order/a~1b')).toBe('a/b');
  });
  it('shows values as text, cut where they are long', () => expect([cellText('x'), cellText(7), cellText(null), cellText('y'.repeat(100)).length]).toEqual(['x', '7', '', 81]));
});
