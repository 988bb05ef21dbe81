/** Copy, cut and paste by keys: cards go through the browser's own clipboard events, so that no permission is asked. */
import type { ClipboardEvent } from 'react';
import type { CardCommands } from './cards';

export const isTyping = (target: EventTarget): boolean => target instanceof HTMLElement && (/INPUT|TEXTAREA|SELECT/.test(target.tagName) || target.isContentEditable);

/** `at`: the card that an event is about, null where there is none. Text that is typed or marked is left to the browser. */
export function clipboardOf(cards: CardCommands, at: (target: EventTarget) => string | null) {
  const take = (event: ClipboardEvent, cut: boolean) => {
    const name = at(event.target);
    if (isTyping(event.target) || window.getSelection()?.toString() || name === null) return;
    event.preventDefault();
    (cut ? cards.cut : cards.copy)(cards.chosen(name), event.clipboardData);
  };
  return {
    onCopy: (event: ClipboardEvent) => take(event, false),
    onCut: (event: ClipboardEvent) => take(event, true),
    onPaste: (event: ClipboardEvent) => {
      if (isTyping(event.target)) return;
      const name = at(event.target);
      if (cards.paste(event.clipboardData.getData('text/plain'), name ? cards.behind(name) : cards.end())) event.preventDefault();
    },
  };
}
