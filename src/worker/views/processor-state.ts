/** A loaded segment register. `attributes` in the layout of the VMCS access-rights field (src/arch/segments.ts). */
export interface SegmentState {
  readonly selector: number;
  readonly base: bigint;
  /** Bytes, granularity applied. */
  readonly limit: number;
  readonly attributes: number;
}

/**
 * The architectural state of one processor or virtual CPU as plain data: copied from the processor's
 * block while it runs there, and from its VMCS and saved registers while it does not.
 */
export interface ProcessorState {
  /** In encoding order: RAX RCX RDX RBX RSP RBP RSI RDI R8-R15. */
  readonly general: readonly bigint[];
  readonly rip: bigint;
  readonly rflags: bigint;
  /** ES CS SS DS FS GS LDTR TR. */
  readonly segments: readonly SegmentState[];
  readonly gdtr: { readonly base: bigint; readonly limit: number };
  readonly idtr: { readonly base: bigint; readonly limit: number };
  readonly cr0: bigint;
  readonly cr2: bigint;
  readonly cr3: bigint;
  readonly cr4: bigint;
  readonly efer: bigint;
  readonly cpl: number;
}
