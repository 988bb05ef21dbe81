/** Changes that were never saved survive a crash, a closed tab or the end of a session: they wait in this browser until the flow is opened again. */
import { useEffect, useRef, useState } from 'react';
import type { Edited } from './state';

export interface KeptDraft {
  at: string;
  /** The stored version they were made from; null for a new flow. */
  etag: string | null;
  edited: Edited;
  /** That version, so that a change by somebody else can be merged. */
  base: Edited;
  /** Whoever had to sign in again goes on where they were, without being asked. */
  resume?: boolean;
}

const keyOf = (flow: string | null) => `hookmill-draft:${flow ?? 'new'}`;
const PAUSE_MS = 800;
/** Browsers keep about 5 MB for a site. */
const CHARACTERS_MAX = 2_000_000;

function read(flow: string | null): KeptDraft | null {
  try {
    const kept = window.localStorage.getItem(keyOf(flow));
    const draft = kept ? (JSON.parse(kept) as KeptDraft) : null;
    return draft?.edited && draft.base ? draft : null;
  } catch {
    return null;
  }
}

export const forgetDraft = (flow: string | null): void => window.localStorage.removeItem(keyOf(flow));

/** Keeps what is edited while it differs from what is stored. Gives what an earlier visit left behind, and whether the changes of this one are kept. */
export function useKeptDraft({ flow, etag, edited, base, dirty }: { flow: string | null; etag: string | null; edited: Edited; base: Edited; dirty: boolean }): { found: KeptDraft | null; dismiss: () => void; isKept: boolean } {
  const [found, setFound] = useState(() => {
    const draft = read(flow);
    return draft && JSON.stringify(draft.edited) !== JSON.stringify(edited) ? draft : null;
  });
  const [kept, setKept] = useState<Edited | null>(null);
  const write = useRef<(resume: boolean) => void>(() => undefined);
  useEffect(() => {
    write.current = (resume) => {
      if (!dirty) return;
      const text = JSON.stringify({ at: new Date().toISOString(), etag, edited, base, ...(resume ? { resume } : {}) } satisfies KeptDraft);
      try {
        if (text.length > CHARACTERS_MAX) return;
        window.localStorage.setItem(keyOf(flow), text);
        setKept(edited);
      } catch {
        // The browser's room is used up: the server's copy is what counts.
      }
    };
  });
  useEffect(() => {
    if (!dirty) return undefined;
    const timer = setTimeout(() => write.current(false), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [edited, dirty]);
  // What was typed last must not wait for the pause when the page goes away.
  useEffect(() => {
    const leave = () => write.current(false);
    const signedOut = () => write.current(true);
    window.addEventListener('pagehide', leave);
    window.addEventListener('hookmill:signed-out', signedOut);
    return () => {
      window.removeEventListener('pagehide', leave);
      window.removeEventListener('hookmill:signed-out', signedOut);
    };
  }, []);
  return { found, dismiss: () => setFound(null), isKept: kept === edited };
}
