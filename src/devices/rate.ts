const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/**
 * Converts between cycles of the clock (`hz` a second) and ticks of an oscillator that started with it
 * (`frequency` a second), exactly: whole periods and remainder are multiplied apart, so no product
 * leaves the integers that a JavaScript number holds.
 */
export class TickRate {
  private readonly hz: number;
  private readonly frequency: number;

  /** @throws RangeError unless both are positive integers whose product fits 53 bits once common factors are gone. */
  constructor(hz: number, frequency: number) {
    const whole = Number.isSafeInteger(hz) && Number.isSafeInteger(frequency) && hz > 0 && frequency > 0;
    const common = whole ? gcd(hz, frequency) : 1;
    this.hz = hz / common;
    this.frequency = frequency / common;
    if (!whole || this.hz * this.frequency > Number.MAX_SAFE_INTEGER) {
      throw new RangeError(
        `cannot derive ${frequency} Hz from a clock of ${hz} Hz: give positive integers below 2^53 in product`,
      );
    }
  }

  /** Ticks completed at instant `cycles`. */
  ticks(cycles: number): number {
    const whole = Math.floor(cycles / this.hz);
    const rest = cycles - whole * this.hz;
    return whole * this.frequency + Math.floor((rest * this.frequency) / this.hz);
  }

  /** The first instant at which `ticks` ticks are completed. */
  cycles(ticks: number): number {
    const whole = Math.floor(ticks / this.frequency);
    const rest = ticks - whole * this.frequency;
    return whole * this.hz + Math.ceil((rest * this.hz) / this.frequency);
  }
}
