/**
 * The kind of lazy status flags (flags.ts), a word of fields:
 *
 *   1:0  log2 of the operand's bytes        5:2  FLAG_KIND
 *   8:6  CF where result < a, result = a, result > a (unsigned): CF needs no look at FLAG_KIND
 *   9    CF is that; else it is bit 0 of a, too
 *   10   ZF is that of the result
 *   11   ZF is bit 12                       13   OF is bit 14
 *
 * An instruction that sets CF, ZF or OF alone changes these fields and leaves the rest as it is.
 */
import { type I32, i32 } from '../wasm/expression.ts';

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

export const KIND_MASK = 0x3c;
/** Bits of the kind. */
const CARRY = { LESS: 1 << 6, EQUAL: 1 << 7, GREATER: 1 << 8, BY_ORDER: 1 << 9 } as const;
/** Bit number of CARRY.LESS. */
export const CARRY_SHIFT = 6;
const ANY_ORDER = CARRY.LESS | CARRY.EQUAL | CARRY.GREATER;
export const ZERO_BY_RESULT = 1 << 10;
/** Bit numbers. */
export const SINGLE = { ZF: { set: 11, value: 12 }, OF: { set: 13, value: 14 } } as const;

export type FlagKind = keyof typeof FLAG_KIND;

/** When CF is set, by kind; for the others it is in `a`. */
const CARRY_FIELDS: Partial<Record<FlagKind, number>> = {
  ADD: CARRY.BY_ORDER | CARRY.LESS,
  ADC: CARRY.BY_ORDER | CARRY.LESS | CARRY.EQUAL,
  SUB: CARRY.BY_ORDER | CARRY.GREATER,
  SBB: CARRY.BY_ORDER | CARRY.GREATER | CARRY.EQUAL,
  LOGIC: CARRY.BY_ORDER,
};

/** The kind operand for a size in bits. */
export const flagKind = (kind: FlagKind, size: number): number =>
  (FLAG_KIND[kind] * 4 + (Math.log2(size) - 3)) |
  (CARRY_FIELDS[kind] ?? 0) |
  (kind === 'RAW' ? 0 : ZERO_BY_RESULT);

/** ADD or SUB; ADC or SBB if `carry` is 1. */
export const flagKindWithCarry = (kind: 'ADD' | 'SUB', size: number, carry: I32): I32 =>
  i32.add(i32.const(flagKind(kind, size)), i32.mul(carry, i32.const(4 | CARRY.EQUAL)));

/** Flags that can be set alone. */
export type SingleFlag = 'CF' | 'ZF' | 'OF';

/** What stays of the kind, and what comes to it, when a flag is set alone. */
const SETTING: Record<
  SingleFlag,
  { readonly clears: number; readonly sets: number; readonly scale: number }
> = {
  CF: { clears: ANY_ORDER, sets: CARRY.BY_ORDER, scale: ANY_ORDER },
  ZF: {
    clears: ZERO_BY_RESULT | (1 << SINGLE.ZF.value),
    sets: 1 << SINGLE.ZF.set,
    scale: 1 << SINGLE.ZF.value,
  },
  OF: { clears: 1 << SINGLE.OF.value, sets: 1 << SINGLE.OF.set, scale: 1 << SINGLE.OF.value },
};

/** The kind with flags (0 or 1 each) set alone. */
export function withSingles(kind: I32 | number, flags: readonly (readonly [SingleFlag, I32])[]): I32 {
  const [kept, set] = flags.reduce(
    ([k, s], [name]) => [k & ~SETTING[name].clears, s | SETTING[name].sets],
    [-1, 0],
  );
  const others =
    typeof kind === 'number'
      ? i32.const((kind & kept) | set)
      : i32.or(i32.and(kind, i32.const(kept)), i32.const(set));
  return flags.reduce(
    (word, [name, value]) => i32.or(word, i32.mul(value, i32.const(SETTING[name].scale))),
    others,
  );
}
