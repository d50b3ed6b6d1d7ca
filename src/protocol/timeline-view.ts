import type { VmId } from './target.ts';

/** What a search backwards looks for. */
export type BackTo =
  /** Any stop that is set. */
  | 'breakpoint'
  /** A VM exit of the VM in focus. */
  | 'vm-exit'
  /** A change of ring of the vCPU in focus. */
  | 'crossing'
  /** Output on the console of the machine in focus. */
  | 'output';

/** A history that was left by input at an earlier instant. */
export interface BranchView {
  readonly id: number;
  /** Instants, in positions. */
  readonly from: number;
  readonly to: number;
}

/**
 * The past of the computer in focus. An instant is a position: the cycles of all its processors together.
 */
export interface TimelineView {
  /** The bare machine that it is of; null: the computer with the hypervisor. */
  readonly bare: VmId | null;
  /** The beginning, the present, and the furthest instant that was reached. */
  readonly from: number;
  readonly position: number;
  readonly to: number;
  /** Inputs from outside that have entered: at one position there may be several instants. */
  readonly entered: number;
  /** Positions in a simulated second. */
  readonly perSecond: number;
  /** Where the snapshots are. */
  readonly snapshots: readonly number[];
  /** What they take, and may take. */
  readonly bytes: number;
  readonly budget: number;
  readonly branches: readonly BranchView[];
}
