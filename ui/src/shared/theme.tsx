/** Light and dark look, chosen by the person or by the system. */
import { createDarkTheme, createLightTheme, FluentProvider, type BrandVariants, type Theme } from '@fluentui/react-components';
import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from 'react';

const BRAND: BrandVariants = {
  10: '#03060f', 20: '#0d1a35', 30: '#122a5b', 40: '#163775', 50: '#1b4490', 60: '#2051ab', 70: '#265ec2', 80: '#2b5fc7',
  90: '#4a78d4', 100: '#638ade', 110: '#7a9de6', 120: '#90afec', 130: '#a7c1f2', 140: '#bed2f7', 150: '#d5e3fb', 160: '#ebf2fe',
};

const light: Theme = { ...createLightTheme(BRAND) };
const dark: Theme = { ...createDarkTheme(BRAND), colorBrandForeground1: BRAND[120], colorBrandForeground2: BRAND[140], colorBrandForegroundLink: BRAND[120] };

export type Look = 'light' | 'dark' | 'system';
const KEY = 'hookmill-look';
const Context = createContext<{ look: Look; dark: boolean; choose: (look: Look) => void }>({ look: 'system', dark: false, choose: () => undefined });

const prefersDark = () => window.matchMedia?.('(prefers-color-scheme: dark)').matches ?? false;

export function LookProvider({ children }: { children: ReactNode }) {
  const [look, setLook] = useState<Look>(() => {
    const kept = window.localStorage.getItem(KEY);
    return kept === 'light' || kept === 'dark' ? kept : 'system';
  });
  const [systemDark, setSystemDark] = useState(prefersDark);
  useEffect(() => {
    const query = window.matchMedia?.('(prefers-color-scheme: dark)');
    const change = () => setSystemDark(prefersDark());
    query?.addEventListener('change', change);
    return () => query?.removeEventListener('change', change);
  }, []);
  const isDark = look === 'dark' || (look === 'system' && systemDark);
  useEffect(() => {
    document.documentElement.style.colorScheme = isDark ? 'dark' : 'light';
  }, [isDark]);
  const value = useMemo(
    () => ({
      look,
      dark: isDark,
      choose: (next: Look) => {
        window.localStorage.setItem(KEY, next);
        setLook(next);
      },
    }),
    [look, isDark],
  );
  return (
    <Context.Provider value={value}>
      <FluentProvider theme={isDark ? dark : light} className="app">
        {children}
      </FluentProvider>
    </Context.Provider>
  );
}

export const useLook = () => useContext(Context);
