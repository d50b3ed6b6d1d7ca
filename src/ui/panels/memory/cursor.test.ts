import { expect, test } from 'vitest';
import { cursorMove } from './cursor.ts';

const place = (at: bigint, width = 1, line = 16) => ({ at, width, shown: 64, line });

test.each([
  ['ArrowRight', 4, 0x1004n, 0x1008n, 0n],
  ['ArrowDown', 1, 0x1035n, 0x1045n, 16n],
  ['ArrowUp', 1, 0x1005n, 0xff5n, -16n],
  ['Home', 1, 0x1015n, 0x1010n, 0n],
  ['End', 8, 0x1010n, 0x1018n, 0n],
  ['PageDown', 1, 0x1005n, 0x1045n, 64n],
] as const)('%s with cells of %i bytes', (key, width, at, to, scroll) => {
  expect(cursorMove(key, place(at, width), 0x1000n)).toEqual({ to, scroll });
});

test.each([
  ['ArrowDown', 0x1035n, 0x103dn, 0n],
  ['ArrowDown', 0x1039n, 0x1041n, 16n],
  ['Home', 0x101dn, 0x1018n, 0n],
  ['End', 0x1011n, 0x1017n, 0n],
] as const)('%s from %i in lines of 8 bytes', (key, at, to, scroll) => {
  expect(cursorMove(key, place(at, 1, 8), 0x1000n)).toEqual({ to, scroll });
});

test('the cursor stays in the address space', () => {
  expect(cursorMove('ArrowLeft', place(0n), 0n)).toBeUndefined();
  expect(cursorMove('ArrowDown', place((1n << 64n) - 1n), 0n)).toBeUndefined();
  expect(cursorMove('x', place(0n), 0n)).toBeUndefined();
});
