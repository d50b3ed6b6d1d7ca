/**
 * The log of ring crossings: every change between VMX root operation (ring -1) and the privilege
 * levels 0 to 3, with its cause, as the hardware makes it. Kept for the views; no influence on the run.
 * System calls and page faults pass through here, so an entry costs no memory: entries are used over
 * and over, and causes are shared.
 */

/** -1: VMX root operation; 0 to 3: CPL. */
export type Ring = -1 | 0 | 1 | 2 | 3;

/** What carried the processor over. Equal causes are one object. */
export type CrossingCause =
  /** A system operation by name: syscall, iret, int, vmlaunch .. */
  | { readonly kind: 'instruction'; readonly name: string }
  | { readonly kind: 'event'; readonly type: number; readonly vector: number }
  | { readonly kind: 'vm-exit'; readonly reason: number }
  | { readonly kind: 'vm-entry' };

/** A crossing as it stands in a log. It changes when it is used for another one: copy what is to be kept. */
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

export const VM_ENTRY: CrossingCause = { kind: 'vm-entry' };

const instructions: Record<string, CrossingCause> = {};
const events: CrossingCause[] = [];
const exits: CrossingCause[] = [];

export function byInstruction(name: string): CrossingCause {
  instructions[name] ??= { kind: 'instruction', name };
  return instructions[name];
}

export function byEvent(type: number, vector: number): CrossingCause {
  const key = type * 256 + vector;
  events[key] ??= { kind: 'event', type, vector };
  return events[key];
}

export function byExit(reason: number): CrossingCause {
  exits[reason] ??= { kind: 'vm-exit', reason };
  return exits[reason];
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const emptyEntry = (): Mutable<RingCrossing> => ({
  sequence: -1,
  cycle: 0,
  from: 0,
  to: 0,
  cause: VM_ENTRY,
  rip: 0,
  vmcs: -1,
  cost: 0,
});

/** Copies all fields; for those who keep crossings in entries of their own. */
function assign(to: Mutable<RingCrossing>, from: RingCrossing): void {
  to.sequence = from.sequence;
  to.cycle = from.cycle;
  to.from = from.from;
  to.to = from.to;
  to.cause = from.cause;
  to.rip = from.rip;
  to.vmcs = from.vmcs;
  to.cost = from.cost;
}

/** The latest crossings, oldest first out. */
export class CrossingRing {
  /** Crossings that were ever added. */
  total = 0;
  private readonly entries: readonly Mutable<RingCrossing>[];

  constructor(capacity: number) {
    this.entries = Array.from({ length: capacity }, emptyEntry);
  }

  /** Keeps a copy, with the next number of this ring: those of a log go on when time goes back. */
  add(crossing: RingCrossing): void {
    const sequence = this.total;
    const entry = this.next();
    assign(entry, crossing);
    entry.sequence = sequence;
  }

  /** The entry of the next crossing, to be filled in; it holds the oldest one. */
  next(): Mutable<RingCrossing> {
    return this.entries[this.total++ % this.entries.length];
  }

  copy(): CrossingRing {
    const copy = new CrossingRing(this.entries.length);
    copy.total = this.total;
    for (const [i, entry] of this.entries.entries()) assign(copy.entries[i], entry);
    return copy;
  }

  /** Copies of those that are kept, from number `first` on, oldest first. */
  from(first: number): RingCrossing[] {
    const oldest = Math.max(first, this.total - this.entries.length, 0);
    return Array.from({ length: Math.max(0, this.total - oldest) }, (_, i) => ({
      ...this.entries[(oldest + i) % this.entries.length],
    }));
  }
}

const KEPT = 256;

export class CrossingLog {
  /** Told of each crossing, in order. */
  listener: ((crossing: RingCrossing) => void) | undefined;
  /** The listener hears of a crossing when it is made; else it is enough before the processor's run ends. */
  promptly = true;
  private readonly ring = new CrossingRing(KEPT);

  /** `cycle` and `rip` of the instant before the crossing; the others as in `RingCrossing`. */
  add(
    from: Ring,
    to: Ring,
    cause: CrossingCause,
    rip: number,
    cycle: number,
    cost: number,
    vmcs: number,
  ): void {
    const sequence = this.ring.total;
    const entry = this.ring.next();
    entry.sequence = sequence;
    entry.cycle = cycle;
    entry.from = from;
    entry.to = to;
    entry.cause = cause;
    entry.rip = rip;
    entry.vmcs = vmcs;
    entry.cost = cost;
    this.listener?.(entry);
  }

  /** Somebody has to hear of a crossing when it is made. */
  get isWatched(): boolean {
    return this.promptly && this.listener !== undefined;
  }

  /** Crossings since power-on. */
  get count(): number {
    return this.ring.total;
  }

  /** The latest ones from sequence number `from` on, oldest first. */
  recent(from = 0): RingCrossing[] {
    return this.ring.from(from);
  }
}
