/** The 80-bit format of x87 registers as people read it. SDM volume 1, "Floating-Point Data Types". */

const BIAS = 16383;
const FRACTION_BITS = 63;
const EXPONENT_MAX = 0x7fff;
const INTEGER_BIT = 1n << 63n;
/** Enough to tell any two neighbours apart. */
const DIGITS = 21;
/** Beyond these decimal exponents a number is written with one. */
const PLAIN_MIN = -7;
const PLAIN_MAX = 21;

/** @param raw sign in bit 79, exponent in bits 78:64, significand below */
export function decimalOf(raw: bigint): string {
  const significand = raw & 0xffff_ffff_ffff_ffffn;
  const exponent = Number((raw >> 64n) & 0x7fffn);
  const sign = raw >> 79n === 0n ? '' : '-';
  if (exponent === EXPONENT_MAX) {
    if ((significand & INTEGER_BIT) === 0n) return 'unsupported';
    if (significand === INTEGER_BIT) return `${sign || '+'}infinity`;
    return significand & (1n << 62n) ? `${sign || '+'}NaN (quiet)` : `${sign || '+'}NaN (signalling)`;
  }
  if (significand === 0n) return exponent === 0 ? `${sign}0` : 'unsupported';
  if (exponent !== 0 && (significand & INTEGER_BIT) === 0n) return 'unsupported';
  const power = Math.max(exponent, 1) - BIAS - FRACTION_BITS;
  return sign + scaled(significand, power);
}

/** `significand` times 2 to the `power`, rounded to `DIGITS` digits. */
function scaled(significand: bigint, power: number): string {
  // 10^shift makes the integer part have at least DIGITS + 2 digits.
  const magnitude = Math.floor((power + significand.toString(2).length) * Math.LOG10E * Math.LN2);
  const shift = DIGITS + 2 - magnitude;
  const tens = shift > 0 ? 10n ** BigInt(shift) : 1n;
  const divisor = shift < 0 ? 10n ** BigInt(-shift) : 1n;
  const product = significand * tens;
  const integer = (power >= 0 ? product << BigInt(power) : product >> BigInt(-power)) / divisor;
  const all = integer.toString();
  const rounded = roundTo(all, DIGITS);
  const exponent = all.length - 1 - shift + (rounded.carried ? 1 : 0);
  return layOut(rounded.digits.replace(/0+$/, '') || '0', exponent);
}

function roundTo(all: string, count: number): { readonly digits: string; readonly carried: boolean } {
  const kept = BigInt(all.slice(0, count)) + ((all[count] ?? '0') >= '5' ? 1n : 0n);
  const digits = kept.toString();
  return { digits: digits.slice(0, count), carried: digits.length > count };
}

/** Digits d.ddd times 10 to the `exponent`. */
function layOut(digits: string, exponent: number): string {
  if (exponent < PLAIN_MIN || exponent >= PLAIN_MAX) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : '';
    return `${digits[0]}${fraction}e${exponent < 0 ? '-' : '+'}${Math.abs(exponent)}`;
  }
  if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  const fraction = digits.slice(exponent + 1);
  return fraction === '' ? whole : `${whole}.${fraction}`;
}
