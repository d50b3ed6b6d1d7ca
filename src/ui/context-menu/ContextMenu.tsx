import { type KeyboardEvent, useEffect, useRef } from 'react';
import widgets from '../widgets/widgets.module.css';
import css from './ContextMenu.module.css';
import { closeMenu, useMenu } from './menu.ts';

/** Pixels between the menu and the edges of the window. */
const EDGE = 8;

/** The one context menu of the page: arrow keys move, Escape closes and gives the focus back. */
export function ContextMenu() {
  const open = useMenu((state) => state.open);
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const menu = element.current;
    if (open === null || menu === null) return;
    const before = document.activeElement;
    menu.showPopover();
    const { width, height } = menu.getBoundingClientRect();
    menu.style.left = `${Math.max(EDGE, Math.min(open.x, innerWidth - width - EDGE))}px`;
    menu.style.top = `${Math.max(EDGE, Math.min(open.y, innerHeight - height - EDGE))}px`;
    menu.querySelector('button')?.focus();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
    };
  }, [open]);
  if (open === null) return null;
  const onKeyDown = (event: KeyboardEvent) => {
    const step = STEPS.get(event.key);
    if (event.key === 'Tab') closeMenu();
    if (step === undefined) return;
    event.preventDefault();
    const items = [...(element.current?.querySelectorAll('button') ?? [])];
    const at = items.indexOf(document.activeElement as HTMLButtonElement);
    items.at((at + step) % items.length)?.focus();
  };
  return (
    <div
      ref={element}
      popover="auto"
      role="menu"
      aria-label={open.title}
      tabIndex={-1}
      className={`${widgets.menu} ${css.menu}`}
      onKeyDown={onKeyDown}
      onContextMenu={(event) => event.preventDefault()}
      onToggle={(event) => event.newState === 'closed' && closeMenu()}
    >
      {open.items.map(({ label, act, hindrance }) => (
        <button
          key={label}
          type="button"
          className={widgets.item}
          role="menuitem"
          aria-disabled={hindrance !== null}
          onClick={() => {
            if (hindrance !== null) return;
            closeMenu();
            act();
          }}
        >
          {label}
          {hindrance !== null && <small>{hindrance}</small>}
        </button>
      ))}
    </div>
  );
}

const STEPS: ReadonlyMap<string, number> = new Map([
  ['ArrowDown', 1],
  ['ArrowUp', -1],
]);
