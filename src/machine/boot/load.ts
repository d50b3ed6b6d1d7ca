/**
 * Boot loaders: put a kernel image and what its boot protocol asks for into physical memory, and
 * say in which state the processor starts. There is no BIOS: nothing of it runs, and its services
 * do not exist; a small BIOS data area and the ACPI tables are what is left of it.
 */
import type { BootState } from '../../contracts/boot.ts';
import type { PhysicalMemory } from '../../contracts/memory.ts';
import { acpiTables } from './acpi/tables.ts';
import { biosDataArea } from './bios-data-area.ts';
import { ByteReader } from './byte-reader.ts';
import { isBzImage, loadBzImage } from './bz-image.ts';
import { ELF_MAGIC } from './elf.ts';
import { loadElfKernel } from './elf-kernel.ts';
import { isBootSector, loadFlat } from './flat.ts';
import { unknownFormat } from './identify.ts';
import type {
  BootImage,
  BootInfo,
  BootProtocol,
  ImageFormat,
  LoadRequest,
  LoadResult,
  PlacedRsdp,
} from './image.ts';
import { ImageError } from './image-error.ts';
import { findMultibootHeader, loadMultiboot } from './multiboot.ts';
import { findMultiboot2Header, loadMultiboot2 } from './multiboot2.ts';
import { Placement, type Region } from './placement.ts';

export type { BootImage, BootInfo, BootProtocol } from './image.ts';
export { IMAGE_FORMATS } from './image.ts';
export { ImageError, type ImageErrorCode } from './image-error.ts';

/** What is going to be where, and how it starts. */
export interface BootPlan {
  readonly protocol: BootProtocol;
  readonly state: BootState;
  /** All parts of memory in use at the start, by address. */
  readonly regions: readonly Region[];
  /** Writes the plan into memory of the planned size. Bytes that the plan does not name stay as they are. */
  commit(memory: PhysicalMemory): void;
}

/**
 * Loads an image and returns the processor state at its entry point. Throws `ImageError` when the
 * image cannot be booted; memory is then untouched.
 */
export function loadImage(image: BootImage, memory: PhysicalMemory, info: BootInfo): BootState {
  const plan = planImage(image, memory.size, info);
  plan.commit(memory);
  return plan.state;
}

/** Finds out how an image boots on a computer with `ramSize` bytes of RAM. Throws `ImageError`. */
export function planImage(image: BootImage, ramSize: number, info: BootInfo): BootPlan {
  const placement = new Placement(ramSize);
  const { base, bytes } = biosDataArea();
  placement.overwrite(base, bytes);
  const acpi = info.acpi ? putAcpi(placement, info.cpus) : undefined;

  const file = new ByteReader(image.kernel, 'file');
  const load =
    image.format === undefined || image.format === 'auto' ? detect(file, image) : chosen(file, image.format);
  const { protocol, state } = load({ image, placement, acpi, longMode: info.longMode ?? true });
  return { protocol, state, regions: placement.regions, commit: (memory) => placement.commit(memory) };
}

/** The tables go into the BIOS area, which the placement keeps free of images. */
function putAcpi(placement: Placement, cpus: number): PlacedRsdp {
  const tables = acpiTables(cpus);
  placement.overwrite(tables.base, tables.bytes);
  return tables.rsdp;
}

type Loader = (request: LoadRequest) => LoadResult;

/** The loader for a file's content: the most specific format that it claims to be. */
function detect(file: ByteReader, image: BootImage): Loader {
  if (image.flat !== undefined) return (request) => loadFlat(file, request);
  if (isBzImage(file)) return (request) => loadBzImage(file, request);
  const multiboot2 = findMultiboot2Header(file);
  if (multiboot2 !== undefined) return (request) => loadMultiboot2(file, multiboot2, request);
  const multiboot = findMultibootHeader(file);
  if (multiboot !== undefined) return (request) => loadMultiboot(file, multiboot, request);
  if (file.length >= 4 && file.u32(0) === ELF_MAGIC) return (request) => loadElfKernel(file, request, 'elf');
  if (isBootSector(file)) return (request) => loadFlat(file, request);
  throw unknownFormat(file);
}

/** The loader for a format that the user named. */
function chosen(file: ByteReader, format: ImageFormat): Loader {
  switch (format) {
    case 'bzimage':
      if (!isBzImage(file)) throw notOfFormat('Linux bzImage', '55 AA at offset 0x1fe and "HdrS" at 0x202');
      return (request) => loadBzImage(file, request);
    case 'elf':
    case 'pvh':
    case 'vmlinux':
      return (request) => loadElfKernel(file, request, format);
    case 'multiboot': {
      const at = findMultibootHeader(file);
      if (at === undefined) throw notOfFormat('multiboot kernel', 'a multiboot header in the first 8 KiB');
      return (request) => loadMultiboot(file, at, request);
    }
    case 'multiboot2': {
      const at = findMultiboot2Header(file);
      if (at === undefined)
        throw notOfFormat('multiboot 2 kernel', 'a multiboot 2 header in the first 32 KiB');
      return (request) => loadMultiboot2(file, at, request);
    }
    case 'flat':
      return (request) => loadFlat(file, request);
  }
}

function notOfFormat(what: string, mark: string): ImageError {
  return new ImageError({
    code: 'malformed',
    found: `The file is not a ${what}: it lacks ${mark}`,
    accepted: `a ${what}`,
    advice: 'Let the format be found out by leaving the choice out.',
  });
}
