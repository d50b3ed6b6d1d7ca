/**
 * The second dimension of the page walker: guest-physical addresses, through the cache that
 * virtualization/second-dimension.ts keeps, or by a walk of extended page tables. Of nested page tables (AMD-V)
 * only what is cached is found here. SDM volume 3C, "The Extended Page Table Mechanism (EPT)". Whatever does not
 * end in RAM with the rights wanted answers 0; TypeScript then walks, or finds out why.
 */
import { EPT } from '../../arch/ept.ts';
import type { LibraryFunction } from '../../isa/definition.ts';
import { type I32, type I64, i32, i64 } from '../../wasm/expression.ts';
import { LAYOUT, NESTED_CACHE, STATE } from '../state.ts';

/** Bits 39:12: where the next table or the page is. */
export const ADDRESS = 0xff_ffff_f000n;
/** Bits 51:40 of an entry, beyond the physical-address width. */
export const RESERVED = 0x000f_ff00_0000_0000n;
/** Reserved memory types: 2, 3 and 7. */
const RESERVED_TYPES = (1 << 2) | (1 << 3) | (1 << 7);
/** Bits 7:3 of an entry that points to a table; bit 7 would make it a leaf where it may be one. */
const RESERVED_TABLE = 0xf8;
const PML4_SHIFT = 39n;
const PAGE_SHIFT = 12n;

export const isOutsideRam = (state: I32, physical: I64): I32 =>
  i64.ge_u(physical, i64.load32_u(state, STATE.RAM_BYTES));

export const ramAddress = (physical: I64): I32 => i32.add(i32.wrap_i64(physical), i32.const(LAYOUT.RAM));

/** (state, guest-physical address, wanted) -> host-physical address, also entered in the cache; -1 */
const WALK_EPT: LibraryFunction<'i64'> = {
  name: 'walkEpt',
  params: ['i64', 'i32'],
  result: 'i64',
  build: (f) => {
    const [state, address, wanted] = [f.param(0, 'i32'), f.param(1, 'i64'), f.param(2, 'i32')];
    const fail = () => f.return(i64.const(-1));
    const table = f.let(i64.load(state, STATE.NESTED_TABLE));
    const rights = f.let(i32.const(EPT.RIGHTS));
    const shift = f.let(i64.const(PML4_SHIFT));
    f.loop((next) => {
      const index = i64.and(i64.shr_u(address, shift), i64.const(511));
      const at = f.let(i64.add(table, i64.shl(index, i64.const(3))));
      f.if(isOutsideRam(state, at), fail);
      const entry = f.let(i64.load(ramAddress(at)));
      const low = f.let(i32.wrap_i64(entry));
      f.if(i32.eqz(i32.and(low, i32.const(EPT.RIGHTS))), fail);
      f.if(i32.eq(i32.and(low, i32.const(EPT.READ | EPT.WRITE)), i32.const(EPT.WRITE)), fail);
      f.if(i64.ne(i64.and(entry, i64.const(RESERVED)), i64.const(0)), fail);
      f.set(rights, i32.and(rights, low));
      const isLarge = i32.and(
        i64.ne(shift, i64.const(PML4_SHIFT)),
        i32.ne(i32.and(low, i32.const(EPT.LARGE)), i32.const(0)),
      );
      f.if(i32.or(i64.eq(shift, i64.const(PAGE_SHIFT)), isLarge), () => {
        const offset = f.let(i64.sub(i64.shl(i64.const(1), shift), i64.const(1)));
        const misaligned = i64.and(i64.and(entry, offset), i64.const(~0xfffn));
        f.if(i64.ne(misaligned, i64.const(0)), fail);
        const type = i32.and(i32.shr_u(low, i32.const(EPT.MEMORY_TYPE_SHIFT)), i32.const(7));
        f.if(i32.and(i32.shr_u(i32.const(RESERVED_TYPES), type), i32.const(1)), fail);
        f.if(i32.ne(i32.and(rights, wanted), wanted), fail);
        const found = f.let(i64.or(i64.and(entry, i64.const(ADDRESS)), i64.and(address, offset)));
        const slot = f.let(cacheSlot(i32.load(state, STATE.NESTED_CACHE), pageNumber(address)));
        f.store('i32', slot, pageNumber(address));
        f.store('i32', slot, pageNumber(found), NESTED_CACHE.HOST_PAGE);
        f.store('i32', slot, i32.and(rights, i32.const(EPT.RIGHTS)), NESTED_CACHE.RIGHTS);
        f.return(found);
      });
      f.if(i32.and(low, i32.const(RESERVED_TABLE)), fail);
      f.set(table, i64.and(entry, i64.const(ADDRESS)));
      f.set(shift, i64.sub(shift, i64.const(9)));
      f.br(next);
    });
    f.unreachable();
  },
};

/** (state, guest-physical address, wanted rights) -> host address when that is RAM, or 0; only under a second dimension */
export const HOST_OF_GUEST: LibraryFunction<'i32'> = {
  name: 'hostOfGuest',
  params: ['i64', 'i32'],
  result: 'i32',
  build: (f, use) => {
    const [state, address, wanted] = [f.param(0, 'i32'), f.param(1, 'i64'), f.param(2, 'i32')];
    const physical = f.local('i64');
    const slot = f.let(cacheSlot(i32.load(state, STATE.NESTED_CACHE), pageNumber(address)));
    const isCached = i32.and(
      i32.eq(i32.load(slot), pageNumber(address)),
      i32.eq(i32.and(i32.load(slot, NESTED_CACHE.RIGHTS), wanted), wanted),
    );
    f.if(
      isCached,
      () => {
        const page = i64.shl(i64.load32_u(slot, NESTED_CACHE.HOST_PAGE), i64.const(PAGE_SHIFT));
        f.set(physical, i64.or(page, i64.and(address, i64.const(0xfff))));
      },
      () => f.set(physical, use.library(WALK_EPT, address, wanted)),
    );
    // -1 is outside RAM as well.
    f.if(isOutsideRam(state, physical), () => f.return(i32.const(0)));
    f.return(ramAddress(physical));
    f.unreachable();
  },
};

const pageNumber = (address: I64): I32 => i32.wrap_i64(i64.shr_u(address, i64.const(PAGE_SHIFT)));

const cacheSlot = (cache: I32, page: I32): I32 =>
  i32.add(
    cache,
    i32.mul(i32.and(page, i32.const(NESTED_CACHE.ENTRIES - 1)), i32.const(NESTED_CACHE.ENTRY_SIZE)),
  );
