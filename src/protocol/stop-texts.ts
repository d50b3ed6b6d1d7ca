import { exitReason } from '../arch/exit-reasons.ts';
import { MSR } from '../arch/msr.ts';
import { VECTOR } from '../arch/registers.ts';
import type { StopTrigger } from './stops.ts';
import type { Ring } from './target.ts';

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

const VECTOR_NAMES = new Map(Object.entries(VECTOR).map(([name, vector]) => [vector as number, `#${name}`]));
const MSR_NAMES = new Map(Object.entries(MSR).map(([name, index]) => [index as number, name]));

/** "#PF", "NMI" or "vector 32". */
export function vectorName(vector: number): string {
  return vector === VECTOR.NMI ? 'NMI' : (VECTOR_NAMES.get(vector) ?? `vector ${vector}`);
}

/** "IA32_EFER" or "MSR 0xc0010015". */
export const msrName = (index: number): string => MSR_NAMES.get(index) ?? `MSR ${hex(index)}`;

const ringName = (ring: Ring | null): string => (ring === null ? 'any ring' : `ring ${ring}`);

/** What a stop waits for, in a few words. */
export function triggerText(trigger: StopTrigger): string {
  switch (trigger.kind) {
    case 'address':
      return `Execution at ${hex(trigger.address)}`;
    case 'write':
      return `Write to ${bytesText(trigger)}`;
    case 'read':
      return `Read of ${bytesText(trigger)}`;
    case 'execute':
      return `Execution at ${trigger.space} ${hex(trigger.address)}`;
    case 'vm-exit':
      return trigger.reason === null ? 'Any VM exit' : `VM exit: ${exitReason(trigger.reason).name}`;
    case 'hypercall':
      return trigger.number === null ? 'Any hypercall' : `Hypercall ${trigger.number}`;
    case 'event':
      return trigger.vector === null ? 'Any exception' : `Delivery of ${vectorName(trigger.vector)}`;
    case 'crossing':
      return `From ${ringName(trigger.from)} to ${ringName(trigger.to)}`;
    case 'cr3':
      return 'Load of CR3';
    case 'page-table':
      return `Change of the mapping of ${hex(trigger.address)}`;
    case 'msr':
      return `${MSR_ACCESS[trigger.access]} of ${trigger.index === null ? 'any MSR' : msrName(trigger.index)}`;
    case 'port':
      return `${PORT_ACCESS[trigger.access]} ${trigger.port === null ? 'any port' : `port ${hex(trigger.port)}`}`;
    case 'console':
      return `Text "${trigger.text}" on a console`;
  }
}

const bytesText = ({ space, address, length }: Extract<StopTrigger, { kind: 'read' | 'write' }>): string =>
  `${space} ${hex(address)}, ${length} ${length === 1 ? 'byte' : 'bytes'}`;

const MSR_ACCESS = { any: 'Access', read: 'Read', write: 'Write' } as const;
const PORT_ACCESS = { any: 'Access to', in: 'IN from', out: 'OUT to' } as const;
