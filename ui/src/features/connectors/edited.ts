/** A copy of what the server holds, while it is edited. */
import { useState } from 'react';

/**
 * `held` is what the server has. What somebody else stored meanwhile is taken over, unless that would take away what
 * was typed here; storing then ends in a conflict, and that is told.
 */
export function useEdited<T>(held: T) {
  const [value, setValue] = useState(held);
  const [base, setBase] = useState(held);
  const [seen, setSeen] = useState(() => JSON.stringify(held));
  const dirty = JSON.stringify(value) !== JSON.stringify(base);
  const now = JSON.stringify(held);
  if (now !== seen) {
    setSeen(now);
    if (!dirty) {
      setValue(held);
      setBase(held);
    }
  }
  return { value, setValue, dirty, setStored: setBase };
}
