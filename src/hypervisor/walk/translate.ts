/**
 * Translation of guest linear addresses for the hypervisor's own accesses on behalf of a guest
 * (instruction fetch of the emulator, string I/O). It checks presence and rights as the processor
 * does, and sets no accessed or dirty bits: the guest's own accesses have set them.
 */
import { CR0, CR4, EFER } from '../../arch/registers.ts';
import type { PagingRegisters } from './entry.ts';

const HIGH = 0x1_0000_0000;
const P = 1;
const W = 2;
const U = 4;
const PS = 0x80;
const NX_HIGH = 0x8000_0000;
const FAULT = { PRESENT: 1, WRITE: 2, USER: 4, RESERVED: 8, FETCH: 16 } as const;

export type Access = 'read' | 'write' | 'fetch';

/** Reads a word of guest-physical memory. */
export type ReadGuestWord = (guestPhysical: number) => number;

export class LinearTranslator {
  /** Page-fault error code of the last translation that failed. */
  errorCode = 0;
  private readonly read: ReadGuestWord;
  private lo = 0;
  private hi = 0;

  constructor(read: ReadGuestWord) {
    this.read = read;
  }

  /** Guest-physical address; -1 with `errorCode` set where a page fault is due. `user`: at CPL 3. */
  translate(r: PagingRegisters, linear: number, access: Access, user: boolean): number {
    if ((r.cr0 & CR0.PG) === 0) return linear;
    const long = (r.efer & EFER.LMA) !== 0;
    const pae = long || (r.cr4 & CR4.PAE) !== 0;
    const bits = pae ? 9 : 10;
    const top = long ? 4 : pae ? 3 : 2;
    let table = long
      ? Math.floor(r.cr3 / 0x1000) * 0x1000
      : pae
        ? (r.cr3 & ~0x1f) >>> 0
        : (r.cr3 & ~0xfff) >>> 0;
    let rights = W | U;
    let noExecute = false;
    for (let level = top; ; level--) {
      const shift = 12 + bits * (level - 1);
      const entries = !long && pae && level === 3 ? 4 : 2 ** bits;
      const index = positive(Math.floor(linear / 2 ** shift), entries);
      this.fetch(table + index * (pae ? 8 : 4), pae);
      if ((this.lo & P) === 0) return this.fault(0, access, user);
      const isPdpte = pae && !long && level === 3;
      // Bit 63 is reserved while EFER.NXE is 0.
      if ((this.hi & NX_HIGH) !== 0 && (r.efer & EFER.NXE) === 0) {
        return this.fault(FAULT.PRESENT | FAULT.RESERVED, access, user);
      }
      if (!isPdpte) rights &= this.lo;
      noExecute ||= (this.hi & NX_HIGH) !== 0;
      const base = (this.hi & 0xf_ffff) * HIGH + ((this.lo & ~0xfff) >>> 0);
      const large = level > 1 && level < 4 && (this.lo & PS) !== 0 && (pae || (r.cr4 & CR4.PSE) !== 0);
      if (level === 1 || (large && !isPdpte)) {
        if (!allowed(r, rights, noExecute, access, user)) return this.fault(FAULT.PRESENT, access, user);
        const size = 2 ** shift;
        return base - (base % size) + positive(linear, size);
      }
      table = base;
    }
  }

  private fetch(address: number, wide: boolean): void {
    this.lo = this.read(address);
    this.hi = wide ? this.read(address + 4) : 0;
  }

  private fault(present: number, access: Access, user: boolean): -1 {
    this.errorCode =
      present |
      (access === 'write' ? FAULT.WRITE : 0) |
      (user ? FAULT.USER : 0) |
      (access === 'fetch' ? FAULT.FETCH : 0);
    return -1;
  }
}

function allowed(
  r: PagingRegisters,
  rights: number,
  noExecute: boolean,
  access: Access,
  user: boolean,
): boolean {
  if (user && (rights & U) === 0) return false;
  if (access === 'fetch') return !noExecute;
  return access === 'read' || (rights & W) !== 0 || (!user && (r.cr0 & CR0.WP) === 0);
}

const positive = (value: number, modulus: number): number => ((value % modulus) + modulus) % modulus;
