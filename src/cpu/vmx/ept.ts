/**
 * EPT as the memory management unit uses it: guest-physical pages to host-physical pages through a
 * cache of translations, as real processors keep it. Generated code uses the same cache
 * (generator/walker-ept.ts). SDM volume 3C, "Caching Translation
 * Information": guest-physical mappings are tagged by the EPT pointer, INVEPT drops them.
 */
import { EPT, EPT_VIOLATION } from '../../arch/ept.ts';
import { EXIT } from '../../arch/exit-reasons.ts';
import type { Recorder } from '../micro-operations.ts';
import type { Registers } from '../registers.ts';
import { EPT_CACHE, STATE } from '../state.ts';
import { type EntryListener, emptyWalk, type ReadPhysical, walkEpt } from './ept-walk.ts';
import type { VmxState } from './state.ts';

/** What the page walker adds to a violation: which access of the walk it was. */
export interface EptAccess {
  /** `EPT.READ`, `EPT.WRITE`, `EPT.EXECUTE`, or read and write together. */
  readonly rights: number;
  /** Linear address behind the access; undefined for one without (a PDPTE load). */
  readonly linear: number | undefined;
  /** The access is to the page itself; false: to one of the guest's paging structures. */
  readonly final: boolean;
}

export interface ExtendedPageTablesOptions {
  readonly read: ReadPhysical;
  readonly state: VmxState;
  readonly registers: Registers;
  /** Linear memory, and where in it the caches of this processor lie (EPT_CACHE). */
  readonly memory: WebAssembly.Memory;
  readonly address: number;
}

const CACHED_WORDS = 4;

/** EPT pointers with what is cached of each; `caches` as `saveCache` makes them. */
export interface SavedEpt {
  readonly pointer: number;
  readonly next: number;
  readonly pointers: readonly number[];
  readonly caches: readonly (Uint32Array | undefined)[];
}

export class ExtendedPageTables {
  private readonly o: ExtendedPageTablesOptions;
  private readonly u32: Uint32Array;
  /** EPT pointer of each cache; -1 for none. */
  private readonly pointers: number[] = Array.from({ length: EPT_CACHE.CONTEXTS }, () => -1);
  /** Cache to be taken by the next EPT pointer that has none. */
  private next = 0;
  private readonly walk = emptyWalk();
  /** EPT pointer in use while active. */
  pointer = 0;
  /** Rights of the page that `translate` found last. */
  rights = 0;
  recorder: Recorder | undefined;

  constructor(options: ExtendedPageTablesOptions) {
    this.o = options;
    this.u32 = new Uint32Array(options.memory.buffer);
    this.stop();
  }

  /** Whether guest-physical addresses are translated now. */
  get active(): boolean {
    return this.cache !== 0;
  }

  /** Translates by the tables at `eptp` from now on. */
  use(eptp: number): void {
    this.pointer = eptp;
    let context = this.pointers.indexOf(eptp);
    if (context < 0) {
      context = this.next;
      this.next = (this.next + 1) % EPT_CACHE.CONTEXTS;
      this.pointers[context] = eptp;
      this.clear(context);
    }
    const { registers } = this.o;
    registers.u32[STATE.EPT_CACHE >> 2] = this.address(context);
    registers.setAddress(STATE.EPT_TABLE, Math.floor(eptp / 0x1000) * 0x1000);
  }

  /** Guest-physical addresses are physical addresses from now on. */
  stop(): void {
    this.o.registers.u32[STATE.EPT_CACHE >> 2] = 0;
  }

  /** INVEPT: for one EPT pointer, or for all. */
  invalidate(eptp?: number): void {
    for (const [context, pointer] of this.pointers.entries()) {
      if (pointer >= 0 && (eptp === undefined || pointer === eptp)) this.clear(context);
    }
  }

  /**
   * Host-physical address of the page that holds `guestPhysical`, if EPT allows `wanted` (bits of
   * `EPT.RIGHTS`); `rights` then says what else it allows. -1: a violation or misconfiguration, which
   * `refuse` turns into a pending VM exit.
   */
  translate(guestPhysical: number, wanted: number): number {
    const { u32 } = this;
    const page = Math.floor(guestPhysical / 0x1000);
    const at = (this.cache + (page & (EPT_CACHE.ENTRIES - 1)) * EPT_CACHE.ENTRY_SIZE) >> 2;
    if (u32[at] === page) {
      const cached = u32[at + EPT_CACHE.RIGHTS / 4];
      if ((cached & wanted) === wanted) {
        this.rights = cached;
        const host = u32[at + EPT_CACHE.HOST_PAGE / 4] * 0x1000;
        const offset = guestPhysical & 0xfff;
        this.recorder?.({ kind: 'nested-hit', guestPhysical, hostPhysical: host + offset });
        return host;
      }
    }
    return this.fill(guestPhysical, page, at, wanted);
  }

  private fill(guestPhysical: number, page: number, at: number, wanted: number): number {
    const { walk, u32 } = this;
    walkEpt(this.o.read, this.pointer, guestPhysical, walk, this.entryListener(guestPhysical));
    this.rights = walk.rights;
    if (walk.outcome !== 'mapped' || (walk.rights & wanted) !== wanted) {
      if (u32[at] === page) u32[at] = EPT_CACHE.INVALID;
      return -1;
    }
    u32[at] = page;
    u32[at + EPT_CACHE.HOST_PAGE / 4] = walk.page / 0x1000;
    u32[at + EPT_CACHE.RIGHTS / 4] = walk.rights;
    return walk.page;
  }

  private entryListener(of: number): EntryListener | undefined {
    const { recorder } = this;
    return (
      recorder &&
      ((level, address, lo, hi) =>
        recorder({
          kind: 'reference',
          dimension: 'nested',
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

  save(): SavedEpt {
    const { pointer, next, pointers } = this;
    const caches = pointers.map((eptp, context) => (eptp < 0 ? undefined : this.saveCache(context)));
    return { pointer, next, pointers: [...pointers], caches };
  }

  restore(saved: SavedEpt): void {
    this.pointer = saved.pointer;
    this.next = saved.next;
    for (const [context, cached] of saved.caches.entries()) {
      this.pointers[context] = saved.pointers[context];
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
    const step = EPT_CACHE.ENTRY_SIZE / 4;
    const found: number[] = [];
    for (let at = 0; at < EPT_CACHE.ENTRIES * step; at += step) {
      if (u32[start + at] === EPT_CACHE.INVALID) continue;
      found.push(at, u32[start + at], u32[start + at + 1], u32[start + at + 2]);
    }
    return Uint32Array.from(found);
  }

  private get cache(): number {
    return this.o.registers.u32[STATE.EPT_CACHE >> 2];
  }

  private address(context: number): number {
    return this.o.address + context * EPT_CACHE.CONTEXT_SIZE;
  }

  private clear(context: number): void {
    const start = this.address(context) >> 2;
    this.u32.fill(EPT_CACHE.INVALID, start, start + EPT_CACHE.CONTEXT_SIZE / 4);
  }

  /** Records the VM exit for an access that `translate` refused: the caller answers with FAULT_VM_EXIT. */
  refuse(guestPhysical: number, access: EptAccess): void {
    walkEpt(this.o.read, this.pointer, guestPhysical, this.walk);
    this.recorder?.({ kind: 'nested-fault', guestPhysical, linear: access.linear });
    const linear = access.linear ?? 0;
    if (this.walk.outcome === 'misconfiguration') {
      this.o.state.setPending(EXIT.EPT_MISCONFIGURATION, 0, guestPhysical, linear);
      return;
    }
    let flags = access.rights & EPT.RIGHTS;
    flags |= (this.walk.rights & EPT.RIGHTS) << 3;
    if (access.linear !== undefined) flags |= EPT_VIOLATION.LINEAR_VALID;
    if (access.linear !== undefined && access.final) flags |= EPT_VIOLATION.FINAL;
    this.o.state.setPending(EXIT.EPT_VIOLATION, flags, guestPhysical, linear);
  }
}
