/**
 * What happens inside one instruction, one event or one turn of a native host, in its order, as a recorder
 * hears of it. Told by what carries it out: the MMU, the page walker, nested paging, the delivery of events, the
 * switches between a guest and its host. Without a recorder nothing of this is made.
 *
 * Addresses are numbers (linear ones signed), 32-bit halves may be signed.
 */
import type { NestedRoot } from '../contracts/nested-root.ts';

/** Tables of the second dimension: VT-x's or AMD-V's. */
export type NestedFormat = NestedRoot['format'];

/** What an access is for. */
export type MicroAccess = 'fetch' | 'read' | 'write';

/** A translation of a linear address is asked for. A miss is followed by the references of its walk. */
export interface LookUp {
  readonly kind: 'look-up';
  readonly access: MicroAccess;
  readonly linear: number;
  /** `off`: there is no paging, addresses are physical as they are (guest-physical in a VM). */
  readonly found: 'hit' | 'miss' | 'off';
  /** Host-physical address, where no walk follows. */
  readonly hostPhysical?: number;
}

/** A paging-structure entry is read from memory. */
export interface Reference {
  readonly kind: 'reference';
  /** `nested`: of EPT or of nested page tables; the others are of the tables that CR3 points to. */
  readonly dimension: 'guest' | 'nested';
  /** Of the nested dimension. */
  readonly format?: NestedFormat;
  /** 4 is the root of four levels, 1 the last level. */
  readonly level: number;
  /** As the walk names it: guest-physical for guest tables, host-physical for nested ones. */
  readonly address: number;
  readonly hostPhysical: number;
  readonly lo: number;
  /** 0 for 4-byte entries. */
  readonly hi: number;
  readonly bytes: 4 | 8;
  /** What is translated: linear for guest tables, guest-physical for nested ones. */
  readonly of: number;
}

/** Bytes are moved between the processor and memory. */
export interface Transfer {
  readonly kind: 'transfer';
  readonly access: MicroAccess;
  readonly linear: number;
  /** One piece, or two when the access crosses a page. */
  readonly pieces: readonly Piece[];
  /** What was moved; absent where it is neither RAM nor put together here. */
  readonly value?: Uint8Array;
}

export interface Piece {
  readonly hostPhysical: number;
  readonly bytes: number;
}

/** A field of the processor's state that a world switch moves. */
export interface StateField {
  /** The manual's name: GUEST_RIP. */
  readonly name: string;
  readonly value: bigint;
}

export type MicroOperation =
  | LookUp
  | Reference
  | Transfer
  /** The nested translation of a guest-physical address was cached. */
  | {
      readonly kind: 'nested-hit';
      readonly format: NestedFormat;
      readonly guestPhysical: number;
      readonly hostPhysical: number;
    }
  /** PAE paging takes its first entry from a register. */
  | { readonly kind: 'pdpte'; readonly index: number; readonly lo: number; readonly hi: number }
  /** Accessed or dirty bits are set in an entry. */
  | {
      readonly kind: 'mark';
      readonly level: number;
      readonly address: number;
      readonly hostPhysical: number;
      readonly accessed: boolean;
      readonly dirty: boolean;
    }
  /** 8 bytes are read by physical address: PDPTEs. */
  | {
      readonly kind: 'physical-read';
      readonly hostPhysical: number;
      readonly lo: number;
      readonly hi: number;
    }
  /** A walk ends in a page fault. */
  | { readonly kind: 'page-fault'; readonly linear: number; readonly errorCode: number }
  /** Nested paging refuses an access. */
  | {
      readonly kind: 'nested-fault';
      readonly format: NestedFormat;
      readonly guestPhysical: number;
      readonly linear: number | undefined;
    }
  | {
      readonly kind: 'port';
      readonly access: 'in' | 'out';
      readonly port: number;
      readonly bytes: number;
      readonly value: number;
    }
  /** An event is about to enter its handler. */
  | { readonly kind: 'delivery'; readonly type: number; readonly vector: number; readonly errorCode: number }
  /** The guest is left. `cause` is the manual's name of it. */
  | { readonly kind: 'exit'; readonly cause: string; readonly detail: bigint }
  /** Fields that were written when the guest was left: its state, and what the exit reports. */
  | { readonly kind: 'saved'; readonly fields: readonly StateField[] }
  /** The checks of an entry into a guest have been made; `failed`: what did not hold. */
  | { readonly kind: 'entry'; readonly failed: string | undefined }
  /** Fields from which the processor's state was loaded. */
  | { readonly kind: 'loaded'; readonly of: 'guest' | 'host'; readonly fields: readonly StateField[] }
  /** A host that is not made of instructions begins to work. */
  | { readonly kind: 'handler'; readonly what: 'take over' | 'exit' | 'interrupt' }
  /** It carries out what would be an instruction. */
  | {
      readonly kind: 'host-operation';
      readonly name: string;
      readonly operand: string;
      readonly value?: bigint;
    }
  /** It writes host-physical memory. */
  | {
      readonly kind: 'host-write';
      readonly hostPhysical: number;
      readonly value: Uint8Array;
      readonly bytes: number;
    };

/** Hears of each micro-operation when it has been made. */
export type Recorder = (operation: MicroOperation) => void;
