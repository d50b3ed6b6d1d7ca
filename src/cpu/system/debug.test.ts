import { describe, expect, it } from 'vitest';
import { FLAG, GPR } from '../../arch/registers.ts';
import { STATE, STATUS } from '../state.ts';
import { hasCodeBreakpoints, matchExecution, noteSingleStep, watchesData } from './debug.ts';
import { DR6 } from './debug-registers.ts';
import { MSR_FIELD } from './msr-fields.ts';
import type { TestProcessor } from './testing.ts';
import { longMode, protectedMode, putInterruptGate } from './testing-protected.ts';

/** Breakpoint `n` at `address`, enabled globally. `condition`: 0 execute, 1 write, 3 read/write; `length` as in DR7. */
function arm(p: TestProcessor, n: number, address: number, condition: number, length: number): void {
  p.regs.setDr(n, address, 0);
  p.regs.setDr(
    7,
    p.regs.lo(STATE.DR + 56) | (2 << (2 * n)) | ((condition | (length << 2)) << (16 + 4 * n)),
    0,
  );
}

const pending = (p: TestProcessor): number => p.regs.i32[STATE.PENDING_DEBUG >> 2];

describe('breakpoints', () => {
  it('on execution match the first byte only', () => {
    const p = protectedMode(0);
    expect(hasCodeBreakpoints(p.regs)).toBe(false);
    arm(p, 2, 0x5000, 0, 0);
    expect(hasCodeBreakpoints(p.regs)).toBe(true);
    expect([matchExecution(p.regs, 0x5000), matchExecution(p.regs, 0x5001)]).toEqual([4, 0]);
  });

  it('on data match overlapping accesses of their kind', () => {
    const p = protectedMode(0);
    arm(p, 0, 0x4004, 1, 3);
    arm(p, 1, 0x4001, 3, 0);
    const access = (at: number, bytes: number, write: boolean): number => {
      p.regs.i32[STATE.PENDING_DEBUG >> 2] = 0;
      expect(watchesData(p.regs, at, bytes, write)).toBe(true);
      return pending(p);
    };
    expect(access(0x4007, 2, true)).toBe(1);
    expect(access(0x4007, 2, false)).toBe(0);
    expect(access(0x4000, 8, true)).toBe(3);
    expect(access(0x4000, 2, false)).toBe(2);
    expect(access(0x4008, 1, true)).toBe(0);
    expect(watchesData(p.regs, 0x5004, 4, true)).toBe(false);
  });
});

describe('single step', () => {
  it('is due behind an instruction that began with TF = 1', () => {
    const p = protectedMode(0);
    noteSingleStep(p.regs);
    expect(pending(p)).toBe(DR6.BS);
  });

  it('is not due behind INT n', () => {
    const p = protectedMode(0);
    putInterruptGate(p, 0x80);
    p.regs.rflags = FLAG.TF;
    expect(p.execute('int', { immediate: 0x80 })).toBe(STATUS.EXIT);
    noteSingleStep(p.regs);
    expect([pending(p), p.regs.rflags & FLAG.TF]).toEqual([0, 0]);
  });

  it('is due behind SYSCALL unless IA32_FMASK masks TF', () => {
    for (const [mask, due] of [
      [0, DR6.BS],
      [FLAG.TF, 0],
    ]) {
      const p = longMode(3);
      p.regs.setPair(MSR_FIELD.FMASK, mask, 0);
      p.regs.rflags = FLAG.TF;
      expect(p.execute('syscall')).toBe(STATUS.EXIT);
      noteSingleStep(p.regs);
      expect(pending(p)).toBe(due);
      expect(p.regs.gprLo(GPR.R11) & FLAG.TF).toBe(FLAG.TF);
    }
  });
});
