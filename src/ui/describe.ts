import type { StopReason } from '../protocol/machine-view.ts';
import { FIRST_BARE_ID, machineTag, type VcpuRef, type VmId } from '../protocol/target.ts';
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
    case 'micro-step':
      return `Micro-operation ${stop.number} of ${stop.of}: ${stop.what}, ${vcpuName(stop.on)}`;
    case 'breakpoint':
      return `Breakpoint at ${short(stop.address)}, ${vcpuName(stop.on)}`;
    case 'reached':
      return `At ${short(stop.address)}, ${vcpuName(stop.on)}`;
    case 'stop':
      return `Stop ${stop.stop}: ${stop.text}, ${vcpuName(stop.on)}`;
    case 'vm-exit':
      return `VM exit: ${stop.reason}, ${vcpuName(stop.on)}`;
    case 'sought':
      return 'At an earlier instant';
    case 'output':
      return `Output of ${machineName(stop.on.vm)}`;
    case 'crossing':
      return `Change of ring: ${stop.cause}, ${vcpuName(stop.on)}`;
    case 'writer':
      return `Written here by ${stop.by}${stop.on === null ? '' : `, ${vcpuName(stop.on)}`}`;
    case 'beginning':
      return 'The beginning: nothing is before';
    case 'gdb':
      return 'Stopped for gdb';
    case 'nothing-to-run':
      return 'Nothing to run: every machine is paused or has ended';
    case 'unmodelled':
      return `Stopped: ${stop.text}`;
  }
}

/** "VM 1", or "machine B1" for a bare one. */
export function machineName(vm: VmId): string {
  return vm < FIRST_BARE_ID ? `VM ${vm}` : `machine ${machineTag(vm)}`;
}

export function vcpuName({ vm, vcpu }: VcpuRef): string {
  return `${machineName(vm)} vCPU ${vcpu}`;
}
