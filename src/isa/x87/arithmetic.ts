/** FADD, FSUB, FSUBR, FMUL, FDIV, FDIVR with their P and I forms, FSQRT. SDM volume 2. */
import type { I32 } from '../../wasm/expression.ts';
import { i32 } from '../../wasm/expression.ts';
import type { Context, Instruction, LibraryFunction, Semantics } from '../definition.ts';
import { ADD, DIVIDE, MULTIPLY, SQUARE_ROOT } from '../float/arithmetic.ts';
import { SLOT } from '../float/workspace.ts';
import { onMemory, onRegisters, SOURCE, type Source, unpackMemory } from './operands.ts';
import { operation } from './operation.ts';
import { deliver, perform, pop, TOP, unpack } from './stack.ts';
import { controlOf } from './status.ts';

interface Arithmetic {
  readonly mnemonic: string;
  /** ModRM.reg where the destination is ST(0), and where it is ST(i). */
  readonly toTop: number;
  readonly toIndex: number;
  readonly operation: LibraryFunction<'i32'>;
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

/** To ST(i), the encodings of SUB and SUBR, and of DIV and DIVR, are exchanged. */
const ARITHMETIC: readonly Arithmetic[] = [
  { mnemonic: 'ADD', toTop: 0, toIndex: 0, operation: FADD, reversed: false },
  { mnemonic: 'MUL', toTop: 1, toIndex: 1, operation: FMUL, reversed: false },
  { mnemonic: 'SUB', toTop: 4, toIndex: 5, operation: FSUB, reversed: false },
  { mnemonic: 'SUBR', toTop: 5, toIndex: 4, operation: FSUB, reversed: true },
  { mnemonic: 'DIV', toTop: 6, toIndex: 7, operation: FDIV, reversed: false },
  { mnemonic: 'DIVR', toTop: 7, toIndex: 6, operation: FDIV, reversed: true },
];

/** ST(destination) = ST(destination) op ST(source), or the other way round. @returns 1 when written */
function combine(c: Context, a: Arithmetic, destination: I32, source: I32): I32 {
  perform(c, unpack(c, a.reversed ? SLOT.B : SLOT.A, destination));
  perform(c, unpack(c, a.reversed ? SLOT.A : SLOT.B, source));
  return deliver(c, destination, c.f.let(c.library(a.operation)));
}

const toTop =
  (a: Arithmetic): Semantics =>
  (c) =>
    perform(c, combine(c, a, TOP, c.stackIndex()));

const toIndex =
  (a: Arithmetic): Semantics =>
  (c) =>
    perform(c, combine(c, a, c.stackIndex(), TOP));

const toIndexAndPop =
  (a: Arithmetic): Semantics =>
  (c) =>
    c.f.if(combine(c, a, c.stackIndex(), TOP), () => pop(c.f, c.field(0)));

const fromMemory =
  (a: Arithmetic, source: Source): Semantics =>
  (c) => {
    unpackMemory(c, source, a.reversed ? SLOT.A : SLOT.B);
    perform(c, unpack(c, a.reversed ? SLOT.B : SLOT.A, TOP));
    perform(c, deliver(c, TOP, c.f.let(c.library(a.operation))));
  };

const squareRoot: Semantics = (c) => {
  perform(c, unpack(c, SLOT.A, TOP));
  perform(c, deliver(c, TOP, c.f.let(c.library(FSQRT))));
};

const memoryRow = (a: Arithmetic, letter: string, opcode: string, source: Source): Instruction =>
  onMemory(`${letter}${a.mnemonic}`, `${opcode} /${a.toTop}`, source.operand, fromMemory(a, source));

export const arithmetic: readonly Instruction[] = [
  ...ARITHMETIC.flatMap((a) => [
    memoryRow(a, 'F', 'D8', SOURCE.SINGLE),
    memoryRow(a, 'F', 'DC', SOURCE.DOUBLE),
    memoryRow(a, 'FI', 'DA', SOURCE.DWORD),
    memoryRow(a, 'FI', 'DE', SOURCE.WORD),
    onRegisters(`F${a.mnemonic}`, `D8 /${a.toTop}`, toTop(a), { variant: 'ST(0),ST(i)' }),
    onRegisters(`F${a.mnemonic}`, `DC /${a.toIndex}`, toIndex(a), { variant: 'ST(i),ST(0)' }),
    onRegisters(`F${a.mnemonic}P`, `DE /${a.toIndex}`, toIndexAndPop(a)),
  ]),
  onRegisters('FSQRT', 'D9 FA', squareRoot),
];
