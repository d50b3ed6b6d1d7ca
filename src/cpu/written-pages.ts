/**
 * Which pages of RAM may have been written: a byte a page in linear memory, set by everything that makes a
 * page writable without further notice (a fill of a write TLB, a VMCS that becomes current) or writes it.
 * Generated code sets it in generator/walker.ts and walker-tables.ts.
 *
 * Who looks at the pages clears the marks and then has those set again that can still be written unnoticed
 * (`TranslationBuffers.markWritable`, `Vmx.markWritable`).
 */
import { LAYOUT } from './state.ts';

export class WrittenPages {
  private readonly marks: Uint8Array;

  constructor(memory: WebAssembly.Memory) {
    this.marks = new Uint8Array(memory.buffer, LAYOUT.WRITTEN, LAYOUT.RAM - LAYOUT.WRITTEN);
  }

  /** @param page number of a page of RAM */
  mark(page: number): void {
    this.marks[page] = 1;
  }

  /** The marked pages among the first `pages`, ascending. */
  marked(pages: number): number[] {
    const found: number[] = [];
    for (
      let page = this.marks.indexOf(1);
      page >= 0 && page < pages;
      page = this.marks.indexOf(1, page + 1)
    ) {
      found.push(page);
    }
    return found;
  }

  clear(): void {
    this.marks.fill(0);
  }
}
