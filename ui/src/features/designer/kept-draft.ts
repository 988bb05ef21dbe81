/** Changes that were never saved survive a crash or a closed tab: they wait in this browser until the flow is opened again. */
import { useEffect, useState } from 'react';
import type { Edited } from './state';

interface KeptDraft {
  at: string;
  /** The stored version they were made from; null for a new flow. */
  etag: string | null;
  edited: Edited;
}

const keyOf = (flow: string | null) => `hookmill-draft:${flow ?? 'new'}`;
const PAUSE_MS = 800;
/** Browsers keep about 5 MB for a site. */
const CHARACTERS_MAX = 1_000_000;

function read(flow: string | null): KeptDraft | null {
  try {
    const kept = window.localStorage.getItem(keyOf(flow));
    return kept ? (JSON.parse(kept) as KeptDraft) : null;
  } catch {
    return null;
  }
}

export const forgetDraft = (flow: string | null): void => window.localStorage.removeItem(keyOf(flow));

/** Keeps what is edited while it differs from what is stored. Gives what an earlier visit left behind. */
export function useKeptDraft(flow: string | null, etag: string | null, edited: Edited, dirty: boolean): { found: KeptDraft | null; dismiss: () => void } {
  const [found, setFound] = useState(() => {
    const draft = read(flow);
    return draft && draft.etag === etag && JSON.stringify(draft.edited) !== JSON.stringify(edited) ? draft : null;
  });
  useEffect(() => {
    if (!dirty) return undefined;
    const timer = setTimeout(() => {
      const text = JSON.stringify({ at: new Date().toISOString(), etag, edited } satisfies KeptDraft);
      try {
        if (text.length <= CHARACTERS_MAX) window.localStorage.setItem(keyOf(flow), text);
      } catch {
        // The browser's room is used up: the server's copy is what counts.
      }
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [flow, etag, edited, dirty]);
  return { found, dismiss: () => setFound(null) };
}
