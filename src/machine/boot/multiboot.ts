/** Multiboot 1 kernels. Multiboot Specification version 0.6.96, "Header layout" and "Boot information format". */
import type { ByteReader } from './byte-reader.ts';
import { ByteWriter, cString } from './byte-writer.ts';
import { protectedEntry } from './entry.ts';
import type { LoadRequest, LoadResult } from './image.ts';
import { hex, ImageError } from './image-error.ts';
import { LOADER_NAME } from './loader-name.ts';
import { LOWER_MEMORY_KIB, memoryMap, upperMemoryKiB } from './memory-map.ts';
import { type PlacedModule, putModules } from './modules.ts';
import { loadMultibootKernel } from './multiboot-kernel.ts';

const HEADER_MAGIC = 0x1bad_b002;
const BOOT_MAGIC = 0x2bad_b002;
/** The header lies within this many bytes of the file's beginning, aligned to 4. */
const SEARCH = 8192;

/** Header flags. Bits 0..15 are requests that a loader has to understand. */
const HEADER_FLAG = {
  alignModules: 1 << 0,
  memoryInfo: 1 << 1,
  videoMode: 1 << 2,
  addresses: 1 << 16,
} as const;
const MANDATORY = 0xffff;
/** The video mode is a wish: the info structure's flags tell the kernel that there is none. */
const UNDERSTOOD = HEADER_FLAG.alignModules | HEADER_FLAG.memoryInfo | HEADER_FLAG.videoMode;

/** Flags of the info structure: which fields are valid. */
const INFO_FLAG = {
  memory: 1 << 0,
  commandLine: 1 << 2,
  modules: 1 << 3,
  memoryMap: 1 << 6,
  loaderName: 1 << 9,
} as const;
const INFO_SIZE = 120;

/** Offset of the header, or undefined when there is none. */
export function findMultibootHeader(file: ByteReader): number | undefined {
  const end = Math.min(file.length, SEARCH) - 12;
  for (let at = 0; at <= end; at += 4) {
    const magic = file.u32(at);
    if (magic === HEADER_MAGIC && (magic + file.u32(at + 4) + file.u32(at + 8)) >>> 0 === 0) return at;
  }
  return undefined;
}

export function loadMultiboot(file: ByteReader, at: number, request: LoadRequest): LoadResult {
  const { image, placement } = request;
  const flags = file.u32(at + 4);
  const unknown = flags & MANDATORY & ~UNDERSTOOD;
  if (unknown !== 0) {
    throw new ImageError({
      code: 'unsupported',
      found: `The multiboot header makes requests that are not known here (flags ${hex(unknown)})`,
      accepted: 'module alignment, memory information and video mode (flags 0 to 2)',
    });
  }
  const byAddress = (flags & HEADER_FLAG.addresses) !== 0;
  const field = (index: number) => file.u32(at + 12 + 4 * index);
  const addresses = byAddress
    ? { header: field(0), headerOffset: at, load: field(1), loadEnd: field(2), bssEnd: field(3) }
    : undefined;
  const kernel = loadMultibootKernel(file, placement, addresses, byAddress ? field(4) : undefined);

  const modules = putModules(image, placement, kernel.end);
  const info = new ByteWriter();
  info.u32(Object.values(INFO_FLAG).reduce((all, flag) => all | flag, 0));
  info.u32(LOWER_MEMORY_KIB).u32(upperMemoryKiB(placement.ramSize)).u32(0);
  info.u32(placement.put('command line', cString(image.commandLine)));
  info
    .u32(modules.length)
    .u32(modules.length === 0 ? 0 : placement.put('multiboot module list', moduleList(modules)));
  info.zeros(16);
  const map = memoryMapBytes(placement.ramSize);
  info.u32(map.length).u32(placement.put('multiboot memory map', map)).zeros(12);
  info.u32(placement.put('boot loader name', cString(LOADER_NAME)));
  info.zeros(INFO_SIZE - info.length);
  const rbx = placement.put('multiboot information', info.finish());
  return { protocol: 'multiboot', state: protectedEntry(placement, kernel.entry, { rax: BOOT_MAGIC, rbx }) };
}

function moduleList(modules: readonly PlacedModule[]): Uint8Array {
  const list = new ByteWriter();
  for (const { start, end, commandLineAt } of modules) list.u32(start).u32(end).u32(commandLineAt).u32(0);
  return list.finish();
}

/** Each entry begins with its own size, which does not count that field. */
function memoryMapBytes(ramSize: number): Uint8Array {
  const map = new ByteWriter();
  for (const { base, length, type } of memoryMap(ramSize)) map.u32(20).u64(base).u64(length).u32(type);
  return map.finish();
}
