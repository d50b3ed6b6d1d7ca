/** Headers and checksums of ACPI tables. ACPI specification, "System Description Table Header". */
import { ByteWriter } from '../byte-writer.ts';

export const OEM_ID = 'RINGLB';
const OEM_TABLE_ID = 'RINGLAB ';
const OEM_REVISION = 1;
const CREATOR_ID = 'RLAB';
const CREATOR_REVISION = 1;

const LENGTH_OFFSET = 4;
const CHECKSUM_OFFSET = 9;

/** The byte that makes the sum of all bytes 0 modulo 256, given that its own place holds 0. */
export function checksum(bytes: Uint8Array): number {
  return -bytes.reduce((sum, byte) => sum + byte, 0) & 0xff;
}

/** A complete table: the 36-byte header, then `body`. `signature` has four characters. */
export function table(signature: string, revision: number, body: Uint8Array): Uint8Array {
  const writer = new ByteWriter().ascii(signature).u32(0).u8(revision, 0);
  writer.ascii(OEM_ID).ascii(OEM_TABLE_ID).u32(OEM_REVISION).ascii(CREATOR_ID).u32(CREATOR_REVISION);
  writer.append(body);
  const bytes = writer.patch32(LENGTH_OFFSET, writer.length).finish();
  bytes[CHECKSUM_OFFSET] = checksum(bytes);
  return bytes;
}
