import type { Halt } from '../../gdb/debuggee.ts';
import type { StopReason, VmView } from '../../protocol/machine-view.ts';

/** What the reason of a stop is judged by. */
export interface Known {
  /** gdb's machine; undefined when there is none at this instant. */
  readonly vm: VmView | undefined;
  /** vCPU that a stop is told of which is about no other. */
  readonly current: number;
  readonly hasBreakpoint: (address: bigint) => boolean;
  /** Address of the watchpoint that a stop of the lab stands for. */
  readonly watchedBy: (stop: number) => bigint | undefined;
}

/** What gdb is told when time stands still. */
export function haltOf(reason: StopReason, known: Known): Halt {
  const { vm, current: cpu } = known;
  if (vm?.state === 'crashed') return { kind: 'crashed', cpu, why: [vm.reason ?? 'The guest has crashed.'] };
  if (vm?.state === 'ended')
    return { kind: 'ended', cpu, why: vm.reason ?? 'The guest has ended.', status: 0 };
  if (reason.kind === 'beginning') return { kind: 'beginning', cpu };
  const on = 'on' in reason ? reason.on : null;
  if (on === null || on.vm !== vm?.id) return { kind: 'foreign', cpu, why: [textOf(reason)] };
  if (reason.kind === 'stepped') return { kind: 'stepped', cpu: on.vcpu };
  // A breakpoint that is not its own gdb would pass over.
  if (reason.kind === 'breakpoint' && known.hasBreakpoint(reason.address))
    return { kind: 'breakpoint', cpu: on.vcpu };
  const address = reason.kind === 'stop' ? known.watchedBy(reason.stop) : undefined;
  if (address !== undefined) return { kind: 'watchpoint', cpu: on.vcpu, address };
  return { kind: 'foreign', cpu: on.vcpu, why: [textOf(reason)] };
}

/** Why a run has ended that gdb would have gone on with, in a sentence. */
function textOf(reason: StopReason): string {
  switch (reason.kind) {
    case 'paused-by-user':
      return 'The lab was paused on its page.';
    case 'breakpoint':
      return `A breakpoint of the page at 0x${reason.address.toString(16)}.`;
    case 'stop':
      return `A stop of the page: ${reason.text}.`;
    case 'nothing-to-run':
      return 'No machine of the lab can run: each is paused or has ended.';
    case 'unmodelled':
      return `The lab has stopped: ${reason.text}`;
    default:
      return `The lab has stopped (${reason.kind}).`;
  }
}
