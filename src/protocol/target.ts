/** Names a virtual machine, or a bare machine, for as long as the page lives. Never reused. */
export type VmId = number;

/** Virtual machines are numbered from 1, bare machines from here. */
export const FIRST_BARE_ID: VmId = 101;

/** A machine as it is named on screen: `1`, or `B1` for a bare one. */
export function machineTag(vm: VmId): string {
  return vm < FIRST_BARE_ID ? String(vm) : `B${vm - FIRST_BARE_ID + 1}`;
}

/** One virtual CPU: what registers, code and page walks are shown of, and what is stepped. */
export interface VcpuRef {
  readonly vm: VmId;
  readonly vcpu: number;
}

/** Whether both name the same virtual CPU, or both none. */
export function sameVcpu(a: VcpuRef | null | undefined, b: VcpuRef | null | undefined): boolean {
  return a?.vm === b?.vm && a?.vcpu === b?.vcpu;
}

/** What an address means. On a bare machine guest-physical and host-physical addresses are the same. */
export type AddressSpace = 'linear' | 'guest-physical' | 'host-physical';

/**
 * How a guest is run. `bare` is the simulated computer itself, without a hypervisor below; `bare-amd-v` the same with
 * a processor that has AMD-V instead of VT-x.
 */
export type Technique = 'vtx-ept' | 'bare' | 'bare-amd-v';

export const isBare = (technique: Technique): boolean => technique !== 'vtx-ept';

/** Privilege as the hardware holds it: -1 is VMX root operation or the host of AMD-V, 0 to 3 is the CPL. */
export type Ring = -1 | 0 | 1 | 2 | 3;

export type FlatMode = 'real' | 'protected' | 'long';

/** How bytes that carry no format of their own are loaded. */
export interface FlatPlacement {
  /** Guest-physical load and entry address. */
  readonly address: number;
  readonly mode: FlatMode;
}

/** A named file as the user gave it. The name appears in error messages. */
export interface ImageFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What the user asked to run. */
export interface GuestDescription {
  readonly name: string;
  readonly technique: Technique;
  readonly kernel: ImageFile;
  readonly initrd: ImageFile | null;
  /** Names of addresses, such as a System.map, for a kernel that has no symbol table of its own. */
  readonly symbols?: ImageFile;
  readonly commandLine: string;
  /** Bytes of RAM. */
  readonly memory: number;
  readonly cpus: number;
  /** Set when the kernel file is a flat binary; null lets the loader recognise the format. */
  readonly flat: FlatPlacement | null;
}
