/** Programs of the user's own: assembling them, and what there is to start from. Loaded when first needed. */
import { guests, HEADERS, SOURCES, TEXTS } from '../guests/index.ts';
import { type Assembly, assemble } from '../isa/assembler/index.ts';
import {
  type AssembledProgram,
  type AssemblyResult,
  type ProgramLibrary,
  type ProgramLine,
  type ProgramSource,
  SHOWN_BYTES,
} from '../protocol/assembly.ts';
import type { ProgramCommand } from '../protocol/commands.ts';
import type { FlatMode } from '../protocol/target.ts';

const linear = (address: number) => BigInt.asUintN(64, BigInt(address));

/** A part of the image: bytes that belong at `address`. */
interface Extent {
  readonly address: number;
  readonly size: number;
  readonly offset: number;
}

/** Sections of a flat image lie at the distance of their load addresses. */
function flatExtents({ sections }: Assembly): Extent[] {
  const stored = sections.filter(({ nobits }) => !nobits);
  const first = Math.min(...stored.map(({ loadAddress }) => loadAddress));
  return stored.map(({ address, size, loadAddress }) => ({ address, size, offset: loadAddress - first }));
}

/** Places in the ELF program headers: of the file header, and in one entry. System V ABI, "Program Header". */
const PROGRAM_HEADERS = {
  elf32: { table: 0x1c, entrySize: 0x2a, count: 0x2c, offset: 4, address: 8, size: 16 },
  elf64: { table: 0x20, entrySize: 0x36, count: 0x38, offset: 8, address: 16, size: 32 },
} as const;

function elfExtents(bytes: Uint8Array, format: 'elf32' | 'elf64'): Extent[] {
  const at = PROGRAM_HEADERS[format];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = (offset: number) =>
    format === 'elf32' ? view.getUint32(offset, true) : Number(view.getBigInt64(offset, true));
  const entrySize = view.getUint16(at.entrySize, true);
  return Array.from({ length: view.getUint16(at.count, true) }, (_, i) => {
    const entry = word(at.table) + i * entrySize;
    return {
      offset: word(entry + at.offset),
      address: word(entry + at.address),
      size: word(entry + at.size),
    };
  });
}

function programLines(assembly: Assembly): ProgramLine[] {
  const { bytes, format, lines } = assembly;
  const extents = format === 'bin' ? flatExtents(assembly) : elfExtents(bytes, format);
  return lines.map(({ file, line, address, length }) => {
    const extent = extents.find((one) => address >= one.address && address < one.address + one.size);
    const from = extent === undefined ? 0 : extent.offset + address - extent.address;
    const shown = extent === undefined ? 0 : Math.min(length, SHOWN_BYTES);
    return { file, line, address: linear(address), length, bytes: bytes.slice(from, from + shown) };
  });
}

const MODES: Readonly<Record<string, FlatMode>> = { 16: 'real', 32: 'protected', 64: 'long' };

/** A flat image is entered in the width of its first `bits`; NASM's default is 16. */
function modeOf(text: string): FlatMode {
  const first = /^[ \t]*(?:\[[ \t]*)?(?:bits[ \t]+|use)(16|32|64)\b/im.exec(text)?.[1] ?? '16';
  return MODES[first] as FlatMode;
}

function program(source: ProgramSource, assembly: Assembly): AssembledProgram {
  const { bytes, sections, format } = assembly;
  const stored = sections.filter(({ nobits }) => !nobits);
  const origin = Math.min(...stored.map(({ loadAddress }) => loadAddress));
  const flat = format === 'bin' && stored.length > 0 ? { address: origin, mode: modeOf(source.text) } : null;
  return {
    wantsAmdV: /^[ \t]*%include[ \t]+"(?:svm|vmcb)\.inc"/m.test(source.text),
    image: bytes,
    entry: linear(flat?.address ?? assembly.entry),
    flat,
    sections: sections.map(({ name, address, size }) => ({ name, address: linear(address), size })),
    lines: programLines(assembly),
  };
}

/** Assembles a user's source, which may include the headers and the parts of the embedded guests. */
export function assembleProgram(source: ProgramSource): AssemblyResult {
  const { name, text, format } = source;
  const assembly = assemble(text, { file: name, format, includes: TEXTS });
  if (assembly.errors.length > 0) return { program: null, errors: assembly.errors };
  if (assembly.bytes.length > 0) return { program: program(source, assembly), errors: [] };
  const message = 'the source produces no bytes; write an instruction, or choose an example';
  return { program: null, errors: [{ file: name, line: 1, column: 1, message, context: [] }] };
}

/** One text: the parts of an embedded guest in place of their `%include` lines. Headers stay included. */
function inOneText(name: string): string {
  return (SOURCES[name] ?? '').replace(/^\s*%include\s+"([^"]+)".*$/gm, (line, part: string) =>
    part in SOURCES ? `; ---- ${part}\n\n${inOneText(part)}` : line,
  );
}

/** Obeys a command about programs. */
export function answer(command: ProgramCommand): AssemblyResult | ProgramLibrary {
  return command.kind === 'assemble' ? assembleProgram(command.source) : programLibrary();
}

export function programLibrary(): ProgramLibrary {
  return {
    examples: guests.map(({ title, files, format }) => {
      const name = files[0] ?? '';
      return { title, source: { name, text: inOneText(name), format } };
    }),
    headers: Object.keys(HEADERS),
    includes: TEXTS,
  };
}
