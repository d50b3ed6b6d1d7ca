import { expect, test } from 'vitest';
import { decimalOf } from './extended-real.ts';

const real = (exponent: number, significand: bigint, sign = 0n) =>
  (sign << 79n) | (BigInt(exponent) << 64n) | significand;

test.each([
  ['0', real(0, 0n)],
  ['-0', real(0, 0n, 1n)],
  ['1', real(16383, 1n << 63n)],
  ['-1.5', real(16383, 3n << 62n, 1n)],
  ['0.1', real(16379, 0xcccc_cccc_cccc_cccdn)],
  // FLDPI, FLDL2E
  ['3.14159265358979323851', real(16384, 0xc90f_daa2_2168_c235n)],
  ['1.44269504088896340739', real(16383, 0xb8aa_3b29_5c17_f0bcn)],
  ['18446744073709551615', real(16446, 0xffff_ffff_ffff_ffffn)],
  ['1.18973149535723176502e+4932', real(0x7ffe, 0xffff_ffff_ffff_ffffn)],
  ['3.64519953188247460253e-4951', real(0, 1n)],
  ['+infinity', real(0x7fff, 1n << 63n)],
  ['-NaN (quiet)', real(0x7fff, 3n << 62n, 1n)],
  ['+NaN (signalling)', real(0x7fff, (1n << 63n) | 1n)],
  ['unsupported', real(16383, 1n)],
])('%s', (text, raw) => {
  // The format has 64 bits, about 19 digits: a constant's last shown digits are those of its nearest neighbour.
  if (text === '0.1') expect(Number(decimalOf(raw))).toBe(0.1);
  else expect(decimalOf(raw)).toBe(text);
});
