/**
 * Decoded code, kept by host-physical page and code mode. Each decoded page has a table of 4096
 * record addresses (0: not decoded), which the generated code reads; the records themselves lie in
 * an arena that is dropped as a whole when it is full.
 *
 * Entries of a page with decoded code in the write TLBs are marked, so that every write to it looks at the
 * page's lines of 64 bytes: where one holds code, the write comes by the slow path and here, and `written`
 * drops the records of these lines.
 *
 * A record that is dropped leaves the table and becomes a CONTINUE: where another record runs into it or
 * is linked to it, execution goes on by way of the table, at the same instruction.
 */
import { HANDLER } from './generator/handlers.ts';
import { CROSSING, LAYOUT, RECORD } from './state.ts';
import { WrittenPages } from './written-pages.ts';

const PAGE = 0x1000;
const TABLE_BYTES = PAGE * 4;
/** Granularity of "this part of the page holds code": 64-byte lines, 64 a page, in two words. */
const LINE_SHIFT = 6;
const LINE = 1 << LINE_SHIFT;
/** An instruction that begins so many bytes before a line reaches at most up to it. */
const LONGEST = 15;

/** An instruction that begins in one page and ends in the next, valid while both translate as recorded. */
export interface CrossingRecord {
  readonly record: number;
  /** Host-physical address of the instruction, and code mode. */
  readonly address: number;
  readonly mode: number;
  readonly firstPage: number;
  readonly secondPage: number;
}

export interface CodeCacheListener {
  /** The page now holds decoded code: mark it in the write TLBs. */
  protect(page: number): void;
  /**
   * Records of instructions with bytes at the page offsets `from` .. `to` - 1 are about to be dropped: code
   * running from there must be looked up again.
   */
  dropped(page: number, from: number, to: number): void;
  /** All tables are gone: drop the execute TLBs. */
  flushed(): void;
}

/** A range of host-physical RAM, and who hears of each write to it. */
export interface WriteWatch {
  readonly address: number;
  readonly length: number;
  /** Called when the bytes are written already, in the middle of an instruction. */
  readonly written: () => void;
}

export class CodeCache {
  private readonly u16: Uint16Array;
  private readonly u32: Uint32Array;
  /** (page * 8 + mode) -> table address. */
  private readonly tables = new Map<number, number>();
  /** Page of each table. */
  private readonly pages: number[] = [];
  /** Tables of a page, for dropping. */
  private readonly byPage = new Map<number, number[]>();
  /** Two words a page; in linear memory, where generated code looks at them. */
  private readonly lines: Uint32Array;
  /** By address * 8 + mode. */
  private readonly crossing = new Map<number, CrossingRecord>();
  /** Both pages of each. */
  private readonly crossingByPage = new Map<number, Set<CrossingRecord>>();
  private nextTable: number = LAYOUT.TABLES;
  private nextRecord: number = LAYOUT.RECORDS;
  private readonly listeners: CodeCacheListener[] = [];
  private readonly watches: WriteWatch[] = [];
  readonly writtenPages: WrittenPages;
  /** Counts for the page: instructions decoded, pages dropped, whole flushes. */
  readonly statistics = { decoded: 0, dropped: 0, flushes: 0 };

  constructor(memory: WebAssembly.Memory, ramBytes: number) {
    this.u16 = new Uint16Array(memory.buffer);
    this.u32 = new Uint32Array(memory.buffer);
    this.writtenPages = new WrittenPages(memory);
    this.lines = new Uint32Array(memory.buffer, LAYOUT.LINES, (ramBytes / PAGE) * 2);
  }

  listen(listener: CodeCacheListener): void {
    this.listeners.push(listener);
  }

  /** The record table of a page in a mode, made when there is none yet. @param page host-physical page number */
  table(page: number, mode: number): number {
    const key = page * 8 + mode;
    let table = this.tables.get(key);
    if (table === undefined) {
      if (this.nextTable + TABLE_BYTES > LAYOUT.TABLES_END) this.flush();
      table = this.nextTable;
      this.nextTable += TABLE_BYTES;
      this.u32.fill(0, table >> 2, (table + TABLE_BYTES) >> 2);
      this.tables.set(key, table);
      this.pages[(table - LAYOUT.TABLES) / TABLE_BYTES] = page;
      const list = this.byPage.get(page);
      if (list) list.push(table);
      else this.byPage.set(page, [table]);
    }
    this.u32[(LAYOUT.TABLE_OF_PAGE >> 2) + page] = table | mode;
    return table;
  }

  /** Host-physical page number of a record table. */
  pageOf(table: number): number {
    return this.pages[(table - LAYOUT.TABLES) / TABLE_BYTES];
  }

  /** True when at least `count` records can be taken without a flush. */
  hasRoom(count: number): boolean {
    return this.nextRecord + count * RECORD.SIZE <= LAYOUT.RECORDS_END;
  }

  /** Address of a fresh record; the next call gives the one right behind it. */
  allocate(): number {
    const record = this.nextRecord;
    this.nextRecord += RECORD.SIZE;
    return record;
  }

  /** Notes that the bytes `from` .. `to` - 1 of the page (offsets) are decoded. */
  markCode(page: number, from: number, to: number): void {
    const at = page * 2;
    if ((this.lines[at] | this.lines[at + 1]) === 0) {
      for (const listener of this.listeners) listener.protect(page);
    }
    for (let line = from >> LINE_SHIFT; line <= (to - 1) >> LINE_SHIFT; line++) {
      this.lines[at + (line >> 5)] |= 1 << (line & 31);
    }
  }

  /** Whether a line of the bytes from `address` (host-physical) on holds code; all bytes in one page. */
  holdsCode(address: number, length: number): boolean {
    const at = Math.floor(address / PAGE) * 2;
    if ((this.lines[at] | this.lines[at + 1]) === 0) return false;
    const first = (address & (PAGE - 1)) >> LINE_SHIFT;
    const last = ((address & (PAGE - 1)) + length - 1) >> LINE_SHIFT;
    for (let line = first; line <= last; line++) {
      if ((this.lines[at + (line >> 5)] & (1 << (line & 31))) !== 0) return true;
    }
    return false;
  }

  /** RAM was written, by whomever: `address` host-physical, all bytes within one page. */
  written(address: number, length: number): void {
    this.writtenPages.mark(Math.floor(address / PAGE));
    if (!this.holdsCode(address, length)) return;
    if (this.isWatching) this.tell(address, length);
    const offset = address & (PAGE - 1);
    const end = (offset + length + LINE - 1) & -LINE;
    this.drop(Math.floor(address / PAGE), offset & -LINE, end);
  }

  /**
   * Another content of a page is put in place by `replace`: drops what was decoded from the lines that differ.
   * @param page number of a page of RAM
   */
  dropChanged(page: number, replace: () => void): void {
    const words = new Uint32Array(this.u32.buffer, LAYOUT.RAM + page * PAGE, PAGE / 4);
    if (!this.holdsCode(page * PAGE, PAGE)) {
      replace();
      return;
    }
    const before = words.slice();
    replace();
    for (let at = 0; at < PAGE; at += LINE) {
      const [from, to] = [at / 4, (at + LINE) / 4];
      for (let i = from; i < to; i++) {
        if (words[i] === before[i]) continue;
        this.written(page * PAGE + at, LINE);
        break;
      }
    }
  }

  findCrossing(address: number, mode: number): CrossingRecord | undefined {
    return this.crossing.get(address * 8 + mode);
  }

  /** @param direct generated code may go there without asking */
  addCrossing(entry: CrossingRecord, direct: boolean): void {
    const key = entry.address * 8 + entry.mode;
    const former = this.crossing.get(key);
    if (former) this.removeCrossing(former);
    this.crossing.set(key, entry);
    if (direct) this.setCrossing(entry, entry.record);
    for (const page of [entry.firstPage, entry.secondPage]) {
      const list = this.crossingByPage.get(page);
      if (list) list.add(entry);
      else this.crossingByPage.set(page, new Set([entry]));
    }
  }

  /** Tells of every write to a range of RAM from now on. Lines that hold a watched byte count as code. */
  watch(watch: WriteWatch): void {
    this.watches.push(watch);
    this.markWatched();
  }

  unwatch(watch: WriteWatch): void {
    const at = this.watches.indexOf(watch);
    if (at >= 0) this.watches.splice(at, 1);
  }

  get isWatching(): boolean {
    return this.watches.length > 0;
  }

  /** Tells the watches of a write: `written` does, for all writes that come by it. */
  tell(address: number, length: number): void {
    for (const watch of this.watches) {
      if (address < watch.address + watch.length && watch.address < address + length) watch.written();
    }
  }

  private markWatched(): void {
    for (const { address, length } of this.watches) {
      for (let at = address; at < address + length; ) {
        const page = Math.floor(at / PAGE);
        const end = Math.min(address + length, (page + 1) * PAGE);
        this.markCode(page, at - page * PAGE, end - page * PAGE);
        at = end;
      }
    }
  }

  /** Drops everything decoded: the arena is full, or breakpoints changed. */
  flush(): void {
    this.statistics.flushes++;
    for (const entry of this.crossing.values()) this.setCrossing(entry, 0);
    this.crossing.clear();
    this.crossingByPage.clear();
    this.tables.clear();
    for (const page of this.byPage.keys()) this.u32[(LAYOUT.TABLE_OF_PAGE >> 2) + page] = 0;
    this.byPage.clear();
    this.lines.fill(0);
    this.nextTable = LAYOUT.TABLES;
    this.nextRecord = LAYOUT.RECORDS;
    for (const listener of this.listeners) listener.flushed();
    this.markWatched();
  }

  /** Drops the records of whole lines of a page. */
  private drop(page: number, from: number, to: number): void {
    this.statistics.dropped++;
    for (const listener of this.listeners) listener.dropped(page, from, to);
    const tables = this.byPage.get(page);
    if (tables) {
      for (const table of tables) this.dropRecords(table, Math.max(0, from - LONGEST), to);
    }
    const crossing = this.crossingByPage.get(page);
    if (crossing) {
      for (const entry of crossing) {
        const begins = entry.firstPage === page && to === PAGE;
        const ends = entry.secondPage === page && from < LONGEST;
        if (begins || ends) this.removeCrossing(entry);
      }
    }
    for (let line = from >> LINE_SHIFT; line < to >> LINE_SHIFT; line++) {
      this.lines[page * 2 + (line >> 5)] &= ~(1 << (line & 31));
    }
    this.markWatched();
  }

  /** Drops the records of a table that begin at the offsets `from` .. `to` - 1. */
  private dropRecords(table: number, from: number, to: number): void {
    const { u16, u32 } = this;
    for (let slot = (table >> 2) + from; slot < (table >> 2) + to; slot++) {
      const record = u32[slot];
      if (record === 0) continue;
      u32[slot] = 0;
      // Other fields stay: the instruction under way may be this one.
      u16[(record + RECORD.HANDLER) >> 1] = HANDLER.CONTINUE;
      u32[(record + RECORD.LINK) >> 2] = 0;
    }
  }

  private removeCrossing(entry: CrossingRecord): void {
    this.crossing.delete(entry.address * 8 + entry.mode);
    this.crossingByPage.get(entry.firstPage)?.delete(entry);
    this.crossingByPage.get(entry.secondPage)?.delete(entry);
    this.setCrossing(entry, 0);
  }

  /** What generated code finds in LAYOUT.CROSSINGS for an instruction; `record` 0: nothing. */
  private setCrossing(entry: CrossingRecord, record: number): void {
    const table = this.tables.get(entry.firstPage * 8 + entry.mode);
    if (table === undefined) throw new Error('an instruction has been decoded in a page without a table');
    const index = ((table - LAYOUT.TABLES) >> CROSSING.TABLE_SHIFT) * 16 + (entry.address & 15);
    const at = (LAYOUT.CROSSINGS + (index << CROSSING.SHIFT)) >> 2;
    this.u32[at] = record;
    this.u32[at + CROSSING.SECOND_PAGE / 4] = entry.secondPage;
  }
}
