import { describe, expect, it } from 'vitest';
import type { AccessSize, BusTarget } from '../contracts/device.ts';
import { BusOverlapError, memoryBus, portBus } from './bus.ts';

/** Answers reads with ascending bytes from `base` and writes down what it is asked. */
class Probe implements BusTarget {
  readonly log: string[] = [];
  readonly widest: AccessSize;
  private readonly base: number;
  constructor(widest: AccessSize, base: number) {
    this.widest = widest;
    this.base = base;
  }
  read(offset: number, size: AccessSize): number {
    this.log.push(`r${size}@${offset}`);
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + this.base + offset + i;
    return value;
  }
  write(offset: number, size: AccessSize, value: number): void {
    this.log.push(`w${size}@${offset}=${value.toString(16)}`);
  }
}

describe.each([
  ['ports', portBus],
  ['memory', memoryBus],
])('bus of %s', (_, make) => {
  it('passes fitting accesses through with the offset from the start of the range', () => {
    const bus = make();
    const probe = new Probe(4, 0x10);
    bus.attach({ start: 0x100, length: 8 }, 'probe', probe);
    expect(bus.read(0x104, 4)).toBe(0x17161514);
    bus.write(0x100, 2, 0xbeef);
    expect(probe.log).toEqual(['r4@4', 'w2@0=beef']);
  });

  it('answers all ones where nobody listens', () => {
    const bus = make();
    expect([bus.read(0x3f8, 1), bus.read(0x3f8, 2), bus.read(0x3f8, 4)]).toEqual([0xff, 0xffff, 0xffffffff]);
    bus.write(0x3f8, 4, 1);
    expect(bus.read(0xffff, 4)).toBe(0xffffffff);
  });

  it('halves accesses that are wider than the device', () => {
    const bus = make();
    const narrow = new Probe(1, 0xe0);
    bus.attach({ start: 0x40, length: 4 }, 'narrow', narrow);
    expect(bus.read(0x40, 4)).toBe(0xe3e2e1e0);
    bus.write(0x42, 2, 0xabcd);
    expect(narrow.log).toEqual(['r1@0', 'r1@1', 'r1@2', 'r1@3', 'w1@2=cd', 'w1@3=ab']);
  });

  it('halves accesses that straddle devices', () => {
    const bus = make();
    const low = new Probe(4, 0x10);
    const high = new Probe(4, 0x20);
    bus.attach({ start: 0x10, length: 2 }, 'low', low);
    bus.attach({ start: 0x12, length: 1 }, 'high', high);
    expect(bus.read(0x10, 4)).toBe(0xff201110);
    bus.write(0x0f, 4, 0x44332211);
    expect(low.log).toEqual(['r2@0', 'w1@0=22', 'w1@1=33']);
    expect(high.log).toEqual(['r1@0', 'w1@0=44']);
  });

  it('rejects overlap with an error that names both', () => {
    const bus = make();
    bus.attach({ start: 0x60, length: 1 }, 'keyboard', new Probe(1, 0));
    const again = () => bus.attach({ start: 0x5f, length: 4 }, 'pit', new Probe(1, 0));
    expect(again).toThrow(BusOverlapError);
    expect(again).toThrow(/"pit" \(5Fh\.\.62h\) overlaps "keyboard" \(60h\.\.60h\)/);
    expect(bus.ranges()).toHaveLength(1);
  });

  it('rejects ranges outside itself', () => {
    const bus = make();
    for (const range of [
      { start: -1, length: 2 },
      { start: 0, length: 0 },
      { start: bus.size - 1, length: 2 },
      { start: 0.5, length: 1 },
    ]) {
      expect(() => bus.attach(range, 'x', new Probe(1, 0))).toThrow(RangeError);
    }
  });

  it('lists by address and forgets what is detached', () => {
    const bus = make();
    bus.attach({ start: 0x70, length: 2 }, 'rtc', new Probe(1, 0));
    const pit = bus.attach({ start: 0x40, length: 4 }, 'pit', new Probe(1, 0));
    expect(bus.ranges().map((r) => r.name)).toEqual(['pit', 'rtc']);
    expect(bus.has(0x43)).toBe(true);
    pit.detach();
    expect(bus.has(0x43)).toBe(false);
    expect(bus.read(0x71, 1)).toBe(1);
    bus.attach({ start: 0x42, length: 1 }, 'other', new Probe(1, 0));
  });
});
