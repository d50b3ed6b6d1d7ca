/**
 * The second dimension as the memory management unit uses it: guest-physical pages to host-physical pages
 * through a cache of translations, as real processors keep it. Generated code uses the same cache
 * (generator/walker-nested.ts). Cached translations are tagged by a context: the EPT pointer (SDM volume 3C,
 * "Caching Translation Information"), or nested CR3 and ASID (AMD APM volume 2, "Nested Paging").
 */
import type { NestedFormat, Recorder } from '../micro-operations.ts';
import type { Registers } from '../registers.ts';
import { NESTED_CACHE, STATE } from '../state.ts';

/** What the page walker adds to a refused access: which access of the walk it was. */
export interface NestedAccess {
  /** Bits of `ACCESS` in paging.ts: read, write, execute, or read and write together. */
  readonly rights: number;
  /** Linear address behind the access; undefined for one without (a PDPTE load). */
  readonly linear: number | undefined;
  /** The access is to the page itself; false: to one of the guest's paging structures. */
  readonly final: boolean;
}

/** A walk's result. */
export interface NestedPage {
  /** Host-physical address of the 4 KiB page. */
  page: number;
  /** What the cached translation may allow, bits of `ACCESS`. */
  rights: number;
}

/** Hears of each entry that a walk has read. `hi` may be 0 for one that is not present. */
export type EntryListener = (level: number, address: number, lo: number, hi: number) => void;

/** What kinds of tables differ in. Tables are named by the host-physical address of their root. */
export interface NestedTables {
  readonly format: NestedFormat;
  /** What a walk of the guest's own paging structures wants of the pages that hold them. */
  readonly tableRights: number;
  /** Generated code can walk the tables; else it has only what is cached. */
  readonly inGeneratedCode: boolean;
  /** Translates for an access that wants `wanted`; the caller compares the rights found. @returns false: not mapped */
  walk(
    root: number,
    guestPhysical: number,
    wanted: number,
    found: NestedPage,
    listener?: EntryListener,
  ): boolean;
  /** Records the VM exit for an access that the tables do not allow: the caller answers with FAULT_VM_EXIT. */
  refuse(root: number, guestPhysical: number, access: NestedAccess): void;
}

export interface SecondDimensionOptions {
  readonly tables: NestedTables;
  readonly registers: Registers;
  /** Linear memory, and where in it the caches of this processor lie (NESTED_CACHE). */
  readonly memory: WebAssembly.Memory;
  readonly address: number;
}

const CACHED_WORDS = 4;
/** STATE.NESTED_TABLE where generated code cannot walk: no RAM is there. */
const NOWHERE = 2 ** 52;

/** Contexts with what is cached of each; `caches` as `saveCache` makes them. */
export interface SavedSecondDimension {
  readonly root: number;
  readonly next: number;
  readonly contexts: readonly number[];
  readonly caches: readonly (Uint32Array | undefined)[];
}

export class SecondDimension {
  private readonly o: SecondDimensionOptions;
  private readonly u32: Uint32Array;
  /** Tag of each cache; -1 for none. */
  private readonly contexts: number[] = Array.from({ length: NESTED_CACHE.CONTEXTS }, () => -1);
  /** Cache to be taken by the next context that has none. */
  private next = 0;
  private readonly found: NestedPage = { page: 0, rights: 0 };
  /** Host-physical address of the root table in use while active. */
  root = 0;
  /** Rights of the page that `translate` found last. */
  rights = 0;
  recorder: Recorder | undefined;

  constructor(options: SecondDimensionOptions) {
    this.o = options;
    this.u32 = new Uint32Array(options.memory.buffer);
    this.stop();
  }

  /** Whether guest-physical addresses are translated now. */
  get active(): boolean {
    return this.cache !== 0;
  }

  get tableRights(): number {
    return this.o.tables.tableRights;
  }

  /**
   * Translates by the tables at `root` from now on.
   * @param tag what tells their cached translations from others; not negative
   */
  use(root: number, tag: number): void {
    this.root = root;
    let context = this.contexts.indexOf(tag);
    if (context < 0) {
      context = this.next;
      this.next = (this.next + 1) % NESTED_CACHE.CONTEXTS;
      this.contexts[context] = tag;
      this.clear(context);
    }
    const { registers, tables } = this.o;
    registers.u32[STATE.NESTED_CACHE >> 2] = this.address(context);
    registers.u32[STATE.TABLE_RIGHTS >> 2] = tables.tableRights;
    registers.setAddress(STATE.NESTED_TABLE, tables.inGeneratedCode ? root : NOWHERE);
  }

  /** Guest-physical addresses are physical addresses from now on. */
  stop(): void {
    this.o.registers.u32[STATE.NESTED_CACHE >> 2] = 0;
  }

  /** Drops what is cached of some contexts, by their tags, or of all. */
  invalidate(drops: (tag: number) => boolean = () => true): void {
    for (const [context, tag] of this.contexts.entries()) {
      if (tag >= 0 && drops(tag)) this.clear(context);
    }
  }

  /**
   * Host-physical address of the page that holds `guestPhysical`, if the tables allow `wanted`; `rights` then
   * says what else they allow. -1: they do not, and `refuse` finds out why.
   */
  translate(guestPhysical: number, wanted: number): number {
    const { u32 } = this;
    const page = Math.floor(guestPhysical / 0x1000);
    const at = (this.cache + (page & (NESTED_CACHE.ENTRIES - 1)) * NESTED_CACHE.ENTRY_SIZE) >> 2;
    if (u32[at] === page) {
      const cached = u32[at + NESTED_CACHE.RIGHTS / 4];
      if ((cached & wanted) === wanted) {
        this.rights = cached;
        const host = u32[at + NESTED_CACHE.HOST_PAGE / 4] * 0x1000;
        const offset = guestPhysical & 0xfff;
        const { format } = this.o.tables;
        this.recorder?.({ kind: 'nested-hit', format, guestPhysical, hostPhysical: host + offset });
        return host;
      }
    }
    return this.fill(guestPhysical, page, at, wanted);
  }

  private fill(guestPhysical: number, page: number, at: number, wanted: number): number {
    const { found, u32 } = this;
    const listener = this.entryListener(guestPhysical);
    const isMapped = this.o.tables.walk(this.root, guestPhysical, wanted, found, listener);
    this.rights = found.rights;
    if (!isMapped || (found.rights & wanted) !== wanted) {
      if (u32[at] === page) u32[at] = NESTED_CACHE.INVALID;
      return -1;
    }
    u32[at] = page;
    u32[at + NESTED_CACHE.HOST_PAGE / 4] = found.page / 0x1000;
    u32[at + NESTED_CACHE.RIGHTS / 4] = found.rights;
    return found.page;
  }

  private entryListener(of: number): EntryListener | undefined {
    const { recorder } = this;
    return (
      recorder &&
      ((level, address, lo, hi) =>
        recorder({
          kind: 'reference',
          dimension: 'nested',
          format: this.o.tables.format,
          level,
          address,
          hostPhysical: address,
          lo,
          hi,
          bytes: 8,
          of,
        }))
    );
  }

  /** Records the VM exit for an access that `translate` refused. */
  refuse(guestPhysical: number, access: NestedAccess): void {
    this.o.tables.refuse(this.root, guestPhysical, access);
    const { format } = this.o.tables;
    this.recorder?.({ kind: 'nested-fault', format, guestPhysical, linear: access.linear });
  }

  save(): SavedSecondDimension {
    const { root, next, contexts } = this;
    const caches = contexts.map((tag, context) => (tag < 0 ? undefined : this.saveCache(context)));
    return { root, next, contexts: [...contexts], caches };
  }

  restore(saved: SavedSecondDimension): void {
    this.root = saved.root;
    this.next = saved.next;
    for (const [context, cached] of saved.caches.entries()) {
      this.contexts[context] = saved.contexts[context];
      if (cached === undefined) continue;
      this.clear(context);
      const start = this.address(context) >> 2;
      for (let i = 0; i < cached.length; i += CACHED_WORDS) {
        this.u32.set(cached.subarray(i + 1, i + CACHED_WORDS), start + cached[i]);
      }
    }
  }

  /** Its entries that mean something: index in words, guest page, host page, rights. */
  private saveCache(context: number): Uint32Array {
    const { u32 } = this;
    const start = this.address(context) >> 2;
    const step = NESTED_CACHE.ENTRY_SIZE / 4;
    const found: number[] = [];
    for (let at = 0; at < NESTED_CACHE.ENTRIES * step; at += step) {
      if (u32[start + at] === NESTED_CACHE.INVALID) continue;
      found.push(at, u32[start + at], u32[start + at + 1], u32[start + at + 2]);
    }
    return Uint32Array.from(found);
  }

  private get cache(): number {
    return this.o.registers.u32[STATE.NESTED_CACHE >> 2];
  }

  private address(context: number): number {
    return this.o.address + context * NESTED_CACHE.CONTEXT_SIZE;
  }

  private clear(context: number): void {
    const start = this.address(context) >> 2;
    this.u32.fill(NESTED_CACHE.INVALID, start, start + NESTED_CACHE.CONTEXT_SIZE / 4);
  }
}
