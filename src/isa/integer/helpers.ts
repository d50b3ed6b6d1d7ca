/** Small expressions that several families of integer instructions use. */
import { type I32, type I64, i32, i64 } from '../../wasm/expression.ts';

/** Sign-extends the low `bits` bits. */
export function signExtend(value: I64, bits: number): I64 {
  switch (bits) {
    case 8:
      return i64.extend8_s(value);
    case 16:
      return i64.extend16_s(value);
    case 32:
      return i64.extend32_s(value);
    default:
      return value;
  }
}

export const zeroExtend = (value: I64, bits: number): I64 =>
  bits === 64 ? value : i64.and(value, i64.const((1n << BigInt(bits)) - 1n));

/** 1 when bit `position` of the value is set. */
export const bitAt = (value: I64, position: I64): I32 =>
  i32.and(i32.wrap_i64(i64.shr_u(value, position)), i32.const(1));

export const topBit = (value: I64, bits: number): I32 => bitAt(value, i64.const(bits - 1));

/** CF and OF (0 or 1 each) at their RFLAGS positions. */
export const carryOverflow = (carry: I32, overflow: I32): I32 =>
  i32.or(carry, i32.shl(overflow, i32.const(11)));
