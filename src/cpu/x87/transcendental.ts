/**
 * The helper behind F2XM1, FYL2X, FYL2XP1, FPTAN, FPATAN, FSIN and FCOS: takes unpacked numbers from
 * slots A and B of the CPU block and leaves the result in R and LOW, to be rounded by generated code.
 * Tables of special operands: SDM volume 2, at each instruction.
 */
import { EXCEPTION, FIELD, INDEFINITE, KIND, LOW, SLOT } from '../../isa/float/workspace.ts';
import { FUNCTION } from '../../isa/x87/transcendental.ts';
import type { Registers } from '../registers.ts';
import {
  angleOf,
  bitLength,
  cosineOf,
  eighthsOfTurn,
  exponentialMinus1,
  type Real,
  scaledLogarithm,
  scaledLogarithm1,
  sine,
  tangent,
} from './functions.ts';

/** An operand: a number, a zero or an infinity. */
interface Operand {
  readonly negative: boolean;
  readonly kind: 'zero' | 'finite' | 'infinite';
  readonly value: Real;
}

type Outcome =
  | { readonly kind: 'real'; readonly value: Real; readonly flags: number }
  | { readonly kind: 'zero' | 'infinite'; readonly negative: boolean; readonly flags?: number }
  | { readonly kind: 'invalid' };

const INVALID: Outcome = { kind: 'invalid' };
const zero = (negative: boolean): Outcome => ({ kind: 'zero', negative });
const infinite = (negative: boolean, flags = 0): Outcome => ({ kind: 'infinite', negative, flags });
const real = (value: Real, flags = 0): Outcome => ({ kind: 'real', value, flags });

const ONE: Real = { negative: false, magnitude: 1n, exponent: 0, exact: true };

const exact = (negative: boolean, magnitude: bigint, exponent = 0): Real => ({
  negative,
  magnitude,
  exponent,
  exact: true,
});

function exponential(x: Operand): Outcome {
  if (x.kind === 'finite') return real(exponentialMinus1(x.value));
  if (x.kind === 'zero') return zero(x.negative);
  return x.negative ? real(exact(true, 1n)) : infinite(false);
}

/** y times a logarithm whose sign and kind are known. */
function timesLogarithm(y: Operand, l: Operand, finite: () => Real): Outcome {
  const negative = y.negative !== l.negative;
  const kinds = [y.kind, l.kind];
  if (kinds.includes('zero')) return kinds.includes('infinite') ? INVALID : zero(negative);
  if (kinds.includes('infinite')) {
    // A logarithm that is infinite for a finite number, 0, is a division by zero.
    return infinite(
      negative,
      l.kind === 'infinite' && l.negative && y.kind === 'finite' ? EXCEPTION.ZERO_DIVIDE : 0,
    );
  }
  // Processors signal it for exact products, too.
  return real(finite(), EXCEPTION.PRECISION);
}

const operand = (kind: Operand['kind'], negative: boolean): Operand => ({ kind, negative, value: ONE });

/** Sign of |x| - 1. */
function comparedWithOne({ magnitude, exponent }: Real): number {
  const length = bitLength(magnitude);
  if (length + exponent !== 1) return Math.sign(length + exponent - 1);
  return magnitude === 1n << BigInt(length - 1) ? 0 : 1;
}

function logarithm(x: Operand, y: Operand): Outcome {
  if (x.kind === 'zero') return timesLogarithm(y, operand('infinite', true), () => ONE);
  if (x.negative) return INVALID;
  if (x.kind === 'infinite') return timesLogarithm(y, operand('infinite', false), () => ONE);
  const sign = comparedWithOne(x.value);
  const l = operand(sign === 0 ? 'zero' : 'finite', sign < 0);
  return timesLogarithm(y, l, () => scaledLogarithm(y.value, x.value));
}

/** Outside the range that the manual defines: the logarithm where there is one. */
function logarithm1(x: Operand, y: Operand): Outcome {
  if (x.kind === 'finite' && x.negative && comparedWithOne(x.value) >= 0) {
    return comparedWithOne(x.value) === 0 ? logarithm(operand('zero', false), y) : INVALID;
  }
  if (x.kind === 'infinite' && x.negative) return INVALID;
  return timesLogarithm(y, x, () => scaledLogarithm1(y.value, x.value));
}

const eighths = (negative: boolean, count: number): Outcome => real(eighthsOfTurn(negative, count));

function arctangent(x: Operand, y: Operand): Outcome {
  const { negative } = y;
  if (y.kind === 'infinite') {
    return eighths(negative, x.kind === 'infinite' ? (x.negative ? 3 : 1) : 2);
  }
  if (y.kind === 'zero' || x.kind === 'infinite') return x.negative ? eighths(negative, 4) : zero(negative);
  if (x.kind === 'zero') return eighths(negative, 2);
  return real(angleOf(y.value, x.value));
}

/** Of an angle; `atZero`: the function's value there. */
const ofAngle =
  (fn: (x: Real) => Real, atZero: (negative: boolean) => Outcome) =>
  (x: Operand): Outcome => {
    if (x.kind === 'infinite') return INVALID;
    return x.kind === 'zero' ? atZero(x.negative) : real(fn(x.value));
  };

const FUNCTIONS: Record<number, (a: Operand, b: Operand) => Outcome> = {
  [FUNCTION.F2XM1]: exponential,
  [FUNCTION.FYL2X]: logarithm,
  [FUNCTION.FYL2XP1]: logarithm1,
  [FUNCTION.FPATAN]: arctangent,
  [FUNCTION.SIN]: ofAngle(sine, zero),
  [FUNCTION.COS]: ofAngle(cosineOf, () => real(ONE)),
  [FUNCTION.TAN]: ofAngle(tangent, zero),
};

/** @returns what `HELPERS.transcendental` is for one processor: (FUNCTION.x) -> flags */
export function transcendentalHelper(r: Registers): (fn: number) => number {
  const read = (slot: number): Operand => {
    const kind = r.i32[(slot + FIELD.KIND) >> 2];
    const negative = r.i32[(slot + FIELD.SIGN) >> 2] !== 0;
    if (kind & KIND.ZERO) return operand('zero', negative);
    if (kind & KIND.INFINITE) return operand('infinite', negative);
    const exponent = r.i32[(slot + FIELD.EXPONENT) >> 2] - 63;
    return {
      kind: 'finite',
      negative,
      value: exact(negative, r.u64[(slot + FIELD.SIGNIFICAND) >> 3], exponent),
    };
  };
  const write = (negative: boolean, kind: number, significand: bigint, low = 0n, exponent = 0): void => {
    r.i32[(SLOT.R + FIELD.SIGN) >> 2] = negative ? 1 : 0;
    r.i32[(SLOT.R + FIELD.KIND) >> 2] = kind;
    r.i32[(SLOT.R + FIELD.EXPONENT) >> 2] = exponent;
    r.u64[(SLOT.R + FIELD.SIGNIFICAND) >> 3] = significand;
    r.u64[LOW >> 3] = low;
  };
  const writeReal = ({ negative, magnitude, exponent, exact: isExact }: Real): void => {
    const excess = bitLength(magnitude) - 128;
    const wide = excess < 0 ? magnitude << BigInt(-excess) : magnitude >> BigInt(excess);
    const sticky = isExact && (excess <= 0 || wide << BigInt(excess) === magnitude) ? 0n : 1n;
    write(negative, KIND.FINITE, wide >> 64n, BigInt.asUintN(64, wide) | sticky, exponent + excess + 127);
  };
  return (fn) => {
    const outcome = FUNCTIONS[fn](read(SLOT.A), read(SLOT.B));
    switch (outcome.kind) {
      case 'real':
        writeReal(outcome.value);
        return outcome.flags;
      case 'zero':
        write(outcome.negative, KIND.ZERO, 0n);
        return 0;
      case 'infinite':
        write(outcome.negative, KIND.INFINITE, 1n << 63n);
        return outcome.flags ?? 0;
      case 'invalid':
        write(true, KIND.QUIET, INDEFINITE);
        return EXCEPTION.INVALID;
    }
  };
}
