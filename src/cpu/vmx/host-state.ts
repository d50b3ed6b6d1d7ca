/** Loading the host state by VM exit. SDM volume 3C, "Loading Host State". */
import { EFER, SEG } from '../../arch/registers.ts';
import { ATTRIBUTE, SYSTEM_TYPE } from '../../arch/segments.ts';
import { FIELD, FIELD_STEP } from '../../arch/vmcs.ts';
import { ACTIVITY, EXIT_CONTROL } from '../../arch/vmx.ts';
import type { Registers } from '../registers.ts';
import { SEGMENT, STATE } from '../state.ts';
import { MSR_FIELD } from '../system/msr-fields.ts';
import type { Vmcs } from './format.ts';
import { keepCr0 } from './guest-state.ts';

const CODE =
  ATTRIBUTE.P | ATTRIBUTE.S | ATTRIBUTE.CODE | ATTRIBUTE.READABLE | ATTRIBUTE.ACCESSED | ATTRIBUTE.G;
const DATA = ATTRIBUTE.P | ATTRIBUTE.S | ATTRIBUTE.WRITABLE | ATTRIBUTE.ACCESSED | ATTRIBUTE.G | ATTRIBUTE.DB;
const TSS = ATTRIBUTE.P | SYSTEM_TYPE.TSS32_BUSY;
const TSS_LIMIT = 0x67;
const TABLE_LIMIT = 0xffff;
const DR7_RESET = 0x400;

function setSegment(
  r: Registers,
  n: number,
  selector: number,
  attributes: number,
  limit: number,
  lo: number,
  hi: number,
): void {
  const at = STATE.SEGMENTS + n * SEGMENT.SIZE;
  r.setPair(at + SEGMENT.SELECTOR, selector, attributes);
  r.setPair(at + SEGMENT.LIMIT, limit, 0);
  r.setPair(at + SEGMENT.BASE, lo, hi);
}

function loadSegments(r: Registers, vmcs: Vmcs, host64: boolean): void {
  const selector = (n: number): number => vmcs.lo(FIELD.HOST_ES_SELECTOR + n * FIELD_STEP) & 0xffff;
  const code = host64 ? CODE | ATTRIBUTE.L : CODE | ATTRIBUTE.DB;
  setSegment(r, SEG.CS, selector(SEG.CS), code, 0xffff_ffff, 0, 0);
  for (const n of [SEG.ES, SEG.SS, SEG.DS, SEG.FS, SEG.GS]) {
    const s = selector(n);
    const base = n === SEG.FS ? FIELD.HOST_FS_BASE : n === SEG.GS ? FIELD.HOST_GS_BASE : 0;
    const [lo, hi] = base === 0 ? [0, 0] : [vmcs.lo(base), vmcs.hi(base)];
    setSegment(r, n, s, s === 0 ? DATA | ATTRIBUTE.UNUSABLE : DATA, 0xffff_ffff, lo, hi);
  }
  setSegment(r, SEG.LDTR, 0, ATTRIBUTE.UNUSABLE, 0, 0, 0);
  // TR follows GS at HOST_TR_SELECTOR: the host has no LDTR selector.
  const tr = vmcs.lo(FIELD.HOST_TR_SELECTOR) & 0xffff;
  setSegment(r, SEG.TR, tr, TSS, TSS_LIMIT, vmcs.lo(FIELD.HOST_TR_BASE), vmcs.hi(FIELD.HOST_TR_BASE));
  r.cpl = 0;
}

/** Fields that move unconditionally to a 64-bit slot of the CPU block. */
const PAIRS: readonly (readonly [field: number, offset: number])[] = [
  [FIELD.HOST_CR3, STATE.CR3],
  [FIELD.HOST_GDTR_BASE, STATE.GDTR],
  [FIELD.HOST_IDTR_BASE, STATE.IDTR],
  [FIELD.HOST_RSP, STATE.GPR + 8 * 4],
  [FIELD.HOST_RIP, STATE.RIP],
  [FIELD.HOST_SYSENTER_ESP, MSR_FIELD.SYSENTER_ESP],
  [FIELD.HOST_SYSENTER_EIP, MSR_FIELD.SYSENTER_EIP],
];

/** Loads everything; derived fields are not recomputed, translations not dropped. */
export function loadHostState(r: Registers, vmcs: Vmcs): void {
  const exit = vmcs.lo(FIELD.VM_EXIT_CONTROLS);
  const host64 = (exit & EXIT_CONTROL.HOST_64) !== 0;
  r.cr0 = keepCr0(vmcs.lo(FIELD.HOST_CR0), r.cr0);
  r.cr4 = vmcs.lo(FIELD.HOST_CR4);
  for (let i = 0; i < PAIRS.length; i++) {
    const [field, offset] = PAIRS[i];
    r.setPair(offset, vmcs.lo(field), vmcs.hi(field));
  }
  r.setPair(STATE.GDTR + 8, TABLE_LIMIT, 0);
  r.setPair(STATE.IDTR + 8, TABLE_LIMIT, 0);
  r.setPair(MSR_FIELD.SYSENTER_CS, vmcs.lo(FIELD.HOST_SYSENTER_CS), 0);
  r.setDr(7, DR7_RESET, 0);
  r.setPair(MSR_FIELD.DEBUGCTL, 0, 0);
  const long = EFER.LMA | EFER.LME;
  if (exit & EXIT_CONTROL.LOAD_EFER) r.efer = vmcs.lo(FIELD.HOST_IA32_EFER);
  else r.efer = host64 ? r.efer | long : r.efer & ~long;
  if (exit & EXIT_CONTROL.LOAD_PAT) {
    r.setPair(MSR_FIELD.PAT, vmcs.lo(FIELD.HOST_IA32_PAT), vmcs.hi(FIELD.HOST_IA32_PAT));
  }
  loadSegments(r, vmcs, host64);
  r.rflags = 2;
  r.activity = ACTIVITY.ACTIVE;
  r.interruptibility &= 8;
  r.setPair(STATE.PENDING_DEBUG, 0, 0);
}
