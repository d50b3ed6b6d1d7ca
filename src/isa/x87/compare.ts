/** FCOM, FUCOM, FICOM, FCOMI, FUCOMI with their P forms, FTST, FXAM. SDM volume 2. */
import { FLAG } from '../../arch/registers.ts';
import { type I32, i32, i64, select } from '../../wasm/expression.ts';
import type { Context, Instruction, LibraryFunction, Semantics } from '../definition.ts';
import { COMPARE } from '../float/arithmetic.ts';
import { EXCEPTION, has, KIND, SLOT, slots } from '../float/workspace.ts';
import { onMemory, onRegisters, readMemory, SOURCE, type Source } from './operands.ts';
import { NO_NUMBER } from './operation.ts';
import { COMPARE_REGISTERS, COMPARE_WITH, ORDER_REGISTERS } from './ordinary/compare.ts';
import { perform, pop, readRaw, TOP, UNPACK_REGISTER, unpack } from './stack.ts';
import { CONDITION, FSW, SETTLE, STACK_UNDERFLOW, setStatusWord, statusWord } from './status.ts';

/** Condition codes of A against B. */
const ANSWER = { ABOVE: 0, BELOW: FSW.C0, EQUAL: FSW.C3, UNORDERED: CONDITION } as const;

/**
 * (quiet) -> flags and condition codes of comparing A with B. With `quiet`, QNaNs are merely unordered.
 */
const COMPARE_NUMBERS: LibraryFunction<'i32'> = {
  name: 'compareNumbers',
  params: ['i32'],
  result: 'i32',
  build: (f, use) => {
    const { a, b } = slots(f);
    const kinds = f.let(i32.or(a.kind, b.kind));
    f.if(has(kinds, NO_NUMBER), () => {
      const flags = f.let(i32.const(ANSWER.UNORDERED | EXCEPTION.INVALID));
      f.if(i32.and(f.param(1, 'i32'), i32.eqz(has(kinds, KIND.SIGNALING | KIND.UNSUPPORTED))), () =>
        f.set(flags, i32.const(ANSWER.UNORDERED)),
      );
      f.if(has(kinds, KIND.EMPTY), () => f.set(flags, i32.const(ANSWER.UNORDERED | STACK_UNDERFLOW)));
      f.return(flags);
    });
    const order = f.let(use.library(COMPARE));
    const denormal = select(has(kinds, KIND.DENORMAL), i32.const(EXCEPTION.DENORMAL), i32.const(0));
    const unequal = select(i32.lt_s(order, i32.const(0)), i32.const(ANSWER.BELOW), i32.const(ANSWER.ABOVE));
    f.return(i32.or(denormal, select(order, unequal, i32.const(ANSWER.EQUAL))));
    f.unreachable();
  },
};

const setConditions = (c: Context, conditions: I32): void => {
  const state = c.field(0);
  const kept = i32.and(statusWord(state), i32.const(0xffff & ~CONDITION));
  setStatusWord(c.f, state, i32.or(kept, i32.and(conditions, i32.const(CONDITION))));
};

/** Pops unless an exception of `answer` is unmasked. */
function settleAndPop(c: Context, answer: I32, pops: number): void {
  const unmasked = c.library(SETTLE, answer);
  if (pops === 0) perform(c, unmasked);
  else c.f.if(i32.eqz(unmasked), () => popAll(c, pops));
}

function popAll(c: Context, pops: number): void {
  for (let i = 0; i < pops; i++) pop(c.f, c.field(0));
}

/** Ordinary operands first: `quick` is 1 when it has done everything. */
const otherwise = (c: Context, quick: I32, any: () => void): void => c.f.ifUnlikely(i32.eqz(quick), any);

/** Compares A with B; the answer goes to the status word, also when an exception is unmasked. */
function compare(c: Context, quiet: boolean, pops: number): void {
  const answer = c.f.let(c.library(COMPARE_NUMBERS, i32.const(quiet ? 1 : 0)));
  setConditions(c, answer);
  settleAndPop(c, answer, pops);
}

interface Manner {
  readonly quiet?: boolean;
  readonly pops?: number;
}

const withRegister =
  ({ quiet = false, pops = 0 }: Manner, index?: number): Semantics =>
  (c) => {
    const other = index === undefined ? c.f.let(c.stackIndex()) : i32.const(index);
    otherwise(c, c.library(COMPARE_REGISTERS, other, i32.const(pops)), () => {
      perform(c, unpack(c, SLOT.A, TOP));
      perform(c, unpack(c, SLOT.B, other));
      compare(c, quiet, pops);
    });
  };

const withMemory =
  (source: Source, pops: number): Semantics =>
  (c) => {
    const bits = readMemory(c);
    otherwise(c, c.library(COMPARE_WITH[source.format], bits, i32.const(pops)), () => {
      perform(c, c.library(source.unpack, i32.const(SLOT.B), bits));
      perform(c, unpack(c, SLOT.A, TOP));
      compare(c, false, pops);
    });
  };

/** ZF, PF, CF stand in RFLAGS as C3, C2, C0 stand in the high byte of the status word. */
const toRflags = (answer: I32): I32 =>
  i32.and(i32.shr_u(answer, i32.const(8)), i32.const(FLAG.ZF | FLAG.PF | FLAG.CF));

const toFlags =
  ({ quiet = false, pops = 0 }: Manner): Semantics =>
  (c) => {
    const { f } = c;
    const index = f.let(c.stackIndex());
    const answer = f.let(c.library(ORDER_REGISTERS, index, i32.const(pops)));
    f.if(i32.lt_s(answer, i32.const(0)), () => {
      perform(c, unpack(c, SLOT.A, TOP));
      perform(c, unpack(c, SLOT.B, index));
      f.set(answer, c.library(COMPARE_NUMBERS, i32.const(quiet ? 1 : 0)));
      // C1 changes only with a stack underflow.
      const c1 = i32.and(statusWord(c.field(0)), i32.const(FSW.C1));
      const kept = select(has(answer, EXCEPTION.STACK_FAULT), i32.const(0), c1);
      settleAndPop(c, i32.or(answer, kept), pops);
    });
    c.flags.raw(toRflags(answer));
  };

const test: Semantics = (c) => {
  otherwise(c, c.library(COMPARE_WITH.integer, i64.const(0), i32.const(0)), () => {
    perform(c, unpack(c, SLOT.A, TOP));
    slots(c.f, c.field(0)).b.setZero(i32.const(0));
    compare(c, false, 0);
  });
};

/** Classes of FXAM by kind. */
const CLASSES: readonly (readonly [kind: number, conditions: number])[] = [
  [KIND.EMPTY, FSW.C3 | FSW.C0],
  [KIND.UNSUPPORTED, 0],
  [KIND.NAN, FSW.C0],
  [KIND.INFINITE, FSW.C2 | FSW.C0],
  [KIND.ZERO, FSW.C3],
  [KIND.DENORMAL, FSW.C3 | FSW.C2],
];
const NORMAL = FSW.C2;

/** C1 is the sign of the register's contents, even of an empty one. */
const examine: Semantics = (c) => {
  const { f } = c;
  const state = c.field(0);
  const kind = f.let(c.library(UNPACK_REGISTER, i32.const(SLOT.A), TOP));
  const conditions = CLASSES.reduceRight<I32>(
    (others, [mask, answer]) => select(has(kind, mask), i32.const(answer), others),
    i32.const(NORMAL),
  );
  const sign = i32.shr_u(readRaw(f, state, TOP).top, i32.const(15));
  const kept = i32.and(statusWord(state), i32.const(0xffff & ~(CONDITION | FSW.C1)));
  setStatusWord(f, state, i32.or(kept, i32.or(conditions, i32.mul(sign, i32.const(FSW.C1)))));
};

const alias = { variant: 'alias' };
const cmov = { feature: 'cmov' };

export const comparisons: readonly Instruction[] = [
  onMemory('FCOM', 'D8 /2', 'Md', withMemory(SOURCE.SINGLE, 0)),
  onMemory('FCOMP', 'D8 /3', 'Md', withMemory(SOURCE.SINGLE, 1)),
  onMemory('FCOM', 'DC /2', 'Mq', withMemory(SOURCE.DOUBLE, 0)),
  onMemory('FCOMP', 'DC /3', 'Mq', withMemory(SOURCE.DOUBLE, 1)),
  onMemory('FICOM', 'DA /2', 'Md', withMemory(SOURCE.DWORD, 0)),
  onMemory('FICOMP', 'DA /3', 'Md', withMemory(SOURCE.DWORD, 1)),
  onMemory('FICOM', 'DE /2', 'Mw', withMemory(SOURCE.WORD, 0)),
  onMemory('FICOMP', 'DE /3', 'Mw', withMemory(SOURCE.WORD, 1)),
  onRegisters('FCOM', 'D8 /2', withRegister({})),
  onRegisters('FCOMP', 'D8 /3', withRegister({ pops: 1 })),
  onRegisters('FCOMPP', 'DE D9', withRegister({ pops: 2 }, 1)),
  onRegisters('FUCOM', 'DD /4', withRegister({ quiet: true })),
  onRegisters('FUCOMP', 'DD /5', withRegister({ quiet: true, pops: 1 })),
  onRegisters('FUCOMPP', 'DA E9', withRegister({ quiet: true, pops: 2 }, 1)),
  onRegisters('FCOMI', 'DB /6', toFlags({}), cmov),
  onRegisters('FCOMIP', 'DF /6', toFlags({ pops: 1 }), cmov),
  onRegisters('FUCOMI', 'DB /5', toFlags({ quiet: true }), cmov),
  onRegisters('FUCOMIP', 'DF /5', toFlags({ quiet: true, pops: 1 }), cmov),
  onRegisters('FTST', 'D9 E4', test),
  onRegisters('FXAM', 'D9 E5', examine),
  // Encodings that the manuals leave out and processors treat as FCOM and FCOMP.
  onRegisters('FCOM', 'DC /2', withRegister({}), alias),
  onRegisters('FCOMP', 'DC /3', withRegister({ pops: 1 }), alias),
  onRegisters('FCOMP', 'DE /2', withRegister({ pops: 1 }), alias),
];
