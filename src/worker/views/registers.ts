import { SEG } from '../../arch/registers.ts';
import { dplOf } from '../../arch/segments.ts';
import type { RegistersView, RegisterView, SegmentView } from '../../protocol/processor-view.ts';
import type { VcpuRef } from '../../protocol/target.ts';
import { type FieldFormat, fieldsOf } from './bit-fields.ts';
import { modeOf } from './modes.ts';
import type { ProcessorState } from './processor-state.ts';
import { CR0_FORMAT, CR4_FORMAT, EFER_FORMAT, RFLAGS_FORMAT } from './register-formats.ts';
import { segmentType } from './segment-texts.ts';

const NAMES_64 = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'] as const;
const NAMES_32 = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'] as const;

/** On screen in the order of use, not of encoding. */
const SHOWN = [0, 3, 1, 2, 6, 7, 5, 4, 8, 9, 10, 11, 12, 13, 14, 15] as const;

/** The registers panel of one vCPU. Outside 64-bit mode only what exists there is shown. */
export function registersView(of: VcpuRef, state: ProcessorState): RegistersView {
  const mode = modeOf(state);
  const bits = mode.bitness === 64 ? 64 : 32;
  const whole = (name: string, value: bigint, formats: readonly FieldFormat[] = []): RegisterView => ({
    name,
    value: BigInt.asUintN(bits, value),
    bits,
    changed: false,
    fields: fieldsOf(value, formats),
  });
  const generalName = (n: number) => (n >= 8 ? `r${n}` : ((bits === 64 ? NAMES_64 : NAMES_32)[n] ?? ''));
  return {
    of,
    mode: mode.name,
    general: SHOWN.filter((n) => bits === 64 || n < 8).map((n) =>
      whole(generalName(n), state.general[n] ?? 0n),
    ),
    rip: whole(bits === 64 ? 'rip' : 'eip', state.rip),
    rflags: whole(bits === 64 ? 'rflags' : 'eflags', state.rflags, RFLAGS_FORMAT),
    segments: Object.entries(SEG).map(([name, n]) => segmentView(name.toLowerCase(), state, n)),
    tables: [
      { name: 'gdtr', ...state.gdtr },
      { name: 'idtr', ...state.idtr },
    ],
    control: [
      whole('cr0', state.cr0, CR0_FORMAT),
      whole('cr2', state.cr2),
      whole('cr3', state.cr3),
      whole('cr4', state.cr4, CR4_FORMAT),
      whole('efer', state.efer, EFER_FORMAT),
    ],
  };
}

function segmentView(name: string, state: ProcessorState, n: number): SegmentView {
  const { selector, base, limit, attributes } = state.segments[n] ?? {
    selector: 0,
    base: 0n,
    limit: 0,
    attributes: 0,
  };
  return {
    name,
    selector,
    base,
    limit,
    type: segmentType(attributes),
    dpl: dplOf(attributes),
    changed: false,
  };
}
