import { expect, test } from 'vitest';
import { ascii, bytesOf, cellsOf, linesOf } from './cells.ts';

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

test('a row comes in lines of 8 bytes; what is no memory stays whole', () => {
  const [first, second] = linesOf({ ...row, changed: 0b10_0010_0000_0000 }, 8);
  expect(first).toMatchObject({ address: 0x1000n, bytes: row.bytes.subarray(0, 8), changed: 0 });
  expect(second).toMatchObject({ address: 0x1008n, bytes: row.bytes.subarray(8), changed: 0b10_0010 });
  const absent = { ...row, bytes: new Uint8Array(), missing: 'no RAM' };
  expect(linesOf(absent, 8)).toEqual([absent]);
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
