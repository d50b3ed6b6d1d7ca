import { beforeEach, describe, expect, it } from 'vitest';
import { PicPair } from '../pic/pic-pair.ts';
import { InterruptRouter } from '../router.ts';
import { FakeClock, FakeProcessor } from '../testing.ts';
import { ApicBus } from './bus.ts';
import { IoApic } from './io-apic.ts';
import { LocalApic } from './local-apic.ts';

const EOI = 0xb0;
const SVR = 0xf0;
const LEVEL = 0x8000;
const REMOTE_IRR = 0x4000;

let processor: FakeProcessor;
let apic: LocalApic;
let ioApic: IoApic;
let pic: PicPair;
let router: InterruptRouter;

const get = (reg: number) => {
  ioApic.write(0, 4, reg);
  return ioApic.read(0x10, 4);
};
const put = (reg: number, value: number) => {
  ioApic.write(0, 4, reg);
  ioApic.write(0x10, 4, value);
};
const route = (input: number, low: number, destination = 0) => {
  put(0x11 + input * 2, destination << 24);
  put(0x10 + input * 2, low);
};
const endOfInterrupt = () => apic.write(EOI, 4, 0);

beforeEach(() => {
  processor = new FakeProcessor();
  const bus = new ApicBus();
  pic = new PicPair({ set: (level) => apic.lint0.set(level) });
  apic = new LocalApic({
    clock: new FakeClock(),
    bus,
    target: processor,
    id: 0,
    bootstrap: true,
    acknowledgeExternal: () => pic.acknowledge(),
  });
  apic.write(SVR, 4, 0x1ff);
  ioApic = new IoApic(bus);
  router = new InterruptRouter(pic, ioApic);
});

describe('I/O APIC', () => {
  it('has 24 masked entries and an ID', () => {
    expect(get(1)).toBe(0x17_0020);
    expect(get(0x10)).toBe(0x1_0000);
    expect(get(0x3e)).toBe(0x1_0000);
    expect(get(0x40)).toBe(0);
    put(0, 0xffff_ffff);
    expect([get(0), get(2)]).toEqual([0x0f00_0000, 0x0f00_0000]);
    put(0x12, 0xffff_ffff);
    put(0x13, 0xffff_ffff);
    expect([get(0x12), get(0x13)]).toEqual([0x1_afff, 0xff00_0000]);
  });

  it('sends edges, and loses them while masked', () => {
    const line = ioApic.line(4);
    line.set(true);
    route(4, 0x44);
    expect(apic.pending()).toBe(false);
    line.set(false);
    line.set(true);
    expect(apic.acknowledge()).toBe(0x44);
    endOfInterrupt();
    expect(apic.pending()).toBe(false);
  });

  it('repeats a level until it is withdrawn, once for each EOI', () => {
    const line = ioApic.line(10);
    line.set(true);
    route(10, LEVEL | 0x51);
    expect(get(0x24) & REMOTE_IRR).toBe(REMOTE_IRR);
    expect(apic.acknowledge()).toBe(0x51);
    expect(apic.read(0x1a0, 4)).toBe(1 << 17); // TMR
    line.set(false);
    line.set(true);
    expect(apic.pending()).toBe(false);
    endOfInterrupt();
    expect(apic.acknowledge()).toBe(0x51);
    line.set(false);
    endOfInterrupt();
    expect([apic.pending(), get(0x24) & REMOTE_IRR]).toEqual([false, 0]);
  });

  it('takes EOI by its own register when the broadcast is suppressed', () => {
    apic.write(SVR, 4, 0x11ff);
    ioApic.line(10).set(true);
    route(10, LEVEL | 0x51);
    apic.acknowledge();
    endOfInterrupt();
    expect(apic.pending()).toBe(false);
    ioApic.write(0x40, 4, 0x51);
    expect(apic.pending()).toBe(true);
  });

  it('forgets an outstanding EOI when made edge-triggered', () => {
    ioApic.line(10).set(true);
    route(10, LEVEL | 0x51);
    route(10, 0x1_0051);
    expect(get(0x24) & REMOTE_IRR).toBe(0);
  });

  it('keeps asking for nobody', () => {
    ioApic.line(10).set(true);
    route(10, LEVEL | 0x51, 9);
    expect(get(0x24) & REMOTE_IRR).toBe(0);
    route(10, LEVEL | 0x51, 0);
    expect(apic.pending()).toBe(true);
  });

  it('delivers NMI and ExtINT', () => {
    route(5, 0x400);
    ioApic.line(5).set(true);
    expect(processor.events).toEqual(['nmi']);
    for (const [offset, value] of [
      [0, 0x11],
      [1, 0x60],
      [1, 4],
      [1, 1],
    ] as const)
      pic.master.write(offset, 1, value);
    pic.line(3).set(true);
    route(0, 0x700);
    ioApic.line(0).set(true);
    expect(apic.acknowledge()).toBe(0x63);
    expect(apic.pending()).toBe(false);
  });

  it('has inputs 0..23', () => {
    expect(() => ioApic.line(24)).toThrow(RangeError);
  });
});

describe('interrupt router', () => {
  it('brings the timer to input 2 and the others to their own', () => {
    route(2, 0x42);
    route(4, 0x44);
    router.isa(0).set(true);
    expect(apic.acknowledge()).toBe(0x42);
    endOfInterrupt();
    router.isa(4).set(true);
    expect(apic.acknowledge()).toBe(0x44);
    pic.master.write(0, 1, 0x0a);
    expect(pic.master.read(0)).toBe(0x11);
  });

  it('lets PCI devices share a line', () => {
    const first = router.pci(3, 0);
    const second = router.pci(5, 0);
    route(11, LEVEL | 0x5b);
    first.set(true);
    second.set(true);
    apic.acknowledge();
    first.set(false);
    endOfInterrupt();
    expect(apic.acknowledge()).toBe(0x5b);
    second.set(false);
    endOfInterrupt();
    expect(apic.pending()).toBe(false);
  });

  it('has no interrupt 2', () => {
    expect(() => router.isa(2)).toThrow(RangeError);
  });
});
