/** Regions that are wanted and not compiled yet, by how hot they have become meanwhile. */
import type { CodeMode } from '../../isa/modes.ts';
import type { FindPage } from './code-source.ts';

/** Where a region is wanted. */
export interface Request {
  /** The record and the table that names it. */
  readonly record: number;
  readonly table: number;
  /** Linear address of the page, as `Registers.address`. */
  readonly linear: number;
  readonly mode: CodeMode;
  readonly findPage: FindPage;
  /** Whether `findPage` speaks of the same address space as when the request was made. */
  isCurrent(): boolean;
  /** Instructions executed so far. */
  readonly at: number;
}

/** More than can be compiled before most have become pointless. */
const MOST = 1024;
/** What a record's counter can count. */
const COUNTER_RANGE = 0x1_0000;

export class Requests {
  private readonly waiting = new Map<number, { request: Request; times: number }>();
  private readonly branches: (record: number) => number;

  /** @param branches what the record's counter says, modulo its range */
  constructor(branches: (record: number) => number) {
    this.branches = branches;
  }

  get size(): number {
    return this.waiting.size;
  }

  /** One for a place that is wanted already, whose counter has come round, makes that one hotter. */
  add(request: Request): void {
    const times = (this.waiting.get(request.record)?.times ?? -1) + 1;
    this.waiting.set(request.record, { request, times });
    if (this.waiting.size <= MOST) return;
    let place = 0;
    for (const { record } of this.hottestFirst()) if (place++ >= MOST / 2) this.waiting.delete(record);
  }

  /** All of them, one after the other: mostly a few are wanted, which spares sorting the others. */
  *hottestFirst(): Generator<Request> {
    const waiting = [...this.waiting.values()];
    const heat = Float64Array.from(
      waiting,
      ({ request, times }) => times * COUNTER_RANGE + this.branches(request.record),
    );
    for (let left = waiting.length; left > 0; left--) {
      let hottest = 0;
      for (let i = 1; i < left; i++) if (heat[i] > heat[hottest]) hottest = i;
      yield waiting[hottest].request;
      waiting[hottest] = waiting[left - 1];
      heat[hottest] = heat[left - 1];
    }
  }

  delete({ record }: Request): void {
    this.waiting.delete(record);
  }

  clear(): void {
    this.waiting.clear();
  }
}
