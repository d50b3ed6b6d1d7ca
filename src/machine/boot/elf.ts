/**
 * Reads executables in the Executable and Linkable Format (System V ABI, "Object Files"; the x86-64
 * supplement of it). Knows what loaders need: header, segments, notes.
 */
import type { ByteReader } from './byte-reader.ts';
import { hex, ImageError } from './image-error.ts';
import type { Placement } from './placement.ts';

export const ELF_MAGIC = 0x464c_457f;

const ACCEPTED = 'statically linked x86 or x86-64 ELF executables (ET_EXEC)';

/** Offsets of the fields that differ between the two classes. */
const LAYOUT = {
  32: {
    header: { size: 52, entry: 24, phoff: 28, phentsize: 42, phnum: 44 },
    segment: { size: 32, offset: 4, vaddr: 8, paddr: 12, filesz: 16, memsz: 20, align: 28 },
  },
  64: {
    header: { size: 64, entry: 24, phoff: 32, phentsize: 54, phnum: 56 },
    segment: { size: 56, offset: 8, vaddr: 16, paddr: 24, filesz: 32, memsz: 40, align: 48 },
  },
} as const;

const ET_EXEC = 2;
const OBJECT_TYPES: Readonly<Record<number, string>> = {
  1: 'a relocatable object (ET_REL)',
  3: 'a position-independent executable or shared object (ET_DYN)',
  4: 'a core dump (ET_CORE)',
};

const EM_386 = 3;
const EM_X86_64 = 62;
const MACHINES: Readonly<Record<number, string>> = {
  2: 'SPARC',
  8: 'MIPS',
  20: 'PowerPC',
  21: 'PowerPC 64',
  22: 'S/390',
  40: 'ARM',
  50: 'Itanium',
  183: 'AArch64',
  243: 'RISC-V',
  258: 'LoongArch',
};

const PT_LOAD = 1;
const PT_INTERP = 3;
const PT_NOTE = 4;

/** Linkers make about ten; the bound keeps the work on a damaged file small. */
const MAX_SEGMENTS = 128;

/** A part of the file that belongs in memory. Sizes in bytes. */
export interface ElfSegment {
  readonly virtual: bigint;
  readonly physical: number;
  readonly bytes: Uint8Array;
  /** At least as many as there are bytes; the rest is zero. */
  readonly memorySize: number;
}

export interface ElfNote {
  readonly owner: string;
  readonly type: number;
  readonly descriptor: ByteReader;
}

export interface ElfFile {
  readonly bits: 32 | 64;
  readonly entry: bigint;
  readonly segments: readonly ElfSegment[];
  readonly notes: readonly ElfNote[];
}

/** Parses an ELF executable for x86 or x86-64; throws `ImageError` for any other file. */
export function readElf(file: ByteReader): ElfFile {
  const bits = checkIdentity(file.part(0, 20, 'ELF header'));
  const { header: at, segment: fields } = LAYOUT[bits];
  const header = file.part(0, at.size, 'ELF header');
  const word = (reader: ByteReader, offset: number) =>
    bits === 64 ? reader.u64(offset) : reader.u32(offset);
  const exact = (reader: ByteReader, offset: number) =>
    bits === 64 ? reader.u64Exact(offset) : BigInt(reader.u32(offset));

  const count = header.u16(at.phnum);
  const stride = header.u16(at.phentsize);
  if (count > MAX_SEGMENTS || (count > 0 && stride < fields.size)) {
    throw malformed(`The ELF header announces ${count} program headers of ${stride} bytes`);
  }
  const table = file.part(word(header, at.phoff), count * stride, 'ELF program header table');
  const segments: ElfSegment[] = [];
  const notes: ElfNote[] = [];
  for (let i = 0; i < count; i++) {
    const entry = table.part(i * stride, fields.size, 'ELF program header');
    const type = entry.u32(0);
    if (type === PT_INTERP) {
      throw new ImageError({
        code: 'unsupported',
        found: 'The ELF file is dynamically linked (it names a program interpreter)',
        accepted: ACCEPTED,
        advice: 'Link with -static -no-pie.',
      });
    }
    if (type !== PT_LOAD && type !== PT_NOTE) continue;
    const size = word(entry, fields.filesz);
    const part = file.part(word(entry, fields.offset), size, `ELF segment ${i}`);
    if (type === PT_NOTE) notes.push(...readNotes(part, word(entry, fields.align)));
    const memorySize = word(entry, fields.memsz);
    if (type !== PT_LOAD || memorySize === 0) continue;
    if (memorySize < size)
      throw malformed(`ELF segment ${i} has ${size} bytes in the file but ${memorySize} in memory`);
    segments.push({
      virtual: exact(entry, fields.vaddr),
      physical: word(entry, fields.paddr),
      bytes: part.bytes,
      memorySize,
    });
  }
  if (segments.length === 0) throw malformed('The ELF file has nothing to load (no PT_LOAD segment)');
  return { bits, entry: exact(header, at.entry), segments, notes };
}

/** Checks magic, byte order, type and machine; returns the class. */
function checkIdentity(header: ByteReader): 32 | 64 {
  const unsupported = (found: string, advice?: string) =>
    new ImageError({
      code: 'unsupported',
      found,
      accepted: ACCEPTED,
      ...(advice === undefined ? {} : { advice }),
    });
  if (header.u32(0) !== ELF_MAGIC)
    throw malformed(`The file begins with ${hex(header.u32(0))}, not with the ELF magic`);
  const classByte = header.u8(4);
  if (classByte !== 1 && classByte !== 2) throw malformed(`The ELF header names class ${classByte}`);
  if (header.u8(5) !== 1) throw unsupported('The ELF file is not little-endian');
  const machine = header.u16(18);
  if (machine !== EM_386 && machine !== EM_X86_64) {
    throw unsupported(`The ELF file is for ${MACHINES[machine] ?? `machine ${machine}`}`);
  }
  const type = header.u16(16);
  if (type !== ET_EXEC) {
    throw unsupported(
      `The ELF file is ${OBJECT_TYPES[type] ?? `of type ${type}`}`,
      'Link with -static -no-pie.',
    );
  }
  const bits = classByte === 2 ? 64 : 32;
  if (bits === 64 && machine === EM_386) throw malformed('The ELF file is of class 64 but for the 80386');
  return bits;
}

function readNotes(segment: ByteReader, align: number): ElfNote[] {
  const notes: ElfNote[] = [];
  const unit = align === 8 ? 8 : 4;
  const padded = (size: number) => Math.ceil(size / unit) * unit;
  let offset = 0;
  while (offset + 12 <= segment.length) {
    const nameSize = segment.u32(offset);
    const descriptorSize = segment.u32(offset + 4);
    const name = segment.part(offset + 12, nameSize, 'ELF note name');
    const descriptorAt = offset + padded(12 + nameSize);
    notes.push({
      owner: String.fromCharCode(...name.bytes.subarray(0, Math.min(32, Math.max(0, nameSize - 1)))),
      type: segment.u32(offset + 8),
      descriptor: segment.part(descriptorAt, descriptorSize, 'ELF note'),
    });
    offset = descriptorAt + padded(descriptorSize);
  }
  return notes;
}

/** Claims the segments' physical addresses and queues their bytes. Returns the end of the highest one. */
export function loadSegments(elf: ElfFile, placement: Placement): number {
  let end = 0;
  for (const [index, { physical, bytes, memorySize }] of elf.segments.entries()) {
    placement.load(`kernel segment ${index}`, physical, bytes, memorySize);
    end = Math.max(end, physical + memorySize);
  }
  return end;
}

/**
 * The physical address of the entry point. Linkers write a virtual address into the header, or (as
 * Linux does) a physical one: a segment's physical range is tried first, then the virtual ranges.
 */
export function physicalEntry(elf: ElfFile): number {
  const { entry, segments } = elf;
  const inSegment = (start: bigint, size: number) => entry >= start && entry < start + BigInt(size);
  if (segments.some(({ physical, memorySize }) => inSegment(BigInt(physical), memorySize)))
    return Number(entry);
  const segment = segments.find(({ virtual, memorySize }) => inSegment(virtual, memorySize));
  if (segment === undefined) throw malformed(`The entry point ${hex(entry)} lies in no segment`);
  return segment.physical + Number(entry - segment.virtual);
}

/** Throws unless a segment holds the physical address `entry`. */
export function checkEntry(elf: ElfFile, entry: number, what: string): number {
  const inside = elf.segments.some(
    ({ physical, memorySize }) => entry >= physical && entry < physical + memorySize,
  );
  if (!inside) throw malformed(`The ${what} ${hex(entry)} lies in no segment`);
  return entry;
}

function malformed(found: string): ImageError {
  return new ImageError({ code: 'malformed', found, accepted: ACCEPTED });
}
