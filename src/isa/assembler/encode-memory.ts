/** Effective addresses for iced's encoder: base, index, displacement and its size. */
import { type Instruction, OpKind, Register } from 'iced-x86';
import type { Pattern } from './encodings.ts';
import { fitsIn, fitsSigned } from './match.ts';
import type { MemoryOperand } from './operands.ts';
import { type Bits, SourceError } from './types.ts';
import { isScalar, resolve } from './value.ts';

export interface EncodeContext {
  readonly bits: Bits;
  /** Address of the instruction. */
  readonly address: bigint;
  readonly addressSize: number | undefined;
  /** Segment override written as a prefix. */
  readonly segment: Register;
}

/** Bytes of a displacement as iced counts them: 0, 1 (one byte), or the address size. */
function displacementBytes(o: MemoryOperand, n: bigint, addressBytes: number): number {
  if (!o.base && !o.index) return addressBytes;
  if (!isScalar(o.displacement)) return addressBytes;
  if (o.displacementSize !== undefined) return o.displacementSize === 1 ? 1 : addressBytes;
  if (o.displacement.unknown || !o.base) return addressBytes;
  if (n === 0n) return 0;
  return fitsSigned(n, 1, addressBytes) ? 1 : addressBytes;
}

/** Describes the operand as operand `i` of the instruction. Throws SourceError when the displacement does not fit. */
export function setMemory(
  instruction: Instruction,
  i: number,
  o: MemoryOperand,
  pattern: Pattern,
  context: EncodeContext,
): void {
  const { bits } = context;
  const wanted =
    !o.base && !o.index && o.displacementSize !== undefined && o.displacementSize > 1 && bits !== 64
      ? o.displacementSize
      : undefined;
  const addressBytes = (o.base ?? o.index)?.size ?? wanted ?? (context.addressSize ?? bits) / 8;
  const n = resolve(o.displacement);
  instruction.setOpKind(i, OpKind.Memory);
  if (o.segment) instruction.segmentPrefix = o.segment.iced;
  if (o.relative) {
    instruction.memoryBase = context.addressSize === 32 ? Register.EIP : Register.RIP;
    instruction.memoryDisplSize = context.addressSize === 32 ? 4 : 8;
    instruction.memoryDisplacement = BigInt.asUintN(64, n);
    return;
  }
  const fits = addressBytes === 8 ? pattern.offset || fitsSigned(n, 4, 8) : fitsIn(n, addressBytes);
  if (!fits && !o.displacement.unknown) {
    throw new SourceError(
      `the displacement 0x${BigInt.asUintN(64, n).toString(16)} does not fit in ${addressBytes === 2 ? 16 : 32} bits`,
    );
  }
  const size = displacementBytes(o, n, addressBytes);
  if (size === 1 && o.displacementSize === 1 && !fitsSigned(n, 1, addressBytes)) {
    throw new SourceError(`the displacement ${n} does not fit in a byte`);
  }
  if (o.base) instruction.memoryBase = o.base.iced;
  if (o.index) {
    instruction.memoryIndex = o.index.iced;
    instruction.memoryIndexScale = o.scale;
  }
  instruction.memoryDisplSize = size;
  // iced wants the displacement sign-extended for 64-bit addresses and cut to size for others.
  const value = size === 1 ? BigInt.asIntN(8, BigInt.asIntN(addressBytes * 8, n)) : n;
  instruction.memoryDisplacement = BigInt.asUintN(addressBytes * 8, value);
}
