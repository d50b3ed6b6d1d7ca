/** Motorola MC146818A data sheet, "Register Definitions"; the century's place is the PC's. */
export const REG = {
  SECOND: 0,
  SECOND_ALARM: 1,
  MINUTE: 2,
  MINUTE_ALARM: 3,
  HOUR: 4,
  HOUR_ALARM: 5,
  WEEKDAY: 6,
  DAY: 7,
  MONTH: 8,
  YEAR: 9,
  A: 10,
  B: 11,
  C: 12,
  D: 13,
  CENTURY: 0x32,
} as const;

export const A = { UPDATING: 0x80, DIVIDER: 0x70, DIVIDER_NORMAL: 0x20, RATE: 0x0f } as const;
export const B = { SET: 0x80, PERIODIC: 0x40, ALARM: 0x20, UPDATE: 0x10, BINARY: 4, HOURS_24: 2 } as const;
export const C = { IRQ: 0x80, PERIODIC: 0x40, ALARM: 0x20, UPDATE: 0x10 } as const;
/** Register D: memory and time are valid. */
export const D_VALID = 0x80;

/** In 12-hour mode, bit 7 of the hour. */
export const PM = 0x80;

/** Alarm bytes from here on match any time. */
export const ANY = 0xc0;
