/** FST, FSTP, FIST, FISTP, FISTTP. SDM volume 2. */
import { type I32, i32, i64 } from '../../wasm/expression.ts';
import type { Context, Instruction, LibraryFunction, Semantics } from '../definition.ts';
import { TO_INTEGER } from '../float/integers.ts';
import { PACK_DOUBLE, PACK_SINGLE } from '../float/pack.ts';
import { ROUND } from '../float/round.ts';
import { has, KIND, RANGE, type Range, ROUNDING, SLOT, slots } from '../float/workspace.ts';
import { onMemory, onRegisters } from './operands.ts';
import { operation } from './operation.ts';
import { STORE_INTEGER } from './ordinary/integer.ts';
import { COPY_TOP } from './ordinary/stack.ts';
import { STORE_CONTENTS, STORE_REAL } from './ordinary/store.ts';
import {
  deliver,
  INDEFINITE_RAW,
  isEmpty,
  named,
  perform,
  pop,
  type Raw,
  readRaw,
  TOP,
  UNPACK_REGISTER,
  unpack,
} from './stack.ts';
import {
  controlOf,
  controlWord,
  FCW,
  OUT_OF_RANGE,
  SETTLE,
  STACK_UNDERFLOW,
  WITHOUT_STORE,
} from './status.ts';

/** A register's number in a narrower format. Denormal operands do not signal. */
const narrow = (name: string, range: Range): LibraryFunction<'i32'> =>
  operation({
    name,
    unary: true,
    denormalsQuiet: true,
    rounding: 'none',
    compute: (f, use, state) => {
      const { a, r, setLow } = slots(f);
      r.copy(a);
      setLow(i64.const(0));
      const { precision, maximum } = range;
      const flags = f.let(use.library(ROUND, i32.const(precision), i32.const(maximum), controlOf(state)));
      // Unmasked, nothing is stored, and so nothing was inexact.
      const unmasked = f.let(i32.and(flags, i32.xor(controlWord(state), i32.const(OUT_OF_RANGE))));
      f.if(has(unmasked, OUT_OF_RANGE), () => f.set(flags, i32.and(flags, i32.const(OUT_OF_RANGE))));
      return flags;
    },
  });

const NARROW_SINGLE = narrow('narrowSingle', RANGE.SINGLE);
const NARROW_DOUBLE = narrow('narrowDouble', RANGE.DOUBLE);

/**
 * (bits, control) -> flags. R's significand is ST(0) as a signed integer, or the integer indefinite.
 */
const TOP_TO_INTEGER: LibraryFunction<'i32'> = {
  name: 'topToInteger',
  params: ['i32', 'i32'],
  result: 'i32',
  build: (f, use) => {
    const kind = f.let(use.library(UNPACK_REGISTER, i32.const(SLOT.A), TOP));
    const flags = use.library(TO_INTEGER, f.param(1, 'i32'), f.param(2, 'i32'));
    f.return(i32.or(flags, i32.mul(has(kind, KIND.EMPTY), i32.const(STACK_UNDERFLOW))));
    f.unreachable();
  },
};

type Then = 'keep' | 'pop';
const popsOf = (then: Then): I32 => i32.const(then === 'pop' ? 1 : 0);

/**
 * Stores at the host address: `quick` does it for ordinary numbers and is 1 then, `any` for all. Commits
 * what was stored.
 */
function storeAt(c: Context, host: I32, quick: I32, any: () => I32): void {
  const stored = c.f.let(quick);
  c.f.if(i32.eqz(stored), () => c.f.set(stored, any()));
  c.f.if(stored, () => c.commit(host));
}

/** Settles `flags` and, unless an unmasked one forbids it, stores and pops. @returns 1 when stored */
function settleAndStore(c: Context, flags: I32, store: () => void, then: Then): I32 {
  const stored = c.f.let(i32.eqz(has(c.library(SETTLE, flags), WITHOUT_STORE)));
  c.f.if(stored, () => {
    store();
    if (then === 'pop') pop(c.f, c.field(0));
  });
  return stored;
}

function storeReal(bytes: 4 | 8, then: Then): Semantics {
  const [convert, pack] = bytes === 4 ? [NARROW_SINGLE, PACK_SINGLE] : [NARROW_DOUBLE, PACK_DOUBLE];
  return (c) => {
    const host = c.f.let(c.hostWrite(bytes));
    c.notePointers();
    storeAt(c, host, c.library(STORE_REAL[bytes], host, popsOf(then)), () => {
      perform(c, unpack(c, SLOT.A, TOP));
      const flags = c.f.let(c.library(convert));
      const store = () => c.f.store(bytes === 4 ? 'i64_32' : 'i64', host, c.library(pack));
      return settleAndStore(c, flags, store, then);
    });
  };
}

const storeInteger =
  (bytes: 2 | 4 | 8, then: Then, truncate = false): Semantics =>
  (c) => {
    const state = c.field(0);
    const host = c.f.let(c.hostWrite(bytes));
    c.notePointers();
    const rounding = i32.const(truncate ? ROUNDING.ZERO : 0);
    storeAt(c, host, c.library(STORE_INTEGER[bytes], host, popsOf(then), rounding), () => {
      const control = truncate ? i32.const(FCW.MASKS | (ROUNDING.ZERO << 6)) : controlOf(state);
      const flags = c.f.let(c.library(TOP_TO_INTEGER, i32.const(bytes * 8), control));
      const op = ({ 2: 'i64_16', 4: 'i64_32', 8: 'i64' } as const)[bytes];
      return settleAndStore(c, flags, () => c.f.store(op, host, slots(c.f, state).r.significand), then);
    });
  };

/** ST(0) with the flags of reading it: the indefinite when it is empty. */
function topContents(c: Context): { value: Raw; flags: I32 } {
  const { f } = c;
  const state = c.field(0);
  const value = named(f, readRaw(f, state, TOP));
  const flags = f.let(i32.const(0));
  f.if(isEmpty(state, TOP), () => {
    f.set(flags, i32.const(STACK_UNDERFLOW));
    f.set(value.significand, INDEFINITE_RAW.significand);
    f.set(value.top, INDEFINITE_RAW.top);
  });
  return { value, flags };
}

const storeExtended: Semantics = (c) => {
  const { f } = c;
  const host = f.let(c.hostWrite(10));
  c.notePointers();
  storeAt(c, host, c.library(STORE_CONTENTS, host), () => {
    const { value, flags } = topContents(c);
    const store = () => {
      f.store('i64', host, value.significand);
      f.store('i32_16', host, value.top, 8);
    };
    return settleAndStore(c, flags, store, 'pop');
  });
};

const storeRegister =
  (then: Then): Semantics =>
  (c) => {
    const { f } = c;
    const index = f.let(c.stackIndex());
    f.if(i32.eqz(c.library(COPY_TOP, index, popsOf(then))), () => {
      const { value, flags } = topContents(c);
      const written = deliver(c, index, flags, value);
      if (then === 'pop') f.if(written, () => pop(f, c.field(0)));
      else perform(c, written);
    });
  };

const write = { attributes: 'fpu write' };
const alias = { variant: 'alias' };

export const stores: readonly Instruction[] = [
  onMemory('FST', 'D9 /2', 'Md', storeReal(4, 'keep'), write),
  onMemory('FSTP', 'D9 /3', 'Md', storeReal(4, 'pop'), write),
  onMemory('FST', 'DD /2', 'Mq', storeReal(8, 'keep'), write),
  onMemory('FSTP', 'DD /3', 'Mq', storeReal(8, 'pop'), write),
  onMemory('FSTP', 'DB /7', 'Mt', storeExtended, write),
  onMemory('FIST', 'DF /2', 'Mw', storeInteger(2, 'keep'), write),
  onMemory('FISTP', 'DF /3', 'Mw', storeInteger(2, 'pop'), write),
  onMemory('FIST', 'DB /2', 'Md', storeInteger(4, 'keep'), write),
  onMemory('FISTP', 'DB /3', 'Md', storeInteger(4, 'pop'), write),
  onMemory('FISTP', 'DF /7', 'Mq', storeInteger(8, 'pop'), write),
  onMemory('FISTTP', 'DF /1', 'Mw', storeInteger(2, 'pop', true), { ...write, feature: 'sse3' }),
  onMemory('FISTTP', 'DB /1', 'Md', storeInteger(4, 'pop', true), { ...write, feature: 'sse3' }),
  onMemory('FISTTP', 'DD /1', 'Mq', storeInteger(8, 'pop', true), { ...write, feature: 'sse3' }),
  onRegisters('FST', 'DD /2', storeRegister('keep')),
  onRegisters('FSTP', 'DD /3', storeRegister('pop')),
  // Encodings that the manuals leave out and processors treat as FSTP.
  onRegisters('FSTP', 'D9 /3', storeRegister('pop'), alias),
  onRegisters('FSTP', 'DF /2', storeRegister('pop'), alias),
  onRegisters('FSTP', 'DF /3', storeRegister('pop'), alias),
];
