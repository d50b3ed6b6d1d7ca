/**
 * The lists of MSRs that VM entries and VM exits load and store. SDM volume 3C, "Loading MSRs",
 * "Saving MSRs".
 */
import { MSR_ENTRY_SIZE, VMX_MSR } from '../../arch/vmx.ts';
import type { PhysicalWords } from '../virtualization/physical.ts';

/** The processor's RDMSR and WRMSR at CPL 0, without a VM exit. */
export interface MsrAccess {
  /** undefined: #GP(0) */
  read(index: number): { lo: number; hi: number } | undefined;
  /** false: #GP(0) */
  write(index: number, lo: number, hi: number): boolean;
}

const FS_BASE = 0xc000_0100;
const GS_BASE = 0xc000_0101;
const SMM_MONITOR_CTL = 0x9b;

/** MSRs that a list may not load: the segment bases belong to the VMCS, x2APIC registers and microcode are excluded. */
const unloadable = (index: number): boolean =>
  index === FS_BASE ||
  index === GS_BASE ||
  (index >>> 8 === 8 && index !== 0) ||
  index === SMM_MONITOR_CTL ||
  index === VMX_MSR.FEATURE_CONTROL;

/** Loads a list. The number (from 1) of the entry that failed, or 0. */
export function loadMsrs(memory: PhysicalWords, msrs: MsrAccess, address: number, count: number): number {
  for (let i = 0; i < count; i++) {
    const at = address + i * MSR_ENTRY_SIZE;
    const index = memory.read(at) >>> 0;
    const bad = memory.read(at + 4) !== 0 || unloadable(index);
    if (bad || !msrs.write(index, memory.read(at + 8) >>> 0, memory.read(at + 12) >>> 0)) return i + 1;
  }
  return 0;
}

/** Stores a list; false when an entry failed. */
export function storeMsrs(memory: PhysicalWords, msrs: MsrAccess, address: number, count: number): boolean {
  for (let i = 0; i < count; i++) {
    const at = address + i * MSR_ENTRY_SIZE;
    const value = memory.read(at + 4) === 0 ? msrs.read(memory.read(at) >>> 0) : undefined;
    if (value === undefined) return false;
    memory.write(at + 8, value.lo);
    memory.write(at + 12, value.hi);
  }
  return true;
}
