import type { VcpuRef } from './target.ts';

export interface DeviceFact {
  readonly name: string;
  readonly value: string;
}

/** Parts of a device that are alike: interrupt inputs, channels, functions. */
export interface DeviceTable {
  readonly caption: string;
  readonly columns: readonly string[];
  /** As many cells as columns; the first names the row. */
  readonly rows: readonly (readonly string[])[];
}

export interface DeviceView {
  readonly name: string;
  readonly facts: readonly DeviceFact[];
  readonly table: DeviceTable | null;
}

/** The devices of the machine in focus, and of its processors the local APIC of the vCPU in focus. */
export interface DevicesView {
  readonly of: VcpuRef;
  readonly devices: readonly DeviceView[];
}
