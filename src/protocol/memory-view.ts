import type { AddressSpace, VcpuRef } from './target.ts';

/** Where the memory panel looks: `rsp+0x40`, `fs:0x28`, `ffff8000`. */
export interface AddressExpression {
  /** Name of a segment register whose base is added; null for none. */
  readonly segment: string | null;
  /** Name of a register whose present value is added: the panel follows it. */
  readonly register: string | null;
  /** Signed. */
  readonly offset: bigint;
}

export interface MemoryRequest {
  readonly space: AddressSpace;
  readonly at: AddressExpression;
  readonly rows: number;
}

/** Bytes of a row. */
export const ROW_BYTES = 16;

export interface MemoryRow {
  /** A multiple of `ROW_BYTES`. */
  readonly address: bigint;
  /** `ROW_BYTES` bytes; empty where there is no memory. */
  readonly bytes: Uint8Array;
  /** Bit n: byte n differs from what it was when the machine last stood still. */
  readonly changed: number;
  /** Why there is no memory; null where there is. */
  readonly missing: string | null;
}

export interface MemoryView {
  readonly of: VcpuRef;
  readonly space: AddressSpace;
  /** What the expression came to; it is in the first row. */
  readonly address: bigint;
  readonly rows: readonly MemoryRow[];
}
