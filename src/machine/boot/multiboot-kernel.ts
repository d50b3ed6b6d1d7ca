/** How multiboot 1 and 2 put a kernel into memory: by ELF segments or by the header's own addresses. */
import type { ByteReader } from './byte-reader.ts';
import { checkEntry, ELF_MAGIC, loadSegments, physicalEntry, readElf } from './elf.ts';
import { hex, ImageError } from './image-error.ts';
import type { Placement } from './placement.ts';

/** The address fields of a multiboot header ("a.out kludge"): physical addresses. */
export interface LoadAddresses {
  /** Where the header itself goes, and where it is in the file. */
  readonly header: number;
  readonly headerOffset: number;
  readonly load: number;
  /** 0: up to the end of the file. */
  readonly loadEnd: number;
  /** 0: no bss. */
  readonly bssEnd: number;
}

export interface LoadedKernel {
  readonly entry: number;
  readonly end: number;
  /** Class of the ELF file, when its headers decided where it goes. */
  readonly elfBits?: 32 | 64;
}

/** Loads by the header's addresses when it has them; else the file has to be ELF. `entry` overrides ELF's. */
export function loadMultibootKernel(
  file: ByteReader,
  placement: Placement,
  addresses: LoadAddresses | undefined,
  entry: number | undefined,
): LoadedKernel {
  if (addresses !== undefined) return loadByAddresses(file, placement, addresses, entry);
  if (file.length < 4 || file.u32(0) !== ELF_MAGIC) {
    throw malformed('The file has a multiboot header without load addresses, but is not an ELF file');
  }
  const elf = readElf(file);
  const end = loadSegments(elf, placement);
  const start = entry === undefined ? physicalEntry(elf) : checkEntry(elf, entry, 'multiboot entry point');
  return { entry: start, end, elfBits: elf.bits };
}

function loadByAddresses(
  file: ByteReader,
  placement: Placement,
  { header, headerOffset, load, loadEnd, bssEnd }: LoadAddresses,
  entry: number | undefined,
): LoadedKernel {
  const offset = headerOffset - (header - load);
  if (load > header || offset < 0) {
    throw malformed(
      `The multiboot header at ${hex(header)} would load from before the file, to ${hex(load)}`,
    );
  }
  const size = loadEnd === 0 ? file.length - offset : loadEnd - load;
  if (size <= 0) throw malformed(`The multiboot load addresses ${hex(load)}..${hex(loadEnd)} are empty`);
  const { bytes } = file.part(offset, size, 'multiboot kernel');
  const end = Math.max(load + size, bssEnd);
  placement.load('kernel', load, bytes, end - load);
  if (entry === undefined || entry < load || entry >= end) {
    throw malformed(
      `The multiboot entry point ${entry === undefined ? 'is missing' : `${hex(entry)} lies outside the kernel`}`,
    );
  }
  return { entry, end };
}

export function malformed(found: string): ImageError {
  return new ImageError({
    code: 'malformed',
    found,
    accepted: 'multiboot kernels as the specification describes them',
  });
}
