import type { ITheme } from '@xterm/xterm';

/** The terminal's colours, read from the page's tokens so that there is one palette. */
export function terminalTheme(): ITheme {
  const style = getComputedStyle(document.documentElement);
  const token = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    background: token('paper'),
    foreground: token('ink'),
    cursor: token('accent'),
    cursorAccent: token('paper'),
    selectionBackground: token('accent-soft'),
    black: token('ink'),
    brightBlack: token('ink-3'),
    red: token('danger'),
    brightRed: token('danger'),
    green: token('good'),
    brightGreen: token('good'),
    yellow: token('warn'),
    brightYellow: token('warn'),
    blue: token('vm-1'),
    brightBlue: token('vm-1'),
    magenta: token('vm-4'),
    brightMagenta: token('vm-4'),
    cyan: token('accent'),
    brightCyan: token('accent'),
    white: token('ink-2'),
    brightWhite: token('ink'),
  };
}
