import type { Ring, VcpuRef } from './target.ts';

/** Where a virtual CPU is, as the hardware says. */
export interface RingPosition {
  readonly on: VcpuRef;
  readonly ring: Ring;
  /** Whether a physical CPU is executing it now. */
  readonly scheduled: boolean;
  readonly halted: boolean;
}

/** What carried a vCPU from one ring to another. */
export type CrossingCause =
  | 'syscall'
  | 'sysret'
  | 'interrupt'
  | 'exception'
  | 'software-interrupt'
  | 'iret'
  | 'far-transfer'
  | 'hypercall'
  | 'vm-exit'
  | 'vm-entry';

export interface Crossing {
  /** Counts all crossings since power-on: a gap means that some were not kept. */
  readonly sequence: number;
  readonly on: VcpuRef;
  readonly from: Ring;
  readonly to: Ring;
  readonly cause: CrossingCause;
  /** E.g. "#PF", "vector 32", "CPUID", "hypercall 1". */
  readonly detail: string;
  readonly rip: bigint;
  /** Cycles since power-on. */
  readonly at: number;
  /** Cycles charged for the crossing itself. */
  readonly cost: number;
}

export interface CrossingCount {
  readonly from: Ring;
  readonly to: Ring;
  readonly cause: CrossingCause;
  readonly count: number;
}

export interface RingsView {
  readonly positions: readonly RingPosition[];
  /** The latest, oldest first. */
  readonly recent: readonly Crossing[];
  /** All since power-on. */
  readonly counts: readonly CrossingCount[];
}
