/** Names what a file is by its first bytes, for the error that says why it cannot be booted. */
import type { ByteReader } from './byte-reader.ts';
import { ImageError } from './image-error.ts';

const ACCEPTED_FORMATS =
  'Linux bzImage, ELF (Linux vmlinux, PVH, multiboot 1 and 2, static x86 programs), ' +
  'a boot sector of 512 bytes, or a flat binary with address and mode';

interface Signature {
  readonly offset: number;
  readonly bytes: readonly number[] | string;
  readonly name: string;
  readonly advice?: string;
}

const UNPACK = 'Unpack it first.';
const EXTRACT = 'Take the kernel out of it and boot that.';

/** Well-known first bytes, more specific ones first. */
const SIGNATURES: readonly Signature[] = [
  { offset: 0, bytes: [0x1f, 0x8b], name: 'gzip data', advice: UNPACK },
  { offset: 0, bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], name: 'XZ data', advice: UNPACK },
  { offset: 0, bytes: [0x28, 0xb5, 0x2f, 0xfd], name: 'Zstandard data', advice: UNPACK },
  { offset: 0, bytes: [0x04, 0x22, 0x4d, 0x18], name: 'LZ4 data', advice: UNPACK },
  { offset: 0, bytes: [0x02, 0x21, 0x4c, 0x18], name: 'LZ4 data (legacy frame)', advice: UNPACK },
  { offset: 0, bytes: 'BZh', name: 'bzip2 data', advice: UNPACK },
  { offset: 0, bytes: [0x5d, 0x00, 0x00], name: 'LZMA data', advice: UNPACK },
  { offset: 0, bytes: 'PK\x03\x04', name: 'a ZIP archive', advice: UNPACK },
  { offset: 0, bytes: '7z\xbc\xaf', name: 'a 7-Zip archive', advice: UNPACK },
  { offset: 257, bytes: 'ustar', name: 'a tar archive', advice: UNPACK },
  {
    offset: 0,
    bytes: '070701',
    name: 'a cpio archive',
    advice: 'That is an initrd: give the kernel beside it.',
  },
  {
    offset: 0,
    bytes: '070702',
    name: 'a cpio archive',
    advice: 'That is an initrd: give the kernel beside it.',
  },
  {
    offset: 0,
    bytes: '!<arch>\ndebian',
    name: 'a Debian package',
    advice: 'Its kernel is in boot/: dpkg-deb -x unpacks it.',
  },
  { offset: 0, bytes: '!<arch>\n', name: 'an ar archive', advice: UNPACK },
  { offset: 0x8001, bytes: 'CD001', name: 'an ISO 9660 image', advice: EXTRACT },
  { offset: 0, bytes: 'QFI\xfb', name: 'a QCOW2 disk image', advice: EXTRACT },
  { offset: 0, bytes: 'KDMV', name: 'a VMDK disk image', advice: EXTRACT },
  { offset: 0x40, bytes: [0x7f, 0x10, 0xda, 0xbe], name: 'a VDI disk image', advice: EXTRACT },
  { offset: 0, bytes: 'conectix', name: 'a VHD disk image', advice: EXTRACT },
  { offset: 0, bytes: 'vhdxfile', name: 'a VHDX disk image', advice: EXTRACT },
  { offset: 0x200, bytes: 'EFI PART', name: 'a disk image with a GUID partition table', advice: EXTRACT },
  { offset: 0x38, bytes: 'ARM\x64', name: 'an ARM64 Linux Image' },
  { offset: 0x24, bytes: [0x18, 0x28, 0x6f, 0x01], name: 'an ARM Linux zImage' },
  { offset: 0x38, bytes: 'RSC\x05', name: 'a RISC-V Linux Image' },
  { offset: 0, bytes: [0x27, 0x05, 0x19, 0x56], name: 'a U-Boot image' },
  { offset: 0, bytes: [0xd0, 0x0d, 0xfe, 0xed], name: 'a flattened device tree' },
  { offset: 0, bytes: [0xfe, 0xed, 0xfa, 0xce], name: 'a Mach-O file' },
  { offset: 0, bytes: [0xce, 0xfa, 0xed, 0xfe], name: 'a Mach-O file' },
  { offset: 0, bytes: [0xcf, 0xfa, 0xed, 0xfe], name: 'a Mach-O file' },
  { offset: 0, bytes: '#!', name: 'a script' },
  { offset: 0, bytes: '%PDF', name: 'a PDF document' },
  { offset: 0, bytes: '\x89PNG', name: 'a PNG picture' },
];

function matches(file: ByteReader, { offset, bytes }: Signature): boolean {
  const wanted =
    typeof bytes === 'string' ? Array.from(bytes, (character) => character.charCodeAt(0)) : bytes;
  return wanted.every((byte, i) => file.bytes[offset + i] === byte);
}

/** "PE\0\0" at the offset that the DOS header names. */
function isPe(file: ByteReader): boolean {
  if (file.length < 0x40 || file.u16(0) !== 0x5a4d) return false;
  const at = file.u32(0x3c);
  return at + 4 <= file.length && file.u32(at) === 0x4550;
}

const hasBootSignature = (file: ByteReader) => file.length > 512 && file.u16(510) === 0xaa55;

function guess(file: ByteReader): { name: string; advice?: string } {
  const known = SIGNATURES.find((signature) => matches(file, signature));
  if (known !== undefined) return known;
  if (isPe(file)) return { name: 'a PE executable (Windows or EFI)' };
  if (hasBootSignature(file)) {
    return {
      name: 'a disk image with a boot sector, or the first part of a boot loader',
      advice: 'To run it as a flat binary, choose address 0x7c00 and mode real; there are no BIOS services.',
    };
  }
  return {
    name: 'of a format that is not known',
    advice: 'To run it as a flat binary, choose an address and a mode.',
  };
}

/** The error for a file that no loader takes. */
export function unknownFormat(file: ByteReader): ImageError {
  if (file.length === 0) {
    return new ImageError({ code: 'truncated', found: 'The file is empty', accepted: ACCEPTED_FORMATS });
  }
  const { name, advice } = guess(file);
  const first = Array.from(file.bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return new ImageError({
    code: 'unknown-format',
    found: `The file is ${name} (${file.length} bytes, beginning with ${first})`,
    accepted: ACCEPTED_FORMATS,
    ...(advice === undefined ? {} : { advice }),
  });
}
