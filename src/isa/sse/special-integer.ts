/** Integer instructions of SSE4.1, SSE4.2 and POPCNT that fit no table: SDM volume 2. */
import { FLAG } from '../../arch/registers.ts';
import { type I32, i32, i64, select, type V128 } from '../../wasm/expression.ts';
import { i8x16, i16x8, i32x4, low, v128 } from '../../wasm/simd.ts';
import type { Context, Instruction, LibraryFunction, Semantics } from '../definition.ts';
import { IOTA } from './operations.ts';
import { immediateByte } from './rows.ts';

/** PTEST: ZF when destination AND source is 0, CF when source AND NOT destination is. */
const test: Semantics = (c) => {
  const destination = c.f.let(c.readV(0));
  const source = c.f.let(c.readV(1));
  const zero = i32.eqz(v128.any_true(v128.and(source, destination)));
  const carry = i32.eqz(v128.any_true(v128.andnot(source, destination)));
  c.flags.raw(i32.or(i32.mul(zero, i32.const(FLAG.ZF)), i32.mul(carry, i32.const(FLAG.CF))));
};

/** PHMINPOSUW: the smallest word and its first position, found as the smallest of (word << 16 | position). */
const minimumPosition: Semantics = (c) => {
  const { f } = c;
  const source = f.let(c.readV(1));
  const keys = (words: V128, positions: V128): V128 => v128.or(i32x4.shl(words, i32.const(16)), positions);
  const least = f.let(
    i32x4.min_u(
      keys(i32x4.extend_low_i16x8_u(source), i32x4.const(0, 1, 2, 3)),
      keys(i32x4.extend_high_i16x8_u(source), i32x4.const(4, 5, 6, 7)),
    ),
  );
  const lane = (n: number): I32 => i32x4.extract_lane(least, n);
  f.set(least, i32x4.min_u(least, i8x16.swizzle(least, i8x16.add(IOTA, i8x16.const(8)))));
  const smaller = f.let(i32.const(0));
  f.set(smaller, lane(0));
  f.if(i32.lt_u(lane(1), lane(0)), () => f.set(smaller, lane(1)));
  c.writeV(0, low.i32(i32.rotl(smaller, i32.const(16))));
};

/**
 * MPSADBW: eight sums of four absolute differences, of neighbouring quadruples of the destination
 * (from byte 0 or 4: immediate bit 2) and one quadruple of the source (immediate 1:0).
 */
const multipleSums: Semantics = (c) => {
  const { f } = c;
  const destination = c.readV(0);
  const source = f.let(c.readV(1));
  const immediate = immediateByte(c);
  const start = i32.and(immediate, i32.const(4));
  const block = f.let(i8x16.swizzle(destination, i8x16.add(IOTA, i8x16.splat(start))));
  const quadruple = i32.shl(i32.and(immediate, i32.const(3)), i32.const(2));
  const sum = f.let(i16x8.const(0));
  for (let k = 0; k < 4; k++) {
    const window = i16x8.extend_low_i8x16_u(
      i8x16.shuffle(
        block,
        block,
        Array.from({ length: 16 }, (_, i) => (i + k) & 15),
      ),
    );
    const byte = i8x16.swizzle(source, i8x16.splat(i32.add(quadruple, i32.const(k))));
    f.set(sum, i16x8.add(sum, i16x8.abs(i16x8.sub(window, i16x8.extend_low_i8x16_u(byte)))));
  }
  c.writeV(0, sum);
};

/** CRC-32C (Castagnoli), bits reflected. */
const POLYNOMIAL = 0x82f6_3b78;

/** What a byte of one set bit leaves in the checksum; of others it is the sum without carries. */
const BIT_REMAINDERS = Array.from({ length: 8 }, (_, bit) => {
  let value = 1 << bit;
  for (let i = 0; i < 8; i++) value = (value >>> 1) ^ ((value & 1) * POLYNOMIAL);
  return value;
});

/** (checksum, data, bits of data: 8, 16 or 32) -> checksum */
const CHECKSUM: LibraryFunction<'i32'> = {
  name: 'crc32c',
  params: ['i32', 'i32', 'i32'],
  result: 'i32',
  build: (f) => {
    const value = f.let(i32.xor(f.param(1, 'i32'), f.param(2, 'i32')));
    const count = f.let(f.param(3, 'i32'));
    f.loop((next) => {
      const terms = BIT_REMAINDERS.map((remainder, bit) => {
        const isSet = i32.shr_s(i32.shl(value, i32.const(31 - bit)), i32.const(31));
        return i32.and(isSet, i32.const(remainder));
      });
      const folded = terms.reduce((a, b) => i32.xor(a, b));
      f.set(value, i32.xor(i32.shr_u(value, i32.const(8)), folded));
      f.set(count, i32.sub(count, i32.const(8)));
      f.brIf(next, count);
    });
    f.return(value);
    f.unreachable();
  },
};

const checksum: Semantics = (c) => {
  const data = c.f.let(c.readU(1));
  const before = i32.wrap_i64(c.read(0));
  const width = c.width(1);
  const step = (crc: I32, bits: I32, count: number): I32 => c.library(CHECKSUM, crc, bits, i32.const(count));
  const after =
    width === 64
      ? step(step(before, i32.wrap_i64(data), 32), i32.wrap_i64(i64.shr_u(data, i64.const(32))), 32)
      : step(before, i32.wrap_i64(data), width);
  c.write(0, i64.extend_i32_u(after));
};

const populationCount: Semantics = (c) => {
  const source = c.f.let(c.readU(1));
  c.write(0, i64.popcnt(source));
  c.flags.raw(select(i64.eqz(source), i32.const(FLAG.ZF), i32.const(0)));
};

const packed = (
  mnemonic: string,
  opcode: string,
  semantics: (c: Context) => void,
  own: Partial<Instruction> = {},
): Instruction => ({
  mnemonic,
  encoding: `66 0F ${opcode}`,
  operands: 'Vx,Wx',
  attributes: 'sse align write',
  feature: 'sse4_1',
  semantics,
  ...own,
});

export const specialInteger: readonly Instruction[] = [
  packed('PTEST', '38 17', test, { attributes: 'sse align' }),
  packed('PHMINPOSUW', '38 41', minimumPosition),
  packed('MPSADBW', '3A 42', multipleSums, { operands: 'Vx,Wx,Ib', attributes: 'sse align modify' }),
  {
    mnemonic: 'CRC32',
    encoding: 'F2 0F 38 F0',
    operands: 'Gd,Eb',
    attributes: 'modify',
    feature: 'sse4_2',
    semantics: checksum,
  },
  {
    mnemonic: 'CRC32',
    encoding: 'F2 0F 38 F1',
    operands: 'Gd,Ev',
    attributes: 'modify',
    feature: 'sse4_2',
    semantics: checksum,
  },
  {
    mnemonic: 'POPCNT',
    encoding: 'F3 0F B8',
    operands: 'Gv,Ev',
    attributes: 'write',
    feature: 'popcnt',
    semantics: populationCount,
  },
];
