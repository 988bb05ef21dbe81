/** Whether the screen is too narrow for what stands side by side. */
import { useSyncExternalStore } from 'react';

const query = () => ('matchMedia' in window ? window.matchMedia('(max-width: 700px)') : null);

export const useNarrow = (): boolean =>
  useSyncExternalStore(
    (changed) => {
      const media = query();
      media?.addEventListener('change', changed);
      return () => media?.removeEventListener('change', changed);
    },
    () => query()?.matches ?? false,
  );
