/**
 * FBLD and FBSTP: 18 packed decimal digits, the lowest in byte 0, and the sign in bit 7 of byte 9. SDM
 * volume 1, "BCD and Packed BCD Integers".
 */
import { type I32, i32, i64, select } from '../../wasm/expression.ts';
import type { FunctionBuilder, Local } from '../../wasm/function.ts';
import type { Instruction, LibraryFunction, Semantics } from '../definition.ts';
import { FROM_INTEGER, TO_INTEGER } from '../float/integers.ts';
import { EXCEPTION, has, KIND, SLOT, slots } from '../float/workspace.ts';
import { STATE } from '../state.ts';
import { onMemory } from './operands.ts';
import { perform, pop, push, TOP, UNPACK_REGISTER } from './stack.ts';
import { controlOf, SETTLE, STACK_UNDERFLOW, WITHOUT_STORE } from './status.ts';

/** The ten bytes of a number on their way to memory. */
const IMAGE = STATE.TEMPORARY;
const DIGIT_BYTES = 9;
const LIMIT = 10n ** 18n;

/** Low i64 and high i16 of the packed decimal indefinite. */
const INDEFINITE = { LOW: 0xc000_0000_0000_0000n, HIGH: 0xffff } as const;

/** for (i = from; i != to; i += step) */
function each(f: FunctionBuilder, from: number, to: number, body: (i: Local<'i32'>) => void): void {
  const step = from < to ? 1 : -1;
  const i = f.let(i32.const(from));
  f.loop((next) => {
    body(i);
    f.set(i, i32.add(i, i32.const(step)));
    f.brIf(next, i32.ne(i, i32.const(to)));
  });
}

/** (host address) -> 0. R is the number there. Digits above 9 count as what they are. */
const FROM_DECIMAL: LibraryFunction<'i32'> = {
  name: 'fromDecimal',
  params: ['i32'],
  result: 'i32',
  build: (f, use) => {
    const host = f.param(1, 'i32');
    const value = f.let(i64.const(0));
    each(f, DIGIT_BYTES - 1, -1, (i) => {
      const byte = f.let(i64.load8_u(i32.add(host, i)));
      const two = i64.add(
        i64.mul(i64.shr_u(byte, i64.const(4)), i64.const(10)),
        i64.and(byte, i64.const(15)),
      );
      f.set(value, i64.add(i64.mul(value, i64.const(100)), two));
    });
    f.let(use.library(FROM_INTEGER, value));
    slots(f).r.setSign(i32.shr_u(i32.load8_u(host, DIGIT_BYTES), i32.const(7)));
    f.return(i32.const(0));
    f.unreachable();
  },
};

/** () -> flags. IMAGE is ST(0) rounded to an integer. */
const TO_DECIMAL: LibraryFunction<'i32'> = {
  name: 'toDecimal',
  params: [],
  result: 'i32',
  build: (f, use) => {
    const state = f.param(0, 'i32');
    const { a, r } = slots(f);
    const kind = f.let(use.library(UNPACK_REGISTER, i32.const(SLOT.A), TOP));
    const flags = f.let(use.library(TO_INTEGER, i32.const(64), controlOf(state)));
    f.set(flags, i32.or(flags, i32.mul(has(kind, KIND.EMPTY), i32.const(STACK_UNDERFLOW))));
    const value = f.let(r.significand);
    const magnitude = f.let(select(i64.lt_s(value, i64.const(0)), i64.sub(i64.const(0), value), value));
    f.if(i64.ge_u(magnitude, i64.const(LIMIT)), () =>
      f.set(flags, i32.or(i32.and(flags, i32.const(EXCEPTION.STACK_FAULT)), i32.const(EXCEPTION.INVALID))),
    );
    f.if(has(flags, EXCEPTION.INVALID), () => {
      f.store('i64', state, i64.const(INDEFINITE.LOW), IMAGE);
      f.store('i32_16', state, i32.const(INDEFINITE.HIGH), IMAGE + 8);
      f.return(flags);
    });
    each(f, 0, DIGIT_BYTES, (i) => {
      const two = f.let(i64.rem_u(magnitude, i64.const(100)));
      f.set(magnitude, i64.div_u(magnitude, i64.const(100)));
      const tens = i64.shl(i64.div_u(two, i64.const(10)), i64.const(4));
      f.store('i64_8', i32.add(state, i), i64.or(tens, i64.rem_u(two, i64.const(10))), IMAGE);
    });
    f.store('i32_8', state, i32.shl(a.sign, i32.const(7)), IMAGE + DIGIT_BYTES);
    f.return(flags);
    f.unreachable();
  },
};

const load: Semantics = (c) => {
  const host = c.hostRead(10);
  c.notePointers();
  perform(c, c.library(FROM_DECIMAL, host));
  perform(c, push(c, i32.const(0)));
};

const storeAndPop: Semantics = (c) => {
  const { f } = c;
  const state: I32 = c.field(0);
  const host = c.hostWrite(10);
  c.notePointers();
  const flags = f.let(c.library(TO_DECIMAL));
  f.if(i32.eqz(has(c.library(SETTLE, flags), WITHOUT_STORE)), () => {
    f.store('i64', host, i64.load(state, IMAGE));
    f.store('i32_16', host, i32.load16_u(state, IMAGE + 8), 8);
    c.commit(host);
    pop(f, state);
  });
};

export const decimals: readonly Instruction[] = [
  onMemory('FBLD', 'DF /4', 'Mt', load),
  onMemory('FBSTP', 'DF /6', 'Mt', storeAndPop, { attributes: 'fpu write' }),
];
