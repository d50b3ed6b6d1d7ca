/**
 * The guest-state area: loading it by VM entry, saving to it by VM exit. SDM volume 3C, "Loading Guest
 * State", "Saving Guest State".
 */
import { CR0, EFER, SEG } from '../../arch/registers.ts';
import { FIELD, FIELD_STEP } from '../../arch/vmcs.ts';
import { ENTRY_CONTROL, EXIT_CONTROL } from '../../arch/vmx.ts';
import type { Registers } from '../registers.ts';
import { SEGMENT, STATE } from '../state.ts';
import { MSR_FIELD } from '../system/msr-fields.ts';
import type { Vmcs } from './format.ts';

/** CR0 bits that VM entry and VM exit leave alone: ET, NW, CD and the reserved ones. */
const CR0_KEPT = ~(CR0.PE | CR0.MP | CR0.EM | CR0.TS | CR0.NE | CR0.WP | CR0.AM | CR0.PG);
const DPL = 3 << 5;
/** DR7 bits that are 1 whatever is loaded, and those that are 0. */
const DR7_ONES = 1 << 10;
const DR7_ZEROS = 0xd800;

export const keepCr0 = (value: number, present: number): number => (value & ~CR0_KEPT) | (present & CR0_KEPT);

/** Word index of a segment register's fields. */
const segmentWord = (n: number): number => (STATE.SEGMENTS + n * SEGMENT.SIZE) >> 2;
const SELECTOR = SEGMENT.SELECTOR >> 2;
const ATTRIBUTES = SEGMENT.ATTRIBUTES >> 2;
const LIMIT = SEGMENT.LIMIT >> 2;
const BASE = SEGMENT.BASE >> 2;

function saveSegments(r: Registers, vmcs: Vmcs): void {
  const { i32 } = r;
  for (let n = 0; n <= SEG.TR; n++) {
    const at = segmentWord(n);
    const step = n * FIELD_STEP;
    vmcs.set(FIELD.GUEST_ES_SELECTOR + step, i32[at + SELECTOR] & 0xffff);
    vmcs.set(FIELD.GUEST_ES_LIMIT + step, i32[at + LIMIT]);
    vmcs.set64(FIELD.GUEST_ES_BASE + step, i32[at + BASE], i32[at + BASE + 1]);
    const attributes = i32[at + ATTRIBUTES];
    // The DPL of SS is the CPL, also where the register itself does not say so.
    const rights = n === SEG.SS ? (attributes & ~DPL) | (r.cpl << 5) : attributes;
    vmcs.set(FIELD.GUEST_ES_ACCESS_RIGHTS + step, rights);
  }
}

function loadSegments(r: Registers, vmcs: Vmcs): void {
  const { i32 } = r;
  for (let n = 0; n <= SEG.TR; n++) {
    const at = segmentWord(n);
    const step = n * FIELD_STEP;
    i32[at + SELECTOR] = vmcs.lo(FIELD.GUEST_ES_SELECTOR + step) & 0xffff;
    i32[at + LIMIT] = vmcs.lo(FIELD.GUEST_ES_LIMIT + step);
    i32[at + BASE] = vmcs.lo(FIELD.GUEST_ES_BASE + step);
    i32[at + BASE + 1] = vmcs.hi(FIELD.GUEST_ES_BASE + step);
    const rights = vmcs.lo(FIELD.GUEST_ES_ACCESS_RIGHTS + step);
    i32[at + ATTRIBUTES] = rights;
  }
  r.cpl = (vmcs.lo(FIELD.GUEST_SS_ACCESS_RIGHTS) >> 5) & 3;
}

/** Fields whose place in the CPU block is a 64-bit slot and which move unconditionally. */
const PAIRS: readonly (readonly [field: number, offset: number])[] = [
  [FIELD.GUEST_CR3, STATE.CR3],
  [FIELD.GUEST_GDTR_BASE, STATE.GDTR],
  [FIELD.GUEST_IDTR_BASE, STATE.IDTR],
  [FIELD.GUEST_RSP, STATE.GPR + 8 * 4],
  [FIELD.GUEST_RIP, STATE.RIP],
  [FIELD.GUEST_SYSENTER_ESP, MSR_FIELD.SYSENTER_ESP],
  [FIELD.GUEST_SYSENTER_EIP, MSR_FIELD.SYSENTER_EIP],
];

/** Saves everything but RFLAGS, which depends on the exit. */
export function saveGuestState(r: Registers, vmcs: Vmcs): void {
  const exit = vmcs.lo(FIELD.VM_EXIT_CONTROLS);
  for (let i = 0; i < PAIRS.length; i++) {
    const [field, offset] = PAIRS[i];
    vmcs.set64(field, r.lo(offset), r.hi(offset));
  }
  vmcs.set64(FIELD.GUEST_CR0, r.cr0, 0);
  vmcs.set64(FIELD.GUEST_CR4, r.cr4, 0);
  vmcs.set(FIELD.GUEST_GDTR_LIMIT, r.lo(STATE.GDTR + 8));
  vmcs.set(FIELD.GUEST_IDTR_LIMIT, r.lo(STATE.IDTR + 8));
  vmcs.set(FIELD.GUEST_SYSENTER_CS, r.lo(MSR_FIELD.SYSENTER_CS));
  saveSegments(r, vmcs);
  if (exit & EXIT_CONTROL.SAVE_DEBUG) {
    vmcs.set64(FIELD.GUEST_DR7, r.lo(STATE.DR + 56), 0);
    vmcs.set64(FIELD.GUEST_IA32_DEBUGCTL, r.lo(MSR_FIELD.DEBUGCTL), 0);
  }
  if (exit & EXIT_CONTROL.SAVE_PAT) {
    vmcs.set64(FIELD.GUEST_IA32_PAT, r.lo(MSR_FIELD.PAT), r.hi(MSR_FIELD.PAT));
  }
  if (exit & EXIT_CONTROL.SAVE_EFER) vmcs.set64(FIELD.GUEST_IA32_EFER, r.efer, 0);
  const entry = vmcs.lo(FIELD.VM_ENTRY_CONTROLS);
  const long = r.efer & EFER.LMA ? ENTRY_CONTROL.IA32E_GUEST : 0;
  vmcs.set(FIELD.VM_ENTRY_CONTROLS, (entry & ~ENTRY_CONTROL.IA32E_GUEST) | long);
  vmcs.set(FIELD.GUEST_INTERRUPTIBILITY, r.interruptibility);
  vmcs.set(FIELD.GUEST_ACTIVITY_STATE, r.activity);
  vmcs.set64(FIELD.GUEST_PENDING_DEBUG, r.lo(STATE.PENDING_DEBUG) & PENDING_BITS, 0);
}

/** The PDPTE registers, of which the fields are copies under EPT only. */
export function savePdptes(r: Registers, vmcs: Vmcs): void {
  for (let i = 0; i < 4; i++) {
    const at = STATE.PDPTE + 8 * i;
    vmcs.set64(FIELD.GUEST_PDPTE0 + FIELD_STEP * i, r.lo(at), r.hi(at));
  }
}

export function loadPdpteFields(r: Registers, vmcs: Vmcs): void {
  for (let i = 0; i < 4; i++) {
    const field = FIELD.GUEST_PDPTE0 + FIELD_STEP * i;
    r.setPair(STATE.PDPTE + 8 * i, vmcs.lo(field), vmcs.hi(field));
  }
}

/** STATE.PENDING_DEBUG holds DR6 bits; B0-B3 and BS have the same places in the field. */
const PENDING_BITS = 0xf | (1 << 14);

/** Loads everything; derived fields are not recomputed, translations not dropped. */
export function loadGuestState(r: Registers, vmcs: Vmcs): void {
  const entry = vmcs.lo(FIELD.VM_ENTRY_CONTROLS);
  for (let i = 0; i < PAIRS.length; i++) {
    const [field, offset] = PAIRS[i];
    r.setPair(offset, vmcs.lo(field), vmcs.hi(field));
  }
  r.cr0 = keepCr0(vmcs.lo(FIELD.GUEST_CR0), r.cr0);
  r.cr4 = vmcs.lo(FIELD.GUEST_CR4);
  r.rflags = vmcs.lo(FIELD.GUEST_RFLAGS);
  r.setPair(STATE.GDTR + 8, vmcs.lo(FIELD.GUEST_GDTR_LIMIT), 0);
  r.setPair(STATE.IDTR + 8, vmcs.lo(FIELD.GUEST_IDTR_LIMIT), 0);
  r.setPair(MSR_FIELD.SYSENTER_CS, vmcs.lo(FIELD.GUEST_SYSENTER_CS), 0);
  loadSegments(r, vmcs);
  if (entry & ENTRY_CONTROL.LOAD_DEBUG) {
    r.setDr(7, (vmcs.lo(FIELD.GUEST_DR7) & ~DR7_ZEROS) | DR7_ONES, 0);
    r.setPair(MSR_FIELD.DEBUGCTL, vmcs.lo(FIELD.GUEST_IA32_DEBUGCTL), 0);
  }
  if (entry & ENTRY_CONTROL.LOAD_PAT) {
    r.setPair(MSR_FIELD.PAT, vmcs.lo(FIELD.GUEST_IA32_PAT), vmcs.hi(FIELD.GUEST_IA32_PAT));
  }
  r.efer = guestEfer(r, vmcs, entry);
  r.interruptibility = vmcs.lo(FIELD.GUEST_INTERRUPTIBILITY);
  r.i32[STATE.STI_BUDGET >> 2] = r.i32[STATE.BUDGET >> 2];
  r.activity = vmcs.lo(FIELD.GUEST_ACTIVITY_STATE);
  r.setPair(STATE.PENDING_DEBUG, vmcs.lo(FIELD.GUEST_PENDING_DEBUG) & PENDING_BITS, 0);
}

function guestEfer(r: Registers, vmcs: Vmcs, entry: number): number {
  if (entry & ENTRY_CONTROL.LOAD_EFER) return vmcs.lo(FIELD.GUEST_IA32_EFER);
  const long = (entry & ENTRY_CONTROL.IA32E_GUEST) !== 0;
  let efer = long ? r.efer | EFER.LMA : r.efer & ~EFER.LMA;
  if (r.cr0 & CR0.PG) efer = long ? efer | EFER.LME : efer & ~EFER.LME;
  return efer;
}
