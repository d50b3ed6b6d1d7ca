import { describe, expect, it } from 'vitest';
import { EFER, FLAG, GPR, SEG, VECTOR } from '../../arch/registers.ts';
import { INTERRUPTIBILITY, STATUS } from '../state.ts';
import { refresh } from './mode.ts';
import { MSR_FIELD } from './msr-fields.ts';
import { type Fields, TestProcessor } from './testing.ts';
import {
  enterLevel,
  GDT,
  longMode,
  protectedMode,
  quads,
  SELECTORS,
  STACK0,
  STACK3,
  TSS,
} from './testing-protected.ts';

const farPointer = (selector: number, immediate = 0x6000): Fields => ({ selector, immediate, length: 7 });

/** A call gate to `selector`:6000h at level 3. */
const putCallGate = (p: TestProcessor, selector: number, count = 0, access = 0xec): void =>
  p.putGate(GDT + (SELECTORS.CALL_GATE & ~7), selector, 0x6000, access, count);

describe('far JMP and CALL', () => {
  it('load CS as in real-address mode', () => {
    const p = new TestProcessor();
    p.regs.setGpr32(GPR.RSP, 0x200);
    p.regs.rip = 0x10;
    expect(p.execute('farCallDirect', { selector: 0x1234, immediate: 0x56, length: 5 })).toBe(STATUS.EXIT);
    expect([p.regs.segmentBase(SEG.CS), p.regs.rip]).toEqual([0x12340, 0x56]);
    expect([p.memory.get(0x1fe, 2), p.memory.get(0x1fc, 2)]).toEqual([0, 0x15]);
  });

  it('push CS and the next instruction at the same level', () => {
    const p = protectedMode(0);
    expect(p.execute('farCallDirect', farPointer(SELECTORS.CODE0))).toBe(STATUS.EXIT);
    expect(p.memory.words(STACK0 - 0x108, 2)).toEqual([0x5007, SELECTORS.CODE0]);
    expect(p.regs.rip).toBe(0x6000);
  });

  it('enter a conforming segment without a change of level', () => {
    const p = protectedMode(3);
    expect(p.execute('farJumpDirect', farPointer(SELECTORS.CODE_CONFORMING))).toBe(STATUS.EXIT);
    expect([p.regs.cpl, p.regs.selector(SEG.CS)]).toEqual([3, SELECTORS.CODE_CONFORMING | 3]);
  });

  const refused: [string, number, [number, number]][] = [
    ['a null selector', 3, [VECTOR.GP, 0]],
    ['a selector beyond the table', 0x108, [VECTOR.GP, 0x108]],
    ['a selector of an absent LDT', 0xc, [VECTOR.GP, 0xc]],
    ['a data segment', SELECTORS.DATA3, [VECTOR.GP, 0x20]],
    ['a more privileged segment', SELECTORS.CODE0, [VECTOR.GP, 8]],
    ['a busy TSS', SELECTORS.TSS, [VECTOR.GP, 0x28]],
  ];
  for (const [what, selector, expected] of refused) {
    it(`refuse ${what}`, () => {
      const p = protectedMode(3);
      expect(p.execute('farJumpDirect', farPointer(selector))).toBe(STATUS.FAULT);
      expect(p.fault).toEqual(expected);
    });
  }

  it('refuse an absent segment and an offset beyond the limit', () => {
    const p = protectedMode(0);
    p.execute('farJumpDirect', farPointer(SELECTORS.CODE0_ABSENT));
    expect(p.fault).toEqual([VECTOR.NP, 0x40]);
    p.execute('farJumpDirect', farPointer(SELECTORS.CODE16, 0x1_0000));
    expect(p.fault).toEqual([VECTOR.GP, 0]);
  });

  it('copy parameters through a call gate to level 0; RET n goes back', () => {
    const p = protectedMode(3);
    const r = p.regs;
    putCallGate(p, SELECTORS.CODE0, 2);
    r.setGpr32(GPR.RSP, STACK3 - 8);
    p.memory.putWords(STACK3 - 8, 0x11, 0x22);
    expect(p.execute('farCallDirect', farPointer(SELECTORS.CALL_GATE, 0))).toBe(STATUS.EXIT);
    expect([r.cpl, r.rip, r.gpr(GPR.RSP)]).toEqual([0, 0x6000, STACK0 - 24]);
    const frame = [0x5007, SELECTORS.CODE3, 0x11, 0x22, STACK3 - 8, SELECTORS.DATA3];
    expect(p.memory.words(STACK0 - 24, 6)).toEqual(frame);
    r.setSegment(SEG.DS, { selector: SELECTORS.DATA0, attributes: 0xc093, limit: 0xffff_ffff, base: 0 });
    expect(p.execute('farReturnRelease', { immediate: 8 })).toBe(STATUS.EXIT);
    expect([r.cpl, r.rip, r.gpr(GPR.RSP)]).toEqual([3, 0x5007, STACK3]);
    expect([r.selector(SEG.SS), r.selector(SEG.DS), r.selector(SEG.ES)]).toEqual([0x23, 0, 0x23]);
  });

  it('refuse a call gate that the caller may not use, and JMP to a more privileged level', () => {
    const p = protectedMode(3);
    putCallGate(p, SELECTORS.CODE0, 0, 0x8c);
    p.execute('farCallDirect', farPointer(SELECTORS.CALL_GATE));
    expect(p.fault).toEqual([VECTOR.GP, SELECTORS.CALL_GATE & ~3]);
    putCallGate(p, SELECTORS.CODE0, 0, 0x6c);
    p.execute('farCallDirect', farPointer(SELECTORS.CALL_GATE));
    expect(p.fault).toEqual([VECTOR.NP, SELECTORS.CALL_GATE & ~3]);
    putCallGate(p, SELECTORS.CODE0);
    p.execute('farJumpDirect', farPointer(SELECTORS.CALL_GATE));
    expect(p.fault).toEqual([VECTOR.GP, SELECTORS.CODE0]);
  });

  it('use 16-byte gates and 8-byte pushes in IA-32e mode', () => {
    const p = longMode(3);
    putCallGate(p, SELECTORS.CODE0);
    p.memory.putWords(GDT + (SELECTORS.CALL_GATE & ~7) + 8, 0, 0);
    p.memory.putWords(0x4000, 0, SELECTORS.CALL_GATE);
    expect(p.execute('farCallIndirect', { memory: 0x4000, length: 3 })).toBe(STATUS.EXIT);
    expect([p.regs.cpl, p.regs.rip, p.regs.selector(SEG.SS)]).toEqual([0, 0x6000, 0]);
    expect(quads(p, STACK0 - 32, 4)).toEqual([0x5003, SELECTORS.CODE3, STACK3, SELECTORS.DATA3]);
  });

  it('refuse CS.L = CS.D = 1 and task gates in IA-32e mode', () => {
    const p = longMode(0);
    p.putDescriptor(GDT + 8, { access: 0x9b, flags: 0xe });
    p.memory.putWords(0x4000, 0x6000, 8);
    p.execute('farJumpIndirect', { memory: 0x4000 });
    expect(p.fault).toEqual([VECTOR.GP, 8]);
    p.putGate(GDT + (SELECTORS.TASK_GATE & ~7), SELECTORS.TSS, 0, 0xe5);
    p.memory.putWords(0x4000, 0x6000, SELECTORS.TASK_GATE);
    p.execute('farJumpIndirect', { memory: 0x4000 });
    expect(p.fault).toEqual([VECTOR.GP, SELECTORS.TASK_GATE & ~3]);
  });
});

describe('IRET', () => {
  const frame = (p: TestProcessor, ...values: number[]): void =>
    p.memory.putWords(p.regs.gpr(GPR.RSP), ...values);

  it('returns to level 3 and drops segments of level 0', () => {
    const p = protectedMode(0);
    p.regs.interruptibility = INTERRUPTIBILITY.NMI;
    frame(p, 0x7000, SELECTORS.CODE3, FLAG.IF | FLAG.ZF | FLAG.TF, 0x9990, SELECTORS.DATA3);
    expect(p.execute('iret')).toBe(STATUS.EXIT);
    expect([p.regs.cpl, p.regs.rip, p.regs.gpr(GPR.RSP)]).toEqual([3, 0x7000, 0x9990]);
    expect(p.regs.rflags).toBe(2 | FLAG.IF | FLAG.ZF | FLAG.TF);
    expect([SEG.DS, SEG.ES, SEG.FS, SEG.GS].map((n) => p.regs.selector(n))).toEqual([0, 0, 0, 0]);
    expect(p.regs.interruptibility).toBe(0);
  });

  it('keeps IF and IOPL at level 3', () => {
    const p = protectedMode(3);
    p.regs.rflags = FLAG.IF;
    frame(p, 0x7000, SELECTORS.CODE3, FLAG.IOPL | FLAG.CF);
    expect(p.execute('iret')).toBe(STATUS.EXIT);
    expect(p.regs.rflags).toBe(2 | FLAG.IF | FLAG.CF);
  });

  it('leaves the upper half of EFLAGS alone with 16-bit operands', () => {
    const p = protectedMode(0);
    p.regs.rflags = FLAG.AC | FLAG.ID;
    frame(p, (SELECTORS.CODE16 << 16) | 0x1234, FLAG.SF);
    expect(p.execute('iret', { operandSizePrefix: true })).toBe(STATUS.EXIT);
    expect(p.regs.rflags).toBe(2 | FLAG.AC | FLAG.ID | FLAG.SF);
    expect(p.regs.gpr(GPR.RSP)).toBe(STACK0 - 0x100 + 6);
  });

  const refused: [string, number[], [number, number]][] = [
    ['a null CS', [0x7000, 0, 2], [VECTOR.GP, 0]],
    ['a CS of higher privilege', [0x7000, SELECTORS.CODE0, 2], [VECTOR.GP, 8]],
    ['a data segment as CS', [0x7000, SELECTORS.DATA3, 2], [VECTOR.GP, 0x20]],
  ];
  for (const [what, values, expected] of refused) {
    it(`refuses ${what}`, () => {
      const p = protectedMode(3);
      frame(p, ...values);
      expect(p.execute('iret')).toBe(STATUS.FAULT);
      expect(p.fault).toEqual(expected);
      expect(p.regs.gpr(GPR.RSP)).toBe(STACK3);
    });
  }

  it('refuses a null SS for level 3 and one of the wrong level', () => {
    const p = protectedMode(0);
    frame(p, 0x7000, SELECTORS.CODE3, 2, 0x9990, 0);
    expect(p.execute('iret')).toBe(STATUS.FAULT);
    expect(p.fault).toEqual([VECTOR.GP, 0]);
    frame(p, 0x7000, SELECTORS.CODE3, 2, 0x9990, SELECTORS.DATA0);
    expect(p.execute('iret')).toBe(STATUS.FAULT);
    expect(p.fault).toEqual([VECTOR.GP, SELECTORS.DATA0]);
  });

  it('pops SS:RSP in 64-bit mode also at the same level, null SS allowed', () => {
    const p = longMode(0);
    frame(p, 0x7000, 0, SELECTORS.CODE0, 0, FLAG.IF, 0, 0x9990, 0xffff_8000, 0, 0);
    expect(p.execute('iret', { rexW: true })).toBe(STATUS.EXIT);
    expect([p.regs.rip, p.regs.selector(SEG.SS)]).toEqual([0x7000, 0]);
    expect([p.regs.gprLo(GPR.RSP), p.regs.gprHi(GPR.RSP)]).toEqual([0x9990, 0xffff_8000]);
  });

  it('returns from 64-bit to compatibility mode', () => {
    const p = longMode(0);
    p.putDescriptor(GDT + 0x30, { access: 0xfb, flags: 0xc });
    frame(p, 0x7000, 0, 0x33, 0, 2, 0, 0x9990, 0, SELECTORS.DATA3, 0);
    expect(p.execute('iret', { rexW: true })).toBe(STATUS.EXIT);
    expect([p.regs.cpl, p.regs.rip]).toEqual([3, 0x7000]);
    expect(p.regs.segment(SEG.SS).selector).toBe(SELECTORS.DATA3);
  });

  it('raises #GP(0) with NT = 1 or a non-canonical RIP in IA-32e mode', () => {
    const p = longMode(0);
    p.regs.rflags = FLAG.NT;
    expect(p.execute('iret', { rexW: true })).toBe(STATUS.FAULT);
    expect(p.fault).toEqual([VECTOR.GP, 0]);
    p.regs.rflags = 0;
    frame(p, 0, 0x8000, SELECTORS.CODE0, 0, 2, 0, 0x9990, 0, 0, 0);
    expect(p.execute('iret', { rexW: true })).toBe(STATUS.FAULT);
    expect(p.fault).toEqual([VECTOR.GP, 0]);
  });
});

describe('fast system calls', () => {
  const STAR_SYSCALL = 0x08;
  const STAR_SYSRET = 0x30;

  it('SYSCALL saves RIP and RFLAGS and masks them; SYSRET goes back', () => {
    const p = longMode(3);
    const r = p.regs;
    r.setPair(MSR_FIELD.STAR, 0, (STAR_SYSRET << 16) | STAR_SYSCALL);
    r.setAddress(MSR_FIELD.LSTAR, -0x7f00_0000_0000);
    r.setPair(MSR_FIELD.FMASK, FLAG.IF | FLAG.TF, 0);
    r.rflags = FLAG.IF | FLAG.CF;
    expect(p.execute('syscall')).toBe(STATUS.EXIT);
    expect([r.cpl, r.rip, r.gpr(GPR.RCX), r.gpr(GPR.R11)]).toEqual([
      0,
      -0x7f00_0000_0000,
      0x5002,
      2 | FLAG.IF | FLAG.CF,
    ]);
    expect([r.selector(SEG.CS), r.selector(SEG.SS), r.rflags]).toEqual([8, 0x10, 2 | FLAG.CF]);
    expect(p.execute('sysret', { rexW: true })).toBe(STATUS.EXIT);
    expect([r.cpl, r.rip, r.rflags]).toEqual([3, 0x5002, 2 | FLAG.IF | FLAG.CF]);
    expect([r.selector(SEG.CS), r.selector(SEG.SS)]).toEqual([STAR_SYSRET + 16 + 3, STAR_SYSRET + 8 + 3]);
  });

  it('SYSRET refuses a non-canonical RCX at level 0', () => {
    const p = longMode(0);
    p.regs.setGpr(GPR.RCX, 0, 0x8000);
    expect(p.execute('sysret', { rexW: true })).toBe(STATUS.FAULT);
    expect([p.fault, p.regs.cpl]).toEqual([[VECTOR.GP, 0], 0]);
  });

  it('SYSCALL is undefined without EFER.SCE and outside 64-bit mode', () => {
    const p = longMode(3);
    p.regs.efer &= ~EFER.SCE;
    p.execute('syscall');
    expect(p.fault).toEqual([VECTOR.UD, -1]);
    const q = protectedMode(3);
    q.execute('syscall');
    expect(q.fault).toEqual([VECTOR.UD, -1]);
  });

  it('SYSENTER and SYSEXIT use flat segments around SYSENTER_CS', () => {
    const p = protectedMode(3);
    const r = p.regs;
    p.execute('sysenter');
    expect(p.fault).toEqual([VECTOR.GP, 0]);
    r.setPair(MSR_FIELD.SYSENTER_CS, 8, 0);
    r.setPair(MSR_FIELD.SYSENTER_ESP, STACK0, 0);
    r.setPair(MSR_FIELD.SYSENTER_EIP, 0x6000, 0);
    r.rflags = FLAG.IF;
    expect(p.execute('sysenter')).toBe(STATUS.EXIT);
    expect([r.cpl, r.rip, r.gpr(GPR.RSP), r.selector(SEG.CS), r.selector(SEG.SS), r.rflags]).toEqual([
      0,
      0x6000,
      STACK0,
      8,
      0x10,
      2,
    ]);
    r.setGpr32(GPR.RDX, 0x5002);
    r.setGpr32(GPR.RCX, STACK3);
    expect(p.execute('sysexit')).toBe(STATUS.EXIT);
    expect([r.cpl, r.rip, r.gpr(GPR.RSP), r.selector(SEG.CS), r.selector(SEG.SS)]).toEqual([
      3,
      0x5002,
      STACK3,
      0x1b,
      0x23,
    ]);
  });
});

describe('a switch to virtual-8086 mode', () => {
  it('needs level 0: VM in the popped EFLAGS is ignored at level 3', () => {
    const p = protectedMode(3);
    p.memory.putWords(STACK3, 0x7000, SELECTORS.CODE3, FLAG.VM);
    expect(p.execute('iret')).toBe(STATUS.EXIT);
    expect(p.regs.rflags & FLAG.VM).toBe(0);
    enterLevel(p, 3, 0xc09b);
    refresh(p.regs);
  });

  it('leaves the TSS alone', () => {
    const p = protectedMode(0);
    p.memory.putWords(p.regs.gpr(GPR.RSP), 0x10, 0x100, FLAG.VM, 0x20, 0x200, 0x300, 0x400, 0x500, 0x600);
    const before = p.memory.words(TSS, 26);
    expect(p.execute('iret')).toBe(STATUS.EXIT);
    expect(p.memory.words(TSS, 26)).toEqual(before);
    expect([SEG.ES, SEG.CS, SEG.SS, SEG.DS, SEG.FS, SEG.GS].map((n) => p.regs.selector(n))).toEqual([
      0x300, 0x100, 0x200, 0x400, 0x500, 0x600,
    ]);
  });
});
