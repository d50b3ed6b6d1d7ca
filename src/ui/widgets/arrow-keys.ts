import type { KeyboardEvent } from 'react';

/** Arrow keys, Home and End go from button to button within `container`: one stop for the Tab key. */
export function moveAmongButtons(event: KeyboardEvent, container: Element | null): void {
  const buttons = [...(container?.querySelectorAll('button') ?? [])];
  const at = buttons.indexOf(event.target as HTMLButtonElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
  if (at < 0 || to === undefined) return;
  event.preventDefault();
  buttons[Math.max(0, Math.min(buttons.length - 1, to))]?.focus();
}
