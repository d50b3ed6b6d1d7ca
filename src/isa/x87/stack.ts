/**
 * The register stack: SDM volume 1, "x87 FPU Data Registers". ST(i) is the physical register (TOP + i)
 * mod 8. What an operation delivers goes through DELIVER or PUSH, which settle its exceptions first.
 */
import { type I32, type I64, i32, i64 } from '../../wasm/expression.ts';
import type { FunctionBuilder, Local } from '../../wasm/function.ts';
import type { Context, LibraryFunction, LibraryUser } from '../definition.ts';
import { PACK_EXTENDED_TOP } from '../float/pack.ts';
import { UNPACK_EXTENDED } from '../float/unpack.ts';
import { EXCEPTION, has, INDEFINITE, KIND, Slot, slots } from '../float/workspace.ts';
import { STATE } from '../state.ts';
import { SETTLE, STACK_OVERFLOW, WITHOUT_RESULT } from './status.ts';

/** Sign and exponent word of the real-indefinite QNaN; its significand is INDEFINITE. */
const INDEFINITE_TOP = 0xffff;

const physical = (state: I32, index: I32): I32 =>
  i32.and(i32.add(i32.load(state, STATE.FTOP), index), i32.const(7));

const bitOf = (state: I32, index: I32): I32 => i32.shl(i32.const(1), physical(state, index));

/** Address to which STATE.X87 is to be added. */
const registerAddress = (state: I32, index: I32): I32 =>
  i32.add(state, i32.shl(physical(state, index), i32.const(4)));

export const isEmpty = (state: I32, index: I32): I32 =>
  i32.eqz(i32.and(i32.load(state, STATE.FTAG), bitOf(state, index)));

const setTags = (f: FunctionBuilder, state: I32, tags: I32): void => f.store('i32', state, tags, STATE.FTAG);

export const free = (f: FunctionBuilder, state: I32, index: I32): void =>
  setTags(f, state, i32.and(i32.load(state, STATE.FTAG), i32.xor(bitOf(state, index), i32.const(-1))));

/** Adds to TOP; tags stay. */
export const rotate = (f: FunctionBuilder, state: I32, by: number): void =>
  f.store('i32', state, physical(state, i32.const(by)), STATE.FTOP);

export function pop(f: FunctionBuilder, state: I32): void {
  free(f, state, i32.const(0));
  rotate(f, state, 1);
}

/** Both parts of a register as they are: any encoding survives. */
export interface Raw {
  readonly significand: I64;
  readonly top: I32;
}

/** A value in locals, to be changed before it is delivered. */
export interface MutableRaw extends Raw {
  readonly significand: Local<'i64'>;
  readonly top: Local<'i32'>;
}

export const named = (f: FunctionBuilder, value: Raw): MutableRaw => ({
  significand: f.let(value.significand),
  top: f.let(value.top),
});

export function readRaw(f: FunctionBuilder, state: I32, index: I32): Raw {
  const address = f.let(registerAddress(state, index));
  return {
    significand: f.let(i64.load(address, STATE.X87)),
    top: f.let(i32.load16_u(address, STATE.X87 + 8)),
  };
}

export const INDEFINITE_RAW: Raw = { significand: i64.const(INDEFINITE), top: i32.const(INDEFINITE_TOP) };

/** Changes the contents and leaves the tag alone. */
export function writeContents(f: FunctionBuilder, state: I32, index: I32, value: Raw): void {
  const address = f.let(registerAddress(state, index));
  f.store('i64', address, value.significand, STATE.X87);
  f.store('i32_16', address, value.top, STATE.X87 + 8);
}

/** Writes a result: the register is not empty afterwards. */
export function writeRaw(f: FunctionBuilder, state: I32, index: I32, value: Raw): void {
  writeContents(f, state, index, value);
  setTags(f, state, i32.or(i32.load(state, STATE.FTAG), bitOf(state, index)));
}

/** (slot, index) -> KIND of ST(index), EMPTY if it is. */
export const UNPACK_REGISTER: LibraryFunction<'i32'> = {
  name: 'unpackRegister',
  params: ['i32', 'i32'],
  result: 'i32',
  build: (f, use) => {
    const [state, slot, index] = [f.param(0, 'i32'), f.param(1, 'i32'), f.param(2, 'i32')];
    f.if(isEmpty(state, index), () => {
      new Slot(f, i32.add(state, slot), 0).setKind(KIND.EMPTY);
      f.return(i32.const(KIND.EMPTY));
    });
    const { significand, top } = readRaw(f, state, index);
    f.return(use.library(UNPACK_EXTENDED, slot, significand, top));
    f.unreachable();
  },
};

/**
 * (index, flags, significand, top) -> 1 when ST(index) was written, 0 when an unmasked exception leaves
 * the operation without a result.
 */
const DELIVER: LibraryFunction<'i32'> = {
  name: 'deliver',
  params: ['i32', 'i32', 'i64', 'i32'],
  result: 'i32',
  build: (f, use) => {
    const [state, index, flags] = [f.param(0, 'i32'), f.param(1, 'i32'), f.param(2, 'i32')];
    f.if(has(use.library(SETTLE, flags), WITHOUT_RESULT), () => f.return(i32.const(0)));
    writeRaw(f, state, index, { significand: f.param(3, 'i64'), top: f.param(4, 'i32') });
    f.return(i32.const(1));
    f.unreachable();
  },
};

/** (flags, significand, top) -> 1 when pushed, which may be the indefinite of a stack overflow. */
const PUSH: LibraryFunction<'i32'> = {
  name: 'pushX87',
  params: ['i32', 'i64', 'i32'],
  result: 'i32',
  build: (f, use) => {
    const [state, flags] = [f.param(0, 'i32'), f.param(1, 'i32')];
    const [significand, top] = [f.param(2, 'i64'), f.param(3, 'i32')];
    f.if(i32.eqz(isEmpty(state, i32.const(-1))), () => {
      // An empty source comes before a full stack.
      f.if(i32.eqz(has(flags, EXCEPTION.STACK_FAULT)), () => f.set(flags, i32.const(STACK_OVERFLOW)));
      f.set(significand, INDEFINITE_RAW.significand);
      f.set(top, INDEFINITE_RAW.top);
    });
    // A denormal is loaded even when it signals unmasked.
    f.if(has(use.library(SETTLE, flags), EXCEPTION.INVALID), () => f.return(i32.const(0)));
    rotate(f, state, -1);
    writeRaw(f, state, i32.const(0), { significand, top });
    f.return(i32.const(1));
    f.unreachable();
  },
};

/** What the steps of an instruction need, in semantics or in a library function. */
export type Workplace = Pick<Context, 'f' | 'field' | 'library'>;

/** The body of a library function as a workplace. */
export const inside = (f: FunctionBuilder, use: LibraryUser): Workplace => ({
  f,
  field: (offset) => i32.add(f.param(0, 'i32'), i32.const(offset)),
  library: (fn, ...args) => use.library(fn, ...args),
});

/** R, as a register holds it. */
export function result(c: Workplace): Raw {
  const { r } = slots(c.f, c.field(0));
  return { significand: r.significand, top: c.library(PACK_EXTENDED_TOP) };
}

/** Settles `flags` and writes to ST(index). @returns 1 when it was written */
export const deliver = (c: Workplace, index: I32, flags: I32, value: Raw = result(c)): I32 =>
  c.library(DELIVER, index, flags, value.significand, value.top);

/** The same with a push. */
export const push = (c: Workplace, flags: I32, value: Raw = result(c)): I32 =>
  c.library(PUSH, flags, value.significand, value.top);

/** Evaluates a call for its effect. */
export const perform = (c: Pick<Workplace, 'f'>, call: I32): void => {
  c.f.let(call);
};

/** Unpacks ST(index) to SLOT.A or SLOT.B. @returns its kind */
export const unpack = (c: Workplace, slot: number, index: I32): I32 =>
  c.library(UNPACK_REGISTER, i32.const(slot), index);

export const TOP = i32.const(0);
