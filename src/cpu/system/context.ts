/**
 * What a system operation works with. A system operation is a function of one `SystemContext`; it
 * answers one of STATUS (state.ts). Architectural faults are values: a function that may fault
 * stores the exception in STATE.FAULT_* and says so by its result.
 *
 * Before a system operation is called STATE.RIP holds the instruction's own address (offset in CS);
 * with STATUS.NEXT the caller advances over the instruction, with STATUS.EXIT the operation has set
 * RIP itself, with STATUS.FAULT RIP is unchanged.
 */
import type { CpuidConfig } from '../../arch/cpuid.ts';
import type { AccessSize } from '../../contracts/device.ts';
import type { InterruptSource } from '../../contracts/interrupts.ts';
import type { Recorder } from '../micro-operations.ts';
import type { ProcessorObserver } from '../observer.ts';
import type { Registers } from '../registers.ts';
import type { STATUS } from '../state.ts';
import type { DeliveredEvent } from './event.ts';
import type { Interceptor } from './intercept.ts';
import type { DecodedRecord } from './record.ts';

export type Status = (typeof STATUS)[keyof typeof STATUS];

export type SystemOperation = (c: SystemContext) => Status;

/**
 * Memory by linear address, through the paging mode in force. An access may cross a page; a write
 * that faults has written nothing. `supervisor` true: an implicit supervisor-mode access (descriptor
 * tables, TSS, stack of a more privileged level), for which CPL and EFLAGS.AC do not count; false: an
 * access with the rights of the current CPL. Segment, canonicality and alignment checks are the
 * caller's. `false` as a result: the fault (or FAULT_VM_EXIT) is in STATE.FAULT_*.
 */
export interface LinearMemory {
  /** Result of the last successful read, u32 each; `hi` is 0 for reads of 4 bytes and less. */
  lo: number;
  hi: number;
  read(linear: number, bytes: 1 | 2 | 4 | 8, supervisor: boolean): boolean;
  write(linear: number, bytes: 1 | 2 | 4 | 8, lo: number, hi: number, supervisor: boolean): boolean;
  /** Whether `write` would succeed, for any number of bytes up to a page. */
  probeWrite(linear: number, bytes: number, supervisor: boolean): boolean;
  /** Reads 8 bytes at a (guest-)physical address into lo, hi. */
  readPhysical(address: number): boolean;
  /**
   * Drops translations: those of the current PCID that are not global, all of the current VPID (after a change
   * of paging bits in CR0, CR4, EFER), or simply everything.
   */
  flush(kind: 'nonglobal' | 'all' | 'everything'): void;
  // Of these three generated code does not hear: the system operation answers STATUS.EXIT.
  /** After a change of CR3 or CR4.PCIDE: uses the translations of the PCID, dropping its nonglobal ones unless `keep`. */
  loadAddressSpace(keep: boolean): void;
  invalidatePage(linear: number): void;
  /** INVPCID. @param type one of `INVPCID_TYPE` @param pcid and `linear`: for the types that name them */
  invalidatePcid(type: number, pcid: number, linear: number): void;
}

/** What INVPCID invalidates: an address or all of a PCID, everything, everything but global translations. */
export const INVPCID_TYPE = { ADDRESS: 0, SINGLE: 1, ALL: 2, ALL_NONGLOBAL: 3 } as const;

/** The I/O address space. Values are unsigned. */
export interface PortSpace {
  in(port: number, size: AccessSize): number;
  out(port: number, size: AccessSize, value: number): void;
}

/** What VMX (or SVM) adds to ordinary system operations; absent on a processor without it. */
export interface VirtualizationExtension {
  /** VT-x: MSRs 3Ah and 480h-491h; AMD-V: VM_CR and VM_HSAVE_PA. `undefined` / `false`: #GP(0). */
  readMsr(index: number): { lo: number; hi: number } | undefined;
  writeMsr(index: number, lo: number, hi: number): boolean;
  /** Whether VMX operation lets CR0 or CR4 have this value (IA32_VMX_CR0_FIXED0 and so on); #GP(0) otherwise. */
  allowsCr0(value: number): boolean;
  allowsCr4(value: number): boolean;
  /** Takes note of what WRMSR is about to put into EFER; false: #GP(0). */
  acceptEfer(value: number): boolean;
}

/** Why the processor cannot go on by itself. */
export type StopReason =
  | {
      readonly kind: 'triple-fault';
      /** The events whose delivery failed, first to last; each the cause of the next. */
      readonly chain: readonly DeliveredEvent[];
      readonly rip: number;
    }
  | {
      readonly kind: 'unmodelled';
      /** What the guest asked for that this processor does not do. */
      readonly what: string;
      readonly rip: number;
    };

export interface SystemContext {
  readonly regs: Registers;
  readonly memory: LinearMemory;
  /** The instruction being executed. */
  readonly record: DecodedRecord;
  readonly ports: PortSpace;
  readonly interrupts: InterruptSource;
  readonly cpuid: CpuidConfig;
  /** Present while the processor runs a guest of its virtualization extension. */
  readonly interceptor: Interceptor | undefined;
  readonly virtualization: VirtualizationExtension | undefined;
  /** The event being delivered, while it is: what a VM exit reports as IDT-vectoring information. */
  delivering: DeliveredEvent | undefined;
  readonly observer?: ProcessorObserver | undefined;
  readonly recorder?: Recorder | undefined;

  /** Adds to the cost of the instruction, in cycles. */
  charge(cycles: number): void;
  /** Simulated time in cycles of the time-stamp counter, exact at this instruction. */
  now(): number;
  /** What the time-stamp counter counts: `now`, but never behind what another processor has read. */
  tsc(): number;
  /** Stops the processor: it stays in the shutdown state until INIT or reset. The machine shows the reason. */
  stop(reason: StopReason): void;
}
