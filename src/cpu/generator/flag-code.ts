/** Status flags out of (kind, a, result) (isa/flags.ts): shared functions that derive them, and the flags of the CPU block. */
import { FLAG } from '../../arch/registers.ts';
import type { FlagWriter, LibraryFunction, LibraryUser, Size } from '../../isa/definition.ts';
import {
  emitAuxiliary,
  emitCarry,
  emitOverflow,
  type FlagKind,
  type FlagState,
  flagKind,
  parityFlag,
  signFlag,
  zeroFlag,
} from '../../isa/flags.ts';
import { type I32, type I64, i32, i64 } from '../../wasm/expression.ts';
import type { FunctionBuilder, Local } from '../../wasm/function.ts';
import { STATE } from '../state.ts';
import type { FlagAccess } from './site.ts';

/** (kind, a, result) -> 0 or 1 */
const derived = (name: string, emit: (f: FunctionBuilder, s: FlagState) => void): LibraryFunction<'i32'> => ({
  name,
  params: ['i32', 'i64', 'i64'],
  result: 'i32',
  build: (f) => emit(f, { kind: f.param(1, 'i32'), a: f.param(2, 'i64'), result: f.param(3, 'i64') }),
});

const CARRY = derived('carry', emitCarry);
const OVERFLOW = derived('overflow', emitOverflow);
const AUXILIARY = derived('auxiliary', emitAuxiliary);

/** (kind, a, result) -> the six status flags at their RFLAGS positions */
const STATUS_BITS: LibraryFunction<'i32'> = {
  name: 'statusBits',
  params: ['i32', 'i64', 'i64'],
  result: 'i32',
  build: (f, use) => {
    const s = { kind: f.param(1, 'i32'), a: f.param(2, 'i64'), result: f.param(3, 'i64') };
    const at = (flag: I32, mask: number): I32 => i32.shl(flag, i32.const(31 - Math.clz32(mask)));
    const parts = [
      carryFlag(s, use),
      at(parityFlag(s), FLAG.PF),
      at(use.library(AUXILIARY, s.kind, s.a, s.result), FLAG.AF),
      at(zeroFlag(s), FLAG.ZF),
      at(signFlag(s), FLAG.SF),
      at(overflowFlag(s, use), FLAG.OF),
    ];
    f.return(parts.reduce((a, b) => i32.or(a, b)));
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

export const carryFlag = (s: FlagState, use: LibraryUser): I32 => use.library(CARRY, s.kind, s.a, s.result);
export const overflowFlag = (s: FlagState, use: LibraryUser): I32 =>
  use.library(OVERFLOW, s.kind, s.a, s.result);
export const rflagsOf = (s: FlagState, state: I32, use: LibraryUser): I32 =>
  i32.or(use.library(STATUS_BITS, s.kind, s.a, s.result), i32.load(state, STATE.FLAG_SYSTEM));

/** Value (0 or 1) of a condition code. SDM volume 1, "Condition Codes". */
export function conditionCode(cc: number, s: FlagState, use: LibraryUser): I32 {
  const positive = (): I32 => {
    switch (cc >> 1) {
      case 0:
        return overflowFlag(s, use);
      case 1:
        return carryFlag(s, use);
      case 2:
        return zeroFlag(s);
      case 3:
        return i32.or(carryFlag(s, use), zeroFlag(s));
      case 4:
        return signFlag(s);
      case 5:
        return parityFlag(s);
      case 6:
        return i32.xor(signFlag(s), overflowFlag(s, use));
      default:
        return i32.or(zeroFlag(s), i32.xor(signFlag(s), overflowFlag(s, use)));
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
  const store: StoreFlags = ({ kind, plus }, { a, result }) => {
    const base = i32.const(flagKind(kind, size));
    f.store('i32', state, plus ? i32.add(base, i32.shl(plus, i32.const(2))) : base, STATE.FLAG_KIND);
    if (a) f.store('i64', state, a, STATE.FLAG_A);
    if (result) f.store('i64', state, result, STATE.FLAG_RESULT);
  };
  return {
    writer: flagWriter(f, store, () => carryFlag(s, use)),
    carry: () => carryFlag(s, use),
    overflow: () => overflowFlag(s, use),
    condition: (cc) => conditionCode(cc, s, use),
    rflags: () => rflagsOf(s, state, use),
  };
}

/**
 * Keeps kind, operand and result; what is absent stays. `plus`: 1 makes ADD and SUB to ADC and SBB. `b` is
 * the subtrahend of SUB, where it is known.
 */
export type StoreFlags = (
  kind: { readonly kind: FlagKind; readonly plus?: I32 },
  values: { readonly a?: I64; readonly result?: I64; readonly b?: I64 | undefined },
) => void;

/** A flag writer out of what keeps the flags and what derives the carry flag. */
export function flagWriter(f: FunctionBuilder, store: StoreFlags, carry: () => I32): FlagWriter {
  const kept = (): Local<'i64'> => f.let(i64.extend_i32_u(carry()));
  return {
    add: (a, result) => store({ kind: 'ADD' }, { a, result }),
    adc: (a, result, carry) => store({ kind: 'ADD', plus: carry }, { a, result }),
    sub: (a, result, b) => store({ kind: 'SUB' }, { a, result, b }),
    sbb: (a, result, borrow) => store({ kind: 'SUB', plus: borrow }, { a, result }),
    logic: (result) => store({ kind: 'LOGIC' }, { result }),
    inc: (result) => store({ kind: 'INC' }, { a: kept(), result }),
    dec: (result) => store({ kind: 'DEC' }, { a: kept(), result }),
    bits: (result, bits) => store({ kind: 'BITS' }, { a: i64.extend_i32_u(bits), result }),
    raw: (bits) => store({ kind: 'RAW' }, { a: i64.extend_i32_u(bits) }),
  };
}
