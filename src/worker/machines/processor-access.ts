import type { PhysicalMemory } from '../../contracts/memory.ts';
import type { Processor } from '../../cpu/processor.ts';
import type { MachineEdit } from '../../protocol/edits.ts';
import { stateOfProcessor } from '../views/processor-registers.ts';
import { editMemory } from './edit-memory.ts';
import { editRegister } from './edit-register.ts';
import { extendedOfProcessor } from './extended-registers.ts';
import type { VcpuAccess } from './lab-machine.ts';
import { locator, tableReader } from './memory-access.ts';
import { ProcessorFile } from './processor-file.ts';

/** What a processor executes, as the views and debuggers see it. */
export function accessOfProcessor(processor: Processor): VcpuAccess {
  const { technique, nestedRoot } = processor.virtualization;
  return {
    state: stateOfProcessor(processor.regs),
    activity: processor.regs.activity,
    technique,
    nestedRoot,
    extended: () => extendedOfProcessor(processor),
  };
}

/** Throws a `Refusal`, and changes nothing, where the hardware has no such state. */
export function editProcessor(edit: MachineEdit, processor: Processor, ram: PhysicalMemory): void {
  const locate = locator(accessOfProcessor(processor), ram);
  if (edit.kind === 'memory') editMemory(edit, { locate, ram, guest: undefined });
  else editRegister(edit, new ProcessorFile(processor, tableReader(locate, ram)));
}
