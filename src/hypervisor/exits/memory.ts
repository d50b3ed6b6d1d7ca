/** EPT violations: RAM that has no frame yet, or memory-mapped registers. */
import { FIELD } from '../../arch/vmcs.ts';
import { COST } from '../costs.ts';
import { emulate } from '../emulation/emulate.ts';
import { OutOfFramesError } from '../ept-mapper.ts';
import { readUnsigned } from '../guest-state.ts';
import type { ExitContext } from './context.ts';

export function eptViolation(x: ExitContext): void {
  const guestPhysical = readUnsigned(x.cpu, FIELD.GUEST_PHYSICAL_ADDRESS);
  const { vm } = x;
  if (vm.memory.isRam(guestPhysical)) {
    backPage(x, guestPhysical);
    return;
  }
  x.cpu.charge(COST.EMULATION);
  const result = emulate(x, vm.board.memoryOf(x.vcpu.index), guestPhysical);
  if (typeof result === 'string') return;
  const bytes = [...result.unknown].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  vm.finish({
    kind: 'unhandled-exit',
    vcpu: x.vcpu.index,
    rip: x.rip,
    why: `memory-mapped register ${guestPhysical.toString(16)}h accessed by an instruction that is not emulated: ${bytes}`,
  });
}

function backPage(x: ExitContext, guestPhysical: number): void {
  const { vm } = x;
  try {
    // None if another virtual CPU of the VM was first.
    const pages = vm.memory.back(guestPhysical);
    vm.counters.backed += pages;
    x.cpu.charge(COST.BACK_PAGE * pages);
  } catch (error) {
    if (!(error instanceof OutOfFramesError)) throw error;
    vm.finish({ kind: 'out-of-memory', vcpu: x.vcpu.index });
  }
}
