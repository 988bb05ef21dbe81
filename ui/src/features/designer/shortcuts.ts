/** The keys of the designer, in one table: it says what each does, and fills the help dialog. */

/** What a key may do. `here`: the card that has the focus, null for the trigger, undefined for none. */
export type Command =
  | 'search' | 'save' | 'undo' | 'redo' | 'close' | 'keys'
  | 'add' | 'remove' | 'rename' | 'duplicate' | 'choose' | 'moveBefore' | 'moveBehind' | 'moveOut' | 'moveIn' | 'fold';

export interface Keystroke {
  key: string;
  ctrl?: boolean;
  shift?: boolean;
  alt?: boolean;
}

interface Shortcut {
  /** Where it counts: on the page, also while one types in a field, or on a card. */
  where: 'page' | 'anywhere' | 'card';
  command: Command;
  strokes: readonly Keystroke[];
}

export const SHORTCUTS: readonly Shortcut[] = [
  { where: 'anywhere', command: 'search', strokes: [{ key: 'k', ctrl: true }] },
  { where: 'anywhere', command: 'save', strokes: [{ key: 's', ctrl: true }] },
  { where: 'page', command: 'undo', strokes: [{ key: 'z', ctrl: true }] },
  { where: 'page', command: 'redo', strokes: [{ key: 'y', ctrl: true }, { key: 'z', ctrl: true, shift: true }] },
  { where: 'anywhere', command: 'close', strokes: [{ key: 'escape' }] },
  { where: 'page', command: 'keys', strokes: [{ key: '?' }] },
  { where: 'card', command: 'add', strokes: [{ key: 'insert' }] },
  { where: 'card', command: 'remove', strokes: [{ key: 'delete' }, { key: 'backspace' }] },
  { where: 'card', command: 'rename', strokes: [{ key: 'f2' }] },
  { where: 'card', command: 'moveBefore', strokes: [{ key: 'arrowup', alt: true }] },
  { where: 'card', command: 'moveBehind', strokes: [{ key: 'arrowdown', alt: true }] },
  { where: 'card', command: 'moveOut', strokes: [{ key: 'arrowleft', alt: true }] },
  { where: 'card', command: 'moveIn', strokes: [{ key: 'arrowright', alt: true }] },
  { where: 'card', command: 'choose', strokes: [{ key: ' ', shift: true }] },
  { where: 'card', command: 'fold', strokes: [{ key: 'c' }] },
  { where: 'card', command: 'duplicate', strokes: [{ key: 'd', ctrl: true }] },
];

type Pressed = { key: string; ctrlKey: boolean; metaKey: boolean; shiftKey: boolean; altKey: boolean };

/** Signs such as `?` need Shift on some keyboards and none on others. */
const isSign = (key: string) => key.length === 1 && !/[a-z0-9 ]/.test(key);
const fits = (stroke: Keystroke, event: Pressed) =>
  event.key.toLowerCase() === stroke.key &&
  (event.ctrlKey || event.metaKey) === (stroke.ctrl ?? false) &&
  event.altKey === (stroke.alt ?? false) &&
  (isSign(stroke.key) || event.shiftKey === (stroke.shift ?? false));

/** The command of a key; null where it has none at that place. */
export function commandOf(event: Pressed, where: 'page' | 'card', isTyping: boolean): Command | null {
  const found = SHORTCUTS.find((shortcut) => (where === 'card' ? shortcut.where === 'card' : shortcut.where === 'anywhere' || (shortcut.where === 'page' && !isTyping)) && shortcut.strokes.some((stroke) => fits(stroke, event)));
  return found?.command ?? null;
}

const NAMED: { [key: string]: string } = { escape: 'Esc', insert: 'Insert', delete: 'Delete', backspace: 'Backspace', f2: 'F2', arrowup: '↑', arrowdown: '↓', arrowleft: '←', arrowright: '→', ' ': 'Space' };

/** A key as the help shows it: `Ctrl+Shift+Z`. */
export const strokeInWords = ({ key, ctrl, shift, alt }: Keystroke, names: { [key: string]: string } = {}): string =>
  [ctrl ? 'Ctrl' : '', alt ? 'Alt' : '', shift ? 'Shift' : '', NAMED[key] ?? key.toUpperCase()].filter(Boolean).map((part) => names[part] ?? part).join('+');

/** The rows of the help dialog: those of the table, and what the browser and the canvas do with keys by themselves. */
export function helpRows(words: { [what: string]: string }, names: { [key: string]: string } = {}): [keys: string, what: string][] {
  const row = (what: string, strokes: readonly Keystroke[]): [string, string] => [strokes.map((stroke) => strokeInWords(stroke, names)).join(' · '), words[what] ?? what];
  const clipboard = ['c', 'x', 'v'].map((key) => ({ key, ctrl: true }));
  return [['↑ ↓ ← →', words['walk'] ?? ''], ['Enter', words['open'] ?? ''], ...SHORTCUTS.map(({ command, strokes }) => row(command, strokes)), row('clipboard', clipboard), row('menu', [{ key: 'f10', shift: true }])];
}
