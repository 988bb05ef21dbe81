/** Which field of the panel shows its dynamic content: one at a time. */
import { createContext, useContext } from 'react';

export const FieldFocus = createContext<{ active: string | null; setActive: (key: string | null) => void }>({ active: null, setActive: () => undefined });
export const useFieldFocus = () => useContext(FieldFocus);
