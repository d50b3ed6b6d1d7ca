import { type Instruction, Mnemonic } from 'iced-x86';
import type { VirtualizationTechnique } from '../../machine/computer.ts';

/** Whether an instruction exits from a VM; `absent`: the processor does not have it. */
export type Exits = 'always' | 'maybe' | 'never' | 'absent';

const all = (mnemonics: readonly Mnemonic[], told: string): [Mnemonic, string][] =>
  mnemonics.map((mnemonic) => [mnemonic, told]);

const own = (...mnemonics: readonly Mnemonic[]): [Mnemonic, string][] =>
  mnemonics.map((mnemonic) => [mnemonic, `the intercept of ${(Mnemonic[mnemonic] ?? '').toUpperCase()}`]);

/** What decides in a VT-x VM, by mnemonic. SDM volume 3C, "Instructions That Cause VM Exits Conditionally". */
const VTX: ReadonlyMap<Mnemonic, string> = new Map([
  ...all([Mnemonic.Hlt], 'the control "HLT exiting"'),
  ...all([Mnemonic.Pause], 'the controls "PAUSE exiting" and "PAUSE-loop exiting"'),
  ...all([Mnemonic.Mwait], 'the control "MWAIT exiting"'),
  ...all([Mnemonic.Monitor], 'the control "MONITOR exiting"'),
  ...all([Mnemonic.Invlpg, Mnemonic.Invpcid], 'the control "INVLPG exiting"'),
  ...all([Mnemonic.Rdpmc], 'the control "RDPMC exiting"'),
  ...all([Mnemonic.Rdtsc, Mnemonic.Rdtscp], 'the control "RDTSC exiting"'),
  ...all([Mnemonic.Rdmsr, Mnemonic.Wrmsr], 'the MSR bitmaps'),
  ...all([Mnemonic.In, Mnemonic.Out], 'the control "unconditional I/O exiting" or the I/O bitmaps'),
  ...all(
    [Mnemonic.Mov],
    'the controls for CR3, CR8 and debug registers, and the guest/host masks of CR0 and CR4',
  ),
  ...all([Mnemonic.Clts, Mnemonic.Lmsw], 'the guest/host mask of CR0'),
  ...all([Mnemonic.Wbinvd], 'the control "WBINVD exiting"'),
  ...all(
    [
      Mnemonic.Lgdt,
      Mnemonic.Lidt,
      Mnemonic.Lldt,
      Mnemonic.Ltr,
      Mnemonic.Sgdt,
      Mnemonic.Sidt,
      Mnemonic.Sldt,
      Mnemonic.Str,
    ],
    'the control "descriptor-table exiting"',
  ),
]);

/** The same in an AMD-V VM. AMD APM volume 2, "Instruction Intercepts". */
const AMDV: ReadonlyMap<Mnemonic, string> = new Map([
  ...own(
    Mnemonic.Cpuid,
    Mnemonic.Hlt,
    Mnemonic.Invd,
    Mnemonic.Wbinvd,
    Mnemonic.Invlpg,
    Mnemonic.Invpcid,
    Mnemonic.Rdpmc,
    Mnemonic.Rdtsc,
    Mnemonic.Rdtscp,
    Mnemonic.Pause,
    Mnemonic.Rsm,
    Mnemonic.Monitor,
    Mnemonic.Mwait,
    Mnemonic.Xsetbv,
    Mnemonic.Vmmcall,
    Mnemonic.Vmload,
    Mnemonic.Vmsave,
    Mnemonic.Stgi,
    Mnemonic.Clgi,
    Mnemonic.Invlpga,
  ),
  ...all([Mnemonic.Pushf, Mnemonic.Pushfd, Mnemonic.Pushfq], 'the intercept of PUSHF'),
  ...all([Mnemonic.Popf, Mnemonic.Popfd, Mnemonic.Popfq], 'the intercept of POPF'),
  ...all([Mnemonic.Iret, Mnemonic.Iretd, Mnemonic.Iretq], 'the intercept of IRET'),
  ...all([Mnemonic.Int], 'the intercept of INT n'),
  ...all([Mnemonic.Int1], 'the intercept of ICEBP'),
  ...all([Mnemonic.Sgdt, Mnemonic.Lgdt], 'the intercepts of GDTR reads and writes'),
  ...all([Mnemonic.Sidt, Mnemonic.Lidt], 'the intercepts of IDTR reads and writes'),
  ...all([Mnemonic.Sldt, Mnemonic.Lldt], 'the intercepts of LDTR reads and writes'),
  ...all([Mnemonic.Str, Mnemonic.Ltr], 'the intercepts of TR reads and writes'),
  ...all([Mnemonic.Smsw], 'the intercept of CR0 reads'),
  ...all([Mnemonic.Clts], 'the intercept of CR0 writes'),
  ...all([Mnemonic.Lmsw], 'the intercepts of CR0 writes, all or selective'),
  ...all([Mnemonic.Mov], 'the intercept bits of each control and debug register, for reads and for writes'),
  ...all([Mnemonic.Rdmsr, Mnemonic.Wrmsr], 'the MSR permission map'),
  ...all(
    [
      Mnemonic.In,
      Mnemonic.Out,
      Mnemonic.Insb,
      Mnemonic.Insw,
      Mnemonic.Insd,
      Mnemonic.Outsb,
      Mnemonic.Outsw,
      Mnemonic.Outsd,
    ],
    'the I/O permission map',
  ),
]);

/** Instructions of the other technique. */
const ABSENT: Readonly<Record<VirtualizationTechnique, ReadonlySet<Mnemonic>>> = {
  'vt-x': new Set([
    Mnemonic.Vmrun,
    Mnemonic.Vmmcall,
    Mnemonic.Vmload,
    Mnemonic.Vmsave,
    Mnemonic.Stgi,
    Mnemonic.Clgi,
    Mnemonic.Invlpga,
    Mnemonic.Skinit,
  ]),
  'amd-v': new Set([
    Mnemonic.Vmxon,
    Mnemonic.Vmxoff,
    Mnemonic.Vmclear,
    Mnemonic.Vmptrld,
    Mnemonic.Vmptrst,
    Mnemonic.Vmread,
    Mnemonic.Vmwrite,
    Mnemonic.Vmlaunch,
    Mnemonic.Vmresume,
    Mnemonic.Vmcall,
    Mnemonic.Vmfunc,
    Mnemonic.Invept,
    Mnemonic.Invvpid,
    Mnemonic.Skinit,
  ]),
};

/** What decides whether an instruction that may exit does; undefined where the tables have no words for it. */
export const toldBy = (mnemonic: Mnemonic, technique: VirtualizationTechnique): string | undefined =>
  (technique === 'vt-x' ? VTX : AMDV).get(mnemonic);

export function exitsOf(
  mnemonic: Mnemonic,
  info: Pick<Instruction['opCode'], 'intelVmExit' | 'intelMayVmExit'>,
  technique: VirtualizationTechnique,
): Exits {
  if (ABSENT[technique].has(mnemonic)) return 'absent';
  if (technique === 'vt-x') return info.intelVmExit ? 'always' : info.intelMayVmExit ? 'maybe' : 'never';
  // The processor insists on this intercept.
  if (mnemonic === Mnemonic.Vmrun) return 'always';
  // Only some forms of MOV are for control and debug registers.
  if (mnemonic === Mnemonic.Mov) return info.intelVmExit || info.intelMayVmExit ? 'maybe' : 'never';
  return AMDV.has(mnemonic) ? 'maybe' : 'never';
}
