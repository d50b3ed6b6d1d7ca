/** The best of several runs, and what they are compared by. */
import type { EmulatorName, Place } from './competitors.ts';
import type { Conversation } from './dialogue.ts';
import type { ProcessorTime } from './time.ts';

/** The conversation's own cost: a test of this name does nothing. */
export const NOTHING = 'nothing';
export const BOOT = 'boot';

/** Which of the two times is compared. */
export type Measure = keyof ProcessorTime;

export class Results {
  private readonly best = new Map<string, number>();
  private readonly checksums = new Map<string, Map<string, string>>();

  add(emulator: EmulatorName, place: Place | undefined, { boot, tests }: Conversation): void {
    for (const measure of ['thread', 'process'] as const) {
      if (emulator !== 'native') this.note([emulator, place, BOOT, measure], boot[measure]);
      for (const { name, time } of tests) this.note([emulator, place, name, measure], time[measure]);
    }
    for (const { name, checksum } of tests) {
      const seen = this.checksums.get(name) ?? new Map<string, string>();
      this.checksums.set(name, seen.set(checksum, place === undefined ? emulator : `${emulator} (${place})`));
    }
  }

  /** Nanoseconds without those of the conversation; undefined: it did not run. */
  time(emulator: EmulatorName, place: Place | undefined, name: string, measure: Measure): number | undefined {
    const at = emulator === 'native' || emulator === 'qemu' ? undefined : place;
    const whole = this.best.get(key([emulator, at, name, measure]));
    const nothing = this.best.get(key([emulator, at, NOTHING, measure])) ?? 0;
    if (whole === undefined || name === BOOT) return whole;
    return Math.max(whole - nothing, SHORTEST);
  }

  /** Quotient of two times; undefined when one is missing. */
  ratio(
    [over, under]: readonly [EmulatorName, EmulatorName],
    place: Place,
    name: string,
    measure: Measure,
  ): number | undefined {
    const [a, b] = [this.time(over, place, name, measure), this.time(under, place, name, measure)];
    return a === undefined || b === undefined ? undefined : a / b;
  }

  /** Tests whose checksum is not the same everywhere, a line each. */
  disagreements(): string[] {
    return [...this.checksums]
      .filter(([, seen]) => seen.size > 1)
      .map(([name, seen]) => `${name}: ${[...seen].map(([sum, who]) => `${sum} by ${who}`).join(', ')}`);
  }

  private note(parts: readonly (string | undefined)[], value: number): void {
    const at = key(parts);
    this.best.set(at, Math.min(value, this.best.get(at) ?? Number.POSITIVE_INFINITY));
  }
}

/** A test cannot take less than this: the count is not finer. */
const SHORTEST = 1e5;

const key = (parts: readonly (string | undefined)[]): string => parts.join('|');
