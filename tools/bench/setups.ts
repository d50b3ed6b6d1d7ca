/** The four ways a guest is measured: on the bare machine and in a virtual machine, without and with the second tier. */
import type { Bench } from '../../src/cli/bench.ts';
import { MachineBench } from '../../src/cli/machine-bench.ts';
import { VmBench } from '../../src/cli/vm-bench.ts';
import type { Tier2Mode } from '../../src/contracts/tiers.ts';
import type { BootImage } from '../../src/machine/boot/load.ts';

export interface Setup {
  readonly name: string;
  readonly where: 'bare' | 'vm';
  readonly tier2: Tier2Mode;
  /** Calls of a kernel in one run: compiled code is so much faster that one call would mostly measure its beginning. */
  readonly calls: number;
}

export const SETUPS = {
  bareOff: { name: 'bare, interpreter', where: 'bare', tier2: 'off', calls: 1 },
  vmOff: { name: 'VM, interpreter', where: 'vm', tier2: 'off', calls: 1 },
  bareOn: { name: 'bare', where: 'bare', tier2: 'on', calls: 10 },
  vmOn: { name: 'VM', where: 'vm', tier2: 'on', calls: 10 },
} as const satisfies Record<string, Setup>;

export type SetupKey = keyof typeof SETUPS;
export const SETUP_KEYS = Object.keys(SETUPS) as SetupKey[];

/** A fresh computer with the image loaded. */
export function openBench({ where, tier2 }: Setup, memoryBytes: number, image: BootImage): Bench {
  const Kind = where === 'bare' ? MachineBench : VmBench;
  return new Kind({ memoryBytes, cpus: 1, acpi: true, tier2 }, image);
}
