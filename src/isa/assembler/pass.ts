/** One pass over the source: executes statements, advances location counters, defines symbols. */

import { assembleCached, type InstructionCache } from './cache.ts';
import { DEFINE, defineData, RESERVE } from './data.ts';
import { directive, equate } from './directives.ts';
import { expression, type Scope, TokenReader } from './expression.ts';
import { operands } from './operands.ts';
import type { Line, Place } from './preprocessor.ts';
import { Section } from './sections.ts';
import { takeKeyword, takeLabel, takePrefixes } from './statement.ts';
import { Structures } from './structures.ts';
import type { SymbolTable } from './symbols.ts';
import { type AssemblyError, type Bits, SourceError } from './types.ts';
import { isScalar, scalar, termValue, type Value } from './value.ts';

/** Bytes that a line put into a section. */
export interface Produced {
  readonly section: Section;
  readonly offset: number;
  readonly length: number;
  readonly line: Line;
}

/** What outlives a pass. */
export interface Program {
  readonly sections: Map<string, Section>;
  readonly symbols: SymbolTable;
  readonly alignments: Map<Section, number>;
  readonly cache: InstructionCache;
}

const SPECIAL_LABEL = /^\.\.@/;
/** Symbols of the bin format: where a section is loaded, and what it was assembled for. */
const SECTION_SYMBOL = /^section\.(.+)\.(start|vstart)$/;

export class Pass {
  readonly sections: Map<string, Section>;
  readonly globals = new Set<string>();
  readonly errors: AssemblyError[] = [];
  readonly produced: Produced[] = [];
  bits: Bits;
  origin = 0;
  defaultRelative = false;
  private readonly program: Program;
  private section: Section;
  /** The section that `__SECT__` goes back to. */
  lasting: Section;
  /** The present line is the primitive form of a directive, such as `[section .data]`. */
  bracketed = false;
  /** Location counter of `absolute` and `struc`; undefined inside a section. */
  private absolute: bigint | undefined;
  readonly structures: Structures;
  /** The label that `.local` names belong to. */
  private parent = '';
  private statementStart: Value = scalar(0n);

  constructor(program: Program, bits: Bits) {
    this.program = program;
    this.sections = program.sections;
    this.bits = bits;
    this.section = this.sections.get('.text') ?? new Section('.text', false, 1);
    this.lasting = this.section;
    this.sections.set('.text', this.section);
    program.symbols.beginPass();
    this.structures = new Structures(this, program.symbols);
  }

  readonly scope: Scope = {
    symbol: (name, column) =>
      this.sectionSymbol(name) ?? this.program.symbols.lookup(this.fullName(name), column),
    here: () => this.statementStart,
    sectionStart: () => (this.absolute === undefined ? termValue(this.section) : scalar(0n)),
  };

  /** Where the statement stands in its line, behind the label: for errors that name no token. */
  private statementColumn: number | undefined;

  /** Executes one line; what is wrong with it is added to `errors`. */
  line(line: Line): void {
    const { section } = this;
    const offset = section.offset;
    this.bracketed = line.tokens[0]?.text === '[' && line.tokens.at(-1)?.text === ']';
    const reader = new TokenReader(this.bracketed ? line.tokens.slice(1, -1) : line.tokens);
    this.statementColumn = reader.tokens[0]?.column;
    try {
      this.statement(reader, true);
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      this.report(error, line, this.statementColumn);
    }
    this.statementStart = this.here(); // what `$` means to the preprocessor on the next lines
    const length = section.offset - offset;
    if (length > 0 && !section.nobits) this.produced.push({ section, offset, length, line });
  }

  report(error: SourceError, { location, useColumn, context }: Place, statementColumn = 1): void {
    const column = error.column ?? statementColumn;
    const { message } = error;
    if (useColumn === undefined) this.errors.push({ ...location, column, message, context });
    else {
      // The column is one of the innermost macro's line.
      const inner = context.map((one, i) => (i === context.length - 1 ? { ...one, column } : one));
      this.errors.push({ ...location, column: useColumn, message, context: inner });
    }
  }

  /** Executes the statement at the reader. With `effective` false it is only checked. */
  statement(reader: TokenReader, effective: boolean): void {
    this.statementStart = this.here();
    const label = takeLabel(reader);
    const word = reader.peek();
    if (word !== undefined) this.statementColumn = word.column;
    if (label !== undefined && word?.kind === 'id' && word.text.toLowerCase() === 'equ') {
      reader.at++;
      this.defineLabel(label.text, equate(reader, this), label.column);
      return;
    }
    if (label !== undefined) this.defineLabel(label.text, this.statementStart, label.column);
    if (word === undefined) return;
    const count = this.times(reader);
    const before = reader.at;
    for (let i = 0; i < count; i++) {
      reader.at = before;
      const bytes = this.bytesOf(reader);
      if (bytes === undefined) continue;
      // Data is the same each time; only instructions may depend on their own address.
      if (bytes.repeatable && count > 1) {
        this.appendRepeated(bytes, count, effective);
        return;
      }
      if (effective) this.emit(bytes);
    }
  }

  private times(reader: TokenReader): number {
    let count = 1;
    while (reader.acceptWord('times')) {
      const column = reader.column();
      const value = expression(reader, this.scope);
      if (value.unknown || !isScalar(value))
        throw new SourceError('the count of times must be a number known at this line', column);
      if (value.n < 0n) throw new SourceError(`the count of times is negative: ${value.n}`, column);
      if (value.n > 1n << 32n) throw new SourceError(`the count of times is too large: ${value.n}`, column);
      count = Number(value.n); // of several the last counts
    }
    return count;
  }

  private bytesOf(reader: TokenReader): Emission | undefined {
    const prefixes = takePrefixes(reader);
    const plain =
      prefixes.bytes.length === 0 &&
      prefixes.operandSize === undefined &&
      prefixes.addressSize === undefined &&
      prefixes.segment === 0;
    if (!plain && reader.peek() === undefined) {
      // A prefix on a line of its own is emitted as it is.
      return { repeatable: true, bytes: Uint8Array.from(prefixes.bytes) };
    }
    const column = reader.column();
    const word = takeKeyword(reader);
    if (plain && Object.hasOwn(DEFINE, word))
      return { repeatable: true, bytes: defineData(reader, this.scope, DEFINE[word]) };
    if (plain && Object.hasOwn(RESERVE, word)) {
      const value = expression(reader, this.scope);
      reader.expectEnd();
      if (value.unknown || !isScalar(value) || value.n < 0n)
        throw new SourceError(`${word} needs a count known at this line, not negative`, column);
      return { repeatable: true, reserve: Number(value.n) * RESERVE[word] };
    }
    if (plain && directive(word, reader, this)) return undefined;
    const list = operands(reader, {
      scope: this.scope,
      bits: this.bits,
      defaultRelative: this.defaultRelative,
    });
    const here = this.here();
    return {
      repeatable: false,
      bytes: assembleCached(
        this.program.cache,
        { mnemonic: word, operands: list, prefixes },
        this.bits,
        here,
      ),
    };
  }

  private emit(e: Emission): void {
    if (e.bytes) this.append(e.bytes);
    if (e.reserve) this.reserve(e.reserve);
  }

  private appendRepeated(e: Emission, count: number, effective: boolean): void {
    if (!effective) return;
    if (e.reserve !== undefined) this.reserve(e.reserve * count);
    if (e.bytes === undefined) return;
    if (e.bytes.length * count > 1 << 28)
      throw new SourceError(`times makes ${e.bytes.length * count} bytes, which is too much`);
    const all = new Uint8Array(e.bytes.length * count);
    for (let i = 0; i < count; i++) all.set(e.bytes, i * e.bytes.length);
    this.append(all);
  }

  // Locations

  private here(): Value {
    return this.absolute === undefined
      ? termValue(this.section, BigInt(this.section.offset))
      : scalar(this.absolute);
  }

  get offset(): number {
    return this.absolute === undefined ? this.section.offset : Number(this.absolute);
  }

  get nobits(): boolean {
    return this.absolute !== undefined || this.section.nobits;
  }

  append(bytes: Uint8Array): void {
    if (this.absolute === undefined) this.section.append(bytes);
    else if (bytes.length > 0)
      throw new SourceError('only resb and its kin can stand behind absolute or struc');
  }

  reserve(length: number): void {
    if (this.absolute === undefined) this.section.reserve(length);
    else this.absolute += BigInt(length);
  }

  enter(section: Section): void {
    this.section = section;
    this.absolute = undefined;
  }

  /** From here on labels are plain numbers and nothing is stored (`absolute`, `struc`); undefined ends that. */
  enterAbsolute(address: bigint | undefined): void {
    this.absolute = address;
  }

  alignOf(section: Section): number {
    return this.program.alignments.get(section) ?? 1;
  }

  /** `align` inside a section raises the alignment of the section itself. */
  raiseAlignment(boundary: number): void {
    if (this.absolute !== undefined) return;
    this.program.alignments.set(this.section, Math.max(boundary, this.alignOf(this.section)));
    this.section.align = Math.max(boundary, this.section.align);
  }

  // Symbols

  private sectionSymbol(name: string): Value | undefined {
    const m = SECTION_SYMBOL.exec(name);
    const section = m ? this.sections.get(m[1]) : undefined;
    if (m === null || section === undefined) return undefined;
    return termValue(m[2] === 'start' ? section.load : section);
  }

  private fullName(name: string): string {
    return name.startsWith('.') && !name.startsWith('..') ? this.parent + name : name;
  }

  /** Evaluates with `.name` meaning a part of `parent`. */
  within<T>(parent: string, evaluate: () => T): T {
    const before = this.parent;
    this.parent = parent;
    try {
      return evaluate();
    } finally {
      this.parent = before;
    }
  }

  defineLabel(text: string, value: Value, column: number): void {
    const name = text.replace(/^\$/, '');
    this.program.symbols.define(this.fullName(name), value, column);
    if (!name.startsWith('.') && !SPECIAL_LABEL.test(name)) this.parent = name;
  }
}

interface Emission {
  readonly bytes?: Uint8Array;
  readonly reserve?: number;
  readonly repeatable: boolean;
}
