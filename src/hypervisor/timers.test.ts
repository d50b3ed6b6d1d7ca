import { beforeEach, describe, expect, it } from 'vitest';
import { GuestClock } from './timers.ts';

let now: number;
let changes: number;
let clock: GuestClock;

beforeEach(() => {
  now = 1000;
  changes = 0;
  clock = new GuestClock(
    1e9,
    () => now,
    () => changes++,
  );
});

describe('the clock of a VM', () => {
  it('starts at 0 when the VM does, and stands still while it is paused', () => {
    now = 5000;
    expect(clock.now()).toBe(0);
    clock.run();
    now = 5300;
    expect(clock.now()).toBe(300);
    clock.stop();
    now = 9000;
    expect(clock.now()).toBe(300);
    clock.run();
    now = 9050;
    expect(clock.now()).toBe(350);
    expect(clock.hostOffset).toBe(8700);
  });

  it('fires alarms in order, each once, at guest instants', () => {
    const fired: string[] = [];
    const a = clock.timer('a', () => fired.push(`a ${clock.now()}`));
    const b = clock.timer('b', () => fired.push(`b ${clock.now()}`));
    clock.run();
    a.set(200);
    b.set(100);
    expect(clock.deadline).toBe(1100);
    now = 1099;
    clock.fireDue();
    expect(fired).toEqual([]);
    now = 1250;
    clock.fireDue();
    expect(fired).toEqual(['b 250', 'a 250']);
    expect([a.when, clock.deadline]).toEqual([undefined, Number.POSITIVE_INFINITY]);
  });

  it('fires alarms of the same instant in the order they were made', () => {
    const fired: number[] = [];
    const timers = [0, 1, 2].map((n) => clock.timer(`${n}`, () => fired.push(n)));
    for (const timer of timers.toReversed()) timer.set(10);
    clock.run();
    now += 10;
    clock.fireDue();
    expect(fired).toEqual([0, 1, 2]);
  });

  it('lets an alarm arm itself again', () => {
    let count = 0;
    const timer = clock.timer('tick', () => {
      count++;
      timer.set(clock.now() + 10);
    });
    clock.run();
    timer.set(10);
    for (now = 1000; now <= 1100; now++) clock.fireDue();
    expect(count).toBe(10);
  });

  it('has no deadline while stopped, and another one afterwards', () => {
    const timer = clock.timer('a', () => {});
    clock.run();
    timer.set(500);
    clock.stop();
    expect(clock.deadline).toBe(Number.POSITIVE_INFINITY);
    now += 300;
    clock.run();
    expect(clock.deadline).toBe(now + 500);
    timer.cancel();
    expect(clock.deadline).toBe(Number.POSITIVE_INFINITY);
  });

  it('says when its deadline may have moved, not when nothing changed', () => {
    const timer = clock.timer('a', () => {});
    clock.run();
    const before = changes;
    timer.set(500);
    expect(changes).toBe(before + 1);
    timer.set(500);
    expect(changes).toBe(before + 1);
  });
});
