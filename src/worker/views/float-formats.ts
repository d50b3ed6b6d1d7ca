/** Bits of the x87 control and status words and of MXCSR. SDM volume 1, "x87 FPU Control Word", "MXCSR Control and Status Register". */
import type { FieldFormat } from './bit-fields.ts';

/** Exceptions in the order of their bits. */
const EXCEPTIONS: readonly (readonly [letter: string, what: string])[] = [
  ['I', 'invalid operation'],
  ['D', 'denormal operand'],
  ['Z', 'division by zero'],
  ['O', 'overflow'],
  ['U', 'underflow'],
  ['P', 'inexact result'],
];

const flags = (suffix: string, low: number): FieldFormat[] =>
  EXCEPTIONS.map(([letter, what], n) => ({
    name: letter + suffix,
    low: low + n,
    meaning: suffix === 'M' ? [`${what} raises an exception`, `${what} is masked`] : what,
  }));

const ROUNDING = ['to nearest even', 'down', 'up', 'towards zero'] as const;
const PRECISION = ['24 bits', 'reserved', '53 bits', '64 bits'] as const;

const rounding = (low: number): FieldFormat => ({
  name: 'RC',
  low,
  high: low + 1,
  meaning: (value) => `rounds ${ROUNDING[Number(value)]}`,
});

export const FCW_FORMAT: readonly FieldFormat[] = [
  ...flags('M', 0),
  { name: 'PC', low: 8, high: 9, meaning: (value) => `precision of ${PRECISION[Number(value)]}` },
  rounding(10),
];

export const FSW_FORMAT: readonly FieldFormat[] = [
  ...flags('E', 0),
  { name: 'SF', low: 6, meaning: 'stack overflow or underflow' },
  { name: 'ES', low: 7, meaning: 'an unmasked exception waits' },
  { name: 'C0', low: 8, meaning: 'condition 0' },
  { name: 'C1', low: 9, meaning: 'condition 1' },
  { name: 'C2', low: 10, meaning: 'condition 2' },
  { name: 'TOP', low: 11, high: 13, meaning: (value) => `ST(0) is R${value}` },
  { name: 'C3', low: 14, meaning: 'condition 3' },
  { name: 'B', low: 15, meaning: 'busy: the same as ES' },
];

export const MXCSR_FORMAT: readonly FieldFormat[] = [
  ...flags('E', 0),
  { name: 'DAZ', low: 6, meaning: 'denormal operands count as zero' },
  ...flags('M', 7),
  rounding(13),
  { name: 'FZ', low: 15, meaning: 'underflow gives zero' },
];
