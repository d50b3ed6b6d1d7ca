import { create } from 'zustand';
import type { CommandError } from '../protocol/commands.ts';
import type { Snapshot, ViewName, Views } from '../protocol/messages.ts';
import { sameVcpu, type VcpuRef } from '../protocol/target.ts';
import { type Instant, START } from '../protocol/time.ts';

/** The latest of every view. `undefined`: not yet known; `null`: there is none now. */
export type KnownViews = { readonly [K in ViewName]: Views[K] | null | undefined };

export interface LabState {
  readonly phase: 'loading' | 'ready' | 'failed';
  readonly failure: CommandError | null;
  readonly at: Instant;
  readonly focus: VcpuRef | null;
  readonly views: KnownViews;
}

const NOTHING_KNOWN: KnownViews = {
  machine: undefined,
  vms: undefined,
  registers: undefined,
  code: undefined,
  rings: undefined,
  walk: undefined,
  scheduler: undefined,
  exits: undefined,
  frames: undefined,
  tiers: undefined,
  region: undefined,
  timeline: undefined,
  memory: undefined,
  descriptors: undefined,
  devices: undefined,
  instruction: undefined,
  stack: undefined,
  system: undefined,
  vectors: undefined,
  stops: undefined,
  micro: undefined,
  gdb: undefined,
};

/** The lab as the page knows it. Written only by snapshots. */
export const useLab = create<LabState>(() => ({
  phase: 'loading',
  failure: null,
  at: START,
  focus: null,
  views: NOTHING_KNOWN,
}));

export function applySnapshot(snapshot: Snapshot): void {
  useLab.setState((state) => ({
    at: snapshot.at,
    focus: sameVcpu(state.focus, snapshot.focus) ? state.focus : snapshot.focus,
    views: { ...state.views, ...snapshot.views },
  }));
}

/** One view, or null/undefined as in `KnownViews`. Re-renders only when that view is new. */
export function useView<K extends ViewName>(name: K): Views[K] | null | undefined {
  return useLab((state) => state.views[name]) as Views[K] | null | undefined;
}
