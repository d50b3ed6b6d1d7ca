/**
 * A fast 64-bit hash for comparing states: four lanes of multiply and rotate, as in the 32-bit xxHash,
 * mixed at the end. It finds accidental differences; it is no defence against made ones.
 */

const [P1, P2, P3, P4] = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f];

const rotate = (x: number, by: number): number => (x << by) | (x >>> (32 - by));
const round = (lane: number, word: number): number =>
  Math.imul(rotate((lane + Math.imul(word, P2)) | 0, 13), P1);

/** @returns 16 hexadecimal digits */
export function hashWords(words: Uint32Array): string {
  let [a, b, c, d] = [P1, P2, P3, P4];
  const whole = words.length & ~3;
  for (let i = 0; i < whole; i += 4) {
    a = round(a, words[i]);
    b = round(b, words[i + 1]);
    c = round(c, words[i + 2]);
    d = round(d, words[i + 3]);
  }
  for (let i = whole; i < words.length; i++) a = round(a, words[i]);
  const low = mix(rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18) + words.length);
  const high = mix(low ^ Math.imul(a, P3) ^ rotate(c, 16) ^ Math.imul(b ^ d, P4));
  return hex(high) + hex(low);
}

/** The hash of a text's UTF-16 code units. */
export function hashText(text: string): string {
  const words = new Uint32Array(text.length);
  for (let i = 0; i < text.length; i++) words[i] = text.charCodeAt(i);
  return hashWords(words);
}

function mix(x: number): number {
  let y = Math.imul(x ^ (x >>> 15), P2);
  y = Math.imul(y ^ (y >>> 13), P3);
  return (y ^ (y >>> 16)) >>> 0;
}

const hex = (x: number): string => x.toString(16).padStart(8, '0');
