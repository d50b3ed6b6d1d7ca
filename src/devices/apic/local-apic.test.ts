import { beforeEach, describe, expect, it } from 'vitest';
import { FakeClock, FakeProcessor } from '../testing.ts';
import { ApicBus } from './bus.ts';
import { LocalApic } from './local-apic.ts';

const [ID, VERSION, TPR, PPR, EOI, LDR, DFR, SVR, ISR, IRR, ESR] = [
  0x20, 0x30, 0x80, 0xa0, 0xb0, 0xd0, 0xe0, 0xf0, 0x100, 0x200, 0x280,
];
const [ICR, ICR_HIGH, LVT_TIMER, LINT0, LINT1, LVT_ERROR, INITIAL, CURRENT, DIVIDE] = [
  0x300, 0x310, 0x320, 0x350, 0x360, 0x370, 0x380, 0x390, 0x3e0,
];
const APIC_BASE = 0x1b;
const TSC_DEADLINE = 0x6e0;
const BASE = 0xfee0_0000;
const EXTERNAL_VECTOR = 0x30;

let clock: FakeClock;
let cpus: FakeProcessor[];
let apics: LocalApic[];
let apic: LocalApic;
let tscOffset: number;

const out = (offset: number, value: number, a = apic) => a.write(offset, 4, value >>> 0);
const get = (offset: number, a = apic) => a.read(offset, 4);
const ipi = (high: number, low: number) => {
  out(ICR_HIGH, high);
  out(ICR, low);
};
const enterX2 = (a: LocalApic) => a.writeMsr(APIC_BASE, a.readMsr(APIC_BASE)!.lo | 0x400, 0);
const x2 = (reg: number) => 0x800 + (reg >> 4);
/** Everything deliverable, in order, each ended by EOI. */
const drain = (a: LocalApic) => {
  const vectors: number[] = [];
  while (a.pending()) {
    vectors.push(a.acknowledge());
    if (a.mode === 'x2apic') a.writeMsr(x2(EOI), 0, 0);
    else out(EOI, 0, a);
  }
  return vectors;
};
const events = () => cpus.map((cpu) => cpu.events.splice(0).filter((e) => e !== 'interrupt'));

beforeEach(() => {
  clock = new FakeClock();
  tscOffset = 0;
  const bus = new ApicBus();
  cpus = [];
  apics = [];
  for (let id = 0; id < 4; id++) {
    const target = new FakeProcessor();
    cpus.push(target);
    apics.push(
      new LocalApic({
        clock,
        bus,
        target,
        id,
        bootstrap: id === 0,
        acknowledgeExternal: () => EXTERNAL_VECTOR,
        tscOffset: () => tscOffset,
        physicalAddressBits: 40,
      }),
    );
  }
  apic = apics[0];
  for (const a of apics) out(SVR, 0x1ff, a);
});

describe('local APIC registers', () => {
  it('identifies itself', () => {
    expect(get(ID, apics[3])).toBe(0x0300_0000);
    expect(get(VERSION)).toBe(0x0105_0014);
    expect([get(DFR), get(SVR), get(LVT_TIMER)]).toEqual([0xffff_ffff, 0x1ff, 0x1_0000]);
  });

  it('masks its LVT while disabled by software', () => {
    out(LVT_TIMER, 0x30);
    out(SVR, 0xff);
    expect(get(LVT_TIMER)).toBe(0x1_0030);
    out(LVT_TIMER, 0x31);
    expect(get(LVT_TIMER)).toBe(0x1_0031);
  });

  it('reports illegal registers and vectors in ESR and by the error interrupt', () => {
    out(LVT_ERROR, 0xfe);
    get(0x150 + 0x2a0 - 0x150); // 2A0h
    out(ESR, 0);
    expect(get(ESR)).toBe(0x80);
    expect(drain(apic)).toEqual([0xfe]);
    out(ICR, 0x4_0005); // to self, vector 5
    out(ESR, 0);
    expect(get(ESR)).toBe(0x20);
    out(ESR, 0);
    expect(get(ESR)).toBe(0);
  });
});

describe('local APIC priorities', () => {
  const self = (vector: number) => out(ICR, 0x4_0000 | vector);

  it('dispenses the highest class first and nests by class', () => {
    self(0x31);
    self(0x35);
    self(0x52);
    expect(get(IRR + 0x10)).toBe(0x22_0000);
    expect(apic.acknowledge()).toBe(0x52);
    expect([get(PPR), apic.pending()]).toEqual([0x50, false]);
    self(0x5f);
    expect(apic.pending()).toBe(false);
    self(0x60);
    expect(apic.acknowledge()).toBe(0x60);
    expect(get(ISR + 0x30)).toBe(1);
    out(EOI, 0);
    expect(apic.pending()).toBe(false);
    out(EOI, 0);
    expect(drain(apic)).toEqual([0x5f, 0x35, 0x31]);
    expect(apic.acknowledge()).toBe(-1);
  });

  it('holds back what the task priority covers', () => {
    out(TPR, 0x42);
    self(0x45);
    expect([apic.pending(), apic.cr8, get(PPR)]).toEqual([false, 4, 0x42]);
    cpus[0].events.length = 0;
    apic.cr8 = 3;
    expect(cpus[0].events).toEqual(['interrupt']);
    expect([apic.pending(), get(TPR)]).toEqual([true, 0x30]);
    expect(drain(apic)).toEqual([0x45]);
  });

  it('takes no fixed interrupt while disabled by software, and holds those it has', () => {
    self(0x40);
    out(SVR, 0xff);
    expect(apic.pending()).toBe(false);
    self(0x41);
    out(SVR, 0x1ff);
    expect(drain(apic)).toEqual([0x40]);
  });
});

describe('interprocessor interrupts', () => {
  it('go to physical IDs and to all by FFh', () => {
    ipi(2 << 24, 0x4040);
    expect(apics.map(drain)).toEqual([[], [], [0x40], []]);
    ipi(0xff << 24, 0x4041);
    expect(apics.map(drain)).toEqual([[0x41], [0x41], [0x41], [0x41]]);
    ipi(7 << 24, 0x4042);
    expect(apics.map(drain)).toEqual([[], [], [], []]);
  });

  it('go to the shorthands', () => {
    out(ICR, 0x4_0040);
    expect(apics.map(drain)).toEqual([[0x40], [], [], []]);
    out(ICR, 0x8_0041);
    expect(apics.map(drain)).toEqual([[0x41], [0x41], [0x41], [0x41]]);
    out(ICR, 0xc_0042);
    expect(apics.map(drain)).toEqual([[], [0x42], [0x42], [0x42]]);
  });

  it('go to flat logical destinations', () => {
    apics.forEach((a, i) => {
      out(LDR, 1 << (24 + i), a);
    });
    ipi(0b1010 << 24, 0x4840);
    expect(apics.map(drain)).toEqual([[], [0x40], [], [0x40]]);
  });

  it('go to logical destinations in clusters', () => {
    apics.forEach((a, i) => {
      out(DFR, 0x0fff_ffff, a);
      out(LDR, (((i >> 1) << 4) | (1 << (i & 1))) << 24, a);
    });
    ipi(0x13 << 24, 0x4840);
    expect(apics.map(drain)).toEqual([[], [], [0x40], [0x40]]);
    ipi(0xf1 << 24, 0x4841);
    expect(apics.map(drain)).toEqual([[0x41], [], [0x41], []]);
  });

  it('go to the most willing for lowest priority', () => {
    apics.forEach((a, i) => {
      out(LDR, 1 << (24 + i), a);
      out(TPR, i === 2 ? 0 : 0x20, a);
    });
    ipi(0xf << 24, 0x4940);
    expect(apics.map(drain)).toEqual([[], [], [0x40], []]);
  });

  it('start a processor with INIT, INIT de-assert and SIPI', () => {
    out(LVT_TIMER, 0x30, apics[1]);
    ipi(1 << 24, 0xc500);
    ipi(1 << 24, 0x8500);
    ipi(1 << 24, 0x0699);
    expect(events()).toEqual([[], ['init', 'startup 99'], [], []]);
    expect([get(SVR, apics[1]), get(LVT_TIMER, apics[1])]).toEqual([0xff, 0x1_0000]);
  });

  it('deliver NMI to others', () => {
    out(ICR, 0xc_0400);
    expect(events()).toEqual([[], ['nmi'], ['nmi'], ['nmi']]);
  });
});

describe('local interrupt pins', () => {
  it('pass the 8259A pair through in virtual wire mode', () => {
    apic.enterVirtualWireMode();
    apic.lint0.set(true);
    expect([apic.pending(), cpus[0].events]).toEqual([true, ['interrupt']]);
    expect(apic.acknowledge()).toBe(EXTERNAL_VECTOR);
    expect(get(ISR + 0x10)).toBe(0);
    apic.lint0.set(false);
    expect(apic.pending()).toBe(false);
  });

  it('do so too while the APIC is disabled, and LINT1 is NMI', () => {
    apic.writeMsr(APIC_BASE, BASE | 0x100, 0);
    apic.lint0.set(true);
    expect(apic.acknowledge()).toBe(EXTERNAL_VECTOR);
    apic.lint1.set(true);
    expect(cpus[0].events).toContain('nmi');
  });

  it('are masked at reset', () => {
    apic.lint0.set(true);
    expect(apic.pending()).toBe(false);
    out(LINT0, 0x700);
    expect(cpus[0].events).toEqual(['interrupt']);
    expect(apic.pending()).toBe(true);
  });

  it('deliver NMI and fixed vectors by edge', () => {
    out(LINT1, 0x400);
    apic.lint1.set(true);
    apic.lint1.set(true);
    expect(cpus[0].events).toEqual(['nmi']);
    out(LINT0, 0x77);
    apic.lint0.set(true);
    expect(drain(apic)).toEqual([0x77]);
    expect(apic.pending()).toBe(false);
  });

  it('repeat a level-triggered vector until the pin is released', () => {
    out(LINT0, 0x8077);
    apic.lint0.set(true);
    expect(get(LINT0)).toBe(0xc077);
    expect(apic.acknowledge()).toBe(0x77);
    out(EOI, 0);
    expect(apic.acknowledge()).toBe(0x77);
    apic.lint0.set(false);
    out(EOI, 0);
    expect([apic.pending(), get(LINT0)]).toEqual([false, 0x8077]);
  });
});

describe('local APIC timer', () => {
  it('fires once and counts down by the divisor', () => {
    out(LVT_TIMER, 0x40);
    out(DIVIDE, 3); // by 16
    out(INITIAL, 100);
    clock.advance(16 * 40 + 15);
    expect(get(CURRENT)).toBe(60);
    clock.advance(16 * 60 - 16);
    expect(apic.pending()).toBe(false);
    clock.advance(1);
    expect([drain(apic), get(CURRENT), clock.nextEvent]).toEqual([[0x40], 0, undefined]);
  });

  it('knows every divisor', () => {
    const measured = [0, 1, 2, 3, 8, 9, 10, 11].map((value) => {
      out(DIVIDE, value);
      out(INITIAL, 1000);
      return clock.nextEvent! / 1000;
    });
    expect(measured).toEqual([2, 4, 8, 16, 32, 64, 128, 1]);
  });

  it('goes on at a new divisor', () => {
    out(DIVIDE, 0x0b);
    out(INITIAL, 100);
    clock.advance(40);
    out(DIVIDE, 0);
    expect(get(CURRENT)).toBe(60);
    clock.advance(60);
    expect(get(CURRENT)).toBe(30);
  });

  it('repeats in periodic mode without drift', () => {
    out(LVT_TIMER, 0x2_0040);
    out(DIVIDE, 0x0b);
    out(INITIAL, 1000);
    let count = 0;
    for (let i = 0; i < 999; i++) {
      clock.advance(37);
      count += drain(apic).length;
    }
    expect(count).toBe(Math.floor((999 * 37) / 1000));
    expect(get(CURRENT)).toBe(1000 - ((999 * 37) % 1000));
    out(INITIAL, 0);
    expect(clock.nextEvent).toBeUndefined();
  });

  it('runs silently while masked', () => {
    out(LVT_TIMER, 0x1_0040);
    out(DIVIDE, 0x0b);
    out(INITIAL, 10);
    clock.advance(20);
    expect([apic.pending(), get(CURRENT)]).toEqual([false, 0]);
  });

  it('fires at a TSC deadline', () => {
    tscOffset = 5000;
    apic.writeMsr(TSC_DEADLINE, 6000, 0);
    expect(clock.nextEvent).toBeUndefined(); // not in this mode
    out(LVT_TIMER, 0x4_0040);
    apic.writeMsr(TSC_DEADLINE, 6000, 0);
    expect(apic.readMsr(TSC_DEADLINE)).toEqual({ lo: 6000, hi: 0 });
    out(INITIAL, 5);
    expect(get(CURRENT)).toBe(0);
    clock.advance(999);
    expect(apic.pending()).toBe(false);
    clock.advance(1);
    expect(drain(apic)).toEqual([0x40]);
    expect(apic.readMsr(TSC_DEADLINE)).toEqual({ lo: 0, hi: 0 });
    apic.writeMsr(TSC_DEADLINE, 1, 0); // past
    clock.advance(0);
    expect(drain(apic)).toEqual([0x40]);
    apic.writeMsr(TSC_DEADLINE, 0xffff_ffff, 0xffff_ffff);
    expect(clock.nextEvent).toBeUndefined();
  });

  it('follows a written time-stamp counter', () => {
    out(LVT_TIMER, 0x4_0040);
    apic.writeMsr(TSC_DEADLINE, 10_000, 0);
    tscOffset = 9000;
    apic.tscChanged();
    expect(clock.nextEvent).toBe(1000);
  });
});

describe('x2APIC mode', () => {
  it("allows the architecture's transitions only", () => {
    const write = (lo: number, hi = 0) => apic.writeMsr(APIC_BASE, lo | 0x100, hi);
    expect(apic.readMsr(APIC_BASE)).toEqual({ lo: 0xfee0_0900, hi: 0 });
    expect(write(BASE | 0x400)).toBe(false);
    expect(write(BASE | 0x801)).toBe(false);
    expect(write(BASE | 0x800, 0x100)).toBe(false); // above MAXPHYADDR
    expect(write(BASE | 0xc00)).toBe(true);
    expect([apic.mode, apic.registerPage]).toEqual(['x2apic', undefined]);
    expect(write(BASE | 0x800)).toBe(false);
    expect(write(BASE)).toBe(true);
    expect(apic.mode).toBe('disabled');
    expect(write(BASE | 0xc00)).toBe(false);
    expect(write(0xd000_0800, 1)).toBe(true);
    expect(apic.registerPage).toBe(0x1_d000_0000);
    expect(get(SVR)).toBe(0xff);
  });

  it('has its registers as MSRs in this mode only', () => {
    expect(apic.readMsr(x2(ID))).toBeUndefined();
    expect(apic.writeMsr(x2(TPR), 0, 0)).toBe(false);
    enterX2(apics[3]);
    const msr = (reg: number) => apics[3].readMsr(x2(reg))?.lo;
    expect([msr(ID), msr(LDR), msr(VERSION), msr(SVR)]).toEqual([3, 8, 0x0105_0014, 0x1ff]);
    expect([msr(DFR), msr(EOI), msr(ICR_HIGH), msr(0x3f0), msr(0x90)]).toEqual(new Array(5).fill(undefined));
    expect(apics[3].readMsr(0x8ff)).toBeUndefined();
  });

  it('faults on reserved bits and read-only registers', () => {
    enterX2(apic);
    const write = (reg: number, lo: number, hi = 0) => apic.writeMsr(x2(reg), lo, hi);
    expect(write(TPR, 0x40)).toBe(true);
    expect(write(TPR, 0x100)).toBe(false);
    expect(write(TPR, 0x40, 1)).toBe(false);
    expect(write(EOI, 1)).toBe(false);
    expect(write(ESR, 1)).toBe(false);
    expect(write(ID, 0)).toBe(false);
    expect(write(LDR, 0)).toBe(false);
    expect(write(DFR, 0)).toBe(false);
    expect(write(LVT_TIMER, 0x8000_0040)).toBe(false);
  });

  it('sends with one write, to 32-bit destinations and to itself', () => {
    for (const a of apics) enterX2(a);
    apic.writeMsr(x2(ICR), 0x40, 2);
    expect(apics.map(drain)).toEqual([[], [], [0x40], []]);
    expect(apic.readMsr(x2(ICR))).toEqual({ lo: 0x40, hi: 2 });
    apic.writeMsr(x2(ICR), 0x841, 0b1010);
    expect(apics.map(drain)).toEqual([[], [0x41], [], [0x41]]);
    apic.writeMsr(x2(ICR), 0x841, 0x1_000f); // another cluster
    expect(apics.map(drain)).toEqual([[], [], [], []]);
    apic.writeMsr(x2(ICR), 0x42, 0xffff_ffff);
    expect(apics.map(drain)).toEqual([[0x42], [0x42], [0x42], [0x42]]);
    apic.writeMsr(x2(0x3f0), 0x43, 0);
    expect(apics.map(drain)).toEqual([[0x43], [], [], []]);
  });
});
