/** Exits by events: interrupts, exceptions, windows, the preemption timer, triple fault. */
import { VECTOR } from '../../arch/registers.ts';
import { FIELD } from '../../arch/vmcs.ts';
import { INTERRUPTION, INTERRUPTION_TYPE } from '../../arch/vmx.ts';
import { COST } from '../costs.ts';
import type { ExitContext } from './context.ts';

export function externalInterrupt(x: ExitContext): void {
  x.cpu.charge(COST.INTERRUPT);
  x.hypervisor.hostInterrupt(x.cpu, x.cpu.vmread(FIELD.EXIT_INTERRUPTION_INFO) & INTERRUPTION.VECTOR);
}

/** The window that was asked for is open: what waits is injected at the next entry. */
export function window(): void {}

export function preemptionTimer(x: ExitContext): void {
  x.hypervisor.sliceOver(x.vcpu);
}

/** Reflects an exception to the guest; an NMI is the host's. */
export function exception(x: ExitContext): void {
  const { cpu, vcpu } = x;
  const info = cpu.vmread(FIELD.EXIT_INTERRUPTION_INFO);
  const type = (info >> INTERRUPTION.TYPE_SHIFT) & 7;
  if (type === INTERRUPTION_TYPE.NMI) return;
  const vector = info & INTERRUPTION.VECTOR;
  const code = info & INTERRUPTION.ERROR_CODE ? cpu.vmread(FIELD.EXIT_INTERRUPTION_ERROR) : undefined;
  if (vector === VECTOR.PF) {
    cpu.setCr2(cpu.vmread(FIELD.EXIT_QUALIFICATION), cpu.vmreadHigh(FIELD.EXIT_QUALIFICATION));
  }
  if (vector === VECTOR.DB) {
    const dr6 = cpu.readDr(6);
    cpu.writeDr(6, ((dr6.lo & ~0xf) | (x.qualification & 0x600f)) >>> 0, 0);
  }
  const software = type >= INTERRUPTION_TYPE.SOFTWARE_INTERRUPT;
  vcpu.inject(vector, type, code, software ? cpu.vmread(FIELD.EXIT_INSTRUCTION_LENGTH) : 0);
}

export function tripleFault(x: ExitContext): void {
  x.vm.finish({ kind: 'triple-fault', vcpu: x.vcpu.index, rip: x.rip });
}

/** An event whose delivery the exit interrupted is delivered again. */
export function restoreInterruptedEvent(x: ExitContext): void {
  const info = x.cpu.vmread(FIELD.IDT_VECTORING_INFO);
  if ((info & INTERRUPTION.VALID) === 0) return;
  const type = (info >> INTERRUPTION.TYPE_SHIFT) & 7;
  const code = info & INTERRUPTION.ERROR_CODE ? x.cpu.vmread(FIELD.IDT_VECTORING_ERROR) : undefined;
  const software = type >= INTERRUPTION_TYPE.SOFTWARE_INTERRUPT;
  const length = software ? x.cpu.vmread(FIELD.EXIT_INSTRUCTION_LENGTH) : 0;
  x.vcpu.inject(info & INTERRUPTION.VECTOR, type, code, length);
}
