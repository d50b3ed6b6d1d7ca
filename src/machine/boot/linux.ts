/**
 * The Linux/x86 boot protocol (Linux, Documentation/arch/x86/boot.rst and zero-page.rst): the
 * `boot_params` page that 32-bit and 64-bit entry points receive in ESI/RSI.
 */
import { cString } from './byte-writer.ts';
import { longEntry, protectedEntry } from './entry.ts';
import type { BootImage, LoadRequest, LoadResult } from './image.ts';
import { hex, ImageError } from './image-error.ts';
import { memoryMap } from './memory-map.ts';

/** Offsets in `boot_params`; the setup header lies at the same offsets in a bzImage file. */
export const BOOT_PARAMS = {
  size: 0x1000,
  acpiRsdp: 0x070,
  e820Entries: 0x1e8,
  /** First byte of the setup header: setup_sects. */
  setupHeader: 0x1f1,
  /** End of the room for the setup header. */
  setupHeaderEnd: 0x290,
  bootFlag: 0x1fe,
  jump: 0x200,
  magic: 0x202,
  version: 0x206,
  typeOfLoader: 0x210,
  loadFlags: 0x211,
  code32Start: 0x214,
  ramdiskImage: 0x218,
  ramdiskSize: 0x21c,
  cmdLinePtr: 0x228,
  initrdAddrMax: 0x22c,
  kernelAlignment: 0x230,
  relocatableKernel: 0x234,
  xloadFlags: 0x236,
  cmdlineSize: 0x238,
  payloadOffset: 0x248,
  payloadLength: 0x24c,
  prefAddress: 0x258,
  initSize: 0x260,
  e820Table: 0x2d0,
} as const;

export const HDRS_MAGIC = 0x5372_6448; // "HdrS"
export const BOOT_FLAG = 0xaa55;

/** A boot loader without an assigned number. */
const LOADER_UNDEFINED = 0xff;
const E820_ENTRY_SIZE = 20;
const PAGE = 0x1000;

/** What a particular kernel allows and where it starts. */
export interface LinuxKernel {
  /** Bytes of the setup header from offset 1F1h on; fields that the loader owns get overwritten. */
  readonly setupHeader: Uint8Array;
  readonly entry: number;
  readonly bits: 32 | 64;
  /** Physical address of the protected-mode code. */
  readonly loadedAt: number;
  /** Longest command line in bytes, without the terminator. */
  readonly maxCommandLine: number;
  /** Last address that an initrd may occupy. */
  readonly maxInitrdAddress: number;
}

/** Places command line, initrd and `boot_params` for a kernel that has its own place already. */
export function enterLinux(kernel: LinuxKernel, request: LoadRequest): LoadResult {
  const { image, placement } = request;
  const page = new Uint8Array(BOOT_PARAMS.size);
  const view = new DataView(page.buffer);
  const set32 = (offset: number, value: number) => view.setUint32(offset, value, true);
  page.set(kernel.setupHeader, BOOT_PARAMS.setupHeader);

  page[BOOT_PARAMS.typeOfLoader] = LOADER_UNDEFINED;
  // CAN_USE_HEAP and heap_end_ptr concern the real-mode setup code only, which never runs here.
  set32(BOOT_PARAMS.code32Start, kernel.loadedAt);
  set32(BOOT_PARAMS.cmdLinePtr, putCommandLine(kernel, request));
  const initrd = putInitrd(image, kernel, request);
  set32(BOOT_PARAMS.ramdiskImage, initrd.address);
  set32(BOOT_PARAMS.ramdiskSize, initrd.size);
  set32(BOOT_PARAMS.acpiRsdp, request.acpi?.address ?? 0);

  const map = memoryMap(placement.ramSize);
  page[BOOT_PARAMS.e820Entries] = map.length;
  for (const [index, { base, length, type }] of map.entries()) {
    const at = BOOT_PARAMS.e820Table + index * E820_ENTRY_SIZE;
    set32(at, base);
    set32(at + 8, length);
    set32(at + 16, type);
  }

  const rsi = placement.put('boot_params', page, { alignment: PAGE });
  return kernel.bits === 64
    ? { protocol: 'Linux, 64-bit entry', state: longEntry(placement, kernel.entry, { rsi }) }
    : { protocol: 'Linux, 32-bit entry', state: protectedEntry(placement, kernel.entry, { rsi }) };
}

function putCommandLine({ maxCommandLine }: LinuxKernel, { image, placement }: LoadRequest): number {
  const bytes = cString(image.commandLine);
  if (bytes.length - 1 > maxCommandLine) {
    throw new ImageError({
      code: 'too-large',
      found: `The command line has ${bytes.length - 1} bytes; this kernel takes ${maxCommandLine}`,
      accepted: 'a shorter command line',
    });
  }
  return placement.put('command line', bytes);
}

/** As high as the kernel allows, so that nothing is in the way of its growth. */
function putInitrd({ initrd }: BootImage, { maxInitrdAddress }: LinuxKernel, { placement }: LoadRequest) {
  if (initrd === undefined || initrd.length === 0) return { address: 0, size: 0 };
  const search = { alignment: PAGE, below: maxInitrdAddress + 1, high: true };
  return { address: placement.put('initrd', initrd, search), size: initrd.length };
}

/** The error for a kernel that needs 64-bit mode on a processor without it. */
export function needsLongMode(entry: number): ImageError {
  return new ImageError({
    code: 'unsupported',
    found: `The kernel has a 64-bit entry point only (${hex(entry)}), but this processor has no 64-bit mode`,
    accepted: '32-bit kernels on this processor',
  });
}
