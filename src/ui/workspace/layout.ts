import type { IJsonModel, IJsonTabNode } from 'flexlayout-react';
import { PANELS, type PanelKind } from './panels.tsx';

const KEY = 'ringlab.layout';

/** Tab sets that consoles are put into, in this order. */
export const CONSOLE_SETS = ['consoles-1', 'consoles-2'] as const;

export function panelTab(kind: PanelKind): IJsonTabNode {
  return { type: 'tab', id: kind, name: PANELS[kind].name, component: kind };
}

export function consoleId(vm: number): string {
  return `console:${vm}`;
}

/** Machines and rings at the left, consoles in the middle, the processor at the right. */
export function defaultLayout(): IJsonModel {
  const set = (weight: number, kinds: readonly PanelKind[], id?: string) => ({
    type: 'tabset' as const,
    weight,
    ...(id === undefined ? {} : { id }),
    children: kinds.map(panelTab),
  });
  const column = (weight: number, children: ReturnType<typeof set>[]) => ({
    type: 'row' as const,
    weight,
    children,
  });
  return {
    global: {
      tabEnableRename: false,
      tabEnablePopout: true,
      tabSetEnableDeleteWhenEmpty: true,
      tabSetMinHeight: 90,
      tabSetMinWidth: 160,
    },
    borders: [],
    layout: {
      type: 'row',
      weight: 100,
      children: [
        column(24, [set(32, ['vms']), set(68, ['rings', 'exits'])]),
        column(43, [
          { ...set(24, [], CONSOLE_SETS[0]), enableDeleteWhenEmpty: false } as ReturnType<typeof set>,
          { ...set(24, [], CONSOLE_SETS[1]), enableDeleteWhenEmpty: false } as ReturnType<typeof set>,
          set(52, ['walk', 'scheduler', 'frames', 'tiers', 'editor']),
        ]),
        column(33, [
          set(50, ['code', 'descriptors', 'devices']),
          set(50, ['registers', 'micro', 'stops', 'memory', 'stack']),
        ]),
      ],
    },
  };
}

/** The layout of the last visit, or undefined. Anything unreadable counts as none. */
export function storedLayout(): IJsonModel | undefined {
  try {
    const text = localStorage.getItem(KEY);
    return text === null ? undefined : (JSON.parse(text) as IJsonModel);
  } catch {
    return undefined;
  }
}

export function storeLayout(layout: IJsonModel | undefined): void {
  try {
    if (layout === undefined) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, JSON.stringify(layout));
  } catch {
    // Without storage the layout lasts as long as the page.
  }
}
