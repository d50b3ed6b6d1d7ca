import type { PhysicalMemory } from '../../contracts/memory.ts';
import { PHYSICAL_BITS } from '../../cpu/paging.ts';
import { explainWalk } from '../../hypervisor/walk/explain.ts';
import { explainNested } from '../../hypervisor/walk/nested.ts';
import type { AddressSpace } from '../../protocol/target.ts';
import { modeOf } from '../views/modes.ts';
import { signedNumber, unsigned64 } from '../views/numbers.ts';
import type { VcpuAccess } from './lab-machine.ts';
import { pagingRegisters, wordReader } from './linear-memory.ts';
import type { ReadTable } from './segment-load.ts';

/** Where a byte is, or why there is none. */
export type Located =
  | { readonly kind: 'ram'; readonly guestPhysical: number; readonly hostPhysical: number }
  /** `guestPhysical` is known when only the second dimension failed. */
  | { readonly kind: 'missing'; readonly why: string; readonly guestPhysical: number | undefined };

export type Locate = (space: AddressSpace, address: bigint) => Located;

/** Finds bytes as a debugger does: rights do not matter, and nothing is marked as accessed. */
export function locator(access: VcpuAccess, ram: PhysicalMemory): Locate {
  const { state, nestedRoot } = access;
  const registers = pagingRegisters(state);
  const read = wordReader(ram);
  const inRam = (guestPhysical: number, hostPhysical: number): Located =>
    hostPhysical >= 0 && hostPhysical < ram.size
      ? { kind: 'ram', guestPhysical, hostPhysical }
      : missing(`no RAM at host-physical 0x${hostPhysical.toString(16)}`);
  return (space, address) => {
    if (space !== 'linear' && address >> BigInt(PHYSICAL_BITS) !== 0n)
      return missing(`physical addresses have ${PHYSICAL_BITS} bits`);
    if (space === 'host-physical') return inRam(Number(address), Number(address));
    if (space === 'guest-physical') {
      const guestPhysical = Number(address);
      const { hostPhysical, entries } = explainNested(read, nestedRoot, guestPhysical);
      return hostPhysical === undefined
        ? missing(entries.at(-1)?.fault ?? 'EPT violation', guestPhysical)
        : inRam(guestPhysical, hostPhysical);
    }
    if (modeOf(state).bitness === 64 && unsigned64(Number(BigInt.asIntN(48, address))) !== address)
      return missing('not canonical: bits 63:47 differ');
    const { end, page } = explainWalk({ registers, linear: signedNumber(address), nestedRoot, read });
    return end.kind === 'fault'
      ? missing(`${end.fault}: ${end.why}`, page?.guestPhysical)
      : inRam(end.guestPhysical, end.hostPhysical);
  };
}

/** Reads descriptors at linear addresses. */
export function tableReader(locate: Locate, ram: PhysicalMemory): ReadTable {
  return (linear) => {
    const at = locate('linear', linear);
    if (at.kind !== 'ram') return undefined;
    // Descriptors are 8-byte aligned in all tables that somebody meant.
    const view = new DataView(ram.read(at.hostPhysical, 8).buffer);
    return { lo: view.getUint32(0, true), hi: view.getUint32(4, true) };
  };
}

function missing(why: string, guestPhysical?: number): Located {
  return { kind: 'missing', why, guestPhysical };
}
