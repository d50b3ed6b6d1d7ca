import { describe, expect, it } from 'vitest';
import { FLAG, GPR, SEG, VECTOR } from '../../arch/registers.ts';
import { ACTIVITY, INTERRUPTIBILITY, STATUS } from '../state.ts';
import { deliverEvent, deliverPendingFault } from './deliver.ts';
import { type DeliveredEvent, EVENT_TYPE } from './event.ts';
import type { Interceptor } from './intercept.ts';
import { refresh } from './mode.ts';
import { TestProcessor } from './testing.ts';
import {
  dr6,
  GDT,
  IDT,
  IST1,
  longMode,
  protectedMode,
  putInterruptGate,
  putLongGate,
  quads,
  SELECTORS,
  STACK0,
  STACK3,
  TSS,
} from './testing-protected.ts';

const external = (vector: number): DeliveredEvent => ({
  type: EVENT_TYPE.EXTERNAL,
  vector,
  errorCode: -1,
  length: 0,
  detail: 0,
});

const exception = (vector: number, errorCode = -1, detail = 0): DeliveredEvent => ({
  type: EVENT_TYPE.EXCEPTION,
  vector,
  errorCode,
  length: 0,
  detail,
});

const INT = { immediate: 0x80, length: 2 };

/** Vectors and error codes of a triple fault's chain. */
const chainOf = (p: TestProcessor): [number, number][] => {
  const [stop] = p.stops;
  return stop?.kind === 'triple-fault' ? stop.chain.map((e) => [e.vector, e.errorCode]) : [];
};

describe('real-address mode', () => {
  const real = (): TestProcessor => {
    const p = new TestProcessor();
    p.memory.put(0x40, 4, 0x1234_0056);
    p.regs.setGpr32(GPR.RSP, 0xabcd_0100);
    p.setSegment(SEG.SS, { selector: 0x500, base: 0x5000 });
    p.setSegment(SEG.CS, { selector: 0x700, base: 0x7000 });
    refresh(p.regs);
    p.regs.rip = 0x10;
    p.regs.rflags = FLAG.IF | FLAG.TF | FLAG.CF;
    return p;
  };

  it('enters the handler of the vector table', () => {
    const p = real();
    expect(p.execute('int', { immediate: 0x10, length: 2 })).toBe(STATUS.EXIT);
    expect(p.regs.selector(SEG.CS)).toBe(0x1234);
    expect(p.regs.segmentBase(SEG.CS)).toBe(0x12340);
    expect(p.regs.rip).toBe(0x56);
    expect(p.regs.gpr(GPR.RSP)).toBe(0xabcd_00fa);
    expect([0, 2, 4].map((at) => p.memory.get(0x50fa + at, 2))).toEqual([0x12, 0x700, 0x303]);
    expect(p.regs.rflags).toBe(FLAG.CF | 2);
  });

  it('raises #GP for a vector beyond the table, #DF, and shuts down', () => {
    const p = real();
    p.regs.idtr = { base: 0, limit: 0x1f };
    expect(deliverEvent(p, external(0x10))).toBe(STATUS.EXIT);
    expect(chainOf(p).map(([vector]) => vector)).toEqual([0x10, VECTOR.GP, VECTOR.GP, VECTOR.DF, VECTOR.GP]);
    expect(p.regs.activity).toBe(ACTIVITY.SHUTDOWN);
  });
});

describe('protected mode', () => {
  it('switches to the stack of level 0 and builds the frame', () => {
    const p = protectedMode(3);
    putInterruptGate(p, 0x80, 0xee);
    p.regs.rflags = FLAG.IF | FLAG.ZF | FLAG.NT;
    expect(p.execute('int', INT)).toBe(STATUS.EXIT);
    expect(p.regs.cpl).toBe(0);
    expect(p.regs.rip).toBe(0x6000);
    expect(p.regs.selector(SEG.CS)).toBe(SELECTORS.CODE0);
    expect(p.regs.selector(SEG.SS)).toBe(SELECTORS.DATA0);
    expect(p.regs.gpr(GPR.RSP)).toBe(STACK0 - 20);
    const frame = [0x5002, SELECTORS.CODE3, 2 | FLAG.IF | FLAG.ZF | FLAG.NT, STACK3, SELECTORS.DATA3];
    expect(p.memory.words(STACK0 - 20, 5)).toEqual(frame);
    expect(p.regs.rflags).toBe(2 | FLAG.ZF);
  });

  it('keeps IF through a trap gate and the stack at the same level', () => {
    const p = protectedMode(0);
    putInterruptGate(p, 0x21, 0x8f);
    p.regs.rflags = FLAG.IF;
    deliverEvent(p, external(0x21));
    expect(p.regs.rflags).toBe(2 | FLAG.IF);
    expect(p.memory.words(STACK0 - 0x100 - 12, 3)).toEqual([0x5000, SELECTORS.CODE0, 2 | FLAG.IF]);
  });

  it('pushes 16-bit values for a 16-bit gate, error code included', () => {
    const p = protectedMode(3);
    putInterruptGate(p, VECTOR.GP, 0x86);
    deliverEvent(p, exception(VECTOR.GP, 0x18));
    const sp = STACK0 - 12;
    expect(p.regs.gpr(GPR.RSP)).toBe(sp);
    const values = [0x18, 0x5000, SELECTORS.CODE3, 2, STACK3, SELECTORS.DATA3];
    expect(values.map((_, i) => p.memory.get(sp + 2 * i, 2))).toEqual(values);
  });

  it('saves RF = 1 for faults and RF as it was for traps', () => {
    const p = protectedMode(0);
    putInterruptGate(p, VECTOR.UD);
    deliverEvent(p, exception(VECTOR.UD));
    expect(p.memory.get(STACK0 - 0x104, 4) & FLAG.RF).toBe(FLAG.RF);
    const q = protectedMode(0);
    putInterruptGate(q, VECTOR.DB);
    deliverEvent(q, exception(VECTOR.DB, -1, 0x4000));
    expect(q.memory.get(STACK0 - 0x104, 4) & FLAG.RF).toBe(0);
    expect(dr6(q) & 0x4000).toBe(0x4000);
  });

  it('leaves HLT, ends interrupt shadows and blocks NMIs during an NMI', () => {
    const p = protectedMode(0);
    putInterruptGate(p, VECTOR.NMI);
    p.regs.activity = ACTIVITY.HLT;
    p.regs.interruptibility = INTERRUPTIBILITY.STI;
    deliverEvent(p, { ...external(VECTOR.NMI), type: EVENT_TYPE.NMI });
    expect(p.regs.activity).toBe(ACTIVITY.ACTIVE);
    expect(p.regs.interruptibility).toBe(INTERRUPTIBILITY.NMI);
  });

  describe('refuses a software interrupt with', () => {
    const cases: [string, (p: TestProcessor) => void, [number, number]][] = [
      ['a gate of higher privilege', (p) => putInterruptGate(p, 0x80, 0x8e), [VECTOR.GP, 0x402]],
      ['a gate that is not present', (p) => putInterruptGate(p, 0x80, 0x6e), [VECTOR.NP, 0x402]],
      ['no gate', (p) => putInterruptGate(p, 0x80, 0xec), [VECTOR.GP, 0x402]],
      ['a table that is too short', (p) => (p.regs.idtr = { base: IDT, limit: 0x406 }), [VECTOR.GP, 0x402]],
      ['a null code segment', (p) => putInterruptGate(p, 0x80, 0xee, 0), [VECTOR.GP, 0]],
      ['a data segment', (p) => putInterruptGate(p, 0x80, 0xee, SELECTORS.DATA0), [VECTOR.GP, 0x10]],
      ['an absent code segment', (p) => putInterruptGate(p, 0x80, 0xee, 0x40), [VECTOR.NP, 0x40]],
      ['a selector beyond the table', (p) => putInterruptGate(p, 0x80, 0xee, 0x108), [VECTOR.GP, 0x108]],
      ['a null stack', (p) => p.memory.putWords(TSS + 8, 0), [VECTOR.TS, 0]],
      ['a read-only stack', (p) => p.memory.putWords(TSS + 8, 0x48), [VECTOR.TS, 0x48]],
      ['an absent stack', (p) => p.memory.putWords(TSS + 8, 0x58), [VECTOR.SS, 0x58]],
      ['a short TSS', (p) => p.setSegment(SEG.TR, { limit: 8 }), [VECTOR.TS, 0x28]],
      ['an absent stack page', (p) => p.memory.absent.add(STACK0 - 0x1000), [VECTOR.PF, 2]],
    ];
    for (const [what, prepare, expected] of cases) {
      it(what, () => {
        const p = protectedMode(3);
        putInterruptGate(p, 0x80, 0xee);
        prepare(p);
        const before = p.regs.gpr(GPR.RSP);
        expect(p.execute('int', INT)).toBe(STATUS.FAULT);
        expect(p.fault).toEqual(expected);
        expect([p.regs.cpl, p.regs.gpr(GPR.RSP), p.regs.rip]).toEqual([3, before, 0x5000]);
        expect(p.delivering).toBeUndefined();
      });
    }
  });

  it('sets EXT in error codes of external events', () => {
    const p = protectedMode(0);
    putInterruptGate(p, 0x30, 0x6e);
    putInterruptGate(p, VECTOR.NP);
    deliverEvent(p, external(0x30));
    expect(p.memory.get(STACK0 - 0x110, 4)).toBe((0x30 << 3) | 3);
    expect(p.regs.rip).toBe(0x6000);
  });

  it('merges contributory exceptions into #DF', () => {
    const p = protectedMode(0);
    putInterruptGate(p, VECTOR.DF);
    p.regs.setFault(VECTOR.GP, 0x18);
    expect(deliverPendingFault(p)).toBe(STATUS.EXIT);
    expect(p.memory.words(STACK0 - 0x110, 4)).toEqual([0, 0x5000, SELECTORS.CODE0, 2]);
  });

  it('handles a page fault after a contributory exception serially, and CR2 follows', () => {
    const p = protectedMode(0);
    putInterruptGate(p, VECTOR.PF);
    putInterruptGate(p, VECTOR.GP);
    p.memory.putWords(IDT + 8 * VECTOR.GP, 0x0008_6000, 0x8e00);
    p.memory.absent.add(0x1_0000);
    p.regs.idtr = { base: 0x1_0000 - 8 * VECTOR.GP, limit: 0x7ff };
    // #GP's entry is in the absent page, #PF's too: #GP -> #PF -> #PF again is a double fault, then triple.
    deliverEvent(p, exception(VECTOR.GP, 0));
    expect(chainOf(p).map(([vector]) => vector)).toEqual([
      VECTOR.GP,
      VECTOR.PF,
      VECTOR.PF,
      VECTOR.DF,
      VECTOR.GP,
    ]);
    expect(p.regs.cr2).toBe(0x1_0008);
  });

  it('shuts down with the chain of faults when #DF cannot be delivered', () => {
    const p = protectedMode(0);
    p.regs.idtr = { base: IDT, limit: 0 };
    deliverEvent(p, exception(VECTOR.UD));
    expect(chainOf(p)).toEqual([
      [VECTOR.UD, -1],
      [VECTOR.GP, (VECTOR.UD << 3) | 3],
      [VECTOR.GP, (VECTOR.GP << 3) | 3],
      [VECTOR.DF, 0],
      [VECTOR.GP, (VECTOR.DF << 3) | 3],
    ]);
  });

  it('asks the interceptor before delivery and again for the double fault', () => {
    const p = protectedMode(0);
    const asked: [number, number | undefined][] = [];
    const exits = new Set([VECTOR.DF as number]);
    p.interceptor = {
      exception: (event: DeliveredEvent) => {
        asked.push([event.vector, p.delivering?.vector]);
        return exits.has(event.vector);
      },
    } as unknown as Interceptor;
    expect(deliverEvent(p, exception(VECTOR.GP, 0))).toBe(STATUS.EXIT);
    expect(asked).toEqual([
      [VECTOR.GP, undefined],
      [VECTOR.GP, VECTOR.GP],
      [VECTOR.DF, undefined],
    ]);
    expect(p.stops).toEqual([]);
  });

  it('does not ask about an injected event and keeps CR2', () => {
    const p = protectedMode(0);
    putInterruptGate(p, VECTOR.PF);
    p.interceptor = { exception: () => true } as unknown as Interceptor;
    deliverEvent(p, exception(VECTOR.PF, 2, 0x1234), true);
    expect(p.regs.rip).toBe(0x6000);
    expect(p.regs.cr2).toBe(0);
  });

  it('enters level 0 from virtual-8086 mode and IRET goes back', () => {
    const p = protectedMode(3);
    putInterruptGate(p, 0x80, 0xee);
    const r = p.regs;
    r.rflags = FLAG.VM | FLAG.IOPL | FLAG.IF;
    for (let n = SEG.ES; n <= SEG.GS; n++) {
      r.setSegment(n, { selector: 0x100 + n, attributes: 0xf3, limit: 0xffff, base: (0x100 + n) << 4 });
    }
    r.setGpr32(GPR.RSP, 0x800);
    r.rip = 0x44;
    refresh(r);
    expect(p.execute('int', INT)).toBe(STATUS.EXIT);
    expect(r.gpr(GPR.RSP)).toBe(STACK0 - 36);
    const flags = 2 | FLAG.VM | FLAG.IOPL | FLAG.IF;
    const frame = [0x46, 0x101, flags, 0x800, 0x102, 0x100, 0x103, 0x104, 0x105];
    expect(p.memory.words(STACK0 - 36, 9)).toEqual(frame);
    expect([SEG.DS, SEG.ES, SEG.FS, SEG.GS].map((n) => r.selector(n))).toEqual([0, 0, 0, 0]);
    expect(p.execute('iret')).toBe(STATUS.EXIT);
    expect([r.cpl, r.rip, r.rflags, r.gpr(GPR.RSP)]).toEqual([3, 0x46, flags, 0x800]);
    expect(r.segment(SEG.GS)).toEqual({ selector: 0x105, attributes: 0xf3, limit: 0xffff, base: 0x1050 });
  });

  it('refuses INT n in virtual-8086 mode with IOPL < 3, and a handler that is not at level 0', () => {
    const p = protectedMode(3);
    p.regs.rflags = FLAG.VM;
    refresh(p.regs);
    expect(p.execute('int', INT)).toBe(STATUS.FAULT);
    expect(p.fault).toEqual([VECTOR.GP, 0]);
    p.regs.rflags = FLAG.VM | FLAG.IOPL;
    putInterruptGate(p, 0x80, 0xee, SELECTORS.CODE3);
    expect(p.execute('int', INT)).toBe(STATUS.FAULT);
    expect(p.fault).toEqual([VECTOR.GP, SELECTORS.CODE3 & ~3]);
  });
});

describe('IA-32e mode', () => {
  it('builds the aligned five-word frame and loads a null SS', () => {
    const p = longMode(3);
    putLongGate(p, VECTOR.GP);
    p.memory.putWords(TSS + 4, STACK0 + 8);
    deliverEvent(p, exception(VECTOR.GP, 0x50));
    expect(p.regs.gpr(GPR.RSP)).toBe(STACK0 - 48);
    expect(quads(p, STACK0 - 48, 6)).toEqual([0x50, 0x5000, 0x1b, 2 | FLAG.RF, STACK3, 0x23]);
    expect([p.regs.cpl, p.regs.selector(SEG.SS), p.regs.rip]).toEqual([0, 0, 0x6000]);
  });

  it('takes an interrupt stack without a change of level and keeps SS', () => {
    const p = longMode(0);
    putLongGate(p, 0x40, { ist: 1 });
    deliverEvent(p, external(0x40));
    expect(p.regs.gpr(GPR.RSP)).toBe((IST1 & ~15) - 40);
    expect(p.regs.selector(SEG.SS)).toBe(SELECTORS.DATA0);
    expect(quads(p, (IST1 & ~15) - 40, 5)).toEqual([0x5000, 8, 2, STACK0 - 0x100, 0x10]);
  });

  const cases: [string, (p: TestProcessor) => void, [number, number]][] = [
    [
      'a 32-bit handler segment',
      (p) => p.putDescriptor(GDT + 8, { access: 0x9b, flags: 0xc }),
      [VECTOR.GP, 8],
    ],
    ['a non-canonical handler', (p) => putLongGate(p, 0x80, { access: 0xee, upper: 0x8000 }), [VECTOR.GP, 0]],
    ['a non-canonical stack', (p) => p.memory.putWords(TSS + 4, 0, 0x8000), [VECTOR.SS, 0]],
    ['a gate of another type', (p) => putLongGate(p, 0x80, { access: 0xe5 }), [VECTOR.GP, 0x402]],
    ['a gate of higher privilege', (p) => putLongGate(p, 0x80, { access: 0x8e }), [VECTOR.GP, 0x402]],
    ['a TSS that is too short', (p) => p.setSegment(SEG.TR, { limit: 10 }), [VECTOR.TS, 0x28]],
  ];
  for (const [what, prepare, expected] of cases) {
    it(`refuses ${what}`, () => {
      const p = longMode(3);
      putLongGate(p, 0x80, { access: 0xee });
      prepare(p);
      expect(p.execute('int', INT)).toBe(STATUS.FAULT);
      expect(p.fault).toEqual(expected);
    });
  }
});
