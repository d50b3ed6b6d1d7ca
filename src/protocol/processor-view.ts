import type { VcpuRef } from './target.ts';

/** A named part of a register: one bit or a field. `meaning` is for people, e.g. "paging on". */
export interface BitField {
  readonly name: string;
  readonly high: number;
  readonly low: number;
  readonly value: bigint;
  readonly meaning: string;
}

export interface RegisterView {
  readonly name: string;
  readonly value: bigint;
  readonly bits: 8 | 16 | 32 | 64 | 128;
  /** Differs from its value when the machine last stood still. */
  readonly changed: boolean;
  /** Empty for registers without parts. */
  readonly fields: readonly BitField[];
}

/** A segment register with its hidden part. */
export interface SegmentView {
  readonly name: string;
  readonly selector: number;
  readonly base: bigint;
  readonly limit: number;
  /** E.g. "code 64-bit, execute/read, accessed" or "unusable". */
  readonly type: string;
  readonly dpl: number;
  readonly changed: boolean;
}

export interface RegistersView {
  readonly of: VcpuRef;
  /** E.g. "64-bit", "compatibility", "protected 32", "real". */
  readonly mode: string;
  readonly general: readonly RegisterView[];
  readonly rip: RegisterView;
  readonly rflags: RegisterView;
  readonly segments: readonly SegmentView[];
  /** GDTR, IDTR as base and limit. */
  readonly tables: readonly { readonly name: string; readonly base: bigint; readonly limit: number }[];
  readonly control: readonly RegisterView[];
}

/** One line of the disassembly. */
export interface CodeLine {
  /** Linear address. */
  readonly address: bigint;
  readonly bytes: Uint8Array;
  readonly text: string;
  /** Symbol that begins here; null for none. */
  readonly label: string | null;
  /** Symbol that the instruction branches or refers to, e.g. `memcpy+0x10`; null for none. */
  readonly target: string | null;
  /** What the instruction means for virtualization, e.g. "CPL 0 only", "may exit: CPUID". */
  readonly notes: readonly string[];
  readonly current: boolean;
  readonly breakpoint: boolean;
}

export interface CodeView {
  readonly of: VcpuRef;
  readonly rip: bigint;
  /** 16, 32 or 64. */
  readonly bitness: number;
  readonly lines: readonly CodeLine[];
  /** Why fewer lines than asked for could be read, e.g. "page not present"; null normally. */
  readonly ended: string | null;
  /** All breakpoints of this VM, ascending. */
  readonly breakpoints: readonly bigint[];
}
