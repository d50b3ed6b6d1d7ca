import type { MicroReference } from './micro-view.ts';
import type { BitField } from './processor-view.ts';
import type { VcpuRef } from './target.ts';

/** One entry read from a table in memory during a walk. */
export interface TableEntry {
  /** "PML4", "PDPT", "PD", "PT"; the nested ones carry an "EPT" or "NPT" prefix. */
  readonly level: string;
  /** Index of the entry within its table. */
  readonly index: number;
  /** Address of the entry itself: guest-physical for guest tables, host-physical for nested ones. */
  readonly address: bigint;
  readonly raw: bigint;
  /** 4 or 8 bytes. */
  readonly size: 4 | 8;
  readonly fields: readonly BitField[];
  /** Whether this entry ends the walk by mapping a page. */
  readonly leaf: boolean;
  /** Why the walk cannot go past this entry; null when it does. */
  readonly fault: string | null;
}

/** Translation of one guest-physical address by the second dimension. Empty `entries` on a machine without one. */
export interface NestedWalk {
  readonly guestPhysical: bigint;
  readonly entries: readonly TableEntry[];
  /** Null when an entry faulted. */
  readonly hostPhysical: bigint | null;
}

/** One row of the two-dimensional walk: finding a guest table (or the page), then reading its entry. */
export interface GuestLevel {
  /** How the address of the guest's entry was translated. */
  readonly nested: NestedWalk;
  /** Null when the entry could not be reached. */
  readonly entry: TableEntry | null;
}

export type WalkEnd =
  | {
      readonly kind: 'mapped';
      readonly guestPhysical: bigint;
      readonly hostPhysical: bigint;
      /** Size in bytes of the guest page and of the nested page; null without paging / without a second dimension. */
      readonly guestPage: number | null;
      readonly nestedPage: number | null;
      /** Rights that both dimensions leave, e.g. "read, write, user". */
      readonly rights: string;
    }
  | {
      readonly kind: 'fault';
      /** E.g. "#PF", "EPT violation", "EPT misconfiguration", "nested page fault". */
      readonly fault: string;
      /** Which entry, and what in it, ended the walk. */
      readonly why: string;
    };

export interface WalkView {
  readonly of: VcpuRef;
  readonly linear: bigint;
  readonly paging: 'off' | '32-bit' | 'PAE' | '4-level';
  readonly cr3: bigint;
  /** EPT pointer or nested CR3 of the VM; null without a second dimension. */
  readonly eptp: bigint | null;
  readonly levels: readonly GuestLevel[];
  /** The page itself, translated by the second dimension; null when the guest's walk faulted before. */
  readonly page: NestedWalk | null;
  readonly end: WalkEnd;
  /** Memory references that the hardware makes for this walk on an empty TLB. */
  readonly references: number;
  /** The entry that a micro-step has just read; null outside a walk. */
  readonly cursor: MicroReference | null;
}
