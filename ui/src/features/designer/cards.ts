/** What can be done with cards: copy, cut, paste, duplicate, delete, move, put into a scope. Menus, keys and the panel use the same commands. */
import { useMemo } from 'react';
import { actionsAt, containersOf, findAction, type Place } from '../../flow-model/definition';
import { copied, moveActions, paste, removeActions, wrapInScope, type Position } from '../../flow-model/edits';
import { TRIGGER_ID } from '../../flow-model/layout';
import { rowsOf } from '../../flow-model/order';
import type { Edited } from './state';

const CLIPBOARD_KEY = 'hookmill-cards';

/** The browser's clipboard is out of reach on plain HTTP, so the last copy is also kept here. A copy by keys brings its own way into the clipboard. */
function keep(text: string, into?: DataTransfer): void {
  window.localStorage.setItem(CLIPBOARD_KEY, text);
  if (into) into.setData('text/plain', text);
  else void navigator.clipboard?.writeText(text).catch(() => undefined);
}
export const kept = (): string | null => window.localStorage.getItem(CLIPBOARD_KEY);

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
  step: (name: string, direction: -1 | 1) => void;
  scope: (names: string[]) => void;
  /** Right behind a card. */
  behind: (name: string) => Position;
  /** At the end of the flow, where nothing is chosen. */
  end: () => Position;
}

export function useCards({ edited, edit, picked, setPicked, open, close, focusCard, scopeTitle }: {
  edited: Edited;
  edit: (change: (held: Edited) => Edited, subject?: string) => void;
  picked: readonly string[];
  setPicked: (names: readonly string[]) => void;
  open: (name: string | null) => void;
  close: () => void;
  focusCard: (id: string) => void;
  scopeTitle: string;
}): CardCommands {
  return useMemo(() => {
    const { definition } = edited;
    const change = (next: Edited['definition']) => edit((held) => ({ ...held, definition: next }));
    const order = (place: Place) => rowsOf(actionsAt(definition, place)).flat();
    const behind = (name: string): Position => ({ place: findAction(definition, name)?.place ?? ['actions'], after: name });
    const pasted = (text: string, position: Position): boolean => {
      const made = paste(definition, position, text);
      if (!made) return false;
      change(made.definition);
      setPicked(made.names.length > 1 ? made.names : []);
      open(made.names[0] ?? null);
      return true;
    };
    const remove = (names: string[]) => {
      const first = findAction(definition, names[0] ?? '');
      const line = order(first?.place ?? []);
      const next = line.slice(0, line.indexOf(names[0] ?? '')).reverse().find((name) => !names.includes(name));
      change(removeActions(definition, names));
      setPicked([]);
      close();
      focusCard(next ?? containersOf(first?.place ?? []).at(-1) ?? TRIGGER_ID);
    };
    const copy = (names: string[], into?: DataTransfer) => {
      const text = copied(definition, names);
      if (text) keep(text, into);
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
      move: (names, position) => change(moveActions(definition, names, position)),
      step: (name, direction) => {
        const found = findAction(definition, name);
        if (!found) return;
        const line = order(found.place);
        const at = line.indexOf(name);
        const after = direction === 1 ? line[at + 1] : (line[at - 2] ?? null);
        if (after === undefined || (direction === -1 && at === 0)) return;
        change(moveActions(definition, [name], { place: found.place, after }));
      },
      scope: (names) => {
        const wrapped = wrapInScope(definition, names, scopeTitle);
        if (!wrapped) return;
        change(wrapped.definition);
        setPicked([]);
        open(wrapped.name);
      },
      behind,
      end: () => ({ place: ['actions'], after: order(['actions']).at(-1) ?? null }),
    };
  }, [edited, edit, picked, setPicked, open, close, focusCard, scopeTitle]);
}
