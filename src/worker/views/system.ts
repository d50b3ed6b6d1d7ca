import { NAMED_MSRS } from '../../arch/named-msrs.ts';
import { SEG } from '../../arch/registers.ts';
import type { HiddenSegment, SystemView } from '../../protocol/system-view.ts';
import type { VcpuRef } from '../../protocol/target.ts';
import { type FieldFormat, fieldsOf } from './bit-fields.ts';
import type { ExtendedState } from './extended-state.ts';
import type { ProcessorState } from './processor-state.ts';
import {
  accessRightsFormats,
  DR6_FORMAT,
  DR7_FORMAT,
  MSR_FORMATS,
  SELECTOR_FORMAT,
} from './system-formats.ts';

/** DR4 and DR5 are other names of DR6 and DR7. */
const DEBUG = [0, 1, 2, 3, 6, 7] as const;
const DEBUG_FORMATS: Readonly<Record<number, readonly FieldFormat[]>> = { 6: DR6_FORMAT, 7: DR7_FORMAT };

/** Segments with their hidden parts, debug registers and MSRs of one vCPU. */
export function systemView(
  of: VcpuRef,
  state: ProcessorState,
  extended: ExtendedState,
): Omit<SystemView, 'structure'> {
  return {
    of,
    debug: DEBUG.map((n) => {
      const value = extended.debug[n] ?? 0n;
      const fields = fieldsOf(value, DEBUG_FORMATS[n] ?? []);
      return { name: `dr${n}`, value, bits: 64, changed: false, fields };
    }),
    msrs: NAMED_MSRS.flatMap(({ index, name, meaning }) => {
      const value = extended.msrs.get(index);
      if (value === undefined) return [];
      const fields = fieldsOf(value, MSR_FORMATS[name] ?? []);
      return [{ index, name, meaning, value, bits: 64, changed: false, fields } as const];
    }),
    segments: Object.entries(SEG).flatMap(([name, n]) => hiddenSegment(name.toLowerCase(), n, state)),
  };
}

function hiddenSegment(name: string, n: number, state: ProcessorState): HiddenSegment[] {
  const segment = state.segments[n];
  if (segment === undefined) return [];
  return [
    {
      name,
      ...segment,
      selectorFields: fieldsOf(BigInt(segment.selector), SELECTOR_FORMAT),
      fields: fieldsOf(BigInt(segment.attributes), accessRightsFormats(segment.attributes)),
      changed: false,
    },
  ];
}
