import { FREQUENCY } from '../../arch/pc.ts';
import { TickRate } from '../rate.ts';
import { LCR } from './registers.ts';

/** How long bits and characters take on the line, in cycles, by divisor latch and line control register. */
export class LineTiming {
  private readonly rate: TickRate;
  private divisor = 1;
  private bitsPerCharacter = 10;

  /** @param hz Cycles per second. */
  constructor(hz: number) {
    this.rate = new TickRate(hz, FREQUENCY.uart);
  }

  /** Takes over what the registers say. A divisor of 0 counts as 1. */
  configure(divisor: number, lcr: number): void {
    this.divisor = Math.max(1, divisor);
    const data = 5 + (lcr & LCR.WORD_LENGTH);
    const stop = lcr & LCR.TWO_STOP_BITS ? 2 : 1;
    this.bitsPerCharacter = 1 + data + (lcr & LCR.PARITY ? 1 : 0) + stop;
  }

  get bit(): number {
    return this.rate.cycles(16 * this.divisor);
  }

  get character(): number {
    return this.rate.cycles(16 * this.divisor * this.bitsPerCharacter);
  }
}
