/** The assembler as the page sees it: what it sends to be assembled, and what it is told. */
import type { FlatPlacement } from './target.ts';

/** Container of the result: bare bytes, or a static ELF executable. */
export type ProgramFormat = 'bin' | 'elf32' | 'elf64';

/** A source with the name that messages give it. */
export interface ProgramSource {
  readonly name: string;
  readonly text: string;
  readonly format: ProgramFormat;
}

/** Lines and columns count from 1. */
export interface ProgramPlace {
  /** The source's name, or that of an included file. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** In a macro the error's place is its outermost use. */
export interface ProgramError extends ProgramPlace {
  readonly message: string;
  /** How it came there, outermost first. */
  readonly context: readonly ProgramContext[];
}

/** A line of the body of a macro that is expanded, or the line that includes the file. */
export interface ProgramContext extends ProgramPlace {
  readonly kind: 'macro' | 'include';
  /** Name of the macro, or of the included file. */
  readonly name: string;
}

/** Bytes that one source line produced at one place. A line of a macro or a loop has several. */
export interface ProgramLine {
  readonly file: string;
  readonly line: number;
  /** Linear address that it was assembled for. */
  readonly address: bigint;
  /** Size in bytes. */
  readonly length: number;
  /** The first bytes, at most `SHOWN_BYTES`; fewer than `length` for long data. */
  readonly bytes: Uint8Array;
}

export const SHOWN_BYTES = 8;

export interface ProgramSection {
  readonly name: string;
  readonly address: bigint;
  /** Size in bytes. */
  readonly size: number;
}

export interface AssembledProgram {
  /** The source includes a header of AMD-V: it wants a bare machine that has it. */
  readonly wantsAmdV: boolean;
  readonly image: Uint8Array;
  /** Where execution starts. A flat image starts with its first byte. */
  readonly entry: bigint;
  /** How a flat image is loaded unless the user says otherwise; null for ELF. */
  readonly flat: FlatPlacement | null;
  readonly sections: readonly ProgramSection[];
  /** Sorted by address. */
  readonly lines: readonly ProgramLine[];
}

export interface AssemblyResult {
  /** Null exactly when there are errors. */
  readonly program: AssembledProgram | null;
  readonly errors: readonly ProgramError[];
}

/** A text to start from. */
export interface ExampleProgram {
  readonly title: string;
  readonly source: ProgramSource;
}

/** What comes with the lab for people who write programs. */
export interface ProgramLibrary {
  readonly examples: readonly ExampleProgram[];
  /** Names of the headers. */
  readonly headers: readonly string[];
  /** Texts that `%include` knows, by name: the headers, and the parts of the examples. */
  readonly includes: Readonly<Record<string, string>>;
}
