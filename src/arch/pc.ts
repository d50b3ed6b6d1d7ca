/**
 * Where the parts of the simulated PC are: port numbers, memory-mapped bases, interrupt lines.
 *
 * One table for everyone who needs such a number: the buses, the ACPI tables, the loaders, the
 * hypervisor's virtual devices. The classic ports are those of the IBM PC AT and of Intel's PIIX
 * and ICH data sheets; the ACPI blocks have no fixed place and are ours to choose.
 */

/** I/O ports: first port of each block and how many ports it has. */
export const PORTS = {
  pic1: { base: 0x20, length: 2 },
  pit: { base: 0x40, length: 4 },
  /** i8042 data register. */
  keyboardData: { base: 0x60, length: 1 },
  /** Port 61h: timer 2 gate, speaker enable, refresh toggle, timer 2 output. */
  systemControlB: { base: 0x61, length: 1 },
  /** i8042 command and status register. */
  keyboardCommand: { base: 0x64, length: 1 },
  /** Index and data of the real-time clock's CMOS RAM. */
  rtc: { base: 0x70, length: 2 },
  /** Power-on self-test codes. */
  post: { base: 0x80, length: 1 },
  /** Port 92h: fast A20 gate and fast reset. */
  systemControlA: { base: 0x92, length: 1 },
  pic2: { base: 0xa0, length: 2 },
  /** Debug exit: value v ends the run with status (v << 1) | 1. */
  debugExit: { base: 0xf4, length: 1 },
  com4: { base: 0x2e8, length: 8 },
  com2: { base: 0x2f8, length: 8 },
  com3: { base: 0x3e8, length: 8 },
  com1: { base: 0x3f8, length: 8 },
  /** Edge/level control registers of the two PICs. */
  elcr: { base: 0x4d0, length: 2 },
  /** PM1a event block: status (2 bytes), enable (2 bytes). */
  pm1aEvent: { base: 0x600, length: 4 },
  /** PM1a control block. */
  pm1aControl: { base: 0x604, length: 2 },
  /** ACPI power management timer. */
  pmTimer: { base: 0x608, length: 4 },
  /** General-purpose event block 0: status (2 bytes), enable (2 bytes). */
  gpe0: { base: 0x620, length: 4 },
  pciConfigAddress: { base: 0xcf8, length: 4 },
  /** Reset control register; shares the doubleword of CONFIG_ADDRESS, which answers only 4-byte accesses. */
  resetControl: { base: 0xcf9, length: 1 },
  pciConfigData: { base: 0xcfc, length: 4 },
} as const;

/** Memory-mapped devices, by physical address. */
export const MMIO = {
  ioapic: { base: 0xfec0_0000, length: 0x1000 },
  localApic: { base: 0xfee0_0000, length: 0x1000 },
} as const;

/** ISA interrupt requests (PIC inputs). */
export const IRQ = {
  pit: 0,
  keyboard: 1,
  cascade: 2,
  com2: 3,
  com1: 4,
  rtc: 8,
  /** System control interrupt of ACPI: level-triggered, active high. */
  sci: 9,
  /** The two lines that PCI interrupt pins share: level-triggered. See `pciInterruptIrq`. */
  pciA: 10,
  pciB: 11,
  mouse: 12,
} as const;

/** I/O APIC inputs. ISA IRQ n is wired to input n, except that the PIT's IRQ 0 is wired to input 2. */
export const IOAPIC_INPUTS = 24;
export const IOAPIC_ID = 0;
export const IOAPIC_PIT_INPUT = 2;

/** The ISA IRQ behind a PCI interrupt pin (0 = INTA# .. 3 = INTD#) of the device in `slot`. */
export function pciInterruptIrq(slot: number, pin: number): number {
  return (slot + pin) % 2 === 0 ? IRQ.pciA : IRQ.pciB;
}

/** Input clocks in hertz. */
export const FREQUENCY = {
  pit: 1_193_182,
  /** ACPI specification, "Power Management Timer": three times the PIT's. */
  pmTimer: 3_579_545,
  /** Divided by 16 times the divisor latch it gives a 16550's baud rate. */
  uart: 1_843_200,
  rtc: 32_768,
} as const;

/** Bits of the fixed ACPI hardware that the tables and the device must agree on. */
export const ACPI_FIXED = {
  /** Width of the power management timer's count. */
  pmTimerBits: 24,
  /** PM1_CNT.SLP_TYP of S5, soft off. */
  sleepTypeS5: 5,
  /** Value that resets the computer when written to `PORTS.resetControl`: full reset, hard reset. */
  resetValue: 0x06,
} as const;

/** Physical address map. RAM fills the lower addresses up to its size, at most `maxRam`. */
export const MEMORY_MAP = {
  /** BIOS data area: what real-mode software reads about the ports and memory of the PC. */
  biosDataArea: { base: 0x400, length: 0x100 },
  /** Extended BIOS data area, the last KiB of conventional memory. */
  extendedBiosDataArea: { base: 0x9_fc00, length: 0x400 },
  /** Display memory and option ROMs: not RAM for a guest. */
  videoAndRoms: { base: 0xa_0000, length: 0x4_0000 },
  /** System BIOS: holds the ACPI tables. */
  systemBios: { base: 0xe_0000, length: 0x2_0000 },
  /** From here on RAM is contiguous. */
  extendedMemory: 0x10_0000,
  maxRam: 0x8000_0000,
  /** Window that PCI memory BARs are placed in. */
  pciMemory: { base: 0xc000_0000, length: 0x3ec0_0000 },
} as const;
