/** The set of ACPI tables in the BIOS area, and the RSDP that leads to them. */
import { MEMORY_MAP } from '../../../arch/pc.ts';
import { ByteWriter } from '../byte-writer.ts';
import type { PlacedRsdp } from '../image.ts';
import { dsdt } from './dsdt.ts';
import { facs, fadt } from './fadt.ts';
import { madt } from './madt.ts';
import { checksum, OEM_ID, table } from './table.ts';

const RSDP_REVISION = 2;
const RSDP_SIZE = 36;
/** The checksum of ACPI 1.0 covers this much. */
const RSDP_V1_SIZE = 20;
/** FACS wants 64; nothing wants more. */
const ALIGNMENT = 64;
const MAX_CPUS = 128;

export interface AcpiTables {
  /** Physical address of the first byte. */
  readonly base: number;
  readonly bytes: Uint8Array;
  readonly rsdp: PlacedRsdp;
}

/** ACPI specification, "Root System Description Pointer (RSDP)". */
function rsdpBytes(rsdt: number, xsdt: number): Uint8Array {
  const writer = new ByteWriter().ascii('RSD PTR ').u8(0).ascii(OEM_ID).u8(RSDP_REVISION).u32(rsdt);
  const bytes = writer.u32(RSDP_SIZE).u64(xsdt).u8(0).zeros(3).finish();
  bytes[8] = checksum(bytes.subarray(0, RSDP_V1_SIZE));
  bytes[32] = checksum(bytes);
  return bytes;
}

/** All tables for a computer with `cpus` processors, to be written at `base`. */
export function acpiTables(cpus: number): AcpiTables {
  if (!Number.isInteger(cpus) || cpus < 1 || cpus > MAX_CPUS) {
    throw new RangeError(`${cpus} processors; from 1 to ${MAX_CPUS} are possible`);
  }
  const { base } = MEMORY_MAP.systemBios;
  const area = new ByteWriter();
  const rsdpRoom = ALIGNMENT;
  area.zeros(rsdpRoom);
  const place = (bytes: Uint8Array): number => {
    const address = base + area.length;
    area.append(bytes).align(ALIGNMENT);
    return address;
  };
  const fadtAt = place(fadt(place(facs()), place(dsdt(cpus))));
  const entries = [fadtAt, place(madt(cpus))];
  const rsdt = new ByteWriter();
  const xsdt = new ByteWriter();
  for (const entry of entries) {
    rsdt.u32(entry);
    xsdt.u64(entry);
  }
  const rsdp = rsdpBytes(place(table('RSDT', 1, rsdt.finish())), place(table('XSDT', 1, xsdt.finish())));
  const bytes = area.finish();
  bytes.set(rsdp);
  return { base, bytes, rsdp: { address: base, bytes: rsdp } };
}
