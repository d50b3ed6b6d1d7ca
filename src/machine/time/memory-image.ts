/** The content of RAM at one instant: which kept page is where. Images share what they have in common. */
import { type PageId, type PageStore, ZEROS } from './page-store.ts';

const GROUP = 256;

/** Pages of a stretch of RAM; shared by images, counted by reference. */
interface Group {
  readonly pages: Int32Array;
  references: number;
}

export class MemoryImage {
  private readonly groups: readonly Group[];

  private constructor(groups: readonly Group[]) {
    this.groups = groups;
  }

  /** RAM full of zeros. @param pages of RAM */
  static zeros(pages: number): MemoryImage {
    const group = { pages: new Int32Array(GROUP).fill(ZEROS), references: 0 };
    const groups = Array.from({ length: Math.ceil(pages / GROUP) }, () => group);
    group.references = groups.length;
    return new MemoryImage(groups);
  }

  pageAt(page: number): PageId {
    return this.groups[Math.floor(page / GROUP)].pages[page % GROUP];
  }

  /** This image with other pages in some places; their references are the new image's then. */
  with(changes: ReadonlyMap<number, PageId>, store: PageStore): MemoryImage {
    const groups = [...this.groups];
    const own = new Set<number>();
    for (const [page, id] of changes) {
      const index = Math.floor(page / GROUP);
      if (!own.has(index)) {
        own.add(index);
        groups[index] = { pages: groups[index].pages.slice(), references: 0 };
        for (const shared of groups[index].pages) store.retain(shared);
      }
      const { pages } = groups[index];
      store.release(pages[page % GROUP]);
      pages[page % GROUP] = id;
    }
    for (const group of groups) group.references++;
    return new MemoryImage(groups);
  }

  /** The image is not needed any more. */
  release(store: PageStore): void {
    for (const group of this.groups) {
      if (--group.references === 0) for (const page of group.pages) store.release(page);
    }
  }

  /** Pages that are not the same in both, ascending. */
  *differences(other: MemoryImage): Iterable<number> {
    for (const [index, { pages }] of this.groups.entries()) {
      const others = other.groups[index].pages;
      if (pages === others) continue;
      for (let i = 0; i < GROUP; i++) if (pages[i] !== others[i]) yield index * GROUP + i;
    }
  }
}
