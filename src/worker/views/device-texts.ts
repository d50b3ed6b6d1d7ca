import type { Clock } from '../../contracts/clock.ts';

export const hex = (value: number, digits = 1): string =>
  `0x${(value >>> 0).toString(16).padStart(digits, '0')}`;

export const yesNo = (value: number | boolean): string => (value ? 'yes' : 'no');

/** Numbers of the bits that are set, or "none". */
export function bitList(bits: number, count: number): string {
  const set = Array.from({ length: count }, (_, n) => n).filter((n) => (bits >>> n) & 1);
  return set.length === 0 ? 'none' : set.length === count ? 'all' : set.join(' ');
}

const UNITS = [
  ['s', 1],
  ['ms', 1e-3],
  ['µs', 1e-6],
  ['ns', 1e-9],
] as const;

/** When a timer fires, in cycles of the machine's clock; null: it is not armed. */
export function instant(when: number | null, clock: Clock): string {
  if (when === null) return 'not armed';
  const seconds = (when - clock.now()) / clock.hz;
  if (seconds <= 0) return `due now (cycle ${when})`;
  const [unit, size] = UNITS.find(([, one]) => seconds >= one) ?? (['ns', 1e-9] as const);
  return `in ${Number((seconds / size).toPrecision(4))} ${unit} (cycle ${when})`;
}
