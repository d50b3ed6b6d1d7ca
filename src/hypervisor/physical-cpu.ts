/** One physical CPU as the hypervisor keeps it: what is loaded and what runs there, and its local APIC. */
import { VMX_MSR } from '../arch/vmx.ts';
import type { HostCpu } from '../contracts/host-cpu.ts';
import type { Stateful } from '../contracts/state.ts';
import { ExitContext } from './exits/context.ts';
import type { Hypervisor } from './hypervisor.ts';
import type { Vcpu } from './vcpu.ts';

/** Vectors of the host's own interrupts. */
export const HOST_VECTOR = { TIMER: 0xef, KICK: 0xee } as const;

const APIC_BASE = { MSR: 0x1b, ENABLE: 0x800, X2APIC: 0x400 } as const;
const TSC_DEADLINE = 0x6e0;
/** x2APIC registers as MSRs. SDM volume 3A, "x2APIC Register Address Space". */
const X2APIC = { SVR: 0x80f, EOI: 0x80b, ICR: 0x830, LVT_TIMER: 0x832, SELF_IPI: 0x83f } as const;
const SVR_ENABLE = 0x1ff;
const LVT_TSC_DEADLINE = 2 << 17;
const HIGH = 0x1_0000_0000;

export interface SavedPhysicalCpu
  extends Readonly<
    Pick<
      PhysicalCpu,
      'loaded' | 'running' | 'stopRequest' | 'sliceEnd' | 'exitAt' | 'exitReason' | 'idle' | 'staleEpt'
    >
  > {
  readonly deadline: number;
}

export class PhysicalCpu implements Stateful<SavedPhysicalCpu> {
  readonly cpu: HostCpu;
  readonly context: ExitContext;
  /** Whose registers and VMCS the processor holds. */
  loaded: Vcpu | undefined;
  /** Who runs here; always the loaded one. */
  running: Vcpu | undefined;
  /** A handler wants it to stop running, and why. */
  stopRequest: string | undefined;
  /** Cycle at which its slice is over. */
  sliceEnd = 0;
  /** When the exit being handled happened, and its reason; reason -1: none. */
  exitAt = 0;
  exitReason = -1;
  /** HLT, with nothing to run. */
  idle = false;
  /** EPT changed: drop cached translations before the next entry. */
  staleEpt = false;
  private deadline = Number.POSITIVE_INFINITY;

  constructor(cpu: HostCpu, hypervisor: Hypervisor) {
    this.cpu = cpu;
    this.context = new ExitContext(cpu, hypervisor);
  }

  get index(): number {
    return this.cpu.index;
  }

  /** Enters VMX operation with a region of its own, and takes the local APIC into use. */
  bringUp(vmxonRegion: number): void {
    const { cpu } = this;
    cpu.memory.write32(vmxonRegion, this.revision);
    const error = cpu.vmxon(vmxonRegion);
    if (error !== 0) throw new Error(`VMXON failed with ${error}`);
    const base = cpu.rdmsr(APIC_BASE.MSR) ?? { lo: 0, hi: 0 };
    // The two modes are entered one after the other.
    cpu.wrmsr(APIC_BASE.MSR, (base.lo | APIC_BASE.ENABLE) >>> 0, base.hi);
    cpu.wrmsr(APIC_BASE.MSR, (base.lo | APIC_BASE.ENABLE | APIC_BASE.X2APIC) >>> 0, base.hi);
    cpu.wrmsr(X2APIC.SVR, SVR_ENABLE, 0);
    cpu.wrmsr(X2APIC.LVT_TIMER, HOST_VECTOR.TIMER | LVT_TSC_DEADLINE, 0);
  }

  /** In a text, the number stands for it. */
  toJSON(): number {
    return this.index;
  }

  save(): SavedPhysicalCpu {
    const { loaded, running, stopRequest, sliceEnd, exitAt, exitReason, idle, staleEpt, deadline } = this;
    return { loaded, running, stopRequest, sliceEnd, exitAt, exitReason, idle, staleEpt, deadline };
  }

  restore(saved: SavedPhysicalCpu): void {
    Object.assign(this, saved);
  }

  /** VMCS revision identifier. */
  get revision(): number {
    return (this.cpu.rdmsr(VMX_MSR.BASIC)?.lo ?? 0) & 0x7fff_ffff;
  }

  /** Programs the timer interrupt for a cycle; Infinity: none. */
  setDeadline(cycle: number): void {
    if (cycle === this.deadline) return;
    this.deadline = cycle;
    // 0 disarms; an instant that has passed fires at once.
    const value = cycle === Number.POSITIVE_INFINITY ? 0 : Math.max(1, Math.ceil(cycle));
    this.cpu.wrmsr(TSC_DEADLINE, value % HIGH, Math.floor(value / HIGH));
  }

  /** The timer has fired: it is disarmed now. */
  deadlinePassed(): void {
    this.deadline = Number.POSITIVE_INFINITY;
  }

  endOfInterrupt(): void {
    this.cpu.wrmsr(X2APIC.EOI, 0, 0);
  }

  /** Sends a kick to another physical CPU. */
  sendKick(to: PhysicalCpu): void {
    this.cpu.wrmsr(X2APIC.ICR, HOST_VECTOR.KICK, to.index);
  }

  /** A kick from outside of the hypervisor's own code: the user's commands. */
  kickSelf(): void {
    this.cpu.wrmsr(X2APIC.SELF_IPI, HOST_VECTOR.KICK, 0);
  }
}
