/** Configuration space header type 0 (PCI Local Bus Specification 3.0, "Configuration Space Organization"). */
export const CONFIG = {
  VENDOR: 0x00,
  DEVICE: 0x02,
  COMMAND: 0x04,
  STATUS: 0x06,
  REVISION: 0x08,
  CLASS: 0x09,
  HEADER_TYPE: 0x0e,
  BAR0: 0x10,
  SUBSYSTEM_VENDOR: 0x2c,
  SUBSYSTEM: 0x2e,
  CAPABILITIES: 0x34,
  INTERRUPT_LINE: 0x3c,
  INTERRUPT_PIN: 0x3d,
  FIRST_FREE: 0x40,
} as const;

export const COMMAND = { IO: 1, MEMORY: 2, BUS_MASTER: 4, INTERRUPT_DISABLE: 0x400 } as const;
export const STATUS = { INTERRUPT: 8, CAPABILITIES: 0x10 } as const;
export const MULTIFUNCTION = 0x80;
export const CONFIG_SIZE = 256;
export const BARS = 6;
