import { expect, test } from 'vitest';
import type { ProgramLine } from '../../../protocol/assembly.ts';
import type { Stop } from '../../../protocol/stops.ts';
import { insideLines, lineWithCode, pieceAt, piecesByLine, placeOf, stopsByLine } from './line-map.ts';

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
  expect(placeOf({ file: 'a', line: 3, column: 4 }, 'a')).toBe('3:4');
  expect(placeOf({ file: 'b', line: 3, column: 4 }, 'a')).toBe('b:3:4');
});

test('breakpoints of the list are found at their lines', () => {
  const at = (address: bigint, vm: number | null): Stop => ({
    id: Number(address),
    trigger: { kind: 'address', address },
    enabled: true,
    vm,
    level: 'any',
    condition: '',
    fromHit: 1,
    hits: 0,
  });
  const cr3: Stop = { ...at(0n, 1), trigger: { kind: 'cr3' } };
  const stops = [at(0x10n, 1), at(0x12n, null), at(0x13n, 2), at(0x50n, 1), cr3];
  const found = stopsByLine(stops, { vm: 1, name: 'a', lines: LINES });
  expect([...found].map(([line, all]) => [line, all.map(({ id }) => id)])).toEqual([[2, [0x10, 0x12]]]);
});

test('a step by line goes on inside what one line made without a gap', () => {
  const piece = (line: number, address: bigint, length: number) => ({
    file: 'a',
    line,
    address,
    length,
    bytes: new Uint8Array(),
  });
  expect(
    insideLines([piece(1, 0n, 2), piece(1, 2n, 3), piece(2, 5n, 1), piece(1, 6n, 2), piece(1, 9n, 2)]),
  ).toEqual([
    { from: 1n, to: 5n },
    { from: 6n, to: 6n },
    { from: 7n, to: 8n },
    { from: 10n, to: 11n },
  ]);
});
