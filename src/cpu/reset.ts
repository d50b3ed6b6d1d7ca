/** Processor state after RESET and INIT. SDM volume 3A, "Processor State After Reset". */
import { type CpuidConfig, cpuSignature } from '../arch/cpuid.ts';
import { MISC_ENABLE_RESET, PAT_RESET } from '../arch/msr.ts';
import { CR0, SEG } from '../arch/registers.ts';
import { ATTRIBUTE } from '../arch/segments.ts';
import type { Registers } from './registers.ts';
import { ACTIVITY, STATE } from './state.ts';
import { MSR_FIELD } from './system/msr-fields.ts';

const REAL_DATA = ATTRIBUTE.S | ATTRIBUTE.WRITABLE | ATTRIBUTE.ACCESSED | ATTRIBUTE.P;
/** LDT and busy 32-bit TSS types of the system registers. */
const LDT_ATTRIBUTES = 0x2 | ATTRIBUTE.P;
const TSS_ATTRIBUTES = 0xb | ATTRIBUTE.P;

/** Architectural fields, which reset clears: from, and the byte behind. Between them: the page walker's. */
const CLEARED = [
  [0, STATE.TLB_SET],
  [STATE.CR0, 0x1000],
] as const;

export function resetRegisters(r: Registers, cpuid: CpuidConfig): void {
  for (const [from, to] of CLEARED) r.u8.fill(0, from, to);
  r.rflags = 0;
  r.rip = 0xfff0;
  r.cr0 = CR0.ET | CR0.NW | CR0.CD;
  // EDX identifies the processor; no built-in self-test ran (EAX = 0).
  r.setGpr32(2, cpuSignature(cpuid));
  for (let n = SEG.ES; n <= SEG.GS; n++) {
    r.setSegment(n, { selector: 0, attributes: REAL_DATA, limit: 0xffff, base: 0 });
  }
  r.setSegment(SEG.CS, {
    selector: 0xf000,
    attributes: REAL_DATA | ATTRIBUTE.CODE,
    limit: 0xffff,
    base: 0xffff0000,
  });
  r.setSegment(SEG.LDTR, { selector: 0, attributes: LDT_ATTRIBUTES, limit: 0xffff, base: 0 });
  r.setSegment(SEG.TR, { selector: 0, attributes: TSS_ATTRIBUTES, limit: 0xffff, base: 0 });
  r.gdtr = { base: 0, limit: 0xffff };
  r.idtr = { base: 0, limit: 0xffff };
  r.setDr(6, 0xffff0ff0, 0);
  r.setDr(7, 0x400, 0);
  r.u16[STATE.FCW >> 1] = 0x40;
  r.i32[STATE.FTAG >> 2] = 0xff;
  r.u32[STATE.MXCSR >> 2] = 0x1f80;
  r.setPair(MSR_FIELD.PAT, PAT_RESET, PAT_RESET);
  r.setPair(MSR_FIELD.MISC_ENABLE, MISC_ENABLE_RESET, 0);
  r.activity = ACTIVITY.ACTIVE;
}

/** What INIT leaves as it is: x87, MMX and SSE state, and the MSRs; and of CR0 the cache bits. */
const KEPT_BY_INIT = [
  [STATE.XMM, STATE.SEGMENTS],
  [STATE.MSR, 0x1000],
] as const;

export function initRegisters(r: Registers, cpuid: CpuidConfig): void {
  const kept = KEPT_BY_INIT.map(([from, to]) => r.u8.slice(from, to));
  const cacheBits = r.cr0 & (CR0.NW | CR0.CD);
  resetRegisters(r, cpuid);
  for (const [i, [from]] of KEPT_BY_INIT.entries()) r.u8.set(kept[i], from);
  r.cr0 = (r.cr0 & ~(CR0.NW | CR0.CD)) | cacheBits;
}
