/** FLD, FILD, the constants, FXCH, FCMOVcc: what enters the stack or moves within it. SDM volume 2. */
import { choose, type I32, i32, i64, select } from '../../wasm/expression.ts';
import type { Context, Instruction, Semantics } from '../definition.ts';
import { FROM_INTEGER } from '../float/integers.ts';
import { has, SLOT, slots } from '../float/workspace.ts';
import { CONSTANTS, type Constant } from './constants.ts';
import { onMemory, onRegisters, readMemory, SOURCE, type Source } from './operands.ts';
import { operation } from './operation.ts';
import { EXCHANGE, PUSH_CONTENTS, PUSH_COPY, PUSH_FROM } from './ordinary/stack.ts';
import {
  deliver,
  INDEFINITE_RAW,
  isEmpty,
  type MutableRaw,
  named,
  perform,
  push,
  type Raw,
  readRaw,
  TOP,
  writeRaw,
} from './stack.ts';
import { controlWord, FCW, FSW, SETTLE, STACK_UNDERFLOW, statusWord, WITHOUT_RESULT } from './status.ts';

/** A single or double as it stands in a register: exact; SNaNs and denormals signal. */
const WIDEN = operation({
  name: 'widen',
  unary: true,
  rounding: 'none',
  compute: (f) => {
    const { a, r } = slots(f);
    r.copy(a);
    return i32.const(0);
  },
});

const loadReal =
  (source: Source): Semantics =>
  (c) => {
    const bits = readMemory(c);
    c.f.if(i32.eqz(c.library(PUSH_FROM[source.format], bits)), () => {
      perform(c, c.library(source.unpack, i32.const(SLOT.A), bits));
      perform(c, push(c, c.f.let(c.library(WIDEN))));
    });
  };

/** Pushes contents as they are. */
const pushContents = (c: Context, value: MutableRaw): void =>
  c.f.if(i32.eqz(c.library(PUSH_CONTENTS, value.significand, value.top)), () =>
    perform(c, push(c, i32.const(0), value)),
  );

const loadExtended: Semantics = (c) => {
  const host = c.f.let(c.hostRead(10));
  const value = named(c.f, { significand: i64.load(host), top: i32.load16_u(host, 8) });
  c.notePointers();
  pushContents(c, value);
};

const loadInteger: Semantics = (c) => {
  const value = readMemory(c);
  c.f.if(i32.eqz(c.library(PUSH_FROM.integer, value)), () => {
    perform(c, c.library(FROM_INTEGER, value));
    perform(c, push(c, i32.const(0)));
  });
};

/** The flags of an operand that may be empty. */
const underflowOf = (c: Context, empty: I32): I32 => c.f.let(i32.mul(empty, i32.const(STACK_UNDERFLOW)));

/** The register's contents, or the indefinite when it is empty. */
function contents(c: Context, index: I32, empty: I32): Raw {
  const value = readRaw(c.f, c.field(0), index);
  return {
    significand: choose(empty, INDEFINITE_RAW.significand, value.significand),
    top: choose(empty, INDEFINITE_RAW.top, value.top),
  };
}

const loadRegister: Semantics = (c) => {
  const index = c.f.let(c.stackIndex());
  c.f.if(i32.eqz(c.library(PUSH_COPY, index)), () => {
    const empty = c.f.let(isEmpty(c.field(0), index));
    perform(c, push(c, underflowOf(c, empty), contents(c, index, empty)));
  });
};

const loadConstant =
  (constant: Constant): Semantics =>
  (c) => {
    const rounding = i32.and(i32.shr_u(controlWord(c.field(0)), i32.const(FCW.ROUNDING_SHIFT)), i32.const(3));
    const above = i32.and(i32.shr_u(i32.const(constant.above), rounding), i32.const(1));
    const significand = i64.add(i64.const(constant.significand), i64.extend_i32_u(above));
    pushContents(c, named(c.f, { significand, top: i32.const(constant.top) }));
  };

const exchange: Semantics = (c) => {
  const index = c.f.let(c.stackIndex());
  c.f.if(i32.eqz(c.library(EXCHANGE, index)), () => exchangeAny(c, index));
};

/** One of the registers is empty. */
function exchangeAny(c: Context, index: I32): void {
  const { f } = c;
  const state = c.field(0);
  const [emptyTop, emptyOther] = [f.let(isEmpty(state, TOP)), f.let(isEmpty(state, index))];
  const kept = named(f, contents(c, TOP, emptyTop));
  const other = named(f, contents(c, index, emptyOther));
  const flags = underflowOf(c, i32.or(emptyTop, emptyOther));
  f.if(i32.eqz(has(c.library(SETTLE, flags), WITHOUT_RESULT)), () => {
    writeRaw(f, state, TOP, other);
    writeRaw(f, state, index, kept);
  });
}

/** An empty source or destination counts even when the condition does not hold. */
const moveIf =
  (condition: number): Semantics =>
  (c) => {
    const { f } = c;
    const state = c.field(0);
    const index = c.stackIndex();
    const empty = f.let(i32.or(isEmpty(state, TOP), isEmpty(state, index)));
    const flags = underflowOf(c, empty);
    const value = contents(c, index, empty);
    // C1 changes only with a stack underflow.
    const c1 = i32.and(statusWord(state), i32.const(FSW.C1));
    const kept = f.let(select(empty, i32.const(0), c1));
    f.if(i32.or(empty, c.condition(condition)), () =>
      perform(c, deliver(c, TOP, i32.or(flags, kept), value)),
    );
  };

/** Condition codes of Jcc and SETcc. */
const CONDITIONS = [
  ['B', 'DA', 0, 2],
  ['E', 'DA', 1, 4],
  ['BE', 'DA', 2, 6],
  ['U', 'DA', 3, 10],
  ['NB', 'DB', 0, 3],
  ['NE', 'DB', 1, 5],
  ['NBE', 'DB', 2, 7],
  ['NU', 'DB', 3, 11],
] as const;

export const loads: readonly Instruction[] = [
  onMemory('FLD', 'D9 /0', 'Md', loadReal(SOURCE.SINGLE)),
  onMemory('FLD', 'DD /0', 'Mq', loadReal(SOURCE.DOUBLE)),
  onMemory('FLD', 'DB /5', 'Mt', loadExtended),
  onMemory('FILD', 'DF /0', 'Mw', loadInteger),
  onMemory('FILD', 'DB /0', 'Md', loadInteger),
  onMemory('FILD', 'DF /5', 'Mq', loadInteger),
  onRegisters('FLD', 'D9 /0', loadRegister),
  ...CONSTANTS.map((constant) => onRegisters(constant.mnemonic, constant.encoding, loadConstant(constant))),
  onRegisters('FXCH', 'D9 /1', exchange),
  // Encodings that the manuals leave out and processors treat as FXCH.
  onRegisters('FXCH', 'DD /1', exchange, { variant: 'alias' }),
  onRegisters('FXCH', 'DF /1', exchange, { variant: 'alias' }),
  ...CONDITIONS.map(([name, opcode, extension, condition]) =>
    onRegisters(`FCMOV${name}`, `${opcode} /${extension}`, moveIf(condition), { feature: 'cmov' }),
  ),
];
