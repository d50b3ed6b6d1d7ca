/**
 * Runs a guest program in VMX non-root operation under a host of a few lines: an unrestricted guest
 * in real-address mode at `GUEST_ORIGIN`, its memory mapped one to one by EPT, with the computer's own
 * ports. The test sees every VM exit.
 */

import { EPT, MEMORY_TYPE } from '../../arch/ept.ts';
import { CR0, CR4, EFER, SEG } from '../../arch/registers.ts';
import { ATTRIBUTE, SYSTEM_TYPE } from '../../arch/segments.ts';
import { FIELD, FIELD_STEP } from '../../arch/vmcs.ts';
import { ENTRY_CONTROL, EXIT_CONTROL, mustBe1, PRIMARY, SECONDARY, VMX_MSR } from '../../arch/vmx.ts';
import type { HostCpu, HostSoftware } from '../../contracts/host-cpu.ts';
import type { ComputerStop } from '../computer.ts';
import { hostMemory, installHostSoftware, NATIVE_HOST_RIP } from '../host-software.ts';
import { GUEST_ORIGIN, type GuestOptions, loadGuest } from './run-guest.ts';

/** Where the host keeps things; guest code and stack are below 64 KiB. */
export const HOST_AREA = {
  VMXON: 0x10_0000,
  VMCS: 0x10_1000,
  PML4: 0x10_2000,
  PDPT: 0x10_3000,
  PD: 0x10_4000,
  PT: 0x10_5000,
  FREE: 0x11_0000,
} as const;

/** What a VM exit reported. */
export interface ExitRecord {
  readonly reason: number;
  readonly qualification: number;
  readonly length: number;
  readonly info: number;
  readonly interruption: number;
  readonly interruptionError: number;
  readonly vectoring: number;
  readonly linear: number;
  readonly physical: number;
  readonly rip: number;
}

export type Verdict = 'resume' | 'skip' | 'stop';

export interface VmxOptions extends GuestOptions {
  /** Changes the VMCS (which is current) before the first entry. */
  readonly setUp?: (cpu: HostCpu) => void;
  /** `skip` (when absent): goes on behind the instruction. `resume`: where it is. `stop`: ends the run. */
  readonly onExit?: (exit: ExitRecord, cpu: HostCpu) => Verdict;
}

export interface VmxRun {
  readonly exits: readonly ExitRecord[];
  readonly output: string;
  readonly stop: ComputerStop;
  /** VM-instruction error of an entry that failed at once. */
  readonly entryError: number;
  readonly cpu: HostCpu;
}

const HIGH = 0x1_0000_0000;
const both = (cpu: HostCpu, field: number): number => cpu.vmreadHigh(field) * HIGH + cpu.vmread(field);

const readExit = (cpu: HostCpu): ExitRecord => ({
  reason: cpu.vmread(FIELD.EXIT_REASON),
  qualification: both(cpu, FIELD.EXIT_QUALIFICATION),
  length: cpu.vmread(FIELD.EXIT_INSTRUCTION_LENGTH),
  info: cpu.vmread(FIELD.EXIT_INSTRUCTION_INFO),
  interruption: cpu.vmread(FIELD.EXIT_INTERRUPTION_INFO),
  interruptionError: cpu.vmread(FIELD.EXIT_INTERRUPTION_ERROR),
  vectoring: cpu.vmread(FIELD.IDT_VECTORING_INFO),
  linear: both(cpu, FIELD.GUEST_LINEAR_ADDRESS),
  physical: both(cpu, FIELD.GUEST_PHYSICAL_ADDRESS),
  rip: both(cpu, FIELD.GUEST_RIP),
});

class TestHost implements HostSoftware {
  readonly exits: ExitRecord[] = [];
  cpu: HostCpu | undefined;
  entryError = 0;
  private readonly options: VmxOptions;
  private launched = false;

  constructor(options: VmxOptions) {
    this.options = options;
  }

  takeOver(cpu: HostCpu): void {
    this.cpu = cpu;
    const revision = cpu.rdmsr(VMX_MSR.BASIC)?.lo ?? 0;
    cpu.memory.write32(HOST_AREA.VMXON, revision);
    cpu.memory.write32(HOST_AREA.VMCS, revision);
    if (cpu.vmxon(HOST_AREA.VMXON) + cpu.vmclear(HOST_AREA.VMCS) + cpu.vmptrld(HOST_AREA.VMCS) !== 0) {
      throw new Error('VMX could not be entered');
    }
    mapMemory(cpu);
    fillVmcs(cpu);
    this.options.setUp?.(cpu);
    this.enter(cpu);
  }

  exit(cpu: HostCpu): void {
    const exit = readExit(cpu);
    this.exits.push(exit);
    const verdict = this.options.onExit?.(exit, cpu) ?? 'skip';
    if (verdict === 'stop' || exit.reason >= 0x8000_0000) {
      cpu.halt();
      return;
    }
    if (verdict === 'skip') cpu.vmwrite(FIELD.GUEST_RIP, exit.rip + exit.length);
    this.enter(cpu);
  }

  interrupt(cpu: HostCpu): void {
    cpu.halt();
  }

  private enter(cpu: HostCpu): void {
    this.entryError = this.launched ? cpu.vmresume() : cpu.vmlaunch();
    this.launched = true;
    if (this.entryError !== 0) cpu.halt();
  }
}

/** The first 2 MiB by 4 KiB pages, the rest of the first GiB by one 2 MiB page each. */
function mapMemory(cpu: HostCpu): void {
  const leaf = EPT.RIGHTS | (MEMORY_TYPE.WB << EPT.MEMORY_TYPE_SHIFT);
  cpu.memory.write32(HOST_AREA.PML4, HOST_AREA.PDPT | EPT.RIGHTS);
  cpu.memory.write32(HOST_AREA.PDPT, HOST_AREA.PD | EPT.RIGHTS);
  cpu.memory.write32(HOST_AREA.PD, HOST_AREA.PT | EPT.RIGHTS);
  for (let i = 1; i < 512; i++) cpu.memory.write32(HOST_AREA.PD + 8 * i, (i << 21) | EPT.LARGE | leaf);
  for (let i = 0; i < 512; i++) cpu.memory.write32(HOST_AREA.PT + 8 * i, (i << 12) | leaf);
}

/** Changes the EPT entry of a page in the first 2 MiB. */
export function setEptEntry(cpu: HostCpu, page: number, lo: number, hi = 0): void {
  cpu.memory.write32(HOST_AREA.PT + (page >>> 12) * 8, lo >>> 0);
  cpu.memory.write32(HOST_AREA.PT + (page >>> 12) * 8 + 4, hi >>> 0);
}

function fillVmcs(cpu: HostCpu): void {
  cpu.vmwrite(FIELD.PIN_BASED_CONTROLS, mustBe1('pin'));
  cpu.vmwrite(FIELD.PRIMARY_CONTROLS, (mustBe1('primary') | PRIMARY.SECONDARY_CONTROLS) >>> 0);
  cpu.vmwrite(FIELD.SECONDARY_CONTROLS, SECONDARY.EPT | SECONDARY.UNRESTRICTED_GUEST | SECONDARY.RDTSCP);
  cpu.vmwrite(
    FIELD.VM_EXIT_CONTROLS,
    mustBe1('exit') | EXIT_CONTROL.HOST_64 | EXIT_CONTROL.SAVE_EFER | EXIT_CONTROL.LOAD_EFER,
  );
  cpu.vmwrite(FIELD.VM_ENTRY_CONTROLS, mustBe1('entry') | ENTRY_CONTROL.LOAD_EFER);
  cpu.vmwrite(FIELD.EPT_POINTER, HOST_AREA.PML4 | 0x1e);
  cpu.vmwrite(FIELD.VMCS_LINK_POINTER, 0xffff_ffff, 0xffff_ffff);
  cpu.vmwrite(FIELD.CR0_GUEST_HOST_MASK, CR0.NE);
  cpu.vmwrite(FIELD.CR4_GUEST_HOST_MASK, CR4.VMXE);
  cpu.vmwrite(FIELD.HOST_CR0, (CR0.PE | CR0.NE | CR0.PG) >>> 0);
  cpu.vmwrite(FIELD.HOST_CR4, CR4.PAE | CR4.VMXE);
  cpu.vmwrite(FIELD.HOST_IA32_EFER, EFER.LME | EFER.LMA);
  cpu.vmwrite(FIELD.HOST_CS_SELECTOR, 8);
  cpu.vmwrite(FIELD.HOST_TR_SELECTOR, 0x18);
  cpu.vmwrite(FIELD.HOST_RIP, NATIVE_HOST_RIP >>> 0, Math.floor(NATIVE_HOST_RIP / HIGH) >>> 0);
  const data = ATTRIBUTE.P | ATTRIBUTE.S | ATTRIBUTE.WRITABLE | ATTRIBUTE.ACCESSED;
  for (let n = 0; n < SEG.LDTR; n++) {
    cpu.vmwrite(FIELD.GUEST_ES_LIMIT + n * FIELD_STEP, 0xffff);
    cpu.vmwrite(FIELD.GUEST_ES_ACCESS_RIGHTS + n * FIELD_STEP, n === SEG.CS ? data | ATTRIBUTE.CODE : data);
  }
  cpu.vmwrite(FIELD.GUEST_LDTR_ACCESS_RIGHTS, ATTRIBUTE.UNUSABLE);
  cpu.vmwrite(FIELD.GUEST_TR_LIMIT, 0xffff);
  cpu.vmwrite(FIELD.GUEST_TR_ACCESS_RIGHTS, ATTRIBUTE.P | SYSTEM_TYPE.TSS32_BUSY);
  cpu.vmwrite(FIELD.GUEST_IDTR_LIMIT, 0x3ff);
  cpu.vmwrite(FIELD.GUEST_CR0, CR0.NE | CR0.ET);
  cpu.vmwrite(FIELD.CR0_READ_SHADOW, CR0.ET);
  cpu.vmwrite(FIELD.GUEST_CR4, CR4.VMXE);
  cpu.vmwrite(FIELD.GUEST_RFLAGS, 2);
  cpu.vmwrite(FIELD.GUEST_RIP, GUEST_ORIGIN);
  cpu.vmwrite(FIELD.GUEST_RSP, GUEST_ORIGIN);
}

/** Sets bits of a 32-bit field. */
export const orField = (cpu: HostCpu, field: number, bits: number): void =>
  cpu.vmwrite(field, (cpu.vmread(field) | bits) >>> 0);

/** A computer whose first instant is the host's, and what becomes of it. */
export function loadVmx(source: string, options: VmxOptions = {}) {
  const { computer, output } = loadGuest(source, options);
  const host = new TestHost(options);
  installHostSoftware(computer, host, hostMemory(computer));
  return { computer, output, host };
}

export function runVmx(source: string, options: VmxOptions = {}): VmxRun {
  const { computer, output, host } = loadVmx(source, options);
  const stop = computer.run(options.limit ?? 5_000_000);
  if (host.cpu === undefined) throw new Error('the host was never called');
  return { exits: host.exits, output: output(), stop, entryError: host.entryError, cpu: host.cpu };
}
