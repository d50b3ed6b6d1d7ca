/**
 * Infinities and NaNs among operands and results: with all exceptions masked, the result and the flags of
 * a whole register, lane by lane. SDM volume 1, "Responses to SIMD Floating-Point Exceptions" and "Rules
 * for Handling NaNs".
 */
import { type I32, i32, type V128 } from '../../wasm/expression.ts';
import type { FunctionBuilder } from '../../wasm/function.ts';
import { v128 } from '../../wasm/simd.ts';
import type { Arithmetic, LaneFormat } from './float-lanes.ts';
import {
  denormals,
  finites,
  flagIfAny,
  infinities,
  nans,
  signalingNans,
  vectors,
  zeros,
} from './float-vectors.ts';

/** What an operation has to do with: locals, or what is cheap to have twice. */
export interface Lanes {
  readonly format: LaneFormat;
  readonly operation: Arithmetic;
  /** The operands of the WebAssembly operation, and what it gave; a root has none but `b`. */
  readonly a: V128;
  readonly b: V128;
  readonly r: V128;
}

/** Lanes with a denormal operand, or a result that may have underflowed. */
export function smallLanes({ format, operation, a, b, r }: Lanes): V128 {
  const v = vectors(format);
  const denormal = v128.or(denormals(format, a), denormals(format, b));
  // A number just below the smallest normal one is tiny even if it rounds to that.
  const tiny = v.le(v.abs(r), v.minimumNormal);
  switch (operation) {
    // A sum that is denormal is exact; a root is never near the ends of the range.
    case 'add':
    case 'sub':
      return denormal;
    case 'sqrt':
      return denormals(format, b);
    case 'mul':
      return v128.or(denormal, v128.andnot(tiny, v128.or(zeros(format, a), zeros(format, b))));
    case 'div':
      return v128.or(denormal, v128.andnot(tiny, v128.or(zeros(format, a), infinities(format, b))));
  }
}

/** OE for results that left the range, ZE for finite numbers divided by zero. */
function magnitudeFlags({ format, operation, a, b, r }: Lanes): I32 | undefined {
  if (operation === 'sqrt') return undefined;
  const finite = v128.and(finites(format, a), finites(format, b));
  const infinite = v128.and(infinities(format, r), finite);
  if (operation !== 'div') return flagIfAny(infinite, 'OVERFLOW');
  const byZero = zeros(format, b);
  const overflow = flagIfAny(v128.andnot(infinite, byZero), 'OVERFLOW');
  return i32.or(overflow, flagIfAny(v128.and(infinite, byZero), 'ZERO_DIVIDE'));
}

/**
 * The result of lanes none of which is small, and their exception flags but PE. The first operand that is
 * a NaN is delivered, made quiet.
 * @param source operand `b` as the instruction has it: ADDSUB changes its sign for the WebAssembly operation
 */
export function specialResult(f: FunctionBuilder, lanes: Lanes, source: V128): { result: V128; flags: I32 } {
  const { format, operation, a, r } = lanes;
  const v = vectors(format);
  const unary = operation === 'sqrt';
  const nanB = f.let(nans(format, source));
  const nanA = unary ? v.const(0) : f.let(nans(format, a));
  const nan = f.let(unary ? nanB : v128.or(nanA, nanB));
  const arising = f.let(v128.andnot(nans(format, r), nan));
  const signalingB = signalingNans(format, source, nanB);
  const signaling = unary ? signalingB : v128.or(signalingNans(format, a, nanA), signalingB);
  const invalid = flagIfAny(v128.or(arising, signaling), 'INVALID');
  const magnitude = magnitudeFlags(lanes);
  const delivered = v128.or(unary ? source : v128.bitselect(a, source, nanA), v.quiet);
  const result = v128.bitselect(delivered, v128.bitselect(v.indefinite, r, arising), nan);
  return { result: f.let(result), flags: f.let(magnitude ? i32.or(invalid, magnitude) : invalid) };
}
