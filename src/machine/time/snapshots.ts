/**
 * Takes and restores snapshots of a computer. A snapshot costs what has changed since the last one: pages of
 * RAM that may have been written are compared with it, and only those that differ are copied.
 *
 * Nothing in the computer notices. Translations come back as they were, since they decide what walks of the
 * page tables change; what is decoded or compiled stays where the code is the same.
 */
import { LAYOUT } from '../../cpu/state.ts';
import type { WrittenPages } from '../../cpu/written-pages.ts';
import type { Computer, SavedComputer } from '../computer.ts';
import { MemoryImage } from './memory-image.ts';
import { PAGE_BYTES, type PageId, PageStore } from './page-store.ts';

export interface Snapshot {
  /** `Computer.position`. */
  readonly position: number;
  /** Inputs of the journal that had entered. */
  readonly entered: number;
  /** Instructions executed until then. */
  readonly instructions: number;
  readonly memory: MemoryImage;
  readonly saved: SavedComputer;
}

export class Snapshots {
  readonly store = new PageStore();
  private readonly computer: Computer;
  private readonly written: WrittenPages;
  private readonly pages: number;
  /** What RAM is, but for the marked pages. */
  private base: MemoryImage;

  constructor(computer: Computer) {
    this.computer = computer;
    this.written = computer.code.writtenPages;
    this.pages = computer.ram.size / PAGE_BYTES;
    this.base = MemoryImage.zeros(this.pages);
  }

  take(): Snapshot {
    const { computer, store } = this;
    const changes = new Map<number, PageId>();
    for (const page of this.written.marked(this.pages)) {
      const words = this.words(page);
      if (!store.isEqual(this.base.pageAt(page), words)) changes.set(page, store.keep(words));
    }
    const memory = this.base.with(changes, store);
    this.rest(memory);
    return {
      position: computer.position,
      entered: computer.journal.entered,
      instructions: computer.instructions,
      memory,
      saved: computer.save(),
    };
  }

  restore(snapshot: Snapshot): void {
    const { computer, store } = this;
    const { memory } = snapshot;
    const changed = new Set([...this.written.marked(this.pages), ...this.base.differences(memory)]);
    for (const page of changed) {
      computer.code.dropChanged(page, () => store.copyTo(memory.pageAt(page), this.words(page)));
    }
    computer.restore(snapshot.saved);
    computer.journal.entered = snapshot.entered;
    this.rest(memory);
  }

  release(snapshot: Snapshot): void {
    snapshot.memory.release(this.store);
  }

  /** RAM is as in `memory` now. */
  private rest(memory: MemoryImage): void {
    const former = this.base;
    this.base = memory.with(new Map(), this.store);
    former.release(this.store);
    this.written.clear();
    for (const processor of this.computer.processors) processor.markWritable();
  }

  private words(page: number): Uint32Array {
    return new Uint32Array(this.computer.memory.buffer, LAYOUT.RAM + page * PAGE_BYTES, PAGE_BYTES / 4);
  }
}
