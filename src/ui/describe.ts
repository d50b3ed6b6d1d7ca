import type { StopReason } from '../protocol/machine-view.ts';
import type { VcpuRef } from '../protocol/target.ts';
import { short } from './format.ts';

/** Why simulated time stands still, as a sentence. */
export function describeStop(stop: StopReason): string {
  switch (stop.kind) {
    case 'not-started':
      return 'Not started';
    case 'paused-by-user':
      return 'Paused';
    case 'stepped':
      return `Stepped ${vcpuName(stop.on)}`;
    case 'breakpoint':
      return `Breakpoint at ${short(stop.address)}, ${vcpuName(stop.on)}`;
    case 'vm-exit':
      return `VM exit: ${stop.reason}, ${vcpuName(stop.on)}`;
    case 'idle-forever':
      return 'Halted for good: no timer is armed and no interrupt can come';
    case 'nothing-to-run':
      return 'Nothing to run: every machine is paused or has ended';
    case 'unmodelled':
      return `Stopped: ${stop.text}`;
  }
}

export function vcpuName({ vm, vcpu }: VcpuRef): string {
  return `VM ${vm} vCPU ${vcpu}`;
}
