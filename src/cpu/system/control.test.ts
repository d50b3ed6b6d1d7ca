import { describe, expect, it } from 'vitest';
import { CR0, CR4, EFER, FLAG, GPR, SEG, VECTOR } from '../../arch/registers.ts';
import { CODE_MODE } from '../../isa/modes.ts';
import { FPU_TRAP, STATE, STATUS } from '../state.ts';
import type { Interceptor } from './intercept.ts';
import { readMsr, writeMsr } from './msr.ts';
import { TestProcessor } from './testing.ts';
import { enterLevel, GDT, GDT_LIMIT, longMode, protectedMode, SELECTORS, TSS } from './testing-protected.ts';

const GP0: [number, number] = [VECTOR.GP, 0];

const moveTo = (p: TestProcessor, register: number, lo: number, hi = 0): number => {
  p.regs.setGpr(GPR.RAX, lo, hi);
  return p.execute('moveToControl', { reg: register, rm: GPR.RAX, length: 3 });
};

describe('control registers', () => {
  it('enter protected mode, PAE paging and IA-32e mode, and leave them', () => {
    const p = protectedMode(0);
    const r = p.regs;
    expect(moveTo(p, 4, CR4.PAE)).toBe(STATUS.EXIT);
    expect(writeMsr(p, 0xc000_0080, EFER.LME, 0)).toBe(true);
    expect(moveTo(p, 3, 0x4000)).toBe(STATUS.EXIT);
    expect(moveTo(p, 0, CR0.PE | CR0.PG)).toBe(STATUS.EXIT);
    expect(r.efer & EFER.LMA).toBe(EFER.LMA);
    expect([r.lo(STATE.CODE_MODE), r.rip]).toEqual([CODE_MODE.FLAT32, 0x5009]);
    expect(writeMsr(p, 0xc000_0080, 0, 0)).toBe(false);
    expect(moveTo(p, 4, 0)).toBe(STATUS.FAULT);
    expect(moveTo(p, 0, CR0.PE)).toBe(STATUS.EXIT);
    expect(r.efer & EFER.LMA).toBe(0);
    expect(p.memory.flushes).toEqual(['all', 'nonglobal', 'all', 'all']);
  });

  const refused: [string, number, number, number, (p: TestProcessor) => void][] = [
    ['PG without PE', 0, CR0.PG, 0, () => {}],
    ['NW without CD', 0, CR0.PE | CR0.NW, 0, () => {}],
    ['upper half of CR0', 0, CR0.PE, 1, (p) => enterLevel(p, 0, 0xa09b)],
    ['a CR4 bit that CPUID does not offer', 4, CR4.PCIDE, 0, () => {}],
    ['CR4.VME', 4, CR4.VME, 0, () => {}],
    ['LME without PAE', 0, CR0.PE | CR0.PG, 0, (p) => (p.regs.efer = EFER.LME)],
  ];
  for (const [what, register, lo, hi, prepare] of refused) {
    it(`refuse ${what}`, () => {
      const p = protectedMode(0);
      if (hi !== 0) p.regs.efer = EFER.LMA | EFER.LME;
      prepare(p);
      expect(moveTo(p, register, lo, hi)).toBe(STATUS.FAULT);
      expect(p.fault).toEqual(GP0);
      expect(p.regs.rip).toBe(0x5000);
    });
  }

  it('refuse 16 for CR8, CR1, and everything at level 3', () => {
    const p = longMode(0);
    expect(moveTo(p, 8, 15)).toBe(STATUS.EXIT);
    expect(p.interrupts.cr8).toBe(15);
    expect(moveTo(p, 8, 16)).toBe(STATUS.FAULT);
    moveTo(p, 1, 0);
    expect(p.fault).toEqual([VECTOR.UD, -1]);
    const q = longMode(3);
    moveTo(q, 3, 0);
    expect(q.fault).toEqual(GP0);
  });

  it('refuse CR3 bits beyond the physical address width', () => {
    const p = longMode(0);
    expect(moveTo(p, 3, 0x1000, 0xff)).toBe(STATUS.EXIT);
    expect(p.regs.cr3).toBe(0xff_0000_1000);
    expect(moveTo(p, 3, 0, 0x100)).toBe(STATUS.FAULT);
  });

  it('load the PDPTEs of PAE paging and refuse reserved bits in them', () => {
    const p = protectedMode(0);
    p.regs.cr4 = CR4.PAE;
    p.regs.cr0 |= CR0.PG;
    p.memory.putWords(0x4000, 0x1001, 0, 0x2001, 0, 0, 0xffff_ffff, 0x4001, 0);
    expect(moveTo(p, 3, 0x4000)).toBe(STATUS.EXIT);
    expect(p.regs.lo(STATE.PDPTE + 8)).toBe(0x2001);
    p.memory.put(0x4018, 4, 0x4003);
    expect(moveTo(p, 3, 0x4000)).toBe(STATUS.FAULT);
    expect(p.regs.lo(STATE.PDPTE + 24)).toBe(0x4001);
  });

  it('CLTS and LMSW: TS alone stays in the code, PE cannot be cleared', () => {
    const p = protectedMode(0);
    const r = p.regs;
    r.setGpr32(GPR.RAX, CR0.TS);
    expect(p.execute('lmsw', { rm: GPR.RAX })).toBe(STATUS.NEXT);
    expect([r.cr0, r.lo(STATE.FPU_TRAP) & FPU_TRAP.TS]).toEqual([CR0.PE | CR0.TS | CR0.ET, FPU_TRAP.TS]);
    expect(p.execute('clts')).toBe(STATUS.NEXT);
    expect([r.cr0, r.lo(STATE.FPU_TRAP) & FPU_TRAP.TS]).toEqual([CR0.PE | CR0.ET, 0]);
    expect(protectedMode(3).execute('clts')).toBe(STATUS.FAULT);
  });

  it('SMSW is free unless UMIP forbids it', () => {
    const p = protectedMode(3);
    expect(p.execute('smsw', { rm: GPR.RBX })).toBe(STATUS.NEXT);
    expect(p.regs.gpr(GPR.RBX)).toBe(CR0.PE | CR0.ET);
    p.regs.cr4 = CR4.UMIP;
    expect(p.execute('smsw', { rm: GPR.RBX })).toBe(STATUS.FAULT);
  });

  it('show the read shadow and keep host-owned bits under an interceptor', () => {
    const p = protectedMode(0);
    p.interceptor = {
      controlRegister: () => false,
      readShadow: (_: number, actual: number) => actual | CR0.AM,
      merge: (_: number, value: number, actual: number) => (value & ~CR0.NE) | (actual & CR0.NE),
    } as unknown as Interceptor;
    expect(moveTo(p, 0, CR0.PE | CR0.NE | CR0.WP)).toBe(STATUS.EXIT);
    expect(p.regs.cr0).toBe(CR0.PE | CR0.ET | CR0.WP);
    p.execute('moveFromControl', { reg: 0, rm: GPR.RBX });
    expect(p.regs.gprLo(GPR.RBX)).toBe(CR0.PE | CR0.ET | CR0.WP | CR0.AM);
  });
});

describe('debug registers', () => {
  const move = (p: TestProcessor, register: number, lo: number): number => {
    p.regs.setGpr32(GPR.RAX, lo);
    return p.execute('moveToDebug', { reg: register, rm: GPR.RAX });
  };

  it('fix the reserved bits of DR6 and DR7, with aliases while CR4.DE = 0', () => {
    const p = protectedMode(0);
    move(p, 6, 0);
    move(p, 5, 0xffff_ffff);
    expect([p.regs.lo(STATE.DR + 48), p.regs.lo(STATE.DR + 56)]).toEqual([0xffff_0ff0, 0xffff_27ff]);
    p.regs.setDr(7, 0x400, 0);
    p.regs.cr4 = CR4.DE;
    move(p, 5, 0);
    expect(p.fault).toEqual([VECTOR.UD, -1]);
  });

  it('raise #DB with BD when DR7.GD is set', () => {
    const p = protectedMode(0);
    p.regs.setDr(7, 0x2400, 0);
    expect(p.execute('moveFromDebug', { reg: 0, rm: 0 })).toBe(STATUS.FAULT);
    expect(p.fault).toEqual([VECTOR.DB, -1]);
    expect(p.regs.address(STATE.FAULT_ADDRESS)).toBe(0x2000);
  });
});

describe('descriptor table registers', () => {
  it('LGDT loads 24 bits of base with 16-bit operands, SGDT stores all', () => {
    const p = protectedMode(0);
    p.memory.putWords(0x4000, 0x5678_0fff, 0x1234);
    p.execute('lgdt', { memory: 0x4000, operandSizePrefix: true });
    expect(p.regs.gdtr).toEqual({ base: 0x34_5678, limit: 0xfff });
    p.execute('lgdt', { memory: 0x4000 });
    p.execute('sgdt', { memory: 0x4010 });
    expect([p.memory.get(0x4010, 2), p.memory.get(0x4012, 4)]).toEqual([0xfff, 0x1234_5678]);
  });

  it('LTR marks the TSS busy, also one with a 64-bit base', () => {
    const p = longMode(0);
    p.putDescriptor(GDT + SELECTORS.TSS, { access: 0x89, flags: 0, base: TSS, limit: 0x67 });
    p.memory.putWords(GDT + SELECTORS.TSS + 8, 0xffff_8000, 0);
    p.regs.setGpr32(GPR.RAX, SELECTORS.TSS);
    expect(p.execute('ltr', { rm: GPR.RAX })).toBe(STATUS.NEXT);
    expect(p.regs.segment(SEG.TR)).toEqual({
      selector: SELECTORS.TSS,
      attributes: 0x8b,
      limit: 0x67,
      base: TSS - 0x8000_0000_0000,
    });
    expect(p.execute('ltr', { rm: GPR.RAX })).toBe(STATUS.FAULT);
    expect(p.fault).toEqual([VECTOR.GP, SELECTORS.TSS]);
  });

  it('LLDT accepts null, refuses other types, and is undefined in real-address mode', () => {
    const p = protectedMode(0);
    p.putDescriptor(GDT + SELECTORS.LDT, { access: 0x82, flags: 0, base: 0x4000, limit: 0xf });
    p.regs.setGpr32(GPR.RAX, SELECTORS.LDT);
    expect(p.execute('lldt', { rm: GPR.RAX })).toBe(STATUS.NEXT);
    expect(p.regs.segmentBase(SEG.LDTR)).toBe(0x4000);
    p.regs.setGpr32(GPR.RAX, SELECTORS.TSS);
    p.execute('lldt', { rm: GPR.RAX });
    expect(p.fault).toEqual([VECTOR.GP, SELECTORS.TSS]);
    p.regs.setGpr32(GPR.RAX, 0);
    expect(p.execute('lldt', { rm: GPR.RAX })).toBe(STATUS.NEXT);
    const q = new TestProcessor();
    q.execute('lldt');
    expect(q.fault).toEqual([VECTOR.UD, -1]);
  });

  it('LAR, LSL, VERR and VERW answer in ZF', () => {
    const p = protectedMode(3);
    const ask = (name: string, selector: number): boolean => {
      p.regs.setGpr32(GPR.RAX, selector);
      expect(p.execute(name, { reg: GPR.RBX, rm: GPR.RAX })).toBe(STATUS.NEXT);
      return (p.regs.rflags & FLAG.ZF) !== 0;
    };
    expect([ask('lar', SELECTORS.DATA3), p.regs.gprLo(GPR.RBX)]).toEqual([true, 0x00c0_f300]);
    expect([ask('lsl', SELECTORS.DATA3), p.regs.gprLo(GPR.RBX)]).toEqual([true, 0xffff_ffff]);
    expect(ask('lar', SELECTORS.DATA0)).toBe(false);
    expect(ask('lar', SELECTORS.CODE_CONFORMING)).toBe(true);
    expect(ask('lar', GDT_LIMIT + 1)).toBe(false);
    expect([ask('verr', SELECTORS.CODE_EXECUTE_ONLY | 3), ask('verw', SELECTORS.DATA_READ_ONLY | 3)]).toEqual(
      [false, false],
    );
    expect([ask('verr', SELECTORS.DATA_READ_ONLY | 3), ask('verw', SELECTORS.DATA3)]).toEqual([true, true]);
  });

  it('ARPL raises the RPL', () => {
    const p = protectedMode(0);
    p.regs.setGpr32(GPR.RAX, 0x10);
    p.regs.setGpr32(GPR.RBX, 0x1b);
    p.execute('arpl', { rm: GPR.RAX, reg: GPR.RBX });
    expect([p.regs.gprLo(GPR.RAX), p.regs.rflags & FLAG.ZF]).toEqual([0x13, FLAG.ZF]);
  });
});

describe('MSRs', () => {
  const bad: [string, number, number, number][] = [
    ['an unknown MSR', 0x1234, 0, 0],
    ['a reserved EFER bit', 0xc000_0080, 1 << 12, 0],
    ['a non-canonical LSTAR', 0xc000_0082, 0, 0x8000],
    ['a non-canonical FS base', 0xc000_0100, 0, 0x8000],
    ['an unknown memory type in PAT', 0x277, 2, 0],
    ['a write to a read-only MSR', 0xfe, 0, 0],
    ['a write to IA32_MCG_CAP', 0x179, 0, 0],
    ['reserved bits of IA32_MCG_STATUS', 0x17a, 8, 0],
  ];
  for (const [what, index, lo, hi] of bad) {
    it(`refuse ${what}`, () => expect(writeMsr(longMode(0), index, lo, hi)).toBe(false));
  }

  it('keep what is written', () => {
    const p = longMode(0);
    for (const [index, lo, hi] of [
      [0xc000_0081, 1, 0x0023_0010],
      [0xc000_0082, 0x1234, 0xffff_ffff],
      [0xc000_0102, 0x1000, 0],
      [0x277, 0x0007_0106, 0x0407_0506],
      [0x200, 0x8000_0006, 0],
      [0x17a, 5, 0],
    ]) {
      expect(writeMsr(p, index, lo, hi)).toBe(true);
      expect(readMsr(p, index)).toEqual({ lo, hi });
    }
  });

  it('RDMSR and WRMSR need level 0', () => {
    const p = longMode(3);
    expect(p.execute('rdmsr')).toBe(STATUS.FAULT);
    expect(p.execute('wrmsr')).toBe(STATUS.FAULT);
  });

  it('a written TSC goes on counting', () => {
    const p = longMode(0);
    p.time = 1000;
    writeMsr(p, 0x10, 0xffff_ffff, 7);
    p.time = 1002;
    expect(readMsr(p, 0x10)).toEqual({ lo: 1, hi: 8 });
    writeMsr(p, 0x10, 10, 0);
    p.time = 1003;
    p.execute('rdtsc');
    expect([p.regs.gpr(GPR.RAX), p.regs.gpr(GPR.RDX)]).toEqual([11, 0]);
  });

  it('RDTSC obeys CR4.TSD and a TSC offset', () => {
    const p = longMode(3);
    p.regs.cr4 |= CR4.TSD;
    expect(p.execute('rdtsc')).toBe(STATUS.FAULT);
    const q = longMode(3);
    q.time = 5;
    q.interceptor = { instruction: () => false, tscOffset: () => -6 } as unknown as Interceptor;
    q.execute('rdtsc');
    expect([q.regs.gprLo(GPR.RAX), q.regs.gprLo(GPR.RDX)]).toEqual([0xffff_ffff, 0xffff_ffff]);
  });
});
