/**
 * The BIOS data area at 400h: what real-mode software and Linux read there without calling the BIOS.
 * IBM PC AT Technical Reference, "BIOS Data Area".
 */
import { MEMORY_MAP, PORTS } from '../../arch/pc.ts';
import { LOWER_MEMORY_KIB } from './memory-map.ts';

const FIELD = { serialPorts: 0x00, extendedAreaSegment: 0x0e, equipment: 0x10, memoryKiB: 0x13 } as const;
/** Equipment word: bits 9..11 count the serial ports. */
const ONE_SERIAL_PORT = 1 << 9;

export function biosDataArea(): { base: number; bytes: Uint8Array } {
  const { base, length } = MEMORY_MAP.biosDataArea;
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint16(FIELD.serialPorts, PORTS.com1.base, true);
  view.setUint16(FIELD.extendedAreaSegment, MEMORY_MAP.extendedBiosDataArea.base >> 4, true);
  view.setUint16(FIELD.equipment, ONE_SERIAL_PORT, true);
  view.setUint16(FIELD.memoryKiB, LOWER_MEMORY_KIB, true);
  return { base, bytes };
}
