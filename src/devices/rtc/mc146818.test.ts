import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeClock, FakeLine } from '../testing.ts';
import { dayOfWeek, fromEpoch, toEpoch } from './calendar.ts';
import { Mc146818 } from './mc146818.ts';
import { memorySizeNvram } from './nvram.ts';

const HZ = 1_000_000;
/** Thursday 2024-02-29 23:59:58 UTC. */
const START = 1_709_251_198;

let clock: FakeClock;
let line: FakeLine;
let rtc: Mc146818;
const get = (index: number) => {
  rtc.write(0, 1, index);
  return rtc.read(1);
};
const put = (index: number, value: number) => {
  rtc.write(0, 1, index);
  rtc.write(1, 1, value);
};
const time = () => [0x32, 9, 8, 7, 4, 2, 0].map((i) => get(i).toString(16).padStart(2, '0')).join(' ');

beforeEach(() => {
  clock = new FakeClock(HZ);
  line = new FakeLine();
  rtc = new Mc146818({ clock, line, startTime: START, nvram: memorySizeNvram(256 * 2 ** 20) });
});

describe('calendar', () => {
  it('agrees with ECMAScript both ways', () => {
    fc.assert(
      fc.property(fc.integer({ min: -62_000_000_000, max: 200_000_000_000 }), (seconds) => {
        const date = new Date(seconds * 1000);
        const t = fromEpoch(seconds);
        expect(t).toEqual({
          year: date.getUTCFullYear(),
          month: date.getUTCMonth() + 1,
          day: date.getUTCDate(),
          hour: date.getUTCHours(),
          minute: date.getUTCMinutes(),
          second: date.getUTCSeconds(),
        });
        expect(toEpoch(t)).toBe(seconds);
        expect(dayOfWeek(seconds)).toBe(date.getUTCDay() + 1);
      }),
    );
  });
});

describe('MC146818', () => {
  it('shows the time in BCD and runs over a leap day', () => {
    expect(time()).toBe('20 24 02 29 23 59 58');
    expect(get(6)).toBe(5);
    clock.advanceSeconds(2);
    expect(time()).toBe('20 24 03 01 00 00 00');
    expect(get(6)).toBe(6);
  });

  it('shows it in binary, and in 12 hours with the PM bit', () => {
    put(0x0b, 4);
    expect(get(4)).toBe(0x80 | 11);
    clock.advanceSeconds(2);
    expect(get(4)).toBe(12);
    put(0x0b, 6);
    expect([get(4), get(9)]).toEqual([0, 24]);
  });

  it('announces an update 244 us ahead', () => {
    expect(get(0x0a)).toBe(0x26);
    clock.advance(HZ - 246);
    expect(get(0x0a)).toBe(0x26);
    clock.advance(1);
    expect(get(0x0a)).toBe(0xa6);
    clock.advance(245);
    expect(get(0x0a)).toBe(0x26);
    expect(get(0)).toBe(0x59);
  });

  it('is set as Linux sets it', () => {
    const control = get(0x0b);
    put(0x0b, control | 0x80);
    const select = get(0x0a);
    put(0x0a, select | 0x70);
    for (const [index, value] of [
      [9, 0x31],
      [8, 0x12],
      [7, 0x31],
      [4, 0x12],
      [2, 0x30],
      [0, 0x15],
      [0x32, 0x19],
    ] as const)
      put(index, value);
    clock.advanceSeconds(3);
    expect(get(0)).toBe(0x15);
    put(0x0b, control);
    put(0x0a, select);
    expect(time()).toBe('19 31 12 31 12 30 15');
    clock.advance(HZ / 2 - 1);
    expect(get(0)).toBe(0x15);
    clock.advance(1);
    expect(get(0)).toBe(0x16);
  });

  it('takes a single field without a stop', () => {
    put(2, 0x10);
    clock.advanceSeconds(1);
    expect(time()).toBe('20 24 02 29 23 10 59');
  });

  it('interrupts after each update', () => {
    put(0x0b, 0x12);
    clock.advanceSeconds(1);
    expect(line.level).toBe(true);
    expect(get(0x0c)).toBe(0x90 | 0x40);
    expect(line.level).toBe(false);
    clock.advanceSeconds(1);
    expect(line.rises).toBe(2);
  });

  it('interrupts at the alarm, also with "any" bytes', () => {
    put(1, 0x00);
    put(3, 0x00);
    put(5, 0xff);
    put(0x0b, 0x22);
    clock.advanceSeconds(1);
    expect(line.level).toBe(false);
    clock.advanceSeconds(1);
    expect(line.level).toBe(true);
    expect(get(0x0c) & 0xa0).toBe(0xa0);
    clock.advanceSeconds(3600);
    expect(line.rises).toBe(2);
  });

  it('sets flags while interrupts are off', () => {
    put(1, 0x10);
    put(3, 0xff);
    put(5, 0xff);
    get(0x0c);
    clock.advanceSeconds(5);
    expect(get(0x0c) & 0xb0).toBe(0x10);
    clock.advanceSeconds(100);
    expect(get(0x0c) & 0xb0).toBe(0x30);
    expect(clock.nextEvent).toBeUndefined();
  });

  it('interrupts periodically at the selected rate', () => {
    put(0x0a, 0x26); // 1024 Hz
    put(0x0b, 0x42);
    let count = 0;
    for (let i = 0; i < 10_000; i++) {
      clock.advance(100);
      if (line.level && get(0x0c) & 0x40) count++;
    }
    expect(count).toBe(1024);
    put(0x0a, 0x20);
    get(0x0c);
    clock.advanceSeconds(1);
    expect(line.level).toBe(false);
  });

  it('remembers memory sizes and whatever is stored, over a reset', () => {
    expect(get(0x15) | (get(0x16) << 8)).toBe(640);
    expect(get(0x30) | (get(0x31) << 8)).toBe(63 * 1024);
    expect(get(0x34) | (get(0x35) << 8)).toBe((240 * 2 ** 20) / 65536);
    put(0x40, 0x5a);
    put(0x0b, 0x72);
    rtc.reset();
    expect([get(0x40), get(0x0b), get(0x0d)]).toEqual([0x5a, 0x02, 0x80]);
    clock.advanceSeconds(1);
    expect(time()).toBe('20 24 02 29 23 59 59');
  });
});
