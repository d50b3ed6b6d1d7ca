/** MUL, IMUL, DIV, IDIV and the decimal adjustments. SDM volume 2. */
import { FLAG, VECTOR } from '../../arch/registers.ts';
import { choose, f64, type I32, type I64, i32, i64, select } from '../../wasm/expression.ts';
import type { Context, Instruction, Semantics } from '../definition.ts';
import { STATE } from '../state.ts';
import { carryOverflow, signExtend, zeroExtend } from './helpers.ts';
import { divide128, multiplyHigh } from './wide.ts';

const RAX = 0;
const RDX = 2;

/** CF = OF = `lost`; SF, ZF, PF, AF are undefined: we derive SF, ZF, PF from the low half. */
function setProductFlags(c: Context, low: I64, lost: I32): void {
  const flag = c.f.let(lost);
  c.flags.bits(low, carryOverflow(flag, flag));
}

/** One-operand MUL and IMUL: (r)DX:(r)AX = accumulator * operand 0; AX for bytes. */
function multiply(signed: boolean): Semantics {
  return (c) => {
    const { size, f } = c;
    const extend = signed ? signExtend : zeroExtend;
    const a = f.let(extend(c.gpr(RAX, size), size));
    const b = f.let(signed ? c.read(0) : c.readU(0));
    const low = f.let(i64.mul(a, b));
    if (size === 8) {
      c.setGpr(RAX, low, 16);
      setProductFlags(
        c,
        f.let(signExtend(low, 8)),
        i64.ne(extend(low, 8), signed ? signExtend(low, 16) : zeroExtend(low, 16)),
      );
      return;
    }
    const high = f.let(size === 64 ? c.library(multiplyHigh(signed), a, b) : i64.shr_s(low, i64.const(size)));
    c.setGpr(RAX, low, size);
    c.setGpr(RDX, high, size);
    const r = f.let(signExtend(low, size));
    const expected = signed ? i64.shr_s(r, i64.const(63)) : i64.const(0);
    setProductFlags(c, r, i64.ne(signExtend(high, size), expected));
  };
}

/** Whether the signed product `low` of 64-bit factors lost something: doubles tell, but next to 2^63. */
function quadwordLost(c: Context, a: I64, b: I64, low: I64): I32 {
  const [limit, doubt] = [f64.const(2 ** 63), f64.const(2 ** 13)];
  const product = c.f.let(f64.abs(f64.mul(f64.convert_i64_s(a), f64.convert_i64_s(b))));
  const isClose = f64.lt(f64.abs(f64.sub(product, limit)), doubt);
  const high = c.library(multiplyHigh(true), a, b);
  return choose(isClose, i64.ne(high, i64.shr_s(low, i64.const(63))), f64.gt(product, limit));
}

/** Two- and three-operand IMUL: operand 0 = `a` * `b`. */
function multiplyInto(c: Context, a: I64, b: I64): void {
  const { size, f } = c;
  const x = f.let(a);
  const y = f.let(b);
  const low = f.let(i64.mul(x, y));
  const r = f.let(signExtend(low, size));
  const lost = size === 64 ? quadwordLost(c, x, y, low) : i64.ne(r, low);
  c.write(0, r);
  setProductFlags(c, r, lost);
}

/** RDX:RAX by 64 bits: one division when RDX is only what extends RAX. */
function divideQuadword(c: Context, signed: boolean, divisor: I64): void {
  const { f } = c;
  const [high, low] = [f.let(c.gpr(RDX)), f.let(c.gpr(RAX))];
  const [quotient, remainder] = [f.local('i64'), f.local('i64')];
  const isShort = signed
    ? // The quotient of -1 may be 2^63.
      i32.and(i64.eq(high, i64.shr_s(low, i64.const(63))), i64.ne(divisor, i64.const(-1)))
    : i64.eqz(high);
  f.if(
    isShort,
    () => {
      f.set(quotient, signed ? i64.div_s(low, divisor) : i64.div_u(low, divisor));
      f.set(remainder, i64.sub(low, i64.mul(quotient, divisor)));
    },
    () => {
      f.set(quotient, c.library(divide128(signed), high, low, divisor));
      // The library leaves the remainder and an overflow mark in the scratch area.
      f.ifUnlikely(i32.load(c.field(STATE.TEMPORARY + 8)), () => c.raise(VECTOR.DE));
      f.set(remainder, i64.load(c.field(STATE.TEMPORARY)));
    },
  );
  c.setGpr(RAX, quotient);
  c.setGpr(RDX, remainder);
}

/** DIV and IDIV; #DE when the divisor is 0 or the quotient does not fit. Flags are undefined: left as they are. */
function divide(signed: boolean): Semantics {
  return (c) => {
    const { size, f } = c;
    const divisor = f.let(signed ? c.read(0) : c.readU(0));
    f.ifUnlikely(i64.eqz(divisor), () => c.raise(VECTOR.DE));
    if (size === 64) {
      divideQuadword(c, signed, divisor);
      return;
    }
    const dividend = f.let(
      size === 8
        ? (signed ? signExtend : zeroExtend)(c.gpr(RAX, 16), 16)
        : i64.or(i64.shl(c.gpr(RDX, size), i64.const(size)), zeroExtend(c.gpr(RAX, size), size)),
    );
    const whole = f.let(
      size === 32 ? dividend : (signed ? signExtend : zeroExtend)(dividend, Math.min(size * 2, 64)),
    );
    if (signed && size === 32) {
      // The one case that traps in Wasm: -2^63 / -1 overflows in any case.
      f.if(i32.and(i64.eq(divisor, i64.const(-1)), i64.eq(whole, i64.const(-(2n ** 63n)))), () =>
        c.raise(VECTOR.DE),
      );
    }
    const quotient = f.let(signed ? i64.div_s(whole, divisor) : i64.div_u(whole, divisor));
    const fits = (signed ? signExtend : zeroExtend)(quotient, size);
    f.ifUnlikely(i64.ne(quotient, fits), () => c.raise(VECTOR.DE));
    const remainder = f.let(i64.sub(whole, i64.mul(quotient, divisor)));
    if (size === 8) {
      c.setGpr(RAX, i64.or(i64.and(quotient, i64.const(0xff)), i64.shl(remainder, i64.const(8))), 16);
    } else {
      c.setGpr(RAX, quotient, size);
      c.setGpr(RDX, remainder, size);
    }
  };
}

const AL = (c: Context): I64 => zeroExtend(c.gpr(RAX, 8), 8);
const AH = (c: Context): I64 => i64.and(i64.shr_u(c.gpr(RAX), i64.const(8)), i64.const(0xff));
const flagIf = (condition: I32, flag: number): I32 => select(condition, i32.const(flag), i32.const(0));

/** DAA and DAS. */
function decimalAdjust(subtract: boolean): Semantics {
  return (c) => {
    const { f } = c;
    const al = f.let(AL(c));
    const old = f.let(c.rflags());
    const low = f.let(
      i32.or(
        i64.gt_u(i64.and(al, i64.const(15)), i64.const(9)),
        i32.ne(i32.and(old, i32.const(FLAG.AF)), i32.const(0)),
      ),
    );
    const high = f.let(i32.or(i64.gt_u(al, i64.const(0x99)), i32.and(old, i32.const(FLAG.CF))));
    const adjustment = i64.add(
      select(low, i64.const(6), i64.const(0)),
      select(high, i64.const(0x60), i64.const(0)),
    );
    const r = f.let(i64.extend8_s(subtract ? i64.sub(al, adjustment) : i64.add(al, adjustment)));
    // DAS: the low correction may borrow as well.
    const borrow = subtract ? i32.and(low, i64.lt_u(al, i64.const(6))) : i32.const(0);
    const carry = i32.or(high, borrow);
    c.setGpr(RAX, r, 8);
    c.flags.bits(r, f.let(i32.or(flagIf(carry, FLAG.CF), flagIf(low, FLAG.AF))));
  };
}

/** AAA and AAS. */
function asciiAdjust(subtract: boolean): Semantics {
  return (c) => {
    const { f } = c;
    const adjust = f.let(
      i32.or(
        i64.gt_u(i64.and(AL(c), i64.const(15)), i64.const(9)),
        i32.ne(i32.and(c.rflags(), i32.const(FLAG.AF)), i32.const(0)),
      ),
    );
    const ax = f.let(zeroExtend(c.gpr(RAX, 16), 16));
    const adjusted = select(
      adjust,
      subtract ? i64.sub(ax, i64.const(0x106)) : i64.add(ax, i64.const(0x106)),
      ax,
    );
    const r = f.let(i64.and(adjusted, i64.const(0xff0f)));
    c.setGpr(RAX, r, 16);
    c.flags.bits(f.let(i64.extend8_s(r)), f.let(flagIf(adjust, FLAG.AF | FLAG.CF)));
  };
}

const asciiMultiply: Semantics = (c) => {
  const base = c.f.let(c.readU(0));
  c.f.if(i64.eqz(base), () => c.raise(VECTOR.DE));
  const al = c.f.let(AL(c));
  const low = c.f.let(i64.rem_u(al, base));
  c.setGpr(RAX, i64.or(i64.shl(i64.div_u(al, base), i64.const(8)), low), 16);
  c.flags.bits(c.f.let(i64.extend8_s(low)), i32.const(0));
};

const asciiDivide: Semantics = (c) => {
  const r = c.f.let(i64.and(i64.add(AL(c), i64.mul(AH(c), c.readU(0))), i64.const(0xff)));
  c.setGpr(RAX, r, 16);
  c.flags.bits(c.f.let(i64.extend8_s(r)), i32.const(0));
};

const saveFlagsToAh: Semantics = (c) =>
  c.setGpr(
    RAX,
    i64.or(
      i64.and(c.gpr(RAX), i64.const(0xff)),
      i64.extend_i32_u(i32.shl(i32.or(i32.and(c.rflags(), i32.const(0xd5)), i32.const(2)), i32.const(8))),
    ),
    16,
  );

const loadFlagsFromAh: Semantics = (c) => {
  const five = i32.and(i32.wrap_i64(AH(c)), i32.const(0xd5));
  c.flags.raw(c.f.let(i32.or(five, i32.shl(c.overflow, i32.const(11)))));
};

export const multiplyInstructions: readonly Instruction[] = [
  { mnemonic: 'MUL', encoding: 'F6 /4', operands: 'Eb', semantics: multiply(false) },
  { mnemonic: 'MUL', encoding: 'F7 /4', operands: 'Ev', semantics: multiply(false) },
  { mnemonic: 'IMUL', encoding: 'F6 /5', operands: 'Eb', semantics: multiply(true) },
  { mnemonic: 'IMUL', encoding: 'F7 /5', operands: 'Ev', semantics: multiply(true) },
  {
    mnemonic: 'IMUL',
    encoding: '0F AF',
    operands: 'Gv,Ev',
    attributes: 'modify hot',
    semantics: (c) => multiplyInto(c, c.read(0), c.read(1)),
  },
  {
    mnemonic: 'IMUL',
    encoding: '69',
    operands: 'Gv,Ev,Iz',
    attributes: 'write hot',
    semantics: (c) => multiplyInto(c, c.read(1), c.immediate()),
  },
  {
    mnemonic: 'IMUL',
    encoding: '6B',
    operands: 'Gv,Ev,Ibs',
    attributes: 'write hot',
    semantics: (c) => multiplyInto(c, c.read(1), c.immediate()),
  },
  { mnemonic: 'DIV', encoding: 'F6 /6', operands: 'Eb', semantics: divide(false) },
  { mnemonic: 'DIV', encoding: 'F7 /6', operands: 'Ev', semantics: divide(false) },
  { mnemonic: 'IDIV', encoding: 'F6 /7', operands: 'Eb', semantics: divide(true) },
  { mnemonic: 'IDIV', encoding: 'F7 /7', operands: 'Ev', semantics: divide(true) },
  { mnemonic: 'DAA', encoding: '27', attributes: 'i64 byte', semantics: decimalAdjust(false) },
  { mnemonic: 'DAS', encoding: '2F', attributes: 'i64 byte', semantics: decimalAdjust(true) },
  { mnemonic: 'AAA', encoding: '37', attributes: 'i64 byte', semantics: asciiAdjust(false) },
  { mnemonic: 'AAS', encoding: '3F', attributes: 'i64 byte', semantics: asciiAdjust(true) },
  { mnemonic: 'AAM', encoding: 'D4', operands: 'Ib', attributes: 'i64 byte', semantics: asciiMultiply },
  { mnemonic: 'AAD', encoding: 'D5', operands: 'Ib', attributes: 'i64 byte', semantics: asciiDivide },
  { mnemonic: 'SAHF', encoding: '9E', attributes: 'byte i64', semantics: loadFlagsFromAh },
  { mnemonic: 'LAHF', encoding: '9F', attributes: 'byte i64', semantics: saveFlagsToAh },
  // Early 64-bit processors did without them in 64-bit mode.
  {
    mnemonic: 'SAHF',
    encoding: '9E',
    attributes: 'byte o64',
    feature: 'lahf_lm',
    semantics: loadFlagsFromAh,
  },
  { mnemonic: 'LAHF', encoding: '9F', attributes: 'byte o64', feature: 'lahf_lm', semantics: saveFlagsToAh },
];
