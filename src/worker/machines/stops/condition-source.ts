import { GPR, SEG } from '../../../arch/registers.ts';
import type { PhysicalMemory } from '../../../contracts/memory.ts';
import type { ProcessorState } from '../../views/processor-state.ts';
import type { VcpuAccess } from '../lab-machine.ts';
import { linearReader } from '../linear-memory.ts';
import type { ConditionSource } from './evaluate.ts';

/** Names in conditions of the registers that are in no array. */
const SINGLE = ['rip', 'rflags', 'cr0', 'cr2', 'cr3', 'cr4', 'efer'] as const;

function readers(): Map<string, (state: ProcessorState) => bigint> {
  const table = new Map<string, (state: ProcessorState) => bigint>();
  for (const [name, n] of Object.entries(GPR)) table.set(name.toLowerCase(), ({ general }) => general[n]);
  for (const [name, n] of Object.entries(SEG)) {
    table.set(name.toLowerCase(), ({ segments }) => BigInt(segments[n].selector));
  }
  for (const name of SINGLE) table.set(name, (state) => state[name]);
  table.set('cpl', ({ cpl }) => BigInt(cpl));
  return table;
}

const READERS = readers();

/** A virtual CPU as conditions see it. */
export function conditionSource(access: VcpuAccess, ram: PhysicalMemory): ConditionSource {
  const read = linearReader(access, ram);
  return {
    register: (name) => {
      const reader = READERS.get(name);
      if (reader === undefined) throw new Error(`no register ${name}`);
      return reader(access.state);
    },
    memory: (address, bytes) => {
      const found = read(address, bytes);
      if (found.length < bytes) return undefined;
      return found.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
    },
  };
}
