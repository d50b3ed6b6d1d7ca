/**
 * Conversions between integers, singles and doubles: CVTxxx of SDM volume 2. As in arithmetic, the
 * WebAssembly conversion serves when it is exact, or inexact and MXCSR asks for nothing unusual.
 */
import { type Expression, f32, f64, type I32, type I64, i32, i64, type V128 } from '../../wasm/expression.ts';
import { f32x4, f64x2, i32x4, i64x2, low, v128 } from '../../wasm/simd.ts';
import type { Context, Instruction, LibraryFunction, Semantics } from '../definition.ts';
import { STATE } from '../state.ts';
import {
  DOUBLE_TO_INTEGER,
  DOUBLE_TO_SINGLE,
  DOUBLES,
  INTEGER_TO_DOUBLE,
  INTEGER_TO_SINGLE,
  type LaneFormat,
  SINGLE_TO_DOUBLE,
  SINGLE_TO_INTEGER,
  SINGLES,
} from './float-lanes.ts';
import { finite, ordinary, PD, PS, SD, type Shape, SS } from './float-shapes.ts';
import { clearFlags, inexactIsPlain, isPlain, isPlainWhenExact, MXCSR, settle } from './mxcsr.ts';
import { shuffleDwords, shuffleQwords } from './operations.ts';
import { enteringMmx, enterMmx, type Row, rows } from './rows.ts';

const mxcsr = (c: Context): I32 => i32.load(c.field(STATE.MXCSR));

/** Sets `result` by `fast` when `condition`, else by `exact` after clearing FLAGS, and settles them. */
function converted<T extends 'i64' | 'v128'>(
  c: Context,
  type: T,
  condition: I32,
  fast: Expression<T>,
  exact: () => Expression<T>,
): Expression<T> {
  const { f } = c;
  const result = f.local(type);
  f.ifLikely(
    condition,
    () => f.set(result, fast),
    () => {
      clearFlags(f, c.field(0));
      f.set(result, exact());
      settle(c);
    },
  );
  return result;
}

// --- integers to floating point ---------------------------------------------------------------

/** CVTSI2SS, CVTSI2SD from a general register or memory of 32 or 64 bits. */
const fromGeneral =
  (s: Shape): Semantics =>
  (c) => {
    const { f } = c;
    const value = f.let(c.read(1));
    const destination = f.let(c.readV(0));
    const double = s === SD;
    if (double && c.width(1) === 32) {
      c.writeV(0, s.merge(destination, f64.convert_i64_s(value)));
      return;
    }
    const fast = f.let<'f32' | 'f64'>(double ? f64.convert_i64_s(value) : f32.convert_i64_s(value));
    const back = double
      ? i64.trunc_sat_f64_s(fast as Expression<'f64'>)
      : i64.trunc_sat_f32_s(fast as Expression<'f32'>);
    // 2^63 - 1 rounds to 2^63, and comes back saturated to itself.
    const exact = i32.and(i64.eq(back, value), i64.ne(value, i64.const((1n << 63n) - 1n)));
    const condition = i32.or(exact, isPlain(mxcsr(c)));
    const lane = double ? INTEGER_TO_DOUBLE : INTEGER_TO_SINGLE;
    c.writeV(
      0,
      converted(c, 'v128', condition, s.merge(destination, fast), () =>
        s.format.replace(destination, 0, c.library(lane, value)),
      ),
    );
  };

const dword = (v: V128, lane: number): I64 => i64.extend_i32_s(i32x4.extract_lane(v, lane));

/** Four or two 32-bit integers to singles; the lanes above stay those of `destination`. */
const singlesFromDwords =
  (lanes: 2 | 4): Semantics =>
  (c) => {
    const { f } = c;
    const source = f.let(c.readV(1));
    if (lanes === 2 && !c.isMemory(1)) enterMmx(c);
    const destination = f.let(lanes === 4 ? f32x4.const(0) : c.readV(0));
    const fast = f.let(f32x4.convert_i32x4_s(source));
    // All of magnitude up to 2^24 is exact.
    const exact = v128.any_true(i32x4.gt_u(i32x4.add(source, i32x4.const(1 << 24)), i32x4.const(1 << 25)));
    const condition = i32.or(i32.eqz(exact), isPlain(mxcsr(c)));
    const merged = lanes === 4 ? fast : shuffleQwords(fast, destination, [0, 3]);
    c.writeV(
      0,
      converted(c, 'v128', condition, merged, () => {
        const result = f.let(destination);
        for (let i = 0; i < lanes; i++) {
          f.set(result, SINGLES.replace(result, i, c.library(INTEGER_TO_SINGLE, dword(source, i))));
        }
        return result;
      }),
    );
  };

/** Two 32-bit integers to doubles: always exact. */
const doublesFromDwords: Semantics = (c) => c.writeV(0, f64x2.convert_low_i32x4_s(c.readV(1)));

// --- floating point to integers ---------------------------------------------------------------

/** Rounding control of an instruction: MXCSR's, or truncation. */
const roundingOf = (c: Context, truncate: boolean): I32 =>
  truncate ? i32.const(3) : i32.and(i32.shr_u(mxcsr(c), i32.const(MXCSR.ROUNDING_SHIFT)), i32.const(3));

const toIntegerOf = (format: LaneFormat): LibraryFunction<'i64'> =>
  format === SINGLES ? SINGLE_TO_INTEGER : DOUBLE_TO_INTEGER;

/** Rounding is to nearest; meaningless for truncation. */
const nearest = (c: Context, truncate: boolean): I32 =>
  truncate ? i32.const(1) : i32.eqz(i32.and(mxcsr(c), i32.const(MXCSR.ROUNDING)));

/** CVTSS2SI, CVTSD2SI and the truncating ones, to 32 or 64 bits. */
const toGeneral =
  (s: Shape, truncate: boolean): Semantics =>
  (c) => {
    const { f } = c;
    const source = f.let(c.readV(1));
    const width = c.width(0);
    const value = s.value(source);
    const x = f.let(s === SD ? (value as Expression<'f64'>) : f64.promote_f32(value as Expression<'f32'>));
    const whole = f.let(truncate ? f64.trunc(x) : f64.nearest(x));
    const limit = 2 ** (width - 1);
    const inside = i32.and(f64.lt(whole, f64.const(limit)), f64.ge(whole, f64.const(-limit)));
    const quiet = i32.and(nearest(c, truncate), inexactIsPlain(mxcsr(c)));
    const condition = i32.and(inside, i32.or(f64.eq(whole, x), quiet));
    c.write(
      0,
      converted(c, 'i64', condition, i64.trunc_sat_f64_s(whole), () =>
        c.library(
          toIntegerOf(s.format),
          s.format.extract(source, 0),
          i32.const(width),
          roundingOf(c, truncate),
        ),
      ),
    );
  };

/** Packed floating point to 32-bit integers; doubles leave the upper half zero. */
const toDwords =
  (s: Shape, truncate: boolean, lanes: 2 | 4): Semantics =>
  (c) => {
    const { f } = c;
    const source = f.let(c.readV(1));
    // MMX mode is entered even if the conversion goes on to raise #XM.
    if (c.width(0) === 64) enterMmx(c);
    const whole = f.let((truncate ? s.toInteger[3] : s.toInteger[0])(source) as V128);
    const limit = s === PD ? f64x2.const(2 ** 31) : f32x4.const(2 ** 31);
    const plainLanes = (test: V128): I32 =>
      s === PS && lanes === 2 ? i64.eq(i64x2.extract_lane(test, 0), i64.const(-1)) : s.all(test);
    const inside = plainLanes(s.lt(s.abs(whole), limit) as V128);
    const quiet = i32.and(nearest(c, truncate), inexactIsPlain(mxcsr(c)));
    const condition = i32.and(inside, i32.or(plainLanes(s.eq(whole, source) as V128), quiet));
    const fast = s === PD ? i32x4.trunc_sat_f64x2_s_zero(whole) : i32x4.trunc_sat_f32x4_s(whole);
    c.writeV(
      0,
      converted(c, 'v128', condition, fast, () => {
        const rounding = f.let(roundingOf(c, truncate));
        const result = f.let(i32x4.const(0));
        for (let i = 0; i < lanes; i++) {
          const bits = s.format.extract(source, i);
          const integer = c.library(toIntegerOf(s.format), bits, i32.const(32), rounding);
          f.set(result, i32x4.replace_lane(result, i, i32.wrap_i64(integer)));
        }
        return result;
      }),
    );
  };

// --- between singles and doubles --------------------------------------------------------------

const widenScalar: Semantics = (c) => {
  const { f } = c;
  const destination = f.let(c.readV(0));
  const source = f.let(c.readV(1));
  const x = f.let(f32x4.extract_lane(source, 0));
  const fast = f64x2.replace_lane(destination, 0, f64.promote_f32(x));
  c.writeV(
    0,
    converted(c, 'v128', SS.all(ordinary(SS, x)), fast, () =>
      DOUBLES.replace(destination, 0, c.library(SINGLE_TO_DOUBLE, SINGLES.extract(source, 0))),
    ),
  );
};

const widenPacked: Semantics = (c) => {
  const { f } = c;
  const source = f.let(c.readV(1));
  const both = f.let(shuffleDwords(source, source, [0, 1, 0, 1]));
  const fast = f64x2.promote_low_f32x4(source);
  c.writeV(
    0,
    converted(c, 'v128', PS.all(ordinary(PS, both)), fast, () => {
      const result = f.let(low.i64(c.library(SINGLE_TO_DOUBLE, SINGLES.extract(source, 0))));
      return DOUBLES.replace(result, 1, c.library(SINGLE_TO_DOUBLE, SINGLES.extract(source, 1)));
    }),
  );
};

/** The narrowed number is normal, or an exact zero; and rounding it went unnoticed or was exact. */
function narrowingIsPlain(
  c: Context,
  wide: Shape,
  narrow: Shape,
  x: Expression,
  y: Expression,
  back: Expression,
): I32 {
  const normal = narrow.and(finite(narrow, y), narrow.le(narrow.minimumNormal, narrow.abs(y)));
  const exact = i32.and(wide.all(wide.eq(back, x)), isPlainWhenExact(mxcsr(c)));
  const zero = wide.eq(x, wide.zero);
  const narrowZero = narrow === SS ? zero : shuffleDwords(zero as V128, zero as V128, [0, 2, 0, 2]);
  return i32.and(narrow.all(narrow.or(normal, narrowZero)), i32.or(exact, isPlain(mxcsr(c))));
}

const narrowScalar: Semantics = (c) => {
  const { f } = c;
  const destination = f.let(c.readV(0));
  const source = f.let(c.readV(1));
  const x = f.let(f64x2.extract_lane(source, 0));
  const y = f.let(f32.demote_f64(x));
  const condition = narrowingIsPlain(c, SD, SS, x, y, f64.promote_f32(y));
  c.writeV(
    0,
    converted(c, 'v128', condition, f32x4.replace_lane(destination, 0, y), () =>
      SINGLES.replace(destination, 0, c.library(DOUBLE_TO_SINGLE, DOUBLES.extract(source, 0))),
    ),
  );
};

const narrowPacked: Semantics = (c) => {
  const { f } = c;
  const source = f.let(c.readV(1));
  const narrow = f.let(f32x4.demote_f64x2_zero(source));
  const both = f.let(shuffleDwords(narrow, narrow, [0, 1, 0, 1]));
  const condition = narrowingIsPlain(c, PD, PS, source, both, f64x2.promote_low_f32x4(narrow));
  c.writeV(
    0,
    converted(c, 'v128', condition, narrow, () => {
      const first = c.library(DOUBLE_TO_SINGLE, DOUBLES.extract(source, 0));
      const result = f.let(SINGLES.replace(i32x4.const(0), 0, first));
      return SINGLES.replace(result, 1, c.library(DOUBLE_TO_SINGLE, DOUBLES.extract(source, 1)));
    }),
  );
};

const merging = { attributes: 'sse modify' };
const unaligned = { attributes: 'sse write' };
/** Between MMX and XMM registers: the checks of both, and MMX mode. */
const toMmx = { attributes: 'sse-mmx write' };
const fromMmx = { attributes: 'sse-mmx modify' };

const sse: readonly Row[] = [
  ['CVTPI2PS', 'NP 0F 2A', singlesFromDwords(2), { operands: 'Vps,Nq', ...fromMmx }],
  // From memory these leave the x87 state alone.
  ['CVTPI2PS', 'NP 0F 2A', singlesFromDwords(2), { operands: 'Vps,Mq', ...merging }],
  ['CVTSI2SS', 'F3 0F 2A', fromGeneral(SS), { operands: 'Vss,Ey', ...merging }],
  ['CVTTPS2PI', 'NP 0F 2C', toDwords(PS, true, 2), { operands: 'Pq,Wq', ...toMmx }],
  ['CVTTSS2SI', 'F3 0F 2C', toGeneral(SS, true), { operands: 'Gy,Wss', ...unaligned }],
  ['CVTPS2PI', 'NP 0F 2D', toDwords(PS, false, 2), { operands: 'Pq,Wq', ...toMmx }],
  ['CVTSS2SI', 'F3 0F 2D', toGeneral(SS, false), { operands: 'Gy,Wss', ...unaligned }],
];

const sse2: readonly Row[] = [
  ['CVTPI2PD', '66 0F 2A', enteringMmx(doublesFromDwords), { operands: 'Vpd,Nq', ...toMmx }],
  ['CVTPI2PD', '66 0F 2A', doublesFromDwords, { operands: 'Vpd,Mq', ...unaligned }],
  ['CVTSI2SD', 'F2 0F 2A', fromGeneral(SD), { operands: 'Vsd,Ey', ...merging }],
  ['CVTTPD2PI', '66 0F 2C', toDwords(PD, true, 2), { operands: 'Pq,Wpd', attributes: 'sse-mmx align write' }],
  ['CVTTSD2SI', 'F2 0F 2C', toGeneral(SD, true), { operands: 'Gy,Wsd', ...unaligned }],
  ['CVTPD2PI', '66 0F 2D', toDwords(PD, false, 2), { operands: 'Pq,Wpd', attributes: 'sse-mmx align write' }],
  ['CVTSD2SI', 'F2 0F 2D', toGeneral(SD, false), { operands: 'Gy,Wsd', ...unaligned }],
  ['CVTPS2PD', 'NP 0F 5A', widenPacked, { operands: 'Vpd,Wq', ...unaligned }],
  ['CVTPD2PS', '66 0F 5A', narrowPacked],
  ['CVTSS2SD', 'F3 0F 5A', widenScalar, { operands: 'Vsd,Wss', ...merging }],
  ['CVTSD2SS', 'F2 0F 5A', narrowScalar, { operands: 'Vss,Wsd', ...merging }],
  ['CVTDQ2PS', 'NP 0F 5B', singlesFromDwords(4)],
  ['CVTPS2DQ', '66 0F 5B', toDwords(PS, false, 4)],
  ['CVTTPS2DQ', 'F3 0F 5B', toDwords(PS, true, 4)],
  ['CVTTPD2DQ', '66 0F E6', toDwords(PD, true, 2)],
  ['CVTDQ2PD', 'F3 0F E6', doublesFromDwords, { operands: 'Vpd,Wq', ...unaligned }],
  ['CVTPD2DQ', 'F2 0F E6', toDwords(PD, false, 2)],
];

const packed = { operands: 'Vx,Wx', attributes: 'sse align write' };

export const conversions: readonly Instruction[] = [
  ...rows({ feature: 'sse', ...packed }, sse),
  ...rows({ feature: 'sse2', ...packed }, sse2),
];
