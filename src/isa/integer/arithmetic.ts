/** ADD, ADC, SUB, SBB, CMP, AND, OR, XOR, TEST, INC, DEC, NEG, NOT. SDM volume 2. */
import { type I64, i64 } from '../../wasm/expression.ts';
import type { Context, Instruction, Semantics } from '../definition.ts';
import { signExtend } from './helpers.ts';

/** result = a op b, written to operand 0 before the flags are touched: the write may fault. */
function binary(compute: (c: Context, a: I64, b: I64) => { result: I64; setFlags: () => void }): Semantics {
  return (c) => {
    const a = c.f.let(c.read(0));
    const b = c.f.let(c.read(1));
    const { result, setFlags } = compute(c, a, b);
    c.write(0, result);
    setFlags();
  };
}

const addSemantics = binary((c, a, b) => {
  const result = c.f.let(signExtend(i64.add(a, b), c.size));
  return { result, setFlags: () => c.flags.add(a, result) };
});

const subSemantics = binary((c, a, b) => {
  const result = c.f.let(signExtend(i64.sub(a, b), c.size));
  return { result, setFlags: () => c.flags.sub(a, result, b) };
});

const adcSemantics = binary((c, a, b) => {
  const carry = c.f.let(c.carry);
  const result = c.f.let(signExtend(i64.add(i64.add(a, b), i64.extend_i32_u(carry)), c.size));
  return { result, setFlags: () => c.flags.adc(a, result, carry) };
});

const sbbSemantics = binary((c, a, b) => {
  const borrow = c.f.let(c.carry);
  const result = c.f.let(signExtend(i64.sub(i64.sub(a, b), i64.extend_i32_u(borrow)), c.size));
  return { result, setFlags: () => c.flags.sbb(a, result, borrow, b) };
});

const logicSemantics = (operation: (a: I64, b: I64) => I64): Semantics =>
  binary((c, a, b) => {
    const result = c.f.let(operation(a, b));
    return { result, setFlags: () => c.flags.logic(result) };
  });

/** The regular block of eight opcodes and its immediate group. */
function block(mnemonic: string, number: number, semantics: Semantics, access: string): Instruction[] {
  const opcode = (low: number): string => (number * 8 + low).toString(16).toUpperCase().padStart(2, '0');
  const hot = `${access} hot`;
  const row = (encoding: string, operands: string, attributes: string): Instruction => ({
    mnemonic,
    encoding,
    operands,
    attributes,
    semantics,
  });
  return [
    row(opcode(0), 'Eb,Gb', hot),
    row(opcode(1), 'Ev,Gv', hot),
    row(opcode(2), 'Gb,Eb', hot.replace('lock ', '')),
    row(opcode(3), 'Gv,Ev', hot.replace('lock ', '')),
    row(opcode(4), 'AL,Ib', hot.replace('lock ', '')),
    row(opcode(5), 'rAX,Iz', hot.replace('lock ', '')),
    row(`80 /${number}`, 'Eb,Ib', hot),
    row(`81 /${number}`, 'Ev,Iz', hot),
    row(`82 /${number}`, 'Eb,Ib', `${access} i64`),
    row(`83 /${number}`, 'Ev,Ibs', hot),
  ];
}

const compare: Semantics = (c) => {
  const a = c.f.let(c.read(0));
  const b = c.f.let(c.read(1));
  c.flags.sub(a, signExtend(i64.sub(a, b), c.size), b);
};

const test: Semantics = (c) => {
  const a = c.f.let(c.read(0));
  c.flags.logic(i64.and(a, c.read(1)));
};

const increment: Semantics = (c) => {
  const result = c.f.let(signExtend(i64.add(c.read(0), i64.const(1)), c.size));
  c.write(0, result);
  c.flags.inc(result);
};

const decrement: Semantics = (c) => {
  const result = c.f.let(signExtend(i64.sub(c.read(0), i64.const(1)), c.size));
  c.write(0, result);
  c.flags.dec(result);
};

const negate: Semantics = (c) => {
  const result = c.f.let(signExtend(i64.sub(i64.const(0), c.read(0)), c.size));
  c.write(0, result);
  c.flags.sub(i64.const(0), result);
};

const complement: Semantics = (c) => c.write(0, i64.xor(c.read(0), i64.const(-1)));

const exchangeAdd: Semantics = (c) => {
  const a = c.f.let(c.read(0));
  const b = c.f.let(c.read(1));
  const result = c.f.let(signExtend(i64.add(a, b), c.size));
  if (c.isMemory(0)) {
    c.write(0, result);
    c.write(1, a);
  } else {
    // XADD r,r with equal registers leaves the sum.
    c.write(1, a);
    c.write(0, result);
  }
  c.flags.add(a, result);
};

/** Compares the accumulator with operand 0; equal: operand 0 = operand 1, else accumulator = operand 0. */
const compareExchange: Semantics = (c) => {
  const destination = c.f.let(c.read(0));
  const source = c.f.let(c.read(1));
  const accumulator = c.f.let(c.gpr(0, c.size));
  const result = c.f.let(signExtend(i64.sub(accumulator, destination), c.size));
  c.f.if(
    i64.eqz(result),
    () => c.write(0, source),
    () => {
      // The destination is written in any case: a read-only page faults.
      if (c.isMemory(0)) c.write(0, destination);
      c.setGpr(0, destination, c.size);
    },
  );
  c.flags.sub(accumulator, result);
};

export const arithmeticInstructions: readonly Instruction[] = [
  ...block('ADD', 0, addSemantics, 'modify lock'),
  ...block('OR', 1, logicSemantics(i64.or), 'modify lock'),
  ...block('ADC', 2, adcSemantics, 'modify lock'),
  ...block('SBB', 3, sbbSemantics, 'modify lock'),
  ...block('AND', 4, logicSemantics(i64.and), 'modify lock'),
  ...block('SUB', 5, subSemantics, 'modify lock'),
  ...block('XOR', 6, logicSemantics(i64.xor), 'modify lock'),
  ...block('CMP', 7, compare, ''),
  { mnemonic: 'TEST', encoding: '84', operands: 'Eb,Gb', attributes: 'hot', semantics: test },
  { mnemonic: 'TEST', encoding: '85', operands: 'Ev,Gv', attributes: 'hot', semantics: test },
  { mnemonic: 'TEST', encoding: 'A8', operands: 'AL,Ib', attributes: 'hot', semantics: test },
  { mnemonic: 'TEST', encoding: 'A9', operands: 'rAX,Iz', attributes: 'hot', semantics: test },
  { mnemonic: 'TEST', encoding: 'F6 /0', operands: 'Eb,Ib', attributes: 'hot', semantics: test },
  { mnemonic: 'TEST', encoding: 'F6 /1', operands: 'Eb,Ib', semantics: test },
  { mnemonic: 'TEST', encoding: 'F7 /0', operands: 'Ev,Iz', attributes: 'hot', semantics: test },
  { mnemonic: 'TEST', encoding: 'F7 /1', operands: 'Ev,Iz', semantics: test },
  { mnemonic: 'INC', encoding: '40+r', operands: 'Zv', attributes: 'modify i64 hot', semantics: increment },
  { mnemonic: 'DEC', encoding: '48+r', operands: 'Zv', attributes: 'modify i64 hot', semantics: decrement },
  { mnemonic: 'INC', encoding: 'FE /0', operands: 'Eb', attributes: 'modify lock', semantics: increment },
  { mnemonic: 'DEC', encoding: 'FE /1', operands: 'Eb', attributes: 'modify lock', semantics: decrement },
  { mnemonic: 'INC', encoding: 'FF /0', operands: 'Ev', attributes: 'modify lock hot', semantics: increment },
  { mnemonic: 'DEC', encoding: 'FF /1', operands: 'Ev', attributes: 'modify lock hot', semantics: decrement },
  { mnemonic: 'NOT', encoding: 'F6 /2', operands: 'Eb', attributes: 'modify lock', semantics: complement },
  { mnemonic: 'NOT', encoding: 'F7 /2', operands: 'Ev', attributes: 'modify lock', semantics: complement },
  { mnemonic: 'NEG', encoding: 'F6 /3', operands: 'Eb', attributes: 'modify lock', semantics: negate },
  { mnemonic: 'NEG', encoding: 'F7 /3', operands: 'Ev', attributes: 'modify lock', semantics: negate },
  {
    mnemonic: 'XADD',
    encoding: '0F C0',
    operands: 'Eb,Gb',
    attributes: 'modify modify1 lock',
    semantics: exchangeAdd,
  },
  {
    mnemonic: 'XADD',
    encoding: '0F C1',
    operands: 'Ev,Gv',
    attributes: 'modify modify1 lock',
    semantics: exchangeAdd,
  },
  {
    mnemonic: 'CMPXCHG',
    encoding: '0F B0',
    operands: 'Eb,Gb',
    attributes: 'modify lock',
    semantics: compareExchange,
  },
  {
    mnemonic: 'CMPXCHG',
    encoding: '0F B1',
    operands: 'Ev,Gv',
    attributes: 'modify lock',
    semantics: compareExchange,
  },
];
