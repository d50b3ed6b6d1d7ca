/**
 * Lazy status flags. An arithmetic instruction leaves (kind, a, result) in the CPU block, both
 * values sign-extended from its operand size; the flags are derived when something asks.
 *
 * Sign extension keeps signed and unsigned order, so CF, ZF, SF and PF need no size; only OF does,
 * and the size is part of the kind: kind = FLAG_KIND.x * 4 + log2(bytes).
 *
 * An instruction that sets CF, ZF or OF alone leaves all of this as it is and puts the flag into the upper
 * bits of the kind, in two fields of RFLAGS' shape: which flags are there (SINGLE.SET), and their values
 * (SINGLE.VALUE).
 */
import { FLAG, STATUS_FLAGS } from '../arch/registers.ts';
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

/** Bit numbers in the kind where the fields of flags that were set alone begin. */
const SINGLE = { SET: 6, VALUE: 18 } as const;
/** The kind itself, less the size; and all of the kind without flags that were set alone. */
const KIND_MASK = 0x3c;
const PLAIN = 1 << SINGLE.SET;
const ALL_FLAGS = 0xfff;

/** Flags that can be set alone. */
export type SingleFlag = 'CF' | 'ZF' | 'OF';

/** The kind with flags (0 or 1 each) set alone, whatever was in their places. */
export function withSingles(kind: I32 | number, flags: readonly (readonly [SingleFlag, I32])[]): I32 {
  const mask = flags.reduce((m, [name]) => m | FLAG[name], 0);
  const [set, kept] = [mask << SINGLE.SET, ~((mask << SINGLE.SET) | (mask << SINGLE.VALUE))];
  const others =
    typeof kind === 'number'
      ? i32.const((kind & kept) | set)
      : i32.or(i32.and(kind, i32.const(kept)), i32.const(set));
  return flags.reduce(
    (word, [name, value]) => i32.or(word, i32.shl(value, i32.const(SINGLE.VALUE + position(FLAG[name])))),
    others,
  );
}

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

export type FlagKind = keyof typeof FLAG_KIND;

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
function single(f: FunctionBuilder, { kind }: FlagState, flag: SingleFlag): void {
  const at = position(FLAG[flag]);
  f.if(i32.and(kind, i32.const(1 << (SINGLE.SET + at))), () =>
    f.return(i32.and(i32.shr_u(kind, i32.const(SINGLE.VALUE + at)), i32.const(1))),
  );
}

export function emitCarry(f: FunctionBuilder, s: FlagState): void {
  single(f, s, 'CF');
  byKind(f, s, carryCases(s));
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

/** CF, AF and OF of the kinds at their RFLAGS positions, all six for RAW. */
export function emitCarries(f: FunctionBuilder, s: FlagState): void {
  const [carry, auxiliary, overflow] = [carryCases(s), auxiliaryCases(s), overflowCases(s)];
  const at = (flag: I32 | undefined, mask: number): I32 =>
    flag ? i32.shl(flag, i32.const(position(mask))) : i32.const(0);
  const derived = (kind: FlagKind): I32 =>
    [at(carry[kind], FLAG.CF), at(auxiliary[kind], FLAG.AF), at(overflow[kind], FLAG.OF)].reduce(i32.or);
  const stored = (mask: number): I32 => i32.and(i32.wrap_i64(s.a), i32.const(mask));
  byKind(f, s, {
    ADD: derived('ADD'),
    ADC: derived('ADC'),
    SUB: derived('SUB'),
    SBB: derived('SBB'),
    INC: derived('INC'),
    DEC: derived('DEC'),
    BITS: stored(FLAG.CF | FLAG.AF | FLAG.OF),
    RAW: stored(STATUS_FLAGS),
  });
}

/** All six at their RFLAGS positions. `carries`: what the function by `emitCarries` gives. */
export function statusBits(f: FunctionBuilder, s: FlagState, carries: I32): I32 {
  const bits = f.let(carries);
  const at = (flag: 'ZF' | 'SF' | 'PF'): I32 => i32.shl(resultFlag(s, flag), i32.const(position(FLAG[flag])));
  f.if(i32.eqz(isRaw(s)), () => f.set(bits, [bits, at('PF'), at('ZF'), at('SF')].reduce(i32.or)));
  const mask = i32.and(i32.shr_u(s.kind, i32.const(SINGLE.SET)), i32.const(ALL_FLAGS));
  const values = i32.shr_u(s.kind, i32.const(SINGLE.VALUE));
  return i32.or(i32.and(bits, i32.xor(mask, i32.const(-1))), values);
}

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

/** ZF is what the result says: the kind is not RAW, and no flag was set alone. */
export const isZeroByResult = (s: FlagState): I32 =>
  i32.lt_u(i32.sub(s.kind, i32.const(4)), i32.const(PLAIN - 4));

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

/** The kind operand for a size in bits. */
export const flagKind = (kind: FlagKind, size: number): number => FLAG_KIND[kind] * 4 + (Math.log2(size) - 3);
