/**
 * MIN, MAX, CMP, COMIS and UCOMIS: SDM volume 2. They round nothing, so only NaNs and denormals
 * leave the fast path; the flags of those are found with vector operations on all lanes.
 */
import { FLAG } from '../../arch/registers.ts';
import { type I32, i32, select, type V128 } from '../../wasm/expression.ts';
import type { Local } from '../../wasm/function.ts';
import { i32x4, v128 } from '../../wasm/simd.ts';
import type { Context, Instruction, LibraryFunction, Semantics } from '../definition.ts';
import { FLAGS, has } from '../float/workspace.ts';
import { type LaneFormat, SINGLES } from './float-lanes.ts';
import { attributesOf, operandsOf, ordinary, PD, PS, SD, SHAPES, type Shape, SS } from './float-shapes.ts';
import { denormals, flagIfAny, nans, signalingNans, vectors } from './float-vectors.ts';
import { MXCSR, mxcsrOf, noneUnmasked, raiseUnmasked, settleInside } from './mxcsr.ts';
import { immediateByte } from './rows.ts';

/** (a) -> a with denormals made zeros when MXCSR.DAZ is set. */
const flushing = (format: LaneFormat): LibraryFunction<'v128'> => ({
  name: `flush${format.name}`,
  params: ['v128'],
  result: 'v128',
  build: (f) => {
    const a = f.param(1, 'v128');
    f.if(i32.eqz(has(mxcsrOf(f.param(0, 'i32')), MXCSR.DENORMALS_ARE_ZEROS)), () => f.return(a));
    const small = denormals(format, a);
    f.return(v128.andnot(a, v128.andnot(small, vectors(format).sign)));
    f.unreachable();
  },
});

const FLUSH = { Single: flushing(SINGLES), Double: flushing(SD.format) };

/**
 * (a, b, quiet NaNs are invalid too) -> nonzero when the operands have to be flushed by DAZ. Settles INVALID for
 * a signaling NaN in any lane and DENORMAL for a denormal in a lane without NaN: see `raiseUnmasked`.
 * Unused lanes are zero.
 */
const comparing = (format: LaneFormat): LibraryFunction<'i32'> => ({
  name: `compareFlags${format.name}`,
  params: ['v128', 'v128', 'i32'],
  result: 'i32',
  build: (f, use) => {
    const s = format === SINGLES ? PS : PD;
    const [state, a, b] = [f.param(0, 'i32'), f.param(1, 'v128'), f.param(2, 'v128')];
    f.if(s.all(s.and(ordinary(s, a), ordinary(s, b))), () => {
      noneUnmasked(f);
      f.return(i32.const(0));
    });
    f.set(a, use.library(FLUSH[format.name], a));
    f.set(b, use.library(FLUSH[format.name], b));
    const [nanA, nanB] = [f.let(nans(format, a)), f.let(nans(format, b))];
    const unordered = f.let(v128.or(nanA, nanB));
    const invalid = f.let(v128.or(signalingNans(format, a, nanA), signalingNans(format, b, nanB)));
    f.if(f.param(3, 'i32'), () => f.set(invalid, unordered));
    const denormal = v128.andnot(v128.or(denormals(format, a), denormals(format, b)), unordered);
    const flags = i32.or(flagIfAny(invalid, 'INVALID'), flagIfAny(denormal, 'DENORMAL'));
    f.store('i32', state, flags, FLAGS);
    settleInside(f, use);
    f.return(i32.and(mxcsrOf(state), i32.const(MXCSR.DENORMALS_ARE_ZEROS)));
    f.unreachable();
  },
});

const COMPARE_FLAGS = { Single: comparing(SINGLES), Double: comparing(SD.format) };

/** The operand with lanes that the instruction does not use cleared. */
const usedLanes = (s: Shape, v: V128): V128 => (s.lanes === 1 ? s.merge(i32x4.const(0), s.value(v)) : v);

/** Settles the flags of unusual operands, and flushes them by DAZ if need be. */
function settleOperands(c: Context, s: Shape, strict: I32, x: Local<'v128'>, y: Local<'v128'>): void {
  const { f } = c;
  const flags = c.library(COMPARE_FLAGS[s.format.name], usedLanes(s, x), usedLanes(s, y), strict);
  const flush = f.let(flags);
  raiseUnmasked(c);
  f.if(flush, () => {
    f.set(x, c.library(FLUSH[s.format.name], x));
    f.set(y, c.library(FLUSH[s.format.name], y));
  });
}

const isUnusual = (s: Shape, x: V128, y: V128): I32 => s.outsideButZero([s.value(x), s.value(y)]);

/** Both operands, flushed by DAZ if need be and with their flags settled. */
function compareOperands(
  c: Context,
  s: Shape,
  strict: I32,
  a: V128,
  b: V128,
): [Local<'v128'>, Local<'v128'>] {
  const { f } = c;
  const [x, y] = [f.let(a), f.let(b)];
  f.ifUnlikely(isUnusual(s, x, y), () => settleOperands(c, s, strict, x, y));
  return [x, y];
}

/** MIN, MAX: the source when a NaN is there or both are zeros. Any NaN is invalid. */
const extreme =
  (s: Shape, maximum: boolean): Semantics =>
  (c) => {
    const destination = c.f.let(c.readV(0));
    const operands = compareOperands(c, s, i32.const(1), destination, c.readV(1));
    const [a, b] = operands.map((v) => s.value(v));
    c.writeV(0, s.merge(destination, maximum ? s.max(a, b) : s.min(a, b)));
  };

/** By the immediate. */
function comparisons(v: ReturnType<typeof vectors>, a: V128, b: V128): V128[] {
  const unordered = v128.or(v.ne(a, a), v.ne(b, b));
  const positive = [v.eq(a, b), v.lt(a, b), v.le(a, b), unordered];
  return [...positive, ...positive.map(v128.not)];
}

/** The same by an immediate known at run time. */
function compareBy(predicate: I32, v: ReturnType<typeof vectors>, a: V128, b: V128): V128 {
  const [equal, less, lessOrEqual, unordered] = comparisons(v, a, b);
  const bit = (n: number): I32 => i32.and(predicate, i32.const(n));
  const negation = i32x4.splat(i32.sub(i32.const(0), i32.shr_u(bit(4), i32.const(2))));
  const chosen = select(bit(1), select(bit(2), unordered, less), select(bit(2), lessOrEqual, equal));
  return v128.xor(chosen, negation);
}

/** CMP: immediate 1:0 = equal, less, less or equal, unordered; bit 2 negates. Bits above are ignored. */
const compare =
  (s: Shape): Semantics =>
  (c) => {
    const { f } = c;
    const destination = f.let(c.readV(0));
    const source = f.let(c.readV(1));
    const predicate = immediateByte(c);
    // LT, LE and their negations signal quiet NaNs: predicates 1, 2, 5, 6.
    const strict = i32.and(i32.xor(predicate, i32.shr_u(predicate, i32.const(1))), i32.const(1));
    const [a, b] = compareOperands(c, s, strict, destination, source);
    const result = f.let(
      c.knownImmediate === undefined
        ? compareBy(predicate, vectors(s.format), a, b)
        : comparisons(vectors(s.format), a, b)[c.knownImmediate & 7],
    );
    c.writeV(0, s.lanes === 1 ? s.format.replace(destination, 0, s.format.extract(result, 0)) : result);
  };

/** COMIS, UCOMIS: ZF, PF, CF = 000 above, 001 below, 100 equal, 111 unordered; the others are cleared. */
const compareToFlags =
  (s: Shape, strict: boolean): Semantics =>
  (c) => {
    const { f } = c;
    const [x, y] = [f.let(c.readV(0)), f.let(c.readV(1))];
    const [a, b] = [s.value(x), s.value(y)];
    const test = (t: ReturnType<Shape['lt']>, mask: number): I32 => i32.mul(s.all(t), i32.const(mask));
    const bits = f.local('i32');
    const setBits = () => f.set(bits, i32.or(test(s.lt(a, b), FLAG.CF), test(s.eq(a, b), FLAG.ZF)));
    f.ifUnlikely(
      isUnusual(s, x, y),
      () => {
        settleOperands(c, s, i32.const(strict ? 1 : 0), x, y);
        setBits();
        const ordered = i32.and(s.all(s.eq(a, a)), s.all(s.eq(b, b)));
        f.if(i32.eqz(ordered), () => f.set(bits, i32.const(FLAG.CF | FLAG.ZF | FLAG.PF)));
      },
      setBits,
    );
    c.flags.raw(bits);
  };

const row = (s: Shape, mnemonic: string, opcode: string, semantics: Semantics): Instruction => ({
  mnemonic: `${mnemonic}${s.suffix}`,
  encoding: `${s.prefix} 0F ${opcode}`,
  operands: operandsOf(s),
  attributes: attributesOf(s),
  feature: s.feature,
  semantics,
});

/** COMISS has no prefix, COMISD has 66h. */
const toFlags = [SS, SD].flatMap((s) =>
  [false, true].map((strict): Instruction => {
    const { prefix } = SHAPES[s === SS ? 0 : 1];
    return {
      ...row(s, strict ? 'COMI' : 'UCOMI', '2E', compareToFlags(s, strict)),
      encoding: `${prefix} 0F ${strict ? '2F' : '2E'}`,
      attributes: 'sse',
    };
  }),
);

export const floatCompare: readonly Instruction[] = [
  ...SHAPES.flatMap((s) => [
    row(s, 'MIN', '5D', extreme(s, false)),
    row(s, 'MAX', '5F', extreme(s, true)),
    { ...row(s, 'CMP', 'C2', compare(s)), operands: `${operandsOf(s)},Ib` },
  ]),
  ...toFlags,
];
