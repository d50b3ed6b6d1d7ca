import { beforeEach, describe, expect, it } from 'vitest';
import { type Bus, memoryBus, portBus } from '../bus.ts';
import { ResetControl } from '../system/reset-control.ts';
import { FakeLine } from '../testing.ts';
import { hostBridge, isaBridge } from './bridges.ts';
import { PciConfigPorts } from './config-ports.ts';
import { PciFunction } from './function.ts';
import { PciBus } from './pci-bus.ts';

let ports: Bus;
let memory: Bus;
let wire: FakeLine;
let bus: PciBus;
let resets: number;

const CONFIG_ADDRESS = 0xcf8;
const CONFIG_DATA = 0xcfc;
const select = (slot: number, fn: number, reg: number) =>
  ports.write(CONFIG_ADDRESS, 4, (0x8000_0000 | (slot << 11) | (fn << 8) | (reg & 0xfc)) >>> 0);
const get = (slot: number, fn: number, reg: number, size: 1 | 2 | 4 = 4) => {
  select(slot, fn, reg);
  return ports.read(CONFIG_DATA + (reg & 3), size);
};
const put = (slot: number, fn: number, reg: number, size: 1 | 2 | 4, value: number) => {
  select(slot, fn, reg);
  ports.write(CONFIG_DATA + (reg & 3), size, value);
};
const registers = (fill: number) => ({
  read: (offset: number) => fill + offset,
  write: () => {},
});
const card = () =>
  new PciFunction({ vendor: 0x1af4, device: 0x1041, classCode: 0x02_00_00, interruptPin: 1 });

beforeEach(() => {
  ports = portBus();
  memory = memoryBus();
  wire = new FakeLine();
  resets = 0;
  bus = new PciBus({
    ports,
    memory,
    interrupt: () => wire,
    interruptNumber: (slot, pin) => 10 + ((slot + pin) & 1),
  });
  const config = new PciConfigPorts(bus, new ResetControl(() => resets++));
  ports.attach({ start: CONFIG_ADDRESS, length: 4 }, 'CONFIG_ADDRESS', config.address);
  ports.attach({ start: CONFIG_DATA, length: 4 }, 'CONFIG_DATA', config.data);
  bus.add(0, 0, hostBridge());
  bus.add(1, 0, isaBridge());
});

describe('configuration mechanism #1', () => {
  it('is found as Linux looks for it', () => {
    ports.write(0xcfb, 1, 1);
    const before = ports.read(CONFIG_ADDRESS, 4);
    ports.write(CONFIG_ADDRESS, 4, 0x8000_0000);
    expect(ports.read(CONFIG_ADDRESS, 4)).toBe(0x8000_0000);
    ports.write(CONFIG_ADDRESS, 4, before);
    expect(get(0, 0, 0x0a, 2)).toBe(0x0600);
    expect(get(0, 0, 0)).toBe(0x1237_8086);
    expect(get(1, 0, 0x0a, 2)).toBe(0x0601);
    expect(get(2, 0, 0)).toBe(0xffff_ffff);
  });

  it('is silent while not enabled', () => {
    ports.write(CONFIG_ADDRESS, 4, 0);
    expect(ports.read(CONFIG_DATA, 4)).toBe(0xffff_ffff);
  });

  it('shares its second port with the reset control register', () => {
    select(0, 0, 0);
    ports.write(0xcf9, 1, 0x06);
    expect([resets, ports.read(0xcf9, 1), ports.read(CONFIG_ADDRESS, 4)]).toEqual([1, 6, 0x8000_0000]);
    expect(ports.read(0xcf8, 1)).toBe(0xff);
  });
});

describe('PCI function', () => {
  it('keeps what is read-only', () => {
    put(0, 0, 0, 4, 0);
    put(0, 0, 4, 4, 0xffff_ffff);
    expect(get(0, 0, 0)).toBe(0x1237_8086);
    expect(get(0, 0, 4)).toBe(0x0404);
  });

  it('tells the size of its BARs and moves on the bus', () => {
    const device = card();
    device.addBar(0, { kind: 'io', size: 32, name: 'card ports', target: registers(1) });
    device.addBar(1, { kind: 'memory32', size: 0x1000, name: 'card registers', target: registers(2) });
    device.addBar(2, {
      kind: 'memory64',
      size: 0x4000,
      name: 'card memory',
      target: registers(3),
      prefetchable: true,
    });
    bus.add(3, 0, device);
    for (const reg of [0x10, 0x14, 0x18, 0x1c, 0x20]) put(3, 0, reg, 4, 0xffff_ffff);
    expect([0x10, 0x14, 0x18, 0x1c, 0x20].map((reg) => get(3, 0, reg))).toEqual([
      0xffff_ffe1, 0xffff_f000, 0xffff_c00c, 0xffff_ffff, 0,
    ]);
    put(3, 0, 0x10, 4, 0xc000);
    put(3, 0, 0x14, 4, 0xc000_0000);
    put(3, 0, 0x18, 4, 0x8000_0000);
    put(3, 0, 0x1c, 4, 1);
    expect(memory.ranges()).toEqual([]);
    put(3, 0, 4, 2, 3);
    expect(ports.read(0xc005, 1)).toBe(6);
    expect(memory.ranges().map((r) => [r.start, r.length])).toEqual([
      [0xc000_0000, 0x1000],
      [0x1_8000_0000, 0x4000],
    ]);
    put(3, 0, 0x14, 4, 0xd000_0000);
    expect(memory.has(0xc000_0000)).toBe(false);
    expect(memory.read(0xd000_0003, 1)).toBe(5);
    expect(device.barAddress(2)).toBe(0x1_8000_0000);
    put(3, 0, 4, 2, 0);
    expect(memory.ranges()).toEqual([]);
  });

  it('stays off the bus where another device is', () => {
    memory.attach({ start: 0xfec0_0000, length: 0x1000 }, 'I/O APIC', registers(0));
    const device = card();
    device.addBar(0, { kind: 'memory32', size: 0x10_0000, name: 'big', target: registers(0) });
    bus.add(3, 0, device);
    put(3, 0, 4, 2, 2);
    put(3, 0, 0x10, 4, 0xfec0_0000);
    expect(memory.ranges()).toHaveLength(1);
    put(3, 0, 0x10, 4, 0xfed0_0000);
    expect(memory.ranges()).toHaveLength(2);
  });

  it('drives its interrupt pin unless disabled', () => {
    const device = card();
    bus.add(3, 0, device);
    expect(get(3, 0, 0x3c, 2)).toBe(0x010b);
    device.setInterrupt(true);
    expect([wire.level, get(3, 0, 6, 2)]).toEqual([true, 8]);
    put(3, 0, 4, 2, 0x400);
    expect(wire.level).toBe(false);
    put(3, 0, 4, 2, 0);
    expect(wire.level).toBe(true);
    device.setInterrupt(false);
    expect([wire.level, get(3, 0, 6, 2)]).toEqual([false, 0]);
  });

  it('chains capabilities', () => {
    const device = card();
    expect(device.addCapability(9, [1, 2, 3])).toBe(0x40);
    expect(device.addCapability(0x11, [0, 0x80], [0, 0xc0])).toBe(0x48);
    bus.add(4, 0, device);
    expect(get(4, 0, 6, 2)).toBe(0x10);
    expect(get(4, 0, 0x34, 1)).toBe(0x48);
    expect(get(4, 0, 0x48)).toBe(0x8000_4011);
    expect(get(4, 0, 0x40)).toBe(0x0201_0009);
    put(4, 0, 0x48, 4, 0x4000_0000);
    expect(get(4, 0, 0x48)).toBe(0x4000_4011);
  });

  it('shows several functions of one device', () => {
    bus.add(1, 1, card());
    expect(get(1, 0, 0x0e, 1)).toBe(0x80);
    expect(get(1, 1, 0)).toBe(0x1041_1af4);
    bus.add(5, 2, card());
    bus.add(5, 0, card());
    expect(get(5, 0, 0x0e, 1)).toBe(0x80);
  });

  it('refuses impossible places and sizes', () => {
    expect(() => bus.add(1, 0, card())).toThrow(/00:1\.0 is taken/);
    expect(() => bus.add(32, 0, card())).toThrow(RangeError);
    const bar = { kind: 'memory32', name: 'x', target: registers(0) } as const;
    expect(() => card().addBar(0, { ...bar, size: 0x300 })).toThrow(/power of two/);
    expect(() => card().addBar(5, { ...bar, kind: 'memory64', size: 16 })).toThrow(/does not fit/);
    expect(() => card().addCapability(1, new Array(200).fill(0))).toThrow(/no room/);
  });
});
