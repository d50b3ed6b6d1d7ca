import type { BootState } from '../../contracts/boot.ts';
import type { Placement } from './placement.ts';

/**
 * `elf` stands for the ELF kernels without multiboot header, entered by PVH where they offer it, else as
 * Linux or as a plain program; `pvh` and `vmlinux` insist on one of them.
 */
export const IMAGE_FORMATS = ['bzimage', 'elf', 'pvh', 'vmlinux', 'multiboot', 'multiboot2', 'flat'] as const;
export type ImageFormat = (typeof IMAGE_FORMATS)[number];

export interface BootModule {
  readonly bytes: Uint8Array;
  readonly commandLine: string;
}

/** What the user wants to boot. */
export interface BootImage {
  readonly kernel: Uint8Array;
  readonly initrd?: Uint8Array;
  /** Multiboot and PVH only. An initrd comes before them as a module without command line. */
  readonly modules?: readonly BootModule[];
  readonly commandLine: string;
  /** `auto` (when absent) goes by the file's content. */
  readonly format?: 'auto' | ImageFormat;
  /** Where a flat binary goes and the processor mode it starts in, at its first byte. */
  readonly flat?: FlatChoice;
}

export interface FlatChoice {
  readonly address: number;
  readonly mode: BootState['mode'];
}

/** What the loaders have to know of the computer. */
export interface BootInfo {
  readonly cpus: number;
  /** Provide ACPI tables. */
  readonly acpi: boolean;
  /** The processor has 64-bit mode; true when absent. */
  readonly longMode?: boolean;
}

/** The way an image was understood. */
export type BootProtocol =
  | 'Linux, 64-bit entry'
  | 'Linux, 32-bit entry'
  | 'PVH'
  | 'multiboot'
  | 'multiboot 2'
  | 'ELF, 64-bit'
  | 'ELF, 32-bit'
  | 'flat binary';

/** The root of the ACPI tables: its physical address and its content. */
export interface PlacedRsdp {
  readonly address: number;
  readonly bytes: Uint8Array;
}

/** What a loader gets. `acpi` is absent on a computer without ACPI tables. */
export interface LoadRequest {
  readonly image: BootImage;
  readonly placement: Placement;
  readonly acpi: PlacedRsdp | undefined;
  readonly longMode: boolean;
}

export interface LoadResult {
  readonly protocol: BootProtocol;
  readonly state: BootState;
}
