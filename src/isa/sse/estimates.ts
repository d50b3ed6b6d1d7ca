/**
 * RCP and RSQRT: estimates with a relative error below 1.5 * 2^-12 (SDM volume 2), by no means the same
 * on all processors. Here: the reciprocal of the operand with 12 bits of fraction (the middle of what
 * they leave open), rounded to 12 bits of fraction. MXCSR is neither used nor changed.
 */
import { f32, f64, type I32, i32 } from '../../wasm/expression.ts';
import { i32x4 } from '../../wasm/simd.ts';
import type { Instruction, LibraryFunction, Semantics } from '../definition.ts';
import { operandsOf, PS, type Shape, SS } from './float-shapes.ts';

const EXPONENT = 0x7f80_0000;
const SIGN = -0x8000_0000;
const QUIET = 0x40_0000;
const INDEFINITE = 0xffc0_0000;
/** Fraction bits that are not looked at, and half of what they stand for. */
const IGNORED = 0x7ff;
const MIDDLE = 0x400;

/** (bits of a single) -> bits of the estimate. Denormal operands count as zeros; tiny results become zeros. */
const estimate = (root: boolean): LibraryFunction<'i32'> => ({
  name: root ? 'reciprocalRoot' : 'reciprocal',
  params: ['i32'],
  result: 'i32',
  build: (f) => {
    const bits = f.param(1, 'i32');
    const exponent = i32.and(bits, i32.const(EXPONENT));
    const sign = i32.and(bits, i32.const(SIGN));
    const leave = (condition: I32, result: I32) => f.if(condition, () => f.return(result));
    leave(i32.eqz(exponent), i32.or(sign, i32.const(EXPONENT)));
    const magnitude = i32.and(bits, i32.const(~SIGN));
    leave(i32.gt_u(magnitude, i32.const(EXPONENT)), i32.or(bits, i32.const(QUIET)));
    if (root) leave(sign, i32.const(INDEFINITE));
    leave(i32.eq(exponent, i32.const(EXPONENT)), sign);
    const middle = i32.or(i32.and(bits, i32.const(~IGNORED)), i32.const(MIDDLE));
    const x = f64.promote_f32(f32.reinterpret_i32(middle));
    const quotient = f64.div(f64.const(1), root ? f64.sqrt(x) : x);
    const result = f.let(i32.reinterpret_f32(f32.demote_f64(quotient)));
    leave(i32.eqz(i32.and(result, i32.const(EXPONENT))), sign);
    f.return(i32.and(i32.add(result, i32.const(MIDDLE)), i32.const(~IGNORED)));
    f.unreachable();
  },
});

const RECIPROCAL = estimate(false);
const RECIPROCAL_ROOT = estimate(true);

function estimateLanes(s: Shape, lane: LibraryFunction<'i32'>): Semantics {
  return (c) => {
    const { f } = c;
    const source = f.let(c.readV(1));
    const result = f.let(c.readV(0));
    for (let i = 0; i < s.lanes; i++) {
      f.set(result, i32x4.replace_lane(result, i, c.library(lane, i32x4.extract_lane(source, i))));
    }
    c.writeV(0, result);
  };
}

const row = (s: Shape, root: boolean): Instruction => ({
  mnemonic: `${root ? 'RSQRT' : 'RCP'}${s.suffix}`,
  encoding: `${s.prefix} 0F ${root ? '52' : '53'}`,
  operands: operandsOf(s),
  attributes: s.lanes === 1 ? 'sse modify' : 'sse align modify',
  feature: 'sse',
  semantics: estimateLanes(s, root ? RECIPROCAL_ROOT : RECIPROCAL),
});

export const estimates: readonly Instruction[] = [PS, SS].flatMap((s) => [row(s, true), row(s, false)]);
