/** Bits of a format to an unpacked number: IEEE 754 and SDM volume 1, "Floating-Point Data Types". */
import { type I32, type I64, i32, i64, select } from '../../wasm/expression.ts';
import type { FunctionBuilder } from '../../wasm/function.ts';
import type { LibraryFunction } from '../definition.ts';
import { INTEGER_BIT, KIND, QUIET_BIT, Slot } from './workspace.ts';

/** A format whose integer bit is implied. */
export interface Format {
  readonly name: string;
  readonly width: 32 | 64;
  readonly fractionBits: number;
  readonly bias: number;
}

export const SINGLE: Format = { name: 'Single', width: 32, fractionBits: 23, bias: 127 };
export const DOUBLE: Format = { name: 'Double', width: 64, fractionBits: 52, bias: 1023 };

/** All ones in the low `count` bits. */
export const ones = (count: number): bigint => (1n << BigInt(count)) - 1n;

/** What follows the integer bit of a number with the largest biased exponent. */
function setSpecial(f: FunctionBuilder, slot: Slot, fraction: I64): void {
  slot.setSignificand(i64.or(i64.const(INTEGER_BIT), fraction));
  f.if(
    i64.eqz(fraction),
    () => slot.setKind(KIND.INFINITE),
    () =>
      f.if(
        i64.eqz(i64.and(fraction, i64.const(QUIET_BIT))),
        () => slot.setKind(KIND.SIGNALING),
        () => slot.setKind(KIND.QUIET),
      ),
  );
}

/** A number with biased exponent 0: `significand` has its integer bit where normal numbers have it. */
function setDenormal(f: FunctionBuilder, slot: Slot, significand: I64, minimum: number): void {
  f.if(
    i64.eqz(significand),
    () => {
      slot.setSignificand(significand);
      slot.setKind(KIND.ZERO);
    },
    () => {
      const shift = f.let(i64.clz(significand));
      slot.setSignificand(i64.shl(significand, shift));
      slot.setExponent(i32.sub(i32.const(minimum), i32.wrap_i64(shift)));
      slot.setKind(KIND.FINITE | KIND.DENORMAL);
    },
  );
}

/** (slot, bits) -> KIND. `bits` above the format's width are ignored. */
function unpacker(format: Format): LibraryFunction<'i32'> {
  const { width, fractionBits, bias } = format;
  const exponentOnes = ones(width - 1 - fractionBits);
  return {
    name: `unpack${format.name}`,
    params: ['i32', 'i64'],
    result: 'i32',
    build: (f) => {
      const slot = new Slot(f, f.let(i32.add(f.param(0, 'i32'), f.param(1, 'i32'))), 0);
      const bits = f.param(2, 'i64');
      const exponent = f.let(i64.and(i64.shr_u(bits, i64.const(fractionBits)), i64.const(exponentOnes)));
      const fraction = f.let(
        i64.shl(i64.and(bits, i64.const(ones(fractionBits))), i64.const(63 - fractionBits)),
      );
      slot.setSign(i32.and(i32.wrap_i64(i64.shr_u(bits, i64.const(width - 1))), i32.const(1)));
      f.if(
        i64.eqz(exponent),
        () => setDenormal(f, slot, fraction, 1 - bias),
        () =>
          f.if(
            i64.eq(exponent, i64.const(exponentOnes)),
            () => setSpecial(f, slot, fraction),
            () => {
              slot.setSignificand(i64.or(i64.const(INTEGER_BIT), fraction));
              slot.setExponent(i32.sub(i32.wrap_i64(exponent), i32.const(bias)));
              slot.setKind(KIND.FINITE);
            },
          ),
      );
      f.return(slot.kind);
      f.unreachable();
    },
  };
}

/** (slot, bits i64) -> KIND, for 32-bit numbers in the low half of `bits`. */
export const UNPACK_SINGLE = unpacker(SINGLE);
/** (slot, bits i64) -> KIND */
export const UNPACK_DOUBLE = unpacker(DOUBLE);

const EXTENDED_BIAS = 16383;

/**
 * (slot, significand i64, sign and exponent i32) -> KIND, for 80-bit numbers. A pseudo-denormal is
 * FINITE | DENORMAL with the value it stands for.
 */
export const UNPACK_EXTENDED: LibraryFunction<'i32'> = {
  name: 'unpackExtended',
  params: ['i32', 'i64', 'i32'],
  result: 'i32',
  build: (f) => {
    const slot = new Slot(f, f.let(i32.add(f.param(0, 'i32'), f.param(1, 'i32'))), 0);
    const significand = f.param(2, 'i64');
    const top: I32 = f.param(3, 'i32');
    const exponent = f.let(i32.and(top, i32.const(0x7fff)));
    slot.setSign(i32.and(i32.shr_u(top, i32.const(15)), i32.const(1)));
    slot.setSignificand(significand);
    slot.setExponent(i32.sub(exponent, i32.const(EXTENDED_BIAS)));
    f.if(
      i32.eqz(exponent),
      () => setDenormal(f, slot, significand, 1 - EXTENDED_BIAS),
      () =>
        f.if(
          i64.ge_s(significand, i64.const(0)),
          () => slot.setKind(KIND.UNSUPPORTED),
          () =>
            f.if(
              i32.eq(exponent, i32.const(0x7fff)),
              () => setSpecial(f, slot, f.let(i64.and(significand, i64.const(ones(63))))),
              () => slot.setKind(KIND.FINITE),
            ),
        ),
    );
    f.return(slot.kind);
    f.unreachable();
  },
};

/** Makes a NaN's significand quiet; other significands are not to be passed. */
export const quieted = (significand: I64): I64 => i64.or(significand, i64.const(QUIET_BIT));

/** The biased exponent of a rounded finite number: 0 when its integer bit is clear. */
export const biased = (slot: Slot, bias: number): I32 =>
  select(i64.lt_s(slot.significand, i64.const(0)), i32.add(slot.exponent, i32.const(bias)), i32.const(0));
