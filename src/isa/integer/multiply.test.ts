/** 64-bit products and quotients by whole numbers, next to what a register can hold. SDM volume 2, "IMUL", "DIV", "IDIV". */
import { expect, it } from 'vitest';
import { FLAG } from '../../arch/registers.ts';
import { Bench } from '../../cpu/testing/bench.ts';

const CODE = 0x10_0000;
const bench = new Bench();
const code = bench.map(CODE);
const { regs, ram } = bench;
const [RAX, RCX, RDX] = [0, 1, 2];

const signed = (value: bigint): bigint => BigInt.asIntN(64, value);
const unsigned = (value: bigint): bigint => BigInt.asUintN(64, value);

/** @returns whether the instruction raised an exception */
function execute(bytes: readonly number[], registers: Record<number, bigint>): boolean {
  ram.set(bytes, code);
  bench.changed(code, bytes.length);
  regs.rip = CODE;
  for (const [n, value] of Object.entries(registers)) regs.u64[Number(n)] = unsigned(value);
  return bench.step() !== undefined;
}

const IMUL = [0x48, 0x0f, 0xaf, 0xc1]; // IMUL RAX, RCX
const DIV = [0x48, 0xf7, 0xf1]; // DIV RCX
const IDIV = [0x48, 0xf7, 0xf9]; // IDIV RCX

const FACTORS = [
  1n,
  2n,
  3n,
  7n,
  641n,
  (1n << 31n) - 1n,
  1n << 31n,
  (1n << 32n) + 1n,
  3_037_000_499n,
  3_037_000_500n,
  1n << 62n,
];

it('IMUL says when the product has more than 64 bits', () => {
  for (const factor of FACTORS) {
    const limit = (1n << 63n) / factor;
    for (const other of [-limit - 1n, -limit, -limit + 1n, limit - 1n, limit, limit + 1n, 0n, 5n]) {
      for (const [a, b] of [
        [factor, other],
        [signed(other), -factor],
      ]) {
        execute(IMUL, { [RAX]: a, [RCX]: b });
        const product = signed(a) * signed(b);
        expect(signed(regs.u64[RAX])).toBe(signed(product));
        const lost = regs.rflags & (FLAG.CF | FLAG.OF);
        expect(lost, `${signed(a)} * ${signed(b)}`).toBe(signed(product) === product ? 0 : FLAG.CF | FLAG.OF);
      }
    }
  }
});

const HALVES = [0n, 1n, -1n, 2n, -2n, 1n << 62n, -(1n << 63n), (1n << 63n) - 1n, 0x1234_5678_9abc_def0n];

it.each([
  ['DIV', DIV, unsigned],
  ['IDIV', IDIV, signed],
] as const)('%s of all pairs of halves', (_, bytes, number) => {
  for (const high of HALVES) {
    for (const low of HALVES) {
      for (const divisor of HALVES) {
        const dividend = (number(high) << 64n) | unsigned(low);
        const by = number(divisor);
        const quotient = by === 0n ? undefined : dividend / by;
        const fits = quotient !== undefined && number(quotient) === quotient;
        const context = `${dividend} / ${by}`;
        expect(execute(bytes, { [RAX]: low, [RDX]: high, [RCX]: divisor }), context).toBe(!fits);
        if (!fits) continue;
        expect(number(regs.u64[RAX]), context).toBe(quotient);
        expect(number(regs.u64[RDX]), context).toBe(dividend % by);
      }
    }
  }
});
