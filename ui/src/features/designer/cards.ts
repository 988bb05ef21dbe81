/** What can be done with cards: copy, cut, paste, duplicate, delete, move, put into a scope. Menus, keys and the panel use the same commands. */
import { useMemo } from 'react';
import { actionsAt, branchesOf, branchPlace, containersOf, findAction, titleOf, type Place } from '../../flow-model/definition';
import { copied, moveActions, paste, removeActions, wrapInScope, type Position } from '../../flow-model/edits';
import { TRIGGER_ID } from '../../flow-model/layout';
import { rowsOf } from '../../flow-model/order';
import type { Edited } from './state';
import type { designerText } from './text';

const CLIPBOARD_KEY = 'hookmill-cards';

/** The browser's clipboard is out of reach on plain HTTP, so the last copy is also kept here. A copy by keys brings its own way into the clipboard. */
function keep(text: string, into?: DataTransfer): void {
  window.localStorage.setItem(CLIPBOARD_KEY, text);
  if (into) into.setData('text/plain', text);
  else void navigator.clipboard?.writeText(text).catch(() => undefined);
}
export const kept = (): string | null => window.localStorage.getItem(CLIPBOARD_KEY);

export type Direction = 'before' | 'behind' | 'in' | 'out';

export interface CardCommands {
  /** The cards a command on this one is about: all that are picked when it is one of them. */
  chosen: (name: string) => string[];
  copy: (names: string[], into?: DataTransfer) => void;
  cut: (names: string[], into?: DataTransfer) => void;
  duplicate: (names: string[]) => void;
  remove: (names: string[]) => void;
  /** False when the text is not the JSON of actions. */
  paste: (text: string, position: Position) => boolean;
  move: (names: string[], position: Position) => void;
  /** Before or behind its neighbour, out of its container, into the one beside it. */
  step: (name: string, direction: Direction) => void;
  scope: (names: string[]) => void;
  /** Right behind a card. */
  behind: (name: string) => Position;
  /** At the end of the flow, where nothing is chosen. */
  end: () => Position;
}

export function useCards({ edited, edit, picked, setPicked, open, close, focusCard, announce, words, scopeTitle }: {
  edited: Edited;
  edit: (change: (held: Edited) => Edited, subject?: string) => void;
  picked: readonly string[];
  setPicked: (names: readonly string[]) => void;
  open: (name: string | null) => void;
  close: () => void;
  focusCard: (id: string) => void;
  /** Says what happened to those who hear the page. */
  announce: (text: string) => void;
  words: typeof designerText.en.cards;
  scopeTitle: string;
}): CardCommands {
  return useMemo(() => {
    const { definition } = edited;
    const named = (names: readonly string[]) => names.map(titleOf).join(', ');
    const change = (next: Edited['definition']) => edit((held) => ({ ...held, definition: next }));
    const order = (place: Place) => rowsOf(actionsAt(definition, place)).flat();
    const behind = (name: string): Position => ({ place: findAction(definition, name)?.place ?? ['actions'], after: name });
    const pasted = (text: string, position: Position): boolean => {
      const made = paste(definition, position, text);
      if (!made) return false;
      change(made.definition);
      setPicked(made.names.length > 1 ? made.names : []);
      open(made.names[0] ?? null);
      announce(words.pasted(named(made.names)));
      return true;
    };
    const remove = (names: string[]) => {
      const first = findAction(definition, names[0] ?? '');
      const line = order(first?.place ?? []);
      const next = line.slice(0, line.indexOf(names[0] ?? '')).reverse().find((name) => !names.includes(name));
      change(removeActions(definition, names));
      announce(words.removed(named(names)));
      setPicked([]);
      close();
      focusCard(next ?? containersOf(first?.place ?? []).at(-1) ?? TRIGGER_ID);
    };
    const copy = (names: string[], into?: DataTransfer) => {
      const text = copied(definition, names);
      if (!text) return;
      keep(text, into);
      announce(words.copied(named(names)));
    };
    const moved = (names: string[], position: Position) => {
      const next = moveActions(definition, names, position);
      if (next === definition) return announce(words.stays(named(names)));
      change(next);
      const holder = containersOf(position.place).at(-1);
      announce(position.after !== null ? words.movedBehind(named(names), titleOf(position.after)) : holder !== undefined ? words.movedInto(named(names), titleOf(holder)) : words.movedFirst(named(names)));
      focusCard(names[0] ?? TRIGGER_ID);
    };
    /** Where a card goes by a key; null where it cannot. */
    const beside = (name: string, direction: Direction): Position | null => {
      const found = findAction(definition, name);
      if (!found) return null;
      const { place } = found;
      const line = order(place);
      const at = line.indexOf(name);
      const holder = containersOf(place).at(-1);
      if (direction === 'out') return holder === undefined ? null : behind(holder);
      if (direction === 'in') {
        // Into what follows at its beginning, else into what comes before at its end.
        const into = (container: string | undefined, atEnd: boolean): Position | null => {
          const action = container === undefined ? undefined : findAction(definition, container)?.action;
          const [branch] = action ? branchesOf(action) : [];
          if (container === undefined || !branch) return null;
          const inside = branchPlace(place, container, branch);
          return { place: inside, after: atEnd ? (order(inside).at(-1) ?? null) : null };
        };
        return into(line[at + 1], false) ?? into(line[at - 1], true);
      }
      if (direction === 'behind') return line[at + 1] === undefined ? null : { place, after: line[at + 1] ?? null };
      return at === 0 ? null : { place, after: line[at - 2] ?? null };
    };
    return {
      chosen: (name) => (picked.includes(name) ? [...picked] : [name]),
      copy,
      cut: (names, into) => {
        copy(names, into);
        remove(names);
      },
      duplicate: (names) => {
        const text = copied(definition, names);
        const last = order(findAction(definition, names[0] ?? '')?.place ?? []).filter((name) => names.includes(name)).at(-1);
        if (text && last) pasted(text, behind(last));
      },
      remove,
      paste: pasted,
      move: (names, position) => moved(names, position),
      step: (name, direction) => {
        const position = beside(name, direction);
        if (position) moved([name], position);
        else announce(words.stays(named([name])));
      },
      scope: (names) => {
        const wrapped = wrapInScope(definition, names, scopeTitle);
        if (!wrapped) return announce(words.stays(named(names)));
        change(wrapped.definition);
        announce(words.added(titleOf(wrapped.name)));
        setPicked([]);
        open(wrapped.name);
      },
      behind,
      end: () => ({ place: ['actions'], after: order(['actions']).at(-1) ?? null }),
    };
  }, [edited, edit, picked, setPicked, open, close, focusCard, announce, words, scopeTitle]);
}
