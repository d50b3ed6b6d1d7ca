import { Mnemonic } from 'iced-x86';
import type { VirtualizationTechnique } from '../../machine/computer.ts';
import { type Exits, toldBy } from './instruction-exits.ts';

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
  readonly exits: Exits;
  readonly technique: VirtualizationTechnique;
}

const NAMES: Readonly<Record<VirtualizationTechnique, string>> = { 'vt-x': 'VT-x', 'amd-v': 'AMD-V' };
const STRUCTURES: Readonly<Record<VirtualizationTechnique, string>> = { 'vt-x': 'VMCS', 'amd-v': 'VMCB' };

/** What an instruction means for privilege and virtualization, in sentences. */
export function privilegeNotes({ mnemonic, mustBeCpl0, exits, technique }: PrivilegeFacts): string[] {
  if (exits === 'absent') return [`This processor has ${NAMES[technique]}, and not this instruction: #UD.`];
  const told = toldBy(mnemonic, technique) ?? `the ${STRUCTURES[technique]}`;
  const sensitive = SENSITIVE.get(mnemonic);
  return [
    ...(mustBeCpl0 ? ['Needs CPL 0: elsewhere it raises #GP.'] : []),
    ...(exits === 'always' ? ['In a VM it always causes a VM exit.'] : []),
    ...(exits === 'maybe' ? [`In a VM it exits as told by ${told}.`] : []),
    ...(sensitive === undefined ? [] : [sensitive]),
  ];
}
