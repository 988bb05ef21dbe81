/** The parts of the designer, each by itself: keys, the clipboard, what is sent when a flow is saved. */
import { fireEvent, render } from '@testing-library/react';
import { describe, expect, it, vi } from 'vitest';
import type { Flow } from '../../src/api/types';
import type { CardCommands } from '../../src/features/designer/cards';
import { clipboardOf } from '../../src/features/designer/clipboard';
import { bodyOf } from '../../src/features/designer/saving';
import { ranked } from '../../src/features/designer/SearchPanel';
import { commandOf, helpRows, SHORTCUTS } from '../../src/features/designer/shortcuts';
import { designerText } from '../../src/features/designer/text';
import { emptyDefinition } from '../../src/flow-model/definition';

const press = (key: string, held: { ctrl?: boolean; meta?: boolean; shift?: boolean; alt?: boolean } = {}) => ({ key, ctrlKey: held.ctrl ?? false, metaKey: held.meta ?? false, shiftKey: held.shift ?? false, altKey: held.alt ?? false });

describe('keys', () => {
  it('do what the table says, with Ctrl or the command key', () => {
    expect(commandOf(press('z', { ctrl: true }), 'page', false)).toBe('undo');
    expect(commandOf(press('Z', { meta: true, shift: true }), 'page', false)).toBe('redo');
    expect(commandOf(press('ArrowLeft', { alt: true }), 'card', false)).toBe('moveOut');
    expect(commandOf(press('?', { shift: true }), 'page', false)).toBe('keys');
  });
  it('belong to the field while one types in it, but for saving, searching and leaving', () => {
    expect(commandOf(press('z', { ctrl: true }), 'page', true)).toBeNull();
    expect(commandOf(press('?'), 'page', true)).toBeNull();
    expect(['s', 'k'].map((key) => commandOf(press(key, { ctrl: true }), 'page', true))).toEqual(['save', 'search']);
    expect(commandOf(press('Escape'), 'page', true)).toBe('close');
  });
  it('without a command are left alone', () => {
    expect(commandOf(press('ArrowLeft'), 'card', false)).toBeNull();
    expect(commandOf(press('Delete'), 'page', false)).toBeNull();
    expect(commandOf(press('s'), 'page', false)).toBeNull();
  });
  it('mean one thing at each place', () => {
    const strokes = SHORTCUTS.flatMap(({ where, strokes: own }) => own.map((stroke) => JSON.stringify([where === 'card', stroke])));
    expect(new Set(strokes).size).toBe(strokes.length);
  });
  it.each(['en', 'de'] as const)('are all explained (%s)', (language) => {
    const { keyWords, keyNames } = designerText[language];
    const rows = helpRows(keyWords, keyNames);
    for (const { command } of SHORTCUTS) expect(keyWords[command], command).toBeTruthy();
    expect(rows.every(([keys, what]) => keys && what)).toBe(true);
    expect(rows.map(([keys]) => keys)).toContain(language === 'de' ? 'Strg+Y · Strg+Umschalt+Z' : 'Ctrl+Y · Ctrl+Shift+Z');
  });
});

describe('the clipboard', () => {
  const commands = () => ({ chosen: (name: string) => [name], copy: vi.fn(), cut: vi.fn(), paste: vi.fn(() => true), behind: (name: string) => ({ place: ['actions'], after: name }), end: () => ({ place: ['actions'], after: 'Last' }) });
  const board = (cards: ReturnType<typeof commands>, name: string | null) => render(<div data-testid="board" {...clipboardOf(cards as unknown as CardCommands, () => name)}><input /></div>);
  const clipboardData = { getData: () => '{"type":"Compose"}', setData: vi.fn() };
  it('takes and gives cards', () => {
    const cards = commands();
    const board1 = board(cards, 'A').getByTestId('board');
    fireEvent.copy(board1, { clipboardData });
    fireEvent.cut(board1, { clipboardData });
    fireEvent.paste(board1, { clipboardData });
    expect([cards.copy.mock.calls[0]?.[0], cards.cut.mock.calls[0]?.[0], cards.paste.mock.calls[0]]).toEqual([['A'], ['A'], ['{"type":"Compose"}', { place: ['actions'], after: 'A' }]]);
  });
  it('is the browser’s own in a field, and without a card there is nothing to copy', () => {
    const cards = commands();
    const { container } = board(cards, null);
    const input = container.querySelector('input');
    if (input) for (const act of [fireEvent.copy, fireEvent.paste]) act(input, { clipboardData });
    fireEvent.copy(container.firstChild as Element, { clipboardData });
    expect(cards.copy).not.toHaveBeenCalled();
    expect(cards.paste).not.toHaveBeenCalled();
  });
});

describe('what is saved', () => {
  const edited = { name: 'A', definition: { ...emptyDefinition(), actions: { X: { type: 'Liquid', odd: [1] } } }, connections: { unused: { connection_id: 'con_1' } }, profile: 'pa' };
  it('is the definition as it is, with the connections that it uses', () => {
    const body = bodyOf(edited, null, 'A', undefined);
    expect(body.definition).toBe(edited.definition);
    expect([body.connections, body.state, body.profile]).toEqual([{}, undefined, 'pa']);
  });
  it('turns a draft on, unless it shall stay one', () => {
    const draft = { id: 'flw_1', state: 'draft' } as Flow;
    expect(bodyOf(edited, draft, 'A', undefined).state).toBe('on');
    expect(bodyOf(edited, draft, 'A', 'draft').state).toBe('draft');
    expect(bodyOf(edited, { ...draft, state: 'on' } as Flow, 'A', undefined).state).toBeUndefined();
  });
});

it('a search shows the best match first', () => {
  const items = ['Parse JSON', 'Do until', 'Delay until', 'Until', 'Other'].map((title) => ({ title, more: title === 'Other' ? 'until' : '' }));
  expect(ranked(items, ['until'], (item) => item).map(({ title }) => title)).toEqual(['Until', 'Do until', 'Delay until', 'Other', 'Parse JSON']);
});
