/** Signs, stack pointer and tags, control and status words. SDM volume 2. */
import { type I32, i32, i64 } from '../../wasm/expression.ts';
import type { FunctionBuilder } from '../../wasm/function.ts';
import type { Context, Instruction, LibraryFunction, Semantics } from '../definition.ts';
import { FPU_TRAP, STATE } from '../state.ts';
import { onRegisters } from './operands.ts';
import { CHANGE_TOP } from './ordinary/stack.ts';
import { deliver, free, INDEFINITE_RAW, perform, pop, rotate, TOP } from './stack.ts';
import {
  controlWord,
  FCW,
  FSW,
  SETTLE,
  STACK_UNDERFLOW,
  SUMMARIZE,
  setStatusWord,
  statusWord,
} from './status.ts';

/** FABS and FCHS: any contents but an empty register's will do. Sign and exponent word AND `mask` XOR `change`. */
const changeSign =
  (mask: number, change: number): Semantics =>
  (c) =>
    c.f.ifUnlikely(i32.eqz(c.library(CHANGE_TOP, i32.const(mask), i32.const(change))), () =>
      perform(c, deliver(c, TOP, i32.const(STACK_UNDERFLOW), INDEFINITE_RAW)),
    );

const clearC1 = (c: Context): void => perform(c, c.library(SETTLE, i32.const(0)));

const moveTop =
  (by: number): Semantics =>
  (c) => {
    rotate(c.f, c.field(0), by);
    clearC1(c);
  };

const freeRegister =
  (pops: boolean): Semantics =>
  (c) => {
    free(c.f, c.field(0), c.stackIndex());
    clearC1(c);
    if (pops) pop(c.f, c.field(0));
  };

/** FSW with TOP. */
export const wholeStatus = (state: I32): I32 =>
  i32.or(statusWord(state), i32.shl(i32.load(state, STATE.FTOP), i32.const(FSW.TOP_SHIFT)));

/**
 * (control word) -> 0. Sets FCW; the exceptions flagged may become unmasked, or masked. Where none is
 * unmasked, nor was, there is nothing to summarize. Both words are written as one: see `ordinary/number.ts`.
 */
const SET_CONTROL: LibraryFunction<'i32'> = {
  name: 'setControl',
  params: ['i32'],
  result: 'i32',
  build: (f, use) => {
    const state = f.param(0, 'i32');
    const defined = i32.or(i32.and(f.param(1, 'i32'), i32.const(FCW.DEFINED)), i32.const(FCW.ALWAYS));
    const words = f.let(i32.or(i32.shl(statusWord(state), i32.const(16)), defined));
    f.store('i32', state, words, STATE.FCW);
    const unmasked = i32.xor(i32.and(words, i32.const(FCW.MASKS)), i32.const(FSW.EXCEPTIONS));
    const flagged = i32.and(i32.shr_u(words, i32.const(16)), i32.or(unmasked, i32.const(FSW.SUMMARY)));
    const pending = i32.and(i32.load(state, STATE.FPU_TRAP), i32.const(FPU_TRAP.PENDING));
    f.if(i32.or(flagged, pending), () => f.let(use.library(SUMMARIZE)));
    f.return(i32.const(0));
    f.unreachable();
  },
};

export const setControlWord = (c: Context, value: I32): void => perform(c, c.library(SET_CONTROL, value));

const loadControl: Semantics = (c) => setControlWord(c, c.f.let(i32.wrap_i64(c.readU(0))));
const storeControl: Semantics = (c) => c.write(0, i64.extend_i32_u(controlWord(c.field(0))));
const storeStatus: Semantics = (c) => c.write(0, i64.extend_i32_u(wholeStatus(c.field(0))));
const storeStatusToAx: Semantics = (c) => c.setGpr(0, i64.extend_i32_u(wholeStatus(c.field(0))), 16);

const clearPending = (f: FunctionBuilder, state: I32): void => {
  const trap = i32.and(i32.load(state, STATE.FPU_TRAP), i32.const(~FPU_TRAP.PENDING));
  f.store('i32', state, trap, STATE.FPU_TRAP);
};

const clearExceptions: Semantics = (c) => {
  const state = c.field(0);
  setStatusWord(c.f, state, i32.and(statusWord(state), i32.const(0x7f00)));
  clearPending(c.f, state);
};

/** SDM volume 2, "FINIT/FNINIT". Register contents stay. */
export const initialize: Semantics = (c) => {
  const { f } = c;
  const state = c.field(0);
  f.store('i32_16', state, i32.const(FCW.INITIAL), STATE.FCW);
  setStatusWord(f, state, i32.const(0));
  for (const offset of [STATE.FTOP, STATE.FTAG]) f.store('i32', state, i32.const(0), offset);
  for (const offset of [STATE.FIP, STATE.FDP]) f.store('i64', state, i64.const(0), offset);
  for (const offset of [STATE.FOP, STATE.FCS, STATE.FDS]) f.store('i32_16', state, i32.const(0), offset);
  clearPending(f, state);
};

const nothing: Semantics = () => {};

const onState = (
  mnemonic: string,
  encoding: string,
  operands: string,
  attributes: string,
  semantics: Semantics,
): Instruction => ({ mnemonic, encoding, operands, attributes, feature: 'fpu', semantics });

export const control: readonly Instruction[] = [
  onRegisters('FCHS', 'D9 E0', changeSign(0xffff, 0x8000)),
  onRegisters('FABS', 'D9 E1', changeSign(0x7fff, 0)),
  onRegisters('FDECSTP', 'D9 F6', moveTop(-1)),
  onRegisters('FINCSTP', 'D9 F7', moveTop(1)),
  onRegisters('FFREE', 'DD /0', freeRegister(false)),
  // Left out of the manuals' opcode maps, in all processors.
  onRegisters('FFREEP', 'DF /0', freeRegister(true)),
  onRegisters('FNOP', 'D9 D0', nothing),
  onState('FWAIT', '9B', '', 'fpu-wait', nothing),
  onState('FLDCW', 'D9 /5', 'Mw', 'fpu', loadControl),
  onState('FNSTCW', 'D9 /7', 'Mw', 'fpu-nowait write', storeControl),
  onState('FNSTSW', 'DD /7', 'Mw', 'fpu-nowait write', storeStatus),
  onState('FNSTSW', 'DF E0', '', 'fpu-nowait', storeStatusToAx),
  onState('FNCLEX', 'DB E2', '', 'fpu-nowait', clearExceptions),
  onState('FNINIT', 'DB E3', '', 'fpu-nowait', initialize),
  // FENI, FDISI of the 8087 and FSETPM of the 287 do nothing.
  ...['E0', 'E1', 'E4'].map((byte) => onState('FNOP', `DB ${byte}`, '', 'fpu-nowait', nothing)),
];
