import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TickRate } from './rate.ts';

describe('TickRate', () => {
  it('agrees with exact arithmetic, also where plain products lose bits', () => {
    const rates = [1193182, 3579545, 1843200, 32768];
    const clocks = [250_000_000, 333_333_333, 1_000_000_000, 2_400_000_000];
    fc.assert(
      fc.property(
        fc.constantFrom(...clocks),
        fc.constantFrom(...rates),
        fc.integer({ min: 0, max: 2 ** 50 }),
        (hz, frequency, cycles) => {
          const rate = new TickRate(hz, frequency);
          const ticks = rate.ticks(cycles);
          expect(ticks).toBe(Number((BigInt(cycles) * BigInt(frequency)) / BigInt(hz)));
          const first = rate.cycles(ticks);
          expect(first).toBeLessThanOrEqual(cycles);
          expect(rate.ticks(first)).toBe(ticks);
          if (first > 0) expect(rate.ticks(first - 1)).toBe(ticks - 1);
        },
      ),
    );
  });

  it('refuses what it cannot do exactly', () => {
    expect(() => new TickRate(0, 1)).toThrow(RangeError);
    expect(() => new TickRate(1.5e9, 0.5)).toThrow(RangeError);
    expect(() => new TickRate(9_999_999_967, 3_579_545)).toThrow(/3579545 Hz/);
  });
});
