/**
 * Lazy status flags. An arithmetic instruction leaves (kind, a, result) in the CPU block, both
 * values sign-extended from its operand size; the flags are derived when something asks.
 *
 * Sign extension keeps signed and unsigned order, so CF, ZF, SF and PF need no size; only OF does,
 * and the size is part of the kind: kind = FLAG_KIND.x * 4 + log2(bytes).
 */
import { FLAG } from '../arch/registers.ts';
import { choose, type I32, type I64, i32, i64 } from '../wasm/expression.ts';
import type { FunctionBuilder } from '../wasm/function.ts';

export const FLAG_KIND = {
  /** `a` holds the six flags at their RFLAGS positions. */
  RAW: 0,
  /** result = a + b */
  ADD: 1,
  /** result = a + b + 1 */
  ADC: 2,
  /** result = a - b */
  SUB: 3,
  /** result = a - b - 1 */
  SBB: 4,
  /** CF = AF = OF = 0 */
  LOGIC: 5,
  /** `a` holds the kept CF */
  INC: 6,
  DEC: 7,
  /** `a` holds CF, AF and OF at their RFLAGS positions; the others come from the result. */
  BITS: 8,
} as const;

/** What the flag functions read. */
export interface FlagState {
  readonly kind: I32;
  readonly a: I64;
  readonly result: I64;
}

const bit = (value: I64, shift: I64): I32 => i32.and(i32.wrap_i64(i64.shr_u(value, shift)), i32.const(1));
const rawBit = (a: I64, flag: number): I32 =>
  i32.and(i32.shr_u(i32.wrap_i64(a), i32.const(31 - Math.clz32(flag))), i32.const(1));

export type FlagKind = keyof typeof FLAG_KIND;

/** A flag (0 or 1) by the kind; 0 for the kinds that are not there. */
type FlagCases = Partial<Record<FlagKind, I32>>;

/** Bodies of functions of (kind, a, result) that return 0 or 1, by a switch over the kind. */
function byKind(f: FunctionBuilder, s: FlagState, cases: FlagCases): void {
  const names = Object.keys(FLAG_KIND) as FlagKind[];
  const open = (i: number): void => {
    if (i === names.length) {
      f.block((dispatch) => openDispatch(dispatch.depth));
      return;
    }
    f.block(() => open(i + 1));
    f.return(cases[names[names.length - 1 - i]] ?? i32.const(0));
  };
  const openDispatch = (depth: number): void => {
    const labels = names.map((_, i) => ({ depth: depth - 1 - i }));
    f.brTable(i32.shr_u(s.kind, i32.const(2)), labels, labels[0]);
  };
  open(0);
  f.unreachable();
}

export const emitCarry = (f: FunctionBuilder, s: FlagState): void => byKind(f, s, carryCases(s));
export const emitOverflow = (f: FunctionBuilder, s: FlagState): void => byKind(f, s, overflowCases(s));
export const emitAuxiliary = (f: FunctionBuilder, s: FlagState): void => byKind(f, s, auxiliaryCases(s));

export function carryCases(s: FlagState): FlagCases {
  const { a, result } = s;
  const b = i64.sub(a, result);
  // Borrow out of the operand's top bit: (~a & b) | (~(a ^ b) & result), read at the size's sign bit.
  const borrow = (subtrahend: I64): I32 => {
    const notA = i64.xor(a, i64.const(-1));
    const same = i64.xor(i64.xor(a, subtrahend), i64.const(-1));
    return bit(i64.or(i64.and(notA, subtrahend), i64.and(same, result)), signShift(s.kind));
  };
  return {
    RAW: rawBit(a, FLAG.CF),
    ADD: i64.lt_u(result, a),
    ADC: i64.le_u(result, a),
    SUB: borrow(b),
    SBB: borrow(i64.sub(b, i64.const(1))),
    INC: rawBit(a, FLAG.CF),
    DEC: rawBit(a, FLAG.CF),
    BITS: rawBit(a, FLAG.CF),
  };
}

export function overflowCases(s: FlagState): FlagCases {
  const { a, result } = s;
  const shift = signShift(s.kind);
  const added = (b: I64): I32 => bit(i64.and(i64.xor(a, result), i64.xor(b, result)), shift);
  const subtracted = (b: I64): I32 => bit(i64.and(i64.xor(a, b), i64.xor(a, result)), shift);
  const isMinimum = i64.eq(result, i64.shl(i64.const(-1), shift));
  const isMaximum = i64.eq(result, i64.xor(i64.shl(i64.const(-1), shift), i64.const(-1)));
  return {
    RAW: rawBit(a, FLAG.OF),
    ADD: added(i64.sub(result, a)),
    ADC: added(i64.sub(i64.sub(result, a), i64.const(1))),
    SUB: subtracted(i64.sub(a, result)),
    SBB: subtracted(i64.sub(i64.sub(a, result), i64.const(1))),
    INC: isMinimum,
    DEC: isMaximum,
    BITS: rawBit(a, FLAG.OF),
  };
}

function auxiliaryCases(s: FlagState): FlagCases {
  const { a, result } = s;
  const nibble = (b: I64): I32 => bit(i64.xor(i64.xor(a, b), result), i64.const(4));
  const low = i32.and(i32.wrap_i64(result), i32.const(15));
  return {
    RAW: rawBit(a, FLAG.AF),
    ADD: nibble(i64.sub(result, a)),
    ADC: nibble(i64.sub(i64.sub(result, a), i64.const(1))),
    SUB: nibble(i64.sub(a, result)),
    SBB: nibble(i64.sub(i64.sub(a, result), i64.const(1))),
    INC: i32.eqz(low),
    DEC: i32.eq(low, i32.const(15)),
    BITS: rawBit(a, FLAG.AF),
  };
}

const isRaw = (s: FlagState): I32 => i32.lt_u(s.kind, i32.const(4));

export const zeroFlag = (s: FlagState): I32 => choose(isRaw(s), rawBit(s.a, FLAG.ZF), i64.eqz(s.result));

export const signFlag = (s: FlagState): I32 =>
  choose(isRaw(s), rawBit(s.a, FLAG.SF), i64.lt_s(s.result, i64.const(0)));

export const parityFlag = (s: FlagState): I32 =>
  choose(
    isRaw(s),
    rawBit(s.a, FLAG.PF),
    i32.and(
      i32.xor(i32.popcnt(i32.and(i32.wrap_i64(s.result), i32.const(0xff))), i32.const(1)),
      i32.const(1),
    ),
  );

/** Bit number of the operand's sign: 7, 15, 31 or 63. */
function signShift(kind: I32): I64 {
  return i64.extend_i32_u(i32.sub(i32.shl(i32.const(8), i32.and(kind, i32.const(3))), i32.const(1)));
}

/** The kind operand for a size in bits. */
export const flagKind = (kind: FlagKind, size: number): number => FLAG_KIND[kind] * 4 + (Math.log2(size) - 3);
