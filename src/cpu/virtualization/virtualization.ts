/** What VT-x (../vmx) and AMD-V (../svm) are to the rest of the computer. */
import type { NestedRoot } from '../../contracts/nested-root.ts';
import type { Stateful } from '../../contracts/state.ts';
import type { SystemContext, VirtualizationExtension } from '../system/context.ts';
import type { Interceptor } from '../system/intercept.ts';
import type { SecondDimension } from './second-dimension.ts';

/** What a guest was about to do at its last VM exit, of the kinds that debuggers look for. */
export type Intercepted =
  /** `number`: RAX. */
  | { readonly kind: 'hypercall'; readonly number: number }
  | { readonly kind: 'msr'; readonly index: number; readonly write: boolean }
  | { readonly kind: 'port'; readonly port: number; readonly write: boolean };

export interface Virtualization extends VirtualizationExtension, Stateful<unknown> {
  readonly technique: 'vt-x' | 'amd-v';
  /** In ring -1: VMX root operation; on AMD-V outside of a guest, with EFER.SVME set. */
  readonly inHost: boolean;
  readonly inGuest: boolean;
  /** Physical address of the VMCS or VMCB of the guest, or of the last one; -1: none. */
  readonly current: number;
  /** Why the last VM exit was: a number of `exitReason` in src/arch/exit-reasons.ts. */
  readonly exitReason: number;
  /** Undefined where the exit was for something else. */
  readonly intercepted: Intercepted | undefined;
  /** Everything asynchronous is held back: on AMD-V while the global interrupt flag is 0. */
  readonly holdsEvents: boolean;
  /** What `SystemContext.interceptor` is. */
  readonly interceptor: Interceptor | undefined;
  /** The guest's interceptor whatever the mode. */
  readonly guestInterceptor: Interceptor;
  /** Host code that is not made of instructions. */
  readonly nativeHost: NativeHost | undefined;
  readonly secondDimension: SecondDimension;
  /** Undefined while guest-physical addresses are not translated. */
  readonly nestedRoot: NestedRoot | undefined;

  /** Makes the processor's context known, once: exits and entries act on it. */
  connect(context: SystemContext): void;
  /** Power-on and RESET. */
  reset(): void;
  /** INIT. */
  init(): void;
  /** Marks the pages of RAM that are written without further notice. */
  markWritable(): void;
  /** Tells of writes to control structures that the code cache does not hear of; for a debugger. */
  followWrites(tell: ((address: number, bytes: number) => void) | undefined): void;
  /** Bits of CR0 or CR4 that a guest does not own. */
  hostOwned(register: 'cr0' | 'cr4'): number;
}

/** Whether it has taken its processor over, and whether it waits there for an interrupt. */
export interface SavedHost {
  readonly started: boolean;
  readonly halted: boolean;
}

/** A host that is TypeScript: VM exits to `rip` call `run` instead of executing instructions. */
export interface NativeHost extends Stateful<SavedHost> {
  /** HOST_RIP that stands for this host while it has something to run, a signed number; NaN while it is halted. */
  readonly rip: number;
  /** Called by the run loop, never from inside an instruction. */
  run(): void;
  /** While the host is halted: takes the interrupts that end this. */
  readonly idleInterceptor: Interceptor | undefined;
}
