import { MEMORY_MAP } from '../../arch/pc.ts';

/** Address range types; E820, multiboot and PVH agree on these numbers (ACPI, "Address Range Types"). */
export const RANGE_TYPE = { ram: 1, reserved: 2 } as const;

export interface MemoryRange {
  readonly base: number;
  readonly length: number;
  readonly type: (typeof RANGE_TYPE)[keyof typeof RANGE_TYPE];
}

/** The firmware's memory map of a computer with `ramSize` bytes of RAM (at least 1 MiB), by address. */
export function memoryMap(ramSize: number): readonly MemoryRange[] {
  const { extendedBiosDataArea, systemBios, extendedMemory } = MEMORY_MAP;
  const map: MemoryRange[] = [
    { base: 0, length: extendedBiosDataArea.base, type: RANGE_TYPE.ram },
    { ...extendedBiosDataArea, type: RANGE_TYPE.reserved },
    { ...systemBios, type: RANGE_TYPE.reserved },
  ];
  if (ramSize > extendedMemory) {
    map.push({ base: extendedMemory, length: ramSize - extendedMemory, type: RANGE_TYPE.ram });
  }
  return map;
}

/** KiB of RAM from 1 MiB up, as the older interfaces count. */
export const upperMemoryKiB = (ramSize: number): number =>
  Math.max(0, Math.floor((ramSize - MEMORY_MAP.extendedMemory) / 1024));

/** KiB of conventional memory. */
export const LOWER_MEMORY_KIB = MEMORY_MAP.extendedBiosDataArea.base / 1024;
