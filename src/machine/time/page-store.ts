/** Contents of pages of RAM, kept once however many snapshots have them. */

export const PAGE_BYTES = 0x1000;
const PAGES_PER_BLOCK = 256;
const WORDS = PAGE_BYTES / 4;

/** Names a kept page. 0 is the page of zeros, which takes no room. */
export type PageId = number;

export const ZEROS: PageId = 0;

/** Pages in blocks of a mebibyte, counted by reference. */
export class PageStore {
  private readonly blocks: Uint32Array[] = [];
  /** Of each page, ZEROS included. */
  private readonly references: number[] = [0];
  private readonly free: PageId[] = [];

  /** Bytes of all kept pages. */
  get bytes(): number {
    return (this.references.length - 1 - this.free.length) * PAGE_BYTES;
  }

  /** Keeps a copy of a page, given as words; it has one reference. */
  keep(words: Uint32Array): PageId {
    const page = this.free.pop() ?? this.references.length;
    this.references[page] = 1;
    this.words(page).set(words);
    return page;
  }

  retain(page: PageId): void {
    if (page !== ZEROS) this.references[page]++;
  }

  /** Gives up one reference; without any the page's room is used again. */
  release(page: PageId): void {
    if (page !== ZEROS && --this.references[page] === 0) this.free.push(page);
  }

  isEqual(page: PageId, words: Uint32Array): boolean {
    if (page === ZEROS) {
      for (let i = 0; i < WORDS; i++) if (words[i] !== 0) return false;
      return true;
    }
    const kept = this.words(page);
    for (let i = 0; i < WORDS; i++) if (kept[i] !== words[i]) return false;
    return true;
  }

  copyTo(page: PageId, words: Uint32Array): void {
    if (page === ZEROS) words.fill(0);
    else words.set(this.words(page));
  }

  private words(page: PageId): Uint32Array {
    const block = Math.floor(page / PAGES_PER_BLOCK);
    this.blocks[block] ??= new Uint32Array(PAGES_PER_BLOCK * WORDS);
    const at = (page % PAGES_PER_BLOCK) * WORDS;
    return this.blocks[block].subarray(at, at + WORDS);
  }
}
