import { EFER, SEG, VECTOR } from '../../arch/registers.ts';
import { ATTRIBUTE, attributesOf, baseOf, dplOf, limitOf, SYSTEM_TYPE } from '../../arch/segments.ts';
import type { DescriptorEntry, DescriptorsView, DescriptorTable } from '../../protocol/descriptors-view.ts';
import type { VcpuRef } from '../../protocol/target.ts';
import { fieldsOf } from './bit-fields.ts';
import type { ReadLinear } from './code.ts';
import { gateFormats, IVT_FORMAT, segmentFormats, systemFormats } from './descriptor-formats.ts';
import { modeOf } from './modes.ts';
import type { ProcessorState } from './processor-state.ts';
import { segmentType, systemTypeName } from './segment-texts.ts';
import { type NameOf, symbolText } from './symbol-text.ts';

export interface DescriptorsRequest {
  readonly of: VcpuRef;
  readonly state: ProcessorState;
  readonly read: ReadLinear;
  readonly nameOf: NameOf;
}

/** Entries of a table that are read: a table of 64 KiB has 8192. */
const MOST_ENTRIES = 1024;
const GATES: readonly number[] = [
  SYSTEM_TYPE.CALL_GATE16,
  SYSTEM_TYPE.CALL_GATE32,
  SYSTEM_TYPE.TASK_GATE,
  SYSTEM_TYPE.INTERRUPT_GATE16,
  SYSTEM_TYPE.INTERRUPT_GATE32,
  SYSTEM_TYPE.TRAP_GATE16,
  SYSTEM_TYPE.TRAP_GATE32,
];
const EXCEPTIONS = new Map(Object.entries(VECTOR).map(([name, vector]) => [vector as number, `#${name}`]));

/** GDT, LDT and IDT of one vCPU, or the interrupt vector table in real mode. */
export function descriptorsView(request: DescriptorsRequest): DescriptorsView {
  const { of, state } = request;
  const { name: mode } = modeOf(state);
  const ldtr = state.segments[SEG.LDTR];
  const ldt = ldtr !== undefined && !(ldtr.attributes & ATTRIBUTE.UNUSABLE) && ldtr.limit > 0;
  return {
    of,
    mode,
    tables: [
      segmentTable('GDT', state.gdtr.base, state.gdtr.limit, request),
      ...(ldt ? [segmentTable('LDT', ldtr.base, ldtr.limit, request)] : []),
      mode === 'real mode' ? vectorTable(request) : gateTable(request),
    ],
  };
}

interface Contents {
  readonly view: DataView;
  readonly count: number;
  readonly missing: string | null;
}

function contents(base: bigint, limit: number, size: number, read: ReadLinear): Contents {
  const count = Math.min(Math.floor((limit + 1) / size), MOST_ENTRIES);
  const bytes = read(base, count * size);
  const mapped = Math.floor(bytes.length / size);
  const missing =
    mapped < count ? `No memory is mapped at 0x${(base + BigInt(bytes.length)).toString(16)}.` : null;
  return { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), count: mapped, missing };
}

const isLong = ({ efer }: ProcessorState): boolean => (efer & BigInt(EFER.LMA)) !== 0n;
const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

function segmentTable(
  name: 'GDT' | 'LDT',
  base: bigint,
  limit: number,
  { state, read }: DescriptorsRequest,
): DescriptorTable {
  const { view, count, missing } = contents(base, limit, 8, read);
  const entries: DescriptorEntry[] = [];
  let empty = 0;
  for (let index = 0; index < count; index++) {
    const at = index * 8;
    const [lo, hi] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
    if (lo === 0 && hi === 0) {
      empty++;
      continue;
    }
    const attributes = attributesOf(hi);
    const system = !(attributes & ATTRIBUTE.S);
    const wide = system && isLong(state) && index + 1 < count;
    const upper = wide ? view.getBigUint64(at + 8, true) : 0n;
    const raw = (upper << 64n) | view.getBigUint64(at, true);
    const selector = at | (name === 'LDT' ? 4 : 0);
    const type = attributes & ATTRIBUTE.TYPE;
    const gate = system && GATES.includes(type);
    entries.push({
      index,
      name: selector.toString(16).padStart(4, '0'),
      address: base + BigInt(at),
      raw,
      bytes: wide ? 16 : 8,
      type: segmentType(attributes),
      describes: gate
        ? gateTarget(raw, wide)
        : `base ${hex(BigInt(baseOf(lo, hi)) | ((upper & 0xffff_ffffn) << 32n))}, limit ${hex(limitOf(lo, hi))}`,
      dpl: dplOf(attributes),
      present: (attributes & ATTRIBUTE.P) !== 0,
      fields: fieldsOf(
        raw,
        gate ? gateFormats(wide, false) : system ? systemFormats(wide) : segmentFormats(attributes),
      ),
      loadedIn: Object.entries(SEG)
        .filter(([, n]) => ((state.segments[n]?.selector ?? 0) & ~3) === selector)
        .map(([register]) => register.toLowerCase()),
    });
    // In IA-32e mode system descriptors take two places.
    if (wide) index++;
  }
  return { name, base, limit, entries, empty, missing };
}

/** Selector:offset of a gate. */
function gateTarget(raw: bigint, wide: boolean): string {
  const selector = (raw >> 16n) & 0xffffn;
  const offset =
    (raw & 0xffffn) | ((raw >> 32n) & 0xffff_0000n) | (wide ? ((raw >> 64n) & 0xffff_ffffn) << 32n : 0n);
  return `${selector.toString(16).padStart(4, '0')}:${offset.toString(16).padStart(wide ? 16 : 8, '0')}`;
}

function vectorName(vector: number): string {
  const exception = EXCEPTIONS.get(vector);
  return exception === undefined ? String(vector) : `${vector} ${exception}`;
}

function gateTable({ state, read, nameOf }: DescriptorsRequest): DescriptorTable {
  const { base, limit } = state.idtr;
  const long = isLong(state);
  const size = long ? 16 : 8;
  const { view, count, missing } = contents(base, limit, size, read);
  const entries: DescriptorEntry[] = [];
  let empty = 0;
  for (let index = 0; index < count; index++) {
    const at = index * size;
    const raw = view.getBigUint64(at, true) | (long ? view.getBigUint64(at + 8, true) << 64n : 0n);
    if (raw === 0n) {
      empty++;
      continue;
    }
    const attributes = Number((raw >> 40n) & 0xffn);
    const type = attributes & ATTRIBUTE.TYPE;
    const ist = long ? (raw >> 32n) & 7n : 0n;
    const offset =
      (raw & 0xffffn) | ((raw >> 32n) & 0xffff_0000n) | (long ? ((raw >> 64n) & 0xffff_ffffn) << 32n : 0n);
    const symbol = symbolText(nameOf(offset));
    entries.push({
      index,
      name: vectorName(index),
      address: base + BigInt(at),
      raw,
      bytes: size,
      type: systemTypeName(type),
      describes: `${gateTarget(raw, long)}${symbol === null ? '' : ` ${symbol}`}${ist === 0n ? '' : `, IST ${ist}`}`,
      dpl: dplOf(attributes),
      present: (attributes & ATTRIBUTE.P) !== 0,
      fields: fieldsOf(raw, gateFormats(long, true)),
      loadedIn: [],
    });
  }
  return { name: 'IDT', base, limit, entries, empty, missing };
}

/** Real mode: 256 far pointers. */
function vectorTable({ state, read }: DescriptorsRequest): DescriptorTable {
  const { base, limit } = state.idtr;
  const { view, count, missing } = contents(base, limit, 4, read);
  const entries: DescriptorEntry[] = [];
  let empty = 0;
  for (let index = 0; index < count; index++) {
    const raw = view.getUint32(index * 4, true);
    if (raw === 0) {
      empty++;
      continue;
    }
    const [segment, offset] = [raw >>> 16, raw & 0xffff];
    entries.push({
      index,
      name: vectorName(index),
      address: base + BigInt(index * 4),
      raw: BigInt(raw),
      bytes: 4,
      type: 'far pointer',
      describes: `${segment.toString(16).padStart(4, '0')}:${offset.toString(16).padStart(4, '0')} at ${hex(segment * 16 + offset)}`,
      dpl: 0,
      present: true,
      fields: fieldsOf(BigInt(raw), IVT_FORMAT),
      loadedIn: [],
    });
  }
  return { name: 'IVT', base, limit, entries, empty, missing };
}
