/**
 * What arithmetic instructions have in common: operands in A and B, NaNs and denormals among them,
 * rounding. SDM volume 1, "Operating on SNaNs and QNaNs", "Floating-Point Exception Priority".
 */
import { type I32, i32, i64 } from '../../wasm/expression.ts';
import type { FunctionBuilder } from '../../wasm/function.ts';
import type { LibraryFunction, LibraryUser } from '../definition.ts';
import { FROM_INTEGER } from '../float/integers.ts';
import { ROUND } from '../float/round.ts';
import { quieted } from '../float/unpack.ts';
import { EXCEPTION, has, KIND, RANGE, Slot, slots } from '../float/workspace.ts';
import { controlOf, isUnmasked, precisionOf, STACK_UNDERFLOW, WITHOUT_RESULT } from './status.ts';

/** Kinds that make an operation deliver a NaN. */
export const NO_NUMBER = KIND.NAN | KIND.UNSUPPORTED | KIND.EMPTY;

/**
 * () -> flags. R from operands of which at least one is NO_NUMBER: the indefinite for an empty register
 * or an unsupported format; else a NaN made quiet, of two the QNaN if one is signalling, else the one
 * with the larger significand, else the positive one.
 */
const PROPAGATE: LibraryFunction<'i32'> = {
  name: 'propagate',
  params: [],
  result: 'i32',
  build: (f) => {
    const { a, b, r } = slots(f);
    const [ka, kb] = [f.let(a.kind), f.let(b.kind)];
    const any = f.let(i32.or(ka, kb));
    r.setIndefinite();
    f.if(has(any, KIND.EMPTY), () => f.return(i32.const(STACK_UNDERFLOW)));
    f.if(has(any, KIND.UNSUPPORTED), () => f.return(i32.const(EXCEPTION.INVALID)));

    const first = f.let(i32.const(1));
    f.if(
      i32.and(has(ka, KIND.NAN), has(kb, KIND.NAN)),
      () => {
        const [sa, sb] = [f.let(a.significand), f.let(b.significand)];
        f.if(
          i32.eq(ka, kb),
          () => f.set(first, i32.or(i64.gt_u(sa, sb), i32.and(i64.eq(sa, sb), i32.eqz(a.sign)))),
          () => f.set(first, has(ka, KIND.QUIET)),
        );
      },
      () => f.set(first, has(ka, KIND.NAN)),
    );
    f.if(
      first,
      () => r.copy(a),
      () => r.copy(b),
    );
    r.setSignificand(quieted(r.significand));
    r.setKind(KIND.QUIET);
    f.if(has(any, KIND.SIGNALING), () => f.return(i32.const(EXCEPTION.INVALID)));
    f.return(i32.const(0));
    f.unreachable();
  },
};

export interface OperationRules {
  readonly name: string;
  /** One operand, in A. */
  readonly unary?: boolean;
  /** Computes R and LOW of operands that are numbers. @returns flags */
  readonly compute: (f: FunctionBuilder, use: LibraryUser, state: I32) => I32;
  /** How R is rounded: to precision control, to 64 bits, or not (it has its final value). Default: controlled. */
  readonly rounding?: 'controlled' | 'extended' | 'none';
  /** Denormal operands do not signal. */
  readonly denormalsQuiet?: boolean;
}

/** () -> flags. R is what a register gets as the result for the operands in A and B. */
export function operation(rules: OperationRules): LibraryFunction<'i32'> {
  const { name, unary = false, compute, rounding = 'controlled', denormalsQuiet = false } = rules;
  return {
    name,
    params: [],
    result: 'i32',
    build: (f, use) => {
      const state = f.param(0, 'i32');
      const { a, b } = slots(f);
      if (unary) b.setKind(KIND.ZERO);
      const kinds = f.let(i32.or(a.kind, b.kind));
      f.if(has(kinds, NO_NUMBER), () => f.return(use.library(PROPAGATE)));
      const flags = f.let(compute(f, use, state));
      f.if(has(flags, WITHOUT_RESULT), () => f.return(flags));
      if (!denormalsQuiet) {
        f.if(has(kinds, KIND.DENORMAL), () => {
          f.if(isUnmasked(state, EXCEPTION.DENORMAL), () => f.return(i32.const(EXCEPTION.DENORMAL)));
          f.set(flags, i32.or(flags, i32.const(EXCEPTION.DENORMAL)));
        });
      }
      if (rounding !== 'none') {
        const { maximum } = RANGE.EXTENDED;
        const precision =
          rounding === 'controlled' ? precisionOf(f, state) : i32.const(RANGE.EXTENDED.precision);
        f.set(flags, i32.or(flags, use.library(ROUND, precision, i32.const(maximum), controlOf(state))));
      }
      f.return(flags);
      f.unreachable();
    },
  };
}

/** (slot, integer) -> 0. The value of a signed integer. */
export const UNPACK_INTEGER: LibraryFunction<'i32'> = {
  name: 'unpackInteger',
  params: ['i32', 'i64'],
  result: 'i32',
  build: (f, use) => {
    const slot = new Slot(f, f.let(i32.add(f.param(0, 'i32'), f.param(1, 'i32'))), 0);
    f.let(use.library(FROM_INTEGER, f.param(2, 'i64')));
    slot.copy(slots(f).r);
    f.return(i32.const(0));
    f.unreachable();
  },
};
