import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairScheduler } from './fair.ts';

interface Thing {
  readonly name: string;
  readonly weight: number;
}

const SLICE = 1000;

function setup(weights: readonly number[]) {
  const scheduler = new FairScheduler<Thing>(SLICE);
  const things = weights.map((weight, i) => ({ name: `${i}`, weight }));
  for (const thing of things) {
    scheduler.add(thing);
    scheduler.wake(thing);
  }
  return { scheduler, things };
}

/** Lets whoever is picked run a slice, `rounds` times; cycles by thing. */
function run(scheduler: FairScheduler<Thing>, rounds: number): Map<Thing, number> {
  const cycles = new Map<Thing, number>();
  for (let i = 0; i < rounds; i++) {
    const thing = scheduler.pick();
    if (thing === undefined) break;
    scheduler.ran(thing, SLICE);
    scheduler.put(thing);
    cycles.set(thing, (cycles.get(thing) ?? 0) + SLICE);
  }
  return cycles;
}

describe('weighted fair scheduling', () => {
  it('takes turns among equals, in the order of waking', () => {
    const { scheduler } = setup([1024, 1024, 1024]);
    const order = Array.from({ length: 6 }, () => {
      const thing = scheduler.pick()!;
      scheduler.ran(thing, SLICE);
      scheduler.put(thing);
      return thing.name;
    });
    expect(order).toEqual(['0', '1', '2', '0', '1', '2']);
  });

  it('gives time in proportion to weight', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 256, max: 4096 }), { minLength: 1, maxLength: 6 }),
        (weights) => {
          const { scheduler, things } = setup(weights);
          const rounds = 3000;
          const cycles = run(scheduler, rounds);
          const total = weights.reduce((a, b) => a + b, 0);
          for (const thing of things) {
            const share = ((cycles.get(thing) ?? 0) * total) / (rounds * SLICE * thing.weight);
            expect(share).toBeGreaterThan(0.97);
            expect(share).toBeLessThan(1.03);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it('never picks one that sleeps or runs already', () => {
    const { scheduler, things } = setup([1024, 1024]);
    scheduler.sleep(things[0]);
    expect(scheduler.pick()).toBe(things[1]);
    expect(scheduler.pick()).toBeUndefined();
    expect(scheduler.waiting).toBe(0);
    scheduler.wake(things[0]);
    expect(scheduler.waiting).toBe(1);
    expect(scheduler.pick()).toBe(things[0]);
  });

  it('lets one that has slept run soon, without a credit for all of its sleep', () => {
    const { scheduler, things } = setup([1024, 1024]);
    scheduler.sleep(things[1]);
    run(scheduler, 100);
    scheduler.wake(things[1]);
    expect(scheduler.pick()).toBe(things[1]);
    scheduler.put(things[1]);
    const cycles = run(scheduler, 20);
    expect(cycles.get(things[0])).toBeGreaterThanOrEqual(9 * SLICE);
  });

  it('preempts one that has had more for one that woke up', () => {
    const { scheduler, things } = setup([1024, 1024]);
    scheduler.sleep(things[1]);
    run(scheduler, 10);
    const running = scheduler.pick()!;
    expect(scheduler.shouldPreempt(running)).toBe(false);
    scheduler.wake(things[1]);
    expect(scheduler.shouldPreempt(running)).toBe(true);
  });

  it('puts one that yields behind all others', () => {
    const { scheduler, things } = setup([1024, 1024, 1024]);
    const first = scheduler.pick()!;
    scheduler.yield(first);
    scheduler.put(first);
    expect([scheduler.pick(), scheduler.pick(), scheduler.pick()]).toEqual([things[1], things[2], things[0]]);
  });

  it('forgets one that is removed', () => {
    const { scheduler, things } = setup([1024]);
    scheduler.remove(things[0]);
    expect(scheduler.pick()).toBeUndefined();
    expect(() => scheduler.wake(things[0])).toThrow('does not know');
  });
});
