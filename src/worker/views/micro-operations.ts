/** Micro-operations in words: what the processor did, where, and with which result. */
import type {
  LookUp,
  MicroOperation,
  NestedFormat,
  Reference,
  Transfer,
} from '../../cpu/micro-operations.ts';
import type { MicroOperationView, MicroReference } from '../../protocol/micro-view.ts';
import { vectorName } from '../../protocol/stop-texts.ts';
import { fromHalves, unsigned64 } from './numbers.ts';

/** A micro-operation, and what was known only when it was made. */
export interface MadeOperation {
  readonly operation: MicroOperation;
  /** What the address of a transfer is part of: "IDT", "stack"; empty: ordinary data. */
  readonly part: string;
}

const TABLES = ['', 'PT', 'PD', 'PDPT', 'PML4'];
const ACCESSES = { fetch: 'Fetch', read: 'Read', write: 'Write' } as const;
const hex = (value: bigint | number): string => `0x${value.toString(16)}`;
const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

const NOTHING = { at: null, value: '', note: '', fields: [], reference: null } as const;

const linear = (address: number) => ({ space: 'linear', address: unsigned64(address) }) as const;
const guestPhysical = (address: number) => ({ space: 'guest-physical', address: BigInt(address) }) as const;
const hostPhysical = (address: number) => ({ space: 'host-physical', address: BigInt(address) }) as const;

const NESTED: Readonly<Record<NestedFormat, string>> = { ept: 'EPT', npt: 'NPT' };

/** The entry that a micro-operation reads; null for all others. */
export function referenceOf(operation: MicroOperation): MicroReference | null {
  if (operation.kind !== 'reference') return null;
  const { dimension, address, of } = operation;
  return { dimension, address: BigInt(address), of: unsigned64(of) };
}

export function microOperationView({ operation: one, part }: MadeOperation): MicroOperationView {
  switch (one.kind) {
    case 'look-up':
      return lookUp(one);
    case 'reference':
      return reference(one);
    case 'transfer':
      return transfer(one, part);
    case 'nested-hit':
      return {
        ...NOTHING,
        kind: 'look-up',
        what: `${NESTED[one.format]} translation cached`,
        at: guestPhysical(one.guestPhysical),
        value: `host ${hex(one.hostPhysical)}`,
      };
    case 'pdpte':
      return {
        ...NOTHING,
        kind: 'walk',
        what: `PDPTE register ${one.index}`,
        value: hex(fromHalves(one.lo, one.hi)),
        note: 'PAE paging keeps the first level in registers',
      };
    case 'mark': {
      const bits = [one.accessed ? 'A' : '', one.dirty ? 'D' : ''].filter((bit) => bit !== '');
      return {
        ...NOTHING,
        kind: 'walk',
        what: `Set ${bits.join(' and ')} in the ${TABLES[one.level]} entry`,
        at: hostPhysical(one.hostPhysical),
      };
    }
    case 'physical-read':
      return {
        ...NOTHING,
        kind: 'memory',
        what: 'Read a PDPTE',
        at: hostPhysical(one.hostPhysical),
        value: hex(fromHalves(one.lo, one.hi)),
      };
    case 'page-fault':
      return {
        ...NOTHING,
        kind: 'fault',
        what: 'Page fault',
        at: linear(one.linear),
        value: `error code ${hex(one.errorCode)}`,
      };
    case 'nested-fault':
      return {
        ...NOTHING,
        kind: 'fault',
        what: `${NESTED[one.format]} refuses the access`,
        at: guestPhysical(one.guestPhysical),
      };
    case 'port':
      return {
        ...NOTHING,
        kind: 'port',
        what: `${one.access === 'in' ? 'Read' : 'Write'} port ${hex(one.port)}`,
        value: hex(one.value),
        note: plural(one.bytes, 'byte'),
      };
    case 'delivery':
      return {
        ...NOTHING,
        kind: 'event',
        what: `Deliver ${vectorName(one.vector)}`,
        value: one.errorCode < 0 ? '' : `error code ${hex(one.errorCode)}`,
        note: 'through the interrupt descriptor table',
      };
    default:
      return outsideTheGuest(one);
  }
}

type Outside = Extract<
  MicroOperation,
  { kind: 'exit' | 'saved' | 'entry' | 'loaded' | 'handler' | 'host-operation' | 'host-write' }
>;

function outsideTheGuest(one: Outside): MicroOperationView {
  switch (one.kind) {
    case 'exit':
      return {
        ...NOTHING,
        kind: 'world-switch',
        what: `VM exit: ${one.cause}`,
        value: one.detail === 0n ? '' : `qualification ${hex(one.detail)}`,
      };
    case 'saved':
      return {
        ...NOTHING,
        kind: 'world-switch',
        what: 'Save the guest and report the exit',
        value: plural(one.fields.length, 'field'),
        fields: one.fields,
      };
    case 'entry':
      return {
        ...NOTHING,
        kind: 'world-switch',
        what: one.failed === undefined ? 'VM entry: all checks hold' : 'VM entry: a check fails',
        note: one.failed ?? 'controls, host state and guest state',
      };
    case 'loaded':
      return {
        ...NOTHING,
        kind: 'world-switch',
        what: `Load the ${one.of}'s state`,
        value: plural(one.fields.length, 'field'),
        fields: one.fields,
      };
    case 'handler':
      return { ...NOTHING, kind: 'host', what: HANDLERS[one.what], note: 'its code is TypeScript' };
    case 'host-operation':
      return {
        ...NOTHING,
        kind: 'host',
        what: `${one.name} ${one.operand}`.trim(),
        value: one.value === undefined ? '' : hex(one.value),
      };
    case 'host-write':
      return {
        ...NOTHING,
        kind: 'host',
        what: `Write ${plural(one.bytes, 'byte')}`,
        at: hostPhysical(one.hostPhysical),
        value: bytesText(one.value, one.bytes),
      };
  }
}

const HANDLERS = {
  'take over': 'The hypervisor takes the processor over',
  exit: "The hypervisor's exit handler",
  interrupt: "The hypervisor's interrupt handler",
} as const;

const FOUND = {
  hit: 'TLB hit',
  miss: 'TLB miss',
  off: 'no paging',
} as const;

function lookUp(one: LookUp): MicroOperationView {
  const to = one.hostPhysical;
  return {
    ...NOTHING,
    kind: 'look-up',
    what: `${ACCESSES[one.access]}: ${FOUND[one.found]}`,
    at: linear(one.linear),
    value: to === undefined ? '' : `host ${hex(to)}`,
    note: one.found === 'miss' ? 'the tables are walked' : '',
  };
}

function reference(one: Reference): MicroOperationView {
  const nested = one.dimension === 'nested';
  const index = (one.address & 0xfff) / one.bytes;
  const raw = fromHalves(one.lo, one.hi);
  return {
    ...NOTHING,
    kind: 'walk',
    what: `${one.format ? `${NESTED[one.format]} ` : ''}${TABLES[one.level]} entry ${index}`,
    at: nested ? hostPhysical(one.address) : guestPhysical(one.address),
    value: hex(raw),
    note: nested ? `for guest ${hex(one.of)}` : '',
    reference: referenceOf(one),
  };
}

function transfer(one: Transfer, part: string): MicroOperationView {
  const length = one.pieces.reduce((sum, { bytes }) => sum + bytes, 0);
  const [first] = one.pieces;
  const where = one.pieces.map((piece) => hex(piece.hostPhysical)).join(' and ');
  const what =
    one.access === 'fetch' ? 'Fetch the instruction' : `${ACCESSES[one.access]} ${plural(length, 'byte')}`;
  return {
    ...NOTHING,
    kind: 'memory',
    what: part === '' ? what : `${what}: ${part}`,
    at: first === undefined ? null : hostPhysical(first.hostPhysical),
    value: one.value === undefined ? '' : bytesText(one.value, one.value.length),
    note: one.pieces.length > 1 ? `crosses a page: ${where}` : `linear ${hex(unsigned64(one.linear))}`,
  };
}

const SHOWN_BYTES = 16;

/** As a number, if it fits into one, else byte by byte. */
function bytesText(value: Uint8Array, length: number): string {
  if ([1, 2, 4, 8].includes(length)) {
    return hex([...value].reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n));
  }
  const shown = [...value.subarray(0, SHOWN_BYTES)].map((byte) => byte.toString(16).padStart(2, '0'));
  return shown.join(' ') + (length > SHOWN_BYTES ? ' …' : '');
}

export const END: MicroOperationView = {
  ...NOTHING,
  kind: 'end',
  what: 'Complete',
  note: 'registers are written; the next step begins',
};
