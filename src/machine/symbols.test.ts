import { expect, test } from 'vitest';
import { elfSymbols, systemMapSymbols } from './boot/elf-symbols.ts';
import { ImageError } from './boot/image-error.ts';
import { SymbolTable } from './symbols.ts';

const text = (value: string) => new TextEncoder().encode(value);

test('an address gets the symbol before it, unless that is far away', () => {
  const table = new SymbolTable([
    { name: 'b', address: 0x2000n },
    { name: 'a', address: 0x1000n },
    { name: 'alias', address: 0x1000n },
  ]);
  expect(table.size).toBe(2);
  expect(table.nameOf(0xfffn)).toBeUndefined();
  expect(table.nameOf(0x1000n)).toEqual({ name: 'a', offset: 0 });
  expect(table.nameOf(0x1fffn)).toEqual({ name: 'a', offset: 0xfff });
  expect(table.nameOf(0x2010n)).toEqual({ name: 'b', offset: 16 });
  expect(table.nameOf(0x1000_0000n)).toBeUndefined();
});

test('a System.map is read but for its absolute symbols', () => {
  const map = text('0000000000000000 A fixed\nffffffff81000000 T _text\nffffffff81000040 t start_it\n');
  expect(systemMapSymbols(map)).toEqual([
    { name: '_text', address: 0xffff_ffff_8100_0000n },
    { name: 'start_it', address: 0xffff_ffff_8100_0040n },
  ]);
  expect(() => systemMapSymbols(text('no map\n'))).toThrow(ImageError);
});

/** A 64-bit ELF file with a symbol table at 100h and its names at 180h. */
function elf(link: number): Uint8Array {
  const bytes = new Uint8Array(0x400);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x464c_457f, true);
  bytes[4] = 2;
  view.setBigUint64(40, 0x200n, true);
  view.setUint16(58, 64, true);
  view.setUint16(60, 3, true);
  const section = (n: number, type: number, offset: number, size: number, to: number) => {
    view.setUint32(0x200 + 64 * n + 4, type, true);
    view.setBigUint64(0x200 + 64 * n + 24, BigInt(offset), true);
    view.setBigUint64(0x200 + 64 * n + 32, BigInt(size), true);
    view.setUint32(0x200 + 64 * n + 40, to, true);
  };
  section(1, 2, 0x100, 72, link);
  section(2, 3, 0x180, 32, 0);
  bytes.set(text('\0main\0FILE\0'), 0x180);
  const symbol = (n: number, name: number, info: number, in_: number, value: bigint) => {
    view.setUint32(0x100 + 24 * n, name, true);
    bytes[0x100 + 24 * n + 4] = info;
    view.setUint16(0x100 + 24 * n + 6, in_, true);
    view.setBigUint64(0x100 + 24 * n + 8, value, true);
  };
  symbol(1, 1, 0x12, 1, 0x10_0000n);
  symbol(2, 6, 0x04, 1, 0n);
  return bytes;
}

test('functions and data of an ELF file are symbols, its source files are not', () => {
  expect(elfSymbols(elf(2))).toEqual([{ name: 'main', address: 0x10_0000n }]);
  expect(() => elfSymbols(elf(7))).toThrow(ImageError);
  expect(elfSymbols(text('MZ'))).toEqual([]);
});
