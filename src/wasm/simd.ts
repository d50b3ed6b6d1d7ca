/**
 * The 128-bit vector instructions of WebAssembly (core specification, "Vector Instructions"), one
 * object per lane shape, in the style of `expression.ts`. Opcodes are the prefix FDh and a number.
 * Lane numbers and shuffle patterns are immediates: they are fixed when the code is built.
 */
import {
  binary,
  type Expression,
  type F32,
  type F64,
  type I32,
  type I64,
  load,
  opcode,
  unary,
  type V128,
  type ValueType,
} from './expression.ts';

const vector = (number: number): number => 0xfd0000 | number;

const unop = (number: number) => unary<'v128', 'v128'>('v128', vector(number));
const binop = (number: number) => binary<'v128', 'v128'>('v128', vector(number));
const test = (number: number) => unary<'v128', 'i32'>('i32', vector(number));
const vload = (number: number) => load('v128', vector(number));

function splat<A extends ValueType>(number: number) {
  return unary<A, 'v128'>('v128', vector(number));
}

/** A shift of every lane by the same count, which the instruction takes modulo the lane's width. */
function shift(number: number) {
  return (a: V128, count: I32): V128 => ({
    type: 'v128',
    emit: (code) => {
      a.emit(code);
      count.emit(code);
      opcode(code, vector(number));
    },
  });
}

function extract<R extends ValueType>(type: R, number: number) {
  return (a: V128, lane: number): Expression<R> => ({
    type,
    emit: (code) => {
      a.emit(code);
      opcode(code, vector(number));
      code.byte(lane);
    },
  });
}

function replace<A extends ValueType>(number: number) {
  return (a: V128, lane: number, value: Expression<A>): V128 => ({
    type: 'v128',
    emit: (code) => {
      a.emit(code);
      value.emit(code);
      opcode(code, vector(number));
      code.byte(lane);
    },
  });
}

/** Loads one lane of `a` from memory. */
function loadLane(number: number) {
  return (address: I32, a: V128, lane: number, offset = 0): V128 => ({
    type: 'v128',
    emit: (code) => {
      address.emit(code);
      a.emit(code);
      opcode(code, vector(number));
      code.u32(0);
      code.u32(offset);
      code.byte(lane);
    },
  });
}

function constant(bytes: Uint8Array): V128 {
  return {
    type: 'v128',
    emit: (code) => {
      opcode(code, vector(12));
      code.append(bytes);
    },
  };
}

/** The lanes repeat until 16 bytes are full: `fill(Int16Array, [1])` is eight times 1. */
function fill<L extends bigint | number>(make: { from(lanes: L[]): ArrayBufferView }, size: number) {
  return (...lanes: L[]): V128 => {
    const all = Array.from({ length: 16 / size }, (_, i) => lanes[i % lanes.length]);
    return constant(new Uint8Array(make.from(all).buffer));
  };
}

export const v128 = {
  load: vload(0),
  load8x8_s: vload(1),
  load8x8_u: vload(2),
  load16x4_s: vload(3),
  load16x4_u: vload(4),
  load32x2_s: vload(5),
  load32x2_u: vload(6),
  load8_splat: vload(7),
  load16_splat: vload(8),
  load32_splat: vload(9),
  load64_splat: vload(10),
  load32_zero: vload(92),
  load64_zero: vload(93),
  load8_lane: loadLane(84),
  load16_lane: loadLane(85),
  load32_lane: loadLane(86),
  load64_lane: loadLane(87),
  not: unop(77),
  and: binop(78),
  /** a AND NOT b: the other way round than PANDN. */
  andnot: binop(79),
  or: binop(80),
  xor: binop(81),
  /** Bits of `a` where `mask` has ones, of `b` where it has zeros. */
  bitselect: (a: V128, b: V128, mask: V128): V128 => ({
    type: 'v128',
    emit: (code) => {
      a.emit(code);
      b.emit(code);
      mask.emit(code);
      opcode(code, vector(82));
    },
  }),
  any_true: test(83),
};

export const i8x16 = {
  const: fill<number>(Int8Array, 1),
  /** Byte i of the result is byte `lanes[i]` of `a` (0..15) and `b` (16..31). */
  shuffle: (a: V128, b: V128, lanes: readonly number[]): V128 => {
    if (lanes.length !== 16) throw new Error(`a shuffle names 16 bytes, not ${lanes.length}`);
    return {
      type: 'v128',
      emit: (code) => {
        a.emit(code);
        b.emit(code);
        opcode(code, vector(13));
        for (const lane of lanes) code.byte(lane);
      },
    };
  },
  /** Byte i of the result is byte `b[i]` of `a`, or 0 when `b[i]` is above 15. */
  swizzle: binop(14),
  splat: splat<'i32'>(15),
  extract_lane_s: extract('i32', 21),
  extract_lane_u: extract('i32', 22),
  replace_lane: replace<'i32'>(23),
  eq: binop(35),
  ne: binop(36),
  lt_s: binop(37),
  lt_u: binop(38),
  gt_s: binop(39),
  gt_u: binop(40),
  le_s: binop(41),
  le_u: binop(42),
  ge_s: binop(43),
  ge_u: binop(44),
  abs: unop(96),
  neg: unop(97),
  popcnt: unop(98),
  all_true: test(99),
  bitmask: test(100),
  narrow_i16x8_s: binop(101),
  narrow_i16x8_u: binop(102),
  shl: shift(107),
  shr_s: shift(108),
  shr_u: shift(109),
  add: binop(110),
  add_sat_s: binop(111),
  add_sat_u: binop(112),
  sub: binop(113),
  sub_sat_s: binop(114),
  sub_sat_u: binop(115),
  min_s: binop(118),
  min_u: binop(119),
  max_s: binop(120),
  max_u: binop(121),
  avgr_u: binop(123),
};

export const i16x8 = {
  const: fill<number>(Int16Array, 2),
  splat: splat<'i32'>(16),
  extract_lane_s: extract('i32', 24),
  extract_lane_u: extract('i32', 25),
  replace_lane: replace<'i32'>(26),
  eq: binop(45),
  ne: binop(46),
  lt_s: binop(47),
  lt_u: binop(48),
  gt_s: binop(49),
  gt_u: binop(50),
  le_s: binop(51),
  le_u: binop(52),
  ge_s: binop(53),
  ge_u: binop(54),
  extadd_pairwise_i8x16_s: unop(124),
  extadd_pairwise_i8x16_u: unop(125),
  abs: unop(128),
  neg: unop(129),
  q15mulr_sat_s: binop(130),
  all_true: test(131),
  bitmask: test(132),
  narrow_i32x4_s: binop(133),
  narrow_i32x4_u: binop(134),
  extend_low_i8x16_s: unop(135),
  extend_high_i8x16_s: unop(136),
  extend_low_i8x16_u: unop(137),
  extend_high_i8x16_u: unop(138),
  shl: shift(139),
  shr_s: shift(140),
  shr_u: shift(141),
  add: binop(142),
  add_sat_s: binop(143),
  add_sat_u: binop(144),
  sub: binop(145),
  sub_sat_s: binop(146),
  sub_sat_u: binop(147),
  mul: binop(149),
  min_s: binop(150),
  min_u: binop(151),
  max_s: binop(152),
  max_u: binop(153),
  avgr_u: binop(155),
  extmul_low_i8x16_s: binop(156),
  extmul_high_i8x16_s: binop(157),
  extmul_low_i8x16_u: binop(158),
  extmul_high_i8x16_u: binop(159),
};

export const i32x4 = {
  const: fill<number>(Int32Array, 4),
  splat: splat<'i32'>(17),
  extract_lane: extract('i32', 27),
  replace_lane: replace<'i32'>(28),
  eq: binop(55),
  ne: binop(56),
  lt_s: binop(57),
  lt_u: binop(58),
  gt_s: binop(59),
  gt_u: binop(60),
  le_s: binop(61),
  le_u: binop(62),
  ge_s: binop(63),
  ge_u: binop(64),
  extadd_pairwise_i16x8_s: unop(126),
  extadd_pairwise_i16x8_u: unop(127),
  abs: unop(160),
  neg: unop(161),
  all_true: test(163),
  bitmask: test(164),
  extend_low_i16x8_s: unop(167),
  extend_high_i16x8_s: unop(168),
  extend_low_i16x8_u: unop(169),
  extend_high_i16x8_u: unop(170),
  shl: shift(171),
  shr_s: shift(172),
  shr_u: shift(173),
  add: binop(174),
  sub: binop(177),
  mul: binop(181),
  min_s: binop(182),
  min_u: binop(183),
  max_s: binop(184),
  max_u: binop(185),
  dot_i16x8_s: binop(186),
  extmul_low_i16x8_s: binop(188),
  extmul_high_i16x8_s: binop(189),
  extmul_low_i16x8_u: binop(190),
  extmul_high_i16x8_u: binop(191),
  trunc_sat_f32x4_s: unop(248),
  trunc_sat_f32x4_u: unop(249),
  trunc_sat_f64x2_s_zero: unop(252),
  trunc_sat_f64x2_u_zero: unop(253),
};

export const i64x2 = {
  const: fill<bigint>(BigInt64Array, 8),
  splat: splat<'i64'>(18),
  extract_lane: extract('i64', 29),
  replace_lane: replace<'i64'>(30),
  abs: unop(192),
  neg: unop(193),
  all_true: test(195),
  bitmask: test(196),
  extend_low_i32x4_s: unop(199),
  extend_high_i32x4_s: unop(200),
  extend_low_i32x4_u: unop(201),
  extend_high_i32x4_u: unop(202),
  shl: shift(203),
  shr_s: shift(204),
  shr_u: shift(205),
  add: binop(206),
  sub: binop(209),
  mul: binop(213),
  eq: binop(214),
  ne: binop(215),
  lt_s: binop(216),
  gt_s: binop(217),
  le_s: binop(218),
  ge_s: binop(219),
  extmul_low_i32x4_s: binop(220),
  extmul_high_i32x4_s: binop(221),
  extmul_low_i32x4_u: binop(222),
  extmul_high_i32x4_u: binop(223),
};

export const f32x4 = {
  const: fill<number>(Float32Array, 4),
  splat: splat<'f32'>(19),
  extract_lane: extract('f32', 31),
  replace_lane: replace<'f32'>(32),
  eq: binop(65),
  ne: binop(66),
  lt: binop(67),
  gt: binop(68),
  le: binop(69),
  ge: binop(70),
  demote_f64x2_zero: unop(94),
  ceil: unop(103),
  floor: unop(104),
  trunc: unop(105),
  nearest: unop(106),
  abs: unop(224),
  neg: unop(225),
  sqrt: unop(227),
  add: binop(228),
  sub: binop(229),
  mul: binop(230),
  div: binop(231),
  min: binop(232),
  max: binop(233),
  /** b < a ? b : a */
  pmin: binop(234),
  /** a < b ? b : a */
  pmax: binop(235),
  convert_i32x4_s: unop(250),
  convert_i32x4_u: unop(251),
};

export const f64x2 = {
  const: fill<number>(Float64Array, 8),
  splat: splat<'f64'>(20),
  extract_lane: extract('f64', 33),
  replace_lane: replace<'f64'>(34),
  eq: binop(71),
  ne: binop(72),
  lt: binop(73),
  gt: binop(74),
  le: binop(75),
  ge: binop(76),
  promote_low_f32x4: unop(95),
  ceil: unop(116),
  floor: unop(117),
  trunc: unop(122),
  nearest: unop(148),
  abs: unop(236),
  neg: unop(237),
  sqrt: unop(239),
  add: binop(240),
  sub: binop(241),
  mul: binop(242),
  div: binop(243),
  min: binop(244),
  max: binop(245),
  /** b < a ? b : a */
  pmin: binop(246),
  /** a < b ? b : a */
  pmax: binop(247),
  convert_low_i32x4_s: unop(254),
  convert_low_i32x4_u: unop(255),
};

/** Bits of a single- or double-precision number as a vector whose other lanes are zero. */
export const low = {
  i32: (value: I32): V128 => i32x4.replace_lane(i32x4.const(0), 0, value),
  i64: (value: I64): V128 => i64x2.replace_lane(i64x2.const(0n), 0, value),
  f32: (value: F32): V128 => f32x4.replace_lane(f32x4.const(0), 0, value),
  f64: (value: F64): V128 => f64x2.replace_lane(f64x2.const(0), 0, value),
};
