import type { MemoryRow } from '../../../protocol/memory-view.ts';
import { hex } from '../../format.ts';

/** Bytes of a cell. */
export type CellWidth = 1 | 2 | 4 | 8;
export const WIDTHS: readonly CellWidth[] = [1, 2, 4, 8];

export interface Cell {
  readonly address: bigint;
  /** Digits as a number of this width: the lowest byte last. */
  readonly text: string;
  readonly changed: boolean;
}

/** A row in pieces of so many bytes, where a panel is too narrow for all of it; what is no memory stays whole. */
export function linesOf(row: MemoryRow, length: number): MemoryRow[] {
  if (row.missing !== null) return [row];
  return Array.from({ length: row.bytes.length / length }, (_, n) => ({
    address: row.address + BigInt(n * length),
    bytes: row.bytes.subarray(n * length, (n + 1) * length),
    changed: (row.changed >> (n * length)) & ((1 << length) - 1),
    missing: null,
  }));
}

/** A line's bytes as little-endian numbers. */
export function cellsOf(row: MemoryRow, width: CellWidth): Cell[] {
  return Array.from({ length: row.bytes.length / width }, (_, n) => {
    const first = n * width;
    const bytes = row.bytes.subarray(first, first + width);
    return {
      address: row.address + BigInt(first),
      text: [...bytes]
        .reverse()
        .map((byte) => hex(byte, 2))
        .join(''),
      changed: ((row.changed >> first) & ((1 << width) - 1)) !== 0,
    };
  });
}

/** The bytes of a number that was typed into a cell, lowest first; undefined when it is none or too long. */
export function bytesOf(text: string, width: CellWidth): number[] | undefined {
  const digits = text.trim().replace(/^0x/i, '');
  if (!/^[0-9a-f]+$/i.test(digits) || digits.length > width * 2) return undefined;
  const value = BigInt(`0x${digits}`);
  return Array.from({ length: width }, (_, n) => Number((value >> BigInt(8 * n)) & 0xffn));
}

/** A row as text; what cannot be printed is a dot. */
export function ascii(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·')).join(
    '',
  );
}
