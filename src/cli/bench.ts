/**
 * What the command line needs of a computer with a guest on it. The bare machine and a virtual
 * machine under the hypervisor both come as a bench.
 */
export interface Bench {
  /** How the image was understood, for the log: "Linux, 64-bit entry". */
  readonly protocol: string;
  /** Cycles per simulated second. */
  readonly hz: number;
  readonly cpus: number;
  /** Runs for at most `cycles` (at least 1) of simulated time. Console output that comes meanwhile goes to `onOutput`. */
  run(cycles: number): Stop;
  /** Ends the `run` in progress at the next instruction boundary, for good. */
  interrupt(): void;
  /** Receives the console's bytes as the guest writes them, at the instant of the write. */
  onOutput: (bytes: Uint8Array) => void;
  /** Types on the guest's console, now. */
  input(bytes: Uint8Array): void;
  counters(): Counters;
}

/** Why `run` returned. */
export type Stop =
  /** The cycles are used up; more can follow. */
  | { readonly kind: 'budget' }
  | { readonly kind: 'power-off' }
  | { readonly kind: 'reset' }
  /** The guest wrote v to the debug exit port; `status` is (v << 1) | 1. */
  | { readonly kind: 'debug-exit'; readonly status: number }
  /** Nothing can wake the processors any more: all halted and no timer armed. */
  | { readonly kind: 'halted' }
  /** Triple fault, failed VM entry, something not modelled: the guest cannot go on. */
  | Crash;

export interface Crash {
  readonly kind: 'crash';
  /** One line: what happened. */
  readonly reason: string;
  /** Registers, the chain of faults: lines for people. */
  readonly details: readonly string[];
}

/** Totals since power-on. */
export interface Counters {
  /** Retired by all processors, in the guest when there is a hypervisor. */
  readonly instructions: number;
  readonly cycles: number;
  /** VM exits by name of the reason; empty on the bare machine. */
  readonly exits: Readonly<Record<string, number>>;
  /** Hypercalls by name. */
  readonly hypercalls: Readonly<Record<string, number>>;
}
