/** Symbol tables: of an ELF file (System V ABI, "Symbol Table"), and Linux's System.map. */
import type { NamedSymbol } from '../symbols.ts';
import { ByteReader } from './byte-reader.ts';
import { ELF_MAGIC } from './elf.ts';
import { ImageError } from './image-error.ts';

/** Offsets in the ELF header, in a section header and in a symbol, by class. */
const LAYOUT = {
  32: {
    shoff: 32,
    shentsize: 46,
    shnum: 48,
    section: { size: 40, offset: 16, length: 20, link: 24 },
    symbol: { size: 16, info: 12, section: 14, value: 4 },
  },
  64: {
    shoff: 40,
    shentsize: 58,
    shnum: 60,
    section: { size: 64, offset: 24, length: 32, link: 40 },
    symbol: { size: 24, info: 4, section: 6, value: 8 },
  },
} as const;

const SHT_SYMTAB = 2;
/** Types of symbols that name code or data. */
const NAMING: readonly number[] = [0, 1, 2];
const UNDEFINED_SECTION = 0;
/** SHN_ABS: constants, not addresses. */
const ABSOLUTE_SECTION = 0xfff1;
const LONGEST_NAME = 512;

/** Symbols of an ELF file; none for a file that is no ELF, or has no symbol table. Throws `ImageError` for a damaged one. */
export function elfSymbols(bytes: Uint8Array): NamedSymbol[] {
  const file = new ByteReader(bytes, 'ELF file');
  if (file.length < 64 || file.u32(0) !== ELF_MAGIC) return [];
  const bits = file.u8(4) === 2 ? 64 : 32;
  const { shoff, shentsize, shnum, section } = LAYOUT[bits];
  const count = file.u16(shnum);
  const stride = file.u16(shentsize);
  if (count === 0 || stride < section.size) return [];
  const word = (at: number) => (bits === 64 ? file.u64(at) : file.u32(at));
  const table = word(shoff);
  const part = (index: number, what: string): ByteReader => {
    const at = table + index * stride;
    return file.part(word(at + section.offset), word(at + section.length), what);
  };
  for (let i = 0; i < count; i++) {
    const at = table + i * stride;
    if (file.u32(at + 4) !== SHT_SYMTAB) continue;
    const link = file.u32(at + section.link);
    if (link >= count)
      throw new ImageError({
        code: 'malformed',
        found: `The ELF symbol table names section ${link} of ${count}`,
        accepted: 'a complete file',
      });
    return readTable(part(i, 'ELF symbol table'), part(link, 'ELF string table'), bits);
  }
  return [];
}

function readTable(table: ByteReader, names: ByteReader, bits: 32 | 64): NamedSymbol[] {
  const { symbol } = LAYOUT[bits];
  const symbols: NamedSymbol[] = [];
  for (let at = 0; at + symbol.size <= table.length; at += symbol.size) {
    const section = table.u16(at + symbol.section);
    if (section === UNDEFINED_SECTION || section === ABSOLUTE_SECTION) continue;
    if (!NAMING.includes(table.u8(at + symbol.info) & 15)) continue;
    const name = text(names.bytes, table.u32(at));
    if (name === '') continue;
    const value = at + symbol.value;
    symbols.push({ name, address: bits === 64 ? table.u64Exact(value) : BigInt(table.u32(value)) });
  }
  return symbols;
}

function text(bytes: Uint8Array, from: number): string {
  const end = bytes.indexOf(0, from);
  if (from >= bytes.length || end < 0 || end - from > LONGEST_NAME) return '';
  return String.fromCharCode(...bytes.subarray(from, end));
}

/** Lines `ffffffff81000000 T _text`. Throws `ImageError` for a file that has no such lines. */
export function systemMapSymbols(bytes: Uint8Array): NamedSymbol[] {
  const symbols: NamedSymbol[] = [];
  for (const line of lines(bytes)) {
    const [, digits, type, name] = /^([0-9a-f]{8,16}) (\S) (\S+)/.exec(line) ?? [];
    // Absolute ones are offsets in per-CPU data and constants.
    if (digits === undefined || name === undefined || type === 'A') continue;
    symbols.push({ name, address: BigInt(`0x${digits}`) });
  }
  if (symbols.length === 0)
    throw new ImageError({
      code: 'unsupported',
      found: 'The file has no lines of an address, a letter and a name',
      accepted: 'a System.map',
      advice: 'It lies beside the kernel, such as /boot/System.map-6.1.0-18-amd64.',
    });
  return symbols;
}

const NEWLINE = 10;

function* lines(bytes: Uint8Array): Iterable<string> {
  for (let from = 0; from < bytes.length; ) {
    const found = bytes.indexOf(NEWLINE, from);
    const end = found < 0 ? bytes.length : found;
    // A file without line ends is no map: its beginning tells that.
    yield String.fromCharCode(...bytes.subarray(from, Math.min(end, from + LONGEST_NAME)));
    from = end + 1;
  }
}
