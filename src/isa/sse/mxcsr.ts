/** MXCSR and SIMD floating-point exceptions: SDM volume 1, "SIMD Floating-Point Exceptions". */
import { CR4, VECTOR } from '../../arch/registers.ts';
import { type I32, i32 } from '../../wasm/expression.ts';
import type { FunctionBuilder } from '../../wasm/function.ts';
import type { Context, LibraryFunction, LibraryUser } from '../definition.ts';
import { EXCEPTION, FLAGS, has, UNMASKED } from '../float/workspace.ts';
import { STATE } from '../state.ts';

export const MXCSR = {
  /** Exception flags 5:0 stand at the bits of EXCEPTION. */
  FLAGS: 0x3f,
  PRECISION_FLAG: 1 << 5,
  DENORMALS_ARE_ZEROS: 1 << 6,
  MASKS_SHIFT: 7,
  MASKS: 0x3f << 7,
  PRECISION_MASK: 1 << 12,
  ROUNDING_SHIFT: 13,
  ROUNDING: 3 << 13,
  FLUSH_TO_ZERO: 1 << 15,
  /** Bits that LDMXCSR and FXRSTOR accept; MXCSR_MASK of the FXSAVE image. */
  DEFINED: 0xffff,
  RESET: 0x1f80,
} as const;

export const mxcsrOf = (state: I32): I32 => i32.load(state, STATE.MXCSR);

/** The control argument of the functions in `float/`. */
export const controlOf = (state: I32): I32 => i32.shr_u(mxcsrOf(state), i32.const(MXCSR.MASKS_SHIFT));

const UNUSUAL = 0xffff & ~MXCSR.FLAGS;

/**
 * 0 when a result rounded to nearest that is not denormal needs no change of MXCSR and no treatment of its
 * own: round to nearest, all exceptions masked, and the precision flag set already.
 */
export const unusual = (mxcsr: I32): I32 =>
  i32.xor(
    i32.and(mxcsr, i32.const(MXCSR.MASKS | MXCSR.ROUNDING | MXCSR.PRECISION_FLAG)),
    i32.const(MXCSR.MASKS | MXCSR.PRECISION_FLAG),
  );

/** The same where denormals may occur: no FTZ, no DAZ. */
export const isPlain = (mxcsr: I32): I32 =>
  i32.eq(
    i32.and(mxcsr, i32.const(UNUSUAL | MXCSR.PRECISION_FLAG)),
    i32.const(MXCSR.MASKS | MXCSR.PRECISION_FLAG),
  );

/** The same whatever the precision flag, for results that are exact. */
export const isPlainWhenExact = (mxcsr: I32): I32 =>
  i32.eq(i32.and(mxcsr, i32.const(UNUSUAL)), i32.const(MXCSR.MASKS));

/** An inexact result goes unnoticed: the precision flag is set already and masked. */
export const inexactIsPlain = (mxcsr: I32): I32 => {
  const both = MXCSR.PRECISION_FLAG | MXCSR.PRECISION_MASK;
  return i32.eq(i32.and(mxcsr, i32.const(both)), i32.const(both));
};

/** Before the first lane of an instruction. */
export const clearFlags = (f: FunctionBuilder, state: I32): void =>
  f.store('i32', state, i32.const(0), FLAGS);

export const addFlags = (f: FunctionBuilder, state: I32, flags: I32): void =>
  f.store('i32', state, i32.or(i32.load(state, FLAGS), flags), FLAGS);

const PRE_COMPUTATION = EXCEPTION.INVALID | EXCEPTION.DENORMAL | EXCEPTION.ZERO_DIVIDE;

/**
 * () -> nonzero for an unmasked exception. Adds the flags of all lanes to MXCSR. An unmasked exception
 * found before computing keeps the flags of rounding from being set, in all lanes.
 */
const SETTLE: LibraryFunction<'i32'> = {
  name: 'settleFlags',
  params: [],
  result: 'i32',
  build: (f) => {
    const state = f.param(0, 'i32');
    const mxcsr = f.let(mxcsrOf(state));
    const flags = f.let(i32.and(i32.load(state, FLAGS), i32.const(MXCSR.FLAGS)));
    const unmasked = f.let(
      i32.xor(
        i32.shr_u(i32.and(mxcsr, i32.const(MXCSR.MASKS)), i32.const(MXCSR.MASKS_SHIFT)),
        i32.const(0x3f),
      ),
    );
    f.if(has(i32.and(flags, unmasked), PRE_COMPUTATION), () =>
      f.set(flags, i32.and(flags, i32.const(PRE_COMPUTATION))),
    );
    f.store('i32', state, i32.or(mxcsr, flags), STATE.MXCSR);
    f.return(i32.and(flags, unmasked));
    f.unreachable();
  },
};

/** SETTLE for a library function that has another result: see `raiseUnmasked`. */
export const settleInside = (f: FunctionBuilder, use: LibraryUser): void =>
  f.store('i32', f.param(0, 'i32'), use.library(SETTLE), UNMASKED);

export const noneUnmasked = (f: FunctionBuilder): void =>
  f.store('i32', f.param(0, 'i32'), i32.const(0), UNMASKED);

function raiseIf(c: Context, unmasked: I32): void {
  c.f.ifUnlikely(unmasked, () => {
    const enabled = i32.and(i32.load(c.field(STATE.CR4)), i32.const(CR4.OSXMMEXCPT));
    c.f.if(
      enabled,
      () => c.raise(VECTOR.XM),
      () => c.raise(VECTOR.UD),
    );
  });
}

/** After all lanes, before anything is written: #XM, or #UD without CR4.OSXMMEXCPT, if unmasked. */
export const settle = (c: Context): void => raiseIf(c, c.library(SETTLE));

/** The same after a library function that has settled the flags itself. */
export const raiseUnmasked = (c: Context): void => raiseIf(c, i32.load(c.field(UNMASKED)));
