import { FREQUENCY } from '../../arch/pc.ts';
import type { BusTarget, Device } from '../../contracts/device.ts';
import type { Pit8254 } from './pit8254.ts';

const BIT = { GATE2: 1, SPEAKER: 2, CHECK_ENABLES: 0x0c, REFRESH: 0x10, OUT2: 0x20 } as const;

/** Memory refresh requests come every 15 us. */
const REFRESH_TICKS = Math.round(FREQUENCY.pit * 15e-6);

/**
 * System control port B (port 61h of the PC AT): gate and output of timer channel 2, the speaker, and
 * the refresh bit that toggles with time. The parity and channel check bits 7:6 are always clear.
 */
export class SystemPortB implements BusTarget, Device<number> {
  readonly widest = 1;
  private readonly pit: Pit8254;
  /** Bits 3:1; bit 0 lives in the timer. */
  private bits = 0;

  constructor(pit: Pit8254) {
    this.pit = pit;
  }

  /** Whether the speaker's diaphragm is out. */
  get speaker(): boolean {
    return (this.bits & BIT.SPEAKER) !== 0 && this.pit.output2;
  }

  read(): number {
    const refresh = Math.floor(this.pit.tick / REFRESH_TICKS) & 1;
    return (
      this.bits |
      (this.pit.gate2 ? BIT.GATE2 : 0) |
      (refresh ? BIT.REFRESH : 0) |
      (this.pit.output2 ? BIT.OUT2 : 0)
    );
  }

  write(_offset: number, _size: number, value: number): void {
    this.bits = value & (BIT.SPEAKER | BIT.CHECK_ENABLES);
    this.pit.gate2 = (value & BIT.GATE2) !== 0;
  }

  reset(): void {
    this.bits = 0;
  }

  save(): number {
    return this.bits;
  }

  restore(state: number): void {
    this.bits = state;
  }
}
