/**
 * The ELF section headers that multiboot kernels may read to find their symbols. Symbol and string
 * tables, which no segment holds, are put into memory and their headers say where.
 */
import type { ByteReader } from './byte-reader.ts';
import { ImageError } from './image-error.ts';
import type { Placement } from './placement.ts';

/** Offsets in the ELF header and in a section header, by class. */
const LAYOUT = {
  32: {
    shoff: 32,
    shentsize: 46,
    shnum: 48,
    shstrndx: 50,
    entry: { size: 40, addr: 12, offset: 16, length: 20 },
  },
  64: {
    shoff: 40,
    shentsize: 58,
    shnum: 60,
    shstrndx: 62,
    entry: { size: 64, addr: 16, offset: 24, length: 32 },
  },
} as const;

const TYPE_OFFSET = 4;
const SHT_SYMTAB = 2;
const SHT_STRTAB = 3;

/** Linked kernels have some dozens; the bound keeps the work on a damaged file small. */
const MAX_SECTIONS = 1024;

export interface SectionHeaders {
  readonly count: number;
  /** Bytes of each. */
  readonly entrySize: number;
  /** Index of the section that holds the sections' names. */
  readonly namesIndex: number;
  readonly bytes: Uint8Array;
}

/** Copies the section headers and places what they need; undefined when the file has none. */
export function putSections(
  file: ByteReader,
  bits: 32 | 64,
  placement: Placement,
): SectionHeaders | undefined {
  const { shoff, shentsize, shnum, shstrndx, entry } = LAYOUT[bits];
  const count = file.u16(shnum);
  if (count === 0) return undefined;
  const entrySize = file.u16(shentsize);
  if (count > MAX_SECTIONS || entrySize !== entry.size) {
    throw new ImageError({
      code: 'malformed',
      found: `The ELF header announces ${count} section headers of ${entrySize} bytes`,
      accepted: `at most ${MAX_SECTIONS} of ${entry.size} bytes`,
      advice: 'Strip the file.',
    });
  }
  const word = (reader: ByteReader, offset: number) =>
    bits === 64 ? reader.u64(offset) : reader.u32(offset);
  const table = file.part(word(file, shoff), count * entrySize, 'ELF section header table');
  const bytes = table.bytes.slice();
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < count; i++) {
    const header = table.part(i * entrySize, entrySize, 'ELF section header');
    const type = header.u32(TYPE_OFFSET);
    const length = word(header, entry.length);
    if ((type !== SHT_SYMTAB && type !== SHT_STRTAB) || length === 0 || word(header, entry.addr) !== 0)
      continue;
    const content = file.part(word(header, entry.offset), length, `ELF section ${i}`);
    view.setUint32(i * entrySize + entry.addr, placement.put(`ELF section ${i}`, content.bytes), true);
  }
  return { count, entrySize, namesIndex: file.u16(shstrndx), bytes };
}
