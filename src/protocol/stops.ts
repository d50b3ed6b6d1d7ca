import type { AddressSpace, Ring, VmId } from './target.ts';

/** What happens that time is to stop at. */
export type StopTrigger =
  /** The instruction at a linear address is about to be executed. */
  | { readonly kind: 'address'; readonly address: bigint }
  /**
   * Any of so many bytes is written, by whomever. A linear address is of the address space in which the machine's
   * vCPU 0 is when the stop is set.
   */
  | {
      readonly kind: 'write';
      readonly space: AddressSpace;
      readonly address: bigint;
      readonly length: number;
    }
  /**
   * Data in any of so many bytes is read by an instruction, or by the processor that reads a descriptor or a stack;
   * walks of page tables and fetches of code do not count, nor does the hypervisor. Addresses as for `write`.
   */
  | {
      readonly kind: 'read';
      readonly space: AddressSpace;
      readonly address: bigint;
      readonly length: number;
    }
  /** An instruction that begins at a physical address is about to be executed. */
  | { readonly kind: 'execute'; readonly space: PhysicalSpace; readonly address: bigint }
  /** A VM exit, by basic reason; null: any. */
  | { readonly kind: 'vm-exit'; readonly reason: number | null }
  /** VMCALL in a guest, by the number in RAX; null: any. */
  | { readonly kind: 'hypercall'; readonly number: number | null }
  /** An interrupt or exception on its way to its handler; null: any exception. */
  | { readonly kind: 'event'; readonly vector: number | null }
  /** A change of ring; null: any ring. */
  | { readonly kind: 'crossing'; readonly from: Ring | null; readonly to: Ring | null }
  /** MOV to CR3, also of the value that it has. */
  | { readonly kind: 'cr3' }
  /** Another value of an entry that maps the linear address, of either dimension; A and D bits apart. */
  | { readonly kind: 'page-table'; readonly address: bigint }
  /** RDMSR or WRMSR; null: any MSR. */
  | { readonly kind: 'msr'; readonly index: number | null; readonly access: 'any' | 'read' | 'write' }
  /** An instruction that reads or writes a port; null: any port. */
  | { readonly kind: 'port'; readonly port: number | null; readonly access: 'any' | 'in' | 'out' }
  /** The last bytes on a console are this text. */
  | { readonly kind: 'console'; readonly text: string };

export type PhysicalSpace = Exclude<AddressSpace, 'linear'>;

export type StopKind = StopTrigger['kind'];

/** Who is at work: `guest` is VMX non-root operation, `host` everything else. */
export type StopLevel = 'any' | 'host' | 'guest';

/** What the user sets. */
export interface StopSettings {
  readonly trigger: StopTrigger;
  readonly enabled: boolean;
  /** Null: on all machines. */
  readonly vm: VmId | null;
  /** Counts where `hasLevel` says so. */
  readonly level: StopLevel;
  /** An expression (condition.ts) that has to be true; empty: none. */
  readonly condition: string;
  /** Forwards the first stop is at this hit, counted from 1. Backwards every hit counts. */
  readonly fromHit: number;
}

export interface Stop extends StopSettings {
  readonly id: number;
  /** Times that it happened in runs forwards, with the condition true. */
  readonly hits: number;
}

export type StopsView = readonly Stop[];

/** Kinds that are told apart by who is at work; the others say it themselves. */
const WITH_LEVEL: ReadonlySet<StopKind> = new Set([
  'address',
  'write',
  'read',
  'execute',
  'event',
  'cr3',
  'page-table',
  'msr',
  'port',
]);

export const hasLevel = (kind: StopKind): boolean => WITH_LEVEL.has(kind);
