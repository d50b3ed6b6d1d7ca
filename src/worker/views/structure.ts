import type { PhysicalMemory } from '../../contracts/memory.ts';
import type { StructureView } from '../../protocol/system-view.ts';
import type { ControlStructure } from '../machines/control-structure.ts';

/** The fields of a control structure with their values, by group in the order of the groups' first fields. */
export function structureView(
  { name, address, fields }: ControlStructure,
  ram: PhysicalMemory,
): StructureView {
  const groups = new Map<string, StructureView['groups'][number]['fields'][number][]>();
  for (const { name: field, group, offset, bytes, bits } of fields) {
    const stored = ram
      .read(address + offset, bytes)
      .reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    const row = { name: field, value: BigInt.asUintN(bits, stored), bits, changed: false };
    const rows = groups.get(group);
    if (rows === undefined) groups.set(group, [row]);
    else rows.push(row);
  }
  return {
    name,
    address: BigInt(address),
    groups: [...groups].map(([title, rows]) => ({ title, fields: rows })),
  };
}
