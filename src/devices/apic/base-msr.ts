/**
 * IA32_APIC_BASE (Intel SDM volume 3A, "Local APIC Status and Location" and "x2APIC State
 * Transitions"): bit 8 bootstrap processor, 10 EXTD, 11 EN, then the page of the registers.
 */
const BIT = { BOOTSTRAP: 0x100, X2APIC: 0x400, ENABLE: 0x800 } as const;
const RESERVED = 0x2ff;
const DEFAULT_PAGE = 0xfee0_0000;

export type ApicMode = 'disabled' | 'xapic' | 'x2apic';

export class ApicBase {
  private readonly bootstrap: boolean;
  private readonly reservedHigh: number;
  private lo = 0;
  private hi = 0;

  constructor(bootstrap: boolean, physicalAddressBits: number) {
    this.bootstrap = bootstrap;
    this.reservedHigh = physicalAddressBits >= 64 ? 0 : ~(2 ** (physicalAddressBits - 32) - 1) >>> 0;
    this.reset();
  }

  get mode(): ApicMode {
    if ((this.lo & BIT.ENABLE) === 0) return 'disabled';
    return this.lo & BIT.X2APIC ? 'x2apic' : 'xapic';
  }

  /** Physical address of the register page. */
  get page(): number {
    return this.hi * 2 ** 32 + ((this.lo & 0xffff_f000) >>> 0);
  }

  read(): { lo: number; hi: number } {
    return { lo: this.lo, hi: this.hi };
  }

  /** False when the value or the transition is invalid, which is a #GP(0). */
  write(lo: number, hi: number): boolean {
    if (lo & RESERVED || hi & this.reservedHigh) return false;
    const enable = (lo & BIT.ENABLE) !== 0;
    const x2 = (lo & BIT.X2APIC) !== 0;
    if (x2 && !enable) return false;
    if (this.mode === 'x2apic' && enable && !x2) return false;
    if (this.mode === 'disabled' && x2) return false;
    this.lo = lo >>> 0;
    this.hi = hi >>> 0;
    return true;
  }

  reset(): void {
    this.lo = (DEFAULT_PAGE | BIT.ENABLE | (this.bootstrap ? BIT.BOOTSTRAP : 0)) >>> 0;
    this.hi = 0;
  }

  restore(state: { readonly lo: number; readonly hi: number }): void {
    this.lo = state.lo;
    this.hi = state.hi;
  }
}
