/** The language of the pages: text tables per feature, English and German, chosen in the settings or by the browser. */
import { createContext, useContext, useMemo, useState, type ReactNode } from 'react';

export const LANGUAGES = { en: 'English', de: 'Deutsch' } as const;
export type Language = keyof typeof LANGUAGES;

type Widen<T> = { [K in keyof T]: T[K] extends string ? string : T[K] };

export interface TextTable<T> {
  en: T;
  de: Widen<T>;
}

/** Declares the texts of a feature; the compiler refuses a language that lacks one. */
export function defineText<T extends Record<string, unknown>>(en: T, de: Widen<T>): TextTable<T> {
  return { en, de };
}

const KEY = 'hookmill-language';

function initial(): Language {
  const kept = window.localStorage.getItem(KEY);
  if (kept === 'en' || kept === 'de') return kept;
  return navigator.language?.startsWith('de') ? 'de' : 'en';
}

const Context = createContext<{ language: Language; choose: (language: Language) => void }>({
  language: 'en',
  choose: () => undefined,
});

export function LanguageProvider({ children }: { children: ReactNode }) {
  const [language, setLanguage] = useState<Language>(initial);
  const value = useMemo(() => {
    document.documentElement.lang = language;
    return {
      language,
      choose: (next: Language) => {
        window.localStorage.setItem(KEY, next);
        setLanguage(next);
      },
    };
  }, [language]);
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

export const useLanguage = () => useContext(Context);

/** The texts of a feature in the chosen language. */
export function useText<T>(table: TextTable<T>): Widen<T> {
  return table[useContext(Context).language] as Widen<T>;
}
