import { describe, expect, it } from 'vitest';
import { CR4, FLAG, GPR, SEG, VECTOR } from '../../arch/registers.ts';
import { ATTRIBUTE } from '../../arch/segments.ts';
import { CODE_MODE } from '../../isa/modes.ts';
import { INTERRUPTIBILITY, STATE, STATUS, TLB } from '../state.ts';
import { refresh } from './mode.ts';
import { MSR_FIELD } from './msr-fields.ts';
import { TestProcessor } from './testing.ts';
import { GDT, longMode, protectedMode, SELECTORS, STACK0 } from './testing-protected.ts';

const load = (p: TestProcessor, n: number, selector: number): number => {
  p.regs.setGpr32(GPR.RAX, selector);
  return p.execute('moveToSegment', { reg: n, rm: GPR.RAX });
};

const mode = (p: TestProcessor): number => p.regs.lo(STATE.CODE_MODE);

describe('MOV to a segment register', () => {
  it('shifts the selector in real-address mode and keeps limit and attributes', () => {
    const p = new TestProcessor();
    p.setSegment(SEG.DS, { limit: 0xffff_ffff, attributes: 0xc093 });
    expect(load(p, SEG.DS, 0x1234)).toBe(STATUS.NEXT);
    expect(p.regs.segment(SEG.DS)).toEqual({
      selector: 0x1234,
      attributes: 0xc093,
      limit: 0xffff_ffff,
      base: 0x12340,
    });
  });

  const refused: [string, number, number, 0 | 3, [number, number]][] = [
    ['CS as destination', SEG.CS, SELECTORS.DATA0, 0, [VECTOR.UD, -1]],
    ['register 6', 6, SELECTORS.DATA0, 0, [VECTOR.UD, -1]],
    ['a null SS', SEG.SS, 0, 0, [VECTOR.GP, 0]],
    ['an SS of another RPL', SEG.SS, SELECTORS.DATA0 | 3, 0, [VECTOR.GP, 0x10]],
    ['an SS of another level', SEG.SS, SELECTORS.DATA3, 0, [VECTOR.GP, 0x20]],
    ['a read-only SS', SEG.SS, SELECTORS.DATA_READ_ONLY | 3, 3, [VECTOR.GP, 0x48]],
    ['an absent SS', SEG.SS, SELECTORS.DATA0_ABSENT, 0, [VECTOR.SS, 0x58]],
    ['an absent DS', SEG.DS, SELECTORS.DATA0_ABSENT, 0, [VECTOR.NP, 0x58]],
    ['execute-only code', SEG.DS, SELECTORS.CODE_EXECUTE_ONLY, 0, [VECTOR.GP, 0x50]],
    ['data of a more privileged level', SEG.DS, SELECTORS.DATA0, 3, [VECTOR.GP, 0x10]],
    ['data of a more privileged level than RPL', SEG.ES, SELECTORS.DATA0 | 3, 0, [VECTOR.GP, 0x10]],
    ['a system segment', SEG.FS, SELECTORS.TSS, 0, [VECTOR.GP, 0x28]],
  ];
  for (const [what, n, selector, cpl, expected] of refused) {
    it(`refuses ${what}`, () => {
      const p = protectedMode(cpl);
      const before = p.regs.segment(n);
      expect(load(p, n, selector)).toBe(STATUS.FAULT);
      expect(p.fault).toEqual(expected);
      expect(p.regs.segment(n)).toEqual(before);
    });
  }

  it('accepts conforming code at any level and a null DS', () => {
    const p = protectedMode(3);
    expect(load(p, SEG.ES, SELECTORS.CODE_CONFORMING | 3)).toBe(STATUS.EXIT);
    expect(load(p, SEG.DS, 3)).toBe(STATUS.NEXT);
    expect(p.regs.attributes(SEG.DS)).toBe(ATTRIBUTE.UNUSABLE);
  });

  it('sets the accessed bit in memory', () => {
    const p = protectedMode(0);
    p.putDescriptor(GDT + SELECTORS.DATA0, { access: 0x92 });
    load(p, SEG.DS, SELECTORS.DATA0);
    expect(p.memory.get(GDT + SELECTORS.DATA0 + 5, 1)).toBe(0x93);
    expect(p.regs.attributes(SEG.DS)).toBe(0xc093);
  });

  it('blocks interrupts for one instruction after SS, and leaves the code of another mode', () => {
    const p = protectedMode(0);
    expect(mode(p)).toBe(CODE_MODE.FLAT32);
    p.putDescriptor(GDT + SELECTORS.DATA0, { access: 0x93, flags: 0, limit: 0xffff });
    expect(load(p, SEG.SS, SELECTORS.DATA0)).toBe(STATUS.EXIT);
    expect([mode(p), p.regs.rip]).toEqual([CODE_MODE.CS32_SS16, 0x5002]);
    expect(p.regs.interruptibility).toBe(INTERRUPTIBILITY.MOV_SS);
  });

  it('allows a null SS in 64-bit mode above level 3 and clears the base of a null GS', () => {
    const p = longMode(0);
    p.regs.setSegmentBase(SEG.GS, 0x1234);
    expect(load(p, SEG.SS, 0)).toBe(STATUS.EXIT);
    expect(load(p, SEG.GS, 0)).toBe(STATUS.NEXT);
    expect([p.regs.segmentBase(SEG.GS), p.regs.address(STATE.EFFECTIVE_BASE + 8 * SEG.GS)]).toEqual([0, 0]);
    expect(load(longMode(3), SEG.SS, 3)).toBe(STATUS.FAULT);
  });
});

describe('derived fields', () => {
  const range = (p: TestProcessor, n: number): number[] =>
    [0, 8, 16, 24].map((at) => p.regs.address(STATE.SEGMENT_RANGE + 32 * n + at));

  it('describe expand-down, read-only, execute-only and null segments', () => {
    const p = protectedMode(0);
    p.setSegment(SEG.DS, { attributes: 0x4097, limit: 0xfff });
    p.setSegment(SEG.ES, { attributes: 0xc091 });
    p.setSegment(SEG.FS, { attributes: 0xc099 });
    p.setSegment(SEG.GS, { attributes: ATTRIBUTE.UNUSABLE });
    refresh(p.regs);
    expect(range(p, SEG.DS)).toEqual([0x1000, 0xffff_ffff, 0x1000, 0xffff_ffff]);
    expect(range(p, SEG.ES)).toEqual([0, 0xffff_ffff, 1, 0]);
    expect(range(p, SEG.FS)).toEqual([1, 0, 1, 0]);
    expect(range(p, SEG.GS)).toEqual([1, 0, 1, 0]);
  });

  it('choose the code mode', () => {
    const p = protectedMode(0);
    const r = p.regs;
    const modeWith = (
      n: number,
      change: Partial<{ base: number; limit: number; attributes: number }>,
    ): number => {
      const before = r.segment(n);
      p.setSegment(n, change);
      refresh(r);
      const now = mode(p);
      r.setSegment(n, before);
      refresh(r);
      return now;
    };
    expect(modeWith(SEG.FS, { base: 0x1000 })).toBe(CODE_MODE.FLAT32);
    expect(modeWith(SEG.GS, { attributes: ATTRIBUTE.UNUSABLE })).toBe(CODE_MODE.FLAT32);
    expect(modeWith(SEG.DS, { base: 0x1000 })).toBe(CODE_MODE.CS32_SS32);
    expect(modeWith(SEG.DS, { attributes: 0xc091 })).toBe(CODE_MODE.CS32_SS32);
    expect(modeWith(SEG.CS, { limit: 0xffff_f000 })).toBe(CODE_MODE.CS32_SS32);
    expect(modeWith(SEG.CS, { attributes: 0x9b })).toBe(CODE_MODE.CS16_SS32);
    expect(mode(longMode(0))).toBe(CODE_MODE.LONG64);
    expect(mode(new TestProcessor())).toBe(CODE_MODE.CS16_SS16);
  });

  it('select the TLB bank by CPL, and by EFLAGS.AC under SMAP', () => {
    const p = longMode(0);
    const bank = (): number => (p.regs.lo(STATE.TLB_BANK) - p.regs.lo(STATE.TLB_SET)) / TLB.BANK_SIZE;
    expect(bank()).toBe(0);
    p.regs.rflags = FLAG.AC;
    refresh(p.regs);
    expect(bank()).toBe(0);
    p.regs.cr4 |= CR4.SMAP;
    refresh(p.regs);
    expect(bank()).toBe(2);
    p.regs.cpl = 3;
    refresh(p.regs);
    expect(bank()).toBe(1);
  });
});

describe('stack and pointer forms', () => {
  it('POP uses the operand size', () => {
    const p = protectedMode(0);
    p.memory.putWords(STACK0 - 0x100, SELECTORS.DATA0 | (SELECTORS.DATA0 << 16));
    expect(p.execute('popGs', { operandSizePrefix: true })).toBe(STATUS.NEXT);
    expect([p.regs.gpr(GPR.RSP), p.regs.selector(SEG.GS)]).toEqual([STACK0 - 0xfe, SELECTORS.DATA0]);
    p.regs.setGprNumber(GPR.RSP, STACK0 - 0x100);
    expect(p.execute('popEs')).toBe(STATUS.NEXT);
    expect([p.regs.gpr(GPR.RSP), p.regs.selector(SEG.ES)]).toEqual([STACK0 - 0xfc, SELECTORS.DATA0]);
  });

  it('a POP that faults leaves the stack pointer', () => {
    const p = protectedMode(0);
    p.memory.putWords(STACK0 - 0x100, SELECTORS.CODE_EXECUTE_ONLY);
    expect(p.execute('popDs')).toBe(STATUS.FAULT);
    expect(p.regs.gpr(GPR.RSP)).toBe(STACK0 - 0x100);
  });

  it('LSS and LFS load register and selector, or neither', () => {
    const p = protectedMode(0);
    p.memory.putWords(0x4000, 0x1234_5678, SELECTORS.DATA0);
    expect(p.execute('lss', { memory: 0x4000, reg: GPR.RSP })).toBe(STATUS.EXIT);
    expect([p.regs.gpr(GPR.RSP), p.regs.interruptibility]).toEqual([0x1234_5678, 0]);
    p.memory.putWords(0x4000, 1, SELECTORS.CODE_EXECUTE_ONLY);
    expect(p.execute('lfs', { memory: 0x4000, reg: GPR.RBX })).toBe(STATUS.FAULT);
    expect(p.regs.gpr(GPR.RBX)).toBe(0);
  });
});

describe('FS and GS bases', () => {
  it('SWAPGS exchanges with IA32_KERNEL_GS_BASE at level 0 only', () => {
    const p = longMode(0);
    p.regs.setSegmentBase(SEG.GS, 0x1111);
    p.regs.setAddress(MSR_FIELD.KERNEL_GS_BASE, -4096);
    expect(p.execute('swapgs')).toBe(STATUS.NEXT);
    expect([p.regs.segmentBase(SEG.GS), p.regs.address(MSR_FIELD.KERNEL_GS_BASE)]).toEqual([-4096, 0x1111]);
    expect(p.regs.address(STATE.EFFECTIVE_BASE + 8 * SEG.GS)).toBe(-4096);
    expect(longMode(3).execute('swapgs')).toBe(STATUS.FAULT);
  });

  it('WRFSBASE needs CR4.FSGSBASE and a canonical value', () => {
    const p = longMode(3);
    p.regs.setGpr(GPR.RAX, 0x1000, 0x7000);
    p.execute('wrfsbase', { rexW: true });
    expect(p.fault).toEqual([VECTOR.UD, -1]);
    p.regs.cr4 |= CR4.FSGSBASE;
    expect(p.execute('wrfsbase', { rexW: true })).toBe(STATUS.NEXT);
    expect(p.execute('rdfsbase', { rexW: true, rm: GPR.RBX })).toBe(STATUS.NEXT);
    expect([p.regs.gprLo(GPR.RBX), p.regs.gprHi(GPR.RBX)]).toEqual([0x1000, 0x7000]);
    p.regs.setGpr(GPR.RAX, 0, 0x8000);
    expect(p.execute('wrfsbase', { rexW: true })).toBe(STATUS.FAULT);
    expect(p.fault).toEqual([VECTOR.GP, 0]);
  });
});
