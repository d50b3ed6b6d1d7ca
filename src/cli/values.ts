/** Values of command-line options. Each parser returns undefined for text that it does not understand. */

const BINARY: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };
const DECIMAL: Readonly<Record<string, number>> = { '': 1, K: 1e3, M: 1e6, G: 1e9, T: 1e12 };

function scaled(text: string, factors: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([A-Za-z]?)$/.exec(text);
  if (match === null) return undefined;
  const factor = factors[match[2].toUpperCase()];
  if (factor === undefined) return undefined;
  const value = Number(match[1]) * factor;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Bytes: `64K`, `256M`, `1.5G`; powers of 1024. */
export const parseBytes = (text: string): number | undefined => scaled(text, BINARY);

/** A count: `500`, `20M`, `2G`; powers of 1000. */
export const parseCount = (text: string): number | undefined => scaled(text, DECIMAL);

/** Seconds, with a fraction if need be. */
export function parseSeconds(text: string): number | undefined {
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
}

/** An address: `0x7c00` or decimal. */
export function parseAddress(text: string): number | undefined {
  const value = /^(0[xX][0-9a-fA-F]+|\d+)$/.test(text) ? Number(text) : undefined;
  return value !== undefined && Number.isSafeInteger(value) ? value : undefined;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', e: '\x1b', '\\': '\\' };

/** Text to bytes: UTF-8, and the escapes \n \r \t \e \\ and \xHH (one byte). */
export function parseText(text: string): Uint8Array | undefined {
  const bytes: number[] = [];
  const encoder = new TextEncoder();
  for (const [part, hex, letter] of text.matchAll(/\\x([0-9a-fA-F]{2})|\\([\s\S]?)|[^\\]+/g)) {
    if (hex !== undefined) {
      bytes.push(Number.parseInt(hex, 16));
      continue;
    }
    const plain = letter === undefined ? part : ESCAPES[letter];
    if (plain === undefined) return undefined;
    bytes.push(...encoder.encode(plain));
  }
  return Uint8Array.from(bytes);
}
