/** Shifts and rotates. SDM volume 2, "SAL/SAR/SHL/SHR", "RCL/RCR/ROL/ROR", "SHLD", "SHRD". */
import { type I32, type I64, i32, i64, select } from '../../wasm/expression.ts';
import type { Context, Instruction, Semantics } from '../definition.ts';
import { bitAt, carryOverflow, signExtend, topBit, zeroExtend } from './helpers.ts';

/** Where the count comes from: an immediate operand, the constant 1, or CL. */
type Count = 'Ib' | '1' | 'CL';

const countMask = (c: Context): number => (c.size === 64 ? 63 : 31);

/** The count masked to 5 bits, or 6 with 64-bit operands. */
function countOf(c: Context, count: Count): I64 {
  if (count === '1') return i64.const(1);
  const mask = countMask(c);
  if (count === 'CL') return i64.and(c.gpr(1), i64.const(mask));
  return c.knownImmediate === undefined
    ? i64.and(c.immediate(), i64.const(mask))
    : i64.const(c.knownImmediate & mask);
}

/** Runs `body` unless the count is 0, which leaves everything as it was (but a 32-bit register zero-extended). */
function unlessZero(c: Context, count: Count, amount: I64, value: I64, body: () => void): void {
  const known = count === 'Ib' ? c.knownImmediate : undefined;
  if (count === '1' || (known !== undefined && (known & countMask(c)) !== 0)) {
    body();
    return;
  }
  c.f.if(i64.eqz(amount), () => {
    c.write(0, value);
    c.done();
  });
  body();
}

function shift(
  count: Count,
  compute: (
    c: Context,
    value: I64,
    amount: I64,
  ) => { result: I64; carry: I32; overflow: (result: I64, carry: I32) => I32 },
): Semantics {
  return (c) => {
    const value = c.f.let(c.read(0));
    const amount = c.f.let(countOf(c, count));
    unlessZero(c, count, amount, value, () => {
      const { result, carry, overflow } = compute(c, value, amount);
      const r = c.f.let(signExtend(result, c.size));
      const cf = c.f.let(carry);
      c.write(0, r);
      c.flags.bits(r, carryOverflow(cf, overflow(r, cf)));
    });
  };
}

const shiftLeft = (count: Count): Semantics =>
  shift(count, (c, value, amount) => ({
    result: i64.shl(value, amount),
    // The last bit shifted out; with counts above the width of small operands there is none.
    carry: select(
      i64.gt_u(amount, i64.const(c.size)),
      i32.const(0),
      bitAt(zeroExtend(value, c.size), i64.sub(i64.const(c.size), amount)),
    ),
    overflow: (result, carry) => i32.xor(topBit(result, c.size), carry),
  }));

const shiftRight = (count: Count): Semantics =>
  shift(count, (c, value, amount) => {
    const unsigned = c.f.let(zeroExtend(value, c.size));
    return {
      result: i64.shr_u(unsigned, amount),
      carry: bitAt(unsigned, i64.sub(amount, i64.const(1))),
      overflow: () => topBit(value, c.size),
    };
  });

const shiftArithmetic = (count: Count): Semantics =>
  shift(count, (_, value, amount) => ({
    result: i64.shr_s(value, amount),
    carry: bitAt(value, i64.sub(amount, i64.const(1))),
    overflow: () => i32.const(0),
  }));

/** ROL and ROR: the count counts modulo the width, but the flags change whenever the masked count is not 0. */
function rotate(count: Count, left: boolean): Semantics {
  return (c) => {
    const { size } = c;
    const value = c.f.let(c.read(0));
    const amount = c.f.let(countOf(c, count));
    unlessZero(c, count, amount, value, () => {
      const unsigned = c.f.let(zeroExtend(value, size));
      const turns = c.f.let(i64.and(amount, i64.const(size - 1)));
      const back = i64.and(i64.sub(i64.const(size), turns), i64.const(size - 1));
      const [up, down] = left ? [turns, back] : [back, turns];
      const r = c.f.let(signExtend(i64.or(i64.shl(unsigned, up), i64.shr_u(unsigned, down)), size));
      c.write(0, r);
      const carry = c.f.let(left ? bitAt(r, i64.const(0)) : topBit(r, size));
      const overflow = left ? i32.xor(topBit(r, size), carry) : i32.xor(topBit(r, size), topBit(r, size - 1));
      c.flags.only({ CF: carry, OF: overflow });
    });
  };
}

/** Bits and the carry flag above them: width + 1 bits, which RCL and RCR rotate. */
interface Rotated {
  /** The lower bits; what lies above them has no meaning. */
  readonly result: I64;
  readonly carry: I32;
}

/** Up to 32 bits and CF fit into one word, rotated to the left by 0 to width + 1. */
function rotateWord(c: Context, value: I64, amount: I64, left: boolean): Rotated {
  const { f, size } = c;
  const width = i64.const(size + 1);
  const count = f.let(size < 32 ? i64.rem_u(amount, width) : amount);
  const back = f.let(i64.sub(width, count));
  const word = f.let(i64.or(value, i64.shl(i64.extend_i32_u(c.carry), i64.const(size))));
  const [up, down] = left ? [count, back] : [back, count];
  const result = f.let(i64.or(i64.shl(word, up), i64.shr_u(word, down)));
  return { result, carry: bitAt(result, i64.const(size)) };
}

/** 64 bits and CF, by 1 to 63. */
function rotateQuadword(c: Context, value: I64, amount: I64, left: boolean): Rotated {
  const back = c.f.let(i64.sub(i64.const(64), amount));
  const before = i64.sub(amount, i64.const(1));
  const carry = i64.extend_i32_u(c.carry);
  const one = i64.const(1);
  const parts = left
    ? [i64.shl(value, amount), i64.shl(carry, before), i64.shr_u(i64.shr_u(value, one), back)]
    : [i64.shr_u(value, amount), i64.shl(carry, back), i64.shl(i64.shl(value, one), back)];
  return { result: c.f.let(parts.reduce(i64.or)), carry: bitAt(value, left ? back : before) };
}

function rotateThroughCarry(count: Count, left: boolean): Semantics {
  return (c) => {
    const { size, f } = c;
    const value = f.let(c.readU(0));
    const amount = f.let(countOf(c, count));
    unlessZero(c, count, amount, value, () => {
      const { result, carry } = (size === 64 ? rotateQuadword : rotateWord)(c, value, amount, left);
      const out = f.let(carry);
      c.write(0, result);
      const next = left ? out : topBit(result, size - 1);
      c.flags.only({ CF: out, OF: i32.xor(topBit(result, size), next) });
    });
  };
}

/** SHLD and SHRD: operand 0 is shifted, bits come in from operand 1. */
function doubleShift(count: 'Ib' | 'CL', left: boolean): Semantics {
  return (c) => {
    const { size, f } = c;
    const value = f.let(c.read(0));
    const amount = f.let(countOf(c, count));
    unlessZero(c, count, amount, value, () => {
      const into = f.let(c.readU(1));
      const unsigned = f.let(zeroExtend(value, size));
      const back = i64.sub(i64.const(size), amount);
      let result: I64;
      let carry: I32;
      if (size === 16) {
        // Counts of 17 to 31 are undefined; processors rotate through destination : source : destination.
        const wide = left
          ? i64.or(i64.or(i64.shl(unsigned, i64.const(32)), i64.shl(into, i64.const(16))), unsigned)
          : i64.or(i64.or(i64.shl(unsigned, i64.const(32)), i64.shl(into, i64.const(16))), unsigned);
        const w = f.let(wide);
        result = left ? i64.shr_u(w, i64.sub(i64.const(32), amount)) : i64.shr_u(w, amount);
        carry = left ? bitAt(w, i64.sub(i64.const(48), amount)) : bitAt(w, i64.sub(amount, i64.const(1)));
      } else {
        result = left
          ? i64.or(i64.shl(unsigned, amount), i64.shr_u(into, back))
          : i64.or(i64.shr_u(unsigned, amount), i64.shl(into, back));
        carry = left ? bitAt(unsigned, back) : bitAt(unsigned, i64.sub(amount, i64.const(1)));
      }
      const r = f.let(signExtend(result, size));
      const cf = f.let(carry);
      c.write(0, r);
      c.flags.bits(r, carryOverflow(cf, i32.xor(topBit(r, size), topBit(value, size))));
    });
  };
}

const GROUP: readonly { mnemonic: string; make: (count: Count) => Semantics }[] = [
  { mnemonic: 'ROL', make: (count) => rotate(count, true) },
  { mnemonic: 'ROR', make: (count) => rotate(count, false) },
  { mnemonic: 'RCL', make: (count) => rotateThroughCarry(count, true) },
  { mnemonic: 'RCR', make: (count) => rotateThroughCarry(count, false) },
  { mnemonic: 'SHL', make: shiftLeft },
  { mnemonic: 'SHR', make: shiftRight },
  { mnemonic: 'SHL', make: shiftLeft },
  { mnemonic: 'SAR', make: shiftArithmetic },
];

const ENCODINGS: readonly { opcode: string; operands: string; count: Count }[] = [
  { opcode: 'C0', operands: 'Eb,Ib', count: 'Ib' },
  { opcode: 'C1', operands: 'Ev,Ib', count: 'Ib' },
  { opcode: 'D0', operands: 'Eb', count: '1' },
  { opcode: 'D1', operands: 'Ev', count: '1' },
  { opcode: 'D2', operands: 'Eb', count: 'CL' },
  { opcode: 'D3', operands: 'Ev', count: 'CL' },
];

export const shiftInstructions: readonly Instruction[] = [
  ...ENCODINGS.flatMap(({ opcode, operands, count }) =>
    GROUP.map(
      ({ mnemonic, make }, i): Instruction => ({
        mnemonic,
        encoding: `${opcode} /${i}`,
        operands,
        attributes: i >= 4 && i !== 6 && opcode !== 'C0' && opcode[0] !== 'D' ? 'modify hot' : 'modify',
        semantics: make(count),
      }),
    ),
  ),
  {
    mnemonic: 'SHLD',
    encoding: '0F A4',
    operands: 'Ev,Gv,Ib',
    attributes: 'modify',
    semantics: doubleShift('Ib', true),
  },
  {
    mnemonic: 'SHLD',
    encoding: '0F A5',
    operands: 'Ev,Gv',
    attributes: 'modify',
    semantics: doubleShift('CL', true),
  },
  {
    mnemonic: 'SHRD',
    encoding: '0F AC',
    operands: 'Ev,Gv,Ib',
    attributes: 'modify',
    semantics: doubleShift('Ib', false),
  },
  {
    mnemonic: 'SHRD',
    encoding: '0F AD',
    operands: 'Ev,Gv',
    attributes: 'modify',
    semantics: doubleShift('CL', false),
  },
];
