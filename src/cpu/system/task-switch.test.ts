import { describe, expect, it } from 'vitest';
import { CR0, FLAG, GPR, SEG, VECTOR } from '../../arch/registers.ts';
import { STATE, STATUS } from '../state.ts';
import { DR6 } from './debug-registers.ts';
import { deliverEvent } from './deliver.ts';
import { EVENT_TYPE } from './event.ts';
import type { TestProcessor } from './testing.ts';
import { GDT, IDT, protectedMode, putInterruptGate, SELECTORS, STACK0, TSS } from './testing-protected.ts';

const TSS_B = 0xb000;
const STACK_B = 0xc000;
const BUSY = 0x200;

interface Task {
  readonly cs?: number;
  readonly ss?: number;
  readonly ds?: number;
  readonly ldt?: number;
  readonly eflags?: number;
  readonly trap?: boolean;
}

/** A second 32-bit task at level 0 behind SELECTORS.TSS_B, and a task gate for everyone to it. */
function withTask(task: Task = {}): TestProcessor {
  const p = protectedMode(0);
  const { cs = SELECTORS.CODE0, ss = SELECTORS.DATA0, ds = SELECTORS.DATA0, ldt = 0, eflags = 2 } = task;
  p.putDescriptor(GDT + SELECTORS.TSS_B, { access: 0x89, flags: 0, base: TSS_B, limit: 0x67 });
  p.putGate(GDT + (SELECTORS.TASK_GATE & ~7), SELECTORS.TSS_B, 0, 0xe5);
  p.memory.putWords(TSS_B + 32, 0x7000, eflags, 0xa, 0xc, 0xd, 0xb, STACK_B, 0xbb, 0x51, 0xd1);
  p.memory.putWords(TSS_B + 72, SELECTORS.DATA0, cs, ss, ds, 0, SELECTORS.DATA0, ldt, task.trap ? 1 : 0);
  return p;
}

const isBusy = (p: TestProcessor, selector: number): boolean =>
  (p.memory.get(GDT + selector + 4, 4) & BUSY) !== 0;

const jump = (p: TestProcessor): number =>
  p.execute('farJumpDirect', { selector: SELECTORS.TSS_B, length: 7 });
const call = (p: TestProcessor): number =>
  p.execute('farCallDirect', { selector: SELECTORS.TSS_B, length: 7 });

describe('task switch', () => {
  it('by JMP saves the old task and loads the new one', () => {
    const p = withTask();
    const r = p.regs;
    for (let n: number = GPR.RAX; n <= GPR.RDI; n++) if (n !== GPR.RSP) r.setGpr32(n, 0x100 + n);
    r.rflags = FLAG.CF;
    expect(jump(p)).toBe(STATUS.EXIT);
    expect(p.memory.words(TSS + 32, 10)).toEqual([
      0x5007,
      3,
      0x100,
      0x101,
      0x102,
      0x103,
      STACK0 - 0x100,
      0x105,
      0x106,
      0x107,
    ]);
    expect(p.memory.get(TSS + 76, 2)).toBe(SELECTORS.CODE0);
    expect([0, 1, 2, 3, 4, 5, 6, 7].map((n) => r.gpr(n))).toEqual([
      0xa,
      0xc,
      0xd,
      0xb,
      STACK_B,
      0xbb,
      0x51,
      0xd1,
    ]);
    expect([r.rip, r.rflags, r.selector(SEG.TR), r.segmentBase(SEG.TR)]).toEqual([
      0x7000,
      2,
      SELECTORS.TSS_B,
      TSS_B,
    ]);
    expect([isBusy(p, SELECTORS.TSS), isBusy(p, SELECTORS.TSS_B)]).toEqual([false, true]);
    expect(r.cr0 & CR0.TS).toBe(CR0.TS);
    expect(r.selector(SEG.FS)).toBe(0);
  });

  it('by CALL nests, and IRET returns', () => {
    const p = withTask();
    const r = p.regs;
    expect(call(p)).toBe(STATUS.EXIT);
    expect(r.rflags & FLAG.NT).toBe(FLAG.NT);
    expect(p.memory.get(TSS_B, 2)).toBe(SELECTORS.TSS);
    expect([isBusy(p, SELECTORS.TSS), isBusy(p, SELECTORS.TSS_B)]).toEqual([true, true]);
    r.rip = 0x7010;
    expect(p.execute('iret', { length: 1 })).toBe(STATUS.EXIT);
    expect([r.rip, r.selector(SEG.TR), r.gpr(GPR.RSP)]).toEqual([0x5007, SELECTORS.TSS, STACK0 - 0x100]);
    expect([isBusy(p, SELECTORS.TSS), isBusy(p, SELECTORS.TSS_B)]).toEqual([true, false]);
    // The nested task will continue behind its IRET, without NT.
    expect([p.memory.get(TSS_B + 32, 4), p.memory.get(TSS_B + 36, 4) & FLAG.NT]).toEqual([0x7011, 0]);
  });

  it('by a task gate in the IDT pushes the error code on the new stack', () => {
    const p = withTask();
    p.putGate(IDT + 8 * VECTOR.DF, SELECTORS.TSS_B, 0, 0x85);
    const event = { type: EVENT_TYPE.EXCEPTION, vector: VECTOR.DF, errorCode: 0, length: 0, detail: 0 };
    p.memory.putWords(STACK_B - 4, 0xdead);
    expect(deliverEvent(p, event)).toBe(STATUS.EXIT);
    expect([p.regs.gpr(GPR.RSP), p.memory.get(STACK_B - 4, 4)]).toEqual([STACK_B - 4, 0]);
    // The interrupted instruction is where the old task continues.
    expect(p.memory.get(TSS + 32, 4)).toBe(0x5000);
  });

  it('sets the debug trap of the T bit and clears local breakpoints', () => {
    const p = withTask({ trap: true });
    p.regs.setDr(7, 0x7ff, 0);
    jump(p);
    expect(p.regs.i32[STATE.PENDING_DEBUG >> 2]).toBe(DR6.BT);
    expect(p.regs.lo(STATE.DR + 56)).toBe(0x6aa);
  });

  it('enters virtual-8086 mode when the new EFLAGS say so', () => {
    const p = withTask({ cs: 0x1234, ss: 0x200, ds: 0x300, eflags: FLAG.VM | 2 });
    expect(jump(p)).toBe(STATUS.EXIT);
    expect([p.regs.cpl, p.regs.segmentBase(SEG.CS), p.regs.attributes(SEG.DS)]).toEqual([3, 0x12340, 0xf3]);
  });

  it('saves 16 bits into a 16-bit TSS', () => {
    const p = withTask();
    p.setSegment(SEG.TR, { attributes: 0x83, limit: 0x2b });
    p.putDescriptor(GDT + SELECTORS.TSS, { access: 0x83, flags: 0, base: TSS, limit: 0x2b });
    expect(jump(p)).toBe(STATUS.EXIT);
    expect([p.memory.get(TSS + 14, 2), p.memory.get(TSS + 26, 2), p.memory.get(TSS + 36, 2)]).toEqual([
      0x5007,
      (STACK0 - 0x100) & 0xffff,
      SELECTORS.CODE0,
    ]);
  });

  describe('faults in the old task', () => {
    const cases: [string, (p: TestProcessor) => void, [number, number]][] = [
      [
        'a busy TSS',
        (p) => p.putDescriptor(GDT + SELECTORS.TSS_B, { access: 0x8b, base: TSS_B }),
        [VECTOR.GP, 0x78],
      ],
      [
        'an absent TSS',
        (p) => p.putDescriptor(GDT + SELECTORS.TSS_B, { access: 0x09, base: TSS_B }),
        [VECTOR.NP, 0x78],
      ],
      [
        'a short TSS',
        (p) => p.putDescriptor(GDT + SELECTORS.TSS_B, { access: 0x89, flags: 0, base: TSS_B, limit: 0x66 }),
        [VECTOR.TS, 0x78],
      ],
      ['an unwritable old TSS', (p) => p.memory.readOnly.add(TSS), [VECTOR.PF, 3]],
    ];
    for (const [what, prepare, expected] of cases) {
      it(`for ${what}`, () => {
        const p = withTask();
        prepare(p);
        expect(jump(p)).toBe(STATUS.FAULT);
        expect(p.fault).toEqual(expected);
        expect([p.regs.rip, p.regs.selector(SEG.TR)]).toEqual([0x5000, SELECTORS.TSS]);
        expect(isBusy(p, SELECTORS.TSS)).toBe(true);
      });
    }
  });

  describe('faults in the new task', () => {
    const cases: [string, Task, [number, number]][] = [
      ['a null CS', { cs: 0 }, [VECTOR.TS, 0]],
      ['a data segment as CS', { cs: SELECTORS.DATA0 }, [VECTOR.TS, 0x10]],
      ['an absent CS', { cs: SELECTORS.CODE0_ABSENT }, [VECTOR.NP, 0x40]],
      ['a null SS', { ss: 0 }, [VECTOR.TS, 0]],
      ['an absent SS', { ss: SELECTORS.DATA0_ABSENT }, [VECTOR.SS, 0x58]],
      ['an unreadable DS', { ds: SELECTORS.CODE_EXECUTE_ONLY }, [VECTOR.TS, 0x50]],
      ['an absent DS', { ds: SELECTORS.DATA0_ABSENT }, [VECTOR.NP, 0x58]],
      ['an LDT that is none', { ldt: SELECTORS.DATA0 }, [VECTOR.TS, 0x10]],
    ];
    for (const [what, task, [vector, errorCode]] of cases) {
      it(`for ${what}`, () => {
        const p = withTask(task);
        // The handler is reached by a task gate back to the first task, which needs no valid stack.
        putInterruptGate(p, vector, 0x8e, SELECTORS.CODE0);
        p.putGate(IDT + 8 * vector, SELECTORS.TSS, 0, 0x85);
        p.memory.put(TSS + 32, 4, 0x6000);
        expect(jump(p)).toBe(STATUS.EXIT);
        expect(p.regs.selector(SEG.TR)).toBe(SELECTORS.TSS);
        expect(p.memory.get(p.regs.gpr(GPR.RSP), 4)).toBe(errorCode);
        // The faulting task stands at its first instruction.
        expect(p.memory.get(TSS_B + 32, 4)).toBe(0x7000);
      });
    }
  });
});
