/** BT, BTS, BTR, BTC, BSF, BSR, CMPXCHG8B/16B. SDM volume 2. (POPCNT stands with SSE4.2.) */
import { FLAG } from '../../arch/registers.ts';
import { type I32, type I64, i32, i64 } from '../../wasm/expression.ts';
import type { Context, Instruction, Semantics } from '../definition.ts';
import { STATE } from '../state.ts';
import { bitAt, zeroExtend } from './helpers.ts';

type Change = ((value: I64, mask: I64) => I64) | undefined;

/** A bit offset in a register reaches beyond the memory operand: by words of the operand size, signed. */
function bitTest(change: Change, immediate: boolean): Semantics {
  return (c) => {
    const { f, size } = c;
    const offset = f.let(immediate ? c.immediate() : c.read(1));
    const position = f.let(i64.and(offset, i64.const(size - 1)));
    const setCarry = (value: I64) => c.flags.only({ CF: bitAt(value, position) });
    const changed = (value: I64): I64 => change?.(value, i64.shl(i64.const(1), position)) ?? value;
    if (!c.isMemory(0) || immediate) {
      const value = f.let(c.read(0));
      if (change) c.write(0, changed(value));
      setCarry(value);
      return;
    }
    const bytes = size / 8;
    const displacement = i64.mul(i64.shr_s(offset, i64.const(Math.log2(size))), i64.const(bytes));
    const host = change ? c.hostWrite(bytes, displacement, true) : c.hostRead(bytes, displacement);
    const value = f.let(size === 16 ? i64.load16_s(host) : size === 32 ? i64.load32_s(host) : i64.load(host));
    if (change) {
      f.store(size === 16 ? 'i64_16' : size === 32 ? 'i64_32' : 'i64', host, changed(value));
      c.commit(host);
    }
    setCarry(value);
  };
}

const TESTS: readonly { mnemonic: string; change: Change; opcode: string; extension: number }[] = [
  { mnemonic: 'BT', change: undefined, opcode: 'A3', extension: 4 },
  { mnemonic: 'BTS', change: i64.or, opcode: 'AB', extension: 5 },
  { mnemonic: 'BTR', change: (v, m) => i64.and(v, i64.xor(m, i64.const(-1))), opcode: 'B3', extension: 6 },
  { mnemonic: 'BTC', change: i64.xor, opcode: 'BB', extension: 7 },
];

/** BSF and BSR. A zero source sets ZF and leaves the destination (its upper half too). */
function scan(forward: boolean): Semantics {
  return (c) => {
    const { f } = c;
    const source = f.let(c.readU(1));
    const isZero = f.let(i64.eqz(source));
    f.if(i32.eqz(isZero), () =>
      c.write(0, forward ? i64.ctz(source) : i64.sub(i64.const(63), i64.clz(source))),
    );
    c.flags.only({ ZF: isZero });
  };
}

const RAX = 0;
const RCX = 1;
const RDX = 2;
const RBX = 3;

/** CMPXCHG8B, and CMPXCHG16B with REX.W. The destination is written in both cases. */
const compareExchangeWide: Semantics = (c) => {
  const { f } = c;
  const wide = c.size === 64;
  if (wide) {
    f.if(i64.ne(i64.and(c.effectiveAddress(), i64.const(15)), i64.const(0)), () => c.raise(13, 0));
  }
  const half = wide ? 8 : 4;
  const host = c.hostWrite(half * 2, undefined, true);
  const part = (offset: number): I64 => (wide ? i64.load(host, offset) : i64.load32_u(host, offset));
  const register = (n: number): I64 => (wide ? c.gpr(n) : zeroExtend(c.gpr(n), 32));
  const [low, high] = [f.let(part(0)), f.let(part(half))];
  const store = (a: I64, b: I64) => {
    f.store(wide ? 'i64' : 'i64_32', host, a);
    f.store(wide ? 'i64' : 'i64_32', host, b, half);
    c.commit(host);
  };
  const equal = f.let(i32.and(i64.eq(low, register(RAX)), i64.eq(high, register(RDX))));
  f.if(
    equal,
    () => store(register(RBX), register(RCX)),
    () => {
      store(low, high);
      c.setGpr(RAX, low, wide ? 64 : 32);
      c.setGpr(RDX, high, wide ? 64 : 32);
    },
  );
  c.flags.only({ ZF: equal });
};

const setCarry =
  (carry: (c: Context) => I32): Semantics =>
  (c) =>
    c.flags.only({ CF: carry(c) });

const setDirection =
  (down: boolean): Semantics =>
  (c) => {
    const system = c.field(STATE.FLAG_SYSTEM);
    const others = i32.and(i32.load(system), i32.const(~FLAG.DF));
    c.f.store('i32', system, down ? i32.or(others, i32.const(FLAG.DF)) : others);
  };

export const bitInstructions: readonly Instruction[] = [
  ...TESTS.flatMap(({ mnemonic, change, opcode, extension }): Instruction[] => {
    const attributes = change ? 'modify lock' : '';
    return [
      {
        mnemonic,
        encoding: `0F ${opcode}`,
        operands: 'Ev,Gv',
        attributes,
        semantics: bitTest(change, false),
      },
      {
        mnemonic,
        encoding: `0F BA /${extension}`,
        operands: 'Ev,Ib',
        attributes,
        semantics: bitTest(change, true),
      },
    ];
  }),
  // Without the BMI1 and LZCNT features an F3 prefix changes nothing.
  { mnemonic: 'BSF', encoding: '0F BC', operands: 'Gv,Ev', attributes: 'write', semantics: scan(true) },
  { mnemonic: 'BSR', encoding: '0F BD', operands: 'Gv,Ev', attributes: 'write', semantics: scan(false) },
  {
    mnemonic: 'CMPXCHG8B',
    encoding: '0F C7 /1 mod!=3',
    operands: 'M',
    attributes: 'modify lock v',
    feature: 'cx8',
    feature64: 'cx16',
    semantics: compareExchangeWide,
  },
  { mnemonic: 'CMC', encoding: 'F5', attributes: 'byte', semantics: setCarry((c) => i32.eqz(c.carry)) },
  { mnemonic: 'CLC', encoding: 'F8', attributes: 'byte', semantics: setCarry(() => i32.const(0)) },
  { mnemonic: 'STC', encoding: 'F9', attributes: 'byte', semantics: setCarry(() => i32.const(1)) },
  { mnemonic: 'CLD', encoding: 'FC', attributes: 'byte', semantics: setDirection(false) },
  { mnemonic: 'STD', encoding: 'FD', attributes: 'byte', semantics: setDirection(true) },
];
