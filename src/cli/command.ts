import type { Tier2Mode } from '../contracts/tiers.ts';
import type { DescriptionName } from '../gdb/descriptions.ts';
import type { BootImage } from '../machine/boot/load.ts';
import type { VirtualizationTechnique } from '../machine/computer.ts';

/** One step of a conversation with the guest's console: wait for these bytes, or type them. */
export interface Step {
  readonly kind: 'until' | 'send';
  /** At least one. */
  readonly bytes: Uint8Array;
  /** As the user wrote it. */
  readonly text: string;
}

/** Ways to run a guest in a virtual machine. */
export const TECHNIQUES = ['vtx-ept'] as const;
export type Technique = (typeof TECHNIQUES)[number];

/** Where the guest runs. */
export type Target = { readonly kind: 'machine' } | { readonly kind: 'vm'; readonly technique: Technique };

export interface ModuleFile {
  readonly path: string;
  readonly commandLine: string;
}

/** A computer and what boots on it. Paths are as the user wrote them. */
export interface GuestOptions {
  readonly kernel: string;
  readonly initrd?: string;
  readonly modules: readonly ModuleFile[];
  readonly append: string;
  readonly format: NonNullable<BootImage['format']>;
  readonly flat?: NonNullable<BootImage['flat']>;
  readonly memoryBytes: number;
  readonly cpus: number;
  /** Absent: VT-x. */
  readonly virtualization?: VirtualizationTechnique;
  readonly acpi: boolean;
  /** Whether hot guest code is compiled; absent: as the computer does by itself. */
  readonly tier2?: Tier2Mode;
}

/** `ringlab boot` and `ringlab vm`. */
export interface RunCommand extends GuestOptions {
  readonly kind: 'run';
  readonly target: Target;
  readonly script: readonly Step[];
  /** Instructions after which the run ends. */
  readonly limit?: number;
  /** Seconds of real time after which the run ends. */
  readonly time?: number;
  /** File for the report. */
  readonly json?: string;
}

/** `ringlab gdb`: the bare machine, as gdb wants it. */
export interface GdbCommand extends GuestOptions {
  readonly kind: 'gdb';
  /** TCP port; 0: any that is free. */
  readonly port: number;
  /** The registers that gdb is shown at first. */
  readonly describe: DescriptionName;
}

/** `ringlab bridge`: between gdb and a lab in a browser. */
export interface BridgeCommand {
  readonly kind: 'bridge';
  /** TCP port where gdb is awaited; 0: any. */
  readonly port: number;
  /** Addresses of the lab, without a path. */
  readonly origins: readonly string[];
}

export type Command = RunCommand | GdbCommand | BridgeCommand | { readonly kind: 'help' };

/** What of a command makes the computer. */
export type ComputerCommand = Pick<
  GuestOptions,
  'memoryBytes' | 'cpus' | 'virtualization' | 'acpi' | 'tier2'
>;

/** The arguments make no sense; the message says which and what would. */
export interface UsageError {
  readonly kind: 'usage-error';
  readonly message: string;
}
