import type { RingCrossing } from '../../cpu/crossings.ts';
import type { Crossing, CrossingCount } from '../../protocol/rings-view.ts';
import type { VcpuRef } from '../../protocol/target.ts';
import { unsigned64 } from '../views/numbers.ts';
import { type CauseText, causeText } from './crossing-texts.ts';

/** Crossings kept of each vCPU. */
const KEPT = 32;

interface Recorded {
  readonly on: VcpuRef;
  readonly crossing: RingCrossing;
  readonly sequence: number;
}

interface Count {
  readonly crossing: RingCrossing;
  readonly text: CauseText;
  count: number;
}

/**
 * All crossings of a computer, counted, and the latest of each vCPU. A vCPU that is busy does not
 * push out those of one that is quiet.
 */
export class CrossingRecords {
  readonly #latest = new Map<string, Recorded[]>();
  readonly #counts = new Map<string, Count>();
  #total = 0;

  add(on: VcpuRef, crossing: RingCrossing): void {
    const key = `${on.vm}/${on.vcpu}`;
    let latest = this.#latest.get(key);
    if (latest === undefined) {
      latest = [];
      this.#latest.set(key, latest);
    }
    if (latest.length === KEPT) latest.shift();
    latest.push({ on, crossing, sequence: this.#total++ });
    this.#count(crossing);
  }

  /** A VM is gone. */
  forget(vm: number): void {
    for (const key of this.#latest.keys()) {
      if (key.startsWith(`${vm}/`)) this.#latest.delete(key);
    }
  }

  /** The latest of all vCPUs, oldest first. */
  recent(): Crossing[] {
    return [...this.#latest.values()]
      .flat()
      .sort((a, b) => a.sequence - b.sequence)
      .map(({ on, crossing, sequence }) => {
        const { from, to, rip, cycle, cost } = crossing;
        return {
          sequence,
          on,
          from,
          to,
          ...causeText(crossing.cause),
          rip: unsigned64(rip),
          at: cycle,
          cost,
        };
      });
  }

  counts(): CrossingCount[] {
    const sums = new Map<string, CrossingCount>();
    for (const { crossing, text, count } of this.#counts.values()) {
      const { from, to } = crossing;
      const key = `${from} ${to} ${text.cause}`;
      sums.set(key, { from, to, cause: text.cause, count: (sums.get(key)?.count ?? 0) + count });
    }
    return [...sums.values()];
  }

  #count(crossing: RingCrossing): void {
    const { from, to, cause } = crossing;
    const which = cause.kind === 'vm-exit' ? cause.reason : cause.kind === 'instruction' ? cause.name : '';
    const type = cause.kind === 'event' ? cause.type : '';
    const key = `${from} ${to} ${cause.kind} ${which} ${type}`;
    const known = this.#counts.get(key);
    if (known !== undefined) known.count++;
    else this.#counts.set(key, { crossing, text: causeText(cause), count: 1 });
  }
}
