/** Status flags out of (kind, a, result) (isa/flags.ts): shared functions that derive them, and the flags of the CPU block. */
import type { FlagWriter, LibraryFunction, LibraryUser, Size } from '../../isa/definition.ts';
import {
  type FlagKind,
  flagKind,
  flagKindWithCarry,
  type SingleFlag,
  withSingles,
} from '../../isa/flag-kind.ts';
import {
  carryFlag,
  emitAuxiliaryOverflow,
  emitOverflow,
  emitZero,
  type FlagState,
  isZeroByResult,
  parityFlag,
  resultFlag,
  signFlag,
  statusBits,
} from '../../isa/flags.ts';
import { choose, type I32, type I64, i32, i64 } from '../../wasm/expression.ts';
import type { FunctionBuilder, Local } from '../../wasm/function.ts';
import { STATE } from '../state.ts';
import type { FlagAccess } from './site.ts';

/** (kind, a, result) -> 0 or 1, or bits */
const derived = (name: string, emit: (f: FunctionBuilder, s: FlagState) => void): LibraryFunction<'i32'> => ({
  name,
  params: ['i32', 'i64', 'i64'],
  result: 'i32',
  build: (f) => emit(f, { kind: f.param(1, 'i32'), a: f.param(2, 'i64'), result: f.param(3, 'i64') }),
});

const CARRY = derived('carry', (f, s) => {
  f.return(carryFlag(s));
  f.unreachable();
});
const OVERFLOW = derived('overflow', emitOverflow);
const ZERO = derived('zero', emitZero);
const AUXILIARY_OVERFLOW = derived('auxiliaryOverflow', emitAuxiliaryOverflow);

/** (kind, a, result) -> the six status flags at their RFLAGS positions */
const STATUS_BITS: LibraryFunction<'i32'> = {
  name: 'statusBits',
  params: ['i32', 'i64', 'i64'],
  result: 'i32',
  build: (f, use) => {
    const s = { kind: f.param(1, 'i32'), a: f.param(2, 'i64'), result: f.param(3, 'i64') };
    f.return(statusBits(f, s, use.library(AUXILIARY_OVERFLOW, s.kind, s.a, s.result)));
    f.unreachable();
  },
};

/** () -> RFLAGS of the CPU block */
export const RFLAGS: LibraryFunction<'i32'> = {
  name: 'rflags',
  params: [],
  result: 'i32',
  build: (f, use) => {
    const state = f.param(0, 'i32');
    f.return(rflagsOf(stateFlags(state), state, use));
    f.unreachable();
  },
};

const anyCarry = (s: FlagState, use: LibraryUser): I32 => use.library(CARRY, s.kind, s.a, s.result);
const overflowFlag = (s: FlagState, use: LibraryUser): I32 => use.library(OVERFLOW, s.kind, s.a, s.result);
const zeroFlag = (s: FlagState, use: LibraryUser): I32 =>
  choose(isZeroByResult(s), resultFlag(s, 'ZF'), use.library(ZERO, s.kind, s.a, s.result));
export const rflagsOf = (s: FlagState, state: I32, use: LibraryUser): I32 =>
  i32.or(use.library(STATUS_BITS, s.kind, s.a, s.result), i32.load(state, STATE.FLAG_SYSTEM));

/** Flags, 0 or 1 each, of which a condition takes what it needs. */
export interface Flags {
  carry(): I32;
  zero(): I32;
  sign(): I32;
  overflow(): I32;
  parity(): I32;
}

/** Flags of which nothing is known when the code is made. */
export const anyFlags = (s: FlagState, use: LibraryUser): Flags => ({
  carry: () => anyCarry(s, use),
  zero: () => zeroFlag(s, use),
  sign: () => signFlag(s),
  overflow: () => overflowFlag(s, use),
  parity: () => parityFlag(s),
});

/** Value (0 or 1) of a condition code. SDM volume 1, "Condition Codes". */
export function conditionCode(cc: number, flags: Flags): I32 {
  const positive = (): I32 => {
    switch (cc >> 1) {
      case 0:
        return flags.overflow();
      case 1:
        return flags.carry();
      case 2:
        return flags.zero();
      case 3:
        return i32.or(flags.carry(), flags.zero());
      case 4:
        return flags.sign();
      case 5:
        return flags.parity();
      case 6:
        return i32.xor(flags.sign(), flags.overflow());
      default:
        return i32.or(flags.zero(), i32.xor(flags.sign(), flags.overflow()));
    }
  };
  return (cc & 1) === 0 ? positive() : i32.eqz(positive());
}

const stateFlags = (state: I32): FlagState => ({
  kind: i32.load(state, STATE.FLAG_KIND),
  a: i64.load(state, STATE.FLAG_A),
  result: i64.load(state, STATE.FLAG_RESULT),
});

/** The flags of the CPU block. */
export function blockFlags(
  f: FunctionBuilder,
  state: Local<'i32'>,
  size: Size,
  use: LibraryUser,
): FlagAccess {
  const s = stateFlags(state);
  const keep: KeepFlags = {
    all({ kind, plus }, { a, result }) {
      f.store('i32', state, kindWord(kind, size, plus), STATE.FLAG_KIND);
      if (a) f.store('i64', state, a, STATE.FLAG_A);
      if (result) f.store('i64', state, result, STATE.FLAG_RESULT);
    },
    only: (flags) => f.store('i32', state, withSingles(s.kind, flags), STATE.FLAG_KIND),
  };
  const flags = anyFlags(s, use);
  return {
    writer: flagWriter(f, keep, flags.carry),
    carry: flags.carry,
    overflow: flags.overflow,
    condition: (cc) => conditionCode(cc, flags),
    rflags: () => rflagsOf(s, state, use),
  };
}

/** The kind with what is carried into ADD and SUB. */
export const kindWord = (kind: FlagKind, size: Size, plus: I32 | undefined): I32 =>
  plus && (kind === 'ADD' || kind === 'SUB')
    ? flagKindWithCarry(kind, size, plus)
    : i32.const(flagKind(kind, size));

/** How flags are kept. */
export interface KeepFlags {
  /**
   * Kind, operand and result; what is absent stays. `plus`: 1 makes ADD and SUB to ADC and SBB. `b` is the
   * subtrahend of SUB, where it is known.
   */
  all(
    kind: { readonly kind: FlagKind; readonly plus?: I32 },
    values: { readonly a?: I64; readonly result?: I64; readonly b?: I64 | undefined },
  ): void;
  /** These flags, the others as they are. */
  only(flags: readonly (readonly [SingleFlag, I32])[]): void;
}

/** A flag writer out of what keeps the flags and what derives the carry flag. */
export function flagWriter(f: FunctionBuilder, keep: KeepFlags, carry: () => I32): FlagWriter {
  const kept = (): Local<'i64'> => f.let(i64.extend_i32_u(carry()));
  return {
    add: (a, result) => keep.all({ kind: 'ADD' }, { a, result }),
    adc: (a, result, carry) => keep.all({ kind: 'ADD', plus: carry }, { a, result }),
    sub: (a, result, b) => keep.all({ kind: 'SUB' }, { a, result, b }),
    sbb: (a, result, borrow, b) => keep.all({ kind: 'SUB', plus: borrow }, { a, result, b }),
    logic: (result) => keep.all({ kind: 'LOGIC' }, { result }),
    inc: (result) => keep.all({ kind: 'INC' }, { a: kept(), result }),
    dec: (result) => keep.all({ kind: 'DEC' }, { a: kept(), result }),
    bits: (result, bits) => keep.all({ kind: 'BITS' }, { a: i64.extend_i32_u(bits), result }),
    raw: (bits) => keep.all({ kind: 'RAW' }, { a: i64.extend_i32_u(bits) }),
    only: (flags) => keep.only(Object.entries(flags) as [SingleFlag, I32][]),
  };
}
