import type { AssemblyResult, ProgramLibrary, ProgramSource } from './assembly.ts';
import type { MachineEdit } from './edits.ts';
import type { StopSettings } from './stops.ts';
import type { GuestDescription, VcpuRef, VmId } from './target.ts';
import type { Tier2Mode } from './tiers-view.ts';
import type { BackTo } from './timeline-view.ts';
import type { Written } from './written.ts';

/** Instructions that one command steps, at most. */
export const MOST_STEPS = 1_000_000;

/** What the page asks of the session. Each is answered exactly once: those about programs in order among themselves, when they are done, and all others in order. */
export type Command =
  /** Loads an image, adds it to the machine list and starts it. Answers with its id. `paused`: time stands still. */
  | { readonly kind: 'open'; readonly guest: GuestDescription; readonly paused?: boolean }
  | { readonly kind: 'vm'; readonly vm: VmId; readonly action: VmAction }
  /** Lets simulated time flow / stops it. */
  | { readonly kind: 'run' }
  | { readonly kind: 'pause' }
  /**
   * One instruction of the given vCPU; everything else advances as far as that takes. `count` (1 to `MOST_STEPS`):
   * to the instant at which its next instruction or event is due for that many times; a stop that is met ends it.
   * While several steps are under way, commands that step an instruction, a line or a micro-operation change nothing.
   */
  | { readonly kind: 'step'; readonly on: VcpuRef; readonly count?: number }
  /** One micro-operation of the vCPU's next instruction or event, or of the hypervisor's work for it. */
  | { readonly kind: 'micro-step'; readonly on: VcpuRef }
  | { readonly kind: 'micro-step-back'; readonly on: VcpuRef }
  /** As `step`, but runs a CALL, INT or string instruction to the instruction after it. */
  | { readonly kind: 'step-over'; readonly on: VcpuRef; readonly until?: OutsideOf }
  /** Runs until the procedure that is executed has returned, by what the stack says of its caller. */
  | { readonly kind: 'step-out'; readonly on: VcpuRef }
  /** Goes back to the call of the procedure that is executed. */
  | { readonly kind: 'step-back-out'; readonly on: VcpuRef }
  /**
   * Goes back to the previous instruction of the vCPU. `count`: of the instants before the present one at which one of its
   * instructions or events is due, the last but so many. From such an instant, `step` with the same count comes back.
   */
  | { readonly kind: 'step-back'; readonly on: VcpuRef; readonly count?: number }
  /** As `step-back`, but what was called before this instruction is taken at a stroke. */
  | { readonly kind: 'step-back-over'; readonly on: VcpuRef; readonly until?: OutsideOf }
  /** Runs until the vCPU's machine is about to execute the instruction at a linear address. */
  | { readonly kind: 'run-to'; readonly on: VcpuRef; readonly address: bigint }
  /** Goes back to the last instant at which it was. */
  | { readonly kind: 'run-back-to'; readonly on: VcpuRef; readonly address: bigint }
  /** Goes back to the last instant of the kind before the present one, or to the beginning. */
  | { readonly kind: 'run-back'; readonly on: VcpuRef; readonly to: BackTo }
  /** Goes back to the instruction that wrote it last. */
  | { readonly kind: 'who-wrote'; readonly on: VcpuRef; readonly what: Written }
  /** Goes to an instant that has been, of the computer that the vCPU is on. */
  | { readonly kind: 'seek'; readonly on: VcpuRef; readonly position: number }
  /**
   * Answers with a hash of all that decides how the computer that the vCPU is on goes on: 16 hexadecimal digits. Only
   * while the machine stands still.
   */
  | { readonly kind: 'state-hash'; readonly on: VcpuRef }
  /** Takes up a history that was left; the present one is kept in its place. */
  | { readonly kind: 'take-branch'; readonly on: VcpuRef; readonly branch: number }
  | { readonly kind: 'drop-branch'; readonly on: VcpuRef; readonly branch: number }
  /** Bytes that snapshots of the past may take. */
  | { readonly kind: 'history-budget'; readonly bytes: number }
  /** Runs to the next VM exit of the given VM. */
  | { readonly kind: 'run-to-exit'; readonly vm: VmId }
  /** Linear address; set again to clear. Answers with whether it is now set. */
  | { readonly kind: 'toggle-breakpoint'; readonly vm: VmId; readonly address: bigint }
  /** Sets a stop; answers with its id. */
  | { readonly kind: 'add-stop'; readonly settings: StopSettings }
  | { readonly kind: 'change-stop'; readonly stop: number; readonly settings: StopSettings }
  | { readonly kind: 'remove-stop'; readonly stop: number }
  /** Bytes typed on the VM's console. They enter the machine's journal at the present instant. */
  | { readonly kind: 'console-input'; readonly vm: VmId; readonly bytes: Uint8Array }
  /** Chooses the vCPU that registers, code and page walk are shown of. */
  | { readonly kind: 'focus'; readonly on: VcpuRef }
  /** Changes a register or memory. Only while the machine stands still. */
  | { readonly kind: 'edit'; readonly edit: MachineEdit }
  /** Whether hot code is compiled, on all computers, also later ones. No guest can tell. */
  | { readonly kind: 'tier2'; readonly mode: Exclude<Tier2Mode, 'forced'> }
  /** Connects with `ringlab bridge`; `key` is what that has printed. The view `gdb` says how it goes on. */
  | { readonly kind: 'connect-gdb'; readonly key: string }
  | { readonly kind: 'disconnect-gdb' }
  /** Assembles a source; nothing is loaded. Null: a later text overtook it. */
  | { readonly kind: 'assemble'; readonly source: ProgramSource }
  /** Examples and headers. */
  | { readonly kind: 'programs' };

/**
 * Linear addresses from `from` up to `to`, without that one: a step that ends at one of them goes on. With all but
 * the first address of each source line this makes steps by line.
 */
export type OutsideOf = readonly { readonly from: bigint; readonly to: bigint }[];

/** Commands that touch no machine. */
export type ProgramCommand = Extract<Command, { readonly kind: 'assemble' | 'programs' }>;

/** What can be done to one VM, in the words of virsh. */
export type VmAction = 'pause' | 'resume' | 'reset' | 'destroy';

export type CommandKind = Command['kind'];

/** The value that a command answers with. */
export interface CommandResults {
  open: VmId;
  'toggle-breakpoint': boolean;
  assemble: AssemblyResult | null;
  programs: ProgramLibrary;
  'add-stop': number;
  'state-hash': string;
}

export type ResultOf<K extends CommandKind> = K extends keyof CommandResults ? CommandResults[K] : null;

/** A refusal, worded for the user: what was wrong, where, and what to do about it. */
export interface CommandError {
  readonly what: string;
  /** The file, field or address that was at fault; null when the message needs none. */
  readonly where: string | null;
  readonly remedy: string | null;
}
