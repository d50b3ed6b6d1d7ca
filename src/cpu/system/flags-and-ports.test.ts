import { describe, expect, it } from 'vitest';
import { CR0, FLAG, GPR, SEG, VECTOR } from '../../arch/registers.ts';
import { ACTIVITY, INTERRUPTIBILITY, STATE, STATUS } from '../state.ts';
import { refresh } from './mode.ts';
import type { TestProcessor } from './testing.ts';
import { longMode, protectedMode, STACK3, TSS } from './testing-protected.ts';

const popf = (p: TestProcessor, value: number): number => {
  p.memory.putWords(p.regs.gpr(GPR.RSP), value, 0);
  return p.execute('popf', { length: 1 });
};

describe('PUSHF and POPF', () => {
  it('push RFLAGS without VM and RF', () => {
    const p = longMode(3);
    p.regs.rflags = FLAG.RF | FLAG.IF | FLAG.CF;
    expect(p.execute('pushf')).toBe(STATUS.NEXT);
    expect([p.regs.gpr(GPR.RSP), p.memory.get(STACK3 - 8, 4)]).toEqual([STACK3 - 8, 2 | FLAG.IF | FLAG.CF]);
  });

  it('change IF only when CPL <= IOPL and IOPL only at level 0', () => {
    const p = protectedMode(3);
    popf(p, FLAG.IF | FLAG.IOPL | FLAG.CF | FLAG.VM);
    expect(p.regs.rflags).toBe(2 | FLAG.CF);
    p.regs.rflags = FLAG.IOPL;
    popf(p, FLAG.IF);
    expect(p.regs.rflags).toBe(2 | FLAG.IOPL | FLAG.IF);
    const q = protectedMode(0);
    popf(q, FLAG.IF | FLAG.IOPL | FLAG.VM | FLAG.RF);
    expect(q.regs.rflags).toBe(2 | FLAG.IOPL | FLAG.IF);
  });

  it('leave the generated code when an interrupt becomes deliverable or TF is set', () => {
    const p = protectedMode(0);
    expect(popf(p, FLAG.IF)).toBe(STATUS.NEXT);
    expect(popf(p, 0)).toBe(STATUS.NEXT);
    p.interruptPending = true;
    expect(popf(p, FLAG.IF)).toBe(STATUS.EXIT);
    expect(p.regs.rip).toBe(0x5001);
    p.interruptPending = false;
    expect(popf(p, FLAG.TF)).toBe(STATUS.EXIT);
  });

  it('fault in virtual-8086 mode with IOPL < 3', () => {
    const p = protectedMode(3);
    p.regs.rflags = FLAG.VM;
    for (const name of ['pushf', 'popf', 'cli', 'sti', 'iret']) {
      expect(p.execute(name)).toBe(STATUS.FAULT);
      expect(p.fault).toEqual([VECTOR.GP, 0]);
    }
  });
});

describe('CLI and STI', () => {
  it('need CPL <= IOPL', () => {
    const p = protectedMode(3);
    expect([p.execute('cli'), p.execute('sti')]).toEqual([STATUS.FAULT, STATUS.FAULT]);
    p.regs.rflags = FLAG.IOPL;
    p.execute('sti');
    expect(p.regs.rflags).toBe(2 | FLAG.IOPL | FLAG.IF);
  });

  it('STI casts a shadow only when IF was 0', () => {
    const p = protectedMode(0);
    expect(p.execute('sti', { length: 1 })).toBe(STATUS.EXIT);
    expect([p.regs.interruptibility, p.regs.rip]).toEqual([INTERRUPTIBILITY.STI, 0x5001]);
    p.regs.interruptibility = 0;
    expect(p.execute('sti')).toBe(STATUS.NEXT);
    expect(p.regs.interruptibility).toBe(0);
  });

  it('HLT needs level 0 and waits behind itself', () => {
    const p = protectedMode(0);
    expect(p.execute('hlt', { length: 1 })).toBe(STATUS.EXIT);
    expect([p.regs.activity, p.regs.rip]).toEqual([ACTIVITY.HLT, 0x5001]);
    expect(protectedMode(3).execute('hlt')).toBe(STATUS.FAULT);
  });

  it('STAC needs level 0', () => {
    const p = longMode(0);
    expect(p.execute('stac')).toBe(STATUS.EXIT);
    expect(p.regs.rflags & FLAG.AC).toBe(FLAG.AC);
    const q = longMode(3);
    q.execute('stac');
    expect(q.fault).toEqual([VECTOR.UD, -1]);
  });
});

describe('ports', () => {
  it('IN writes AL, AX, EAX', () => {
    const p = longMode(0);
    p.regs.setGpr(GPR.RAX, 0xffff_ffff, 0xffff_ffff);
    p.regs.setGpr32(GPR.RDX, 0x3f8);
    p.execute('inByte');
    expect([p.regs.gprLo(GPR.RAX), p.regs.gprHi(GPR.RAX)]).toEqual([0xffff_ff5a, 0xffff_ffff]);
    p.execute('in', { operandSizePrefix: true });
    expect(p.regs.gprLo(GPR.RAX)).toBe(0xffff_5aa5);
    p.execute('inImmediate', { immediate: -1 });
    expect([p.regs.gprLo(GPR.RAX), p.regs.gprHi(GPR.RAX)]).toEqual([0x1234_5678, 0]);
    p.execute('outByte');
    expect(p.portLog).toEqual(['in 3f8 1', 'in 3f8 2', 'in ff 4', 'out 3f8 1 78']);
  });

  const withBitmap = (bits: number): TestProcessor => {
    const p = protectedMode(3);
    p.setSegment(SEG.TR, { limit: 0xff });
    p.memory.put(TSS + 102, 2, 0x70);
    p.memory.put(TSS + 0x70 + 8, 2, bits);
    p.regs.setGpr32(GPR.RDX, 0x46);
    return p;
  };

  it('ask the I/O permission bitmap when CPL > IOPL', () => {
    expect(withBitmap(0).execute('inByte')).toBe(STATUS.EXIT);
    expect(withBitmap(0x40).execute('inByte')).toBe(STATUS.FAULT);
    // Four ports from 46h on reach into the next byte.
    expect(withBitmap(0x100).execute('inByte')).toBe(STATUS.EXIT);
    expect(withBitmap(0x100).execute('in')).toBe(STATUS.FAULT);
    const p = withBitmap(0xffff);
    p.regs.rflags = FLAG.IOPL;
    expect(p.execute('in')).toBe(STATUS.EXIT);
  });

  it('refuse ports beyond the TSS limit and a TSS without bitmap', () => {
    const p = withBitmap(0);
    p.setSegment(SEG.TR, { limit: 0x78 });
    expect(p.execute('inByte')).toBe(STATUS.FAULT);
    p.setSegment(SEG.TR, { limit: 0x66 });
    expect(p.execute('inByte')).toBe(STATUS.FAULT);
    expect(p.fault).toEqual([VECTOR.GP, 0]);
  });

  it('REP INS repeats one element at a time and reads no port before a fault', () => {
    const p = protectedMode(0);
    const r = p.regs;
    r.setGpr32(GPR.RCX, 2);
    r.setGpr32(GPR.RDI, 0x4000);
    r.setGpr32(GPR.RDX, 0x1f0);
    const fields = { rep: 1, operandSizePrefix: true } as const;
    expect(p.execute('ins', fields)).toBe(STATUS.AGAIN);
    expect(p.execute('ins', fields)).toBe(STATUS.EXIT);
    expect([r.gpr(GPR.RCX), r.gpr(GPR.RDI), r.rip]).toEqual([0, 0x4004, 0x5002]);
    expect(p.memory.get(0x4000, 4)).toBe(0x5aa5_5aa5);
    r.setGpr32(GPR.RCX, 1);
    p.memory.absent.add(0x4000);
    expect(p.execute('ins', fields)).toBe(STATUS.FAULT);
    expect([p.portLog.length, r.gpr(GPR.RCX)]).toEqual([2, 1]);
    r.setGpr32(GPR.RCX, 0);
    expect(p.execute('ins', fields)).toBe(STATUS.NEXT);
  });

  it('OUTS goes downwards with DF', () => {
    const p = protectedMode(0);
    p.regs.rflags = FLAG.DF;
    p.regs.setGpr32(GPR.RSI, 0x4000);
    p.memory.put(0x4000, 4, 0xaabb_ccdd);
    expect(p.execute('outs')).toBe(STATUS.EXIT);
    expect([p.portLog, p.regs.gpr(GPR.RSI)]).toEqual([['out 0 4 aabbccdd'], 0x3ffc]);
  });

  it('hit I/O breakpoints as traps', () => {
    const p = protectedMode(0);
    p.regs.cr4 = 8;
    p.regs.setDr(0, 0x3f8, 0);
    p.regs.setDr(7, 0x2_0402 | (1 << 18), 0);
    p.regs.setGpr32(GPR.RDX, 0x3f9);
    p.execute('inByte');
    expect(p.regs.i32[STATE.PENDING_DEBUG >> 2]).toBe(1);
  });
});

describe('operands in memory', () => {
  const withLimits = (): TestProcessor => {
    const p = protectedMode(0);
    p.setSegment(SEG.FS, { limit: 0xfff, attributes: 0x4093, base: 0x4000 });
    p.setSegment(SEG.SS, { limit: 0xfff });
    refresh(p.regs);
    return p;
  };

  it('respect segment limits: #GP(0), or #SS(0) in the stack segment', () => {
    const p = withLimits();
    expect(p.execute('sgdt', { memory: 0xffa, segment: SEG.FS })).toBe(STATUS.NEXT);
    expect(p.execute('sgdt', { memory: 0xffb, segment: SEG.FS })).toBe(STATUS.FAULT);
    expect(p.fault).toEqual([VECTOR.GP, 0]);
    expect(p.execute('sgdt', { memory: 0xffb, segment: SEG.SS })).toBe(STATUS.FAULT);
    expect(p.fault).toEqual([VECTOR.SS, 0]);
    expect(p.execute('pushf')).toBe(STATUS.FAULT);
    expect(p.fault).toEqual([VECTOR.SS, 0]);
  });

  it('must be canonical in 64-bit mode', () => {
    const p = longMode(0);
    p.regs.setSegmentBase(SEG.FS, 0x7fff_ffff_f000);
    refresh(p.regs);
    const fields = { memory: 0xff8, segment: SEG.FS, addressSize: 64 } as const;
    expect(p.execute('sidt', fields)).toBe(STATUS.FAULT);
    expect(p.fault).toEqual([VECTOR.GP, 0]);
  });

  it('must be aligned at level 3 under CR0.AM and EFLAGS.AC', () => {
    const p = protectedMode(3);
    expect(p.execute('sgdt', { memory: 0x4001 })).toBe(STATUS.NEXT);
    p.regs.cr0 |= CR0.AM;
    p.regs.rflags = FLAG.AC;
    expect(p.execute('sgdt', { memory: 0x4001 })).toBe(STATUS.FAULT);
    expect(p.fault).toEqual([VECTOR.AC, 0]);
  });
});
