import { beforeEach, describe, expect, it } from 'vitest';
import { FakeLine } from '../testing.ts';
import { PicPair } from './pic-pair.ts';

let intr: FakeLine;
let pic: PicPair;
const master = (offset: number, value: number) => pic.master.write(offset, 1, value);
const slave = (offset: number, value: number) => pic.slave.write(offset, 1, value);
const raise = (irq: number) => pic.line(irq).set(true);
const drop = (irq: number) => pic.line(irq).set(false);
const readIsr = () => {
  master(0, 0x0b);
  return pic.master.read(0);
};
const readIrr = () => {
  master(0, 0x0a);
  return pic.master.read(0);
};
function initialize(icw4 = 1): void {
  for (const [offset, value] of [
    [0, 0x11],
    [1, 0x20],
    [1, 0x04],
    [1, icw4],
  ] as const) {
    master(offset, value);
    slave(offset, value === 0x20 ? 0x28 : value === 0x04 ? 2 : value);
  }
}

beforeEach(() => {
  intr = new FakeLine();
  pic = new PicPair(intr);
  initialize();
});

describe('8259A pair', () => {
  it('keeps the mask that Linux probes with', () => {
    slave(1, 0xff);
    master(1, 0xfb);
    expect([pic.master.read(1), pic.slave.read(1)]).toEqual([0xfb, 0xff]);
  });

  it('delivers by priority and nests', () => {
    raise(4);
    raise(1);
    expect(intr.level).toBe(true);
    expect(pic.acknowledge()).toBe(0x21);
    expect(intr.level).toBe(false);
    raise(0);
    expect(pic.acknowledge()).toBe(0x20);
    expect(readIsr()).toBe(3);
    master(0, 0x20);
    expect(readIsr()).toBe(2);
    expect(intr.level).toBe(false);
    master(0, 0x20);
    expect(intr.level).toBe(true);
    expect(pic.acknowledge()).toBe(0x24);
  });

  it('passes the slave through input 2', () => {
    raise(12);
    raise(8);
    expect(pic.acknowledge()).toBe(0x28);
    expect(readIsr()).toBe(4);
    expect(intr.level).toBe(false);
    slave(0, 0x20);
    master(0, 0x62);
    expect(pic.acknowledge()).toBe(0x2c);
  });

  it('masks without forgetting a request that stays', () => {
    master(1, 0x10);
    raise(4);
    expect(intr.level).toBe(false);
    expect(readIrr()).toBe(0x10);
    master(1, 0);
    expect(pic.acknowledge()).toBe(0x24);
    master(0, 0x64);
    expect(intr.level).toBe(false);
  });

  it('answers a withdrawn request with a spurious IRQ 7 or 15', () => {
    raise(3);
    drop(3);
    expect(pic.acknowledge()).toBe(0x27);
    expect(readIsr()).toBe(0);
    slave(1, 0);
    raise(2 + 8);
    slave(1, 0xff); // the slave withdraws, and the master has no request either
    expect(pic.acknowledge()).toBe(0x27);
    pic.master.setLine(2, true); // the master has seen the slave, which has nothing to say
    expect(pic.acknowledge()).toBe(0x2f);
    slave(0, 0x0b);
    expect(pic.slave.read(0)).toBe(0);
    expect(readIsr()).toBe(4);
  });

  it('repeats a level-triggered request until it is withdrawn', () => {
    pic.elcr.write(0, 1, 0xff);
    pic.elcr.write(1, 1, 0xff);
    expect([pic.elcr.read(0, 1), pic.elcr.read(1, 1)]).toEqual([0xf8, 0xde]);
    raise(5);
    expect(pic.acknowledge()).toBe(0x25);
    master(0, 0x20);
    expect(pic.acknowledge()).toBe(0x25);
    drop(5);
    master(0, 0x20);
    expect(intr.level).toBe(false);
  });

  it('wants a new edge otherwise', () => {
    raise(5);
    pic.acknowledge();
    master(0, 0x20);
    expect(intr.level).toBe(false);
    drop(5);
    raise(5);
    expect(intr.level).toBe(true);
  });

  it('ends interrupts by itself in automatic EOI mode, rotating if told to', () => {
    initialize(3);
    master(0, 0x80);
    raise(0);
    raise(1);
    expect(pic.acknowledge()).toBe(0x20);
    expect(readIsr()).toBe(0);
    drop(0);
    raise(0);
    expect(pic.acknowledge()).toBe(0x21); // 0 has the lowest priority now
    expect(pic.acknowledge()).toBe(0x20);
  });

  it('gives a new edge of INTR for each slave request in automatic EOI mode', () => {
    initialize(3);
    raise(8);
    raise(9);
    expect([pic.acknowledge(), pic.acknowledge()]).toEqual([0x28, 0x29]);
    expect(intr.level).toBe(false);
  });

  it('rotates and sets priorities', () => {
    raise(3);
    pic.acknowledge();
    master(0, 0xa0); // rotate on non-specific EOI: 3 becomes lowest
    drop(3);
    raise(3);
    raise(6);
    expect(pic.acknowledge()).toBe(0x26);
    master(0, 0xe6); // rotate on specific EOI
    master(0, 0xc2); // set priority: 2 lowest, 3 highest
    raise(0);
    expect(pic.acknowledge()).toBe(0x23);
  });

  it('lets everything but the masked in special mask mode', () => {
    raise(1);
    pic.acknowledge();
    raise(4);
    expect(intr.level).toBe(false);
    master(1, 0x02);
    master(0, 0x68);
    expect(pic.acknowledge()).toBe(0x24);
    master(0, 0x48);
    master(0, 0x20);
    expect(readIsr()).toBe(0x10); // 1 went first
  });

  it('nests the slave in special fully nested mode', () => {
    initialize(0x11);
    raise(12);
    expect(pic.acknowledge()).toBe(0x2c);
    raise(9);
    expect(intr.level).toBe(true);
    expect(pic.acknowledge()).toBe(0x29);
  });

  it('can be polled', () => {
    master(0, 0x0c);
    expect(pic.master.read(0)).toBe(0);
    raise(6);
    master(0, 0x0c);
    expect(pic.master.read(0)).toBe(0x86);
    expect(readIsr()).toBe(0x40);
  });

  it('is silent until initialization ends', () => {
    master(0, 0x11);
    raise(1);
    expect(intr.level).toBe(false);
    master(1, 0x40);
    master(1, 0x04);
    master(1, 0x01);
    expect(pic.acknowledge()).toBe(0x41);
  });

  it('has no input 2', () => {
    expect(() => pic.line(2)).toThrow(/no input 2/);
    expect(() => pic.line(16)).toThrow(RangeError);
  });
});
