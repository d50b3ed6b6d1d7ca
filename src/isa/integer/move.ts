/** MOV, MOVZX, MOVSX, LEA, XCHG, CMOV, SETcc, BSWAP, CBW.., XLAT, NOP. SDM volume 2. */
import { type I64, i64 } from '../../wasm/expression.ts';
import type { Context, Instruction, Semantics, Size } from '../definition.ts';
import { zeroExtend } from './helpers.ts';

const move: Semantics = (c) => c.write(0, c.read(1));
const moveZero: Semantics = (c) => c.write(0, c.readU(1));
const loadAddress: Semantics = (c) => c.write(0, c.effectiveAddress());
const nothing: Semantics = () => {};

const exchange: Semantics = (c) => {
  const a = c.f.let(c.read(0));
  const b = c.f.let(c.read(1));
  c.write(0, b);
  c.write(1, a);
};

/** Opcode 90 is NOP, also for the upper half of RAX, unless REX.B names R8. */
const exchangeOrNothing: Semantics = (c) => {
  c.f.if(c.sameRegister, () => c.done());
  exchange(c);
};

const moveIf: Semantics = (c) => {
  // The source is read, and may fault, whatever the condition; a 32-bit destination is zero-extended in any case.
  const source = c.f.let(c.read(1));
  c.f.if(
    c.condition(c.cc),
    () => c.write(0, source),
    () => {
      if (c.size === 32) c.write(0, c.read(0));
    },
  );
};

const setIf: Semantics = (c) => c.write(0, i64.extend_i32_u(c.condition(c.cc)));

const byteSwap: Semantics = (c) => {
  const value = c.f.let(c.readU(0));
  const byte = (from: number, to: number): I64 =>
    i64.shl(i64.and(i64.shr_u(value, i64.const(from * 8)), i64.const(0xff)), i64.const(to * 8));
  const bytes = c.size / 8;
  // BSWAP of a 16-bit register is undefined; processors give 0.
  if (c.size === 16) c.write(0, i64.const(0));
  else c.write(0, Array.from({ length: bytes }, (_, i) => byte(i, bytes - 1 - i)).reduce(i64.or));
};

/** CBW, CWDE, CDQE: the accumulator from its lower half. */
const widenAccumulator: Semantics = (c) => c.setGpr(0, c.gpr(0, (c.size / 2) as Size), c.size);

/** CWD, CDQ, CQO: the accumulator's sign into (r)DX. */
const signToData: Semantics = (c) => c.setGpr(2, i64.shr_s(c.gpr(0, c.size), i64.const(63)), c.size);

const translate: Semantics = (c: Context) => {
  const address = i64.add(c.addressSized(3), zeroExtend(c.gpr(0, 8), 8));
  const host = c.hostReadAt(c.truncateAddress(address), 1);
  c.setGpr(0, i64.load8_u(host), 8);
};

/** SALC is not in the manuals' instruction list, but every processor has it: AL = CF ? FFh : 0. */
const setAlByCarry: Semantics = (c) => c.setGpr(0, i64.sub(i64.const(0), i64.extend_i32_u(c.carry)), 8);

export const moveInstructions: readonly Instruction[] = [
  { mnemonic: 'MOV', encoding: '88', operands: 'Eb,Gb', attributes: 'write hot', semantics: move },
  { mnemonic: 'MOV', encoding: '89', operands: 'Ev,Gv', attributes: 'write hot', semantics: move },
  { mnemonic: 'MOV', encoding: '8A', operands: 'Gb,Eb', attributes: 'write hot', semantics: move },
  { mnemonic: 'MOV', encoding: '8B', operands: 'Gv,Ev', attributes: 'write hot', semantics: move },
  { mnemonic: 'MOV', encoding: 'A0', operands: 'AL,Ob', attributes: 'write', semantics: move },
  { mnemonic: 'MOV', encoding: 'A1', operands: 'rAX,Ov', attributes: 'write', semantics: move },
  { mnemonic: 'MOV', encoding: 'A2', operands: 'Ob,AL', attributes: 'write', semantics: move },
  { mnemonic: 'MOV', encoding: 'A3', operands: 'Ov,rAX', attributes: 'write', semantics: move },
  { mnemonic: 'MOV', encoding: 'B0+r', operands: 'Zb,Ib', attributes: 'write hot', semantics: move },
  { mnemonic: 'MOV', encoding: 'B8+r', operands: 'Zv,Iv', attributes: 'write hot', semantics: move },
  { mnemonic: 'MOV', encoding: 'C6 /0', operands: 'Eb,Ib', attributes: 'write hot', semantics: move },
  { mnemonic: 'MOV', encoding: 'C7 /0', operands: 'Ev,Iz', attributes: 'write hot', semantics: move },
  { mnemonic: 'MOVZX', encoding: '0F B6', operands: 'Gv,Eb', attributes: 'write hot', semantics: moveZero },
  { mnemonic: 'MOVZX', encoding: '0F B7', operands: 'Gv,Ew', attributes: 'write hot', semantics: moveZero },
  { mnemonic: 'MOVSX', encoding: '0F BE', operands: 'Gv,Eb', attributes: 'write hot', semantics: move },
  { mnemonic: 'MOVSX', encoding: '0F BF', operands: 'Gv,Ew', attributes: 'write hot', semantics: move },
  { mnemonic: 'MOVSXD', encoding: '63', operands: 'Gv,Ez', attributes: 'write hot o64', semantics: move },
  { mnemonic: 'LEA', encoding: '8D', operands: 'Gv,M', attributes: 'write hot', semantics: loadAddress },
  {
    mnemonic: 'XCHG',
    encoding: '86',
    operands: 'Eb,Gb',
    attributes: 'modify modify1 lock',
    semantics: exchange,
  },
  {
    mnemonic: 'XCHG',
    encoding: '87',
    operands: 'Ev,Gv',
    attributes: 'modify modify1 lock',
    semantics: exchange,
  },
  {
    mnemonic: 'NOP',
    encoding: '90',
    operands: 'Zv,rAX',
    attributes: 'modify modify1',
    semantics: exchangeOrNothing,
  },
  {
    mnemonic: 'XCHG',
    encoding: '91+r',
    operands: 'Zv,rAX',
    attributes: 'modify modify1',
    semantics: exchange,
  },
  // Prefetches for writing are hints that this processor does not take.
  { mnemonic: 'NOP', encoding: '0F 0D', operands: 'Ev', attributes: 'hot', semantics: nothing },
  { mnemonic: 'NOP', encoding: '0F 18', operands: 'Ev', attributes: 'hot', semantics: nothing },
  { mnemonic: 'NOP', encoding: '0F 19', operands: 'Ev', attributes: 'hot', semantics: nothing },
  { mnemonic: 'NOP', encoding: '0F 1A', operands: 'Ev', semantics: nothing },
  { mnemonic: 'NOP', encoding: '0F 1B', operands: 'Ev', semantics: nothing },
  { mnemonic: 'NOP', encoding: '0F 1C', operands: 'Ev', semantics: nothing },
  { mnemonic: 'NOP', encoding: '0F 1D', operands: 'Ev', semantics: nothing },
  { mnemonic: 'NOP', encoding: '0F 1E', operands: 'Ev', attributes: 'hot', semantics: nothing },
  { mnemonic: 'NOP', encoding: '0F 1F', operands: 'Ev', attributes: 'hot', semantics: nothing },
  {
    mnemonic: 'CMOV',
    encoding: '0F 40+cc',
    operands: 'Gv,Ev',
    attributes: 'write',
    feature: 'cmov',
    semantics: moveIf,
  },
  { mnemonic: 'SET', encoding: '0F 90+cc', operands: 'Eb', attributes: 'write', semantics: setIf },
  { mnemonic: 'BSWAP', encoding: '0F C8+r', operands: 'Zv', attributes: 'modify', semantics: byteSwap },
  { mnemonic: 'CBW', encoding: '98', attributes: 'v', semantics: widenAccumulator },
  { mnemonic: 'CWD', encoding: '99', attributes: 'v', semantics: signToData },
  { mnemonic: 'SALC', encoding: 'D6', attributes: 'byte i64', semantics: setAlByCarry },
  { mnemonic: 'XLAT', encoding: 'D7', attributes: 'byte', semantics: translate },
];
