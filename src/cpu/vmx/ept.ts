/**
 * EPT as the memory management unit uses it: guest-physical pages to host-physical pages through a
 * cache of translations, as real processors keep it. SDM volume 3C, "Caching Translation
 * Information": guest-physical mappings are tagged by the EPT pointer, INVEPT drops them.
 */
import { EPT, EPT_VIOLATION } from '../../arch/ept.ts';
import { EXIT } from '../../arch/exit-reasons.ts';
import { emptyWalk, type ReadPhysical, walkEpt } from './ept-walk.ts';
import type { VmxState } from './state.ts';

const ENTRIES = 8192;
/** Guest-physical pages from here on are not cached: their numbers would not fit a tag. */
const TAG_LIMIT = 2 ** 31;
/** Contexts (EPT pointers) cached at a time. */
const CONTEXTS = 8;

/** Direct-mapped: tag is the guest page number, -1 for none. */
interface Context {
  readonly tags: Int32Array;
  /** Host page number. */
  readonly pages: Int32Array;
  readonly rights: Uint8Array;
}

const newContext = (): Context => ({
  tags: new Int32Array(ENTRIES).fill(-1),
  pages: new Int32Array(ENTRIES),
  rights: new Uint8Array(ENTRIES),
});

/** What the page walker adds to a violation: which access of the walk it was. */
export interface EptAccess {
  /** `EPT.READ`, `EPT.WRITE`, `EPT.EXECUTE`, or read and write together. */
  readonly rights: number;
  /** Linear address behind the access; undefined for one without (a PDPTE load). */
  readonly linear: number | undefined;
  /** The access is to the page itself; false: to one of the guest's paging structures. */
  readonly final: boolean;
}

export class ExtendedPageTables {
  private readonly read: ReadPhysical;
  private readonly state: VmxState;
  private readonly contexts = new Map<number, Context>();
  private readonly walk = emptyWalk();
  private context: Context = newContext();
  /** EPT pointer in use while active. */
  pointer = 0;
  /** Whether guest-physical addresses are translated now. */
  active = false;
  /** Rights of the page that `translate` found last. */
  rights = 0;

  constructor(read: ReadPhysical, state: VmxState) {
    this.read = read;
    this.state = state;
  }

  /** Translates by the tables at `eptp` from now on. */
  use(eptp: number): void {
    this.active = true;
    this.pointer = eptp;
    let context = this.contexts.get(eptp);
    if (context === undefined) {
      if (this.contexts.size === CONTEXTS) this.contexts.clear();
      context = newContext();
      this.contexts.set(eptp, context);
    }
    this.context = context;
  }

  /** INVEPT: for one EPT pointer, or for all. */
  invalidate(eptp?: number): void {
    if (eptp !== undefined) this.contexts.get(eptp)?.tags.fill(-1);
    else for (const context of this.contexts.values()) context.tags.fill(-1);
  }

  /**
   * Host-physical address of the page that holds `guestPhysical`, if EPT allows `wanted` (bits of
   * `EPT.RIGHTS`); `rights` then says what else it allows. -1: a violation or misconfiguration, which
   * `refuse` turns into a pending VM exit.
   */
  translate(guestPhysical: number, wanted: number): number {
    const page = Math.floor(guestPhysical / 0x1000);
    const slot = page & (ENTRIES - 1);
    const { tags, pages, rights } = this.context;
    if (tags[slot] === page) {
      const cached = rights[slot];
      if ((cached & wanted) === wanted) {
        this.rights = cached;
        return pages[slot] * 0x1000;
      }
    }
    return this.fill(guestPhysical, page, slot, wanted);
  }

  private fill(guestPhysical: number, page: number, slot: number, wanted: number): number {
    const { walk, context } = this;
    walkEpt(this.read, this.pointer, guestPhysical, walk);
    this.rights = walk.rights;
    if (walk.outcome !== 'mapped' || (walk.rights & wanted) !== wanted) {
      if (context.tags[slot] === page) context.tags[slot] = -1;
      return -1;
    }
    if (page < TAG_LIMIT && walk.page < TAG_LIMIT * 0x1000) {
      context.tags[slot] = page;
      context.pages[slot] = walk.page / 0x1000;
      context.rights[slot] = walk.rights;
    }
    return walk.page;
  }

  /** Records the VM exit for an access that `translate` refused: the caller answers with FAULT_VM_EXIT. */
  refuse(guestPhysical: number, access: EptAccess): void {
    walkEpt(this.read, this.pointer, guestPhysical, this.walk);
    const linear = access.linear ?? 0;
    if (this.walk.outcome === 'misconfiguration') {
      this.state.setPending(EXIT.EPT_MISCONFIGURATION, 0, guestPhysical, linear);
      return;
    }
    let flags = access.rights & EPT.RIGHTS;
    flags |= (this.walk.rights & EPT.RIGHTS) << 3;
    if (access.linear !== undefined) flags |= EPT_VIOLATION.LINEAR_VALID;
    if (access.linear !== undefined && access.final) flags |= EPT_VIOLATION.FINAL;
    this.state.setPending(EXIT.EPT_VIOLATION, flags, guestPhysical, linear);
  }
}
