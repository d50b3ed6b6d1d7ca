/** Filling in a VMCS for a fresh virtual CPU. */
import { CR0, CR4, EFER, SEG } from '../arch/registers.ts';
import { ATTRIBUTE, SYSTEM_TYPE } from '../arch/segments.ts';
import { FIELD, FIELD_STEP } from '../arch/vmcs.ts';
import { ENTRY_CONTROL, EXIT_CONTROL, PIN, PRIMARY, SECONDARY, VMX_MSR } from '../arch/vmx.ts';
import type { BootState } from '../contracts/boot.ts';
import type { HostCpu } from '../contracts/host-cpu.ts';
import type { Vcpu } from './vcpu.ts';

const HIGH = 0x1_0000_0000;

/** Where the host continues after VM exits, and what it needs for it. */
export interface HostEntry {
  /** HOST_RIP, signed. */
  readonly rip: number;
}

/** CR0 bits that the hypervisor owns: NE has to be 1 in VMX operation. */
const CR0_OWNED = CR0.NE;
/** CR4 bits that the hypervisor owns: VMXE has to be 1 and does not exist for the guest. */
const CR4_OWNED = CR4.VMXE;

const PIN_WANTED = PIN.EXTERNAL_INTERRUPT_EXITING | PIN.NMI_EXITING | PIN.VIRTUAL_NMIS | PIN.PREEMPTION_TIMER;
const PRIMARY_WANTED =
  PRIMARY.HLT_EXITING |
  PRIMARY.TSC_OFFSETTING |
  PRIMARY.RDPMC_EXITING |
  PRIMARY.CR8_LOAD_EXITING |
  PRIMARY.CR8_STORE_EXITING |
  PRIMARY.UNCONDITIONAL_IO_EXITING |
  PRIMARY.MSR_BITMAPS |
  PRIMARY.SECONDARY_CONTROLS;
const SECONDARY_WANTED =
  SECONDARY.EPT | SECONDARY.VPID | SECONDARY.UNRESTRICTED_GUEST | SECONDARY.RDTSCP | SECONDARY.INVPCID;
const EXIT_WANTED =
  EXIT_CONTROL.SAVE_DEBUG |
  EXIT_CONTROL.HOST_64 |
  EXIT_CONTROL.ACKNOWLEDGE_INTERRUPT |
  EXIT_CONTROL.SAVE_PAT |
  EXIT_CONTROL.LOAD_PAT |
  EXIT_CONTROL.SAVE_EFER |
  EXIT_CONTROL.LOAD_EFER;
const ENTRY_WANTED = ENTRY_CONTROL.LOAD_DEBUG | ENTRY_CONTROL.LOAD_PAT | ENTRY_CONTROL.LOAD_EFER;

/** This processor lacks something that the hypervisor needs. */
class MissingControlError extends Error {
  constructor(msr: number, missing: number) {
    super(`the processor cannot set VMX controls ${missing.toString(16)}h (MSR ${msr.toString(16)}h)`);
    this.name = 'MissingControlError';
  }
}

/** Wanted controls together with those that must be 1, by a capability MSR. */
function controls(cpu: HostCpu, msr: number, wanted: number): number {
  const capability = cpu.rdmsr(msr) ?? { lo: 0, hi: 0 };
  const missing = wanted & ~capability.hi;
  if (missing !== 0) throw new MissingControlError(msr, missing >>> 0);
  return (wanted | capability.lo) >>> 0;
}

const HOST_CODE = 0x08;
const HOST_DATA = 0x10;
const HOST_TSS = 0x18;
/** PAT after reset. */
const PAT = { lo: 0x0007_0406, hi: 0x0007_0406 };

/** Fills in the current VMCS: controls, host state, and the guest state after reset. */
export function setUpVmcs(cpu: HostCpu, vcpu: Vcpu, host: HostEntry): void {
  const { vm } = vcpu;
  cpu.vmwrite(FIELD.PIN_BASED_CONTROLS, controls(cpu, VMX_MSR.TRUE_PINBASED_CTLS, PIN_WANTED));
  const pause = vm.options.vcpus > 1 ? PRIMARY.PAUSE_EXITING : 0;
  vcpu.primaryControls = controls(cpu, VMX_MSR.TRUE_PROCBASED_CTLS, PRIMARY_WANTED | pause);
  cpu.vmwrite(FIELD.PRIMARY_CONTROLS, vcpu.primaryControls);
  cpu.vmwrite(FIELD.SECONDARY_CONTROLS, controls(cpu, VMX_MSR.PROCBASED_CTLS2, SECONDARY_WANTED));
  cpu.vmwrite(FIELD.VM_EXIT_CONTROLS, controls(cpu, VMX_MSR.TRUE_EXIT_CTLS, EXIT_WANTED));
  cpu.vmwrite(FIELD.VM_ENTRY_CONTROLS, controls(cpu, VMX_MSR.TRUE_ENTRY_CTLS, ENTRY_WANTED));
  cpu.vmwrite(FIELD.VIRTUAL_PROCESSOR_ID, vcpu.vpid);
  writeAddress(cpu, FIELD.EPT_POINTER, vm.memory.ept.pointer);
  writeAddress(cpu, FIELD.MSR_BITMAP, vm.msrBitmap);
  cpu.vmwrite(FIELD.EXCEPTION_BITMAP, vm.options.exceptionBitmap ?? 0);
  cpu.vmwrite(FIELD.CR0_GUEST_HOST_MASK, CR0_OWNED);
  cpu.vmwrite(FIELD.CR4_GUEST_HOST_MASK, CR4_OWNED);
  cpu.vmwrite(FIELD.CR4_READ_SHADOW, 0);
  cpu.vmwrite(FIELD.VMCS_LINK_POINTER, 0xffff_ffff, 0xffff_ffff);
  hostState(cpu, host);
  resetState(cpu);
}

function hostState(cpu: HostCpu, host: HostEntry): void {
  cpu.vmwrite(FIELD.HOST_CR0, CR0.PE | CR0.MP | CR0.ET | CR0.NE | CR0.WP | (CR0.PG >>> 0));
  cpu.vmwrite(FIELD.HOST_CR3, 0);
  cpu.vmwrite(FIELD.HOST_CR4, CR4.PAE | CR4.PGE | CR4.OSFXSR | CR4.OSXMMEXCPT | CR4.VMXE);
  cpu.vmwrite(FIELD.HOST_CS_SELECTOR, HOST_CODE);
  for (const field of [FIELD.HOST_SS_SELECTOR, FIELD.HOST_DS_SELECTOR, FIELD.HOST_ES_SELECTOR]) {
    cpu.vmwrite(field, HOST_DATA);
  }
  cpu.vmwrite(FIELD.HOST_TR_SELECTOR, HOST_TSS);
  cpu.vmwrite(FIELD.HOST_IA32_EFER, EFER.LME | EFER.LMA | EFER.NXE | EFER.SCE);
  cpu.vmwrite(FIELD.HOST_IA32_PAT, PAT.lo, PAT.hi);
  writeAddress(cpu, FIELD.HOST_RIP, host.rip);
}

const REAL_DATA = ATTRIBUTE.S | ATTRIBUTE.WRITABLE | ATTRIBUTE.ACCESSED | ATTRIBUTE.P;
const LDT = ATTRIBUTE.P | SYSTEM_TYPE.LDT;
const TSS = ATTRIBUTE.P | SYSTEM_TYPE.TSS32_BUSY;

interface SegmentValue {
  readonly selector: number;
  readonly base: number;
  readonly limit: number;
  readonly rights: number;
}

function setSegment(cpu: HostCpu, n: number, { selector, base, limit, rights }: SegmentValue): void {
  const step = n * FIELD_STEP;
  cpu.vmwrite(FIELD.GUEST_ES_SELECTOR + step, selector);
  cpu.vmwrite(FIELD.GUEST_ES_BASE + step, base);
  cpu.vmwrite(FIELD.GUEST_ES_LIMIT + step, limit);
  cpu.vmwrite(FIELD.GUEST_ES_ACCESS_RIGHTS + step, rights);
}

const DATA_SEGMENTS = [SEG.ES, SEG.SS, SEG.DS, SEG.FS, SEG.GS];

/** Guest state after RESET. SDM volume 3A, "Processor State After Reset". */
export function resetState(cpu: HostCpu): void {
  for (const n of DATA_SEGMENTS)
    setSegment(cpu, n, { selector: 0, base: 0, limit: 0xffff, rights: REAL_DATA });
  const code = REAL_DATA | ATTRIBUTE.CODE;
  setSegment(cpu, SEG.CS, { selector: 0xf000, base: 0xffff_0000, limit: 0xffff, rights: code });
  setSegment(cpu, SEG.LDTR, { selector: 0, base: 0, limit: 0xffff, rights: LDT });
  setSegment(cpu, SEG.TR, { selector: 0, base: 0, limit: 0xffff, rights: TSS });
  setCr0(cpu, CR0.ET | CR0.NW | CR0.CD);
  setCr4(cpu, 0);
  cpu.vmwrite(FIELD.GUEST_CR3, 0);
  cpu.vmwrite(FIELD.GUEST_IA32_EFER, 0);
  cpu.vmwrite(FIELD.GUEST_IA32_PAT, PAT.lo, PAT.hi);
  cpu.vmwrite(FIELD.GUEST_DR7, 0x400);
  cpu.vmwrite(FIELD.GUEST_IA32_DEBUGCTL, 0);
  cpu.vmwrite(FIELD.GUEST_RFLAGS, 2);
  cpu.vmwrite(FIELD.GUEST_RIP, 0xfff0);
  cpu.vmwrite(FIELD.GUEST_RSP, 0);
  for (const field of [FIELD.GUEST_GDTR_LIMIT, FIELD.GUEST_IDTR_LIMIT]) cpu.vmwrite(field, 0xffff);
  for (const field of [
    FIELD.GUEST_GDTR_BASE,
    FIELD.GUEST_IDTR_BASE,
    FIELD.GUEST_SYSENTER_CS,
    FIELD.GUEST_SYSENTER_ESP,
    FIELD.GUEST_SYSENTER_EIP,
    FIELD.GUEST_INTERRUPTIBILITY,
    FIELD.GUEST_ACTIVITY_STATE,
    FIELD.GUEST_PENDING_DEBUG,
  ]) {
    cpu.vmwrite(field, 0);
  }
}

/** A value of CR0 as the guest sees it. */
function setCr0(cpu: HostCpu, value: number): void {
  cpu.vmwrite(FIELD.CR0_READ_SHADOW, value >>> 0);
  cpu.vmwrite(FIELD.GUEST_CR0, (value | CR0_OWNED) >>> 0);
}

function setCr4(cpu: HostCpu, value: number): void {
  cpu.vmwrite(FIELD.GUEST_CR4, (value | CR4_OWNED) >>> 0);
}

/** Guest state as a start-up IPI leaves it: real-address mode at page `vector`. */
export function startupState(cpu: HostCpu, vector: number): void {
  resetState(cpu);
  const rights = REAL_DATA | ATTRIBUTE.CODE;
  setSegment(cpu, SEG.CS, { selector: vector << 8, base: vector << 12, limit: 0xffff, rights });
  cpu.vmwrite(FIELD.GUEST_RIP, 0);
}

/** Guest state as a boot protocol asks for it, over the state after reset. General registers go to `gprs`. */
export function bootState(cpu: HostCpu, gprs: Uint32Array, state: BootState): void {
  const registers = { rax: 0, rcx: 1, rdx: 2, rbx: 3, rbp: 5, rsi: 6, rdi: 7 } as const;
  gprs.fill(0);
  for (const [name, n] of Object.entries(registers)) {
    const value = state.registers[name as keyof typeof registers] ?? 0;
    gprs[2 * n] = value;
    gprs[2 * n + 1] = Math.floor(value / HIGH);
  }
  writeAddress(cpu, FIELD.GUEST_RSP, state.registers.rsp ?? 0);
  writeAddress(cpu, FIELD.GUEST_RIP, state.rip);
  if (state.mode === 'real') {
    const selector = state.segment ?? 0;
    const segment = { selector, base: selector << 4, limit: 0xffff };
    for (const n of [SEG.ES, SEG.SS, SEG.DS]) setSegment(cpu, n, { ...segment, rights: REAL_DATA });
    setSegment(cpu, SEG.CS, { ...segment, rights: REAL_DATA | ATTRIBUTE.CODE });
    setCr0(cpu, CR0.ET);
    cpu.vmwrite(FIELD.GUEST_IDTR_LIMIT, 0x3ff);
    return;
  }
  const long = state.mode === 'long';
  const flat = { base: 0, limit: 0xffff_ffff };
  const data = REAL_DATA | ATTRIBUTE.G | ATTRIBUTE.DB;
  const code = REAL_DATA | ATTRIBUTE.CODE | ATTRIBUTE.G | (long ? ATTRIBUTE.L : ATTRIBUTE.DB);
  for (const n of DATA_SEGMENTS) setSegment(cpu, n, { ...flat, selector: state.ds ?? 0, rights: data });
  setSegment(cpu, SEG.CS, { ...flat, selector: state.cs ?? 0, rights: code });
  writeAddress(cpu, FIELD.GUEST_GDTR_BASE, state.gdt?.base ?? 0);
  cpu.vmwrite(FIELD.GUEST_GDTR_LIMIT, state.gdt?.limit ?? 0);
  cpu.vmwrite(FIELD.GUEST_IDTR_LIMIT, 0);
  if (!long) {
    setCr0(cpu, CR0.PE | CR0.ET);
    return;
  }
  setCr0(cpu, CR0.PE | CR0.ET | CR0.PG);
  setCr4(cpu, CR4.PAE);
  writeAddress(cpu, FIELD.GUEST_CR3, state.cr3 ?? 0);
  cpu.vmwrite(FIELD.GUEST_IA32_EFER, EFER.LME | EFER.LMA);
  cpu.vmwrite(FIELD.VM_ENTRY_CONTROLS, cpu.vmread(FIELD.VM_ENTRY_CONTROLS) | ENTRY_CONTROL.IA32E_GUEST);
}

/** Writes a number (signed or unsigned) into a 64-bit field. */
export function writeAddress(cpu: HostCpu, field: number, value: number): void {
  cpu.vmwrite(field, value >>> 0, Math.floor(value / HIGH) >>> 0);
}
