import { create } from 'zustand';

export type Theme = 'system' | 'light' | 'dark';

interface Settings {
  readonly theme: Theme;
  /** Pictures or their table twins, by panel. */
  readonly tables: Readonly<Record<string, boolean>>;
}

const KEY = 'ringlab.settings';
const DEFAULTS: Settings = { theme: 'system', tables: {} };

/** What the user chose about the page itself; remembered in this browser. */
export const useSettings = create<Settings>(() => load());

useSettings.subscribe((settings) => {
  try {
    localStorage.setItem(KEY, JSON.stringify(settings));
  } catch {
    // Storage may be forbidden (private window): the settings then last as long as the page.
  }
});

export function setTheme(theme: Theme): void {
  useSettings.setState({ theme });
}

export function showAsTable(panel: string, table: boolean): void {
  useSettings.setState(({ tables }) => ({ tables: { ...tables, [panel]: table } }));
}

function load(): Settings {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? '{}');
    return { ...DEFAULTS, ...(stored as Partial<Settings>) };
  } catch {
    return DEFAULTS;
  }
}
