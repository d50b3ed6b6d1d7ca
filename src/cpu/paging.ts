/**
 * The page-table walk: 32-bit, PAE and 4-level paging, with the second dimension (EPT, nested
 * page tables) where the processor runs a guest. SDM volume 3A, "Paging".
 *
 * A walk reads u32 halves straight from linear memory; the result is left in fields, so that a TLB
 * miss allocates nothing.
 */
import { CR0, CR4, EFER, FLAG, VECTOR } from '../arch/registers.ts';
import type { MicroAccess, Recorder } from './micro-operations.ts';
import type { Registers } from './registers.ts';
import { FAULT_VM_EXIT, LAYOUT, STATE } from './state.ts';

/** Paging-structure entry bits. SDM volume 3A, "Paging-Structure Entries". */
export const PTE = { P: 1, W: 2, U: 4, A: 0x20, D: 0x40, PS: 0x80, G: 0x100 } as const;

/** Page-fault error code bits. SDM volume 3A, "Page-Fault Exceptions". */
export const PF_ERROR = { P: 1, W: 2, U: 4, RSVD: 8, ID: 16 } as const;

/** What an access wants. */
export const ACCESS = { READ: 1, WRITE: 2, EXECUTE: 4 } as const;

const ACCESS_NAMES: Readonly<Record<number, MicroAccess>> = {
  [ACCESS.READ]: 'read',
  [ACCESS.WRITE]: 'write',
  [ACCESS.EXECUTE]: 'fetch',
};

/** Bits 51:40 of an entry: reserved, since physical addresses have 40 bits (CPUID 80000008h). */
export const PHYSICAL_BITS = 40;
const RESERVED_HIGH = 0x000fff00;
const NX_HIGH = 0x80000000;

/** The second dimension, as the virtualization extension gives it. Rights as in ACCESS. */
export interface GuestPhysical {
  readonly active: boolean;
  /** What the walk wants of the pages that hold the guest's own paging structures. */
  readonly tableRights: number;
  /** Host-physical address of the page, or -1. */
  translate(guestPhysical: number, wanted: number): number;
  refuse(guestPhysical: number, access: { rights: number; linear: number | undefined; final: boolean }): void;
}

export interface WalkListener {
  /** An accessed or dirty bit was set in RAM. */
  written(hostPhysical: number, bytes: number): void;
  /** The translation of a linear address was refused: cached ones of its page that allowed less end by that. */
  refused(linear: number): void;
}

export class PageWalker {
  private readonly regs: Registers;
  private readonly u32: Uint32Array;
  private readonly ramBytes: number;
  private readonly listener: WalkListener;
  guestPhysical: GuestPhysical | undefined;
  recorder: Recorder | undefined;

  // --- result of the last successful walk ---
  /** Host-physical address of the 4 KiB page. */
  page = 0;
  /** Guest-physical address of the 4 KiB page (the same without EPT). */
  guestPage = 0;
  global = false;
  /** The translation comes from a page larger than 4 KiB. */
  large = false;

  // --- the walk under way ---
  private linear = 0;
  private access: number = ACCESS.READ;
  private user = false;
  private implicit = false;
  private entryLo = 0;
  private entryHi = 0;
  /** Linear-memory index (u32) of the entries visited, for the accessed and dirty bits. */
  private readonly visited = new Int32Array(4);
  private readonly visitedGuest = new Float64Array(4);
  private depth = 0;
  /** Level of the table that is read first. */
  private top = 0;

  constructor(memory: WebAssembly.Memory, regs: Registers, ramBytes: number, listener: WalkListener) {
    this.u32 = new Uint32Array(memory.buffer);
    this.regs = regs;
    this.ramBytes = ramBytes;
    this.listener = listener;
  }

  /**
   * Translates a canonical linear address.
   * @param access one of ACCESS
   * @param supervisor an implicit supervisor access, whatever the CPL
   * @returns false with #PF (or FAULT_VM_EXIT) stored in STATE.FAULT_*
   */
  walk(linear: number, access: number, supervisor: boolean): boolean {
    const r = this.regs;
    this.linear = linear;
    this.access = access;
    this.implicit = supervisor;
    this.user = !supervisor && r.cpl === 3;
    this.global = false;
    this.large = false;
    this.depth = 0;
    const cr0 = r.cr0;
    this.recorder?.({
      kind: 'look-up',
      access: ACCESS_NAMES[access],
      linear,
      found: (cr0 & CR0.PG) === 0 ? 'off' : 'miss',
    });
    if ((cr0 & CR0.PG) === 0) return this.finish(linear - (linear & 0xfff));
    if ((r.efer & EFER.LMA) !== 0) return this.walk4();
    return (r.cr4 & CR4.PAE) !== 0 ? this.walkPae() : this.walk32();
  }

  private walk4(): boolean {
    const lo = this.linear >>> 0;
    const hi = Math.floor(this.linear / 0x1_0000_0000);
    const r = this.regs;
    this.top = 4;
    const table = (r.hi(STATE.CR3) & 0xff) * 0x1_0000_0000 + ((r.lo(STATE.CR3) & 0xfffff000) >>> 0);
    if (!this.fetch64(table + ((hi >>> 7) & 511) * 8)) return false;
    let rights = this.entryLo;
    let noExecute = this.entryHi;
    if ((rights & PTE.PS) !== 0) return this.reserved();
    if (!this.fetch64(this.entryAddress() + (((hi & 0x7f) << 2) | (lo >>> 30)) * 8)) return false;
    rights &= this.entryLo | ~6;
    noExecute |= this.entryHi;
    if ((this.entryLo & PTE.PS) !== 0) {
      if ((this.entryLo & 0x3fffe000) !== 0) return this.reserved();
      return this.leaf(rights, noExecute, this.entryBase(0xc0000000) + (lo & 0x3ffff000), true);
    }
    return this.walkLower(lo, this.entryAddress(), rights, noExecute);
  }

  private walkPae(): boolean {
    const lo = this.linear >>> 0;
    const at = STATE.PDPTE + (lo >>> 30) * 8;
    this.entryLo = this.regs.lo(at);
    this.entryHi = this.regs.hi(at);
    this.top = 2;
    this.recorder?.({ kind: 'pdpte', index: lo >>> 30, lo: this.entryLo, hi: this.entryHi });
    if ((this.entryLo & PTE.P) === 0) return this.fault(0);
    return this.walkLower(lo, this.entryAddress(), 7, 0);
  }

  /** The last two levels of PAE and 4-level paging: page directory and page table. */
  private walkLower(lo: number, directory: number, upperRights: number, upperNoExecute: number): boolean {
    if (!this.fetch64(directory + ((lo >>> 21) & 511) * 8)) return false;
    let rights = upperRights & (this.entryLo | ~6);
    let noExecute = upperNoExecute | this.entryHi;
    if ((this.entryLo & PTE.PS) !== 0) {
      if ((this.entryLo & 0x1fe000) !== 0) return this.reserved();
      return this.leaf(rights, noExecute, this.entryBase(0xffe00000) + (lo & 0x1ff000), true);
    }
    if (!this.fetch64(this.entryAddress() + ((lo >>> 12) & 511) * 8)) return false;
    rights &= this.entryLo | ~6;
    noExecute |= this.entryHi;
    return this.leaf(rights, noExecute, this.entryAddress(), false);
  }

  private walk32(): boolean {
    const lo = this.linear >>> 0;
    this.top = 2;
    const table = (this.regs.lo(STATE.CR3) & 0xfffff000) >>> 0;
    if (!this.fetch32(table + (lo >>> 22) * 4)) return false;
    const rights = this.entryLo;
    if ((rights & PTE.PS) !== 0 && (this.regs.cr4 & CR4.PSE) !== 0) {
      // PSE-36: bits 20:13 are bits 39:32 of the address; bit 21 is reserved.
      if ((rights & 0x200000) !== 0) return this.reserved();
      const high = ((rights >>> 13) & 0xff) * 0x1_0000_0000;
      return this.leaf(rights, 0, high + ((rights & 0xffc00000) >>> 0) + (lo & 0x3ff000), true);
    }
    if (!this.fetch32(((rights & 0xfffff000) >>> 0) + ((lo >>> 12) & 1023) * 4)) return false;
    return this.leaf(rights & (this.entryLo | ~6), 0, (this.entryLo & 0xfffff000) >>> 0, false);
  }

  /** Reads an 8-byte entry at a guest-physical address; checks P and the reserved bits. */
  private fetch64(address: number): boolean {
    const index = this.entryIndex(address);
    if (index < 0) return false;
    this.entryLo = this.u32[index];
    this.entryHi = this.u32[index + 1];
    if (this.recorder) this.recordReference(8);
    if ((this.entryLo & PTE.P) === 0) return this.fault(0);
    if ((this.entryHi & RESERVED_HIGH) !== 0) return this.reserved();
    if ((this.entryHi & NX_HIGH) !== 0 && (this.regs.efer & EFER.NXE) === 0) return this.reserved();
    return true;
  }

  private fetch32(address: number): boolean {
    const index = this.entryIndex(address);
    if (index < 0) return false;
    this.entryLo = this.u32[index];
    this.entryHi = 0;
    if (this.recorder) this.recordReference(4);
    return (this.entryLo & PTE.P) !== 0 || this.fault(0);
  }

  /** u32 index in linear memory of a paging-structure entry; -1 after a fault. */
  private entryIndex(address: number): number {
    let host = address;
    if (this.guestPhysical?.active) {
      const { tableRights } = this.guestPhysical;
      const page = this.guestPhysical.translate(address, tableRights);
      if (page < 0) return this.refuse(address, tableRights, false);
      host = page + (address & 0xfff);
    }
    // Where there is no RAM the bus answers with ones, which is a reserved-bit violation.
    if (host >= this.ramBytes) {
      this.reserved();
      return -1;
    }
    const index = (LAYOUT.RAM + host) >>> 2;
    this.visited[this.depth] = index;
    this.visitedGuest[this.depth++] = address;
    return index;
  }

  /** The entry that has just been read. */
  private recordReference(bytes: 4 | 8): void {
    const last = this.depth - 1;
    this.recorder?.({
      kind: 'reference',
      dimension: 'guest',
      level: this.top - last,
      address: this.visitedGuest[last],
      hostPhysical: this.visited[last] * 4 - LAYOUT.RAM,
      lo: this.entryLo,
      hi: this.entryHi,
      bytes,
      of: this.linear,
    });
  }

  private entryAddress(): number {
    return this.entryBase(0xfffff000);
  }

  private entryBase(mask: number): number {
    return (this.entryHi & 0xff) * 0x1_0000_0000 + ((this.entryLo & mask) >>> 0);
  }

  /** Checks the rights collected on the way, marks accessed and dirty, and finishes. */
  private leaf(rights: number, noExecute: number, page: number, large: boolean): boolean {
    const r = this.regs;
    const { access } = this;
    const userPage = (rights & PTE.U) !== 0;
    let allowed = true;
    if (this.user) {
      allowed = userPage && (access !== ACCESS.WRITE || (rights & PTE.W) !== 0);
    } else {
      if (access === ACCESS.WRITE && (rights & PTE.W) === 0) allowed = (r.cr0 & CR0.WP) === 0;
      if (userPage) {
        if (access === ACCESS.EXECUTE) allowed &&= (r.cr4 & CR4.SMEP) === 0;
        else if ((r.cr4 & CR4.SMAP) !== 0) allowed &&= !this.implicit && (r.systemFlags & FLAG.AC) !== 0;
      }
    }
    if (access === ACCESS.EXECUTE && (noExecute & NX_HIGH) !== 0) allowed = false;
    if (!allowed) return this.fault(PF_ERROR.P);
    if (!this.mark()) return false;
    this.global = (this.entryLo & PTE.G) !== 0 && (r.cr4 & CR4.PGE) !== 0;
    this.large = large;
    return this.finish(page);
  }

  /** Sets A in every entry visited and, for a write, D in the last. */
  private mark(): boolean {
    for (let i = 0; i < this.depth; i++) {
      const index = this.visited[i];
      const wanted = i === this.depth - 1 && this.access === ACCESS.WRITE ? PTE.A | PTE.D : PTE.A;
      if ((this.u32[index] & wanted) === wanted) continue;
      const guest = this.visitedGuest[i];
      if (this.guestPhysical?.active && this.guestPhysical.translate(guest, ACCESS.READ | ACCESS.WRITE) < 0) {
        this.refuse(guest, ACCESS.READ | ACCESS.WRITE, false);
        return false;
      }
      this.recorder?.({
        kind: 'mark',
        level: this.top - i,
        address: guest,
        hostPhysical: index * 4 - LAYOUT.RAM,
        accessed: (~this.u32[index] & PTE.A) !== 0,
        dirty: (~this.u32[index] & wanted & PTE.D) !== 0,
      });
      this.u32[index] |= wanted;
      this.listener.written(index * 4 - LAYOUT.RAM, 4);
    }
    return true;
  }

  private finish(guestPage: number): boolean {
    this.guestPage = guestPage;
    this.page = guestPage;
    if (this.guestPhysical?.active) {
      const address = guestPage + (this.linear & 0xfff);
      const host = this.guestPhysical.translate(address, this.access);
      if (host < 0) {
        this.refuse(address, this.access, true);
        return false;
      }
      this.page = host;
    }
    return true;
  }

  private refuse(guestPhysical: number, rights: number, final: boolean): -1 {
    this.guestPhysical?.refuse(guestPhysical, { rights, linear: this.linear, final });
    this.listener.refused(this.linear);
    this.regs.setFault(FAULT_VM_EXIT, -1);
    return -1;
  }

  private reserved(): false {
    return this.fault(PF_ERROR.P | PF_ERROR.RSVD);
  }

  private fault(present: number): false {
    const r = this.regs;
    let error = present;
    if (this.access === ACCESS.WRITE) error |= PF_ERROR.W;
    if (this.user) error |= PF_ERROR.U;
    const reportsFetch = (r.cr4 & CR4.SMEP) !== 0 || ((r.cr4 & CR4.PAE) !== 0 && (r.efer & EFER.NXE) !== 0);
    if (this.access === ACCESS.EXECUTE && reportsFetch) error |= PF_ERROR.ID;
    this.recorder?.({ kind: 'page-fault', linear: this.linear, errorCode: error });
    r.setFault(VECTOR.PF, error, this.linear);
    this.listener.refused(this.linear);
    return false;
  }
}
