/** Multiboot 1 kernels. Multiboot Specification version 0.6.96, "Header layout" and "Boot information format". */
import type { ByteReader } from './byte-reader.ts';
import { ByteWriter, cString } from './byte-writer.ts';
import { putSections } from './elf-sections.ts';
import { protectedEntry } from './entry.ts';
import type { LoadRequest, LoadResult } from './image.ts';
import { hex, ImageError } from './image-error.ts';
import { LOADER_NAME } from './loader-name.ts';
import { LOWER_MEMORY_KIB, memoryMap, upperMemoryKiB } from './memory-map.ts';
import { type PlacedModule, putModules } from './modules.ts';
import { type LoadAddresses, type LoadedKernel, loadMultibootKernel } from './multiboot-kernel.ts';

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
  elfSections: 1 << 5,
  memoryMap: 1 << 6,
  loaderName: 1 << 9,
} as const;
/** The fields that are always there. */
const PROVIDED =
  INFO_FLAG.memory | INFO_FLAG.commandLine | INFO_FLAG.modules | INFO_FLAG.memoryMap | INFO_FLAG.loaderName;
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
  const { addresses, entry } = readHeader(file, at);
  const kernel = loadMultibootKernel(file, request.placement, addresses, entry);
  const rbx = putInformation(file, kernel, request);
  const state = protectedEntry(request.placement, kernel.entry, { rax: BOOT_MAGIC, rbx });
  return { protocol: 'multiboot', state };
}

function readHeader(file: ByteReader, at: number): { addresses?: LoadAddresses; entry?: number } {
  const flags = file.u32(at + 4);
  const unknown = flags & MANDATORY & ~UNDERSTOOD;
  if (unknown !== 0) {
    throw new ImageError({
      code: 'unsupported',
      found: `The multiboot header makes requests that are not known here (flags ${hex(unknown)})`,
      accepted: 'module alignment, memory information and video mode (flags 0 to 2)',
    });
  }
  if ((flags & HEADER_FLAG.addresses) === 0) return {};
  const field = (index: number) => file.u32(at + 12 + 4 * index);
  const addresses = {
    header: field(0),
    headerOffset: at,
    load: field(1),
    loadEnd: field(2),
    bssEnd: field(3),
  };
  return { addresses, entry: field(4) };
}

/** Places the information structure with all that it points to; returns its address. */
function putInformation(file: ByteReader, kernel: LoadedKernel, { image, placement }: LoadRequest): number {
  const modules = putModules(image, placement, kernel.end);
  const moduleListAt = modules.length === 0 ? 0 : placement.put('multiboot module list', moduleList(modules));
  const sections = kernel.elfBits && putSections(file, kernel.elfBits, placement);
  const map = memoryMapBytes(placement.ramSize);

  const info = new ByteWriter().u32(PROVIDED | (sections === undefined ? 0 : INFO_FLAG.elfSections));
  info.u32(LOWER_MEMORY_KIB).u32(upperMemoryKiB(placement.ramSize)).u32(0);
  info.u32(placement.put('command line', cString(image.commandLine)));
  info.u32(modules.length).u32(moduleListAt);
  if (sections === undefined) info.zeros(16);
  else {
    info.u32(sections.count).u32(sections.entrySize);
    info.u32(placement.put('ELF section headers', sections.bytes)).u32(sections.namesIndex);
  }
  info.u32(map.length).u32(placement.put('multiboot memory map', map)).zeros(12);
  info.u32(placement.put('boot loader name', cString(LOADER_NAME)));
  return placement.put('multiboot information', info.zeros(INFO_SIZE - info.length).finish());
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
