/**
 * Values of expressions: a number plus multiples of registers and of section bases, so that
 * `table + ebx*4 + 8` and `end - start` can be told from plain numbers ("scalars" in NASM's manual).
 */
import type { RegisterInfo } from './registers.ts';
import { SourceError } from './types.ts';

/** An address that becomes known when sections are laid out: a section, or where it is loaded. */
export interface Base {
  readonly name: string;
  readonly address: number;
}

export type Term = RegisterInfo | Base;

export interface Value {
  /** The constant part, as a signed 64-bit integer. */
  readonly n: bigint;
  /** Multiples of registers and section bases, in the order written. Never 0. */
  readonly terms: ReadonlyMap<Term, number>;
  /** Contains a symbol that is not known yet (first pass only); `n` is then a guess. */
  readonly unknown: boolean;
  /** The register of a term written as `reg*1`, which NASM prefers as index. */
  readonly index?: RegisterInfo;
}

const NO_TERMS: ReadonlyMap<Term, number> = new Map();

export const scalar = (n: bigint, unknown = false): Value => ({
  n: BigInt.asIntN(64, n),
  terms: NO_TERMS,
  unknown,
});
export const termValue = (term: Term, n = 0n): Value => ({ n, terms: new Map([[term, 1]]), unknown: false });
export const isScalar = (v: Value): boolean => v.terms.size === 0;

function combine(a: Value, b: Value, sign: 1 | -1): Value {
  const n = BigInt.asIntN(64, sign === 1 ? a.n + b.n : a.n - b.n);
  const unknown = a.unknown || b.unknown;
  if (a.terms.size === 0 && b.terms.size === 0) return { n, terms: NO_TERMS, unknown };
  const terms = new Map(a.terms);
  for (const [term, count] of b.terms) {
    const sum = (terms.get(term) ?? 0) + sign * count;
    if (sum === 0) terms.delete(term);
    else terms.set(term, sum);
  }
  const index = a.index ?? b.index;
  return { n, terms, unknown, ...(index === undefined ? {} : { index }) };
}

export const add = (a: Value, b: Value): Value => combine(a, b, 1);
export const subtract = (a: Value, b: Value): Value => combine(a, b, -1);
export const negate = (a: Value): Value => combine(scalar(0n), a, -1);

/** Product; one side must be a scalar. */
export function multiply(a: Value, b: Value): Value {
  if (!isScalar(a) && !isScalar(b))
    throw new SourceError('an address or register can only be multiplied by a plain number');
  if (isScalar(a) && isScalar(b)) return scalar(a.n * b.n, a.unknown || b.unknown);
  const [v, factor] = isScalar(b) ? [a, b.n] : [b, a.n];
  const terms = new Map<Term, number>();
  for (const [term, count] of v.terms) if (factor !== 0n) terms.set(term, count * Number(factor));
  const only = v.terms.size === 1 ? [...v.terms.keys()][0] : undefined;
  const index = factor === 1n && only !== undefined && 'iced' in only ? only : v.index;
  const n = BigInt.asIntN(64, v.n * factor);
  return { n, terms, unknown: a.unknown || b.unknown, ...(index === undefined ? {} : { index }) };
}

/** The base the value is relative to; undefined for scalars. Throws for anything else. */
export function baseOf(v: Value): Base | undefined {
  if (isScalar(v)) return undefined;
  const [[term, count]] = v.terms;
  if ('iced' in term) throw new SourceError(`register '${term.name}' cannot be used here`);
  if (v.terms.size > 1 || count !== 1) {
    throw new SourceError(
      'the expression mixes addresses of several sections; only differences within one section are plain numbers',
    );
  }
  return term;
}

/** The number an address or scalar stands for, given where sections lie now. */
export function resolve(v: Value): bigint {
  const base = baseOf(v);
  return base === undefined ? v.n : v.n + BigInt(base.address);
}
