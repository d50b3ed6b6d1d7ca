import { expect, test } from 'vitest';
import type { ProgramLine } from '../../../protocol/assembly.ts';
import { lineWithCode, pieceAt, piecesByLine, placeOf } from './line-map.ts';

const piece = (file: string, line: number, address: bigint, length: number): ProgramLine => ({
  file,
  line,
  address,
  length,
  bytes: new Uint8Array(),
});
const LINES = [
  piece('a', 2, 0x10n, 3),
  piece('a', 7, 0x13n, 1),
  piece('b', 1, 0x14n, 2),
  piece('a', 2, 0x16n, 1),
];
const pieces = piecesByLine(LINES, 'a');

test('an address belongs to the piece that holds it', () => {
  expect(pieceAt(LINES, 0x12n)?.line).toBe(2);
  expect(pieceAt(LINES, 0x13n)?.line).toBe(7);
  expect(pieceAt(LINES, 0x15n)?.file).toBe('b');
  expect(pieceAt(LINES, 0x17n)).toBeUndefined();
  expect(pieceAt(LINES, 0xfn)).toBeUndefined();
});

test('a line with several pieces has the lowest address', () => {
  expect([...pieces].map(([line, { address }]) => [line, address])).toEqual([
    [2, 0x10n],
    [7, 0x13n],
  ]);
});

test('a line without code stands for the next that has some', () => {
  expect(lineWithCode(pieces, 1)).toBe(2);
  expect(lineWithCode(pieces, 3)).toBe(7);
  expect(lineWithCode(pieces, 8)).toBeUndefined();
});

test('a place names its file only when it is another', () => {
  expect(placeOf({ file: 'a', line: 3, column: 4, message: '' }, 'a')).toBe('3:4');
  expect(placeOf({ file: 'b', line: 3, column: 4, message: '' }, 'a')).toBe('b:3:4');
});
