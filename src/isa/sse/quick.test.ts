/**
 * The short ways of SSE arithmetic, comparison and conversion against the lanes of float-lanes.ts, which
 * take over when any exception is unmasked: the same instruction runs with one masked and not.
 */
import { expect, test } from 'vitest';
import { Bench } from '../../cpu/testing/bench.ts';
import { EXCEPTION } from '../float/workspace.ts';
import { STATE } from '../state.ts';
import { MXCSR } from './mxcsr.ts';

const CODE = 0x10_0000;
const RUNS = 300;

const bench = new Bench();
const { regs } = bench;
const code = bench.map(CODE);

let seed = 0x1234_5678_9abc_def1n;
function random(): bigint {
  seed ^= seed >> 12n;
  seed = BigInt.asUintN(64, seed ^ (seed << 25n));
  seed ^= seed >> 27n;
  return BigInt.asUintN(64, seed * 0x2545_f491_4f6c_dd1dn);
}
const below = (n: number): number => Number(random() % BigInt(n));
const pick = <T>(choices: readonly T[]): T => choices[below(choices.length)];

interface Format {
  readonly width: bigint;
  readonly fractionBits: bigint;
  readonly exponents: readonly number[];
}

/** Biased exponents: about 1, the ends of what is middling, denormal, the largest, infinite. */
const SINGLE: Format = {
  width: 32n,
  fractionBits: 23n,
  exponents: [
    127, 127, 127, 127, 128, 126, 63, 64, 65, 190, 191, 192, 95, 96, 159, 160, 1, 0, 2, 254, 255, 255, 103,
    151,
  ],
};
const DOUBLE: Format = {
  width: 64n,
  fractionBits: 52n,
  exponents: [
    1023, 1023, 1023, 1024, 1022, 511, 512, 513, 1534, 1535, 1536, 767, 768, 1279, 1, 0, 2, 2046, 2047, 2047,
    970, 1076,
  ],
};

/** Few significant bits, so that results may be exact; runs of ones; zeros. */
function number({ width, fractionBits, exponents }: Format, exponent: number): bigint {
  const ones = (1n << fractionBits) - 1n;
  const fraction = pick([
    0n,
    0n,
    random() & ones,
    ones,
    1n,
    (random() & 7n) << (fractionBits - 3n),
    ones - (random() & 3n),
  ]);
  const sign = BigInt(below(2)) << (width - 1n);
  if (below(12) === 0) return sign;
  const biased = Math.max(0, Math.min(exponent, exponents === SINGLE.exponents ? 255 : 2047));
  return sign | (BigInt(biased) << fractionBits) | fraction;
}

/** Two registers whose lanes have exponents near each other, so that sums round. */
function registers(format: Format): [bigint, bigint] {
  let [a, b] = [0n, 0n];
  const usual = below(3) > 0;
  for (let at = 0n; at < 128n; at += format.width) {
    const exponent = usual ? pick(format.exponents.slice(0, 4)) : pick(format.exponents);
    const other = usual
      ? exponent + below(5) - 2
      : pick([exponent, exponent + below(60) - 30, pick(format.exponents)]);
    a |= number(format, exponent) << at;
    b |= number(format, other) << at;
  }
  return [a, b];
}

const setXmm = (n: number, value: bigint): void => {
  const at = (STATE.XMM + 16 * n) >> 3;
  regs.u64[at] = BigInt.asUintN(64, value);
  regs.u64[at + 1] = value >> 64n;
};
const xmm = (n: number): bigint => {
  const at = (STATE.XMM + 16 * n) >> 3;
  return regs.u64[at] | (regs.u64[at + 1] << 64n);
};

/** @returns undefined when the instruction raised an exception */
function execute(hex: string, mxcsr: number, a: bigint, b: bigint) {
  bench.ram.set(
    hex.split(' ').map((byte) => Number.parseInt(byte, 16)),
    code,
  );
  bench.changed(code, 16);
  regs.rip = CODE;
  regs.u32[STATE.MXCSR >> 2] = mxcsr;
  setXmm(0, a);
  setXmm(1, b);
  regs.setGprNumber(0, 0);
  if (bench.step() !== undefined) return undefined;
  return { xmm0: xmm(0), rax: regs.u64[STATE.GPR >> 3], flags: regs.u32[STATE.MXCSR >> 2] & MXCSR.FLAGS };
}

const SUFFIXES = [
  ['PS', '', SINGLE],
  ['PD', '66 ', DOUBLE],
  ['SS', 'F3 ', SINGLE],
  ['SD', 'F2 ', DOUBLE],
] as const;
const OPCODES = { SQRT: '51', ADD: '58', MUL: '59', SUB: '5C', MIN: '5D', DIV: '5E', MAX: '5F' };

const arithmetic = SUFFIXES.flatMap(([suffix, prefix, format]) =>
  Object.entries(OPCODES).map(
    ([name, opcode]) => [`${name}${suffix}`, `${prefix}0F ${opcode} C1`, format] as const,
  ),
);
const comparisons = SUFFIXES.flatMap(([suffix, prefix, format]) =>
  [0, 1, 2, 3, 4, 5, 6, 7].map((n) => [`CMP${suffix} ${n}`, `${prefix}0F C2 C1 0${n}`, format] as const),
);
const others: readonly (readonly [string, string, Format])[] = [
  ['HADDPS', 'F2 0F 7C C1', SINGLE],
  ['HSUBPD', '66 0F 7D C1', DOUBLE],
  ['ADDSUBPS', 'F2 0F D0 C1', SINGLE],
  ['ADDSUBPD', '66 0F D0 C1', DOUBLE],
  ['DPPS', '66 0F 3A 40 C1 F7', SINGLE],
  ['DPPS', '66 0F 3A 40 C1 51', SINGLE],
  ['DPPD', '66 0F 3A 41 C1 31', DOUBLE],
  ['CVTSS2SD', 'F3 0F 5A C1', SINGLE],
  ['CVTSD2SS', 'F2 0F 5A C1', DOUBLE],
  ['CVTPS2PD', '0F 5A C1', SINGLE],
  ['CVTPD2PS', '66 0F 5A C1', DOUBLE],
  ['CVTDQ2PS', '0F 5B C1', SINGLE],
  ['CVTPS2DQ', '66 0F 5B C1', SINGLE],
  ['CVTTPD2DQ', '66 0F E6 C1', DOUBLE],
  ['CVTSD2SI', 'F2 48 0F 2D C1', DOUBLE],
  ['CVTTSS2SI', 'F3 0F 2C C1', SINGLE],
  ['ROUNDPS', '66 0F 3A 08 C1 04', SINGLE],
  ['ROUNDSD', '66 0F 3A 0B C1 09', DOUBLE],
];

/** Of these one is unmasked; where it occurs, nothing is compared. */
const UNMASKED = [EXCEPTION.ZERO_DIVIDE, EXCEPTION.UNDERFLOW].map((e) => e << MXCSR.MASKS_SHIFT);
const FTZ_AND_DAZ = MXCSR.FLUSH_TO_ZERO | MXCSR.DENORMALS_ARE_ZEROS;

test.each([...arithmetic, ...comparisons, ...others])('%s', (_, hex, format) => {
  for (let i = 0; i < RUNS; i++) {
    const [a, b] = registers(format);
    const mxcsr =
      MXCSR.MASKS |
      pick([0, MXCSR.PRECISION_FLAG, MXCSR.PRECISION_FLAG]) |
      pick([0, 0, 0, 0, FTZ_AND_DAZ, MXCSR.FLUSH_TO_ZERO, MXCSR.DENORMALS_ARE_ZEROS]) |
      (pick([0, 0, 0, 0, 1, 2, 3]) << MXCSR.ROUNDING_SHIFT);
    const want = execute(hex, mxcsr & ~pick(UNMASKED), a, b);
    if (!want) continue;
    const context = { a: a.toString(16), b: b.toString(16), mxcsr: mxcsr.toString(16) };
    expect({ ...execute(hex, mxcsr, a, b), ...context }).toEqual({ ...want, ...context });
  }
});
