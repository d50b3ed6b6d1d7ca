/**
 * The page walk in generated code: 32-bit, PAE and 4-level paging, each also under a second dimension. It does what
 * paging.ts does for accesses of the current CPL wherever they succeed in RAM; the rest is left to it.
 *
 *   walk(state, address) -> host-physical page address | `FOUND` flags, or one of `NOT_FOUND` with nothing changed
 */
import { CR0, CR4, EFER, FLAG } from '../../arch/registers.ts';
import type { LibraryFunction, LibraryUser } from '../../isa/definition.ts';
import { choose, type I32, type I64, i32, i64 } from '../../wasm/expression.ts';
import type { FunctionBuilder, Label, Local } from '../../wasm/function.ts';
import { ACCESS, PTE } from '../paging.ts';
import { LAYOUT, STATE } from '../state.ts';
import { ADDRESS, HOST_OF_GUEST, isOutsideRam, RESERVED, ramAddress } from './walker-nested.ts';

/** Flags below the page address. Shifted left by 30 they are TLB.GLOBAL and TLB.LARGE. */
export const FOUND = { GLOBAL: 1, LARGE: 2 } as const;

/** Why a walk ends: the rest is left to TypeScript, an entry is not present, or the rights do not suffice. */
export const NOT_FOUND = { REFUSED: -1, NOT_PRESENT: -2, PROTECTED: -3 } as const;

export const isNotFound = (found: I32): I32 => i32.ge_u(found, i32.const(NOT_FOUND.PROTECTED));

const NX = -(1n << 63n);
/** Levels of 4-level paging; PAE and 32-bit paging have the last two in memory. */
const LEVELS = 4;

/** An entry that the walk visits. `host` is 0 for a level that it does not have. */
interface Visit {
  readonly host: Local<'i32'>;
  readonly guestPhysical: Local<'i64'>;
}

/** @param access a member of ACCESS */
export const walk = (access: keyof typeof ACCESS): LibraryFunction<'i32'> => ({
  name: NAMES[access],
  params: ['i64'],
  result: 'i32',
  build: (f, use) => new WalkEmitter(f, use, access).emit(),
});

const NAMES = { READ: 'walkRead', WRITE: 'walkWrite', EXECUTE: 'walkExecute' } as const;

class WalkEmitter {
  private readonly f: FunctionBuilder;
  private readonly use: LibraryUser;
  private readonly access: keyof typeof ACCESS;
  private readonly state: Local<'i32'>;
  private readonly address: Local<'i64'>;
  private readonly low: Local<'i32'>;
  /** Nonzero under a second dimension. */
  private readonly nested: Local<'i32'>;
  private readonly cr4: Local<'i32'>;
  private readonly visits: readonly Visit[];
  /** The entry read last, and its low half. */
  private readonly entry: Local<'i64'>;
  private readonly bits: Local<'i32'>;
  /** All low halves ANDed: the rights, and whether each entry has been accessed. */
  private readonly common: Local<'i32'>;
  /** Bits that have to be 0 in an 8-byte entry, beside P. */
  private readonly reserved: Local<'i64'>;
  /** Guest-physical page, the result of the first dimension. */
  private readonly page: Local<'i64'>;
  private readonly flags: Local<'i32'>;

  constructor(f: FunctionBuilder, use: LibraryUser, access: keyof typeof ACCESS) {
    this.f = f;
    this.use = use;
    this.access = access;
    this.state = f.param(0, 'i32');
    this.address = f.param(1, 'i64');
    this.low = f.let(i32.wrap_i64(this.address));
    this.nested = f.let(i32.load(this.state, STATE.NESTED_CACHE));
    this.cr4 = f.let(i32.load(this.state, STATE.CR4));
    this.visits = Array.from({ length: LEVELS }, () => ({
      host: f.let(i32.const(0)),
      guestPhysical: f.local('i64'),
    }));
    this.entry = f.let(i64.const(0));
    this.bits = f.let(i32.const(-1));
    this.common = f.let(i32.const(-1));
    this.reserved = f.local('i64');
    this.page = f.let(i64.and(this.address, i64.const(~0xfffn)));
    this.flags = f.let(i32.const(0));
  }

  private get write(): boolean {
    return this.access === 'WRITE';
  }

  emit(): void {
    const { f, state } = this;
    f.if(has(i32.load(state, STATE.CR0), CR0.PG), () => {
      f.block((leaf) => this.tables(leaf));
      this.checkRights();
      const global = i32.and(has(this.bits, PTE.G), has(this.cr4, CR4.PGE));
      f.set(this.flags, i32.or(this.flags, global));
    });
    const host = f.let(this.hostOf(this.page, i32.const(ACCESS[this.access])));
    f.if(i32.eqz(host), () => this.fail());
    this.mark();
    f.return(i32.or(i32.sub(host, i32.const(LAYOUT.RAM)), this.flags));
    f.unreachable();
  }

  private fail(why: keyof typeof NOT_FOUND = 'REFUSED'): void {
    this.f.return(i32.const(NOT_FOUND[why]));
  }

  /** Walks down to the leaf, and goes to `leaf` with `page` and `flags` set. */
  private tables(leaf: Label): void {
    const { f, state } = this;
    const table = f.local('i64');
    f.block((lower) => {
      const efer = f.let(i32.load(state, STATE.EFER));
      // Code in a page with NX is a fault as a reserved bit is one: what fails here is told apart elsewhere.
      const mayHaveNx = this.access === 'EXECUTE' ? i32.const(0) : has(efer, EFER.NXE);
      f.set(this.reserved, choose(mayHaveNx, i64.const(RESERVED), i64.const(RESERVED | NX)));
      f.if(has(efer, EFER.LMA), () => {
        this.fetch(0, i64.and(i64.load(state, STATE.CR3), i64.const(ADDRESS)), 39);
        f.if(has(this.bits, PTE.PS), () => this.fail());
        this.fetch(1, i64.and(this.entry, i64.const(ADDRESS)), 30);
        this.largePage(leaf, 30);
        f.set(table, i64.and(this.entry, i64.const(ADDRESS)));
        f.br(lower);
      });
      f.if(has(this.cr4, CR4.PAE), () => {
        const at = i32.add(state, i32.shl(i32.shr_u(this.low, i32.const(30)), i32.const(3)));
        f.set(table, i64.load(at, STATE.PDPTE));
        f.if(i64.eqz(i64.and(table, i64.const(PTE.P))), () => this.fail('NOT_PRESENT'));
        f.set(table, i64.and(table, i64.const(ADDRESS)));
        f.br(lower);
      });
      this.tables32(leaf);
    });
    this.fetch(2, table, 21);
    this.largePage(leaf, 21);
    this.fetch(3, i64.and(this.entry, i64.const(ADDRESS)), 12);
    f.set(this.page, i64.and(this.entry, i64.const(ADDRESS)));
  }

  private tables32(leaf: Label): void {
    const { f, bits, low } = this;
    this.fetch32(
      2,
      i32.and(i32.load(this.state, STATE.CR3), i32.const(~0xfff)),
      i32.shr_u(low, i32.const(22)),
    );
    f.if(i32.and(has(bits, PTE.PS), has(this.cr4, CR4.PSE)), () => {
      // PSE-36: bits 20:13 are bits 39:32 of the address; bit 21 is reserved.
      f.if(has(bits, 1 << 21), () => this.fail());
      const high = i64.and(i64.extend_i32_u(i32.shr_u(bits, i32.const(13))), i64.const(0xff));
      const within = i32.or(i32.and(bits, i32.const(~0x3f_ffff)), i32.and(low, i32.const(0x3f_f000)));
      f.set(this.page, i64.or(i64.shl(high, i64.const(32)), i64.extend_i32_u(within)));
      f.set(this.flags, i32.const(FOUND.LARGE));
      f.br(leaf);
    });
    this.fetch32(
      3,
      i32.and(bits, i32.const(~0xfff)),
      i32.and(i32.shr_u(low, i32.const(12)), i32.const(1023)),
    );
    f.set(this.page, i64.extend_i32_u(i32.and(bits, i32.const(~0xfff))));
    f.br(leaf);
  }

  /** Goes to `leaf` when the entry maps a page of 2^shift bytes. */
  private largePage(leaf: Label, shift: number): void {
    const { f, bits } = this;
    const size = 1n << BigInt(shift);
    f.if(has(bits, PTE.PS), () => {
      // Bit 12 is PAT; from there to the page's own address bits must be 0.
      f.if(i32.and(bits, i32.const(Number(size) - 0x2000)), () => this.fail());
      const frame = i64.and(this.entry, i64.const(ADDRESS & -size));
      f.set(this.page, i64.or(frame, i64.and(this.address, i64.const(size - 0x1000n))));
      f.set(this.flags, i32.const(FOUND.LARGE));
      f.br(leaf);
    });
  }

  /** Reads the 8-byte entry for address bits `shift` + 8 : `shift` in a table; checks P and reserved bits. */
  private fetch(level: number, table: I64, shift: number): void {
    const { f, entry, bits } = this;
    const offset = i64.and(i64.shr_u(this.address, i64.const(shift - 3)), i64.const(511 << 3));
    const host = this.visit(level, i64.add(table, offset));
    f.set(entry, i64.load(host));
    f.set(bits, i32.wrap_i64(entry));
    f.if(i32.eqz(has(bits, PTE.P)), () => this.fail('NOT_PRESENT'));
    f.if(i64.ne(i64.and(entry, this.reserved), i64.const(0)), () => this.fail());
    f.set(this.common, i32.and(this.common, bits));
  }

  private fetch32(level: number, table: I32, index: I32): void {
    const { f, bits } = this;
    const host = this.visit(level, i64.extend_i32_u(i32.add(table, i32.shl(index, i32.const(2)))));
    f.set(bits, i32.load(host));
    f.if(i32.eqz(has(bits, PTE.P)), () => this.fail('NOT_PRESENT'));
    f.set(this.common, i32.and(this.common, bits));
  }

  private visit(level: number, guestPhysical: I64): Local<'i32'> {
    const { f } = this;
    const visit = this.visits[level];
    f.set(visit.guestPhysical, guestPhysical);
    f.set(visit.host, this.hostOf(visit.guestPhysical, i32.load(this.state, STATE.TABLE_RIGHTS)));
    f.if(i32.eqz(visit.host), () => this.fail());
    return visit.host;
  }

  /** Host address of a guest-physical one in RAM, or 0. */
  private hostOf(guestPhysical: I64, wanted: I32): I32 {
    const direct = choose(isOutsideRam(this.state, guestPhysical), i32.const(0), ramAddress(guestPhysical));
    return choose(this.nested, this.use.library(HOST_OF_GUEST, guestPhysical, wanted), direct);
  }

  /** SDM volume 3A, "Determination of Access Rights", for the current CPL. */
  private checkRights(): void {
    const { f, state, common } = this;
    const userPage = has(common, PTE.U);
    const readOnly = i32.eqz(has(common, PTE.W));
    f.if(
      i32.eq(i32.load(state, STATE.CPL), i32.const(3)),
      () =>
        f.if(this.write ? i32.or(i32.eqz(userPage), readOnly) : i32.eqz(userPage), () =>
          this.fail('PROTECTED'),
        ),
      () => {
        if (this.write) {
          f.if(i32.and(readOnly, has(i32.load(state, STATE.CR0), CR0.WP)), () => this.fail('PROTECTED'));
        }
        const prevented =
          this.access === 'EXECUTE'
            ? has(this.cr4, CR4.SMEP)
            : i32.and(has(this.cr4, CR4.SMAP), i32.eqz(has(i32.load(state, STATE.FLAG_SYSTEM), FLAG.AC)));
        f.if(i32.and(userPage, prevented), () => this.fail('PROTECTED'));
      },
    );
  }

  /** Sets A in every entry visited and, for a write, D in the leaf, provided that all of that can be done here. */
  private mark(): void {
    const { f, common, bits } = this;
    const accessed = has(common, PTE.A);
    f.if(i32.eqz(this.write ? i32.and(accessed, has(bits, PTE.D)) : accessed), () => {
      const leaf = f.local('i32');
      for (const { host } of this.visits) f.if(host, () => f.set(leaf, host));
      for (const visit of this.visits) f.if(visit.host, () => this.checkMark(visit, leaf));
      for (const { host } of this.visits) {
        f.if(host, () => {
          setBits(f, host, PTE.A);
          markWritten(f, i32.shr_u(i32.sub(host, i32.const(LAYOUT.RAM)), i32.const(12)));
        });
      }
      if (this.write) setBits(f, leaf, PTE.D);
    });
  }

  /** Fails when an entry lacks a bit that cannot be set here. */
  private checkMark({ host, guestPhysical }: Visit, leaf: Local<'i32'>): void {
    const { f } = this;
    const notAccessed = i32.eqz(has(i32.load(host), PTE.A));
    const notDirty = i32.and(i32.eq(host, leaf), i32.eqz(has(i32.load(host), PTE.D)));
    f.if(this.write ? i32.or(notAccessed, notDirty) : notAccessed, () => {
      // Where code has been decoded, a write drops it.
      f.if(lineHoldsCode(host), () => this.fail());
      const writable = this.use.library(HOST_OF_GUEST, guestPhysical, i32.const(ACCESS.READ | ACCESS.WRITE));
      f.if(this.nested, () => f.if(i32.eqz(writable), () => this.fail()));
    });
  }
}

/** WrittenPages.mark of ../written-pages.ts. */
export function markWritten(f: FunctionBuilder, page: I32): void {
  f.store('i32_8', page, i32.const(1), LAYOUT.WRITTEN);
}

function setBits(f: FunctionBuilder, host: I32, bits: number): void {
  f.store('i32', host, i32.or(i32.load(host), i32.const(bits)));
}

/** 1 when one of the bits is set. */
const has = (value: I32, bits: number): I32 => i32.ne(i32.and(value, i32.const(bits)), i32.const(0));

/** Whether the 64 bytes around an address of RAM hold decoded code. */
function lineHoldsCode(host: I32): I32 {
  const physical = i32.sub(host, i32.const(LAYOUT.RAM));
  const lines = i64.load(i32.shl(i32.shr_u(physical, i32.const(12)), i32.const(3)), LAYOUT.LINES);
  const line = i64.extend_i32_u(i32.shr_u(i32.and(physical, i32.const(0xfff)), i32.const(6)));
  return i32.wrap_i64(i64.and(i64.shr_u(lines, line), i64.const(1)));
}
