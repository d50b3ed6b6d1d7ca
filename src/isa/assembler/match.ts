/** Decides whether operands fit an encoding. */
import type { Encoding, Pattern } from './encodings.ts';
import type { ImmediateOperand, MemoryOperand, Operand } from './operands.ts';
import type { Bits } from './types.ts';
import { isScalar, resolve } from './value.ts';

/** Why operands do not fit: not at all, or only because a number is too large (then the message says so). */
export type Mismatch = 'form' | { readonly tooLarge: string };

const hex = (n: bigint) => (n < 0n ? `-0x${(-n).toString(16)}` : `0x${n.toString(16)}`);

/** True when n can be the low `bytes` of a number, read as signed or unsigned. */
export function fitsIn(n: bigint, bytes: number): boolean {
  const bits = BigInt(bytes * 8);
  return n >= -(1n << (bits - 1n)) && n < 1n << bits;
}

/** True when sign extension from `bytes` to `to` bytes gives n back. */
export function fitsSigned(n: bigint, bytes: number, to: number): boolean {
  if (to < 8 && !fitsIn(n, to)) return false;
  const wrapped = BigInt.asIntN(to * 8, n);
  return BigInt.asIntN(bytes * 8, wrapped) === wrapped;
}

function sizeAgrees(o: ImmediateOperand, bytes: number, extended: number): boolean {
  if (o.size === undefined) return !(o.strict && bytes < extended && bytes === 1);
  if (o.strict) return o.size === bytes || (o.size === 8 && bytes === 4);
  return o.size === bytes || o.size === extended || (o.size === 4 && extended === 8);
}

function immediate(o: ImmediateOperand, bytes: number, extended: number): Mismatch | undefined {
  if (o.reach !== undefined || !sizeAgrees(o, bytes, extended)) return 'form';
  const { value } = o;
  if (value.unknown) return undefined;
  // An address never takes the one-byte sign-extended form, and a full 64-bit field unless a size is given.
  if (
    !isScalar(value) &&
    bytes < extended &&
    (bytes === 1 || (o.size === undefined && bytes === 4 && extended === 8 && o.strict))
  )
    return 'form';
  const n = resolve(value);
  const fits = bytes < extended ? fitsSigned(n, bytes, extended) : bytes === 8 || fitsIn(n, bytes);
  if (fits) return undefined;
  if (bytes < extended && bytes === 1) return 'form';
  return {
    tooLarge: `${hex(n)} does not fit in ${bytes * 8} bits${bytes < extended ? ' (sign-extended)' : ''}`,
  };
}

function memorySizeAgrees(o: MemoryOperand, encoding: Encoding, context: MatchContext): boolean {
  if ((o.reach === 'far') !== encoding.farBytes > 0) return false;
  if (encoding.farBytes > 0)
    return (o.size ?? (context.operandSize ?? context.bits) / 8) === encoding.farBytes;
  if (o.size === undefined) return true;
  return encoding.memoryBytes === 0 || o.size === encoding.memoryBytes;
}

export interface MatchContext {
  readonly bits: Bits;
  /** Operand size asked for by `o16`, `o32`, `o64` or the mnemonic, else undefined. */
  readonly operandSize: number | undefined;
  /** Address size asked for by `a16`, `a32`, `a64`, else undefined. */
  readonly addressSize: number | undefined;
}

function branchFits(o: ImmediateOperand, pattern: Pattern, context: MatchContext): boolean {
  const { bits, bytes } = pattern.branch as { bits: number; bytes: number };
  const wanted = o.size === undefined || o.size === 1 ? (context.operandSize ?? context.bits) : o.size * 8;
  if (bits !== (context.bits === 64 && wanted === 32 ? 64 : wanted)) return false;
  if (o.reach === 'far') return false;
  return bytes === 1 ? o.reach !== 'near' : o.reach !== 'short';
}

function operandMismatch(
  o: Operand,
  pattern: Pattern,
  encoding: Encoding,
  context: MatchContext,
): Mismatch | undefined {
  switch (o.kind) {
    case 'register': {
      if (pattern.fixed !== undefined)
        return pattern.fixed === o.register.name && o.reach !== 'to' ? undefined : 'form';
      const wanted = pattern.register;
      return wanted?.class === o.register.class && wanted.size === o.register.size ? undefined : 'form';
    }
    case 'immediate':
      if (pattern.one)
        return isScalar(o.value) && o.value.n === 1n && o.size === undefined ? undefined : 'form';
      if (pattern.branch) return branchFits(o, pattern, context) ? undefined : 'form';
      return pattern.immediate ? immediate(o, pattern.immediate.bytes, pattern.immediate.extends) : 'form';
    case 'far': {
      const size = o.size ?? (context.operandSize ?? context.bits) / 8;
      return pattern.far === size ? undefined : 'form';
    }
    case 'memory': {
      if (pattern.offset) {
        const long = context.bits === 64;
        if (
          o.base ||
          o.index ||
          o.relative ||
          (long && o.displacementSize !== 8 && context.addressSize !== 32)
        )
          return 'form';
      } else if (!pattern.memory || (o.displacementSize === 8 && !o.base && !o.index)) return 'form';
      return memorySizeAgrees(o, encoding, context) ? undefined : 'form';
    }
  }
}

/** undefined when the operands fit the encoding in this mode. */
export function mismatch(
  encoding: Encoding,
  operands: readonly Operand[],
  context: MatchContext,
): Mismatch | undefined {
  if (encoding.written.length !== operands.length || !encoding.modes[context.bits]) return 'form';
  const addressBits = context.addressSize ?? context.bits;
  const hasMemory = operands.some((o) => o.kind === 'memory');
  if (
    encoding.addressSize !== 0 &&
    !hasMemory &&
    encoding.addressSize !== addressBits &&
    !/^je?r?cxz/i.test(encoding.name)
  )
    return 'form';
  let result: Mismatch | undefined;
  for (let i = 0; i < operands.length; i++) {
    const reason = operandMismatch(operands[i], encoding.written[i], encoding, context);
    if (reason === 'form') return reason;
    result ??= reason;
  }
  return result;
}
