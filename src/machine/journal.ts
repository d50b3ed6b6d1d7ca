/**
 * The journal: every input from outside, with the instant at which it entered. The same computer
 * with the same journal runs the same way, bit for bit.
 */

export interface JournalEntry {
  /** Cycle of the processor `cpu`, whose turn it was, at which the input entered. */
  readonly cycle: number;
  readonly cpu: number;
  readonly input: JournalInput;
}

export type JournalInput =
  /** Bytes typed on the console. */
  | { readonly kind: 'console'; readonly target: string; readonly bytes: readonly number[] }
  /** A command to the hypervisor: start, pause, reset .. of a virtual machine. */
  | { readonly kind: 'command'; readonly target: string; readonly name: string };

/** `target` of what is typed on the computer's own console. */
export const COMPUTER_CONSOLE = 'com1';

export class Journal {
  private readonly entries: JournalEntry[] = [];

  add(entry: JournalEntry): void {
    this.entries.push(entry);
  }

  get all(): readonly JournalEntry[] {
    return this.entries;
  }
}
