/**
 * RDMSR and WRMSR. Each MSR is a row of the table below; an MSR without a row, a write to a row without
 * `write`, and a refused value raise #GP(0). The local APIC's and the virtualization extension's MSRs
 * are theirs to answer.
 */
import { hasFeature, type Vendor } from '../../arch/cpuid.ts';
import { MSR, MTRR_FIXED, MTRR_VARIABLE_RANGES } from '../../arch/msr.ts';
import { CR0, EFER, GPR, SEG } from '../../arch/registers.ts';
import { SVM_MSR } from '../../arch/svm.ts';
import { isCanonical, signedNumber } from '../number64.ts';
import { STATUS } from '../state.ts';
import type { Status, SystemContext, SystemOperation } from './context.ts';
import { generalProtection } from './fault.ts';
import { writableEfer } from './features.ts';
import { refresh } from './mode.ts';
import { MSR_FIELD } from './msr-fields.ts';
import { advance } from './operand.ts';
import { readTsc, writeTsc } from './tsc.ts';

interface Pair {
  readonly lo: number;
  readonly hi: number;
}

interface MsrRow {
  read(c: SystemContext): Pair | undefined;
  /** False: #GP(0), nothing written. Absent: read-only. */
  write?(c: SystemContext, lo: number, hi: number): boolean;
}

type Check = (c: SystemContext, lo: number, hi: number) => boolean;

/** An MSR that is a field of the CPU block. */
const stored = (field: number, allows: Check = () => true): MsrRow => ({
  read: (c) => ({ lo: c.regs.lo(field), hi: c.regs.hi(field) }),
  write: (c, lo, hi) => {
    if (!allows(c, lo, hi)) return false;
    c.regs.setPair(field, lo, hi);
    return true;
  },
});

const constant = (lo: number, hi = 0): MsrRow => ({ read: () => ({ lo, hi }) });

const where = (exists: (c: SystemContext) => boolean, row: MsrRow): MsrRow => ({
  read: (c) => (exists(c) ? row.read(c) : undefined),
  ...(row.write && {
    write: (c: SystemContext, lo: number, hi: number) => exists(c) && (row.write?.(c, lo, hi) ?? false),
  }),
});

/** Only where CPUID shows the feature. */
const withFeature = (name: string, row: MsrRow): MsrRow => where((c) => hasFeature(c.cpuid, name), row);

/** Only in processors of one vendor. */
const by = (vendor: Vendor, row: MsrRow): MsrRow => where((c) => c.cpuid.vendor === vendor, row);

const canonical: Check = (_, lo, hi) => isCanonical(signedNumber(lo, hi));
const only32: Check = (_, _lo, hi) => hi === 0;

const segmentBase = (n: number): MsrRow => ({
  read: (c) => pair(c.regs.segmentBase(n)),
  write: (c, lo, hi) => {
    if (!canonical(c, lo, hi)) return false;
    c.regs.setSegmentBase(n, signedNumber(lo, hi));
    refresh(c.regs);
    return true;
  },
});

const pair = (value: number): Pair => ({ lo: value >>> 0, hi: Math.floor(value / 0x1_0000_0000) >>> 0 });

const apic = (index: number): MsrRow => ({
  read: (c) => c.interrupts.readMsr(index),
  write: (c, lo, hi) => c.interrupts.writeMsr(index, lo, hi),
});

const virtualization = (index: number): MsrRow => ({
  read: (c) => c.virtualization?.readMsr(index),
  write: (c, lo, hi) => c.virtualization?.writeMsr(index, lo, hi) ?? false,
});

/** Memory types 0 UC, 1 WC, 4 WT, 5 WP, 6 WB; PAT also has 7 UC-. */
const isMemoryType = (type: number): boolean => [0, 1, 4, 5, 6].includes(type);
const bytesOf = (lo: number, hi: number): number[] =>
  [0, 8, 16, 24].flatMap((s) => [(lo >>> s) & 255, (hi >>> s) & 255]);

/** EFER.LMA is the processor's; LME cannot change under paging. */
const efer: MsrRow = {
  read: (c) => ({ lo: c.regs.efer >>> 0, hi: 0 }),
  write: (c, lo, hi) => {
    const r = c.regs;
    const writable = writableEfer(c.cpuid);
    if (hi !== 0 || lo & ~(writable | EFER.LMA)) return false;
    if (c.virtualization?.acceptEfer(lo) === false) return false;
    const next = (r.efer & EFER.LMA) | (lo & writable);
    if ((next ^ r.efer) & EFER.LME && r.cr0 & CR0.PG) return false;
    const pagingChanged = ((next ^ r.efer) & EFER.NXE) !== 0;
    r.efer = next;
    if (pagingChanged) c.memory.flush('all');
    refresh(r);
    return true;
  },
};

/** Bit 11: MTRRs on; bit 10: fixed ranges on; bits 7:0: default type. */
const mtrrDefType = stored(
  MSR_FIELD.MTRR_DEF_TYPE,
  (_, lo, hi) => hi === 0 && (lo & ~0xcff) === 0 && isMemoryType(lo & 255),
);

const isPhysicalUpper = (c: SystemContext, hi: number): boolean => hi >>> (c.cpuid.physicalBits - 32) === 0;
const physBase: Check = (c, lo, hi) => (lo & 0xf00) === 0 && isMemoryType(lo & 255) && isPhysicalUpper(c, hi);
const physMask: Check = (c, lo, hi) => (lo & 0x7ff) === 0 && isPhysicalUpper(c, hi);
const fixedRange: Check = (_, lo, hi) => bytesOf(lo, hi).every(isMemoryType);

const TABLE: ReadonlyMap<number, MsrRow> = new Map<number, MsrRow>([
  [MSR.IA32_TIME_STAMP_COUNTER, { read: (c) => readTsc(c), write: (c, lo, hi) => writeTsc(c, lo, hi) }],
  [MSR.IA32_PLATFORM_ID, by('intel', constant(0))],
  [MSR.IA32_APIC_BASE, apic(MSR.IA32_APIC_BASE)],
  [MSR.IA32_FEATURE_CONTROL, virtualization(MSR.IA32_FEATURE_CONTROL)],
  // A microcode update is accepted and changes nothing.
  [MSR.IA32_BIOS_UPDT_TRIG, by('intel', { read: () => undefined, write: () => true })],
  // Written 0 and read after CPUID 1 it gives the microcode revision in the upper half.
  [MSR.IA32_BIOS_SIGN_ID, { read: () => ({ lo: 0, hi: 1 }), write: () => true }],
  [MSR.IA32_SYSENTER_CS, stored(MSR_FIELD.SYSENTER_CS, only32)],
  [MSR.IA32_SYSENTER_ESP, stored(MSR_FIELD.SYSENTER_ESP, canonical)],
  [MSR.IA32_SYSENTER_EIP, stored(MSR_FIELD.SYSENTER_EIP, canonical)],
  // No error-reporting banks: nothing in this computer can fail. Bits 2:0 of the status: MCIP, EIPV, RIPV.
  [MSR.IA32_MCG_CAP, withFeature('mca', constant(0))],
  [
    MSR.IA32_MCG_STATUS,
    withFeature(
      'mca',
      stored(MSR_FIELD.MCG_STATUS, (_, lo, hi) => (lo & ~7) === 0 && hi === 0),
    ),
  ],
  // Limiting CPUID (bit 22) and disabling XD (bit 34) are not on offer.
  [
    MSR.IA32_MISC_ENABLE,
    by(
      'intel',
      stored(MSR_FIELD.MISC_ENABLE, (_, lo, hi) => (lo & (1 << 22)) === 0 && (hi & 4) === 0),
    ),
  ],
  // No last-branch records, branch traces or single-stepping on branches: the bits do not exist.
  [MSR.IA32_DEBUGCTL, stored(MSR_FIELD.DEBUGCTL, (_, lo, hi) => lo === 0 && hi === 0)],
  [
    MSR.IA32_PAT,
    withFeature(
      'pat',
      stored(MSR_FIELD.PAT, (_, lo, hi) => bytesOf(lo, hi).every((t) => isMemoryType(t) || t === 7)),
    ),
  ],
  [MSR.IA32_MTRRCAP, withFeature('mtrr', constant(MTRR_VARIABLE_RANGES | (1 << 8) | (1 << 10)))],
  [MSR.IA32_MTRR_DEF_TYPE, withFeature('mtrr', mtrrDefType)],
  ...Array.from({ length: 2 * MTRR_VARIABLE_RANGES }, (_, i): [number, MsrRow] => [
    MSR.IA32_MTRR_PHYSBASE0 + i,
    withFeature('mtrr', stored(MSR_FIELD.MTRR_PHYS + 8 * i, i % 2 === 0 ? physBase : physMask)),
  ]),
  ...MTRR_FIXED.map((index, i): [number, MsrRow] => [
    index,
    withFeature('mtrr', stored(MSR_FIELD.MTRR_FIX + 8 * i, fixedRange)),
  ]),
  ...range(MSR.IA32_VMX_BASIC, MSR.IA32_VMX_VMFUNC, virtualization),
  // No memory above 4 GiB is special, and the fixed-range MTRRs have no bits for DRAM.
  [MSR.SYSCFG, by('amd', constant(0))],
  // Bit 24: the time-stamp counter counts at one rate whatever the processor's speed.
  [MSR.HWCR, by('amd', constant(1 << 24))],
  // PCI configuration space beyond 256 bytes is not reached by port CF8h: the bit for it stays 0.
  [MSR.NB_CFG, by('amd', { read: () => ({ lo: 0, hi: 0 }), write: () => true })],
  [SVM_MSR.VM_CR, virtualization(SVM_MSR.VM_CR)],
  [SVM_MSR.VM_HSAVE_PA, virtualization(SVM_MSR.VM_HSAVE_PA)],
  [MSR.IA32_TSC_DEADLINE, withFeature('tsc_deadline_timer', apic(MSR.IA32_TSC_DEADLINE))],
  ...range(MSR.IA32_X2APIC_FIRST, MSR.IA32_X2APIC_LAST, apic),
  [MSR.IA32_EFER, efer],
  [MSR.IA32_STAR, withFeature('syscall', stored(MSR_FIELD.STAR))],
  [MSR.IA32_LSTAR, withFeature('syscall', stored(MSR_FIELD.LSTAR, canonical))],
  [MSR.IA32_CSTAR, withFeature('syscall', stored(MSR_FIELD.CSTAR, canonical))],
  [MSR.IA32_FMASK, withFeature('syscall', stored(MSR_FIELD.FMASK, only32))],
  [MSR.IA32_FS_BASE, withFeature('lm', segmentBase(SEG.FS))],
  [MSR.IA32_GS_BASE, withFeature('lm', segmentBase(SEG.GS))],
  [MSR.IA32_KERNEL_GS_BASE, withFeature('lm', stored(MSR_FIELD.KERNEL_GS_BASE, canonical))],
  [MSR.IA32_TSC_AUX, withFeature('rdtscp', stored(MSR_FIELD.TSC_AUX, only32))],
]);

function range(first: number, last: number, row: (index: number) => MsrRow): [number, MsrRow][] {
  return Array.from({ length: last - first + 1 }, (_, i) => [first + i, row(first + i)]);
}

/** Value of an MSR, or undefined where RDMSR raises #GP(0). Also for VM-exit MSR areas. */
export const readMsr = (c: SystemContext, index: number): Pair | undefined => TABLE.get(index)?.read(c);

/** False where WRMSR raises #GP(0). */
export const writeMsr = (c: SystemContext, index: number, lo: number, hi: number): boolean =>
  TABLE.get(index)?.write?.(c, lo >>> 0, hi >>> 0) ?? false;

function rdmsr(c: SystemContext): Status {
  const r = c.regs;
  if (r.cpl !== 0) return generalProtection(c);
  const index = r.gprLo(GPR.RCX);
  if (c.interceptor?.msr(index, false)) return STATUS.EXIT;
  const value = readMsr(c, index);
  if (!value) return generalProtection(c);
  r.setGpr32(GPR.RAX, value.lo);
  r.setGpr32(GPR.RDX, value.hi);
  return STATUS.NEXT;
}

function wrmsr(c: SystemContext): Status {
  const r = c.regs;
  if (r.cpl !== 0) return generalProtection(c);
  const index = r.gprLo(GPR.RCX);
  if (c.interceptor?.msr(index, true)) return STATUS.EXIT;
  if (!writeMsr(c, index, r.gprLo(GPR.RAX), r.gprLo(GPR.RDX))) return generalProtection(c);
  // The write may have changed paging, timers or pending interrupts: let the run loop look.
  advance(c);
  return STATUS.EXIT;
}

export const MSR_OPERATIONS: Record<string, SystemOperation> = { rdmsr, wrmsr };
