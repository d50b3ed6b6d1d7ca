/**
 * The state-save area: what VMRUN and #VMEXIT switch, and what VMLOAD and VMSAVE move. AMD APM volume 2, "VMRUN
 * Instruction", "#VMEXIT".
 */
import { CR0, EFER, FLAG } from '../../arch/registers.ts';
import { VMCB, type VmcbField } from '../../arch/vmcb.ts';
import type { Registers } from '../registers.ts';
import { ACTIVITY, INTERRUPTIBILITY, STATE } from '../state.ts';
import { MSR_FIELD } from '../system/msr-fields.ts';
import { LOAD_SEGMENTS, loadSegments, RUN_SEGMENTS, saveSegments } from './segments.ts';
import type { Vmcb } from './vmcb.ts';

/** DR7 bits that are 1 whatever is loaded, and those that are 0; DR6's. */
const DR7_ONES = 1 << 10;
const DR7_ZEROS = 0xd800;
const DR6_ONES = 0xffff_0ff0;
const DR6_BITS = 0xe00f;

type Pairs = readonly (readonly [field: VmcbField, offset: number])[];

/** Fields whose place in the CPU block is a 64-bit slot, for guest and host. */
const RUN_PAIRS: Pairs = [
  [VMCB.CR3, STATE.CR3],
  [VMCB.GDTR_BASE, STATE.GDTR],
  [VMCB.IDTR_BASE, STATE.IDTR],
  [VMCB.RIP, STATE.RIP],
  [VMCB.RSP, STATE.GPR + 8 * 4],
  [VMCB.RAX, STATE.GPR],
];

const LOAD_PAIRS: Pairs = [
  [VMCB.STAR, MSR_FIELD.STAR],
  [VMCB.LSTAR, MSR_FIELD.LSTAR],
  [VMCB.CSTAR, MSR_FIELD.CSTAR],
  [VMCB.SFMASK, MSR_FIELD.FMASK],
  [VMCB.KERNEL_GS_BASE, MSR_FIELD.KERNEL_GS_BASE],
  [VMCB.SYSENTER_CS, MSR_FIELD.SYSENTER_CS],
  [VMCB.SYSENTER_ESP, MSR_FIELD.SYSENTER_ESP],
  [VMCB.SYSENTER_EIP, MSR_FIELD.SYSENTER_EIP],
];

function savePairs(r: Registers, vmcb: Vmcb, pairs: Pairs): void {
  for (const [field, offset] of pairs) vmcb.set(field, r.lo(offset), r.hi(offset));
}

function loadPairs(r: Registers, vmcb: Vmcb, pairs: Pairs): void {
  for (const [field, offset] of pairs) r.setPair(offset, vmcb.lo(field), vmcb.hi(field));
}

/** What guest and host have in common. */
function saveRunState(r: Registers, vmcb: Vmcb): void {
  savePairs(r, vmcb, RUN_PAIRS);
  saveSegments(r, vmcb, RUN_SEGMENTS);
  vmcb.set(VMCB.GDTR_LIMIT, r.lo(STATE.GDTR + 8));
  vmcb.set(VMCB.IDTR_LIMIT, r.lo(STATE.IDTR + 8));
  vmcb.set(VMCB.CR0, r.cr0);
  vmcb.set(VMCB.CR4, r.cr4);
  vmcb.set(VMCB.EFER, r.efer);
  vmcb.set(VMCB.RFLAGS, r.rflags);
}

function loadRunState(r: Registers, vmcb: Vmcb): void {
  loadPairs(r, vmcb, RUN_PAIRS);
  loadSegments(r, vmcb, RUN_SEGMENTS);
  r.setPair(STATE.GDTR + 8, vmcb.lo(VMCB.GDTR_LIMIT), 0);
  r.setPair(STATE.IDTR + 8, vmcb.lo(VMCB.IDTR_LIMIT), 0);
  r.cr0 = vmcb.lo(VMCB.CR0) | CR0.ET;
  r.cr4 = vmcb.lo(VMCB.CR4);
  const efer = vmcb.lo(VMCB.EFER);
  const isLong = (efer & EFER.LME) !== 0 && (r.cr0 & CR0.PG) !== 0;
  r.efer = isLong ? efer | EFER.LMA : efer & ~EFER.LMA;
  r.rflags = vmcb.lo(VMCB.RFLAGS);
  r.activity = ACTIVITY.ACTIVE;
  r.setPair(STATE.PENDING_DEBUG, 0, 0);
}

const INTERRUPT_SHADOW = INTERRUPTIBILITY.STI | INTERRUPTIBILITY.MOV_SS;

/** @param nested under nested paging the guest has a PAT of its own */
export function saveGuest(r: Registers, vmcb: Vmcb, nested: boolean): void {
  saveRunState(r, vmcb);
  vmcb.set(VMCB.CR2, r.lo(STATE.CR2), r.hi(STATE.CR2));
  vmcb.set(VMCB.DR6, r.lo(STATE.DR + 48));
  vmcb.set(VMCB.DR7, r.lo(STATE.DR + 56));
  vmcb.set(VMCB.CPL, r.cpl);
  vmcb.set(VMCB.INTERRUPT_SHADOW, r.interruptibility & INTERRUPT_SHADOW ? 1 : 0);
  if (nested) vmcb.set(VMCB.G_PAT, r.lo(MSR_FIELD.PAT), r.hi(MSR_FIELD.PAT));
}

export function loadGuest(r: Registers, vmcb: Vmcb, nested: boolean): void {
  loadRunState(r, vmcb);
  r.setPair(STATE.CR2, vmcb.lo(VMCB.CR2), vmcb.hi(VMCB.CR2));
  r.setDr(6, (vmcb.lo(VMCB.DR6) & DR6_BITS) | DR6_ONES, 0);
  r.setDr(7, (vmcb.lo(VMCB.DR7) & ~DR7_ZEROS) | DR7_ONES, 0);
  const isReal = (r.cr0 & CR0.PE) === 0;
  const isVm86 = !isReal && (r.systemFlags & FLAG.VM) !== 0;
  r.cpl = isReal ? 0 : isVm86 ? 3 : vmcb.lo(VMCB.CPL) & 3;
  const shadow = vmcb.lo(VMCB.INTERRUPT_SHADOW) & 1 ? INTERRUPTIBILITY.STI : 0;
  r.interruptibility = (r.interruptibility & INTERRUPTIBILITY.NMI) | shadow;
  r.i32[STATE.STI_BUDGET >> 2] = r.i32[STATE.BUDGET >> 2];
  if (nested) r.setPair(MSR_FIELD.PAT, vmcb.lo(VMCB.G_PAT), vmcb.hi(VMCB.G_PAT));
}

/** What #VMEXIT needs to go on behind VMRUN, in the host-save area. */
export function saveHost(r: Registers, area: Vmcb): void {
  saveRunState(r, area);
  area.set(VMCB.G_PAT, r.lo(MSR_FIELD.PAT), r.hi(MSR_FIELD.PAT));
}

/**
 * Breakpoints are off and CPL is 0 afterwards; CR2 and DR6 are as the guest left them.
 * @param nested the guest had a PAT of its own
 */
export function loadHost(r: Registers, area: Vmcb, nested: boolean): void {
  loadRunState(r, area);
  r.cr0 |= CR0.PE;
  r.systemFlags &= ~FLAG.VM;
  r.setDr(7, DR7_ONES, 0);
  r.cpl = 0;
  r.interruptibility &= INTERRUPTIBILITY.NMI;
  if (nested) r.setPair(MSR_FIELD.PAT, area.lo(VMCB.G_PAT), area.hi(VMCB.G_PAT));
}

/** VMSAVE. */
export function saveMore(r: Registers, vmcb: Vmcb): void {
  saveSegments(r, vmcb, LOAD_SEGMENTS);
  savePairs(r, vmcb, LOAD_PAIRS);
}

/** VMLOAD; derived fields are not recomputed. */
export function loadMore(r: Registers, vmcb: Vmcb): void {
  loadSegments(r, vmcb, LOAD_SEGMENTS);
  loadPairs(r, vmcb, LOAD_PAIRS);
}
