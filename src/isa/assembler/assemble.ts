/** The assembler as a whole: passes until nothing moves any more, then the output file. */
import { elfImage } from './elf.ts';
import type { BodyLine } from './macros.ts';
import { Pass, type Program } from './pass.ts';
import { Preprocessor } from './preprocessor.ts';
import { flatImage, inOrder, layOut, Section } from './sections.ts';
import { SymbolTable } from './symbols.ts';
import type { AssembleOptions, Assembly, LineInfo, OutputFormat, SectionInfo, SymbolInfo } from './types.ts';
import { SourceError } from './types.ts';
import { baseOf, resolve } from './value.ts';

/** Jumps settle in three to six passes; more than this means that two sizes chase each other. */
const MAX_PASSES = 64;
const DEFAULT_BITS = { bin: 16, elf32: 32, elf64: 64 } as const;
const ENTRY_SYMBOLS = ['_start', 'start'];

interface Job {
  readonly source: string;
  readonly file: string;
  readonly format: OutputFormat;
  readonly options: AssembleOptions;
  /** Tokenized files, kept from pass to pass. */
  readonly files: Map<string, BodyLine[]>;
  readonly program: Program;
}

function runPass(job: Job): Pass {
  const { file, options, program } = job;
  const pass = new Pass(program, DEFAULT_BITS[job.format]);
  const preprocessor = new Preprocessor(
    {
      includes: options.includes ?? {},
      defines: options.defines ?? {},
      scope: pass.scope,
      bits: () => pass.bits,
      format: job.format,
      report: (error, line) => pass.report(error, line),
    },
    job.files,
  );
  for (const line of preprocessor.run(file, job.source)) pass.line(line);
  for (const name of pass.globals) {
    if (!program.symbols.isDefined(name)) fail(pass, job, `global symbol '${name}' is not defined`);
  }
  for (const { follows, vfollows } of program.sections.values()) {
    for (const name of [follows, vfollows])
      if (name !== undefined && !program.sections.has(name))
        fail(pass, job, `there is no section '${name}' to follow`);
  }
  return pass;
}

function fail(pass: Pass, job: Job, message: string): void {
  pass.errors.push({ file: job.file, line: 1, column: 1, message, context: [] });
}

/** All that the layout depends on. */
function sizes(pass: Pass): string {
  return [
    pass.origin,
    ...[...pass.sections.values()].map((s) => `${s.name} ${s.offset} ${s.align} ${s.vstart} ${s.start}`),
  ].join('\n');
}

/** Repeats passes until symbols and sizes keep their values; then addresses and bytes agree. */
function settle(job: Job): Pass {
  const { sections, symbols } = job.program;
  let before = '';
  for (let i = 1; ; i++) {
    const pass = runPass(job);
    const after = sizes(pass);
    if (after === before && !symbols.changed) return pass;
    // Errors of the first passes may come from guesses; later ones are real.
    if (pass.errors.length > 0 && i >= 4) return pass;
    if (i === MAX_PASSES) {
      fail(pass, job, `the sizes of instructions do not settle after ${MAX_PASSES} passes`);
      return pass;
    }
    before = after;
    for (const section of sections.values()) section.rewind();
    layOut(sections.values(), pass.origin);
  }
}

function symbolList(pass: Pass, symbols: SymbolTable): SymbolInfo[] {
  const result: SymbolInfo[] = [];
  for (const [name, value] of symbols.all()) {
    if (name.startsWith('..@')) continue;
    const base = baseOf(value);
    const section = base instanceof Section ? base : undefined;
    result.push({
      name,
      value: BigInt.asUintN(64, resolve(value)),
      section: section?.name,
      global: pass.globals.has(name),
    });
  }
  return result;
}

function sectionList(sections: Iterable<Section>): SectionInfo[] {
  return inOrder(sections)
    .filter((s) => s.offset > 0)
    .map((s) => ({
      name: s.name,
      address: s.address,
      loadAddress: s.loadAddress,
      size: s.offset,
      nobits: s.nobits,
    }));
}

function lineList(pass: Pass): LineInfo[] {
  const result = pass.produced.map(({ section, offset, length, line }) => ({
    address: section.address + offset,
    length,
    ...line.location,
  }));
  return result.sort((a, b) => a.address - b.address);
}

function entryPoint(symbols: readonly SymbolInfo[], sections: readonly SectionInfo[]): number {
  for (const name of ENTRY_SYMBOLS) {
    const symbol = symbols.find((s) => s.name === name);
    if (symbol) return Number(symbol.value);
  }
  return sections[0]?.address ?? 0;
}

function image(job: Job, parts: Omit<Assembly, 'bytes' | 'format' | 'errors'>): Uint8Array {
  const { sections } = job.program;
  return job.format === 'bin'
    ? flatImage(sections.values())
    : elfImage(job.format, [...sections.values()], parts.symbols, parts.entry);
}

/**
 * Assembles a source in NASM's language. Never throws for what the source says: `errors` lists all that is
 * wrong, and `bytes` is empty then.
 */
export function assemble(source: string, options: AssembleOptions = {}): Assembly {
  const format = options.format ?? 'bin';
  const program: Program = {
    sections: new Map(),
    symbols: new SymbolTable(),
    alignments: new Map(),
    cache: new Map(),
  };
  const job: Job = { source, file: options.file ?? 'input.asm', format, options, files: new Map(), program };
  const pass = settle(job);
  const empty = { format, bytes: new Uint8Array(0), entry: 0, sections: [], symbols: [], lines: [] };
  if (pass.errors.length > 0) return { ...empty, errors: pass.errors };
  try {
    const symbols = symbolList(pass, program.symbols);
    const sections = sectionList(program.sections.values());
    const parts = { symbols, sections, lines: lineList(pass), entry: entryPoint(symbols, sections) };
    return { format, ...parts, bytes: image(job, parts), errors: [] };
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    fail(pass, job, error.message);
    return { ...empty, errors: pass.errors };
  }
}
