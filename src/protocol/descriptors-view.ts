import type { BitField } from './processor-view.ts';
import type { VcpuRef } from './target.ts';

export type DescriptorTableName = 'GDT' | 'LDT' | 'IDT';

/** One entry of a descriptor table, or one vector of the real-mode interrupt table. */
export interface DescriptorEntry {
  /** Index in the table; the vector in an IDT. */
  readonly index: number;
  /** What selects it: a selector in hexadecimal, or a vector with its exception's name. */
  readonly name: string;
  /** Linear. */
  readonly address: bigint;
  /** The entry's bytes as a number: 4, 8 or 16. */
  readonly raw: bigint;
  readonly bytes: 4 | 8 | 16;
  /** E.g. "code 64-bit, execute/read", "interrupt gate". */
  readonly type: string;
  /** What it describes: base and limit, or selector:offset. */
  readonly describes: string;
  readonly dpl: number;
  readonly present: boolean;
  readonly fields: readonly BitField[];
  /** Names of the segment registers that were loaded from it, e.g. "cs". */
  readonly loadedIn: readonly string[];
}

export interface DescriptorTable {
  readonly name: DescriptorTableName | 'IVT';
  readonly base: bigint;
  readonly limit: number;
  /** Null entries of a GDT, and gates that are all zero, are counted and left out. */
  readonly entries: readonly DescriptorEntry[];
  readonly empty: number;
  /** Why the table, or its rest, cannot be shown; null normally. */
  readonly missing: string | null;
}

export interface DescriptorsView {
  readonly of: VcpuRef;
  readonly mode: string;
  readonly tables: readonly DescriptorTable[];
}
