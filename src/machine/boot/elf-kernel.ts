/** ELF kernels without a multiboot header: PVH, Linux's own entry, or just a program on the bare machine. */

import type { ByteReader } from './byte-reader.ts';
import { type ElfFile, loadSegments, physicalEntry, readElf } from './elf.ts';
import { allocateStack, longEntry, protectedEntry } from './entry.ts';
import type { LoadRequest, LoadResult } from './image.ts';
import { ImageError } from './image-error.ts';
import { BOOT_FLAG, BOOT_PARAMS, enterLinux, HDRS_MAGIC, needsLongMode } from './linux.ts';
import { rejectExtras } from './modules.ts';
import { enterPvh, pvhEntry } from './pvh.ts';

/** Loads an ELF kernel; `kind` says whether the way in is to be found out (`elf`) or is the user's choice. */
export function loadElfKernel(
  file: ByteReader,
  request: LoadRequest,
  kind: 'elf' | 'pvh' | 'vmlinux',
): LoadResult {
  const elf = readElf(file);
  const end = loadSegments(elf, request.placement);
  const pvh = kind === 'vmlinux' ? undefined : pvhEntry(elf);
  if (pvh !== undefined) return enterPvh(elf, pvh, end, request);
  if (kind === 'pvh')
    throw lacks('no PVH entry (an ELF note PHYS32_ENTRY of Xen)', 'ELF kernels with a PVH entry');
  const entry = physicalEntry(elf);
  if (elf.bits === 64 && !request.longMode) throw needsLongMode(entry);
  if (isLinux(elf)) return enterVmlinux(elf, entry, request);
  if (kind === 'vmlinux') throw lacks('no Linux version banner', 'an unpacked Linux kernel');
  return enterPlain(elf, entry, request);
}

function lacks(what: string, accepted: string): ImageError {
  return new ImageError({ code: 'unsupported', found: `The ELF file has ${what}`, accepted });
}

/** Every Linux kernel has its banner among its constants. */
function isLinux(elf: ElfFile): boolean {
  const banner = Uint8Array.from('Linux version ', (character) => character.charCodeAt(0));
  return elf.segments.some(({ bytes }) => contains(bytes, banner));
}

function contains(bytes: Uint8Array, wanted: Uint8Array): boolean {
  for (let at = bytes.indexOf(wanted[0]); at >= 0; at = bytes.indexOf(wanted[0], at + 1)) {
    if (wanted.every((byte, i) => bytes[at + i] === byte)) return true;
  }
  return false;
}

/** An unpacked kernel has no setup header: this one says as much as the kernel reads of it. */
function enterVmlinux(elf: ElfFile, entry: number, request: LoadRequest): LoadResult {
  rejectExtras(request.image, 'Linux vmlinux', ['modules']);
  const base = BOOT_PARAMS.setupHeader;
  const header = new Uint8Array(BOOT_PARAMS.initSize + 4 - base);
  const view = new DataView(header.buffer);
  view.setUint16(BOOT_PARAMS.bootFlag - base, BOOT_FLAG, true);
  view.setUint32(BOOT_PARAMS.magic - base, HDRS_MAGIC, true);
  view.setUint16(BOOT_PARAMS.version - base, 0x20f, true);
  view.setUint8(BOOT_PARAMS.loadFlags - base, 0x01);
  view.setUint32(BOOT_PARAMS.kernelAlignment - base, 0x100_0000, true);
  return enterLinux(
    {
      setupHeader: header,
      entry,
      bits: elf.bits,
      loadedAt: Math.min(...elf.segments.map(({ physical }) => physical)),
      maxCommandLine: 2047,
      maxInitrdAddress: 0x7fff_ffff,
    },
    request,
  );
}

/** A program that knows no boot protocol gets its mode, flat segments and a stack. */
function enterPlain(elf: ElfFile, entry: number, request: LoadRequest): LoadResult {
  const { image, placement } = request;
  rejectExtras(image, 'plain ELF program', ['initrd', 'modules', 'commandLine']);
  const rsp = allocateStack(placement);
  return elf.bits === 64
    ? { protocol: 'ELF, 64-bit', state: longEntry(placement, entry, { rsp }) }
    : { protocol: 'ELF, 32-bit', state: protectedEntry(placement, entry, { rsp }) };
}
