/** The registry of system operations, by the names that src/isa/system's definitions use. */
import type { SystemOperation } from './context.ts';
import { CONTROL_REGISTER_OPERATIONS } from './control-registers.ts';
import { DEBUG_OPERATIONS } from './debug.ts';
import { DESCRIPTOR_QUERIES } from './descriptor-queries.ts';
import { DESCRIPTOR_TABLE_OPERATIONS } from './descriptor-tables.ts';
import { FAR_BRANCHES } from './far-branch.ts';
import { FAR_RETURNS } from './far-return.ts';
import { FAST_CALLS } from './fast-calls.ts';
import { generalProtection, undefinedOpcode } from './fault.ts';
import { FLAG_OPERATIONS } from './flags.ts';
import { INTERRUPT_OPERATIONS } from './interrupts.ts';
import { INVPCID_OPERATIONS } from './invpcid.ts';
import { MSR_OPERATIONS } from './msr.ts';
import { PORT_OPERATIONS } from './port-io.ts';
import { PROCESSOR_OPERATIONS } from './processor-control.ts';
import { SEGMENT_MOVES } from './segment-moves.ts';
import { TSC_OPERATIONS } from './tsc.ts';

export const systemOperations: Readonly<Record<string, SystemOperation>> = {
  ...CONTROL_REGISTER_OPERATIONS,
  ...DEBUG_OPERATIONS,
  ...DESCRIPTOR_QUERIES,
  ...DESCRIPTOR_TABLE_OPERATIONS,
  ...FAR_BRANCHES,
  ...FAR_RETURNS,
  ...FAST_CALLS,
  ...FLAG_OPERATIONS,
  ...INTERRUPT_OPERATIONS,
  ...INVPCID_OPERATIONS,
  ...MSR_OPERATIONS,
  ...PORT_OPERATIONS,
  ...PROCESSOR_OPERATIONS,
  ...SEGMENT_MOVES,
  ...TSC_OPERATIONS,
  // What the translator puts where bytes are no instruction.
  undefined: undefinedOpcode,
  'too-long': generalProtection,
};
