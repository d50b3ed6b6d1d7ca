/** Flat binaries: no header, so address and mode are the user's choice; a boot sector has both by custom. */
import type { BootState } from '../../contracts/boot.ts';
import type { ByteReader } from './byte-reader.ts';
import { allocateStack, longEntry, protectedEntry } from './entry.ts';
import type { FlatChoice, LoadRequest, LoadResult } from './image.ts';
import { hex, ImageError } from './image-error.ts';
import { rejectExtras } from './modules.ts';
import type { Placement } from './placement.ts';

const SECTOR = 512;
const SIGNATURE_OFFSET = 510;
const SIGNATURE = 0xaa55;
const BOOT_SECTOR: FlatChoice = { address: 0x7c00, mode: 'real' };
/** What the BIOS leaves in DL: the first hard disk. */
const BOOT_DRIVE = 0x80;
const REAL_MODE_END = 0x10_0000;
const SEGMENT_SIZE = 0x1_0000;

/** One sector that ends with 55h AAh. */
export function isBootSector(file: ByteReader): boolean {
  return file.length === SECTOR && file.u16(SIGNATURE_OFFSET) === SIGNATURE;
}

export function loadFlat(file: ByteReader, request: LoadRequest): LoadResult {
  const { image, placement } = request;
  const choice = image.flat ?? (isBootSector(file) ? BOOT_SECTOR : undefined);
  if (choice === undefined) {
    throw new ImageError({
      code: 'needs-choice',
      found: `A flat binary of ${file.length} bytes does not say where it belongs`,
      accepted:
        'a boot sector of 512 bytes that ends with 55 AA, or any binary with an address and a mode (real, protected, long)',
      advice: 'Choose an address and a mode.',
    });
  }
  rejectExtras(image, 'flat binary', ['initrd', 'modules', 'commandLine']);
  if (file.length === 0) {
    throw new ImageError({
      code: 'truncated',
      found: 'The file is empty',
      accepted: 'at least one instruction',
    });
  }
  if (!Number.isSafeInteger(choice.address) || choice.address < 0) {
    throw new ImageError({
      code: 'outside-ram',
      found: `The address ${choice.address} is not a physical address`,
      accepted: 'whole numbers from 0',
    });
  }
  placement.load('flat binary', choice.address, file.bytes);
  return { protocol: 'flat binary', state: enterFlat(choice, placement, request.longMode) };
}

function enterFlat({ address, mode }: FlatChoice, placement: Placement, longMode: boolean): BootState {
  switch (mode) {
    case 'real':
      return realEntry(address);
    case 'protected':
      return protectedEntry(placement, address, { rsp: allocateStack(placement) });
    case 'long':
      if (!longMode) {
        throw new ImageError({
          code: 'unsupported',
          found: 'The flat binary is to start in 64-bit mode, which this processor does not have',
          accepted: 'the modes real and protected',
        });
      }
      return longEntry(placement, address, { rsp: allocateStack(placement) });
  }
}

/**
 * In the first 64 KiB: segment 0 with the stack below the image, as a BIOS starts a boot sector.
 * Higher up: the image's own segment, the stack at that segment's end.
 */
function realEntry(address: number): BootState {
  const low = address < SEGMENT_SIZE;
  if (!low && (address >= REAL_MODE_END || address % 16 !== 0)) {
    throw new ImageError({
      code: 'unsupported',
      found: `Real mode cannot start at ${hex(address)}`,
      accepted: 'addresses below 0x10000, or multiples of 16 below 0x100000',
    });
  }
  const segment = low ? 0 : address / 16;
  const rip = low ? address : 0;
  return { mode: 'real', rip, segment, registers: { rdx: BOOT_DRIVE, rsp: rip } };
}
