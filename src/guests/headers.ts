/**
 * Headers that any source may `%include`. Most are the numbers of the simulated computer as `equ` lines, made
 * from the tables of src/arch, so that a guest and the computer cannot disagree; the others are macros, written
 * by hand in src/guests/asm/headers.
 */
import { EXIT } from '../arch/exit-reasons.ts';
import {
  HYPERCALL,
  HYPERCALL_ERROR,
  HYPERCALL_LIMITS,
  HYPERVISOR_LEAF,
  MULTICALL_ENTRY,
} from '../arch/hypercalls.ts';
import { MSR } from '../arch/msr.ts';
import { IRQ, MMIO, PORTS } from '../arch/pc.ts';
import { CR0, CR4, EFER, FLAG, VECTOR } from '../arch/registers.ts';
import { EVENT, SVM_MSR, TLB_CONTROL, V_INTR, VM_CR } from '../arch/svm.ts';
import { SVM_EXIT } from '../arch/svm-exits.ts';
import { VMCB } from '../arch/vmcb.ts';
import { FIELD } from '../arch/vmcs.ts';
import {
  ENTRY_CONTROL,
  EXIT_CONTROL,
  FEATURE_CONTROL,
  PIN,
  PRIMARY,
  SECONDARY,
  VM_ERROR,
  VMX_MSR,
} from '../arch/vmx.ts';
import { FILES } from './sources.ts';

type Numbers = Readonly<Record<string, number>>;

interface Header {
  /** What it holds, for its first line. */
  readonly about: string;
  /** Tables with the prefix that their names get. */
  readonly tables: readonly (readonly [prefix: string, numbers: Numbers])[];
}

const basesOf = (blocks: Readonly<Record<string, { readonly base: number }>>): Numbers =>
  Object.fromEntries(Object.entries(blocks).map(([name, { base }]) => [name, base]));

const offsetsOf = (fields: Readonly<Record<string, { readonly offset: number }>>): Numbers =>
  Object.fromEntries(Object.entries(fields).map(([name, { offset }]) => [name, offset]));

const { TYPE: eventTypes, ...eventBits } = EVENT;

const { FEATURE_CONTROL: IA32_FEATURE_CONTROL, ...capabilities } = VMX_MSR;
const VMX_CAPABILITIES: Numbers = {
  IA32_FEATURE_CONTROL,
  ...Object.fromEntries(Object.entries(capabilities).map(([name, number]) => [`IA32_VMX_${name}`, number])),
};

const CONTENTS: Readonly<Record<string, Header>> = {
  'ports.inc': {
    about: 'I/O ports, memory-mapped devices and interrupt lines of the PC',
    tables: [
      ['PORT_', basesOf(PORTS)],
      ['MMIO_', basesOf(MMIO)],
      ['IRQ_', IRQ],
    ],
  },
  'registers.inc': {
    about: 'Bits of control registers, EFER and RFLAGS; exception vectors',
    tables: [
      ['CR0_', CR0],
      ['CR4_', CR4],
      ['EFER_', EFER],
      ['RFLAGS_', FLAG],
      ['VECTOR_', VECTOR],
    ],
  },
  'msrs.inc': {
    about: 'Model-specific registers',
    tables: [['', { ...VMX_CAPABILITIES, ...MSR, ...SVM_MSR }]],
  },
  'vmcs.inc': { about: 'Encodings of the VMCS fields', tables: [['', FIELD]] },
  'vmx.inc': {
    about: 'Controls, exit reasons and errors of VT-x',
    tables: [
      ['FEATURE_CONTROL_', FEATURE_CONTROL],
      ['PIN_', PIN],
      ['PRIMARY_', PRIMARY],
      ['SECONDARY_', SECONDARY],
      ['VM_EXIT_', EXIT_CONTROL],
      ['VM_ENTRY_', ENTRY_CONTROL],
      ['EXIT_REASON_', EXIT],
      ['VM_ERROR_', VM_ERROR],
    ],
  },
  'vmcb.inc': { about: 'Offsets of the fields of a VMCB', tables: [['VMCB_', offsetsOf(VMCB)]] },
  'svm.inc': {
    about: 'Exit codes of AMD-V, which are also the numbers of the intercept bits; contents of VMCB fields',
    tables: [
      ['VMEXIT_', SVM_EXIT],
      ['VM_CR_', VM_CR],
      ['TLB_CONTROL_', TLB_CONTROL],
      ['V_INTR_', V_INTR],
      ['EVENT_', eventBits],
      ['EVENT_TYPE_', eventTypes],
    ],
  },
  'hypercalls.inc': {
    about: "Hypercalls of the lab's hypervisor",
    tables: [
      ['HYPERVISOR_LEAF_', HYPERVISOR_LEAF],
      ['HC_', HYPERCALL],
      ['HC_ERROR_', HYPERCALL_ERROR],
      ['HC_LIMIT_', HYPERCALL_LIMITS],
      ['MULTICALL_', MULTICALL_ENTRY],
    ],
  },
};

/** `pciConfigData` as `PCI_CONFIG_DATA`; names in capitals stay. */
const constantName = (name: string) => name.replace(/([a-z])([A-Z])/g, '$1_$2').toUpperCase();

/** Masks and addresses read better in hexadecimal; bit 31 of a table is a positive number here. */
function literal(value: number): string {
  if (Math.abs(value) < 10) return String(value);
  return `0x${(value < 0 ? value >>> 0 : value).toString(16)}`;
}

function headerText(name: string, { about, tables }: Header): string {
  const guard = name.replace('.', '_').toUpperCase();
  const lines = tables.flatMap(([prefix, numbers]) => [
    '',
    ...Object.entries(numbers).map(
      ([key, value]) => `${`${prefix}${constantName(key)}`.padEnd(35)} equ ${literal(value)}`,
    ),
  ]);
  return [`; ${about}.`, `%ifndef ${guard}`, `%define ${guard}`, ...lines, '', '%endif', ''].join('\n');
}

/** The headers that only hold numbers, by the name that `%include` gives. */
export const NUMBERS: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(CONTENTS).map(([name, header]) => [name, headerText(name, header)]),
);

const FOLDER = 'headers/';

/** Texts of all headers by the name that `%include` gives. */
export const HEADERS: Readonly<Record<string, string>> = {
  ...NUMBERS,
  ...Object.fromEntries(
    Object.entries(FILES)
      .filter(([name]) => name.startsWith(FOLDER))
      .map(([name, text]) => [name.slice(FOLDER.length), text]),
  ),
};

/** Sources of the embedded guests by file name. */
export const SOURCES: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(FILES).filter(([name]) => !name.startsWith(FOLDER)),
);
