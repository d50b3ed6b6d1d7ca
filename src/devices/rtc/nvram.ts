const KIB = 1024;
const MIB = 1024 * KIB;
const word = (index: number, value: number): Array<[number, number]> => [
  [index, value & 0xff],
  [index + 1, (value >> 8) & 0xff],
];

/**
 * The CMOS bytes from which firmware and old systems learn how much RAM there is.
 * @param ram Bytes of RAM in all; everything above 16 MiB is reported in 64 KiB units.
 */
export function memorySizeNvram(ram: number): ReadonlyMap<number, number> {
  const above1M = Math.min(Math.max(0, ram - MIB), 63 * MIB);
  const above16M = Math.min(Math.max(0, ram - 16 * MIB), 0xffff * 64 * KIB);
  return new Map([
    [0x14, 0x02], // equipment: FPU
    ...word(0x15, 640),
    ...word(0x17, above1M / KIB),
    ...word(0x30, above1M / KIB),
    ...word(0x34, Math.floor(above16M / (64 * KIB))),
  ]);
}
