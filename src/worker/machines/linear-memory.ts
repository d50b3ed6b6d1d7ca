import type { PhysicalMemory } from '../../contracts/memory.ts';
import type { PagingRegisters } from '../../hypervisor/walk/entry.ts';
import { explainWalk } from '../../hypervisor/walk/explain.ts';
import type { ReadLinear } from '../views/code.ts';
import { signedNumber } from '../views/numbers.ts';
import type { ProcessorState } from '../views/processor-state.ts';
import type { VcpuAccess } from './lab-machine.ts';

const PAGE = 0x1000n;

export function pagingRegisters({ cr0, cr3, cr4, efer }: ProcessorState): PagingRegisters {
  return { cr0: Number(cr0) | 0, cr3: Number(cr3), cr4: Number(cr4) | 0, efer: Number(efer) | 0 };
}

/** Reads a 32-bit word of host-physical memory; all ones where there is no RAM. */
export function wordReader(ram: PhysicalMemory): (address: number) => number {
  return (address) => {
    if (address < 0 || address + 4 > ram.size) return 0xffff_ffff;
    const [a = 0, b = 0, c = 0, d = 0] = ram.read(address, 4);
    return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
  };
}

/** Linear memory of a vCPU as a debugger reads it: rights do not matter, nothing is marked as accessed. */
export function linearReader({ state, nestedRoot }: VcpuAccess, ram: PhysicalMemory): ReadLinear {
  const registers = pagingRegisters(state);
  const read = wordReader(ram);
  return (address, length) => {
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const at = address + BigInt(done);
      const { end } = explainWalk({ registers, linear: signedNumber(at), nestedRoot, read });
      const size = Math.min(length - done, Number(PAGE - (at % PAGE)));
      if (end.kind === 'fault' || end.hostPhysical < 0 || end.hostPhysical + size > ram.size) break;
      bytes.set(ram.read(end.hostPhysical, size), done);
      done += size;
    }
    return bytes.subarray(0, done);
  };
}
