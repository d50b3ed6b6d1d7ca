import type { PhysicalMemory } from '../../contracts/memory.ts';
import type { WalkReport } from '../../hypervisor/walk/entry.ts';
import { explainWalk } from '../../hypervisor/walk/explain.ts';
import type { VcpuAccess } from '../machines/lab-machine.ts';
import { pagingRegisters, wordReader } from '../machines/linear-memory.ts';
import { signedNumber } from '../views/numbers.ts';

/** The walk of a linear address, with the second dimension under it where a virtual machine's is asked for. */
export function linearWalk(
  { state, nestedRoot }: VcpuAccess,
  ram: PhysicalMemory,
  address: bigint,
): WalkReport {
  return explainWalk({
    registers: pagingRegisters(state),
    linear: signedNumber(address),
    nestedRoot,
    read: wordReader(ram),
  });
}
