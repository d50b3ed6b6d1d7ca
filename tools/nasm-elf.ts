/**
 * NASM and the linker as the oracle for ELF executables. The assembler writes an executable at once; NASM writes an
 * object, whose sections the linker then puts at the addresses that ours have. So bytes with their relocations,
 * sections, symbols and the entry point can be compared.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Assembly, assemble } from '../src/isa/assembler/index.ts';
import { hasNasm } from './nasm-oracle.ts';

export const hasLinker = (): boolean => hasNasm() && spawnSync('ld', ['-v']).status === 0;

/** What is compared, as lines that a failing test can show. */
export interface ElfContents {
  readonly entry: string;
  /** Name, address, size, and the bytes in hexadecimal. */
  readonly sections: readonly string[];
  /** Name, binding and value, in the order of the names. */
  readonly symbols: readonly string[];
}

const [SHT_PROGBITS, SHT_SYMTAB, SHT_NOBITS] = [1, 2, 8];
const SHF_ALLOC = 2;

interface Header {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
}

/** Reads sections and symbols of an ELF file (System V ABI, "Object Files"). */
function elfContents(bytes: Uint8Array): ElfContents {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wide = bytes[4] === 2;
  const width = wide ? 8 : 4;
  const word = (at: number) => (wide ? view.getBigUint64(at, true) : BigInt(view.getUint32(at, true)));
  const text = (at: number) => {
    let end = at;
    while (bytes[end] !== 0) end++;
    return String.fromCharCode(...bytes.subarray(at, end));
  };
  const [table, entrySize] = [Number(word(24 + 2 * width)), view.getUint16(wide ? 58 : 46, true)];
  const headers = Array.from({ length: view.getUint16(wide ? 60 : 48, true) }, (_, i) => {
    const at = table + i * entrySize;
    const [flags, address, offset, size] = [0, 1, 2, 3].map((k) => Number(word(at + 8 + k * width)));
    return {
      name: view.getUint32(at, true),
      type: view.getUint32(at + 4, true),
      flags,
      address,
      offset,
      size,
      link: view.getUint32(at + 8 + 4 * width, true),
    };
  });
  const names = headers[view.getUint16(wide ? 62 : 50, true)].offset;
  const sections: Header[] = headers.map((header) => ({ ...header, name: text(names + header.name) }));
  return {
    entry: hex(word(24)),
    sections: sections
      .filter(
        ({ type, flags, size }) =>
          (type === SHT_PROGBITS || type === SHT_NOBITS) && flags & SHF_ALLOC && size > 0,
      )
      .map(({ name, type, address, offset, size }) => {
        const contents =
          type === SHT_NOBITS
            ? 'no bytes'
            : Buffer.from(bytes.subarray(offset, offset + size)).toString('hex');
        return `${name} ${hex(BigInt(address))} ${size}: ${contents}`;
      }),
    symbols: sections.filter(({ type }) => type === SHT_SYMTAB).flatMap(symbolsOf),
  };

  function symbolsOf({ offset, size, link }: Header): string[] {
    const step = wide ? 24 : 16;
    const found: string[] = [];
    for (let at = offset; at < offset + size; at += step) {
      const name = text(sections[link].offset + view.getUint32(at, true));
      const info = bytes[at + (wide ? 4 : 12)];
      const value = word(at + (wide ? 8 : 4));
      const section = view.getUint16(at + (wide ? 6 : 14), true);
      // Neither sections and files nor what the linker asked for; labels inside macros have serial numbers.
      if (section === 0 || name === '' || (info & 15) !== 0 || name.startsWith('..@')) continue;
      found.push(`${name} ${info >> 4 === 1 ? 'global' : 'local'} ${hex(value)}`);
    }
    return found.sort();
  }
}

const hex = (value: bigint) => `0x${value.toString(16)}`;

/** `org` is for flat files; in an object the linker decides. Lines keep their numbers. */
const withoutOrigin = (text: string) => text.replace(/^\s*\[?org\b.*$/gim, '');

/** What NASM and the linker make of the sources, with each section where `like` has it. */
function linked(
  format: 'elf32' | 'elf64',
  source: string,
  includes: Readonly<Record<string, string>>,
  like: Assembly,
): ElfContents {
  const directory = mkdtempSync(join(tmpdir(), 'nasm-elf-'));
  const run = (program: string, ...given: string[]) => {
    const { status, stderr } = spawnSync(program, given, { cwd: directory, encoding: 'utf8' });
    if (status !== 0) throw new Error(`${program}: ${stderr}`);
  };
  try {
    for (const [name, text] of Object.entries({ ...includes, 'main.asm': source })) {
      mkdirSync(dirname(join(directory, name)), { recursive: true });
      writeFileSync(join(directory, name), withoutOrigin(text));
    }
    const places = like.sections.map(
      ({ name, address }) => `${name} ${hex(BigInt(address))} : SUBALIGN(1) { *(${name}) }`,
    );
    writeFileSync(
      join(directory, 'script.ld'),
      `ENTRY(start)\nSECTIONS {\n${places.join('\n')}\n/DISCARD/ : { *(*) }\n}\n`,
    );
    run('nasm', '-f', format, 'main.asm', '-o', 'main.o');
    const emulation = format === 'elf32' ? 'elf_i386' : 'elf_x86_64';
    run('ld', '-m', emulation, '-T', 'script.ld', '--no-warnings', 'main.o', '-o', 'main.elf');
    return elfContents(new Uint8Array(readFileSync(join(directory, 'main.elf'))));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Both executables of one source. Throws when the source has errors. */
export function bothExecutables(
  format: 'elf32' | 'elf64',
  source: string,
  includes: Readonly<Record<string, string>> = {},
): { readonly ours: ElfContents; readonly theirs: ElfContents } {
  const assembly = assemble(source, { format, includes });
  const [error] = assembly.errors;
  if (error) throw new Error(`${error.file}:${error.line}:${error.column}: ${error.message}`);
  return { ours: elfContents(assembly.bytes), theirs: linked(format, source, includes, assembly) };
}
