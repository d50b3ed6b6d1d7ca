import { MSR } from '../../arch/msr.ts';
import { GPR } from '../../arch/registers.ts';
import { FIELD, FIELD_STEP } from '../../arch/vmcs.ts';
import type { Processor } from '../../cpu/processor.ts';
import type { Vmcs } from '../../cpu/vmx/format.ts';
import { CONTROL_BYTES, FX } from '../../cpu/vmx/host-cpu.ts';
import { SWITCHED_DRS, SWITCHED_MSRS, type Vcpu } from '../../hypervisor/vcpu.ts';
import type { ProcessorState, SegmentState } from '../views/processor-state.ts';
import { limitsOf } from './control-rules.ts';
import type { FloatRegisters } from './edit-float.ts';
import type { ControlName, RegisterFile } from './edit-register.ts';
import { debugLow, floatRegisters } from './processor-file.ts';
import type { ReadTable } from './segment-load.ts';

const low = (value: bigint): number => Number(BigInt.asIntN(32, value));
const high = (value: bigint): number => Number(BigInt.asIntN(32, value >> 32n));

/** MSRs and control registers that VM entry loads from the guest-state area. */
const MSR_FIELDS: ReadonlyMap<number, number> = new Map([
  [MSR.IA32_PAT, FIELD.GUEST_IA32_PAT],
  [MSR.IA32_SYSENTER_CS, FIELD.GUEST_SYSENTER_CS],
  [MSR.IA32_SYSENTER_ESP, FIELD.GUEST_SYSENTER_ESP],
  [MSR.IA32_SYSENTER_EIP, FIELD.GUEST_SYSENTER_EIP],
]);
const CONTROL_FIELDS = {
  cr0: FIELD.GUEST_CR0,
  cr3: FIELD.GUEST_CR3,
  cr4: FIELD.GUEST_CR4,
  efer: FIELD.GUEST_IA32_EFER,
} as const;
const SWITCHED: readonly number[] = SWITCHED_MSRS;
/** Places of debug registers among those that the hypervisor switches; DR7 is in the VMCS. */
const SAVED_DEBUG: readonly number[] = SWITCHED_DRS;

export interface SwitchedOut {
  readonly vcpu: Vcpu;
  readonly state: ProcessorState;
  /** Its VMCS, selected. */
  readonly vmcs: Vmcs;
  readonly processors: readonly Processor[];
  readonly readTable: ReadTable;
}

/**
 * The registers of a vCPU that no processor executes: its VMCS, and what the hypervisor switches itself.
 * The latter may still be in the processor that has run it last.
 */
export class VmcsFile implements RegisterFile {
  readonly switchedOut = true;
  readonly state: ProcessorState;
  readonly limits;
  readonly readTable: ReadTable;
  readonly #of: SwitchedOut;

  constructor(of: SwitchedOut) {
    this.#of = of;
    this.state = of.state;
    this.readTable = of.readTable;
    this.limits = limitsOf(of.processors[0]?.cpuid);
  }

  get float(): FloatRegisters {
    const { vcpu, processors } = this.#of;
    const holder = processors[vcpu.loadedOn?.index ?? -1];
    if (holder !== undefined) return floatRegisters(holder);
    const { fx } = vcpu.saved;
    return {
      xmm: fx.subarray(FX.XMM, FX.XMM + 256),
      x87: fx.subarray(FX.X87, FX.X87 + 128),
      control: fx.subarray(FX.CONTROL, FX.CONTROL + CONTROL_BYTES),
      trap: fx.subarray(FX.TRAP, FX.TRAP + 1),
    };
  }

  owned(register: 'cr0' | 'cr4'): number {
    return this.#of.vmcs.lo(register === 'cr0' ? FIELD.CR0_GUEST_HOST_MASK : FIELD.CR4_GUEST_HOST_MASK);
  }

  setGeneral(n: number, value: bigint): void {
    if (n === GPR.RSP) {
      this.#set(FIELD.GUEST_RSP, value);
      return;
    }
    const { gprs } = this.#of.vcpu;
    gprs[2 * n] = low(value);
    gprs[2 * n + 1] = high(value);
  }

  setRip(value: bigint): void {
    this.#set(FIELD.GUEST_RIP, value);
  }

  setRflags(value: bigint): void {
    this.#set(FIELD.GUEST_RFLAGS, value);
  }

  setSegment(n: number, { selector, base, limit, attributes }: SegmentState): void {
    const { vmcs } = this.#of;
    const step = n * FIELD_STEP;
    vmcs.set(FIELD.GUEST_ES_SELECTOR + step, selector);
    this.#set(FIELD.GUEST_ES_BASE + step, base);
    vmcs.set(FIELD.GUEST_ES_LIMIT + step, limit | 0);
    vmcs.set(FIELD.GUEST_ES_ACCESS_RIGHTS + step, attributes);
  }

  setControl(register: ControlName, value: bigint): boolean {
    const { vcpu, processors } = this.#of;
    if (register === 'cr2') {
      const { loadedOn, saved } = vcpu;
      if (loadedOn !== undefined) loadedOn.setCr2(low(value) >>> 0, high(value) >>> 0);
      else [saved.cr2Lo, saved.cr2Hi] = [low(value) >>> 0, high(value) >>> 0];
      return true;
    }
    this.#set(CONTROL_FIELDS[register], value);
    // What was translated under the old value is not to be used.
    for (const { memory } of processors) memory.tlb.flushVpid(vcpu.vpid);
    return true;
  }

  setDebug(n: number, value: bigint): void {
    const [lo, hi] = [debugLow(n, low(value)) >>> 0, n > 3 ? 0 : high(value) >>> 0];
    const { vcpu, vmcs } = this.#of;
    const saved = SAVED_DEBUG.indexOf(n);
    if (saved < 0) vmcs.set64(FIELD.GUEST_DR7, lo, hi);
    else if (vcpu.loadedOn !== undefined) vcpu.loadedOn.writeDr(n, lo, hi);
    else vcpu.saved.drs[saved] = { lo, hi };
  }

  setMsr(index: number, value: bigint): boolean {
    const [lo, hi] = [low(value) >>> 0, high(value) >>> 0];
    const { vcpu, vmcs } = this.#of;
    const field = MSR_FIELDS.get(index);
    if (field !== undefined) {
      // The only one of 32 bits.
      if (index === MSR.IA32_SYSENTER_CS) vmcs.set(field, lo);
      else vmcs.set64(field, lo, hi);
      return true;
    }
    const saved = SWITCHED.indexOf(index);
    if (saved < 0) return false;
    if (vcpu.loadedOn !== undefined) return vcpu.loadedOn.wrmsr(index, lo, hi);
    vcpu.saved.msrs[saved] = { lo, hi };
    return true;
  }

  #set(field: number, value: bigint): void {
    this.#of.vmcs.set64(field, low(value), high(value));
  }
}
