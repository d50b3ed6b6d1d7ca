import type { OutsideOf, VmAction } from '../protocol/commands.ts';
import type { DescriptorsView } from '../protocol/descriptors-view.ts';
import type { DevicesView } from '../protocol/devices-view.ts';
import type { MachineEdit } from '../protocol/edits.ts';
import type { ExitsView, FramesView, SchedulerView } from '../protocol/hypervisor-view.ts';
import type { InstructionView } from '../protocol/instruction-view.ts';
import type { MachineView, StopReason, VmView } from '../protocol/machine-view.ts';
import type { MemoryRequest, MemoryView } from '../protocol/memory-view.ts';
import type { ConsoleChunk } from '../protocol/messages.ts';
import type { MicroView } from '../protocol/micro-view.ts';
import type { CodeView, RegistersView } from '../protocol/processor-view.ts';
import type { RingsView } from '../protocol/rings-view.ts';
import type { StackView } from '../protocol/stack-view.ts';
import type { StopSettings, StopsView } from '../protocol/stops.ts';
import type { SystemView } from '../protocol/system-view.ts';
import type { GuestDescription, VcpuRef, VmId } from '../protocol/target.ts';
import type { RegionView, Tier2Mode, TiersView } from '../protocol/tiers-view.ts';
import type { Instant } from '../protocol/time.ts';
import type { BackTo, TimelineView } from '../protocol/timeline-view.ts';
import type { VectorsView } from '../protocol/vectors-view.ts';
import type { WalkView } from '../protocol/walk-view.ts';
import type { Written } from '../protocol/written.ts';
import type { LabMachine } from './machines/lab-machine.ts';

/** What a run is to reach. `free` ends only at breakpoints and when nothing is left to run. */
export type Goal =
  | { readonly kind: 'free' }
  | { readonly kind: 'step'; readonly on: VcpuRef; readonly count?: number }
  | { readonly kind: 'step-over'; readonly on: VcpuRef; readonly until?: OutsideOf }
  | { readonly kind: 'micro-step'; readonly on: VcpuRef }
  | { readonly kind: 'micro-step-back'; readonly on: VcpuRef }
  | { readonly kind: 'vm-exit'; readonly vm: VmId }
  /** `above`: only with the stack pointer above this linear address. */
  | { readonly kind: 'run-to'; readonly on: VcpuRef; readonly address: bigint; readonly above?: bigint }
  | { readonly kind: 'step-out'; readonly on: VcpuRef }
  /** To the last instant at which the stack pointer was above `above`; the return address of the caller when absent. */
  | { readonly kind: 'step-back-out'; readonly on: VcpuRef; readonly above?: bigint }
  | { readonly kind: 'run-back-to'; readonly on: VcpuRef; readonly address: bigint }
  | { readonly kind: 'step-back'; readonly on: VcpuRef; readonly count?: number }
  | { readonly kind: 'step-back-over'; readonly on: VcpuRef; readonly until?: OutsideOf }
  /** `orNow`: what has led to the present instant counts too. */
  | { readonly kind: 'run-back'; readonly on: VcpuRef; readonly to: BackTo; readonly orNow?: true }
  | { readonly kind: 'who-wrote'; readonly on: VcpuRef; readonly what: Written };

/** How far one slice may go; whichever is used up first ends it. */
export interface Budget {
  readonly instructions: number;
  readonly cycles: number;
}

export interface SliceOutcome {
  readonly instructions: number;
  /** Cycles that passed without work because every CPU waited for a timer. */
  readonly idleCycles: number;
  /** Why simulated time stopped; null when only the budget was used up. */
  readonly stop: StopReason | null;
}

/**
 * What the session needs of the simulated computer and its hypervisor. Everything happens inside
 * the calls: nothing here knows of wall-clock time, threads or messages. Commands that cannot be
 * obeyed throw a `Refusal`. Views are pure: calling them changes nothing in the machine.
 */
export interface Lab {
  open(guest: GuestDescription): VmId;
  control(vm: VmId, action: VmAction): void;
  toggleBreakpoint(vm: VmId, address: bigint): boolean;
  /** Answers its id. */
  addStop(settings: StopSettings): number;
  changeStop(id: number, settings: StopSettings): void;
  removeStop(id: number): void;
  consoleInput(vm: VmId, bytes: Uint8Array): void;
  /** Changes a machine that stands still. Refused where the hardware has no such state. */
  edit(edit: MachineEdit): void;
  /** Of all computers, also of those that come. */
  setTier2(mode: Tier2Mode): void;

  /** Goes to an instant that has been. */
  seek(on: VcpuRef, position: number): void;
  /** `stateHash` of the computer that the vCPU is on. */
  stateHash(on: VcpuRef): string;
  takeBranch(on: VcpuRef, branch: number): void;
  dropBranch(on: VcpuRef, branch: number): void;
  /** Bytes that snapshots of all computers may take. */
  setHistoryBudget(bytes: number): void;

  /** The computer that a machine is on, for a debugger. Throws a `Refusal` when there is no such machine. */
  machineOf(vm: VmId): LabMachine;

  /** Sets what the following slices work towards. */
  aim(goal: Goal): void;
  slice(budget: Budget): SliceOutcome;

  now(): Instant;
  /** Output of all consoles since the last call. */
  takeConsoleOutput(): ConsoleChunk[];

  machine(): Omit<MachineView, 'running' | 'stop' | 'speed'>;
  vms(): VmView[];
  /** The per-vCPU views are null when that vCPU does not exist (any more). */
  registers(on: VcpuRef): RegistersView | null;
  /** Undefined while the disassembler is still being loaded. */
  code(on: VcpuRef, from: bigint | null, lines: number): CodeView | null | undefined;
  /** `address` null: what a micro-step walks for, or else RIP. */
  walk(on: VcpuRef, address: bigint | null): WalkView | null;
  /** Null also where the vCPU is not within a micro-step. */
  micro(on: VcpuRef): MicroView | null;
  memory(on: VcpuRef, request: MemoryRequest): MemoryView | null;
  /** Undefined while the disassembler is still being loaded. */
  stack(on: VcpuRef): StackView | null | undefined;
  descriptors(on: VcpuRef): DescriptorsView | null;
  devices(on: VcpuRef): DevicesView | null;
  /** Null also where none can be decoded. */
  instruction(on: VcpuRef, address: bigint | null): InstructionView | null | undefined;
  system(on: VcpuRef): SystemView | null;
  vectors(on: VcpuRef): VectorsView | null;
  rings(): RingsView;
  stops(): StopsView;
  scheduler(): SchedulerView;
  exits(): ExitsView;
  frames(): FramesView;
  /** Of the computer that this vCPU is on; null: the one with the hypervisor. */
  timeline(on: VcpuRef | null): TimelineView;
  /** Of the computer that this vCPU is on; null: the one with the hypervisor. */
  tiers(on: VcpuRef | null): TiersView;
  /** Null when there is no such region any more; undefined while the disassembler is still being loaded. */
  region(on: VcpuRef | null, id: number): RegionView | null | undefined;
}
