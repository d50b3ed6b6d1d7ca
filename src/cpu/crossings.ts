/**
 * The log of ring crossings: every change between VMX root operation (ring -1) and the privilege
 * levels 0 to 3, with its cause, as the hardware makes it. Kept for the views; no influence on the run.
 */

/** -1: VMX root operation; 0 to 3: CPL. */
export type Ring = -1 | 0 | 1 | 2 | 3;

/** What carried the processor over. */
export type CrossingCause =
  /** A system operation by name: syscall, iret, int, vmlaunch .. */
  | { readonly kind: 'instruction'; readonly name: string }
  | { readonly kind: 'event'; readonly type: number; readonly vector: number }
  | { readonly kind: 'vm-exit'; readonly reason: number }
  | { readonly kind: 'vm-entry' };

export interface RingCrossing {
  /** Counts from 0; a gap in what `recent` gives means that older ones were not kept. */
  readonly sequence: number;
  readonly cycle: number;
  readonly from: Ring;
  readonly to: Ring;
  readonly cause: CrossingCause;
  /** Instruction pointer before the crossing. */
  readonly rip: number;
  /** Physical address of the current VMCS; -1: none. Tells the virtual processor. */
  readonly vmcs: number;
  /** Cycles that passed over it. */
  readonly cost: number;
}

const KEPT = 256;

export class CrossingLog {
  /** Told of each crossing when it has been made. */
  listener: ((crossing: RingCrossing) => void) | undefined;
  private readonly entries: RingCrossing[] = [];
  private total = 0;

  add(crossing: Omit<RingCrossing, 'sequence'>): void {
    const entry = { ...crossing, sequence: this.total };
    this.entries[this.total % KEPT] = entry;
    this.total++;
    this.listener?.(entry);
  }

  /** Crossings since power-on. */
  get count(): number {
    return this.total;
  }

  /** The latest ones from sequence number `from` on, oldest first. */
  recent(from = 0): RingCrossing[] {
    const first = Math.max(from, this.total - KEPT, 0);
    return Array.from(
      { length: Math.max(0, this.total - first) },
      (_, i) => this.entries[(first + i) % KEPT],
    );
  }
}
