import type { VcpuRef } from './target.ts';

/** What a value on the stack is likely to be. */
export type StackGuess = 'return' | 'frame' | 'stack' | 'symbol';

export interface StackRow {
  /** Linear. */
  readonly address: bigint;
  readonly value: bigint;
  readonly guess: StackGuess | null;
  /** In words: the CALL before a return address, the name of a symbol; empty without a guess. */
  readonly text: string;
  /** Linear address of code or stack that the value points to; null without a guess. */
  readonly target: bigint | null;
  readonly changed: boolean;
}

/** One call that has not returned yet. */
export interface CallFrame {
  /** Linear: RIP for the first, then return addresses. */
  readonly address: bigint;
  /** `name+0x10` where there is a symbol. */
  readonly name: string | null;
  /** Where the return address is, linear; null for the first. */
  readonly at: bigint | null;
  /** The CALL; empty for the first. */
  readonly call: string;
}

export interface StackView {
  readonly of: VcpuRef;
  /** Linear address of the top. */
  readonly top: bigint;
  /** Bytes of a row. */
  readonly width: 2 | 4 | 8;
  readonly rows: readonly StackRow[];
  /** Why rows are missing; null normally. */
  readonly ended: string | null;
  readonly calls: readonly CallFrame[];
  /** How the chain of calls was found. */
  readonly method: 'frame pointers' | 'scan';
}
