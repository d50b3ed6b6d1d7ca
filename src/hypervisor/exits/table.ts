/** One handler for each exit reason that the controls in use can cause. */
import { EXIT, EXIT_REASONS_LENGTH } from '../../arch/exit-reasons.ts';
import type { ExitContext } from './context.ts';
import { controlRegister } from './control-registers.ts';
import { exception, externalInterrupt, preemptionTimer, tripleFault, window } from './events.ts';
import { hypercall } from './hypercall.ts';
import {
  cpuid,
  generalProtection,
  halt,
  pause,
  readMsr,
  skip,
  undefinedOpcode,
  writeMsr,
} from './instructions.ts';
import { ioInstruction } from './io.ts';
import { eptViolation } from './memory.ts';

export type ExitHandler = (x: ExitContext) => void;

const HANDLERS: readonly (readonly [number, ExitHandler])[] = [
  [EXIT.EXCEPTION_OR_NMI, exception],
  [EXIT.EXTERNAL_INTERRUPT, externalInterrupt],
  [EXIT.TRIPLE_FAULT, tripleFault],
  [EXIT.INTERRUPT_WINDOW, window],
  [EXIT.NMI_WINDOW, window],
  [EXIT.CPUID, cpuid],
  [EXIT.GETSEC, undefinedOpcode],
  [EXIT.HLT, halt],
  [EXIT.INVD, skip],
  [EXIT.RDPMC, generalProtection],
  [EXIT.VMCALL, hypercall],
  [EXIT.VMCLEAR, undefinedOpcode],
  [EXIT.VMLAUNCH, undefinedOpcode],
  [EXIT.VMPTRLD, undefinedOpcode],
  [EXIT.VMPTRST, undefinedOpcode],
  [EXIT.VMREAD, undefinedOpcode],
  [EXIT.VMRESUME, undefinedOpcode],
  [EXIT.VMWRITE, undefinedOpcode],
  [EXIT.VMXOFF, undefinedOpcode],
  [EXIT.VMXON, undefinedOpcode],
  [EXIT.INVEPT, undefinedOpcode],
  [EXIT.INVVPID, undefinedOpcode],
  [EXIT.CR_ACCESS, controlRegister],
  [EXIT.IO_INSTRUCTION, ioInstruction],
  [EXIT.RDMSR, readMsr],
  [EXIT.WRMSR, writeMsr],
  [EXIT.PAUSE, pause],
  [EXIT.WBINVD, skip],
  [EXIT.XSETBV, undefinedOpcode],
  [EXIT.EPT_VIOLATION, eptViolation],
  [EXIT.PREEMPTION_TIMER, preemptionTimer],
];

/** By basic exit reason. */
export const EXIT_HANDLERS: readonly (ExitHandler | undefined)[] = Array.from(
  { length: EXIT_REASONS_LENGTH },
  (_, reason) => HANDLERS.find(([number]) => number === reason)?.[1],
);
