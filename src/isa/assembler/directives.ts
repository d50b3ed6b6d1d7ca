/** Directives of the assembler (NASM manual, "Assembler Directives" and the bin format's extensions). */
import { expression, type TokenReader } from './expression.ts';
import type { Pass } from './pass.ts';
import { Section } from './sections.ts';
import { type Bits, SourceError } from './types.ts';
import { isScalar, scalar } from './value.ts';

function constant(reader: TokenReader, pass: Pass, what: string): bigint {
  const column = reader.column();
  const value = expression(reader, pass.scope);
  if (!isScalar(value) || value.unknown)
    throw new SourceError(`${what} must be a number known at this line`, column);
  return value.n;
}

function powerOfTwo(reader: TokenReader, pass: Pass): number {
  const column = reader.column();
  const n = Number(constant(reader, pass, 'the alignment'));
  if (n < 1 || n > 1 << 30 || (n & (n - 1)) !== 0)
    throw new SourceError(`the alignment ${n} is not a power of two`, column);
  return n;
}

function setBits(pass: Pass, n: number, column: number): void {
  if (n !== 16 && n !== 32 && n !== 64) throw new SourceError('bits takes 16, 32 or 64', column);
  pass.bits = n as Bits;
}

function bits(reader: TokenReader, pass: Pass): void {
  const column = reader.column();
  setBits(pass, Number(constant(reader, pass, 'bits')), column);
  reader.expectEnd();
}

/** Attributes that sections of these names start with; others are like `.data`. */
const NOBITS = /^\.bss/;

function section(reader: TokenReader, pass: Pass): void {
  const name = reader.next('the name of the section').text;
  let target = pass.sections.get(name);
  if (target === undefined) {
    target = new Section(name, NOBITS.test(name), 4);
    pass.sections.set(name, target);
  }
  while (reader.peek()) {
    const token = reader.next('an attribute');
    const word = token.text.toLowerCase();
    if (word === 'nobits') target.nobits = true;
    else if (word === 'progbits') target.nobits = false;
    else if (['exec', 'noexec', 'write', 'nowrite', 'alloc', 'noalloc'].includes(word)) continue;
    else if (word === 'follows' || word === 'vfollows') {
      reader.expect('=');
      target[word] = reader.next('the name of a section').text;
    } else if (['align', 'start', 'vstart'].includes(word)) {
      reader.expect('=');
      if (word === 'align') target.align = Math.max(powerOfTwo(reader, pass), pass.alignOf(target));
      else target[word as 'start' | 'vstart'] = Number(constant(reader, pass, word));
    } else
      throw new SourceError(
        `unknown attribute '${token.text}' of a section (known: align=, start=, vstart=, follows=, vfollows=, progbits, nobits)`,
        token.column,
      );
  }
  // `section` stays in force for `__SECT__`; its primitive form in brackets is a detour (NASM manual, "The
  // __SECT__ Macro").
  if (!pass.bracketed) pass.lasting = target;
  pass.enter(target);
}

/** `align n [, statement]` fills with NOPs or the statement, `alignb` reserves. */
function align(reader: TokenReader, pass: Pass, fill: string): void {
  const boundary = powerOfTwo(reader, pass);
  const offset = pass.offset;
  const padding = (boundary - (offset % boundary)) % boundary;
  pass.raiseAlignment(boundary);
  if (reader.accept(',')) {
    const start = reader.at;
    for (let i = 0; i < Math.max(padding, 1); i++) {
      reader.at = start;
      pass.statement(reader, padding > 0);
    }
    return;
  }
  reader.expectEnd();
  if (fill === 'align' && !pass.nobits) pass.append(new Uint8Array(padding).fill(0x90));
  else pass.reserve(padding);
}

function names(reader: TokenReader, each: (name: string) => void): void {
  do {
    const token = reader.next('a symbol');
    if (token.kind !== 'id') throw new SourceError(`'${token.text}' is not a symbol`, token.column);
    each(token.text);
    if (reader.accept(':')) while (reader.peek() && !reader.is(',')) reader.at++; // type and size do not matter here
  } while (reader.accept(','));
  reader.expectEnd();
}

function defaults(reader: TokenReader, pass: Pass): void {
  do {
    const token = reader.next('rel or abs');
    const word = token.text.toLowerCase();
    if (word === 'rel' || word === 'abs') pass.defaultRelative = word === 'rel';
    else throw new SourceError(`default takes rel or abs, not '${token.text}'`, token.column);
  } while (reader.accept(','));
}

function structure(reader: TokenReader, pass: Pass): void {
  const name = reader.next('the name of the structure').text;
  const start = reader.accept(',') ? constant(reader, pass, 'the start offset') : 0n;
  reader.expectEnd();
  pass.structures.begin(name, start);
}

type Directive = (reader: TokenReader, pass: Pass) => void;

const refuse =
  (message: string): Directive =>
  () => {
    throw new SourceError(message);
  };

/** What changes no bytes here. */
const skip: Directive = (reader) => {
  reader.at = reader.tokens.length;
};

const TABLE: Readonly<Record<string, Directive>> = {
  bits,
  use16: (_, pass) => setBits(pass, 16, 1),
  use32: (_, pass) => setBits(pass, 32, 1),
  use64: (_, pass) => setBits(pass, 64, 1),
  org: (reader, pass) => {
    pass.origin = Number(constant(reader, pass, 'org'));
    reader.expectEnd();
  },
  section,
  segment: section,
  __sect__: (_, pass) => pass.enter(pass.lasting),
  absolute: (reader, pass) => pass.enterAbsolute(constant(reader, pass, 'absolute')),
  align: (reader, pass) => align(reader, pass, 'align'),
  alignb: (reader, pass) => align(reader, pass, 'alignb'),
  global: (reader, pass) => names(reader, (name) => pass.globals.add(name)),
  static: (reader) => names(reader, () => {}),
  extern: refuse('extern: nothing is linked here; put everything into one source or %include it'),
  required: refuse('required: nothing is linked here; put everything into one source or %include it'),
  common: refuse('common: nothing is linked here; use resb in section .bss'),
  incbin: refuse('incbin is not supported: write the bytes with db'),
  default: defaults,
  cpu: skip,
  float: skip,
  warning: skip,
  sectalign: skip,
  list: skip,
  struc: structure,
  endstruc: (_, pass) => pass.structures.end(),
  istruc: (reader, pass) => pass.structures.beginInstance(reader.next('the name of the structure').text),
  at: (reader, pass) => {
    const field = pass.within(pass.structures.instanceName, () => expression(reader, pass.scope));
    pass.structures.fill(Number(field.n));
    if (reader.accept(',')) pass.statement(reader, true);
  },
  iend: (_, pass) => pass.structures.endInstance(),
};

/** Carries out a directive; false when the word is none. */
export function directive(word: string, reader: TokenReader, pass: Pass): boolean {
  if (!Object.hasOwn(TABLE, word)) return false;
  TABLE[word](reader, pass);
  return true;
}

/** `name equ expression`. */
export function equate(reader: TokenReader, pass: Pass) {
  const value = expression(reader, pass.scope);
  reader.expectEnd();
  for (const term of value.terms.keys())
    if ('iced' in term) throw new SourceError('equ cannot name a register; use %define');
  return value.unknown ? { ...scalar(value.n, true), terms: value.terms } : value;
}
