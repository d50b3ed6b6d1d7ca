/**
 * Extended page tables: entry format, EPT pointer, exit qualification. SDM volume 3C, "The Extended
 * Page Table Mechanism (EPT)".
 *
 *   63             52 51                     12 11 10 9 8 7 6 5   3 2 1 0
 *   +----------------+-------------------------+-----+---+-+-+-----+-+-+-+
 *   | ignored        | physical page of table  | ign.|A/D|S|I| MT  |X|W|R|   S leaf of 1 GiB or 2 MiB
 *   +----------------+-------------------------+-----+---+-+-+-----+-+-+-+   I ignore PAT   MT memory type
 *
 * Entries that do not map a page must have bits 6:3 (and bit 7 in a PML4 entry) clear.
 */

export const EPT = {
  READ: 1 << 0,
  WRITE: 1 << 1,
  EXECUTE: 1 << 2,
  RIGHTS: 7,
  MEMORY_TYPE_SHIFT: 3,
  MEMORY_TYPE_MASK: 7 << 3,
  IGNORE_PAT: 1 << 6,
  /** Leaf at level 2 (2 MiB) or 3 (1 GiB). */
  LARGE: 1 << 7,
  ACCESSED: 1 << 8,
  DIRTY: 1 << 9,
} as const;

export const MEMORY_TYPE = { UC: 0, WC: 1, WT: 4, WP: 5, WB: 6 } as const;

/** EPT pointer: bits 2:0 memory type of the tables, 5:3 walk length less one, 6 accessed and dirty flags. */
export const EPTP = {
  MEMORY_TYPE_MASK: 7,
  WALK_LENGTH_SHIFT: 3,
  WALK_LENGTH_MASK: 7 << 3,
  ACCESSED_DIRTY: 1 << 6,
  /** Four levels, write-back tables. */
  FOUR_LEVELS_WB: (3 << 3) | MEMORY_TYPE.WB,
} as const;

/** Names of the tables by level; level 4 is the root. */
export const EPT_LEVELS = ['', 'EPT PT', 'EPT PD', 'EPT PDPT', 'EPT PML4'] as const;

/** Exit qualification of an EPT violation. SDM volume 3C, "Exit Qualification for EPT Violations". */
export const EPT_VIOLATION = {
  READ: 1 << 0,
  WRITE: 1 << 1,
  FETCH: 1 << 2,
  /** Rights that the EPT entries allowed together (0 when an entry was not present). */
  READABLE: 1 << 3,
  WRITABLE: 1 << 4,
  EXECUTABLE: 1 << 5,
  /** GUEST_LINEAR_ADDRESS is valid. */
  LINEAR_VALID: 1 << 7,
  /** With LINEAR_VALID: the access was to the translation of the linear address, not to a paging structure. */
  FINAL: 1 << 8,
  /** NMIs became unblocked by an IRET that faulted. */
  NMI_UNBLOCKING: 1 << 12,
} as const;

/** IA32_VMX_EPT_VPID_CAP, low half. */
export const EPT_CAPABILITY = {
  EXECUTE_ONLY: 1 << 0,
  FOUR_LEVELS: 1 << 6,
  TABLES_UC: 1 << 8,
  TABLES_WB: 1 << 14,
  PAGES_2M: 1 << 16,
  PAGES_1G: 1 << 17,
  INVEPT: 1 << 20,
  ACCESSED_DIRTY: 1 << 21,
  INVEPT_SINGLE: 1 << 25,
  INVEPT_ALL: 1 << 26,
} as const;

/** IA32_VMX_EPT_VPID_CAP, high half (bit 32 of the MSR is bit 0 here). */
export const VPID_CAPABILITY = {
  INVVPID: 1 << 0,
  ADDRESS: 1 << 8,
  SINGLE: 1 << 9,
  ALL: 1 << 10,
  SINGLE_KEEP_GLOBAL: 1 << 11,
} as const;

export const INVEPT_TYPE = { SINGLE: 1, ALL: 2 } as const;
export const INVVPID_TYPE = { ADDRESS: 0, SINGLE: 1, ALL: 2, SINGLE_KEEP_GLOBAL: 3 } as const;
