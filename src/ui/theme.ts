import { useEffect, useSyncExternalStore } from 'react';
import { type Theme, useSettings } from '../client/settings.ts';

/** The choices of the user, with their names. */
export const THEMES: readonly (readonly [Theme, string])[] = [
  ['system', 'As the system'],
  ['light', 'Light'],
  ['dark', 'Dark'],
];

const prefersDark = matchMedia('(prefers-color-scheme: dark)');

function subscribe(changed: () => void): () => void {
  prefersDark.addEventListener('change', changed);
  return () => prefersDark.removeEventListener('change', changed);
}

/** The theme in force: the user's choice, or the system's. */
export function useThemeName(): 'light' | 'dark' {
  const chosen = useSettings(({ theme }) => theme);
  const dark = useSyncExternalStore(subscribe, () => prefersDark.matches);
  return chosen === 'system' ? (dark ? 'dark' : 'light') : chosen;
}

/** Puts the theme on the document, where the style sheets look for it. */
export function useApplyTheme(): void {
  const theme = useThemeName();
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
}
