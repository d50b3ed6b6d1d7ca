/** CR3 and the page-directory-pointer-table entries of PAE paging. SDM volume 3A, "PDPTE Registers". */
import { CR0, CR4, VECTOR } from '../../arch/registers.ts';
import { STATE } from '../state.ts';
import type { SystemContext } from './context.ts';
import { failed } from './fault.ts';
import { isLongMode } from './mode.ts';

/** True when the given control registers select PAE paging (and not 4-level paging). */
export const usesPdptes = (c: SystemContext, cr0: number, cr4: number): boolean =>
  (cr0 & CR0.PG) !== 0 && (cr4 & CR4.PAE) !== 0 && !isLongMode(c.regs);

/** Halves of PDPTEs that are being loaded. */
const entries = new Uint32Array(8);

/**
 * Loads the four PDPTEs that `cr3` points at. A present entry with reserved bits set raises #GP(0) and
 * leaves all four registers as they were.
 */
export function loadPdptes(c: SystemContext, cr3: number): boolean {
  const table = (cr3 & 0xffff_ffe0) >>> 0;
  const reservedHi = ~((1 << (c.cpuid.physicalBits - 32)) - 1);
  for (let i = 0; i < 4; i++) {
    if (!c.memory.readPhysical(table + 8 * i)) return false;
    const { lo, hi } = c.memory;
    if (lo & 1 && (lo & 0x1e6 || hi & reservedHi)) return failed(c, VECTOR.GP, 0);
    entries[2 * i] = lo;
    entries[2 * i + 1] = hi;
  }
  c.regs.u32.set(entries, STATE.PDPTE >> 2);
  return true;
}

/**
 * Puts a valid value into CR3 and drops the translations that this ends; false after #GP(0) for bad PDPTEs.
 * @param keep the translations of the PCID stay (bit 63 of the source of MOV to CR3)
 */
export function setCr3(c: SystemContext, cr3: number, keep = false): boolean {
  const r = c.regs;
  if (usesPdptes(c, r.cr0, r.cr4) && !loadPdptes(c, cr3)) return false;
  r.cr3 = cr3;
  c.memory.loadAddressSpace(keep);
  return true;
}
