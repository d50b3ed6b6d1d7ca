import { Mnemonic } from 'iced-x86';

/**
 * VM-execution controls that decide whether an instruction exits, by mnemonic. SDM volume 3C, "Instructions
 * That Cause VM Exits Conditionally".
 */
const CONTROLS = new Map<Mnemonic, string>([
  [Mnemonic.Hlt, 'the control "HLT exiting"'],
  [Mnemonic.Pause, 'the controls "PAUSE exiting" and "PAUSE-loop exiting"'],
  [Mnemonic.Mwait, 'the control "MWAIT exiting"'],
  [Mnemonic.Monitor, 'the control "MONITOR exiting"'],
  [Mnemonic.Invlpg, 'the control "INVLPG exiting"'],
  [Mnemonic.Invpcid, 'the control "INVLPG exiting"'],
  [Mnemonic.Rdpmc, 'the control "RDPMC exiting"'],
  [Mnemonic.Rdtsc, 'the control "RDTSC exiting"'],
  [Mnemonic.Rdtscp, 'the control "RDTSC exiting"'],
  [Mnemonic.Rdmsr, 'the MSR bitmaps'],
  [Mnemonic.Wrmsr, 'the MSR bitmaps'],
  [Mnemonic.In, 'the control "unconditional I/O exiting" or the I/O bitmaps'],
  [Mnemonic.Out, 'the control "unconditional I/O exiting" or the I/O bitmaps'],
  [Mnemonic.Mov, 'the controls for CR3, CR8 and debug registers, and the guest/host masks of CR0 and CR4'],
  [Mnemonic.Clts, 'the guest/host mask of CR0'],
  [Mnemonic.Lmsw, 'the guest/host mask of CR0'],
  [Mnemonic.Wbinvd, 'the control "WBINVD exiting"'],
  [Mnemonic.Lgdt, 'the control "descriptor-table exiting"'],
  [Mnemonic.Lidt, 'the control "descriptor-table exiting"'],
  [Mnemonic.Lldt, 'the control "descriptor-table exiting"'],
  [Mnemonic.Ltr, 'the control "descriptor-table exiting"'],
  [Mnemonic.Sgdt, 'the control "descriptor-table exiting"'],
  [Mnemonic.Sidt, 'the control "descriptor-table exiting"'],
  [Mnemonic.Sldt, 'the control "descriptor-table exiting"'],
  [Mnemonic.Str, 'the control "descriptor-table exiting"'],
]);

const READS_SYSTEM =
  'Sensitive: in user mode it does not fault unless CR4.UMIP is set, and shows what belongs to the system.';
const FLAGS = 'Sensitive: in user mode it does not fault';

/** Instructions that do something else at CPL 3 instead of faulting: what trap-and-emulate cannot catch. */
const SENSITIVE = new Map<Mnemonic, string>([
  [Mnemonic.Sgdt, READS_SYSTEM],
  [Mnemonic.Sidt, READS_SYSTEM],
  [Mnemonic.Sldt, READS_SYSTEM],
  [Mnemonic.Str, READS_SYSTEM],
  [Mnemonic.Smsw, READS_SYSTEM],
  ...[Mnemonic.Popf, Mnemonic.Popfd, Mnemonic.Popfq].map((one): [Mnemonic, string] => [
    one,
    `${FLAGS}, and leaves IF and IOPL as they are.`,
  ]),
  ...[Mnemonic.Pushf, Mnemonic.Pushfd, Mnemonic.Pushfq].map((one): [Mnemonic, string] => [
    one,
    `${FLAGS}, and shows IF and IOPL of the system.`,
  ]),
  [Mnemonic.Lar, `${FLAGS}, and tells of descriptors.`],
  [Mnemonic.Lsl, `${FLAGS}, and tells of descriptors.`],
  [Mnemonic.Verr, `${FLAGS}, and tells of descriptors.`],
  [Mnemonic.Verw, `${FLAGS}, and tells of descriptors.`],
]);

export const isSensitive = (mnemonic: Mnemonic): boolean => SENSITIVE.has(mnemonic);

export interface PrivilegeFacts {
  readonly mnemonic: Mnemonic;
  readonly mustBeCpl0: boolean;
  readonly exits: 'always' | 'maybe' | 'never';
}

/** What an instruction means for privilege and virtualization, in sentences. */
export function privilegeNotes({ mnemonic, mustBeCpl0, exits }: PrivilegeFacts): string[] {
  const control = CONTROLS.get(mnemonic);
  const sensitive = SENSITIVE.get(mnemonic);
  return [
    ...(mustBeCpl0 ? ['Needs CPL 0: elsewhere it raises #GP.'] : []),
    ...(exits === 'always' ? ['In a VM it always causes a VM exit.'] : []),
    ...(exits === 'maybe' && control !== undefined ? [`In a VM it exits as told by ${control}.`] : []),
    ...(exits === 'maybe' && control === undefined ? ['In a VM it exits as told by the VMCS.'] : []),
    ...(sensitive === undefined ? [] : [sensitive]),
  ];
}
