import type { Instant } from '../protocol/time.ts';

/** Hexadecimal digits of an unsigned value, at least `digits` of them, without prefix. */
export function hex(value: bigint | number, digits = 0): string {
  return value.toString(16).padStart(digits, '0');
}

/** A 64-bit address in two readable halves: `ffff8000 00102030`. */
export function address(value: bigint): string {
  const digits = hex(value, 16);
  return `${digits.slice(0, 8)} ${digits.slice(8)}`;
}

/** The shortest form with prefix, as people type it. */
export function short(value: bigint | number): string {
  return `0x${hex(value)}`;
}

/** Digit groups of three, thin-spaced: 12 345 678. */
export function count(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, '\u202f');
}

/** At most four significant digits with a decimal unit: 987, 12.3 k, 4.56 G. */
export function brief(value: number): string {
  const units = ['', 'k', 'M', 'G', 'T'];
  let scale = 0;
  let rest = value;
  while (rest >= 999.5 && scale < units.length - 1) {
    rest /= 1000;
    scale++;
  }
  if (scale === 0) return String(Math.round(rest));
  const digits = rest >= 100 ? 0 : rest >= 10 ? 1 : 2;
  return `${rest.toFixed(digits)}\u202f${units[scale]}`;
}

/** Sizes in binary units: 64 KiB, 1.5 GiB. */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let scale = 0;
  let rest = value;
  while (rest >= 1024 && scale < units.length - 1) {
    rest /= 1024;
    scale++;
  }
  const text = Number.isInteger(rest) || rest >= 100 ? Math.round(rest).toString() : rest.toFixed(1);
  return `${text}\u202f${units[scale]}`;
}

/** Simulated time to the microsecond: `12.345 678 s`. */
export function seconds(ns: number): string {
  const us = Math.floor(ns / 1000);
  const whole = Math.floor(us / 1_000_000);
  const fraction = (us % 1_000_000).toString().padStart(6, '0');
  return `${whole}.${fraction.slice(0, 3)}\u202f${fraction.slice(3)}`;
}

/** A duration with a fitting unit: 850 ns, 12.4 us, 3.1 ms. */
export function duration(ns: number): string {
  const units = ['ns', 'µs', 'ms', 's'];
  let scale = 0;
  let rest = ns;
  while (rest >= 1000 && scale < units.length - 1) {
    rest /= 1000;
    scale++;
  }
  return `${rest >= 100 || scale === 0 ? Math.round(rest) : rest.toFixed(1)}\u202f${units[scale]}`;
}

/** Nanoseconds per cycle, learnt from an instant; 1 while time has not begun. */
export function nsPerCycle(at: Instant): number {
  return at.cycles === 0 ? 1 : at.ns / at.cycles;
}

/**
 * Reads an address as people write it: `0x1000`, `1000h`, `ffff8000'00100000`, digits grouped by
 * spaces, `_` or `'`. Always hexadecimal. Undefined when it is none or exceeds 64 bits.
 */
export function parseAddress(text: string): bigint | undefined {
  return parseHex(text, 16);
}

/** A number of at most so many hexadecimal digits, as people write it. Undefined: it is none. */
export function parseHex(text: string, most: number): bigint | undefined {
  const digits = text
    .trim()
    .toLowerCase()
    .replace(/^0x/, '')
    .replace(/h$/, '')
    .replace(/[ _'`\u202f]/g, '');
  return digits.length <= most && /^[0-9a-f]+$/.test(digits) ? BigInt(`0x${digits}`) : undefined;
}
