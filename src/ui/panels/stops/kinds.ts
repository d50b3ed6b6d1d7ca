import { EXIT_REASONS, isSvmReason } from '../../../arch/exit-reasons.ts';
import { MSR } from '../../../arch/msr.ts';
import { VECTOR } from '../../../arch/registers.ts';
import type { PhysicalSpace, StopKind, StopTrigger } from '../../../protocol/stops.ts';
import type { AddressSpace, Ring } from '../../../protocol/target.ts';
import { parseAddress } from '../../format.ts';

/** What was typed or chosen in the form, by field. */
export type Values = Readonly<Record<string, string>>;

/** A field holds what it cannot. */
export class FieldError extends Error {
  readonly field: string;

  constructor(field: string, text: string) {
    super(text);
    this.field = field;
  }
}

interface Choice {
  readonly value: string;
  readonly text: string;
}

/** A field of the form; with choices it is a list. */
export interface Field {
  readonly name: string;
  readonly label: string;
  readonly initial: string;
  readonly placeholder?: string;
  readonly choices?: readonly Choice[];
}

interface Kind {
  readonly label: string;
  readonly fields: readonly Field[];
  /** Throws `FieldError`. */
  readonly trigger: (values: Values) => StopTrigger;
}

const ANY: Choice = { value: '', text: 'any' };
/** Both techniques have reasons of the same names. */
const reasonText = (number: number, name: string): string => (isSvmReason(number) ? `AMD-V: ${name}` : name);
const same = (...values: string[]): Choice[] => values.map((value) => ({ value, text: value }));

const address: Field = {
  name: 'address',
  label: 'Linear address',
  initial: '',
  placeholder: '0xffff800000100000',
};
const physical: Field = { ...address, label: 'Address', placeholder: '0x100000' };
const space = (first: AddressSpace, ...others: AddressSpace[]): Field => ({
  name: 'space',
  label: 'Address is',
  initial: first,
  choices: same(first, ...others),
});
const bytes: readonly Field[] = [
  space('linear', 'guest-physical', 'host-physical'),
  physical,
  { name: 'length', label: 'Bytes', initial: '8' },
];
const ring = (name: string, label: string): Field => ({
  name,
  label,
  initial: '',
  choices: [ANY, ...same('-1', '0', '1', '2', '3')],
});
const access = (...values: string[]): Field => ({
  name: 'access',
  label: 'Access',
  initial: 'any',
  choices: same('any', ...values),
});

/** Every kind of stop: how the form shows it, and what it makes of it. */
export const KINDS: Readonly<Record<StopKind, Kind>> = {
  address: {
    label: 'Execution of an instruction',
    fields: [address],
    trigger: (values) => ({ kind: 'address', address: addressIn(values) }),
  },
  write: {
    label: 'Write to memory',
    fields: bytes,
    trigger: (values) => ({ kind: 'write', ...bytesIn(values) }),
  },
  read: {
    label: 'Read of memory',
    fields: bytes,
    trigger: (values) => ({ kind: 'read', ...bytesIn(values) }),
  },
  execute: {
    label: 'Execution by physical address',
    fields: [space('guest-physical', 'host-physical'), physical],
    trigger: (values) => ({
      kind: 'execute',
      space: values.space as PhysicalSpace,
      address: addressIn(values),
    }),
  },
  'vm-exit': {
    label: 'VM exit',
    fields: [
      {
        name: 'reason',
        label: 'Reason',
        initial: '',
        choices: [
          ANY,
          ...EXIT_REASONS.map(({ number, name }) => ({ value: `${number}`, text: reasonText(number, name) })),
        ],
      },
    ],
    trigger: (values) => ({ kind: 'vm-exit', reason: optionalIn(values, 'reason') }),
  },
  hypercall: {
    label: 'Hypercall',
    fields: [{ name: 'number', label: 'Number in RAX', initial: '', placeholder: 'any' }],
    trigger: (values) => ({ kind: 'hypercall', number: optionalIn(values, 'number') }),
  },
  event: {
    label: 'Interrupt or exception',
    fields: [{ name: 'vector', label: 'Vector', initial: '', placeholder: 'any exception; 14, #PF' }],
    trigger: (values) => ({ kind: 'event', vector: vectorIn(values) }),
  },
  crossing: {
    label: 'Change of ring',
    fields: [ring('from', 'From ring'), ring('to', 'To ring')],
    trigger: (values) => ({
      kind: 'crossing',
      from: optionalIn(values, 'from') as Ring | null,
      to: optionalIn(values, 'to') as Ring | null,
    }),
  },
  cr3: { label: 'Load of CR3', fields: [], trigger: () => ({ kind: 'cr3' }) },
  'page-table': {
    label: 'Change of a mapping',
    fields: [address],
    trigger: (values) => ({ kind: 'page-table', address: addressIn(values) }),
  },
  msr: {
    label: 'Access to an MSR',
    fields: [
      { name: 'index', label: 'MSR', initial: '', placeholder: 'any; 0xc0000080, EFER' },
      access('read', 'write'),
    ],
    trigger: (values) => ({
      kind: 'msr',
      index: msrIn(values),
      access: values.access as 'any' | 'read' | 'write',
    }),
  },
  port: {
    label: 'Access to a port',
    fields: [{ name: 'port', label: 'Port', initial: '', placeholder: 'any; 0x3f8' }, access('in', 'out')],
    trigger: (values) => ({
      kind: 'port',
      port: optionalIn(values, 'port'),
      access: values.access as 'any' | 'in' | 'out',
    }),
  },
  console: {
    label: 'Text on a console',
    fields: [{ name: 'text', label: 'Text', initial: '', placeholder: 'login:' }],
    trigger: ({ text }) => ({ kind: 'console', text }),
  },
};

/** The form of a kind before anything is typed. */
export const initialValues = (kind: StopKind): Values =>
  Object.fromEntries(KINDS[kind].fields.map(({ name, initial }) => [name, initial]));

function addressIn({ address: text }: Values): bigint {
  const value = parseAddress(text);
  if (value === undefined) {
    throw new FieldError('address', 'Up to 16 hexadecimal digits, for example 0xffff800000100000.');
  }
  return value;
}

const bytesIn = (values: Values) => ({
  space: values.space as AddressSpace,
  address: addressIn(values),
  length: numberIn(values, 'length'),
});

/** Decimal, or hexadecimal after 0x; -1 is a ring. */
function numberIn(values: Values, field: string): number {
  const text = values[field].trim();
  if (!/^(-?\d+|0x[0-9a-f]+)$/i.test(text)) throw new FieldError(field, 'A number, for example 32 or 0x20.');
  return Number(text);
}

/** Null: any. */
function optionalIn(values: Values, field: string): number | null {
  return values[field].trim() === '' ? null : numberIn(values, field);
}

function vectorIn(values: Values): number | null {
  const name = values.vector.trim().replace(/^#/, '').toUpperCase();
  return (VECTOR as Readonly<Record<string, number>>)[name] ?? optionalIn(values, 'vector');
}

function msrIn(values: Values): number | null {
  const name = values.index.trim().toUpperCase();
  const table: Readonly<Record<string, number>> = MSR;
  return table[name] ?? table[`IA32_${name}`] ?? optionalIn(values, 'index');
}
