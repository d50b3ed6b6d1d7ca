import type { WalkReport } from '../hypervisor/walk/entry.ts';
import type { RegisterName } from './register-names.ts';

/** Why a debuggee stopped. `cpu` is the processor that it is about. */
export type Halt =
  /** One instruction, or one interrupt or exception on its way to its handler. */
  | { readonly kind: 'stepped'; readonly cpu: number }
  | { readonly kind: 'breakpoint'; readonly cpu: number }
  /** Watched memory has changed. `address` is that of the watchpoint. */
  | { readonly kind: 'watchpoint'; readonly cpu: number; readonly address: bigint }
  /** Going backwards ended where the recording begins. */
  | { readonly kind: 'beginning'; readonly cpu: number }
  /** Somebody else than gdb has stopped it. `why` is lines for people. */
  | { readonly kind: 'foreign'; readonly cpu: number; readonly why: readonly string[] }
  /** The guest cannot go on, but can be looked at: nothing can wake it, or it crashed. `why` is lines for people. */
  | { readonly kind: 'stuck' | 'crashed'; readonly cpu: number; readonly why: readonly string[] }
  /** The guest ended itself. `status` is what a process would end with, 0 to 255. */
  | { readonly kind: 'ended'; readonly cpu: number; readonly why: string; readonly status: number };

/** Linear memory to watch. */
export interface Watchpoint {
  readonly address: bigint;
  /** Bytes, at least 1. */
  readonly length: number;
}

/** Equal for equal watchpoints. */
export const watchpointKey = ({ address, length }: Watchpoint): string => `${address} ${length}`;

/** Where a run is. */
export interface Position {
  /** Of the processor whose turn it is, since power-on. */
  readonly cycle: number;
  /** Executed by all processors since power-on. */
  readonly instructions: number;
}

/**
 * What a debugger needs of a computer. Addresses are linear, as unsigned 64-bit values. Processors are numbered
 * from 0. `step`, `run` and their opposites only say what is wanted; `slice` does a piece of it.
 */
export interface Debuggee {
  readonly processors: number;
  /** Processor whose turn it is. */
  readonly current: number;
  /** One line for a list: mode, ring, whether it is halted. */
  describe(cpu: number): string;
  /** An unsigned value of the register's size. */
  readRegister(cpu: number, name: RegisterName): bigint;
  /** @returns why this register cannot be changed, or not to this value; undefined when it has been */
  writeRegister(cpu: number, name: RegisterName, value: bigint): string | undefined;
  /** Bytes up to the first that cannot be read. Changes nothing: no accessed bits, no device registers. */
  readMemory(cpu: number, address: bigint, length: number): Uint8Array;
  /** False, with nothing written, when not all of it is RAM. Rights of pages do not matter. */
  writeMemory(cpu: number, address: bigint, bytes: Uint8Array): boolean;
  /** Linear addresses before whose instructions `run` stops, in every address space. */
  setBreakpoints(addresses: ReadonlySet<bigint>): void;
  /**
   * Watches this memory too, as the processor's page tables say now: behind an instruction that has changed it, `run`
   * and `step` stop. False when not all of it is RAM.
   */
  watch(cpu: number, watchpoint: Watchpoint): boolean;
  unwatch(watchpoint: Watchpoint): void;
  /**
   * Wants one instruction or event of this processor. Others go on as far as time demands; `alone`: without stopping
   * at breakpoints, because gdb believes that they stand still. Whatever ends the step, except a breakpoint of
   * another processor, is told of this one.
   */
  step(cpu: number, alone: boolean): void;
  run(): void;
  /** The state before the last instruction or event of this processor. Absent: it cannot go backwards. */
  stepBack?(cpu: number): void;
  /** Backwards to a breakpoint, at the latest to the beginning. */
  runBack?(): void;
  /** Goes on towards what is wanted for some hundredths of a second; undefined when that is not reached yet. */
  slice(): Halt | undefined;
  /**
   * gdb does not want to wait any longer: the debuggee stands still at an instruction boundary, after a search
   * backwards where that began. Answers lines for people.
   */
  interrupt(): readonly string[];
  position(): Position;
  /** Undefined: this processor has not started, and has no page tables yet. */
  walk(cpu: number, address: bigint): WalkReport | undefined;
  /** Types on the guest's console, now. */
  type(bytes: Uint8Array): void;
}
