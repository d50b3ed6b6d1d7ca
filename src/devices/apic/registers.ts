/**
 * Registers of the local APIC (Intel SDM volume 3A, "Local APIC Register Address Map" and "x2APIC
 * Register Address Space"). A register's number is its MMIO offset divided by 16, and its x2APIC MSR
 * less 800h.
 */
export const REG = {
  ID: 0x02,
  VERSION: 0x03,
  TPR: 0x08,
  PPR: 0x0a,
  EOI: 0x0b,
  LDR: 0x0d,
  DFR: 0x0e,
  SVR: 0x0f,
  /** Eight registers each. */
  ISR: 0x10,
  TMR: 0x18,
  IRR: 0x20,
  ESR: 0x28,
  ICR_LOW: 0x30,
  ICR_HIGH: 0x31,
  LVT_TIMER: 0x32,
  LVT_THERMAL: 0x33,
  LVT_PERFORMANCE: 0x34,
  LVT_LINT0: 0x35,
  LVT_LINT1: 0x36,
  LVT_ERROR: 0x37,
  INITIAL_COUNT: 0x38,
  CURRENT_COUNT: 0x39,
  DIVIDE: 0x3e,
  SELF_IPI: 0x3f,
} as const;

/** Integrated APIC, six LVT entries, suppression of EOI broadcasts. */
export const VERSION = 0x0105_0014;

/** Bits of each LVT entry that software can write, from LVT_TIMER on. */
export const LVT_WRITABLE = [0x7_00ff, 0x1_07ff, 0x1_07ff, 0x1_a7ff, 0x1_a7ff, 0x1_00ff] as const;

export const LVT = {
  VECTOR: 0xff,
  DELIVERY: 0x700,
  REMOTE_IRR: 0x4000,
  LEVEL: 0x8000,
  MASKED: 0x1_0000,
} as const;
export const LVT_TIMER_MODE_SHIFT = 17;
export const SVR = { ENABLE: 0x100, SUPPRESS_EOI_BROADCAST: 0x1000, WRITABLE: 0x11ff } as const;
export const ICR = {
  VECTOR: 0xff,
  LOGICAL: 0x800,
  ASSERT: 0x4000,
  LEVEL: 0x8000,
  WRITABLE: 0xc_cfff,
} as const;
export const SHORTHAND = { NONE: 0, SELF: 1, ALL: 2, OTHERS: 3 } as const;
export const DIVIDE_WRITABLE = 0x0b;

/** Delivery modes of interrupt messages, ICR and LVT. */
export const DELIVERY = {
  FIXED: 0,
  LOWEST_PRIORITY: 1,
  SMI: 2,
  NMI: 4,
  INIT: 5,
  STARTUP: 6,
  EXTINT: 7,
} as const;
export const DELIVERY_SHIFT = 8;

export const ESR = {
  SEND_ILLEGAL_VECTOR: 0x20,
  RECEIVE_ILLEGAL_VECTOR: 0x40,
  ILLEGAL_REGISTER: 0x80,
} as const;

/** Vectors below are reserved for exceptions. */
export const FIRST_VECTOR = 16;

/** How a register may be reached as an MSR, and which bits must be 0 in a write. */
interface X2Rule {
  readonly read?: true;
  readonly reserved?: number;
}

const readOnly: X2Rule = { read: true };
const bank = (first: number): Array<[number, X2Rule]> =>
  Array.from({ length: 8 }, (_, i) => [first + i, readOnly]);

/** Registers of x2APIC mode; the rest is not there. A rule without `reserved` does not allow writes. */
export const X2_RULES: ReadonlyMap<number, X2Rule> = new Map([
  [REG.ID, readOnly],
  [REG.VERSION, readOnly],
  [REG.TPR, { read: true, reserved: ~0xff }],
  [REG.PPR, readOnly],
  [REG.EOI, { reserved: ~0 }],
  [REG.LDR, readOnly],
  [REG.SVR, { read: true, reserved: ~SVR.WRITABLE }],
  ...bank(REG.ISR),
  ...bank(REG.TMR),
  ...bank(REG.IRR),
  [REG.ESR, { read: true, reserved: ~0 }],
  // Delivery status is gone, but writing it does no harm on real processors.
  [REG.ICR_LOW, { read: true, reserved: ~(ICR.WRITABLE | 0x1000) }],
  ...LVT_WRITABLE.map((mask, i): [number, X2Rule] => [REG.LVT_TIMER + i, { read: true, reserved: ~mask }]),
  [REG.INITIAL_COUNT, { read: true, reserved: 0 }],
  [REG.CURRENT_COUNT, readOnly],
  [REG.DIVIDE, { read: true, reserved: ~DIVIDE_WRITABLE }],
  [REG.SELF_IPI, { reserved: ~0xff }],
]);
