/** Who ran where, from when to when, and why it stopped. Keeps the latest stays. */

import type { Stateful } from '../contracts/state.ts';

export interface Stay {
  readonly pcpu: number;
  readonly vm: number;
  readonly vcpu: number;
  /** Host cycles. */
  readonly from: number;
  /** Undefined while it runs. */
  readonly to: number | undefined;
  /** Why it stopped, e.g. "slice used up", "halted". */
  readonly stop: string | undefined;
}

const KEPT = 2048;

export interface SavedRunLog {
  readonly ended: readonly Stay[];
  readonly oldest: number;
  readonly open: ReadonlyMap<number, Stay>;
}

export class RunLog implements Stateful<SavedRunLog> {
  private readonly ended: Stay[] = [];
  private readonly open = new Map<number, Stay>();
  /** Index in `ended` of the oldest once it is full. */
  private oldest = 0;

  begin(pcpu: number, vm: number, vcpu: number, now: number): void {
    this.open.set(pcpu, { pcpu, vm, vcpu, from: now, to: undefined, stop: undefined });
  }

  /** Cycles of the stay that ends. */
  end(pcpu: number, now: number, stop: string): number {
    const stay = this.open.get(pcpu);
    if (stay === undefined) return 0;
    this.open.delete(pcpu);
    const done = { ...stay, to: now, stop };
    if (this.ended.length < KEPT) {
      this.ended.push(done);
    } else {
      this.ended[this.oldest] = done;
      this.oldest = (this.oldest + 1) % KEPT;
    }
    return now - stay.from;
  }

  save(): SavedRunLog {
    return { ended: [...this.ended], oldest: this.oldest, open: new Map(this.open) };
  }

  restore(saved: SavedRunLog): void {
    this.ended.length = 0;
    for (const stay of saved.ended) this.ended.push(stay);
    this.oldest = saved.oldest;
    this.open.clear();
    for (const [pcpu, stay] of saved.open) this.open.set(pcpu, stay);
  }

  /** Oldest first; those still open last. */
  stays(): readonly Stay[] {
    return [...this.ended.slice(this.oldest), ...this.ended.slice(0, this.oldest), ...this.open.values()];
  }
}
