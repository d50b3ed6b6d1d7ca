import { VMCB } from '../../arch/vmcb.ts';
import { FIELDS, type FieldKind } from '../../arch/vmcs.ts';
import { FIELD_WORD } from '../../cpu/vmx/format.ts';

/** A field of a control structure: a range of its memory with a name. */
export interface StructureField {
  readonly name: string;
  /** What the manual puts it under, e.g. "Guest state". */
  readonly group: string;
  /** From the beginning of the structure, and as long as it is kept there: 1 to 8 bytes. */
  readonly offset: number;
  readonly bytes: number;
  /** Bits of its value. */
  readonly bits: 8 | 16 | 32 | 64;
}

/**
 * What a processor keeps a guest of its hypervisor in. All fields lie in memory at every moment: nothing is held back
 * in the processor.
 */
export interface ControlStructure {
  readonly name: string;
  /** Host-physical. */
  readonly address: number;
  readonly fields: readonly StructureField[];
}

const GROUPS: Readonly<Record<FieldKind, string>> = {
  guest: 'Guest state',
  host: 'Host state',
  control: 'Controls',
  'read-only': 'VM-exit information',
};

const VMCS_FIELDS: readonly StructureField[] = FIELDS.map(({ name, encoding, width, kind }) => {
  const bits = width === 'natural' ? 64 : width;
  return { name, group: GROUPS[kind], offset: FIELD_WORD[encoding] * 4, bytes: bits === 64 ? 8 : 4, bits };
});

/** @param address host-physical */
export const vmcsAt = (address: number): ControlStructure => ({ name: 'VMCS', address, fields: VMCS_FIELDS });

/** Where the state-save area begins. */
const STATE_SAVE_AREA = 0x400;

function vmcbGroup(name: string, offset: number): string {
  if (offset >= STATE_SAVE_AREA) return 'Guest state';
  return /^EXIT|^NRIP$/.test(name) ? '#VMEXIT information' : 'Controls';
}

const VMCB_FIELDS: readonly StructureField[] = Object.entries(VMCB).map(([name, { offset, width }]) => ({
  name,
  group: vmcbGroup(name, offset),
  offset,
  bytes: width,
  bits: (8 * width) as StructureField['bits'],
}));

/** @param address host-physical */
export const vmcbAt = (address: number): ControlStructure => ({ name: 'VMCB', address, fields: VMCB_FIELDS });

/** A field by its name, in any case; undefined: there is none. */
export const fieldNamed = ({ fields }: ControlStructure, name: string): StructureField | undefined =>
  fields.find((field) => field.name === name.toUpperCase());
