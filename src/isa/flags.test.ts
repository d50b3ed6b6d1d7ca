/** Lazy flags against the definition of each flag, computed with whole numbers. SDM volume 1, "Status Flags". */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FLAG } from '../arch/registers.ts';
import { type I32, i32 } from '../wasm/expression.ts';
import type { FunctionBuilder } from '../wasm/function.ts';
import type { LibraryFunction, LibraryUser } from './definition.ts';
import { FLAG_KIND, flagKind, withSingles } from './flag-kind.ts';
import {
  carryFlag,
  emitAuxiliaryOverflow,
  emitOverflow,
  emitZero,
  type FlagState,
  parityFlag,
  signFlag,
  statusBits,
} from './flags.ts';
import { libraryModule } from './float/harness.ts';

/** A function of (kind, a, result). */
const derived = (
  name: string,
  emit: (f: FunctionBuilder, s: FlagState, use: LibraryUser) => void,
): LibraryFunction => ({
  name,
  params: ['i32', 'i64', 'i64'],
  result: 'i32',
  build: (f, use) =>
    emit(f, { kind: f.param(1, 'i32'), a: f.param(2, 'i64'), result: f.param(3, 'i64') }, use),
});
const expression =
  (value: (s: FlagState, f: FunctionBuilder, use: LibraryUser) => I32) =>
  (f: FunctionBuilder, s: FlagState, use: LibraryUser): void => {
    f.return(value(s, f, use));
    f.unreachable();
  };

const OTHERS = derived('others', emitAuxiliaryOverflow);
const STATUS = derived(
  'status',
  expression((s, f, use) => statusBits(f, s, use.library(OTHERS, s.kind, s.a, s.result) as I32)),
);
/** Single flags; AF is asked for only with all others. */
const SINGLE = {
  CF: derived('carry', expression(carryFlag)),
  PF: derived('parity', expression(parityFlag)),
  ZF: derived('zero', emitZero),
  SF: derived('sign', expression(signFlag)),
  OF: derived('overflow', emitOverflow),
};
const SINGLE_NAMES = Object.keys(SINGLE) as (keyof typeof SINGLE)[];
/** (kind, CF, OF) -> kind with these set alone; and the same for ZF. */
const SET_CARRY_OVERFLOW = derived(
  'setCarryOverflow',
  expression((s) =>
    withSingles(s.kind, [
      ['CF', i32.wrap_i64(s.a)],
      ['OF', i32.wrap_i64(s.result)],
    ]),
  ),
);
const SET_ZERO = derived(
  'setZero',
  expression((s) => withSingles(s.kind, [['ZF', i32.wrap_i64(s.a)]])),
);

const NAMES = ['CF', 'PF', 'AF', 'ZF', 'SF', 'OF'] as const;
type Flags = Record<(typeof NAMES)[number], number>;

const module = libraryModule([OTHERS, STATUS, SET_CARRY_OVERFLOW, SET_ZERO, ...Object.values(SINGLE)]);
const call = (fn: LibraryFunction, kind: number, a: bigint, result: bigint): number =>
  Number(module.call(fn, kind, a, result));

/** The six flags of what an instruction has left; `a` and `result` are signed. */
function flagsOf(kind: number, a: bigint, result: bigint): Flags {
  const bits = call(STATUS, kind, a, result);
  const flags = Object.fromEntries(NAMES.map((name) => [name, bits & FLAG[name] ? 1 : 0])) as Flags;
  for (const name of SINGLE_NAMES) expect(call(SINGLE[name], kind, a, result)).toBe(flags[name]);
  return flags;
}

const signed = BigInt.asIntN;
const unsigned = BigInt.asUintN;
const fits = (value: bigint, size: number): boolean => signed(size, value) === value;

function ones(byte: bigint): number {
  let count = 0;
  for (let rest = byte & 0xffn; rest > 0n; rest >>= 1n) count += Number(rest & 1n);
  return count;
}

/** SF, ZF and PF. */
const ofResult = (result: bigint): Pick<Flags, 'PF' | 'ZF' | 'SF'> => ({
  PF: ones(result) % 2 === 0 ? 1 : 0,
  ZF: result === 0n ? 1 : 0,
  SF: result < 0n ? 1 : 0,
});

interface Outcome {
  readonly result: bigint;
  readonly flags: Flags;
}

/** a + b + carry, all flags by their definitions. */
function addition(size: number, a: bigint, b: bigint, carry: bigint): Outcome {
  const result = signed(size, a + b + carry);
  return {
    result,
    flags: {
      ...ofResult(result),
      CF: Number((unsigned(size, a) + unsigned(size, b) + carry) >> BigInt(size)),
      AF: Number(((a & 15n) + (b & 15n) + carry) >> 4n),
      OF: fits(a + b + carry, size) ? 0 : 1,
    },
  };
}

/** a - b - borrow */
function subtraction(size: number, a: bigint, b: bigint, borrow: bigint): Outcome {
  const result = signed(size, a - b - borrow);
  return {
    result,
    flags: {
      ...ofResult(result),
      CF: unsigned(size, a) < unsigned(size, b) + borrow ? 1 : 0,
      AF: (a & 15n) < (b & 15n) + borrow ? 1 : 0,
      OF: fits(a - b - borrow, size) ? 0 : 1,
    },
  };
}

const SPECIAL = [0n, 1n, -1n, 0x7fn, -0x80n, 0x7fffn, -0x8000n, 0x7fff_ffffn, -0x8000_0000n, 2n ** 63n - 1n];
const sizes = fc.constantFrom(8, 16, 32, 64);
const values = fc.oneof(fc.constantFrom(...SPECIAL), fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n));
const operands = fc.tuple(sizes, values, values).map(([size, a, b]) => ({
  size,
  a: signed(size, a),
  b: signed(size, b),
}));
const carries = fc.constantFrom(0n, 1n);
const check = { numRuns: 3000, seed: 1 };

describe('lazy flags', () => {
  it.each([
    ['ADD', addition, 0n],
    ['ADC', addition, 1n],
    ['SUB', subtraction, 0n],
    ['SBB', subtraction, 1n],
  ] as const)('%s', (kind, model, carry) => {
    fc.assert(
      fc.property(operands, ({ size, a, b }) => {
        const { result, flags } = model(size, a, b, carry);
        expect(flagsOf(flagKind(kind, size), a, result)).toEqual(flags);
      }),
      check,
    );
  });

  it.each([
    ['INC', addition],
    ['DEC', subtraction],
  ] as const)('%s keeps CF', (kind, model) => {
    fc.assert(
      fc.property(operands, carries, ({ size, a }, carry) => {
        const { result, flags } = model(size, a, 1n, 0n);
        expect(flagsOf(flagKind(kind, size), carry, result)).toEqual({ ...flags, CF: Number(carry) });
      }),
      check,
    );
  });

  it('LOGIC clears CF, AF and OF, whatever was there', () => {
    fc.assert(
      fc.property(operands, ({ size, a, b }) => {
        expect(flagsOf(flagKind('LOGIC', size), a, b)).toEqual({ ...ofResult(b), CF: 0, AF: 0, OF: 0 });
      }),
      check,
    );
  });

  it('BITS gives CF, AF and OF, and derives the others', () => {
    fc.assert(
      fc.property(operands, carries, carries, carries, ({ size, a }, c, x, o) => {
        const bits = c | (x << 4n) | (o << 11n);
        expect(flagsOf(flagKind('BITS', size), bits, a)).toEqual({
          ...ofResult(a),
          CF: Number(c),
          AF: Number(x),
          OF: Number(o),
        });
      }),
      check,
    );
  });

  it('RAW gives all six, whatever the result field holds', () => {
    fc.assert(
      fc.property(fc.nat(0xfff), values, (bits, result) => {
        const expected = Object.fromEntries(NAMES.map((name) => [name, bits & FLAG[name] ? 1 : 0]));
        expect(flagsOf(FLAG_KIND.RAW * 4, BigInt(bits), result)).toEqual(expected);
      }),
      check,
    );
  });

  it('flags set alone replace those of any kind, until they are set again', () => {
    const names = Object.keys(FLAG_KIND) as (keyof typeof FLAG_KIND)[];
    const kinds = fc.constantFrom(...names).map((name) => flagKind(name, 32));
    const bit = fc.constantFrom(0, 1);
    fc.assert(
      fc.property(kinds, values, values, bit, bit, bit, (kind, a, result, c, o, z) => {
        const before = flagsOf(kind, signed(32, a), signed(32, result));
        const with2 = call(SET_CARRY_OVERFLOW, kind, BigInt(c), BigInt(o));
        expect(flagsOf(with2, signed(32, a), signed(32, result))).toEqual({ ...before, CF: c, OF: o });
        const with3 = call(SET_ZERO, with2, BigInt(z), 0n);
        const again = call(SET_CARRY_OVERFLOW, with3, BigInt(o), BigInt(z));
        const expected = { ...before, CF: o, OF: z, ZF: z };
        expect(flagsOf(again, signed(32, a), signed(32, result))).toEqual(expected);
      }),
      check,
    );
  });
});
