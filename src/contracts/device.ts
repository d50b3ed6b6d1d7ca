import type { Stateful } from './state.ts';

/** One wire from a device to an interrupt controller. */
export interface InterruptLine {
  /** Drives the wire; repeating the present level has no effect. */
  set(level: boolean): void;
}

/** Width of a bus access in bytes. The bus splits wider accesses into 4-byte ones. */
export type AccessSize = 1 | 2 | 4;

/**
 * Registers that can be reached over a bus. A device knows no address: `offset` counts from the
 * start of the range it was attached at. Values are unsigned.
 */
export interface BusTarget {
  /** Widest access that the registers take in one piece; the bus splits wider ones. Absent: 4. */
  readonly widest?: AccessSize;
  read(offset: number, size: AccessSize): number;
  write(offset: number, size: AccessSize, value: number): void;
}

/** What every device offers beside its registers. `State` is plain JSON data; restoring it re-arms the timers. */
export interface Device<State> extends Stateful<State> {
  /** Back to the state after power-on. */
  reset(): void;
}
