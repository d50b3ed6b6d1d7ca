/** FADD, FSUB, FSUBR, FMUL, FDIV, FDIVR with their P and I forms, FSQRT. SDM volume 2. */
import { type I32, i32 } from '../../wasm/expression.ts';
import type { Instruction, LibraryFunction, Semantics } from '../definition.ts';
import { ADD, DIVIDE, MULTIPLY, SQUARE_ROOT } from '../float/arithmetic.ts';
import { SLOT } from '../float/workspace.ts';
import { onMemory, onRegisters, readMemory, SOURCE, type Source } from './operands.ts';
import { operation } from './operation.ts';
import {
  MANNER,
  type Manner,
  type OrdinaryOperation,
  PRODUCT,
  QUOTIENT,
  SUM,
} from './ordinary/arithmetic.ts';
import { ROOT_OF_TOP } from './ordinary/root.ts';
import { deliver, inside, perform, pop, TOP, unpack } from './stack.ts';
import { controlOf } from './status.ts';

interface Arithmetic {
  readonly mnemonic: string;
  /** ModRM.reg where the destination is ST(0), and where it is ST(i). */
  readonly toTop: number;
  readonly toIndex: number;
  /** (A, B) -> R in any case, and for ordinary operands. */
  readonly operation: LibraryFunction<'i32'>;
  readonly ordinary: OrdinaryOperation;
  readonly manner: Manner;
  /** The source stands before the destination: FSUBR, FDIVR. */
  readonly reversed: boolean;
}

const addition = (negate: number): LibraryFunction<'i32'> =>
  operation({
    name: negate ? 'fsub' : 'fadd',
    compute: (_, use, state) => use.library(ADD, i32.const(negate), controlOf(state)),
  });
const FADD = addition(0);
const FSUB = addition(1);
const FMUL = operation({ name: 'fmul', compute: (_, use) => use.library(MULTIPLY) });
const FDIV = operation({ name: 'fdiv', compute: (_, use) => use.library(DIVIDE) });
const FSQRT = operation({ name: 'fsqrt', unary: true, compute: (_, use) => use.library(SQUARE_ROOT) });

const plus = { operation: FADD, ordinary: SUM, manner: MANNER.AS_IT_IS, reversed: false };
const minus = { operation: FSUB, ordinary: SUM, manner: MANNER.SUBTRACT, reversed: false };
const times = { operation: FMUL, ordinary: PRODUCT, manner: MANNER.AS_IT_IS, reversed: false };
const by = { operation: FDIV, ordinary: QUOTIENT, manner: MANNER.AS_IT_IS, reversed: false };

/** To ST(i), the encodings of SUB and SUBR, and of DIV and DIVR, are exchanged. */
const ARITHMETIC: readonly Arithmetic[] = [
  { mnemonic: 'ADD', toTop: 0, toIndex: 0, ...plus },
  { mnemonic: 'MUL', toTop: 1, toIndex: 1, ...times },
  { mnemonic: 'SUB', toTop: 4, toIndex: 5, ...minus },
  { mnemonic: 'SUBR', toTop: 5, toIndex: 4, ...minus, manner: MANNER.SUBTRACT_REVERSED, reversed: true },
  { mnemonic: 'DIV', toTop: 6, toIndex: 7, ...by },
  { mnemonic: 'DIVR', toTop: 7, toIndex: 6, ...by, manner: MANNER.REVERSED, reversed: true },
];

const slotsOf = ({ reversed }: Arithmetic) =>
  reversed ? { destination: SLOT.B, source: SLOT.A } : { destination: SLOT.A, source: SLOT.B };

/** (destination, source, registers to pop) -> 1 when written. ST(destination) op ST(source), the way that takes anything. */
const anyRegisters = (a: Arithmetic): LibraryFunction<'i32'> => ({
  name: `${a.mnemonic}AnyRegisters`,
  params: ['i32', 'i32', 'i32'],
  result: 'i32',
  build: (f, use) => {
    const w = inside(f, use);
    const [destination, source] = [f.param(1, 'i32'), f.param(2, 'i32')];
    perform(w, unpack(w, slotsOf(a).destination, destination));
    perform(w, unpack(w, slotsOf(a).source, source));
    const written = f.let(deliver(w, destination, f.let(w.library(a.operation))));
    f.if(i32.and(written, f.param(3, 'i32')), () => pop(f, f.param(0, 'i32')));
    f.return(written);
    f.unreachable();
  },
});

const ANY_REGISTERS = new Map(ARITHMETIC.map((a) => [a, anyRegisters(a)]));

const mannerOf = ({ manner }: Arithmetic): [I32, I32] => [i32.const(manner.first), i32.const(manner.second)];

const onTwoRegisters =
  (a: Arithmetic, operands: (index: I32) => [destination: I32, source: I32], pops = 0): Semantics =>
  (c) => {
    const args = [...operands(c.f.let(c.stackIndex())), i32.const(pops)];
    const done = c.library(a.ordinary.registers, ...args, ...mannerOf(a));
    const any = ANY_REGISTERS.get(a) as LibraryFunction<'i32'>;
    c.f.ifUnlikely(i32.eqz(done), () => perform(c, c.library(any, ...args)));
  };

const fromMemory =
  (a: Arithmetic, source: Source): Semantics =>
  (c) => {
    const bits = readMemory(c);
    const done = c.library(a.ordinary[source.format], bits, ...mannerOf(a));
    c.f.ifUnlikely(i32.eqz(done), () => {
      perform(c, c.library(source.unpack, i32.const(slotsOf(a).source), bits));
      perform(c, unpack(c, slotsOf(a).destination, TOP));
      perform(c, deliver(c, TOP, c.f.let(c.library(a.operation))));
    });
  };

const squareRoot: Semantics = (c) =>
  c.f.ifUnlikely(i32.eqz(c.library(ROOT_OF_TOP)), () => {
    perform(c, unpack(c, SLOT.A, TOP));
    perform(c, deliver(c, TOP, c.f.let(c.library(FSQRT))));
  });

const memoryRow = (a: Arithmetic, letter: string, opcode: string, source: Source): Instruction =>
  onMemory(`${letter}${a.mnemonic}`, `${opcode} /${a.toTop}`, source.operand, fromMemory(a, source));

export const arithmetic: readonly Instruction[] = [
  ...ARITHMETIC.flatMap((a) => [
    memoryRow(a, 'F', 'D8', SOURCE.SINGLE),
    memoryRow(a, 'F', 'DC', SOURCE.DOUBLE),
    memoryRow(a, 'FI', 'DA', SOURCE.DWORD),
    memoryRow(a, 'FI', 'DE', SOURCE.WORD),
    onRegisters(
      `F${a.mnemonic}`,
      `D8 /${a.toTop}`,
      onTwoRegisters(a, (index) => [TOP, index]),
      { variant: 'ST(0),ST(i)' },
    ),
    onRegisters(
      `F${a.mnemonic}`,
      `DC /${a.toIndex}`,
      onTwoRegisters(a, (index) => [index, TOP]),
      { variant: 'ST(i),ST(0)' },
    ),
    onRegisters(
      `F${a.mnemonic}P`,
      `DE /${a.toIndex}`,
      onTwoRegisters(a, (index) => [index, TOP], 1),
    ),
  ]),
  onRegisters('FSQRT', 'D9 FA', squareRoot),
];
