import type { Tolerance } from './format.ts';
import type { Profile } from './initial.ts';
import type { Instance } from './instance.ts';

/**
 * Operand sizes of a template by a letter of the manuals:
 * b 8; w 16, d 32 without a prefix (also "no size at all"); v 16, 32, 64; y 32, 64;
 * s the stack's: 16 or the mode's (64 or 32); n a near branch's: 64, or 32 and 16 in 32-bit code.
 */
export type SizeLetter = 'b' | 'w' | 'd' | 'v' | 'y' | 's' | 'n';

const SIZES: Record<SizeLetter, { readonly 32: readonly number[]; readonly 64: readonly number[] }> = {
  b: { 32: [8], 64: [8] },
  w: { 32: [16], 64: [16] },
  d: { 32: [32], 64: [32] },
  v: { 32: [16, 32], 64: [16, 32, 64] },
  y: { 32: [32], 64: [32, 64] },
  s: { 32: [16, 32], 64: [16, 64] },
  n: { 32: [16, 32], 64: [64] },
};

/** The operand sizes, in bits, that a size letter stands for. */
export const sizesOf = (letter: SizeLetter, bits: 32 | 64): readonly number[] => SIZES[letter][bits];

/** One instruction form, of which any number of random instances can be made. */
export interface Template {
  readonly name: string;
  /**
   * Bytes in hexadecimal (leading 66, F2, F3 are mandatory prefixes), and what follows them:
   * /r, /0-/7 (ModRM), +r, +i (a register in the opcode), ib iw iz iv, moffs, relb relz.
   */
  readonly encoding: string;
  readonly size: SizeLetter;
  /** Bytes of the memory operand, where it is not the operand size. */
  readonly memory?: number;
  /** ModRM.rm: both kinds, one kind, or an address that is only computed. */
  readonly form?: 'memory' | 'register' | 'computed';
  /** The memory operand must be aligned; a few vectors break that. */
  readonly aligned?: boolean;
  /** LOCK is allowed on the memory form. */
  readonly lock?: boolean;
  /** No 66h, 67h, segment or needless REX prefixes. */
  readonly plain?: boolean;
  /** The only mode that has it. */
  readonly only?: 32 | 64;
  /** The 67h prefix matters without a ModRM byte: string instructions, LOOP, XLAT. */
  readonly usesAddressSize?: boolean;
  /** Letters of the flags left undefined; a function where that depends on the operands. */
  readonly undefined?: string | ((instance: Instance) => string);
  /** Sets implied operands, before the address is chosen. */
  readonly setup?: (instance: Instance) => void;
  /** Sets implied operands that depend on the others. */
  readonly finish?: (instance: Instance) => void;
  readonly repeats?: boolean;
  readonly pushesFlags?: boolean;
  /** Default: integers in memory. */
  readonly profile?: Profile;
  /** x87 status bits left undefined. */
  readonly undefinedStatus?: number;
  readonly tolerance?: Tolerance;
  /** Vectors relative to other templates of the file; default 1. */
  readonly weight?: number;
}

/** Templates that share properties: one for each "NAME encoding" pair. */
export function family(
  shared: Omit<Template, 'name' | 'encoding'>,
  rows: readonly [name: string, encoding: string][],
) {
  return rows.map(([name, encoding]): Template => ({ ...shared, name, encoding }));
}
