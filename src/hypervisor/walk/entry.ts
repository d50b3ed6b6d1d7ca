import type { NestedRoot } from '../../contracts/nested-root.ts';

/** What a page walk found, as data: for the page and for tests. All of it is read without side effects. */

/** One entry read from a table. */
export interface EntryRead {
  /** 4 is the root of four levels, 1 the last level. */
  readonly level: number;
  /** "PML4", "PDPT", "PD", "PT"; the nested ones carry an "EPT" or "NPT" prefix. */
  readonly table: string;
  readonly index: number;
  /** Guest-physical for guest tables, host-physical for nested ones. */
  readonly address: number;
  readonly lo: number;
  /** 0 for 4-byte entries. */
  readonly hi: number;
  readonly size: 4 | 8;
  /** It maps a page. */
  readonly leaf: boolean;
  /** Why the walk cannot go past it; undefined when it can. */
  readonly fault: string | undefined;
}

/** Translation of one guest-physical address by the second dimension. */
export interface NestedReport {
  readonly guestPhysical: number;
  /** Empty on a machine without one. */
  readonly entries: readonly EntryRead[];
  /** Undefined when an entry faulted. */
  readonly hostPhysical: number | undefined;
  /** Bytes of the nested page; undefined when there is none. */
  readonly pageSize: number | undefined;
  /** Rights of all entries together: 1 read, 2 write, 4 execute. */
  readonly rights: number;
}

/** One guest level: how its entry's address was translated, and the entry. */
export interface LevelReport {
  readonly nested: NestedReport;
  /** Undefined when it could not be reached. */
  readonly entry: EntryRead | undefined;
}

export type WalkEnd =
  | {
      readonly kind: 'mapped';
      readonly guestPhysical: number;
      readonly hostPhysical: number;
      /** Bytes of the guest page; undefined without paging. */
      readonly guestPage: number | undefined;
      readonly nestedPage: number | undefined;
      readonly rights: string;
    }
  | { readonly kind: 'fault'; readonly fault: string; readonly why: string };

export type PagingMode = 'off' | '32-bit' | 'PAE' | '4-level';

export interface WalkReport {
  readonly linear: number;
  readonly paging: PagingMode;
  readonly cr3: number;
  readonly nestedRoot: NestedRoot | undefined;
  readonly levels: readonly LevelReport[];
  /** The page itself; undefined when the guest's walk ended before. */
  readonly page: NestedReport | undefined;
  readonly end: WalkEnd;
  /** Memory references that the hardware makes for this walk with empty caches. */
  readonly references: number;
}

/** Registers that decide how linear addresses are translated. */
export interface PagingRegisters {
  readonly cr0: number;
  readonly cr3: number;
  readonly cr4: number;
  readonly efer: number;
}

/** Reads a 32-bit word of physical memory, unsigned. */
export type ReadWord = (address: number) => number;
