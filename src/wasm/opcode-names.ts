/**
 * Names of the instructions of WebAssembly 3.0 without references to the garbage-collected heap and
 * exceptions (core specification, "Index of Instructions"). Numbers as in `opcode`: those with a prefix
 * are prefix << 16 | number.
 */

/** Runs of names: a run's first number, then the names of consecutive numbers; `-` stands for a gap. */
type Run = readonly [first: number, names: string];

const INTEGER_TESTS = 'eqz eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u';
const INTEGER_ARITHMETIC =
  'clz ctz popcnt add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr';
const FLOAT_TESTS = 'eq ne lt gt le ge';
const FLOAT_ARITHMETIC = 'abs neg ceil floor trunc nearest sqrt add sub mul div min max copysign';

/** The same names for a type: `of('i32', 'add sub')` is `i32.add i32.sub`. */
const of = (type: string, names: string): string => names.replace(/[a-z]\S*/g, `${type}.$&`);

const INTEGER_COMPARISONS = 'eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u';
const EXTENDED_MULTIPLICATION = (from: string): string =>
  `extmul_low_${from}_s extmul_high_${from}_s extmul_low_${from}_u extmul_high_${from}_u`;
const EXTENSION = (from: string): string =>
  `extend_low_${from}_s extend_high_${from}_s extend_low_${from}_u extend_high_${from}_u`;
const SATURATING = 'add add_sat_s add_sat_u sub sub_sat_s sub_sat_u';
const EXTREMES = 'min_s min_u max_s max_u';

const RUNS: readonly Run[] = [
  [0x00, 'unreachable nop block loop if else'],
  [0x0b, 'end br br_if br_table return call call_indirect return_call return_call_indirect'],
  [0x1a, 'drop select select'],
  [0x20, 'local.get local.set local.tee global.get global.set table.get table.set'],
  [0x28, 'i32.load i64.load f32.load f64.load'],
  [0x2c, of('i32', 'load8_s load8_u load16_s load16_u')],
  [0x30, of('i64', 'load8_s load8_u load16_s load16_u load32_s load32_u')],
  [0x36, 'i32.store i64.store f32.store f64.store'],
  [0x3a, 'i32.store8 i32.store16 i64.store8 i64.store16 i64.store32'],
  [0x3f, 'memory.size memory.grow'],
  [0x41, 'i32.const i64.const f32.const f64.const'],
  [0x45, of('i32', INTEGER_TESTS)],
  [0x50, of('i64', INTEGER_TESTS)],
  [0x5b, of('f32', FLOAT_TESTS)],
  [0x61, of('f64', FLOAT_TESTS)],
  [0x67, of('i32', INTEGER_ARITHMETIC)],
  [0x79, of('i64', INTEGER_ARITHMETIC)],
  [0x8b, of('f32', FLOAT_ARITHMETIC)],
  [0x99, of('f64', FLOAT_ARITHMETIC)],
  [0xa7, of('i32', 'wrap_i64 trunc_f32_s trunc_f32_u trunc_f64_s trunc_f64_u')],
  [0xac, of('i64', 'extend_i32_s extend_i32_u trunc_f32_s trunc_f32_u trunc_f64_s trunc_f64_u')],
  [0xb2, of('f32', 'convert_i32_s convert_i32_u convert_i64_s convert_i64_u demote_f64')],
  [0xb7, of('f64', 'convert_i32_s convert_i32_u convert_i64_s convert_i64_u promote_f32')],
  [0xbc, 'i32.reinterpret_f32 i64.reinterpret_f64 f32.reinterpret_i32 f64.reinterpret_i64'],
  [0xc0, 'i32.extend8_s i32.extend16_s i64.extend8_s i64.extend16_s i64.extend32_s'],
  [0xfc0000, of('i32', 'trunc_sat_f32_s trunc_sat_f32_u trunc_sat_f64_s trunc_sat_f64_u')],
  [0xfc0004, of('i64', 'trunc_sat_f32_s trunc_sat_f32_u trunc_sat_f64_s trunc_sat_f64_u')],
  [0xfc000a, 'memory.copy memory.fill'],
  [0xfc000f, 'table.grow table.size table.fill'],
  [0xfd0000, of('v128', 'load load8x8_s load8x8_u load16x4_s load16x4_u load32x2_s load32x2_u')],
  [0xfd0007, of('v128', 'load8_splat load16_splat load32_splat load64_splat store const')],
  [0xfd000d, 'i8x16.shuffle i8x16.swizzle'],
  [0xfd000f, 'i8x16.splat i16x8.splat i32x4.splat i64x2.splat f32x4.splat f64x2.splat'],
  [0xfd0015, of('i8x16', 'extract_lane_s extract_lane_u replace_lane')],
  [0xfd0018, of('i16x8', 'extract_lane_s extract_lane_u replace_lane')],
  [0xfd001b, 'i32x4.extract_lane i32x4.replace_lane i64x2.extract_lane i64x2.replace_lane'],
  [0xfd001f, 'f32x4.extract_lane f32x4.replace_lane f64x2.extract_lane f64x2.replace_lane'],
  [0xfd0023, of('i8x16', INTEGER_COMPARISONS)],
  [0xfd002d, of('i16x8', INTEGER_COMPARISONS)],
  [0xfd0037, of('i32x4', INTEGER_COMPARISONS)],
  [0xfd0041, of('f32x4', FLOAT_TESTS)],
  [0xfd0047, of('f64x2', FLOAT_TESTS)],
  [0xfd004d, of('v128', 'not and andnot or xor bitselect any_true')],
  [0xfd0054, of('v128', 'load8_lane load16_lane load32_lane load64_lane')],
  [0xfd0058, of('v128', 'store8_lane store16_lane store32_lane store64_lane')],
  [0xfd005c, 'v128.load32_zero v128.load64_zero f32x4.demote_f64x2_zero f64x2.promote_low_f32x4'],
  [0xfd0060, of('i8x16', 'abs neg popcnt all_true bitmask narrow_i16x8_s narrow_i16x8_u')],
  [0xfd0067, of('f32x4', 'ceil floor trunc nearest')],
  [0xfd006b, of('i8x16', `shl shr_s shr_u ${SATURATING}`)],
  [0xfd0074, 'f64x2.ceil f64x2.floor'],
  [0xfd0076, of('i8x16', EXTREMES)],
  [0xfd007a, 'f64x2.trunc i8x16.avgr_u'],
  [0xfd007c, 'i16x8.extadd_pairwise_i8x16_s i16x8.extadd_pairwise_i8x16_u'],
  [0xfd007e, 'i32x4.extadd_pairwise_i16x8_s i32x4.extadd_pairwise_i16x8_u'],
  [0xfd0080, of('i16x8', 'abs neg q15mulr_sat_s all_true bitmask narrow_i32x4_s narrow_i32x4_u')],
  [0xfd0087, of('i16x8', `${EXTENSION('i8x16')} shl shr_s shr_u ${SATURATING}`)],
  [0xfd0094, 'f64x2.nearest i16x8.mul'],
  [0xfd0096, of('i16x8', `${EXTREMES} - avgr_u ${EXTENDED_MULTIPLICATION('i8x16')}`)],
  [0xfd00a0, of('i32x4', `abs neg - all_true bitmask - - ${EXTENSION('i16x8')} shl shr_s shr_u add`)],
  [0xfd00b1, of('i32x4', `sub - - - mul ${EXTREMES} dot_i16x8_s - ${EXTENDED_MULTIPLICATION('i16x8')}`)],
  [0xfd00c0, of('i64x2', `abs neg - all_true bitmask - - ${EXTENSION('i32x4')} shl shr_s shr_u add`)],
  [0xfd00d1, of('i64x2', 'sub - - - mul eq ne lt_s gt_s le_s ge_s')],
  [0xfd00dc, of('i64x2', EXTENDED_MULTIPLICATION('i32x4'))],
  [0xfd00e0, of('f32x4', 'abs neg - sqrt add sub mul div min max pmin pmax')],
  [0xfd00ec, of('f64x2', 'abs neg - sqrt add sub mul div min max pmin pmax')],
  [0xfd00f8, of('i32x4', 'trunc_sat_f32x4_s trunc_sat_f32x4_u')],
  [0xfd00fa, of('f32x4', 'convert_i32x4_s convert_i32x4_u')],
  [0xfd00fc, of('i32x4', 'trunc_sat_f64x2_s_zero trunc_sat_f64x2_u_zero')],
  [0xfd00fe, of('f64x2', 'convert_low_i32x4_s convert_low_i32x4_u')],
];

const NAMES: ReadonlyMap<number, string> = new Map(
  RUNS.flatMap(([first, names]) =>
    names
      .split(' ')
      .map((name, i): [number, string] => [first + i, name])
      .filter(([, name]) => name !== '-'),
  ),
);

/** Undefined when the number names no instruction. */
export function opcodeName(op: number): string | undefined {
  return NAMES.get(op);
}
