import type { AddressSpace, VcpuRef } from './target.ts';

/** What kind of thing a micro-operation is; `end`: the step is complete. */
export type MicroKind =
  | 'look-up'
  | 'walk'
  | 'memory'
  | 'port'
  | 'fault'
  | 'event'
  | 'world-switch'
  | 'host'
  | 'end';

/** An entry of the page tables that a walk reads. */
export interface MicroReference {
  readonly dimension: 'guest' | 'nested';
  /** Of the entry: guest-physical for guest tables, host-physical for nested ones. */
  readonly address: bigint;
  /** What is translated: linear for guest tables, guest-physical for nested ones. */
  readonly of: bigint;
}

export interface MicroOperationView {
  readonly kind: MicroKind;
  /** In a few words: "EPT PD entry 4". */
  readonly what: string;
  /** Where in memory; null where that means nothing. */
  readonly at: { readonly space: AddressSpace; readonly address: bigint } | null;
  /** What was read or written, or is told; may be empty. */
  readonly value: string;
  /** What else there is to say; may be empty. */
  readonly note: string;
  /** Fields that a world switch saves or loads. */
  readonly fields: readonly { readonly name: string; readonly value: bigint }[];
  readonly reference: MicroReference | null;
}

/** What begins at an instant: an instruction, an event, or the work of a host that is no machine code. */
export type MicroStepKind = 'instruction' | 'event' | 'host';

/** The micro-operations of the step in which the page has stopped. */
export interface MicroView {
  readonly of: VcpuRef;
  readonly step: MicroStepKind;
  /** Instruction pointer before the step. */
  readonly rip: bigint;
  /** In their order; the last one is the end of the step. */
  readonly operations: readonly MicroOperationView[];
  /** Index of the one that was made last. At the last one the machine is behind the step, else before it. */
  readonly cursor: number;
}
