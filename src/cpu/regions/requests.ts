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
    for (const { record } of this.hottestFirst().slice(MOST / 2)) this.waiting.delete(record);
  }

  hottestFirst(): Request[] {
    const heat = new Map<Request, number>();
    for (const { request, times } of this.waiting.values()) {
      heat.set(request, times * COUNTER_RANGE + this.branches(request.record));
    }
    return [...heat.keys()].sort((a, b) => (heat.get(b) as number) - (heat.get(a) as number));
  }

  delete({ record }: Request): void {
    this.waiting.delete(record);
  }

  clear(): void {
    this.waiting.clear();
  }
}
