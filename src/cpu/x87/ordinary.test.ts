/**
 * The short way for ordinary operands (isa/x87/ordinary) against the general one, which takes over when
 * any exception is unmasked: the same instruction runs with division by zero masked and not.
 */
import { expect, test } from 'vitest';
import { EXCEPTION } from '../../isa/float/workspace.ts';
import { EXPONENT_BIAS, type Extended, FpuBench, ZERO } from './testing.ts';

const fpu = new FpuBench();
const RUNS = 400;

/** xorshift64*: the same operands in every run. */
let seed = 0x9e37_79b9_7f4a_7c15n;
function random(): bigint {
  seed ^= seed >> 12n;
  seed = BigInt.asUintN(64, seed ^ (seed << 25n));
  seed ^= seed >> 27n;
  return BigInt.asUintN(64, seed * 0x2545_f491_4f6c_dd1dn);
}
const below = (n: number): number => Number(random() % BigInt(n));
const pick = <T>(choices: readonly T[]): T => choices[below(choices.length)];

/** Runs of equal bits, ties of 24 and 53 bits, powers of two and their neighbours. */
function significand(): bigint {
  const bits = random();
  const run = (1n << BigInt(below(64))) - 1n;
  const tie = pick([0x400n, 0x80_0000_0000n]);
  return (
    pick([
      bits,
      bits & ~run,
      bits | run,
      0n,
      1n,
      ~0n,
      ~1n,
      (bits & ~(2n * tie - 1n)) | tie,
      run ^ (bits & 3n),
    ]) |
    (1n << 63n)
  );
}

const CENTRES = [
  0, 0, 0, 10, 31, 62, 63, -1, 126, 1022, 1023, -126, -1022, -1074, 4094, 4096, -4096, 16383, -16382,
];

/** A number near `exponent`; sometimes a zero, a denormal, an infinity or something invalid. */
function operand(exponent: number): Extended {
  const top = (below(2) << 15) | (exponent + EXPONENT_BIAS);
  const kind = below(40);
  if (kind < 3) return { top: top & 0x8000, significand: 0n };
  if (kind === 3) return { top: top & 0x8000, significand: significand() >> BigInt(below(64)) };
  if (kind === 4) return { top: top | 0x7fff, significand: pick([1n << 63n, significand()]) };
  if (kind === 5) return { top, significand: significand() >> 1n };
  return { top, significand: BigInt.asUintN(64, significand()) };
}

const inRange = (exponent: number): number => Math.max(-16382, Math.min(16383, exponent));

function operands(): [Extended, Extended] {
  const centre = pick(CENTRES);
  const distance = pick([0, 0, 1, 2, 11, 12, 52, 53, 63, 64, 65, 66, 67, 200]) * pick([1, -1]);
  const [a, b] = [operand(centre), operand(inRange(centre + distance))];
  // Every now and then nothing is left of a difference but the last bits.
  return [a, below(6) === 0 ? { ...a, significand: a.significand ^ (1n << BigInt(below(12))) } : b];
}

/** Everything that an instruction may have changed. */
const outcome = () => ({
  registers: Array.from({ length: 8 }, (_, i) => fpu.st(i)),
  fsw: fpu.fsw,
  top: fpu.top,
  tags: fpu.tags,
  memory: fpu.data.getBigUint64(64, true),
});

function execute(hex: string, fcw: number, stack: readonly Extended[], memory: bigint) {
  fpu.load(fcw, ...stack);
  fpu.data.setBigUint64(64, memory, true);
  expect(fpu.run(hex)).toBeUndefined();
  return outcome();
}

const hex = (...bytes: number[]): string => bytes.map((b) => b.toString(16).padStart(2, '0')).join(' ');
const EXTENSIONS = { FADD: 0, FMUL: 1, FSUB: 4, FSUBR: 5, FDIV: 6, FDIVR: 7 };
/** ModRM of [RDI + 64] with an extension. */
const memoryForm = (opcode: number, extension: number): string => hex(opcode, 0x47 | (extension << 3), 64);

const arithmetic = Object.entries(EXTENSIONS).flatMap(([name, n]) => [
  [`${name} ST(0), ST(1)`, hex(0xd8, 0xc1 | (n << 3))],
  [`${name} ST(1), ST(0)`, hex(0xdc, 0xc1 | ((n > 3 ? n ^ 1 : n) << 3))],
  [`${name}P`, hex(0xde, 0xc1 | ((n > 3 ? n ^ 1 : n) << 3))],
  [`${name} m32`, memoryForm(0xd8, n)],
  [`${name} m64`, memoryForm(0xdc, n)],
  [`${name} m32int`, memoryForm(0xda, n)],
  [`${name} m16int`, memoryForm(0xde, n)],
]);

const others = [
  ['FSQRT', 'D9 FA'],
  ['FRNDINT', 'D9 FC'],
  ['FPREM', 'D9 F8'],
  ['FPREM1', 'D9 F5'],
  ['FSCALE', 'D9 FD'],
  ['FXTRACT', 'D9 F4'],
  ['FST m32', memoryForm(0xd9, 2)],
  ['FSTP m64', memoryForm(0xdd, 3)],
  ['FST m64', memoryForm(0xdd, 2)],
  ['FISTP m16', memoryForm(0xdf, 3)],
  ['FIST m32', memoryForm(0xdb, 2)],
  ['FISTP m64', memoryForm(0xdf, 7)],
  ['FISTTP m16', memoryForm(0xdf, 1)],
  ['FISTTP m32', memoryForm(0xdb, 1)],
  ['FISTTP m64', memoryForm(0xdd, 1)],
];

const MASKED = 0x7f;
const ONE_UNMASKED = MASKED & ~EXCEPTION.ZERO_DIVIDE;

test.each([...arithmetic, ...others])('%s gives the same both ways', (_, code) => {
  for (let i = 0; i < RUNS; i++) {
    const [a, b] = operands();
    const stack = pick([[a, b], [a, b], [a, b], [b, ZERO, a], [a]]);
    const control = pick([0x300, 0x300, 0x300, 0x200, 0x200, 0, 0x100, 0x700, 0xb00, 0xf00]);
    // The pattern of a double, a single, or an integer.
    const double =
      ((b.significand >> 11n) & ((1n << 52n) - 1n)) | (BigInt(pick([1023, 1022, 1, 2046, 1100])) << 52n);
    const single = ((b.significand >> 40n) & 0x7f_ffffn) | (BigInt(pick([127, 126, 1, 254, 160])) << 23n);
    const memory = pick([double, double, single, b.significand, random(), 0n, 1n << 63n, 1n << 31n]);
    const want = execute(code, ONE_UNMASKED | control, stack, memory);
    if ((want.fsw & EXCEPTION.ZERO_DIVIDE) !== 0) continue;
    const context = { a, b, stack: stack.length, control, memory };
    expect({ ...execute(code, MASKED | control, stack, memory), context }).toEqual({ ...want, context });
  }
});
