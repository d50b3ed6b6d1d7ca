/**
 * Watches of reads, by host-physical address. While there are some, every miss of a read TLB comes to mmu.ts, and
 * entries of pages with watched bytes are marked (TLB.WATCH_TAG), so that the look-up in line misses them too. The
 * translations stay as they are: what is watched never decides whether page tables are walked.
 *
 * Reads are those of data by instructions, and by the processor of descriptors and stacks; not fetches of code and
 * walks of page tables. An instruction that modifies memory reads by way of the write TLB: for that its lines count
 * as code.
 */
import type { CodeCache, WriteWatch } from './code-cache.ts';
import { READ_WATCHES } from './state.ts';

const PAGE = 0x1000;

/** A range of host-physical RAM, and who hears of each read of it. */
export interface ReadWatch {
  readonly address: number;
  readonly length: number;
  /** Called in the middle of an instruction. */
  readonly read: () => void;
}

export class ReadWatches {
  private readonly u32: Uint32Array;
  private readonly code: CodeCache;
  private readonly watches = new Map<ReadWatch, WriteWatch>();
  private pages: ReadonlySet<number> = new Set();
  private readonly changed: (() => void)[] = [];

  constructor(memory: WebAssembly.Memory, code: CodeCache) {
    this.u32 = new Uint32Array(memory.buffer);
    this.code = code;
  }

  /** @param changed called when other pages are watched than before */
  listen(changed: () => void): void {
    this.changed.push(changed);
  }

  watch(watch: ReadWatch): void {
    const { address, length } = watch;
    const lines = { address, length, written: () => {} };
    this.watches.set(watch, lines);
    this.code.watch(lines);
    this.settle();
  }

  unwatch(watch: ReadWatch): void {
    const lines = this.watches.get(watch);
    if (lines === undefined) return;
    this.watches.delete(watch);
    this.code.unwatch(lines);
    this.settle();
  }

  /** Whether a byte of a page is watched. @param page number of a page of RAM */
  covers(page: number): boolean {
    return this.pages.has(page);
  }

  /** Bytes were read: `address` host-physical, all within one page. */
  tell(address: number, length: number): void {
    for (const watch of this.watches.keys()) {
      if (address < watch.address + watch.length && watch.address < address + length) watch.read();
    }
  }

  private settle(): void {
    const pages = new Set<number>();
    for (const { address, length } of this.watches.keys()) {
      for (let page = Math.floor(address / PAGE); page * PAGE < address + length; page++) pages.add(page);
    }
    this.pages = pages;
    this.u32[READ_WATCHES >> 2] = this.watches.size;
    for (const tell of this.changed) tell();
  }
}
