import type { VcpuRef } from './target.ts';

/** Some bytes of an instruction and what they say. */
export interface EncodingPart {
  /** "prefix", "REX", "opcode", "ModRM", "SIB", "displacement", "immediate". */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly meaning: string;
}

export interface OperandView {
  /** As in the disassembly. */
  readonly text: string;
  /** Its present value in hexadecimal, or why there is none. */
  readonly value: string;
  /** Effective and linear address of a memory operand; null for others. */
  readonly address: string | null;
}

/** One instruction taken apart, with its operands as they are now. */
export interface InstructionView {
  readonly of: VcpuRef;
  readonly address: bigint;
  readonly text: string;
  readonly parts: readonly EncodingPart[];
  readonly operands: readonly OperandView[];
  /** What it means for privilege and virtualization, in sentences. */
  readonly notes: readonly string[];
}
