/** Multiboot 2 kernels. Multiboot2 Specification version 2.0, "Header layout" and "Boot information format". */
import type { ByteReader } from './byte-reader.ts';
import { ByteWriter, cString } from './byte-writer.ts';
import { putSections } from './elf-sections.ts';
import { protectedEntry } from './entry.ts';
import type { LoadRequest, LoadResult } from './image.ts';
import { hex, ImageError } from './image-error.ts';
import { LOADER_NAME } from './loader-name.ts';
import { LOWER_MEMORY_KIB, memoryMap, upperMemoryKiB } from './memory-map.ts';
import { putModules } from './modules.ts';
import { type LoadAddresses, loadMultibootKernel, malformed } from './multiboot-kernel.ts';

const HEADER_MAGIC = 0xe852_50d6;
const BOOT_MAGIC = 0x36d7_6289;
const SEARCH = 32_768;
const ARCHITECTURE_I386 = 0;
const OPTIONAL = 1;

/** Header tags. */
const HEADER_TAG = {
  end: 0,
  informationRequest: 1,
  address: 2,
  entryAddress: 3,
  consoleFlags: 4,
  framebuffer: 5,
  moduleAlignment: 6,
  efiBootServices: 7,
  entryEfi32: 8,
  entryEfi64: 9,
  relocatable: 10,
} as const;

/** Header tags that ask for nothing that is not so anyway, or that concern EFI firmware only. */
const HARMLESS: ReadonlySet<number> = new Set([
  HEADER_TAG.consoleFlags,
  HEADER_TAG.framebuffer,
  HEADER_TAG.moduleAlignment,
  HEADER_TAG.efiBootServices,
  HEADER_TAG.entryEfi32,
  HEADER_TAG.entryEfi64,
  HEADER_TAG.relocatable,
]);

/** Boot information tags. */
const INFO_TAG = {
  end: 0,
  commandLine: 1,
  loaderName: 2,
  module: 3,
  memory: 4,
  memoryMap: 6,
  elfSections: 9,
  acpiOld: 14,
  acpiNew: 15,
} as const;
const ACPI_TAGS: readonly number[] = [INFO_TAG.acpiOld, INFO_TAG.acpiNew];
/** An RSDP of ACPI 1.0 is the first part of later ones. */
const RSDP_V1_SIZE = 20;

export function findMultiboot2Header(file: ByteReader): number | undefined {
  const end = Math.min(file.length, SEARCH) - 16;
  for (let at = 0; at <= end; at += 8) {
    const magic = file.u32(at);
    if (magic !== HEADER_MAGIC) continue;
    if ((magic + file.u32(at + 4) + file.u32(at + 8) + file.u32(at + 12)) >>> 0 === 0) return at;
  }
  return undefined;
}

/** What the header's tags say about loading. */
interface Requests {
  addresses?: Omit<LoadAddresses, 'headerOffset'>;
  entry?: number;
}

function readRequests(header: ByteReader, provided: readonly number[]): Requests {
  const requests: Requests = {};
  let at = 16;
  while (at + 8 <= header.length) {
    const type = header.u16(at);
    const size = header.u32(at + 4);
    if (type === HEADER_TAG.end) return requests;
    if (size < 8) throw malformed(`The multiboot 2 header tag ${type} has a size of ${size}`);
    readTag(header.part(at, size, `multiboot 2 header tag ${type}`), requests, provided);
    at += Math.ceil(size / 8) * 8;
  }
  throw malformed('The multiboot 2 header has no end tag');
}

function readTag(tag: ByteReader, requests: Requests, provided: readonly number[]): void {
  const type = tag.u16(0);
  const optional = (tag.u16(2) & OPTIONAL) !== 0;
  switch (type) {
    case HEADER_TAG.address:
      requests.addresses = {
        header: tag.u32(8),
        load: tag.u32(12),
        loadEnd: tag.u32(16),
        bssEnd: tag.u32(20),
      };
      return;
    case HEADER_TAG.entryAddress:
      requests.entry = tag.u32(8);
      return;
    case HEADER_TAG.informationRequest:
      for (let at = 8; at + 4 <= tag.length && !optional; at += 4) {
        if (!provided.includes(tag.u32(at)))
          throw notProvided(`boot information of type ${tag.u32(at)}`, provided);
      }
      return;
    default:
      if (!optional && !HARMLESS.has(type)) throw notProvided(`header tag ${type}`, provided);
  }
}

function notProvided(what: string, provided: readonly number[]): ImageError {
  return new ImageError({
    code: 'unsupported',
    found: `The multiboot 2 kernel insists on ${what}`,
    accepted: `boot information types ${provided.join(', ')} and header tags 0 to 10`,
    advice: 'Mark the tag as optional (flag bit 0).',
  });
}

export function loadMultiboot2(file: ByteReader, at: number, request: LoadRequest): LoadResult {
  const { image, placement, acpi } = request;
  const architecture = file.u32(at + 4);
  if (architecture !== ARCHITECTURE_I386) {
    throw new ImageError({
      code: 'unsupported',
      found: `The multiboot 2 header is for architecture ${hex(architecture)}`,
      accepted: 'architecture 0 (i386)',
    });
  }
  const provided = Object.values(INFO_TAG).filter((type) => acpi !== undefined || !ACPI_TAGS.includes(type));
  const { addresses, entry } = readRequests(file.part(at, file.u32(at + 8), 'multiboot 2 header'), provided);
  const kernel = loadMultibootKernel(file, placement, addresses && { ...addresses, headerOffset: at }, entry);

  const info = new ByteWriter().u32(0).u32(0);
  const tag = (type: number, content: Uint8Array) =>
    info
      .u32(type)
      .u32(8 + content.length)
      .append(content)
      .align(8);
  tag(INFO_TAG.commandLine, cString(image.commandLine));
  tag(INFO_TAG.loaderName, cString(LOADER_NAME));
  for (const { start, end, commandLine } of putModules(image, placement, kernel.end)) {
    tag(INFO_TAG.module, new ByteWriter().u32(start).u32(end).append(cString(commandLine)).finish());
  }
  const { ramSize } = placement;
  tag(INFO_TAG.memory, new ByteWriter().u32(LOWER_MEMORY_KIB).u32(upperMemoryKiB(ramSize)).finish());
  tag(INFO_TAG.memoryMap, memoryMapContent(ramSize));
  const sections = kernel.elfBits && putSections(file, kernel.elfBits, placement);
  if (sections !== undefined) {
    const { count, entrySize, namesIndex, bytes } = sections;
    const fields = new ByteWriter().u32(count).u32(entrySize).u32(namesIndex);
    tag(INFO_TAG.elfSections, fields.append(bytes).finish());
  }
  if (acpi !== undefined) {
    tag(INFO_TAG.acpiOld, acpi.bytes.subarray(0, RSDP_V1_SIZE));
    tag(INFO_TAG.acpiNew, acpi.bytes);
  }
  tag(INFO_TAG.end, new Uint8Array(0));
  info.patch32(0, info.length);
  const rbx = placement.put('multiboot 2 information', info.finish());
  return {
    protocol: 'multiboot 2',
    state: protectedEntry(placement, kernel.entry, { rax: BOOT_MAGIC, rbx }),
  };
}

function memoryMapContent(ramSize: number): Uint8Array {
  const content = new ByteWriter().u32(24).u32(0);
  for (const { base, length, type } of memoryMap(ramSize)) content.u64(base).u64(length).u32(type).u32(0);
  return content.finish();
}
