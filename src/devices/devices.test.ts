/**
 * What every device owes, whatever it does: a reset leads back to the state after power-on, and a
 * device restored from a saved state (by way of JSON text) behaves like the one it was saved from.
 * Behaviour is the answers to reads, what it does to its surroundings, and when.
 */
import { describe, expect, it } from 'vitest';
import type { AccessSize, BusTarget, Device, InterruptLine } from '../contracts/device.ts';
import { PowerManagement } from './acpi/power-management.ts';
import { ApicBus } from './apic/bus.ts';
import { IoApic } from './apic/io-apic.ts';
import { LocalApic } from './apic/local-apic.ts';
import { memoryBus, portBus } from './bus.ts';
import { I8042 } from './keyboard/i8042.ts';
import { SharedLine } from './lines.ts';
import { hostBridge } from './pci/bridges.ts';
import { PciConfigPorts } from './pci/config-ports.ts';
import { PciFunction } from './pci/function.ts';
import { PciBus } from './pci/pci-bus.ts';
import { PicPair } from './pic/pic-pair.ts';
import { Pit8254 } from './pit/pit8254.ts';
import { SystemPortB } from './pit/system-port-b.ts';
import { InterruptRouter } from './router.ts';
import { Mc146818 } from './rtc/mc146818.ts';
import { Uart16550 } from './serial/uart16550.ts';
import { PostCodes } from './system/post-codes.ts';
import { ResetControl } from './system/reset-control.ts';
import { SystemPortA } from './system/system-port-a.ts';
import { FakeClock } from './testing.ts';

const HZ = 10_000_000;

/** The surroundings of a device under test: a clock and a log of everything that comes out. */
class World {
  readonly clock: FakeClock;
  readonly log: string[] = [];
  constructor(start: number) {
    this.clock = new FakeClock(HZ, start);
  }
  note(what: string): void {
    this.log.push(`${this.clock.now()} ${what}`);
  }
  line(name: string): InterruptLine {
    return { set: (level) => this.note(`${name} ${level}`) };
  }
}

interface Subject {
  /** Devices in the order of saving; one of them or a device with its companions. */
  readonly devices: readonly Device<unknown>[];
  /** Targets with the number of addresses they have. */
  readonly targets: ReadonlyArray<readonly [target: BusTarget, length: number]>;
  /** Other things that can happen to it. */
  readonly stimuli?: ReadonlyArray<(value: number) => void>;
  readonly sizes?: readonly AccessSize[];
  /** Lets go of the wires that the device listens to. */
  readonly release?: () => void;
  /** Registers spaced so many addresses apart. */
  readonly stride?: number;
}

const subjects: Record<string, (world: World) => Subject> = {
  '16550A': (world) => {
    const output = { write: (byte: number) => world.note(`output ${byte}`) };
    const uart = new Uart16550({ clock: world.clock, line: world.line('irq'), output });
    return { devices: [uart], targets: [[uart, 8]], stimuli: [(v) => uart.receive([v, v ^ 1, v ^ 2])] };
  },
  '8259A pair': (world) => {
    const pic = new PicPair(world.line('intr'));
    return {
      devices: [pic],
      targets: [
        [pic.master, 2],
        [pic.slave, 2],
        [pic.elcr, 2],
      ],
      stimuli: [
        (v) => pic.line([0, 1, 3, 4, 5, 8, 9, 12][v & 7]).set((v & 8) !== 0),
        () => world.note(`vector ${pic.acknowledge()}`),
      ],
      release: () => {
        for (const irq of [0, 1, 3, 4, 5, 8, 9, 12]) pic.line(irq).set(false);
      },
    };
  },
  '8254 with port B': (world) => {
    const pit = new Pit8254({ clock: world.clock, line: world.line('irq0') });
    const portB = new SystemPortB(pit);
    return {
      devices: [pit, portB],
      targets: [
        [pit, 4],
        [portB, 1],
      ],
    };
  },
  MC146818: (world) => {
    const rtc = new Mc146818({ clock: world.clock, line: world.line('irq8'), startTime: 1_700_000_000 });
    return {
      devices: [rtc],
      targets: [[rtc, 2]],
      stimuli: [(v) => rtc.write(0, 1, v % 14), () => rtc.write(0, 1, 11), () => world.clock.advance(HZ / 3)],
    };
  },
  i8042: (world) => {
    const kbc = new I8042({
      line: world.line('irq1'),
      auxLine: world.line('irq12'),
      a20: (enabled) => world.note(`a20 ${enabled}`),
      reset: () => world.note('reset'),
    });
    return {
      devices: [kbc],
      targets: [
        [kbc.data, 1],
        [kbc.command, 1],
      ],
      stimuli: [
        (v) => kbc.key(v & 1 ? 'KeyA' : 'ArrowUp', (v & 2) !== 0),
        () => kbc.command.write(0, 1, 0xd1),
      ],
    };
  },
  'ACPI power management': (world) => {
    const pm = new PowerManagement({
      clock: world.clock,
      sci: world.line('sci'),
      powerOff: () => world.note('power off'),
    });
    return {
      devices: [pm],
      targets: [
        [pm.event, 3],
        [pm.control, 1],
        [pm.timer, 1],
        [pm.generalEvents, 3],
      ],
      sizes: [1, 2],
      stimuli: [() => pm.pressPowerButton(), (v) => pm.raiseEvent(v & 15), () => world.clock.advance(HZ)],
    };
  },
  PCI: (world) => {
    const memory = memoryBus();
    const ports = portBus();
    const bus = new PciBus({ ports, memory, interrupt: () => world.line('inta'), interruptNumber: () => 11 });
    const card = new PciFunction({ vendor: 0x1af4, device: 0x1041, classCode: 0x02_00_00, interruptPin: 1 });
    const registers = { read: () => 0, write: () => {} };
    card.addBar(0, { kind: 'io', size: 32, name: 'ports', target: registers });
    card.addBar(1, { kind: 'memory64', size: 4096, name: 'registers', target: registers });
    card.addCapability(9, [1, 2, 3, 4], [0, 0xff]);
    bus.add(0, 0, hostBridge());
    bus.add(3, 0, card);
    const config = new PciConfigPorts(bus, { read: () => 0, write: () => {} });
    return {
      devices: [bus, config],
      targets: [[config.data, 1]],
      sizes: [4],
      stimuli: [
        (v) => config.address.write(0, 4, (0x8000_0000 | (v & 0x40 ? 0x1800 : 0) | ((v % 8) << 2)) >>> 0),
        (v) => card.setInterrupt((v & 1) !== 0),
        () => world.note(JSON.stringify([ports.ranges(), memory.ranges()])),
      ],
    };
  },
  'local APIC': (world) => {
    const target = {
      interruptRequested: () => world.note('interrupt'),
      nmi: () => world.note('nmi'),
      init: () => world.note('init'),
      startup: (vector: number) => world.note(`startup ${vector}`),
    };
    const bus = new ApicBus();
    const { clock } = world;
    const apic = new LocalApic({ clock, bus, target, id: 0, bootstrap: true, acknowledgeExternal: () => 8 });
    return {
      devices: [apic],
      targets: [[apic, 64]],
      sizes: [4],
      stride: 16,
      stimuli: [
        () => apic.write(0xf0, 4, 0x1ff),
        (v) => apic.write(0x300, 4, 0x4_0000 | v),
        (v) => apic.write(0x320, 4, ((v & 1) << 17) | v),
        (v) => apic.write(0x380, 4, v * 10),
        (v) => apic.lint0.set((v & 1) !== 0),
        () => world.note(`vector ${apic.pending() ? apic.acknowledge() : 'none'}`),
        (v) => {
          apic.cr8 = v & 3;
        },
      ],
      release: () => apic.lint0.set(false),
    };
  },
  'I/O APIC': (world) => {
    const bus = new ApicBus();
    bus.connectLocal({
      isAddressedBy: (message) => message.destination < 128,
      processorPriority: 0,
      deliver: (message) => world.note(JSON.stringify(message)),
    });
    const ioApic = new IoApic(bus);
    return {
      devices: [ioApic],
      targets: [[ioApic, 5]],
      sizes: [4],
      stride: 16,
      stimuli: [
        (v) => ioApic.line(v & 7).set((v & 8) !== 0),
        (v) => ioApic.write(0, 4, 0x10 + (v & 15)),
        (v) => ioApic.write(0x10, 4, (v << 8) | (v & 0xf0)),
        (v) => bus.endOfInterrupt(v & 0xf0),
      ],
      release: () => {
        for (let input = 0; input < 8; input++) ioApic.line(input).set(false);
      },
    };
  },
  'shared line': (world) => {
    const shared = new SharedLine(world.line('out'));
    const inputs = [shared.input(), shared.input()];
    return { devices: [shared], targets: [], stimuli: [(v) => inputs[v & 1].set((v & 2) !== 0)] };
  },
  'interrupt router': (world) => {
    const pic = new PicPair(world.line('intr'));
    const ioApic = new IoApic(new ApicBus());
    const router = new InterruptRouter(pic, ioApic);
    const inputs = [router.isa(0), router.isa(10), router.isa(10)];
    pic.elcr.write(1, 1, 4);
    for (const value of [0x11, 0, 4, 1]) pic.master.write(value === 0x11 ? 0 : 1, 1, value);
    for (const value of [0x11, 8, 2, 1]) pic.slave.write(value === 0x11 ? 0 : 1, 1, value);
    return {
      devices: [router, pic, ioApic],
      targets: [],
      stimuli: [(v) => inputs[v % 3].set((v & 4) !== 0)],
    };
  },
  'POST port': () => {
    const port = new PostCodes();
    return { devices: [port], targets: [[port, 1]] };
  },
  'system control port A': (world) => {
    const port = new SystemPortA({ a20: (on) => world.note(`a20 ${on}`), reset: () => world.note('reset') });
    return { devices: [port], targets: [[port, 1]] };
  },
  'reset control': (world) => {
    const port = new ResetControl(() => world.note('reset'));
    return { devices: [port], targets: [[port, 1]] };
  },
};

/** A repeatable sequence of numbers below 2^24. */
function numbers(seed: number): () => number {
  let x = seed;
  return () => {
    x = (Math.imul(x, 1_664_525) + 1_013_904_223) | 0;
    return x >>> 8;
  };
}

/** Reads, writes, stimuli and passing time, chosen by `next`. */
function exercise(world: World, subject: Subject, next: () => number, steps: number): void {
  const { targets, stimuli = [], sizes = [1], stride = 1 } = subject;
  for (let i = 0; i < steps; i++) {
    const choice = next() % (targets.length * 2 + stimuli.length + 1);
    const value = next();
    if (choice < targets.length * 2) {
      const [target, length] = targets[choice >> 1];
      const offset = (next() % length) * stride;
      const size = sizes[next() % sizes.length];
      if (choice & 1) target.write(offset, size, value % 2 ** (size * 8));
      else world.note(`read ${offset} ${target.read(offset, size)}`);
    } else if (choice === targets.length * 2) world.clock.advance(value % 20_000);
    else stimuli[choice - targets.length * 2 - 1](value & 0xff);
  }
}

const throughJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const saved = (subject: Subject): unknown[] => subject.devices.map((device) => throughJson(device.save()));

describe.each(Object.entries(subjects))('%s', (_, make) => {
  it('does something in this test', () => {
    const world = new World(0);
    const subject = make(world);
    const next = numbers(1);
    const states = new Set<string>();
    for (let i = 0; i < 20; i++) {
      exercise(world, subject, next, 100);
      states.add(JSON.stringify(saved(subject)));
    }
    expect(world.log.length).toBeGreaterThan(20);
    expect(states.size).toBeGreaterThan(1);
  });

  it.each([2, 3, 4, 5, 6])('goes on as before when restored (history %i)', (seed) => {
    const world = new World(0);
    const original = make(world);
    exercise(world, original, numbers(seed), 500);
    const copyWorld = new World(world.clock.now());
    const copy = make(copyWorld);
    const state = saved(original);
    copy.devices.forEach((device, i) => {
      device.restore(state[i]);
    });
    copyWorld.log.length = 0;
    expect(saved(copy)).toEqual(state);
    const before = world.log.length;
    exercise(world, original, numbers(seed + 100), 500);
    exercise(copyWorld, copy, numbers(seed + 100), 500);
    expect(copyWorld.log).toEqual(world.log.slice(before));
    expect(saved(copy)).toEqual(saved(original));
  });

  it('does not share its saved state', () => {
    const world = new World(0);
    const subject = make(world);
    exercise(world, subject, numbers(7), 300);
    const states = subject.devices.map((device) => device.save());
    const before = JSON.stringify(states);
    exercise(world, subject, numbers(8), 300);
    expect(JSON.stringify(states)).toBe(before);
  });
});

describe('reset', () => {
  /** These keep the time, or are mere wires. */
  const keeping = ['MC146818', 'ACPI power management', 'shared line', 'interrupt router'];

  it.each(Object.entries(subjects).filter(([name]) => !keeping.includes(name)))(
    '%s is as after power-on',
    (_, make) => {
      const world = new World(0);
      const subject = make(world);
      exercise(world, subject, numbers(9), 500);
      subject.release?.();
      for (const device of subject.devices) device.reset();
      expect(saved(subject)).toEqual(saved(make(new World(0))));
      if (subject.devices.length === 1) expect(world.clock.nextEvent).toBeUndefined();
    },
  );
});
