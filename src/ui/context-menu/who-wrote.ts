import type { KeyboardEvent, MouseEvent } from 'react';
import type { AddressSpace } from '../../protocol/target.ts';
import type { Written } from '../../protocol/written.ts';
import { isRunning, whoWrote } from '../actions.ts';
import { type MenuItem, menuPlace, openMenu } from './menu.ts';

/** Asks of what has the focus. */
const KEY = 'w';

const PAGE = 0x1000n;

/** Bytes of memory, no further than the page goes. */
export const writtenBytes = (space: AddressSpace, address: bigint, length: number): Written => ({
  kind: 'memory',
  space,
  address,
  length: Math.min(length, Number(PAGE - (address % PAGE))),
});

/** @param name what was written, in a few words @param act asks */
export const whoWroteItem = (name: string, act: () => void): MenuItem => ({
  label: `Who wrote ${name}?`,
  act,
  hindrance: isRunning() ? 'Pause first: time has to stand still.' : null,
});

/** For an element that shows something written: a context menu, and `w` where it or a part of it has the focus. */
export function asksWhoWrote(name: string, what: Written) {
  const open = (event: MouseEvent | KeyboardEvent, clientX: number, clientY: number) => {
    event.preventDefault();
    event.stopPropagation();
    const place = menuPlace({ clientX, clientY, target: event.target });
    openMenu({ title: name, items: [whoWroteItem(name, () => whoWrote(what))], ...place });
  };
  return {
    'data-written': name,
    onContextMenu: (event: MouseEvent) => open(event, event.clientX, event.clientY),
    onKeyDown: (event: KeyboardEvent) => {
      const { key, ctrlKey, altKey, metaKey, target } = event;
      if (key !== KEY || ctrlKey || altKey || metaKey || target instanceof HTMLInputElement) return;
      if (isRunning()) {
        open(event, 0, 0);
        return;
      }
      event.preventDefault();
      event.stopPropagation();
      whoWrote(what);
    },
  };
}
