import { beforeEach, describe, expect, it } from 'vitest';
import { FREQUENCY } from '../../arch/pc.ts';
import { FakeClock, FakeLine } from '../testing.ts';
import { Pit8254 } from './pit8254.ts';
import { SystemPortB } from './system-port-b.ts';

const PIT_HZ = FREQUENCY.pit;

/** A clock of the timer's own frequency: one cycle is one tick. */
let clock: FakeClock;
let line: FakeLine;
let pit: Pit8254;
let portB: SystemPortB;
const out = (offset: number, ...values: number[]) => {
  for (const value of values) pit.write(offset, 1, value);
};
const read16 = (channel: number) => pit.read(channel) | (pit.read(channel) << 8);
const latched = (channel: number) => {
  out(3, channel << 6);
  return read16(channel);
};
const CONTROL = 3;

beforeEach(() => {
  clock = new FakeClock(PIT_HZ);
  line = new FakeLine();
  pit = new Pit8254({ clock, line });
  portB = new SystemPortB(pit);
});

describe('8254 modes', () => {
  it('0: interrupt on terminal count, then counts on', () => {
    out(CONTROL, 0x30);
    expect(line.level).toBe(false);
    out(0, 5, 0);
    clock.advance(1);
    expect(latched(0)).toBe(5);
    clock.advance(4);
    expect([latched(0), line.level]).toEqual([1, false]);
    clock.advance(1);
    expect([latched(0), line.level]).toEqual([0, true]);
    clock.advance(1);
    expect([latched(0), line.level]).toEqual([0xffff, true]);
    expect(clock.nextEvent).toBeUndefined();
    out(0, 3);
    expect(line.level).toBe(false); // the first byte of a new count stops the old one
  });

  it('1: one-shot, retriggered by the gate', () => {
    out(CONTROL, 0xb2);
    out(2, 4, 0);
    expect(portB.read() & 0x20).toBe(0x20);
    portB.write(0, 1, 1);
    clock.advance(1);
    expect(portB.read() & 0x20).toBe(0);
    clock.advance(3);
    portB.write(0, 1, 0);
    portB.write(0, 1, 1);
    clock.advance(4);
    expect(portB.read() & 0x20).toBe(0);
    clock.advance(1);
    expect(portB.read() & 0x20).toBe(0x20);
  });

  it('2: rate generator, low for one tick in each period', () => {
    out(CONTROL, 0x34);
    out(0, 4, 0);
    const trace: string[] = [];
    for (let i = 0; i < 9; i++) {
      clock.advance(1);
      trace.push(`${latched(0)}${line.level ? 'H' : 'L'}`);
    }
    expect(trace.join(' ')).toBe('4H 3H 2H 1L 4H 3H 2H 1L 4H');
    expect(line.rises).toBe(3); // one of them from power-on
  });

  it('2: a new count waits for the end of the period', () => {
    out(CONTROL, 0x34);
    out(0, 4, 0);
    clock.advance(2);
    out(0, 2, 0);
    expect(latched(0)).toBe(3);
    clock.advance(3);
    expect(latched(0)).toBe(2);
    clock.advance(2);
    expect(latched(0)).toBe(2);
    const before = line.rises;
    clock.advance(20);
    expect(line.rises - before).toBe(10);
  });

  it('3: square wave, also of odd length', () => {
    const wave = (count: number, ticks: number) => {
      out(CONTROL, 0x36);
      out(0, count, 0);
      const trace: string[] = [];
      for (let i = 0; i < ticks; i++) {
        clock.advance(1);
        trace.push(`${latched(0)}${line.level ? 'H' : 'L'}`);
      }
      return trace.join(' ');
    };
    expect(wave(4, 5)).toBe('4H 2H 4L 2L 4H');
    expect(wave(5, 6)).toBe('4H 2H 0H 4L 2L 4H');
  });

  it('3: takes a new count in the middle of a period', () => {
    out(CONTROL, 0x36);
    out(0, 8, 0);
    clock.advance(2);
    out(0, 4, 0);
    const levels: string[] = [];
    for (let i = 0; i < 8; i++) {
      clock.advance(1);
      levels.push(line.level ? 'H' : 'L');
    }
    expect(levels.join('')).toBe('HHLLHHLL');
  });

  it('4: strobe by software', () => {
    out(CONTROL, 0x38);
    out(0, 3, 0);
    clock.advance(3);
    expect(line.level).toBe(true);
    clock.advance(1);
    expect(line.level).toBe(false);
    clock.advance(1);
    expect(line.level).toBe(true);
    expect(clock.nextEvent).toBeUndefined();
  });

  it('5: strobe by hardware', () => {
    out(CONTROL, 0xba);
    out(2, 2, 0);
    portB.write(0, 1, 1);
    clock.advance(3);
    expect(portB.read() & 0x20).toBe(0);
    clock.advance(1);
    expect(portB.read() & 0x20).toBe(0x20);
  });

  it('stops while the gate is low', () => {
    portB.write(0, 1, 1);
    out(CONTROL, 0xb0);
    out(2, 100, 0);
    clock.advance(11);
    portB.write(0, 1, 0);
    clock.advance(1000);
    expect(latched(2)).toBe(90);
    portB.write(0, 1, 1);
    clock.advance(5);
    expect(latched(2)).toBe(85);
  });
});

describe('8254 reading', () => {
  it('reads low then high byte, each of the count at its own moment', () => {
    out(CONTROL, 0xb0);
    portB.write(0, 1, 1);
    out(2, 0x01, 0x12);
    clock.advance(2);
    expect(pit.read(2)).toBe(0x00);
    clock.advance(1);
    expect(pit.read(2)).toBe(0x11); // 11FFh by now
  });

  it('latches until read, and ignores a second latch', () => {
    out(CONTROL, 0x34);
    out(0, 0, 0x10);
    clock.advance(1);
    out(CONTROL, 0);
    clock.advance(100);
    out(CONTROL, 0);
    expect(read16(0)).toBe(0x1000);
    expect(latched(0)).toBe(0x1000 - 100);
  });

  it('accesses one byte only when told so', () => {
    out(CONTROL, 0x14);
    out(0, 0x80);
    clock.advance(1);
    expect([pit.read(0), pit.read(0)]).toEqual([0x80, 0x80]);
    out(CONTROL, 0x24);
    out(0, 0x80);
    clock.advance(1);
    expect([pit.read(0), pit.read(0)]).toEqual([0x80, 0x80]);
    clock.advance(1);
    expect(pit.read(0)).toBe(0x7f);
  });

  it('reads back status and count of several channels', () => {
    out(CONTROL, 0x34);
    out(0, 4, 0);
    clock.advance(1);
    out(CONTROL, 0xb0);
    out(CONTROL, 0xca); // status and count of channels 0 and 2
    expect(pit.read(0)).toBe(0xb4);
    expect(read16(0)).toBe(4);
    expect(pit.read(2)).toBe(0x70); // OUT low, no count yet
    out(2, 1, 0);
    expect(read16(2)).toBe(0);
    out(CONTROL, 0xe8);
    expect(pit.read(2)).toBe(0x70);
  });

  it('counts decimally in BCD', () => {
    out(CONTROL, 0x31);
    out(0, 0x00, 0x10);
    clock.advance(2);
    expect(latched(0)).toBe(0x0999);
    clock.advance(1000);
    expect(latched(0)).toBe(0x9999);
  });

  it('has a write-only control register', () => {
    expect(pit.read(CONTROL)).toBe(0xff);
  });
});

describe('what Linux measures the TSC with', () => {
  const reads = 1000;

  it('quick_pit_calibrate: the high byte of channel 2 falls every 256 ticks', () => {
    clock = new FakeClock(1_000_000_000);
    pit = new Pit8254({ clock, line });
    portB = new SystemPortB(pit);
    portB.write(0, 1, (portB.read() & ~2) | 1);
    out(CONTROL, 0xb0);
    out(2, 0xff, 0xff);
    pit.read(2);
    pit.read(2); // lets the count be loaded
    const readHigh = () => {
      clock.advance(reads);
      pit.read(2);
      return pit.read(2);
    };
    const firstAt: number[] = [];
    for (let high = 0xff; high > 0xf0; high--) {
      while (readHigh() !== high);
      firstAt.push(clock.now());
    }
    const perStep = (firstAt[14] - firstAt[1]) / 13;
    expect(Math.abs(perStep - (256 / PIT_HZ) * 1e9)).toBeLessThan(reads);
  });

  it('pit_calibrate_tsc: OUT of channel 2 rises after the programmed time', () => {
    portB.write(0, 1, (portB.read() & ~2) | 1);
    out(CONTROL, 0xb0);
    const latch = Math.floor(PIT_HZ / 100);
    out(2, latch & 0xff, latch >> 8);
    clock.advance(latch);
    expect(portB.read() & 0x20).toBe(0);
    clock.advance(1);
    expect(portB.read() & 0x20).toBe(0x20);
  });
});

describe('system control port B', () => {
  it('drives the speaker from channel 2', () => {
    out(CONTROL, 0xb6);
    out(2, 10, 0);
    portB.write(0, 1, 3);
    expect(portB.read() & 3).toBe(3);
    clock.advance(2);
    expect(portB.speaker).toBe(true);
    clock.advance(5);
    expect(portB.speaker).toBe(false);
  });

  it('toggles the refresh bit every 15 us', () => {
    const first = portB.read() & 0x10;
    clock.advance(18);
    expect(portB.read() & 0x10).not.toBe(first);
  });
});
