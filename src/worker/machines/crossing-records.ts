import type { Stateful } from '../../contracts/state.ts';
import { type CrossingCause as Cause, CrossingRing, type RingCrossing } from '../../cpu/crossings.ts';
import type { Crossing, CrossingCount } from '../../protocol/rings-view.ts';
import type { Ring, VcpuRef } from '../../protocol/target.ts';
import { unsigned64 } from '../views/numbers.ts';
import { causeText } from './crossing-texts.ts';

/** Crossings kept of each vCPU. */
const KEPT = 32;
const MAX_VCPUS = 64;

interface Latest {
  readonly on: VcpuRef;
  readonly ring: CrossingRing;
  /** Sequence number of each among those of all vCPUs, by its number in `ring` modulo KEPT. */
  readonly sequence: number[];
}

/** Of one cause: how often from which ring (-1 to 3) to which. */
class Counts {
  readonly #counts = new Float64Array(5 * 5);

  add(from: Ring, to: Ring): void {
    this.#counts[(from + 1) * 5 + to + 1]++;
  }

  copy(): Counts {
    const copy = new Counts();
    copy.#counts.set(this.#counts);
    return copy;
  }

  *entries(): Iterable<{ from: Ring; to: Ring; count: number }> {
    for (const [i, count] of this.#counts.entries()) {
      if (count > 0) yield { from: (Math.floor(i / 5) - 1) as Ring, to: ((i % 5) - 1) as Ring, count };
    }
  }
}

interface SavedRecords {
  readonly latest: readonly (readonly [key: number, latest: Latest])[];
  readonly counts: readonly (readonly [cause: Cause, counts: Counts])[];
  readonly total: number;
}

/**
 * All crossings of a computer, counted, and the latest of each vCPU. A vCPU that is busy does not
 * push out those of one that is quiet.
 */
export class CrossingRecords implements Stateful<SavedRecords> {
  /** By vm * MAX_VCPUS + vcpu. */
  readonly #latest = new Map<number, Latest>();
  readonly #counts = new Map<Cause, Counts>();
  #total = 0;

  add(on: VcpuRef, crossing: RingCrossing): void {
    const key = on.vm * MAX_VCPUS + on.vcpu;
    let latest = this.#latest.get(key);
    if (latest === undefined) {
      latest = { on, ring: new CrossingRing(KEPT), sequence: [] };
      this.#latest.set(key, latest);
    }
    latest.sequence[latest.ring.total % KEPT] = this.#total++;
    latest.ring.add(crossing);
    let counts = this.#counts.get(crossing.cause);
    if (counts === undefined) {
      counts = new Counts();
      this.#counts.set(crossing.cause, counts);
    }
    counts.add(crossing.from, crossing.to);
  }

  save(): SavedRecords {
    const latest = [...this.#latest].map(([key, one]) => [key, copyOf(one)] as const);
    const counts = [...this.#counts].map(([cause, counted]) => [cause, counted.copy()] as const);
    return { latest, counts, total: this.#total };
  }

  restore(saved: SavedRecords): void {
    this.#latest.clear();
    for (const [key, one] of saved.latest) this.#latest.set(key, copyOf(one));
    this.#counts.clear();
    for (const [cause, counts] of saved.counts) this.#counts.set(cause, counts.copy());
    this.#total = saved.total;
  }

  /** A VM is gone. */
  forget(vm: number): void {
    for (const [key, { on }] of this.#latest) {
      if (on.vm === vm) this.#latest.delete(key);
    }
  }

  /** The latest of all vCPUs, oldest first. */
  recent(): Crossing[] {
    return [...this.#latest.values()].flatMap(latestOf).sort((a, b) => a.sequence - b.sequence);
  }

  counts(): CrossingCount[] {
    const sums = new Map<string, CrossingCount>();
    for (const [recorded, counts] of this.#counts) {
      const { cause } = causeText(recorded);
      for (const { from, to, count } of counts.entries()) {
        const key = `${from} ${to} ${cause}`;
        sums.set(key, { from, to, cause, count: (sums.get(key)?.count ?? 0) + count });
      }
    }
    return [...sums.values()];
  }
}

const copyOf = ({ on, ring, sequence }: Latest): Latest => ({
  on,
  ring: ring.copy(),
  sequence: [...sequence],
});

function latestOf({ on, ring, sequence }: Latest): Crossing[] {
  const kept = ring.from(0);
  const first = ring.total - kept.length;
  return kept.map(({ from, to, cause, rip, cycle, cost }, i) => ({
    sequence: sequence[(first + i) % KEPT],
    on,
    from,
    to,
    ...causeText(cause),
    rip: unsigned64(rip),
    at: cycle,
    cost,
  }));
}
