import { expect, test } from 'vitest';
import { ascii, bytesOf, cellsOf } from './cells.ts';

const row = {
  address: 0x1000n,
  bytes: Uint8Array.from({ length: 16 }, (_, n) => 0x40 + n),
  changed: 0b10_0000,
  missing: null,
};

test('cells are little-endian numbers; a changed byte marks its cell', () => {
  expect(cellsOf(row, 1)[5]).toEqual({ address: 0x1005n, text: '45', changed: true });
  expect(cellsOf(row, 4).map(({ text, changed }) => [text, changed])).toEqual([
    ['43424140', false],
    ['47464544', true],
    ['4b4a4948', false],
    ['4f4e4d4c', false],
  ]);
});

test('typed digits become bytes, lowest first', () => {
  expect(bytesOf('0x1234', 4)).toEqual([0x34, 0x12, 0, 0]);
  expect(bytesOf('f', 1)).toEqual([0x0f]);
  expect(bytesOf('123', 1)).toBeUndefined();
  expect(bytesOf('xyz', 8)).toBeUndefined();
});

test('what cannot be printed is a dot', () => {
  expect(ascii(Uint8Array.of(0x41, 0, 0x7e, 0x7f))).toBe('A·~·');
});
