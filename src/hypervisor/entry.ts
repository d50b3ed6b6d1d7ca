/** What is done between the handling of an exit and the next VM entry of a virtual CPU. */
import { FLAG, VECTOR } from '../arch/registers.ts';
import { FIELD } from '../arch/vmcs.ts';
import { BLOCKING, INTERRUPTION_TYPE, PRIMARY } from '../arch/vmx.ts';
import type { HostCpu } from '../contracts/host-cpu.ts';
import { COST } from './costs.ts';
import type { Vcpu } from './vcpu.ts';
import { writeAddress } from './vmcs-setup.ts';

/** Preemption-timer value that never ends a slice. */
const NO_LIMIT = 0xffff_ffff;

/** Chooses the event to inject, and asks for a window when one has to wait. */
export function prepareEvents(cpu: HostCpu, vcpu: Vcpu): void {
  let windows = 0;
  if (vcpu.nmiPending) windows |= prepareNmi(cpu, vcpu);
  if (vcpu.directVectors.length > 0 || vcpu.apic.pending()) windows |= prepareInterrupt(cpu, vcpu);
  const wanted = PRIMARY.INTERRUPT_WINDOW_EXITING | PRIMARY.NMI_WINDOW_EXITING;
  const controls = ((vcpu.primaryControls & ~wanted) | windows) >>> 0;
  if (controls !== vcpu.primaryControls) {
    vcpu.primaryControls = controls;
    cpu.vmwrite(FIELD.PRIMARY_CONTROLS, controls);
  }
  if (vcpu.injection === 0) return;
  cpu.charge(COST.INJECTION);
  cpu.vmwrite(FIELD.VM_ENTRY_INTERRUPTION_INFO, vcpu.injection);
  cpu.vmwrite(FIELD.VM_ENTRY_EXCEPTION_ERROR, vcpu.injectionError);
  cpu.vmwrite(FIELD.VM_ENTRY_INSTRUCTION_LENGTH, vcpu.injectionLength);
  vcpu.injection = 0;
}

function prepareNmi(cpu: HostCpu, vcpu: Vcpu): number {
  const blocking = cpu.vmread(FIELD.GUEST_INTERRUPTIBILITY);
  const open = (blocking & (BLOCKING.NMI | BLOCKING.MOV_SS | BLOCKING.STI)) === 0;
  if (vcpu.injection !== 0 || !open) return PRIMARY.NMI_WINDOW_EXITING;
  vcpu.nmiPending = false;
  vcpu.inject(VECTOR.NMI, INTERRUPTION_TYPE.NMI);
  return 0;
}

function prepareInterrupt(cpu: HostCpu, vcpu: Vcpu): number {
  const enabled = (cpu.vmread(FIELD.GUEST_RFLAGS) & FLAG.IF) !== 0;
  const blocking = cpu.vmread(FIELD.GUEST_INTERRUPTIBILITY);
  const open = enabled && (blocking & (BLOCKING.STI | BLOCKING.MOV_SS)) === 0;
  if (vcpu.injection !== 0 || !open) return PRIMARY.INTERRUPT_WINDOW_EXITING;
  const vector = vcpu.directVectors.shift() ?? vcpu.apic.acknowledge();
  if (vector >= 0) vcpu.inject(vector, INTERRUPTION_TYPE.EXTERNAL);
  const more = vcpu.directVectors.length > 0 || vcpu.apic.pending();
  return more ? PRIMARY.INTERRUPT_WINDOW_EXITING : 0;
}

/** Sets the preemption timer for `cycles` of guest time; Infinity: no limit. */
export function prepareSlice(cpu: HostCpu, vcpu: Vcpu, cycles: number, timerShift: number): void {
  const value = Math.min(NO_LIMIT, Math.max(0, Math.ceil(cycles / 2 ** timerShift)));
  if (value === vcpu.preemptionTimer) return;
  vcpu.preemptionTimer = value;
  cpu.vmwrite(FIELD.VMX_PREEMPTION_TIMER, value);
}

export function prepareTime(cpu: HostCpu, vcpu: Vcpu): void {
  const offset = vcpu.vm.tscOffset;
  if (offset === vcpu.tscOffset) return;
  vcpu.tscOffset = offset;
  writeAddress(cpu, FIELD.TSC_OFFSET, offset);
}
