/**
 * The assembler's outward types. The language is NASM's; the manual's names are used throughout.
 */

/** Container of the result: bare bytes, or a static executable with program headers and a symbol table. */
export type OutputFormat = 'bin' | 'elf32' | 'elf64';

/** Width of the code being assembled, in bits (`bits 16|32|64`). */
export type Bits = 16 | 32 | 64;

export interface AssembleOptions {
  /** Name of the main source in messages and line maps. Default `input.asm`. */
  readonly file?: string;
  /** Texts that `%include "name"` may ask for, by that name. */
  readonly includes?: Readonly<Record<string, string>>;
  readonly format?: OutputFormat;
  /** Single-line macros defined beforehand, as `-D` does. */
  readonly defines?: Readonly<Record<string, string>>;
}

/** A place in a source text; lines and columns count from 1. */
export interface Location {
  readonly file: string;
  readonly line: number;
}

/** In a macro the error's place is its outermost use. */
export interface AssemblyError extends Location {
  readonly column: number;
  readonly message: string;
  /** How it came there, outermost first. */
  readonly context: readonly ErrorContext[];
}

/** A line of the body of a macro that is expanded, or the line that includes the file. */
export interface ErrorContext extends Location {
  readonly kind: 'macro' | 'include';
  /** Name of the macro, or of the included file. */
  readonly name: string;
  readonly column: number;
}

export interface SectionInfo {
  readonly name: string;
  /** Address the code was assembled for (`vstart`), as a signed number: the upper half of the address space is negative. */
  readonly address: number;
  /** Address it is loaded at (`start`); the same as `address` unless `vstart` was given. */
  readonly loadAddress: number;
  /** Size in bytes. */
  readonly size: number;
  /** True for sections without bytes in the file, such as `.bss`. */
  readonly nobits: boolean;
}

export interface SymbolInfo {
  readonly name: string;
  /** Address, or the plain number of an `equ`. Exact up to 2^64. */
  readonly value: bigint;
  /** Section the symbol lies in; undefined for plain numbers. */
  readonly section: string | undefined;
  readonly global: boolean;
}

/** Bytes that one source line produced. */
export interface LineInfo extends Location {
  /** Address assembled for, as a signed number. */
  readonly address: number;
  readonly length: number;
}

export interface Assembly {
  readonly format: OutputFormat;
  /** The whole image; empty when there are errors. */
  readonly bytes: Uint8Array;
  /** Address of the entry point: `_start` or `start`, else the start of the first section. */
  readonly entry: number;
  readonly sections: readonly SectionInfo[];
  readonly symbols: readonly SymbolInfo[];
  /** Sorted by address. */
  readonly lines: readonly LineInfo[];
  readonly errors: readonly AssemblyError[];
}

/** What is wrong with the statement being read. Caught once per statement, never leaves the assembler. */
export class SourceError extends Error {
  /** Column of the offending token, when known. */
  readonly column: number | undefined;

  constructor(message: string, column?: number) {
    super(message);
    this.column = column;
  }
}
