import type { Command, CommandError } from './commands.ts';
import type { DescriptorsView } from './descriptors-view.ts';
import type { DevicesView } from './devices-view.ts';
import type { GdbView } from './gdb-view.ts';
import type { ExitsView, FramesView, SchedulerView } from './hypervisor-view.ts';
import type { InstructionView } from './instruction-view.ts';
import type { MachineView, VmView } from './machine-view.ts';
import type { MemoryRequest, MemoryView } from './memory-view.ts';
import type { MicroView } from './micro-view.ts';
import type { CodeView, RegistersView } from './processor-view.ts';
import type { RingsView } from './rings-view.ts';
import type { StackView } from './stack-view.ts';
import type { StopsView } from './stops.ts';
import type { SystemView } from './system-view.ts';
import type { VcpuRef, VmId } from './target.ts';
import type { RegionView, TiersView } from './tiers-view.ts';
import type { Instant } from './time.ts';
import type { TimelineView } from './timeline-view.ts';
import type { VectorsView } from './vectors-view.ts';
import type { WalkView } from './walk-view.ts';

/** Everything the page can show, by name. Each is immutable data computed at the snapshot's instant. */
export interface Views {
  readonly machine: MachineView;
  readonly vms: readonly VmView[];
  readonly registers: RegistersView;
  readonly code: CodeView;
  readonly rings: RingsView;
  readonly walk: WalkView;
  readonly scheduler: SchedulerView;
  readonly exits: ExitsView;
  readonly frames: FramesView;
  readonly tiers: TiersView;
  readonly region: RegionView;
  readonly timeline: TimelineView;
  readonly memory: MemoryView;
  readonly descriptors: DescriptorsView;
  readonly devices: DevicesView;
  readonly instruction: InstructionView;
  readonly stack: StackView;
  readonly system: SystemView;
  readonly vectors: VectorsView;
  readonly stops: StopsView;
  readonly micro: MicroView;
  readonly gdb: GdbView;
}

export type ViewName = keyof Views;

/** What the page is showing now: the worker computes and sends nothing else. */
export interface Watch {
  readonly views: readonly ViewName[];
  /** Linear address of the page walk; null follows RIP. */
  readonly walkAddress: bigint | null;
  /** First linear address of the disassembly; null follows RIP. */
  readonly codeAddress: bigint | null;
  /** Disassembly lines wanted. */
  readonly codeLines: number;
  /** Number of the region that is shown, of the computer in focus; null for none. */
  readonly region: number | null;
  readonly memory: MemoryRequest;
  /** Linear address of the instruction that is explained; null follows RIP. */
  readonly instruction: bigint | null;
}

export interface ConsoleChunk {
  readonly vm: VmId;
  readonly bytes: Uint8Array;
  /** The console is empty before: time went back, and what it showed has not been written yet. */
  readonly restart: boolean;
}

/**
 * The state of the lab at one instant. A view that is absent has not been asked for or has not
 * changed; a null one does not exist now (no VM is in focus).
 */
export interface Snapshot {
  readonly sequence: number;
  readonly at: Instant;
  readonly focus: VcpuRef | null;
  readonly views: { readonly [K in ViewName]?: Views[K] | null };
  /** Console output since the last snapshot, in order. */
  readonly console: readonly ConsoleChunk[];
}

export type ToWorker =
  | { readonly type: 'command'; readonly id: number; readonly command: Command }
  | { readonly type: 'watch'; readonly watch: Watch }
  /** The page has drawn the snapshot and takes another: at most one is ever under way. */
  | { readonly type: 'drawn'; readonly sequence: number };

export type ToPage =
  | { readonly type: 'ready' }
  | { readonly type: 'snapshot'; readonly snapshot: Snapshot }
  | { readonly type: 'done'; readonly id: number; readonly result: unknown }
  | { readonly type: 'refused'; readonly id: number; readonly error: CommandError }
  /** A view could not be made; the rest goes on. */
  | { readonly type: 'trouble'; readonly error: CommandError }
  /** The session itself broke; nothing more will come. */
  | { readonly type: 'failed'; readonly error: CommandError };
