/** Which containers of a flow are drawn closed. What gets the attention is never inside of one. */
import { useCallback, useState } from 'react';
import { containersOf, findAction, forEachAction, isContainer, type JsonObject } from '../../flow-model/definition';

export interface Folding {
  folded: ReadonlySet<string>;
  /** Closes a container, or opens it. */
  fold: (name: string) => void;
  /** Closes all outermost containers; opens all where one is closed. */
  foldAll: () => void;
}

const NONE: ReadonlySet<string> = new Set();

/** The containers around a step, outermost first. */
export const around = (definition: JsonObject, name: string): string[] => {
  const found = findAction(definition, name);
  return found ? containersOf(found.place) : [];
};

/** The card that stands for a step: itself, or the outermost closed container around it. */
export const shownFor = (definition: JsonObject, folded: ReadonlySet<string>, name: string): string => around(definition, name).find((container) => folded.has(container)) ?? name;

/** `focus` is the step that gets the attention; where it was inside of what is closed, `onHidden` gets the container. */
export function useFolding(definition: JsonObject, focus: string | null | undefined, onHidden: (container: string) => void): Folding {
  const [folded, setFolded] = useState(NONE);
  const [seen, setSeen] = useState(focus);
  if (focus !== seen) {
    setSeen(focus);
    const closed = focus ? around(definition, focus).filter((name) => folded.has(name)) : [];
    if (closed.length > 0) setFolded(new Set([...folded].filter((name) => !closed.includes(name))));
  }
  const close = useCallback(
    (names: readonly string[]) => {
      setFolded((held) => new Set([...held, ...names]));
      const hides = focus ? around(definition, focus).find((name) => names.includes(name)) : undefined;
      if (hides !== undefined) onHidden(hides);
    },
    [definition, focus, onHidden],
  );
  const fold = (name: string) => {
    if (folded.has(name)) setFolded(new Set([...folded].filter((other) => other !== name)));
    else close([name]);
  };
  const foldAll = () => {
    if (folded.size > 0) return setFolded(NONE);
    const outermost: string[] = [];
    forEachAction(definition, (name, action, place) => {
      if (place.length === 1 && isContainer(action)) outermost.push(name);
    });
    close(outermost);
  };
  return { folded, fold, foldAll };
}
