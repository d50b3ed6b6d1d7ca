import type { Terminal } from '@xterm/xterm';
import type { CellPlace } from './trace.ts';

/** The cell below a pointer; undefined: beside the screen. */
export function cellAt(terminal: Terminal, x: number, y: number): CellPlace | undefined {
  const box = terminal.element?.querySelector('.xterm-screen')?.getBoundingClientRect();
  if (box === undefined) return undefined;
  const col = Math.floor((x - box.left) / (box.width / terminal.cols));
  const line = Math.floor((y - box.top) / (box.height / terminal.rows));
  if (col < 0 || col >= terminal.cols || line < 0 || line >= terminal.rows) return undefined;
  return { col, row: line + terminal.buffer.active.viewportY };
}

/** The last character of the line with the cursor, or of the lines above it. */
export function lastCharacter({ buffer: { active } }: Terminal): CellPlace {
  for (let row = active.baseY + active.cursorY; row >= 0; row--) {
    const { length } = active.getLine(row)?.translateToString(true) ?? '';
    if (length > 0) return { col: length - 1, row };
  }
  return { col: 0, row: 0 };
}

const STEPS: ReadonlyMap<string, readonly [cols: number, rows: number]> = new Map([
  ['ArrowLeft', [-1, 0] as const],
  ['ArrowRight', [1, 0] as const],
  ['ArrowUp', [0, -1] as const],
  ['ArrowDown', [0, 1] as const],
]);

/** Where an arrow key leads from a cell; undefined for other keys. */
export function movedBy(key: string, { col, row }: CellPlace, terminal: Terminal): CellPlace | undefined {
  const step = STEPS.get(key);
  if (step === undefined) return undefined;
  const clamp = (value: number, most: number) => Math.min(Math.max(value, 0), most);
  return {
    col: clamp(col + step[0], terminal.cols - 1),
    row: clamp(row + step[1], terminal.buffer.active.length - 1),
  };
}

/** Shows a cell as chosen, and brings it into view. */
export function point(terminal: Terminal, { col, row }: CellPlace): void {
  const { viewportY } = terminal.buffer.active;
  if (row < viewportY || row >= viewportY + terminal.rows) terminal.scrollToLine(row);
  terminal.select(col, row, 1);
}

/** What is in a cell, for people. */
export function characterName({ buffer: { active } }: Terminal, { col, row }: CellPlace): string {
  const text = active.getLine(row)?.getCell(col)?.getChars() ?? '';
  return text.trim() === '' ? 'the blank' : `"${text}"`;
}
