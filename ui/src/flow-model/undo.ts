/** Undo and redo over any value. Changes of the same kind in a row (typing in one field) are one step. */

export interface History<T> {
  readonly past: readonly T[];
  readonly present: T;
  readonly future: readonly T[];
  /** What the last change was about; the same subject again extends the step. */
  readonly subject: string | null;
}

/** Older steps are forgotten: nobody goes back further, and a large flow is large. */
const STEPS_MAX = 200;

export const begin = <T>(present: T): History<T> => ({ past: [], present, future: [], subject: null });

export function change<T>(history: History<T>, present: T, subject: string | null = null): History<T> {
  if (present === history.present) return history;
  if (subject !== null && subject === history.subject && history.past.length > 0) return { ...history, present, future: [] };
  return { past: [...history.past, history.present].slice(-STEPS_MAX), present, future: [], subject };
}

export function undo<T>(history: History<T>): History<T> {
  const previous = history.past.at(-1);
  if (previous === undefined) return history;
  return { past: history.past.slice(0, -1), present: previous, future: [history.present, ...history.future], subject: null };
}

export function redo<T>(history: History<T>): History<T> {
  const [next, ...future] = history.future;
  if (next === undefined) return history;
  return { past: [...history.past, history.present], present: next, future, subject: null };
}
