/**
 * A physical processor as the software in ring -1 has it: the operations that its instructions give,
 * and nothing else. Our hypervisor is TypeScript, not machine code, so it gets them as methods; what
 * they do is what the instructions do. Its code takes simulated time only as it says by `charge`.
 *
 * 64-bit values travel as unsigned (lo, hi) halves, addresses as JavaScript numbers.
 */
import type { AccessSize } from './device.ts';

/** Host-physical memory. Addresses outside RAM read as ones; writes there are lost. */
export interface HostMemory {
  /** Bytes of RAM. */
  readonly size: number;
  /** A 32-bit word, unsigned; `address` is a multiple of 4. */
  read32(address: number): number;
  write32(address: number, value: number): void;
  /** Copies out; throws RangeError outside RAM. */
  read(address: number, length: number): Uint8Array;
  /** Copies in; throws RangeError outside RAM. */
  write(address: number, bytes: Uint8Array): void;
  fill(address: number, length: number, value: number): void;
}

/** Why the last VM entry failed, in the words of the processor's own table of checks. */
export interface FailedCheck {
  readonly id: string;
  /** Section title of SDM volume 3C. */
  readonly reference: string;
  /** What should have held. */
  readonly explanation: string;
}

/** Unsigned. */
export interface CpuidResult {
  readonly eax: number;
  readonly ebx: number;
  readonly ecx: number;
  readonly edx: number;
}

export interface HostCpu {
  /** 0 is the bootstrap processor. */
  readonly index: number;
  readonly memory: HostMemory;

  // --- VMX. Numbers are VM-instruction errors: 0 success, -1 VMfailInvalid.
  vmxon(region: number): number;
  vmxoff(): void;
  vmclear(region: number): number;
  vmptrld(region: number): number;
  /** Bits 31:0 of a field of the current VMCS, unsigned. Throws when there is no such field: a defect of the caller. */
  vmread(field: number): number;
  /** Bits 63:32. */
  vmreadHigh(field: number): number;
  vmwrite(field: number, lo: number, hi?: number): void;
  /** On success the guest runs when the handler returns. */
  vmlaunch(): number;
  vmresume(): number;
  /** `type`: 1 single context (`eptp`), 2 all. */
  invept(type: number, eptp: number): number;
  /** Drops what is cached under a VPID. */
  invvpid(vpid: number): number;
  /** The row that made the last VM entry fail. */
  readonly failedCheck: FailedCheck | undefined;

  /**
   * General registers as two u32 halves each (lo at 2n, hi at 2n + 1): after a VM exit the guest's, and
   * what VM entry leaves in the guest. RSP (n = 4) is the host's: the guest's is in the VMCS.
   */
  readonly gprs: Uint32Array;
  /** x87, MMX and SSE state as 512 bytes that only `fxrstor` of a processor of this kind reads. */
  fxsave(to: Uint8Array): void;
  fxrstor(from: Uint8Array): void;
  readonly cr2Lo: number;
  readonly cr2Hi: number;
  setCr2(lo: number, hi: number): void;
  /** Debug registers 0-3 and 6; 7 is in the VMCS. */
  readDr(n: number): { lo: number; hi: number };
  writeDr(n: number, lo: number, hi: number): void;
  /** undefined: #GP(0) */
  rdmsr(index: number): { lo: number; hi: number } | undefined;
  /** false: #GP(0) */
  wrmsr(index: number, lo: number, hi: number): boolean;

  cpuid(leaf: number, subleaf: number): CpuidResult;
  in(port: number, size: AccessSize): number;
  out(port: number, size: AccessSize, value: number): void;

  /** Cycles per second of the time-stamp counter. */
  readonly tscHz: number;
  /** The time-stamp counter. */
  now(): number;
  /** Accounts for work of the hypervisor's code, in cycles; fractions round up. */
  charge(cycles: number): void;
  /** STI and HLT: `HostSoftware.interrupt` follows when an interrupt arrives. */
  halt(): void;
}

/** What runs in ring -1. Each handler ends with a successful VM entry or with `halt` on its processor. */
export interface HostSoftware {
  /** The processor is in 64-bit mode at CPL 0, CR4.VMXE is set, and it is this software's. */
  takeOver(cpu: HostCpu): void;
  /** A VM exit. */
  exit(cpu: HostCpu): void;
  /** An external interrupt while the processor was halted by `halt`. */
  interrupt(cpu: HostCpu, vector: number): void;
}
