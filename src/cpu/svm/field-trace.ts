/** Which fields of a VMCB a world switch moves: for a recorder, and only while there is one. */
import { VMCB, type VmcbField } from '../../arch/vmcb.ts';
import type { StateField } from '../micro-operations.ts';
import type { SystemContext } from '../system/context.ts';
import type { Vmcb } from './vmcb.ts';

const NAMES = new Map<VmcbField, string>(Object.entries(VMCB).map(([name, field]) => [field, name]));

/** Runs a part of a switch that saves the guest's state in a VMCB. */
export function saving(c: SystemContext, vmcb: Vmcb, part: () => void): void {
  const fields = moved(c, vmcb, 'written', part);
  if (fields) c.recorder?.({ kind: 'saved', fields });
}

/** Runs a part of a switch that loads the processor's state from a VMCB. */
export function loading(c: SystemContext, vmcb: Vmcb, of: 'guest' | 'host', part: () => void): void {
  const fields = moved(c, vmcb, 'read', part);
  if (fields) c.recorder?.({ kind: 'loaded', of, fields });
}

function moved(
  { recorder }: SystemContext,
  vmcb: Vmcb,
  which: 'read' | 'written',
  part: () => void,
): StateField[] | undefined {
  const fields = new Set<VmcbField>();
  if (recorder) vmcb.listener = (field, how) => how === which && fields.add(field);
  part();
  vmcb.listener = undefined;
  return (
    recorder && [...fields].map((field) => ({ name: NAMES.get(field) as string, value: vmcb.value(field) }))
  );
}
