/** Bits of the 16550A's registers (National Semiconductor PC16550D data sheet, "Registers"). */

export const IER = { RECEIVE: 1, TRANSMIT_EMPTY: 2, LINE_STATUS: 4, MODEM_STATUS: 8 } as const;

/** Interrupt identification, highest priority first; bit 0 clear means that one is pending. */
export const IIR = {
  NONE: 1,
  LINE_STATUS: 6,
  RECEIVE: 4,
  TIMEOUT: 12,
  TRANSMIT_EMPTY: 2,
  MODEM_STATUS: 0,
  FIFO_ON: 0xc0,
} as const;

export const FCR = { ENABLE: 1, CLEAR_RECEIVE: 2, CLEAR_TRANSMIT: 4, TRIGGER: 0xc0 } as const;

export const LCR = { WORD_LENGTH: 3, TWO_STOP_BITS: 4, PARITY: 8, DLAB: 0x80 } as const;

export const MCR = { DTR: 1, RTS: 2, OUT1: 4, OUT2: 8, LOOPBACK: 0x10 } as const;

export const LSR = {
  DATA_READY: 1,
  OVERRUN: 2,

  THR_EMPTY: 0x20,
  TRANSMITTER_EMPTY: 0x40,
} as const;

export const MSR = { DELTA_RI: 4, CTS: 0x10, DSR: 0x20, RI: 0x40, DCD: 0x80 } as const;

/** Bytes in the receive FIFO that raise the interrupt, by FCR[7:6]. */
export const TRIGGER_LEVELS = [1, 4, 8, 14] as const;

export const FIFO_SIZE = 16;
