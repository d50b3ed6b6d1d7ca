/** Random operands in which the values that break implementations are over-weighted. */
import type { Random } from './random.ts';

const SPECIAL_8 = [0, 1, 2, 9, 10, 0x0f, 0x7e, 0x7f, 0x80, 0x81, 0x99, 0xfe, 0xff];
const SPECIAL_16 = [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7ffe, 0x7fff, 0x8000, 0x8001, 0xff80, 0xfffe, 0xffff];
const SPECIAL_32 = [
  0, 1, 2, 3, 0x1f, 0x20, 0x21, 0x3f, 0x40, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000,
  0x55555555, 0x7ffffffe, 0x7fffffff, 0x80000000, 0x80000001, 0xaaaaaaaa, 0xffff8000, 0xffffff80, 0xfffffffe,
  0xffffffff,
];

const special16 = (random: Random) =>
  random.chance(0.5) ? random.pick(SPECIAL_16) : random.pick(SPECIAL_8) | (random.pick(SPECIAL_8) << 8);

/** Writes a 64-bit integer, or smaller ones side by side, to two words. */
export function integer(random: Random, words: Uint32Array, at: number): void {
  let low = random.u32();
  let high = random.u32();
  switch (random.below(10)) {
    case 0:
      low = random.pick(SPECIAL_32);
      break;
    case 1:
      low = random.pick(SPECIAL_32);
      high = 0;
      break;
    case 2:
      low = random.pick(SPECIAL_32);
      high = 0xffffffff;
      break;
    case 3:
      low = random.chance(0.5) ? 0 : 0xffffffff;
      high = random.pick(SPECIAL_32);
      break;
    case 4:
      low = special16(random) | (special16(random) << 16);
      high = special16(random) | (special16(random) << 16);
      break;
    case 5:
      low = (low & 0xffff0000) | special16(random);
      break;
    case 6:
      low = random.below(72);
      high = 0;
      break;
  }
  words[at] = low;
  words[at + 1] = high;
}

/** A binary floating-point format; a fraction of more than 32 bits has its low 32 bits apart. */
interface Format {
  readonly bias: number;
  /** Bits of the fraction above the low 32, or all of them in a format without low ones. */
  readonly highBits: number;
  readonly hasLow: boolean;
}

const SINGLE: Format = { bias: 127, highBits: 23, hasLow: false };
const DOUBLE: Format = { bias: 1023, highBits: 20, hasLow: true };
const EXTENDED: Format = { bias: 16383, highBits: 31, hasLow: true };

/** The number that `float` made last: biased exponent and the two parts of the fraction. */
const made = { exponent: 0, high: 0, low: 0 };

function fraction(random: Random, format: Format): void {
  const mask = 2 ** format.highBits - 1;
  made.high = (random.u32() & mask) >>> 0;
  made.low = random.u32();
  switch (random.below(7)) {
    case 0:
      made.high = 0;
      made.low = 0;
      break;
    case 1:
      made.high = mask;
      made.low = 0xffffffff;
      break;
    case 2: // few bits: sums and products are exact or halfway
      made.high = (made.high & random.u32() & random.u32()) >>> 0;
      made.low = 0;
      break;
    case 3:
      made.low = random.below(4);
      break;
    case 4:
      made.high = (mask << random.below(format.highBits)) & mask;
      made.low = random.chance(0.5) ? 0 : 0x80000000;
      break;
  }
}

/** Makes a finite number, zero, infinity or NaN in `made`; the sign is the caller's. */
function float(random: Random, format: Format): void {
  const { bias, highBits } = format;
  const top = 2 * bias + 1;
  fraction(random, format);
  const kind = random.below(24);
  if (kind < 9) {
    made.exponent = bias + random.between(-3, 3);
  } else if (kind < 13) {
    made.exponent = bias + random.between(-40, 70);
  } else if (kind < 15) {
    made.exponent = random.below(top + 1);
  } else if (kind < 17) {
    made.exponent = random.chance(0.5) ? random.between(1, 3) : top - random.between(1, 3);
  } else if (kind === 17 || kind === 18) {
    made.exponent = 0; // denormal, if the fraction is not zero
  } else if (kind === 19) {
    made.exponent = bias + random.pick([0, 1, 7, 8, 15, 16, 30, 31, 32, 62, 63, 64]); // where integers end
    made.high = random.chance(0.7) ? 0 : made.high;
    made.low = random.chance(0.7) ? 0 : made.low;
  } else {
    made.exponent = kind === 20 || kind === 21 ? 0 : top;
    const isNumber = kind !== 23;
    const quiet = 2 ** (highBits - 1);
    if (isNumber) {
      made.high = 0;
      made.low = 0;
    } else if (random.chance(0.5)) {
      made.high = (made.high | quiet) >>> 0;
    } else {
      made.high = ((made.high & (quiet - 1)) | 1) >>> 0;
    }
  }
}

const sign = (random: Random) => (random.chance(0.5) ? 0x80000000 : 0);

/** Writes a single-precision number to one word. */
export function single(random: Random, words: Uint32Array, at: number): void {
  float(random, SINGLE);
  words[at] = sign(random) | (made.exponent << 23) | made.high;
}

/** Writes a double-precision number to two words. */
export function double(random: Random, words: Uint32Array, at: number): void {
  float(random, DOUBLE);
  words[at] = made.low;
  words[at + 1] = sign(random) | (made.exponent << 20) | made.high;
}

/**
 * Writes a double extended-precision number to three words, the last with zeros above its low half.
 * One in 25 has the integer bit that its exponent does not allow (unnormal, pseudo-NaN, pseudo-denormal ...).
 */
export function extended(random: Random, words: Uint32Array, at: number): void {
  float(random, EXTENDED);
  const integerBit = (made.exponent !== 0) !== random.chance(0.04) ? 0x80000000 : 0;
  words[at] = made.low;
  words[at + 1] = integerBit | made.high;
  words[at + 2] = (sign(random) >>> 16) | made.exponent;
}

/** Writes an 18-digit packed decimal to three words, as FBLD reads it; a few digits are no digits. */
export function decimal(random: Random, words: Uint32Array, at: number): void {
  const digit = () => (random.chance(0.005) ? random.below(16) : random.below(10));
  const eight = () => {
    let packed = 0;
    for (let i = 0; i < 8; i++) packed = (packed << 4) | digit();
    return packed;
  };
  const few = random.chance(0.3);
  words[at] = eight();
  words[at + 1] = few ? 0 : eight();
  words[at + 2] = (few ? 0 : digit() | (digit() << 4)) | (sign(random) >>> 16);
}

/** Writes four characters of a small alphabet with ends of string among them, for the string comparisons. */
export function text(random: Random, words: Uint32Array, at: number): void {
  const character = () =>
    random.chance(0.06) ? 0 : random.chance(0.1) ? random.below(256) : 0x61 + random.below(4);
  const wide = random.chance(0.3);
  words[at] = wide
    ? character() | (character() << 16)
    : character() | (character() << 8) | (character() << 16) | (character() << 24);
}
