/**
 * F2XM1, FYL2X, FYL2XP1, FPTAN, FPATAN, FSIN, FCOS, FSINCOS. SDM volume 2; volume 1, "Transcendental
 * Instructions". The functions themselves (functions/, and src/cpu/x87 for special operands) compute far
 * more bits than a register has; rounding is done here: to 64 bits, whatever precision control says.
 */
import { type I32, i32, i64 } from '../../wasm/expression.ts';
import type { Context, Instruction, LibraryFunction, Semantics } from '../definition.ts';
import { has, INTEGER_BIT, KIND, SLOT, slots } from '../float/workspace.ts';
import { QUICK_COSINE, QUICK_SINE, QUICK_TANGENT } from './functions/angles.ts';
import { QUICK_ARCTANGENT } from './functions/arctangent.ts';
import { QUICK_EXPONENTIAL } from './functions/exponential.ts';
import { NOT_HERE } from './functions/frame.ts';
import { QUICK_LOGARITHM, QUICK_LOGARITHM_1 } from './functions/logarithm.ts';
import { onRegisters } from './operands.ts';
import { operation } from './operation.ts';
import {
  deliver,
  INDEFINITE_RAW,
  isEmpty,
  type MutableRaw,
  named,
  perform,
  pop,
  type Raw,
  result,
  rotate,
  TOP,
  unpack,
  writeRaw,
} from './stack.ts';
import { FSW, SETTLE, STACK_OVERFLOW, setStatusWord, statusWord } from './status.ts';

/** Argument of the helper `transcendental`: from A (ST(0)) and B (ST(1)) to R and LOW, flags as the result. */
export const FUNCTION = {
  /** 2^A - 1 */
  F2XM1: 0,
  /** B * log2(A) */
  FYL2X: 1,
  /** B * log2(A + 1) */
  FYL2XP1: 2,
  /** The angle of the point (A, B) */
  FPATAN: 3,
  SIN: 4,
  COS: 5,
  TAN: 6,
} as const;

/** What computes most results; the helper does the others. */
const QUICK: Record<keyof typeof FUNCTION, LibraryFunction<'i32'>> = {
  F2XM1: QUICK_EXPONENTIAL,
  FYL2X: QUICK_LOGARITHM,
  FYL2XP1: QUICK_LOGARITHM_1,
  FPATAN: QUICK_ARCTANGENT,
  SIN: QUICK_SINE,
  COS: QUICK_COSINE,
  TAN: QUICK_TANGENT,
};

const computed = (name: keyof typeof FUNCTION, unary: boolean): LibraryFunction<'i32'> =>
  operation({
    name: name.toLowerCase(),
    unary,
    rounding: 'extended',
    compute: (f, use) => {
      const flags = f.let(use.library(QUICK[name]));
      f.if(i32.eq(flags, i32.const(NOT_HERE)), () =>
        f.set(flags, use.helper('transcendental', i32.const(FUNCTION[name]))),
      );
      return flags;
    },
  });

const F2XM1 = computed('F2XM1', true);
const SIN = computed('SIN', true);
const COS = computed('COS', true);
const TAN = computed('TAN', true);

/** F2XM1 replaces ST(0). */
const unary: Semantics = (c) => {
  perform(c, unpack(c, SLOT.A, TOP));
  perform(c, deliver(c, TOP, c.f.let(c.library(F2XM1))));
};

/** The result goes to ST(1), then the stack is popped. */
const binary = (name: 'FYL2X' | 'FYL2XP1' | 'FPATAN'): Semantics => {
  const fn = computed(name, false);
  return (c) => {
    const index = i32.const(1);
    perform(c, unpack(c, SLOT.A, TOP));
    perform(c, unpack(c, SLOT.B, index));
    c.f.if(deliver(c, index, c.f.let(c.library(fn))), () => pop(c.f, c.field(0)));
  };
};

const setC2 = (c: Context, set: boolean): void => {
  const state = c.field(0);
  const others = i32.and(statusWord(state), i32.const(0xffff & ~FSW.C2));
  setStatusWord(c.f, state, set ? i32.or(others, i32.const(FSW.C2)) : others);
};

/** Ends the instruction with C2 = 1 and nothing else when the angle in A is 2^63 or more. */
function endOutOfRange(c: Context): void {
  const { a } = slots(c.f, c.field(0));
  const outside = i32.and(has(a.kind, KIND.FINITE), i32.ge_s(a.exponent, i32.const(63)));
  c.f.if(outside, () => {
    perform(c, c.library(SETTLE, i32.const(0)));
    setC2(c, true);
    c.done();
  });
}

const angle =
  (fn: LibraryFunction<'i32'>): Semantics =>
  (c) => {
    perform(c, unpack(c, SLOT.A, TOP));
    endOutOfRange(c);
    setC2(c, false);
    perform(c, deliver(c, TOP, c.f.let(c.library(fn))));
  };

const ONE: Raw = { significand: i64.const(INTEGER_BIT), top: i32.const(0x3fff) };

/** Both results of FSINCOS and FPTAN: the first replaces ST(0), the second is pushed. */
interface Pair {
  readonly first: MutableRaw;
  readonly second: MutableRaw;
  readonly flags: I32;
}

/** `compute` finds the angle in A, a number or a NaN. Without room for the push there is no result, in range or not. */
const pair =
  (compute: (c: Context) => Pair): Semantics =>
  (c) => {
    const { f } = c;
    const state = c.field(0);
    const kind = f.let(unpack(c, SLOT.A, TOP));
    const full = f.let(i32.eqz(i32.or(isEmpty(state, i32.const(-1)), has(kind, KIND.EMPTY))));
    f.if(i32.eqz(full), () => endOutOfRange(c));
    setC2(c, false);
    const { first, second, flags } = compute(c);
    const settled = f.let(flags);
    f.if(full, () => {
      f.set(settled, i32.const(STACK_OVERFLOW));
      for (const value of [first, second]) {
        f.set(value.significand, INDEFINITE_RAW.significand);
        f.set(value.top, INDEFINITE_RAW.top);
      }
    });
    f.if(deliver(c, TOP, settled, first), () => {
      rotate(f, state, -1);
      writeRaw(f, state, TOP, second);
    });
  };

const sineAndCosine = pair((c) => {
  const cosineFlags = c.f.let(c.library(COS));
  const second = named(c.f, result(c));
  const sineFlags = c.f.let(c.library(SIN));
  return { first: named(c.f, result(c)), second, flags: i32.or(sineFlags, cosineFlags) };
});

/** The 1 that is pushed is a NaN when the tangent is one. */
const tangent = pair((c) => {
  const { f } = c;
  const flags = f.let(c.library(TAN));
  const first = named(f, result(c));
  const second = named(f, ONE);
  f.if(has(slots(f, c.field(0)).r.kind, KIND.NAN), () => {
    f.set(second.significand, first.significand);
    f.set(second.top, first.top);
  });
  return { first, second, flags };
});

export const transcendentals: readonly Instruction[] = [
  onRegisters('F2XM1', 'D9 F0', unary),
  onRegisters('FYL2X', 'D9 F1', binary('FYL2X')),
  onRegisters('FPTAN', 'D9 F2', tangent),
  onRegisters('FPATAN', 'D9 F3', binary('FPATAN')),
  onRegisters('FYL2XP1', 'D9 F9', binary('FYL2XP1')),
  onRegisters('FSINCOS', 'D9 FB', sineAndCosine),
  onRegisters('FSIN', 'D9 FE', angle(SIN)),
  onRegisters('FCOS', 'D9 FF', angle(COS)),
];
