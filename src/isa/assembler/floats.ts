/**
 * Decimal floating-point constants as IEEE 754 half, single, double and quadruple and x87 double-extended precision,
 * rounded to nearest even from the exact decimal value (SDM volume 1, "Floating-Point Data Types").
 */
import { SourceError } from './types.ts';

interface FloatFormat {
  /** Bits of the significand, the leading 1 included. */
  readonly precision: number;
  readonly exponentBits: number;
  /** The leading 1 is stored (x87). */
  readonly explicit: boolean;
}

/** By size of the datum in bytes. */
const FORMATS: Readonly<Record<number, FloatFormat>> = {
  2: { precision: 11, exponentBits: 5, explicit: false },
  4: { precision: 24, exponentBits: 8, explicit: false },
  8: { precision: 53, exponentBits: 11, explicit: false },
  10: { precision: 64, exponentBits: 15, explicit: true },
  16: { precision: 113, exponentBits: 15, explicit: false },
};

export const isFloatSize = (size: number): boolean => FORMATS[size] !== undefined;

const bitLength = (n: bigint) => n.toString(2).length;

/** numerator / denominator rounded to nearest, ties to even. */
function divideRounded(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator;
  const twice = 2n * (numerator % denominator);
  return twice > denominator || (twice === denominator && (quotient & 1n) === 1n) ? quotient + 1n : quotient;
}

function pack(f: FloatFormat, exponent: bigint, significand: bigint, negative: boolean): bigint {
  const stored = f.explicit ? f.precision : f.precision - 1;
  const fraction = BigInt.asUintN(stored, significand);
  const sign = negative ? 1n << BigInt(stored + f.exponentBits) : 0n;
  return sign | (exponent << BigInt(stored)) | fraction;
}

const SPECIAL = /^__\??(infinity|nan|qnan|snan)\??__$/i;

function special(f: FloatFormat, name: string, negative: boolean): bigint {
  const exponent = (1n << BigInt(f.exponentBits)) - 1n;
  const leading = 1n << BigInt(f.precision - 1);
  const significand = {
    infinity: leading,
    nan: leading | (leading >> 1n),
    qnan: leading | (leading >> 1n),
    snan: leading | 1n,
  };
  return pack(f, exponent, significand[name as keyof typeof significand], negative);
}

/** True for `__Infinity__`, `__?QNaN?__` and the like. */
export const isSpecialFloat = (name: string): boolean => SPECIAL.test(name);

/** A positive fraction. */
type Ratio = readonly [numerator: bigint, denominator: bigint];

function floorLog2(numerator: bigint, denominator: bigint): number {
  const guess = bitLength(numerator) - bitLength(denominator);
  const fits =
    guess >= 0 ? numerator >= denominator << BigInt(guess) : numerator << BigInt(-guess) >= denominator;
  return fits ? guess : guess - 1;
}

function scaled(digits: bigint, base: bigint, power: number, text: string, column: number): Ratio {
  if (Math.abs(power) > 20_000) throw new SourceError(`'${text}' is out of range`, column);
  const factor = base ** BigInt(Math.abs(power));
  return power > 0 ? [digits * factor, 1n] : [digits, factor];
}

/** `1.5e-3` */
function decimal(text: string, column: number): Ratio {
  const parts = /^([\d_]*)(?:\.([\d_]*))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (!parts) throw new SourceError(`'${text}' is not a floating-point number`, column);
  const fraction = (parts[2] ?? '').replaceAll('_', '');
  const digits = BigInt(parts[1].replaceAll('_', '') + fraction || '0');
  return scaled(digits, 10n, Number(parts[3] ?? 0) - fraction.length, text, column);
}

/** `0x1.8p-3`: hexadecimal digits times a power of two */
function hexadecimal(text: string, column: number): Ratio {
  const parts = /^0x([\da-f_]*)(?:\.([\da-f_]*))?(?:p([+-]?\d+))?$/i.exec(text);
  if (!parts) throw new SourceError(`'${text}' is not a floating-point number`, column);
  const fraction = (parts[2] ?? '').replaceAll('_', '');
  const digits = BigInt(`0x${parts[1].replaceAll('_', '')}${fraction}`);
  return scaled(digits, 2n, Number(parts[3] ?? 0) - 4 * fraction.length, text, column);
}

/**
 * Bit pattern of a constant such as `1.5e-3` or `0x1.8p-3` in `size` bytes (2, 4, 8, 10 or 16).
 * Throws SourceError when it overflows.
 */
export function floatBits(text: string, size: number, negative: boolean, column: number): bigint {
  const f = FORMATS[size];
  const name = SPECIAL.exec(text);
  if (name) return special(f, name[1].toLowerCase(), negative);
  const ratio = /^0x/i.test(text) ? hexadecimal(text, column) : decimal(text, column);
  const [numerator, denominator] = ratio;
  if (numerator === 0n) return pack(f, 0n, 0n, negative);
  const bias = (1 << (f.exponentBits - 1)) - 1;
  // significand * 2^(exponent - precision + 1), significand of `precision` bits unless denormal
  let exponent = Math.max(floorLog2(numerator, denominator), 1 - bias);
  const shift = BigInt(f.precision - 1 - exponent);
  let significand =
    shift >= 0n
      ? divideRounded(numerator << shift, denominator)
      : divideRounded(numerator, denominator << -shift);
  if (bitLength(significand) > f.precision) {
    // Rounded up to the next power of two.
    significand >>= 1n;
    exponent++;
  }
  if (exponent > bias) throw new SourceError(`'${text}' is too large for ${size} bytes`, column);
  const denormal = bitLength(significand) < f.precision;
  return pack(f, denormal ? 0n : BigInt(exponent + bias), significand, negative);
}
