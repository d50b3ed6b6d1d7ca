/** Near JMP, Jcc, CALL, RET, LOOPcc, JrCXZ, BOUND. SDM volume 2. */
import { VECTOR } from '../../arch/registers.ts';
import { type I32, i32, i64 } from '../../wasm/expression.ts';
import type { Context, Instruction, Semantics } from '../definition.ts';
import { zeroExtend } from './helpers.ts';

const RCX = 1;

const jump: Semantics = (c) => c.jumpRelative();

const jumpIf: Semantics = (c) => c.jumpRelativeIf(c.condition(c.cc));

const jumpTo: Semantics = (c) => {
  const target = c.f.let(c.readU(0));
  c.checkTarget(target);
  c.jump(target);
};

const call: Semantics = (c) => {
  c.checkRelativeTarget();
  c.push(c.nextIp());
  c.jumpRelative();
};

const callTo: Semantics = (c) => {
  const target = c.f.let(c.readU(0));
  c.checkTarget(target);
  c.push(c.nextIp());
  c.jump(target);
};

const ret: Semantics = (c) => {
  const target = c.f.let(zeroExtend(c.stackRead(c.sp(0)), c.size));
  c.checkTarget(target);
  c.setSp(c.sp(c.size / 8));
  c.jump(target);
};

const retRelease: Semantics = (c) => {
  const target = c.f.let(zeroExtend(c.stackRead(c.sp(0)), c.size));
  c.checkTarget(target);
  c.setSp(c.sp(i64.add(i64.and(c.immediate(), i64.const(0xffff)), i64.const(c.size / 8))));
  c.jump(target);
};

/** The count is rCX in the address size. `also` is a further condition for going on. */
function loop(also: (c: Context) => I32): Semantics {
  return (c) => {
    const count = c.f.let(c.truncateAddress(i64.sub(c.gpr(RCX), i64.const(1))));
    const goOn = c.f.let(i32.and(i64.ne(count, i64.const(0)), also(c)));
    c.f.if(goOn, () => c.checkRelativeTarget());
    c.setAddressSized(RCX, count);
    c.jumpRelativeIf(goOn);
  };
}

const jumpIfCountZero: Semantics = (c) => c.jumpRelativeIf(i64.eqz(c.addressSized(RCX)));

/** The bounds are two operands of their own: the second one's offset wraps at the address size. */
const bound: Semantics = (c) => {
  const bytes = c.size / 8;
  const index = c.f.let(c.read(0));
  const limit = (offset: number) => {
    const host = c.hostRead(bytes, i64.const(offset));
    return c.f.let(c.size === 16 ? i64.load16_s(host) : i64.load32_s(host));
  };
  const lower = limit(0);
  const upper = limit(bytes);
  c.f.ifUnlikely(i32.or(i64.lt_s(index, lower), i64.gt_s(index, upper)), () => c.raise(VECTOR.BR));
};

export const branchInstructions: readonly Instruction[] = [
  { mnemonic: 'J', encoding: '70+cc', operands: 'Jbs', attributes: 'f64 hot', semantics: jumpIf },
  { mnemonic: 'J', encoding: '0F 80+cc', operands: 'Jz', attributes: 'f64 hot', semantics: jumpIf },
  { mnemonic: 'JMP', encoding: 'EB', operands: 'Jbs', attributes: 'f64 hot end', semantics: jump },
  { mnemonic: 'JMP', encoding: 'E9', operands: 'Jz', attributes: 'f64 hot end', semantics: jump },
  { mnemonic: 'JMP', encoding: 'FF /4', operands: 'Ev', attributes: 'f64 hot end', semantics: jumpTo },
  { mnemonic: 'CALL', encoding: 'E8', operands: 'Jz', attributes: 'f64 hot', semantics: call },
  { mnemonic: 'CALL', encoding: 'FF /2', operands: 'Ev', attributes: 'f64 hot', semantics: callTo },
  { mnemonic: 'RET', encoding: 'C3', attributes: 'f64 hot end', semantics: ret },
  { mnemonic: 'RET', encoding: 'C2', operands: 'Iw', attributes: 'f64 end', semantics: retRelease },
  {
    mnemonic: 'LOOPNE',
    encoding: 'E0',
    operands: 'Jbs',
    attributes: 'f64',
    semantics: loop((c) => c.condition(5)),
  },
  {
    mnemonic: 'LOOPE',
    encoding: 'E1',
    operands: 'Jbs',
    attributes: 'f64',
    semantics: loop((c) => c.condition(4)),
  },
  {
    mnemonic: 'LOOP',
    encoding: 'E2',
    operands: 'Jbs',
    attributes: 'f64',
    semantics: loop(() => i32.const(1)),
  },
  { mnemonic: 'JCXZ', encoding: 'E3', operands: 'Jbs', attributes: 'f64', semantics: jumpIfCountZero },
  { mnemonic: 'BOUND', encoding: '62', operands: 'Gv,Ma', attributes: 'i64', semantics: bound },
];
