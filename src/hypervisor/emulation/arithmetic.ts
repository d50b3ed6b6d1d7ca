/** Results and status flags of the emulated arithmetic, on u32 halves. SDM volume 1, "Status Flags". */
import { FLAG, STATUS_FLAGS } from '../../arch/registers.ts';
import type { Operator } from './decode.ts';

export interface Result {
  readonly lo: number;
  readonly hi: number;
  /** RFLAGS after the operation. */
  readonly flags: number;
  /** The result is to be stored; false for CMP and TEST. */
  readonly stored: boolean;
}

const mask = (bytes: number): bigint => (1n << BigInt(8 * bytes)) - 1n;
const join = (lo: number, hi: number): bigint => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);

function parity(value: bigint): number {
  let bits = Number(value & 0xffn);
  bits ^= bits >> 4;
  bits ^= bits >> 2;
  bits ^= bits >> 1;
  return bits & 1 ? 0 : FLAG.PF;
}

/** a operator b at an operand size; for unary operators b does not matter. */
export function compute(
  operator: Operator,
  bytes: number,
  a: { readonly lo: number; readonly hi: number },
  b: { readonly lo: number; readonly hi: number },
  flags: number,
): Result {
  const m = mask(bytes);
  const sign = 1n << BigInt(8 * bytes - 1);
  const x = join(a.lo, a.hi) & m;
  const y = (operator === 'inc' || operator === 'dec' ? 1n : join(b.lo, b.hi)) & m;
  const carryIn = flags & FLAG.CF ? 1n : 0n;
  const finish = (value: bigint, changed: number, extra: number, stored = true): Result => {
    const result = value & m;
    const derived = (result === 0n ? FLAG.ZF : 0) | (result & sign ? FLAG.SF : 0) | parity(result) | extra;
    return {
      lo: Number(result & 0xffff_ffffn),
      hi: Number(result >> 32n),
      flags: (flags & ~changed) | (derived & changed),
      stored,
    };
  };
  const add = (carry: bigint, changed: number = STATUS_FLAGS): Result => {
    const sum = x + y + carry;
    const overflow = (x ^ sum) & (y ^ sum) & sign ? FLAG.OF : 0;
    const auxiliary = (x ^ y ^ sum) & 16n ? FLAG.AF : 0;
    return finish(sum, changed, (sum > m ? FLAG.CF : 0) | overflow | auxiliary);
  };
  const subtract = (
    left: bigint,
    right: bigint,
    borrow: bigint,
    changed: number,
    stored: boolean,
  ): Result => {
    const difference = left - right - borrow;
    const overflow = (left ^ right) & (left ^ difference) & sign ? FLAG.OF : 0;
    const auxiliary = (left ^ right ^ difference) & 16n ? FLAG.AF : 0;
    return finish(difference, changed, (difference < 0n ? FLAG.CF : 0) | overflow | auxiliary, stored);
  };
  const withoutCarry = STATUS_FLAGS & ~FLAG.CF;
  switch (operator) {
    case 'add':
      return add(0n);
    case 'adc':
      return add(carryIn);
    case 'inc':
      return add(0n, withoutCarry);
    case 'sub':
      return subtract(x, y, 0n, STATUS_FLAGS, true);
    case 'sbb':
      return subtract(x, y, carryIn, STATUS_FLAGS, true);
    case 'cmp':
      return subtract(x, y, 0n, STATUS_FLAGS, false);
    case 'dec':
      return subtract(x, y, 0n, withoutCarry, true);
    case 'neg':
      return subtract(0n, x, 0n, STATUS_FLAGS, true);
    case 'and':
      return finish(x & y, STATUS_FLAGS, 0);
    case 'or':
      return finish(x | y, STATUS_FLAGS, 0);
    case 'xor':
      return finish(x ^ y, STATUS_FLAGS, 0);
    case 'test':
      return finish(x & y, STATUS_FLAGS, 0, false);
    case 'not':
      return finish(~x, 0, 0);
    case 'none':
      return finish(x, 0, 0);
  }
}
