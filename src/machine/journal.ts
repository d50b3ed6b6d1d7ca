/**
 * The journal: every input from outside, with the instant at which it entered. The same computer
 * with the same journal runs the same way, bit for bit.
 *
 * A computer that was put back to an earlier instant has entries before it that have entered and entries that
 * are still to come. Input from outside at such an instant begins another future: the entries to come go.
 */

export interface JournalEntry {
  /** `Computer.position` at which the input entered. */
  readonly position: number;
  readonly input: JournalInput;
}

export type JournalInput =
  /** Bytes typed on the console. */
  | { readonly kind: 'console'; readonly target: string; readonly bytes: readonly number[] }
  /** A command to the hypervisor: start, pause, reset .. of a virtual machine. */
  | { readonly kind: 'command'; readonly target: string; readonly name: string; readonly detail?: unknown }
  /** The user has changed a register or memory. */
  | { readonly kind: 'edit'; readonly target: string; readonly detail: unknown };

/** `target` of what is typed on the computer's own console. */
export const COMPUTER_CONSOLE = 'com1';

export class Journal {
  /** How many of the entries have entered. */
  entered = 0;
  /** Called before input enters: what has been after the present instant will not be, and entries to come go. */
  onInput: (position: number) => void = () => {};
  private entries: JournalEntry[] = [];

  /** Input that enters now. */
  add(entry: JournalEntry): void {
    this.onInput(entry.position);
    if (this.next !== undefined) this.entries = this.entries.slice(0, this.entered);
    this.entered = this.entries.push(entry);
  }

  /** What has entered, oldest first. */
  get past(): readonly JournalEntry[] {
    return this.entries.slice(0, this.entered);
  }

  /** What has entered and what is to come. */
  get all(): readonly JournalEntry[] {
    return this.entries;
  }

  /** The entry that is to enter next. */
  get next(): JournalEntry | undefined {
    return this.entries[this.entered];
  }

  /** Where it enters; infinity: there is none. */
  get nextPosition(): number {
    return this.next?.position ?? Number.POSITIVE_INFINITY;
  }

  /** Takes over a journal of which nothing, or the first `entered`, have entered. */
  load(entries: readonly JournalEntry[], entered = 0): void {
    this.entries = [...entries];
    this.entered = entered;
  }
}
