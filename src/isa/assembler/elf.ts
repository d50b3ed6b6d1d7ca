/**
 * Writes a static executable (System V ABI, "Object Files" and "Program Loading"): one PT_LOAD segment a
 * section, a section table and a symbol table, so that boot loaders, debuggers and `readelf` understand it.
 */
import { inOrder, type Section } from './sections.ts';
import { SourceError, type SymbolInfo } from './types.ts';

const PT_LOAD = 1;
const [PF_X, PF_W, PF_R] = [1, 2, 4];
const [SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB, SHT_NOBITS] = [1, 2, 3, 8];
const [SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR] = [1, 2, 4];
const SHN_ABS = 0xfff1;
const [EM_386, EM_X86_64] = [3, 62];

/** Appends little-endian fields; `word` is 4 bytes in ELF32 and 8 in ELF64. */
class Writer {
  readonly bytes: number[] = [];
  readonly wide: boolean;

  constructor(wide: boolean) {
    this.wide = wide;
  }

  field(value: number | bigint, size: number): this {
    let rest = BigInt.asUintN(size * 8, BigInt(value));
    for (let i = 0; i < size; i++) {
      this.bytes.push(Number(rest & 0xffn));
      rest >>= 8n;
    }
    return this;
  }

  fields(size: number, ...values: readonly (number | bigint)[]): this {
    for (const value of values) this.field(value, size);
    return this;
  }

  words(...values: readonly (number | bigint)[]): this {
    return this.fields(this.wide ? 8 : 4, ...values);
  }

  raw(bytes: Uint8Array | readonly number[]): this {
    for (const b of bytes) this.bytes.push(b);
    return this;
  }

  padTo(length: number): this {
    while (this.bytes.length < length) this.bytes.push(0);
    return this;
  }
}

class StringTable {
  readonly bytes: number[] = [0];

  add(text: string): number {
    const at = this.bytes.length;
    for (const c of text) this.bytes.push(c.charCodeAt(0) & 0xff);
    this.bytes.push(0);
    return at;
  }
}

const isCode = (s: Section) => s.name.startsWith('.text') || s.name.startsWith('.multiboot');
const isConstant = (s: Section) => s.name.startsWith('.rodata');

function segmentFlags(s: Section): number {
  return PF_R | (isCode(s) ? PF_X : isConstant(s) ? 0 : PF_W);
}

function sectionFlags(s: Section): number {
  return SHF_ALLOC | (isCode(s) ? SHF_EXECINSTR : isConstant(s) ? 0 : SHF_WRITE);
}

interface Header {
  readonly name: number;
  readonly type: number;
  readonly flags: number;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  readonly link?: number;
  readonly info?: number;
  readonly align: number;
  readonly entrySize?: number;
}

function writeSectionHeader(out: Writer, h: Header): void {
  out.fields(4, h.name, h.type).words(h.flags, h.address, h.offset, h.size);
  out.fields(4, h.link ?? 0, h.info ?? 0).words(h.align, h.entrySize ?? 0);
}

function writeSymbol(out: Writer, name: number, info: number, section: number, value: bigint): void {
  if (out.wide) out.field(name, 4).field(info, 1).field(0, 1).field(section, 2).words(value, 0);
  else out.field(name, 4).words(value, 0).field(info, 1).field(0, 1).field(section, 2);
}

function symbolTable(
  wide: boolean,
  symbols: readonly SymbolInfo[],
  sections: readonly Section[],
  strings: StringTable,
) {
  const out = new Writer(wide);
  writeSymbol(out, 0, 0, 0, 0n);
  const sorted = [...symbols].sort((a, b) => Number(a.global) - Number(b.global));
  for (const s of sorted) {
    const index = s.section === undefined ? SHN_ABS : sections.findIndex((x) => x.name === s.section) + 1;
    writeSymbol(out, strings.add(s.name), s.global ? 0x10 : 0, index, s.value);
  }
  return {
    bytes: out.bytes,
    firstGlobal: 1 + sorted.filter((s) => !s.global).length,
    entrySize: wide ? 24 : 16,
  };
}

/** The file as bytes. Throws SourceError when an address does not fit in ELF32. */
export function elfImage(
  format: 'elf32' | 'elf64',
  all: readonly Section[],
  symbols: readonly SymbolInfo[],
  entry: number,
): Uint8Array {
  const wide = format === 'elf64';
  const sections = inOrder(all).filter((s) => s.offset > 0);
  const fits = (address: number) => address >= 0 && address <= 2 ** 32;
  const narrow =
    fits(entry) &&
    sections.every((s) => [s.address, s.address + s.offset, s.loadAddress + s.offset].every(fits));
  if (!wide && !narrow) throw new SourceError('an address lies above 4 GiB: use elf64');
  const [headerSize, programEntry, sectionEntry] = wide ? [64, 56, 64] : [52, 32, 40];

  // Contents follow the program headers; a file offset is congruent to its address modulo the alignment.
  let next = headerSize + programEntry * sections.length;
  const offsets = sections.map((s) => {
    const align = Math.max(s.align, 4);
    const offset = next + ((((s.address - next) % align) + align) % align);
    if (!s.nobits) next = offset + s.offset;
    return offset;
  });
  const names = new StringTable();
  const strings = new StringTable();
  const table = symbolTable(wide, symbols, sections, strings);
  const symtabAt = Math.ceil(next / 8) * 8;
  const strtabAt = symtabAt + table.bytes.length;
  const sectionNames = sections.map((s) => names.add(s.name));
  const [symtabName, strtabName, shstrtabName] = ['.symtab', '.strtab', '.shstrtab'].map((n) => names.add(n));
  const shstrtabAt = strtabAt + strings.bytes.length;
  const headersAt = Math.ceil((shstrtabAt + names.bytes.length) / 8) * 8;

  const out = new Writer(wide);
  out.raw([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, 1, 1]).padTo(16);
  out
    .fields(2, 2, wide ? EM_X86_64 : EM_386)
    .field(1, 4)
    .words(entry, headerSize, headersAt)
    .field(0, 4);
  out.fields(
    2,
    headerSize,
    programEntry,
    sections.length,
    sectionEntry,
    sections.length + 4,
    sections.length + 3,
  );
  sections.forEach((s, i) => {
    const fileSize = s.nobits ? 0 : s.offset;
    out.field(PT_LOAD, 4);
    if (wide) out.field(segmentFlags(s), 4);
    out.words(offsets[i], s.address, s.loadAddress, fileSize, s.offset);
    if (!wide) out.field(segmentFlags(s), 4);
    out.words(Math.max(s.align, 4));
  });
  sections.forEach((s, i) => {
    if (!s.nobits) out.padTo(offsets[i]).raw(s.contents());
  });
  out.padTo(symtabAt).raw(table.bytes).raw(strings.bytes).raw(names.bytes).padTo(headersAt);
  writeSectionHeader(out, { name: 0, type: 0, flags: 0, address: 0, offset: 0, size: 0, align: 0 });
  sections.forEach((s, i) => {
    writeSectionHeader(out, {
      name: sectionNames[i],
      type: s.nobits ? SHT_NOBITS : SHT_PROGBITS,
      flags: sectionFlags(s),
      address: s.address,
      offset: offsets[i],
      size: s.offset,
      align: Math.max(s.align, 4),
    });
  });
  writeSectionHeader(out, {
    name: symtabName,
    type: SHT_SYMTAB,
    flags: 0,
    address: 0,
    offset: symtabAt,
    size: table.bytes.length,
    link: sections.length + 2,
    info: table.firstGlobal,
    align: 8,
    entrySize: table.entrySize,
  });
  const stringHeader = { type: SHT_STRTAB, flags: 0, address: 0, align: 1 };
  writeSectionHeader(out, {
    name: strtabName,
    ...stringHeader,
    offset: strtabAt,
    size: strings.bytes.length,
  });
  writeSectionHeader(out, {
    name: shstrtabName,
    ...stringHeader,
    offset: shstrtabAt,
    size: names.bytes.length,
  });
  return Uint8Array.from(out.bytes);
}
