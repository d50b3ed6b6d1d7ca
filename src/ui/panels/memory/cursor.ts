import { ROW_BYTES } from '../../../protocol/memory-view.ts';

const ROW = BigInt(ROW_BYTES);

interface Place {
  /** Address of the cell in which the cursor is. */
  readonly at: bigint;
  /** Bytes of a cell, and of all rows that are shown. */
  readonly width: number;
  readonly shown: number;
  /** Bytes of a line. */
  readonly line: number;
}

/** By how many bytes a key moves the cursor. */
const STEPS: ReadonlyMap<string, (place: Place) => bigint> = new Map<string, (place: Place) => bigint>([
  ['ArrowLeft', ({ width }) => -BigInt(width)],
  ['ArrowRight', ({ width }) => BigInt(width)],
  ['ArrowUp', ({ line }) => -BigInt(line)],
  ['ArrowDown', ({ line }) => BigInt(line)],
  ['Home', ({ at, line }) => -(at % BigInt(line))],
  ['End', ({ at, width, line }) => BigInt(line) - BigInt(width) - (at % BigInt(line))],
  ['PageUp', ({ shown }) => -BigInt(shown)],
  ['PageDown', ({ shown }) => BigInt(shown)],
]);

export interface Move {
  readonly to: bigint;
  /** Bytes by which the rows move with the cursor. */
  readonly scroll: bigint;
}

/** Where a key takes the cursor; undefined for other keys and at the ends of the address space. */
export function cursorMove(key: string, place: Place, first: bigint): Move | undefined {
  const step = STEPS.get(key);
  if (step === undefined) return undefined;
  const by = step(place);
  const to = place.at + by;
  if (to < 0n || to >= 1n << 64n) return undefined;
  if (key.startsWith('Page')) return { to, scroll: by };
  const row = to - (to % ROW);
  const lastRow = first + BigInt(place.shown) - ROW;
  return { to, scroll: row < first ? row - first : row > lastRow ? row - lastRow : 0n };
}
