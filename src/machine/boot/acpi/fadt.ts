/** FADT: the fixed ACPI hardware, and FACS. ACPI specification, "Fixed ACPI Description Table". */
import { ACPI_FIXED, IRQ, PORTS } from '../../../arch/pc.ts';
import { ByteWriter } from '../byte-writer.ts';
import type { Range } from './resources.ts';
import { table } from './table.ts';

/** ACPI 2.0 layout: with the 64-bit (X_) fields. */
const FADT_REVISION = 3;
const PROFILE_DESKTOP = 1;
/** Latencies above these bounds say that C2 and C3 do not exist. */
const NO_C2 = 101;
const NO_C3 = 1001;
const IAPC_BOOT = { legacyDevices: 1 << 0, keyboardController: 1 << 1, noVga: 1 << 2 } as const;
const FLAG = {
  /** WBINVD works. */
  wbinvd: 1 << 0,
  /** C1 (HLT) is there on all processors. */
  c1: 1 << 2,
  /** No fixed-feature power and sleep buttons, no wake from S4 by the RTC. */
  noPowerButton: 1 << 4,
  noSleepButton: 1 << 5,
  noFixedRtc: 1 << 6,
  /** The PM timer counts 32 bits instead of 24. */
  timer32: 1 << 8,
  resetRegister: 1 << 10,
} as const;

const CENTURY_NONE = 0;
const SPACE_IO = 1;

/** Generic Address Structure for I/O ports. */
function ioAddress(writer: ByteWriter, { base, length }: Range): void {
  writer.u8(SPACE_IO, Math.min(length, 31) * 8, 0, 0).u64(base);
}

function absent(writer: ByteWriter): void {
  writer.zeros(12);
}

export function fadt(facs: number, dsdt: number): Uint8Array {
  const { pm1aEvent, pm1aControl, pmTimer, gpe0, resetControl } = PORTS;
  const timerFlag = ACPI_FIXED.pmTimerBits === 24 ? 0 : FLAG.timer32;
  const flags = FLAG.wbinvd | FLAG.c1 | FLAG.noPowerButton | FLAG.noSleepButton | FLAG.noFixedRtc;
  const body = new ByteWriter().u32(facs).u32(dsdt).u8(0, PROFILE_DESKTOP).u16(IRQ.sci);
  // SMI command port 0: the computer has no legacy mode to leave, SCI_EN is always set.
  body.u32(0).u8(0, 0, 0, 0);
  body.u32(pm1aEvent.base).u32(0).u32(pm1aControl.base).u32(0).u32(0);
  body.u32(pmTimer.base).u32(gpe0.base).u32(0);
  body.u8(pm1aEvent.length, pm1aControl.length, 0, pmTimer.length, gpe0.length, 0, 0, 0);
  body.u16(NO_C2).u16(NO_C3).u16(0).u16(0);
  // Duty cycle offset and width, day and month alarm, century.
  body.u8(0, 0, 0, 0, CENTURY_NONE);
  body.u16(IAPC_BOOT.legacyDevices | IAPC_BOOT.keyboardController | IAPC_BOOT.noVga).u8(0);
  body.u32(flags | FLAG.resetRegister | timerFlag);
  ioAddress(body, resetControl);
  body.u8(ACPI_FIXED.resetValue, 0, 0, 0);
  // The FACS is named once, by its 32-bit address.
  body.u64(0).u64(dsdt);
  ioAddress(body, pm1aEvent);
  absent(body);
  ioAddress(body, pm1aControl);
  absent(body);
  absent(body);
  ioAddress(body, pmTimer);
  ioAddress(body, gpe0);
  absent(body);
  return table('FACP', FADT_REVISION, body.finish());
}

/** FACS: 64 bytes without a checksum. No waking vector, no global lock in use. */
export function facs(): Uint8Array {
  return new ByteWriter().ascii('FACS').u32(64).zeros(24).u8(1).zeros(31).finish();
}
