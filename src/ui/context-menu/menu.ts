import { create } from 'zustand';

export interface MenuItem {
  readonly label: string;
  readonly act: () => void;
  /** Why it cannot be done now; null: it can. */
  readonly hindrance: string | null;
}

interface OpenMenu {
  /** What it is about, e.g. "rax". */
  readonly title: string;
  readonly items: readonly MenuItem[];
  /** In pixels of the window. */
  readonly x: number;
  readonly y: number;
}

/** The context menu that is open; null: none. */
export const useMenu = create<{ readonly open: OpenMenu | null }>(() => ({ open: null }));

export const openMenu = (open: OpenMenu): void => useMenu.setState({ open });
export const closeMenu = (): void => useMenu.setState({ open: null });

/** Where a menu belongs: at the pointer, or below what has the focus when a key has asked for it. */
export function menuPlace(event: {
  readonly clientX: number;
  readonly clientY: number;
  readonly target: EventTarget | null;
}): { readonly x: number; readonly y: number } {
  const { clientX: x, clientY: y, target } = event;
  if (x !== 0 || y !== 0 || !(target instanceof Element)) return { x, y };
  const { left, bottom } = target.getBoundingClientRect();
  return { x: left, y: bottom };
}
