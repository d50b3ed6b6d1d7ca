import { expect, test } from 'vitest';
import { fieldsOf } from './bit-fields.ts';
import { eptEntryFormats, guestEntryFormats } from './entry-formats.ts';

test('a 2 MiB guest page', () => {
  const raw = 0x8000_0000_1fe0_00e7n;
  const fields = fieldsOf(raw, guestEntryFormats({ pageShift: 21, size: 8, level: 2 }));
  expect(fields.map(({ name, value }) => [name, value])).toEqual([
    ['P', 1n],
    ['R/W', 1n],
    ['U/S', 1n],
    ['PWT', 0n],
    ['PCD', 0n],
    ['A', 1n],
    ['D', 1n],
    ['PS', 1n],
    ['G', 0n],
    ['page', 0xffn],
    ['XD', 1n],
  ]);
  expect(fields.find(({ name }) => name === 'page')?.meaning).toBe('at 0x1fe00000');
});

test('an EPT entry names its memory type', () => {
  const fields = fieldsOf(0x1234_5037n, eptEntryFormats({ pageShift: 12, size: 8, level: 1 }));
  expect(fields.find(({ name }) => name === 'type')).toMatchObject({ value: 6n, meaning: 'memory type WB' });
  expect(fields.find(({ name }) => name === 'page')?.meaning).toBe('at 0x12345000');
});
