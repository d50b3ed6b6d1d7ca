/**
 * Which instructions exit, by which control. SDM volume 3C, "Instructions That Cause VM Exits
 * Unconditionally", "Instructions That Cause VM Exits Conditionally".
 */
import { EXIT } from '../../arch/exit-reasons.ts';
import { PRIMARY, SECONDARY } from '../../arch/vmx.ts';
import type { InterceptedInstruction } from '../system/intercept.ts';

interface InstructionExit {
  /** Basic exit reason; -1: VMX never intercepts it. */
  readonly reason: number;
  when(primary: number, secondary: number): boolean;
}

const always = (reason: number): InstructionExit => ({ reason, when: () => true });
const never: InstructionExit = { reason: -1, when: () => false };
const primary = (reason: number, control: number): InstructionExit => ({
  reason,
  when: (controls) => (controls & control) !== 0,
});
const secondary = (reason: number, control: number): InstructionExit => ({
  reason,
  when: (_, controls) => (controls & control) !== 0,
});
const tables = secondary(EXIT.GDTR_IDTR_ACCESS, SECONDARY.DESCRIPTOR_TABLE_EXITING);
const systemSegments = secondary(EXIT.LDTR_TR_ACCESS, SECONDARY.DESCRIPTOR_TABLE_EXITING);

export const INSTRUCTION_EXITS: Readonly<Record<InterceptedInstruction, InstructionExit>> = {
  cpuid: always(EXIT.CPUID),
  hlt: primary(EXIT.HLT, PRIMARY.HLT_EXITING),
  invd: always(EXIT.INVD),
  wbinvd: secondary(EXIT.WBINVD, SECONDARY.WBINVD_EXITING),
  invlpg: primary(EXIT.INVLPG, PRIMARY.INVLPG_EXITING),
  invpcid: primary(EXIT.INVPCID, PRIMARY.INVLPG_EXITING),
  rdpmc: primary(EXIT.RDPMC, PRIMARY.RDPMC_EXITING),
  rdtsc: primary(EXIT.RDTSC, PRIMARY.RDTSC_EXITING),
  rdtscp: primary(EXIT.RDTSCP, PRIMARY.RDTSC_EXITING),
  pause: primary(EXIT.PAUSE, PRIMARY.PAUSE_EXITING),
  monitor: primary(EXIT.MONITOR, PRIMARY.MONITOR_EXITING),
  mwait: primary(EXIT.MWAIT, PRIMARY.MWAIT_EXITING),
  xsetbv: always(EXIT.XSETBV),
  rsm: never,
  sgdt: tables,
  sidt: tables,
  lgdt: tables,
  lidt: tables,
  sldt: systemSegments,
  str: systemSegments,
  lldt: systemSegments,
  ltr: systemSegments,
  vmcall: always(EXIT.VMCALL),
  vmclear: always(EXIT.VMCLEAR),
  vmlaunch: always(EXIT.VMLAUNCH),
  vmptrld: always(EXIT.VMPTRLD),
  vmptrst: always(EXIT.VMPTRST),
  vmread: always(EXIT.VMREAD),
  vmresume: always(EXIT.VMRESUME),
  vmwrite: always(EXIT.VMWRITE),
  vmxoff: always(EXIT.VMXOFF),
  vmxon: always(EXIT.VMXON),
  // VM functions cannot be enabled here: #UD comes first.
  vmfunc: never,
  invept: always(EXIT.INVEPT),
  invvpid: always(EXIT.INVVPID),
  // There are no SVM instructions.
  vmrun: never,
  vmmcall: never,
  vmload: never,
  vmsave: never,
  stgi: never,
  clgi: never,
  invlpga: never,
  smsw: never,
  pushf: never,
  popf: never,
  iret: never,
  intn: never,
};
