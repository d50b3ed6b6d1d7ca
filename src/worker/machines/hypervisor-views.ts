import { exitReason } from '../../arch/exit-reasons.ts';
import { FRAME_SIZE } from '../../hypervisor/frames.ts';
import { HYPERCALLS } from '../../hypervisor/hypercalls/table.ts';
import type { Hypervisor } from '../../hypervisor/hypervisor.ts';
import type { VcpuState } from '../../hypervisor/vcpu.ts';
import type { VmCounters } from '../../hypervisor/vm.ts';
import type {
  ExitCount,
  ExitsView,
  FramesView,
  HypercallCount,
  SchedulerView,
  VcpuShare,
} from '../../protocol/hypervisor-view.ts';

/** Seconds of simulated time that the lanes show. */
const WINDOW = 0.06;

export function schedulerView(hypervisor: Hypervisor, now: number, hz: number): SchedulerView {
  const stays = hypervisor.log.stays();
  const from = Math.max(stays[0]?.from ?? now, now - hz * WINDOW);
  return {
    policy: hypervisor.scheduler.policy,
    physicalCpus: hypervisor.pcpus.length,
    from,
    to: now,
    segments: stays
      .filter(({ to }) => to === undefined || to > from)
      .map(({ pcpu, vm, vcpu, from: start, to, stop }) => ({
        pcpu,
        on: { vm, vcpu },
        from: start,
        to: to ?? now,
        stop: stop ?? null,
      })),
    vcpus: [...hypervisor.vms.values()].flatMap((vm) =>
      vm.vcpus.map((vcpu) => ({
        on: { vm: vm.id, vcpu: vcpu.index },
        weight: vcpu.weight,
        state: vm.state === 'paused' ? 'paused' : shareState(vcpu.state, vcpu.runningOn),
        ran: vcpu.ran,
      })),
    ),
  };
}

function shareState(state: VcpuState, runningOn: number | undefined): VcpuShare['state'] {
  if (state === 'ended') return 'ended';
  if (state === 'runnable') return runningOn === undefined ? 'ready' : 'running';
  return 'blocked';
}

export function exitsView(hypervisor: Hypervisor): ExitsView {
  return {
    vms: [...hypervisor.vms.values()].map(({ id, counters }) => ({
      vm: id,
      exits: exitCounts(counters),
      hypercalls: hypercallCounts(counters),
    })),
  };
}

function exitCounts({ exits, exitCycles }: VmCounters): ExitCount[] {
  return Array.from(exits, (count, reason) => ({ reason, count, cycles: exitCycles[reason] ?? 0 }))
    .filter(({ count }) => count > 0)
    .map(({ reason, count, cycles }) => ({ reason, name: exitReason(reason).name, count, cycles }));
}

function hypercallCounts({ hypercalls }: VmCounters): HypercallCount[] {
  return [...hypercalls].map(([number, { count, errors }]) => {
    const name = HYPERCALLS.find((call) => call.number === number)?.name ?? 'no such hypercall';
    return { number, name, count, errors };
  });
}

/** Owners without frames are left out: machines that are gone. */
export function framesView(hypervisor: Hypervisor): FramesView {
  const { frames } = hypervisor;
  const all = frames.owners();
  const kept = all.map((owner, index) => ({ owner, index })).filter(({ owner }) => owner.frames > 0);
  const position = new Map(kept.map(({ index }, at) => [index, at]));
  const runs = frames.runs().map((value, i) => (i % 2 === 0 ? (position.get(value) ?? 0) : value));
  return {
    frameSize: FRAME_SIZE,
    frames: frames.frames,
    owners: kept.map(({ owner }) => ({
      use: owner.use,
      vm: owner.vm ?? null,
      label: owner.label,
      frames: owner.frames,
    })),
    runs,
  };
}
