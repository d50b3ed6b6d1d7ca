import type { VcpuRef, VmId } from './target.ts';

/** One stay of a vCPU on a physical CPU. Cycles since power-on; `to` is the present while it runs. */
export interface RunSegment {
  readonly pcpu: number;
  readonly on: VcpuRef;
  readonly from: number;
  readonly to: number;
  /** E.g. "slice used up", "halted", "yielded"; null while it runs. */
  readonly stop: string | null;
}

export interface VcpuShare {
  readonly on: VcpuRef;
  readonly weight: number;
  readonly state: 'running' | 'ready' | 'blocked' | 'paused' | 'ended';
  /** Cycles on a physical CPU since power-on. */
  readonly ran: number;
}

export interface SchedulerView {
  readonly policy: string;
  readonly physicalCpus: number;
  /** The span that `segments` covers, in cycles. */
  readonly from: number;
  readonly to: number;
  readonly segments: readonly RunSegment[];
  readonly vcpus: readonly VcpuShare[];
}

export interface ExitCount {
  /** Basic exit reason of the SDM, and its name. */
  readonly reason: number;
  readonly name: string;
  readonly count: number;
  /** Cycles spent from exit to entry, in all. */
  readonly cycles: number;
}

export interface HypercallCount {
  readonly number: number;
  readonly name: string;
  readonly count: number;
  /** How many of them were answered with an error code. */
  readonly errors: number;
}

export interface ExitsView {
  readonly vms: readonly {
    readonly vm: VmId;
    readonly exits: readonly ExitCount[];
    readonly hypercalls: readonly HypercallCount[];
  }[];
}

export type FrameUse = 'hypervisor' | 'page-tables' | 'guest' | 'shared' | 'device' | 'free';

export interface FrameOwner {
  readonly use: FrameUse;
  /** Set for `guest` and `page-tables`. */
  readonly vm: VmId | null;
  readonly label: string;
  readonly frames: number;
}

export interface FramesView {
  /** Bytes of a frame. */
  readonly frameSize: number;
  readonly frames: number;
  readonly owners: readonly FrameOwner[];
  /** The host's memory from address 0 as pairs (index into `owners`, number of frames). */
  readonly runs: Uint32Array;
}
