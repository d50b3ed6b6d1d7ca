import type { Technique, VcpuRef, VmId } from './target.ts';

/** Why simulated time stands still. */
export type StopReason =
  | { readonly kind: 'not-started' }
  | { readonly kind: 'paused-by-user' }
  | { readonly kind: 'stepped'; readonly on: VcpuRef }
  /** The micro-operation with this number, of so many of the step that begins here, has been made. */
  | {
      readonly kind: 'micro-step';
      readonly on: VcpuRef;
      readonly number: number;
      readonly of: number;
      /** The operation in a few words. */
      readonly what: string;
    }
  | { readonly kind: 'breakpoint'; readonly on: VcpuRef; readonly address: bigint }
  | { readonly kind: 'vm-exit'; readonly on: VcpuRef; readonly reason: string }
  /** Something has happened that a stop waits for; `text` says what. */
  | { readonly kind: 'stop'; readonly on: VcpuRef; readonly stop: number; readonly text: string }
  /** The instruction that a run was to reach comes next. */
  | { readonly kind: 'reached'; readonly on: VcpuRef; readonly address: bigint }
  /** The user has gone to another instant. */
  | { readonly kind: 'sought' }
  /** A search backwards has found the last output on a console. */
  | { readonly kind: 'output'; readonly on: VcpuRef }
  /** A search backwards has found a change of ring. */
  | { readonly kind: 'crossing'; readonly on: VcpuRef; readonly cause: string }
  /** What wrote what was asked for comes next; `by` says what that is, e.g. "delivery of #PF". */
  | { readonly kind: 'writer'; readonly on: VcpuRef | null; readonly by: string }
  /** A step or search backwards has come to where the history begins. */
  | { readonly kind: 'beginning' }
  /** gdb has come, or wants the machine to stand still. */
  | { readonly kind: 'gdb' }
  /** All VMs have ended or are paused. */
  | { readonly kind: 'nothing-to-run' }
  /** Something that the simulated computer does not model. */
  | { readonly kind: 'unmodelled'; readonly text: string };

/** Several steps that one command has asked for. */
export interface StepProgress {
  readonly made: number;
  readonly of: number;
  readonly backwards: boolean;
}

export interface MachineView {
  readonly running: boolean;
  /** Null exactly while running. */
  readonly stop: StopReason | null;
  /** How far steps that are under way have got; null: none are, or only one. */
  readonly steps: StepProgress | null;
  /** Instructions executed since power-on, all CPUs. */
  readonly instructions: number;
  /** Instructions a second of wall-clock time, measured by the worker; 0 when stopped. */
  readonly speed: number;
  /** Cycles per simulated second. */
  readonly hz: number;
  readonly physicalCpus: number;
  /** Bytes of host RAM. */
  readonly memory: number;
}

export type VmState = 'running' | 'paused' | 'halted' | 'crashed' | 'ended';

/** One row of the list of machines. */
export interface VmView {
  readonly id: VmId;
  readonly name: string;
  readonly technique: Technique;
  readonly state: VmState;
  /** Why it crashed, ended or halted, in one sentence; null while it runs. */
  readonly reason: string | null;
  readonly vcpus: number;
  /** Bytes of guest RAM, and how many of them are backed by host frames. */
  readonly memory: number;
  readonly resident: number;
  /** Guest instructions executed, and VM exits taken. */
  readonly instructions: number;
  readonly exits: number;
}
