/** Descriptor tables and register states of the protected-mode and IA-32e mode unit tests. */
import { CR0, CR4, EFER, GPR, SEG } from '../../arch/registers.ts';
import { STATE } from '../state.ts';
import { refresh } from './mode.ts';
import { TestProcessor } from './testing.ts';

export const GDT = 0x1000;
export const IDT = 0x2000;
export const TSS = 0x3000;
/** Top of the level 0 and level 3 stacks. */
export const STACK0 = 0x8000;
export const STACK3 = 0x9000;

/** Selectors of the test GDT. */
export const SELECTORS = {
  CODE0: 0x08,
  DATA0: 0x10,
  CODE3: 0x1b,
  DATA3: 0x23,
  TSS: 0x28,
  /** Second half of a 16-byte TSS descriptor. */
  CODE_CONFORMING: 0x38,
  CODE0_ABSENT: 0x40,
  DATA_READ_ONLY: 0x48,
  CODE_EXECUTE_ONLY: 0x50,
  DATA0_ABSENT: 0x58,
  LDT: 0x60,
  /** 16-bit code at level 0. */
  CODE16: 0x70,
  TSS_B: 0x78,
  CALL_GATE: 0x83,
  TASK_GATE: 0x8b,
} as const;

const SYSTEM = 0x80;
export const GDT_LIMIT = 0xff;

function putTables(p: TestProcessor, codeFlags: number): void {
  const s = SELECTORS;
  const put = (selector: number, access: number, flags: number, base = 0, limit = 0xf_ffff): void =>
    p.putDescriptor(GDT + (selector & ~7), { access, flags, base, limit });
  put(s.CODE0, 0x9b, codeFlags);
  put(s.DATA0, 0x93, 0xc);
  put(s.CODE3, 0xfb, codeFlags);
  put(s.DATA3, 0xf3, 0xc);
  put(s.TSS, SYSTEM | 0x0b, 0, TSS, 0x67);
  put(s.CODE_CONFORMING, 0x9f, codeFlags);
  put(s.CODE0_ABSENT, 0x1b, codeFlags);
  put(s.DATA_READ_ONLY, 0xf1, 0xc);
  put(s.CODE_EXECUTE_ONLY, 0xf9, codeFlags);
  put(s.DATA0_ABSENT, 0x13, 0xc);
  put(s.CODE16, 0x9b, 0, 0, 0xffff);
  p.regs.gdtr = { base: GDT, limit: GDT_LIMIT };
  p.regs.idtr = { base: IDT, limit: 0xfff };
  p.setSegment(SEG.TR, { selector: s.TSS, attributes: 0x8b, base: TSS, limit: 0x67 });
}

/** Registers of a program at level `cpl` with flat segments. */
export function enterLevel(p: TestProcessor, cpl: 0 | 3, codeAttributes: number): void {
  const r = p.regs;
  const s = SELECTORS;
  const dpl = cpl << 5;
  r.setSegment(SEG.CS, {
    selector: cpl === 0 ? s.CODE0 : s.CODE3,
    attributes: codeAttributes | dpl,
    limit: 0xffff_ffff,
    base: 0,
  });
  for (const n of [SEG.ES, SEG.SS, SEG.DS, SEG.FS, SEG.GS]) {
    const selector = cpl === 0 ? s.DATA0 : s.DATA3;
    r.setSegment(n, { selector, attributes: 0xc093 | dpl, limit: 0xffff_ffff, base: 0 });
  }
  r.cpl = cpl;
  r.setGpr32(GPR.RSP, cpl === 0 ? STACK0 - 0x100 : STACK3);
  r.rip = 0x5000;
  refresh(r);
}

/** 32-bit protected mode at level `cpl`; TSS with a level 0 stack. */
export function protectedMode(cpl: 0 | 3): TestProcessor {
  const p = new TestProcessor();
  p.regs.cr0 = CR0.PE | CR0.ET;
  putTables(p, 0xc);
  p.memory.putWords(TSS + 4, STACK0, SELECTORS.DATA0);
  enterLevel(p, cpl, 0xc09b);
  return p;
}

/** 64-bit mode at level `cpl`; TSS with RSP0 and IST1. */
export function longMode(cpl: 0 | 3): TestProcessor {
  const p = new TestProcessor();
  const r = p.regs;
  r.cr4 = CR4.PAE;
  r.cr0 = CR0.PE | CR0.PG | CR0.ET;
  r.efer = EFER.LME | EFER.LMA | EFER.SCE;
  putTables(p, 0xa);
  p.memory.putWords(TSS + 4, STACK0, 0);
  p.memory.putWords(TSS + 36, IST1, 0);
  enterLevel(p, cpl, 0xa09b);
  return p;
}

export const IST1 = 0xa008;

/** An IDT entry of protected mode. `access` includes P, DPL and type. */
export const putInterruptGate = (
  p: TestProcessor,
  vector: number,
  access = 0x8e,
  selector = 0x08,
  ip = 0x6000,
): void => p.putGate(IDT + 8 * vector, selector, ip, access);

/** An IDT entry of IA-32e mode. */
export function putLongGate(
  p: TestProcessor,
  vector: number,
  { access = 0x8e, selector = 0x08, ist = 0, upper = 0 } = {},
): void {
  p.putGate(IDT + 16 * vector, selector, 0x6000, access, ist);
  p.memory.putWords(IDT + 16 * vector + 8, upper, 0);
}

/** 64-bit words of memory as numbers. */
export const quads = (p: TestProcessor, at: number, count: number): number[] =>
  Array.from(
    { length: count },
    (_, i) => p.memory.get(at + 8 * i, 4) + p.memory.get(at + 8 * i + 4, 4) * 2 ** 32,
  );

export const dr6 = (p: TestProcessor): number => p.regs.lo(STATE.DR + 48);
