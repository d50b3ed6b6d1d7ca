/** Control and status word: SDM volume 1, "x87 FPU Status Register", "x87 FPU Control Word". */
import { type I32, i32, select } from '../../wasm/expression.ts';
import type { FunctionBuilder } from '../../wasm/function.ts';
import type { LibraryFunction } from '../definition.ts';
import { EXCEPTION, has } from '../float/workspace.ts';
import { FPU_TRAP, STATE } from '../state.ts';

/** Status word; the exception flags 5:0 and SF stand at the bits of EXCEPTION, TOP is in STATE.FTOP. */
export const FSW = {
  EXCEPTIONS: 0x3f,
  /** IE to PE, SF. */
  FLAGS: 0x7f,
  C0: 1 << 8,
  C1: 1 << 9,
  C2: 1 << 10,
  TOP_SHIFT: 11,
  C3: 1 << 14,
  /** ES and B: an unmasked exception is flagged. */
  SUMMARY: 0x8080,
} as const;

/** C3, C2 and C0: what comparisons and FXAM answer. */
export const CONDITION = FSW.C3 | FSW.C2 | FSW.C0;

export const FCW = {
  MASKS: 0x3f,
  PRECISION_SHIFT: 8,
  ROUNDING_SHIFT: 10,
  /** Bit 6 reads as 1; bit 12 (infinity control of the 287) can be set and means nothing. */
  ALWAYS: 0x40,
  DEFINED: 0x1f3f,
  /** After FINIT: all masked, 64 bits, to nearest. */
  INITIAL: 0x37f,
} as const;

/** An operation without a result, when unmasked: registers, memory and TOP stay as they are. */
export const WITHOUT_RESULT = EXCEPTION.INVALID | EXCEPTION.DENORMAL | EXCEPTION.ZERO_DIVIDE;
export const OUT_OF_RANGE = EXCEPTION.OVERFLOW | EXCEPTION.UNDERFLOW;
/** The same as WITHOUT_RESULT for a store to memory. */
export const WITHOUT_STORE = WITHOUT_RESULT | OUT_OF_RANGE;

export const STACK_UNDERFLOW = EXCEPTION.INVALID | EXCEPTION.STACK_FAULT;
export const STACK_OVERFLOW = STACK_UNDERFLOW | FSW.C1;

export const statusWord = (state: I32): I32 => i32.load16_u(state, STATE.FSW);
export const controlWord = (state: I32): I32 => i32.load16_u(state, STATE.FCW);

export const setStatusWord = (f: FunctionBuilder, state: I32, value: I32): void =>
  f.store('i32_16', state, value, STATE.FSW);

/** The control argument of the functions in `float/`. */
export const controlOf = (state: I32): I32 => {
  const fcw = controlWord(state);
  return i32.or(
    i32.and(fcw, i32.const(FCW.MASKS)),
    i32.and(i32.shr_u(fcw, i32.const(FCW.ROUNDING_SHIFT - 6)), i32.const(3 << 6)),
  );
};

/** Precision in bits by precision control: 24, 53 or 64; the reserved setting gives 64. */
export const precisionOf = (f: FunctionBuilder, state: I32): I32 => {
  const control = f.let(i32.and(controlWord(state), i32.const(3 << FCW.PRECISION_SHIFT)));
  const wide = select(i32.eq(control, i32.const(2 << FCW.PRECISION_SHIFT)), i32.const(53), i32.const(64));
  return select(control, wide, i32.const(24));
};

/** Whether an exception of `mask` (one bit) is unmasked. */
export const isUnmasked = (state: I32, mask: number): I32 => i32.eqz(has(controlWord(state), mask));

/** () -> 0. Sets ES and B, and lets the next waiting instruction raise #MF, as flags and masks want it. */
export const SUMMARIZE: LibraryFunction<'i32'> = {
  name: 'summarize',
  params: [],
  result: 'i32',
  build: (f) => {
    const state = f.param(0, 'i32');
    const fsw = f.let(i32.and(statusWord(state), i32.const(0xffff & ~FSW.SUMMARY)));
    const trap = f.let(i32.and(i32.load(state, STATE.FPU_TRAP), i32.const(~FPU_TRAP.PENDING)));
    const unmasked = i32.xor(controlWord(state), i32.const(FCW.MASKS));
    f.if(has(i32.and(fsw, unmasked), FSW.EXCEPTIONS), () => {
      f.set(fsw, i32.or(fsw, i32.const(FSW.SUMMARY)));
      f.set(trap, i32.or(trap, i32.const(FPU_TRAP.PENDING)));
    });
    setStatusWord(f, state, fsw);
    f.store('i32', state, trap, STATE.FPU_TRAP);
    f.return(i32.const(0));
    f.unreachable();
  },
};

/**
 * (flags) -> those that are unmasked. Ends an operation that signalled `flags`: bits of EXCEPTION, where
 * ROUNDED_UP becomes C1. The flags stay until FCLEX or FINIT, C1 until the next instruction.
 */
export const SETTLE: LibraryFunction<'i32'> = {
  name: 'settleX87',
  params: ['i32'],
  result: 'i32',
  build: (f, use) => {
    const [state, flags] = [f.param(0, 'i32'), f.param(1, 'i32')];
    const kept = i32.and(statusWord(state), i32.const(0xffff & ~FSW.C1));
    setStatusWord(f, state, i32.or(kept, i32.and(flags, i32.const(FSW.FLAGS | FSW.C1))));
    const unmasked = f.let(
      i32.and(i32.and(flags, i32.const(FSW.EXCEPTIONS)), i32.xor(controlWord(state), i32.const(FCW.MASKS))),
    );
    f.if(unmasked, () => f.let(use.library(SUMMARIZE)));
    f.return(unmasked);
    f.unreachable();
  },
};
