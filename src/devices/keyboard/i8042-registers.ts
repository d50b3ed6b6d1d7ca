/** Registers and commands of the 8042 keyboard controller. */

/** Status register, read at the command port. */
export const STATUS = {
  OUTPUT_FULL: 0x01,
  SYSTEM: 0x04,
  COMMAND: 0x08,
  NOT_LOCKED: 0x10,
  AUX_DATA: 0x20,
  TIMEOUT: 0x40,
} as const;
/** Command byte, RAM location 0. */
export const CONFIG = {
  IRQ: 1,
  AUX_IRQ: 2,
  SYSTEM: 4,
  DISABLE: 0x10,
  AUX_DISABLE: 0x20,
  TRANSLATE: 0x40,
} as const;
export const OUTPUT_PORT = { NOT_RESET: 1, A20: 2, FULL: 0x10, AUX_FULL: 0x20 } as const;
/** Controller commands (IBM PS/2 Technical Reference, "Keyboard/Auxiliary Device Controller"). */
export const COMMAND = {
  READ_RAM: 0x20,
  WRITE_RAM: 0x60,
  DISABLE_AUX: 0xa7,
  ENABLE_AUX: 0xa8,
  SELF_TEST: 0xaa,
  DISABLE: 0xad,
  ENABLE: 0xae,
  READ_OUTPUT_PORT: 0xd0,
  WRITE_OUTPUT_PORT: 0xd1,
  WRITE_OUTPUT_BUFFER: 0xd2,
  WRITE_AUX_OUTPUT_BUFFER: 0xd3,
  WRITE_AUX: 0xd4,
  DISABLE_A20: 0xdd,
  ENABLE_A20: 0xdf,
  PULSE: 0xf0,
} as const;

/** Commands that only ask something, with the answer. */
export const REPLIES: ReadonlyMap<number, number> = new Map([
  [0xa4, 0xf1], // test password: none
  [0xa9, 0x00], // test auxiliary port: no fault
  [0xab, 0x00], // test keyboard port: no fault
  [0xc0, 0xa0], // read input port: not locked
  [0xe0, 0x00], // read test inputs
]);

/** Answer of the self test: passed. */
export const SELF_TEST_PASSED = 0x55;

/** Put in place of the answer when nobody answers at the auxiliary port. */
export const NO_ANSWER = 0xfe;

export const RAM_SIZE = 32;
