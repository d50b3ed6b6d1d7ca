/**
 * Lazy status flags. An arithmetic instruction leaves (kind, a, result) in the CPU block, both
 * values sign-extended from its operand size; the flags are derived when something asks.
 *
 * Sign extension keeps signed and unsigned order, so CF, ZF, SF and PF need no size; only OF does, and the
 * size is part of the kind.
 */
import { FLAG, STATUS_FLAGS } from '../arch/registers.ts';
import { choose, type I32, type I64, i32, i64 } from '../wasm/expression.ts';
import type { FunctionBuilder } from '../wasm/function.ts';
import { CARRY_SHIFT, FLAG_KIND, type FlagKind, KIND_MASK, SINGLE, ZERO_BY_RESULT } from './flag-kind.ts';

/** What the flag functions read. */
export interface FlagState {
  readonly kind: I32;
  readonly a: I64;
  readonly result: I64;
}

const bit = (value: I64, shift: I64): I32 => i32.and(i32.wrap_i64(i64.shr_u(value, shift)), i32.const(1));
const position = (flag: number): number => 31 - Math.clz32(flag);
const rawBit = (a: I64, flag: number): I32 =>
  i32.and(i32.shr_u(i32.wrap_i64(a), i32.const(position(flag))), i32.const(1));

/** A flag (0 or 1) by the kind; 0 for the kinds that are not there. */
type FlagCases = Partial<Record<FlagKind, I32>>;

/** Bodies of functions of (kind, a, result) that return a flag, by a switch over the kind. */
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
    f.brTable(i32.shr_u(i32.and(s.kind, i32.const(KIND_MASK)), i32.const(2)), labels, labels[0]);
  };
  open(0);
  f.unreachable();
}

/** Returns the flag if it was set alone. */
function single(f: FunctionBuilder, { kind }: FlagState, flag: 'ZF' | 'OF'): void {
  const { set, value } = SINGLE[flag];
  f.if(i32.and(kind, i32.const(1 << set)), () =>
    f.return(i32.and(i32.shr_u(kind, i32.const(value)), i32.const(1))),
  );
}

export function emitOverflow(f: FunctionBuilder, s: FlagState): void {
  single(f, s, 'OF');
  byKind(f, s, overflowCases(s));
}

export function emitZero(f: FunctionBuilder, s: FlagState): void {
  single(f, s, 'ZF');
  f.return(choose(isRaw(s), rawFlag(s, 'ZF'), resultFlag(s, 'ZF')));
  f.unreachable();
}

/** CF of any kind. */
export function carryFlag({ kind, a, result }: FlagState): I32 {
  // 0 when the result is less, 1 when equal, 2 when greater.
  const order = i32.add(i64.ge_u(result, a), i64.gt_u(result, a));
  const byOrder = i32.shr_u(kind, i32.add(order, i32.const(CARRY_SHIFT)));
  const stored = i32.and(i32.wrap_i64(a), i32.xor(i32.shr_u(kind, i32.const(CARRY_SHIFT + 3)), i32.const(1)));
  return i32.and(i32.or(byOrder, stored), i32.const(1));
}

/** AF and OF of the kinds at their RFLAGS positions, all but CF for RAW. */
export function emitAuxiliaryOverflow(f: FunctionBuilder, s: FlagState): void {
  const [auxiliary, overflow] = [auxiliaryCases(s), overflowCases(s)];
  const at = (flag: I32 | undefined, mask: number): I32 =>
    flag ? i32.shl(flag, i32.const(position(mask))) : i32.const(0);
  const derived = (kind: FlagKind): I32 => i32.or(at(auxiliary[kind], FLAG.AF), at(overflow[kind], FLAG.OF));
  const stored = (mask: number): I32 => i32.and(i32.wrap_i64(s.a), i32.const(mask));
  byKind(f, s, {
    ADD: derived('ADD'),
    ADC: derived('ADC'),
    SUB: derived('SUB'),
    SBB: derived('SBB'),
    INC: derived('INC'),
    DEC: derived('DEC'),
    BITS: stored(FLAG.AF | FLAG.OF),
    RAW: stored(STATUS_FLAGS & ~FLAG.CF),
  });
}

/** All six at their RFLAGS positions. `others`: what the function by `emitAuxiliaryOverflow` gives. */
export function statusBits(f: FunctionBuilder, s: FlagState, others: I32): I32 {
  const bits = f.let(i32.or(others, carryFlag(s)));
  const at = (flag: ResultFlag): I32 => i32.shl(resultFlag(s, flag), i32.const(position(FLAG[flag])));
  f.if(i32.eqz(isRaw(s)), () => f.set(bits, [bits, at('PF'), at('ZF'), at('SF')].reduce(i32.or)));
  for (const flag of ['ZF', 'OF'] as const) {
    const { set, value } = SINGLE[flag];
    f.if(i32.and(s.kind, i32.const(1 << set)), () => {
      const alone = i32.and(i32.shr_u(s.kind, i32.const(value)), i32.const(1));
      const kept = i32.and(bits, i32.const(~FLAG[flag]));
      f.set(bits, i32.or(kept, i32.shl(alone, i32.const(position(FLAG[flag])))));
    });
  }
  return bits;
}

/** CF where the kind is known. */
export function carryOf(kind: FlagKind, { a, result }: FlagState): I32 {
  switch (kind) {
    case 'ADD':
      return i64.lt_u(result, a);
    case 'ADC':
      return i64.le_u(result, a);
    case 'SUB':
      return i64.gt_u(result, a);
    case 'SBB':
      return i64.ge_u(result, a);
    case 'LOGIC':
      return i32.const(0);
    default:
      return rawBit(a, FLAG.CF);
  }
}

/** CF where the kind is ADD or, with `carry`, ADC. */
export const carryAfterAdc = ({ a, result }: FlagState, carry: I32): I32 =>
  i32.or(i64.lt_u(result, a), i32.and(carry, i64.eq(result, a)));

const addedOverflow = ({ kind, a, result }: FlagState, b: I64): I32 =>
  bit(i64.and(i64.xor(a, result), i64.xor(b, result)), signShift(kind));
const subtractedOverflow = ({ kind, a, result }: FlagState, b: I64): I32 =>
  bit(i64.and(i64.xor(a, b), i64.xor(a, result)), signShift(kind));

/** OF where the kind is ADD or SUB or, with `carry`, ADC or SBB; only the size of `s.kind` counts. */
export function overflowWithCarry(kind: FlagKind, s: FlagState, carry: I32): I32 {
  const carried = i64.extend_i32_u(carry);
  return kind === 'ADD'
    ? addedOverflow(s, i64.sub(i64.sub(s.result, s.a), carried))
    : subtractedOverflow(s, i64.sub(i64.sub(s.a, s.result), carried));
}

export function overflowCases(s: FlagState): FlagCases {
  const { a, result } = s;
  const shift = signShift(s.kind);
  const one = i64.const(1);
  const isMinimum = i64.eq(result, i64.shl(i64.const(-1), shift));
  const isMaximum = i64.eq(result, i64.xor(i64.shl(i64.const(-1), shift), i64.const(-1)));
  return {
    RAW: rawBit(a, FLAG.OF),
    ADD: addedOverflow(s, i64.sub(result, a)),
    ADC: addedOverflow(s, i64.sub(i64.sub(result, a), one)),
    SUB: subtractedOverflow(s, i64.sub(a, result)),
    SBB: subtractedOverflow(s, i64.sub(i64.sub(a, result), one)),
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

const isRaw = (s: FlagState): I32 => i32.eqz(i32.and(s.kind, i32.const(KIND_MASK)));

/** Not 0: ZF is what the result says. */
export const isZeroByResult = (s: FlagState): I32 => i32.and(s.kind, i32.const(ZERO_BY_RESULT));

type ResultFlag = 'ZF' | 'SF' | 'PF';

/** The flag where the kind is RAW. */
export const rawFlag = (s: FlagState, flag: ResultFlag): I32 => rawBit(s.a, FLAG[flag]);

/** The flag where the kind is another. */
export function resultFlag({ result }: FlagState, flag: ResultFlag): I32 {
  switch (flag) {
    case 'ZF':
      return i64.eqz(result);
    case 'SF':
      return i64.lt_s(result, i64.const(0));
    case 'PF': {
      const ones = i32.popcnt(i32.and(i32.wrap_i64(result), i32.const(0xff)));
      return i32.and(i32.xor(ones, i32.const(1)), i32.const(1));
    }
  }
}

export const signFlag = (s: FlagState): I32 => choose(isRaw(s), rawFlag(s, 'SF'), resultFlag(s, 'SF'));

export const parityFlag = (s: FlagState): I32 => choose(isRaw(s), rawFlag(s, 'PF'), resultFlag(s, 'PF'));

/** Bit number of the operand's sign: 7, 15, 31 or 63. */
function signShift(kind: I32): I64 {
  return i64.extend_i32_u(i32.sub(i32.shl(i32.const(8), i32.and(kind, i32.const(3))), i32.const(1)));
}
