/** A computer whose processors our hypervisor has: what `vtx-ept` runs virtual machines on. */
import { MEMORY_MAP } from '../arch/pc.ts';
import type { Tier2Mode } from '../contracts/tiers.ts';
import { PHYSICAL_BITS } from '../cpu/paging.ts';
import { Hypervisor, type HypervisorObserver } from '../hypervisor/hypervisor.ts';
import { Computer, DEFAULT_HZ } from '../machine/computer.ts';
import { hostMemory, installHostSoftware, NATIVE_HOST_RIP } from '../machine/host-software.ts';

export interface HostComputerOptions {
  /** Bytes of host RAM. */
  readonly ramBytes: number;
  /** Physical CPUs; 1 when absent. */
  readonly cpus?: number;
  readonly hz?: number;
  readonly observer?: HypervisorObserver;
  readonly tier2?: Tier2Mode;
}

export class HostComputer {
  readonly computer: Computer;
  readonly hypervisor: Hypervisor;

  constructor(options: HostComputerOptions) {
    const { ramBytes, cpus = 1, hz = DEFAULT_HZ, observer, tier2 } = options;
    this.computer = new Computer({ ramBytes, cpus, hz, ...(tier2 ? { tier2 } : {}) });
    const memory = hostMemory(this.computer);
    this.hypervisor = new Hypervisor({
      memory,
      hz,
      physicalAddressBits: PHYSICAL_BITS,
      hostRip: NATIVE_HOST_RIP,
      ...(observer ? { observer } : {}),
    });
    installHostSoftware(this.computer, this.hypervisor, memory);
    this.computer.attach('hypervisor', this.hypervisor);
  }
}

/** The hypervisor's own. */
const OWN_BYTES = 4 * 0x10_0000;

/** Host RAM for virtual machines of so many bytes: theirs, their tables, the hypervisor's own. */
export function hostRamFor(guestBytes: number): number {
  const tables = Math.ceil(guestBytes / 256);
  return Math.ceil((guestBytes + tables + OWN_BYTES) / 0x1000) * 0x1000;
}

/** What a virtual machine can have, in whole MiB, of a computer with as much RAM as there can be. */
export const MAX_GUEST_BYTES =
  Math.floor((MEMORY_MAP.maxRam - OWN_BYTES) / (1 + 1 / 256) / 0x10_0000) * 0x10_0000;
