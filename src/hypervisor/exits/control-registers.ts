/** Exits of MOV CR: the hypervisor owns CR0.NE, CR4.VMXE, and CR8. */
import { CR4 } from '../../arch/registers.ts';
import { FIELD } from '../../arch/vmcs.ts';
import { CR_ACCESS } from '../../arch/vmx.ts';
import { COST } from '../costs.ts';
import { codeBits, readGpr, writeGpr } from '../guest-state.ts';
import type { ExitContext } from './context.ts';

const TASK_PRIORITY_MAX = 15;

export function controlRegister(x: ExitContext): void {
  x.cpu.charge(COST.CONTROL_REGISTER);
  const { qualification } = x;
  const type = (qualification >> CR_ACCESS.TYPE_SHIFT) & 3;
  const gpr = (qualification >> CR_ACCESS.REGISTER_SHIFT) & 15;
  switch (qualification & CR_ACCESS.NUMBER) {
    case 0:
      adoptCr0(x, type === CR_ACCESS.TYPE.MOV_TO ? value(x, gpr) : undefined);
      break;
    case 4:
      // The only bit that exits is VMXE, which the guest does not have.
      if ((value(x, gpr) & CR4.VMXE) !== 0) x.generalProtection();
      break;
    case 8:
      taskPriority(x, type, gpr);
      break;
    default:
      x.undefinedOpcode();
  }
}

/** Low 32 bits of the source register. */
const value = (x: ExitContext, gpr: number): number => readGpr(x.cpu, gpr, false);

/**
 * The guest wants another CR0.NE. Only its read shadow changes; RIP stays, and the instruction is
 * executed again by the processor, which now finds nothing to exit for and does the rest of it.
 */
function adoptCr0(x: ExitContext, written: number | undefined): void {
  const shadow = x.cpu.vmread(FIELD.CR0_READ_SHADOW);
  const mask = x.cpu.vmread(FIELD.CR0_GUEST_HOST_MASK);
  const wanted = written ?? shadow;
  x.cpu.vmwrite(FIELD.CR0_READ_SHADOW, ((shadow & ~mask) | (wanted & mask)) >>> 0);
}

function taskPriority(x: ExitContext, type: number, gpr: number): void {
  const apic = x.vm.board.localApics[x.vcpu.index];
  if (type === CR_ACCESS.TYPE.MOV_FROM) {
    writeGpr(x.cpu, gpr, codeBits(x.cpu) === 64 ? 8 : 4, apic.cr8, 0);
    x.skipInstruction();
    return;
  }
  const wanted = readGpr(x.cpu, gpr, true);
  if (wanted < 0 || wanted > TASK_PRIORITY_MAX) {
    x.generalProtection();
    return;
  }
  apic.cr8 = wanted;
  x.skipInstruction();
}
