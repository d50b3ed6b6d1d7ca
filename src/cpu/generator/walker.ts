/**
 * What follows a TLB miss and needs nothing but ordinary RAM, in generated code.
 *
 *   fillRead(state, address, bytes), fillWrite(state, address, bytes) -> host address, FAULTED, or 0
 *   fillExecute(state, address) -> 1, or 0
 *
 * They walk the page tables, set accessed and dirty bits, and enter the translation as tlb.ts does; or store the
 * page fault that an absent entry or a missing right means. 0 says that nothing has happened because the access
 * needs more: it faults otherwise, crosses a page, goes to memory-mapped I/O or to a line of decoded code, or may
 * hit a data breakpoint, a watch of reads or an alignment check; or the page has no record table yet.
 *
 * Pages with decoded code have marked entries in the write TLB (TLB.CODE_TAG). The look-up in line misses
 * them; here a write to one of the lines without code still gets its host address.
 */
import { VECTOR } from '../../arch/registers.ts';
import type { LibraryFunction } from '../../isa/definition.ts';
import { choose, type I32, type I64, i32, i64 } from '../../wasm/expression.ts';
import type { FunctionBuilder, Local } from '../../wasm/function.ts';
import { PF_ERROR } from '../paging.ts';
import { BANK, LAYOUT, READ_WATCHES, SEVERAL, STATE, TABLE_MODE, TLB } from '../state.ts';
import { DR7 } from '../system/debug-registers.ts';
import { dataEntry, executeEntry } from './tlb-entry.ts';
import { FOUND, isNotFound, markWritten, NOT_FOUND, walk } from './walker-tables.ts';

const PAGE_MASK = 0xfff;
const DR7_AT = STATE.DR + 56;

const WALK = { read: walk('READ'), write: walk('WRITE') } as const;
const WALK_CODE = walk('EXECUTE');

/** What the functions for data return after a page fault, which STATE.FAULT_* describe. */
export const FAULTED = 1;

/** (address, member of NOT_FOUND, PF_ERROR.W or 0) -> FAULTED; the page's translations in the set in use are dropped */
const PAGE_FAULT: LibraryFunction<'i32'> = {
  name: 'pageFault',
  params: ['i64', 'i32', 'i32'],
  result: 'i32',
  build: (f) => {
    const [state, address] = [f.param(0, 'i32'), f.param(1, 'i64')];
    const [why, write] = [f.param(2, 'i32'), f.param(3, 'i32')];
    const present = i32.eq(why, i32.const(NOT_FOUND.PROTECTED));
    const user = i32.mul(i32.eq(i32.load(state, STATE.CPL), i32.const(3)), i32.const(PF_ERROR.U));
    f.store('i32', state, i32.const(VECTOR.PF), STATE.FAULT_VECTOR);
    f.store('i32', state, i32.or(i32.or(present, write), user), STATE.FAULT_ERROR);
    f.store('i64', state, address, STATE.FAULT_ADDRESS);
    const set = f.let(i32.load(state, STATE.TLB_SET));
    for (const [entry, tlbs] of [
      [dataEntry(set, i32.wrap_i64(address)), [TLB.READ, TLB.WRITE]],
      [executeEntry(set, i32.wrap_i64(address)), [TLB.EXECUTE]],
    ] as const) {
      const first = f.let(entry);
      for (let bank = 0; bank < TLB.BANKS; bank++) {
        for (const tlb of tlbs) {
          const at = bank * TLB.BANK_SIZE + tlb;
          f.ifUnlikely(i64.eq(pageAddress(i64.load(first, at)), pageAddress(address)), () =>
            f.store('i64', first, i64.const(-1), at),
          );
        }
      }
    }
    f.return(i32.const(FAULTED));
    f.unreachable();
  },
};

interface Access {
  readonly state: Local<'i32'>;
  readonly address: Local<'i64'>;
  readonly bytes: Local<'i32'>;
}

const fill = (kind: 'read' | 'write'): LibraryFunction<'i32'> => ({
  name: kind === 'read' ? 'fillRead' : 'fillWrite',
  params: ['i64', 'i32'],
  result: 'i32',
  build: (f, use) => {
    const access = { state: f.param(0, 'i32'), address: f.param(1, 'i64'), bytes: f.param(2, 'i32') };
    const { state, address } = access;
    const refuse = () => f.return(i32.const(0));
    f.if(i32.gt_u(i32.add(inPage(address), access.bytes), i32.const(PAGE_MASK + 1)), refuse);
    const bank = i32.load(state, STATE.TLB_BANK);
    const slot = f.let(
      i32.add(dataEntry(bank, i32.wrap_i64(address)), i32.const(kind === 'read' ? TLB.READ : TLB.WRITE)),
    );
    if (kind === 'write') writeBesideCode(f, access, slot);
    else f.if(i32.load(i32.const(0), READ_WATCHES), refuse);

    f.if(isNonCanonical(address), refuse);
    f.if(isUncachedBank(state), refuse);
    f.if(i32.and(i32.load(state, DR7_AT), i32.const(DR7.ENABLES)), refuse);

    const found = f.let(use.library(WALK[kind], address));
    f.if(isNotFound(found), () => {
      f.if(i32.eq(found, i32.const(NOT_FOUND.REFUSED)), refuse);
      f.return(use.library(PAGE_FAULT, address, found, i32.const(kind === 'write' ? PF_ERROR.W : 0)));
    });
    const host = f.let(i32.add(pageOffset(found), i32.add(i32.const(LAYOUT.RAM), inPage(address))));
    const page = f.let(i32.shr_u(found, i32.const(12)));
    const entry = { slot, page, found };
    if (kind === 'read') {
      enter(f, access, entry, pageAddress(address), i32.sub(host, i32.wrap_i64(address)));
      f.return(host);
    } else {
      markWritten(f, page);
      const lines = f.let(linesOf(page));
      const tag = i64.or(pageAddress(address), i64.extend_i32_u(i64.ne(lines, i64.const(0))));
      enter(f, access, entry, tag, i32.sub(host, i32.wrap_i64(address)));
      f.if(i64.eqz(lines), () => noteWriter(f, page, slot));
      f.return(choose(touches(lines, access), i32.const(0), host));
    }
    f.unreachable();
  },
});

export const FILL_READ = fill('read');
export const FILL_WRITE = fill('write');

/**
 * The page of a linear address in the execute TLB. Only when the instruction there is the next one for certain: at the
 * end of a run something else may come first, and accessed bits would tell.
 */
export const FILL_EXECUTE: LibraryFunction<'i32'> = {
  name: 'fillExecute',
  params: ['i64'],
  result: 'i32',
  build: (f, use) => {
    const [state, address] = [f.param(0, 'i32'), f.param(1, 'i64')];
    const refuse = () => f.return(i32.const(0));
    f.if(i32.le_s(i32.load(state, STATE.BUDGET), i32.const(0)), refuse);
    f.if(isNonCanonical(address), refuse);
    f.if(isUncachedBank(state), refuse);
    const entry = executeEntry(i32.load(state, STATE.TLB_BANK), i32.wrap_i64(address));
    const slot = f.let(i32.add(entry, i32.const(TLB.EXECUTE)));
    const mode = f.let(i32.load(state, STATE.CODE_MODE));
    const tag = f.let(i64.or(pageAddress(address), i64.extend_i32_u(mode)));
    // The translation is there, only its record table is gone.
    f.if(i64.eq(i64.load(slot), i64.or(tag, i64.const(TLB.NO_TABLE_TAG))), refuse);
    const found = f.let(use.library(WALK_CODE, address));
    f.if(isNotFound(found), refuse);
    const page = f.let(i32.shr_u(found, i32.const(12)));
    const table = f.let(i32.load(i32.shl(page, i32.const(2)), LAYOUT.TABLE_OF_PAGE));
    const isOfMode = i32.eq(i32.and(table, i32.const(TABLE_MODE)), mode);
    f.if(i32.or(i32.eqz(table), i32.eqz(isOfMode)), refuse);
    enter(f, { state, address }, { slot, page, found }, tag, i32.sub(table, mode));
    f.return(i32.const(1));
    f.unreachable();
  },
};

/** A marked entry: returns where to write, or 0, by the lines of the page. */
function writeBesideCode(f: FunctionBuilder, access: Access, slot: Local<'i32'>): void {
  const { address } = access;
  f.if(i64.eq(i64.load(slot), i64.or(pageAddress(address), i64.const(TLB.CODE_TAG))), () => {
    const page = f.let(i32.and(i32.load(slot, TLB.PHYSICAL_PAGE), i32.const(TLB.PAGE_MASK)));
    const lines = f.let(linesOf(page));
    f.if(i64.eqz(lines), () => {
      // The code is gone: the look-up in line may have the page back.
      f.store('i64', slot, pageAddress(address));
      noteWriter(f, page, slot);
    });
    const host = i32.add(i32.load(slot, TLB.PAYLOAD), i32.wrap_i64(address));
    f.return(choose(touches(lines, access), i32.const(0), host));
  });
}

interface Entry {
  readonly slot: Local<'i32'>;
  readonly page: Local<'i32'>;
  /** What the walk has returned. */
  readonly found: Local<'i32'>;
}

/** Enters a translation: TranslationBuffers.fill of tlb.ts. */
function enter(
  f: FunctionBuilder,
  { state, address }: Pick<Access, 'state' | 'address'>,
  entry: Entry,
  tag: I64,
  payload: I32,
): void {
  const { slot, page, found } = entry;
  const old = f.let(i32.load(slot, TLB.PHYSICAL_PAGE));
  const isGlobal = f.let(i32.and(found, i32.const(FOUND.GLOBAL)));
  const unlogged = f.let(i32.shl(i32.const(TLB.UNLOGGED), isGlobal));
  const set = f.let(i32.load(state, STATE.TLB_SET));
  f.if(i32.and(old, unlogged), () => {
    const counter = f.let(i32.add(set, i32.shl(isGlobal, i32.const(2))));
    const log = i32.add(set, i32.mul(isGlobal, i32.const(TLB.GLOBAL_LOG - TLB.LOG)));
    const count = f.let(i32.load(counter, TLB.LOGGED));
    f.store('i32', i32.add(log, i32.shl(count, i32.const(2))), slot, TLB.LOG);
    f.store('i32', counter, i32.add(count, i32.const(1)), TLB.LOGGED);
  });
  f.if(i32.and(found, i32.const(FOUND.LARGE)), () => {
    const region = i64.shl(i64.const(1), i64.extend_i32_u(regionNumber(f, address)));
    f.store('i64', set, i64.or(i64.load(set, TLB.LARGE_REGIONS), region), TLB.LARGE_REGIONS);
  });
  const kept = i32.and(
    i32.and(old, i32.const(TLB.UNLOGGED | TLB.UNLOGGED_GLOBAL)),
    i32.xor(unlogged, i32.const(-1)),
  );
  f.store('i64', slot, tag);
  f.store('i32', slot, payload, TLB.PAYLOAD);
  f.store('i32', slot, i32.or(i32.or(page, i32.shl(found, i32.const(30))), kept), TLB.PHYSICAL_PAGE);
}

/** Number of the bit of TLB.LARGE_REGIONS: `regionBit` of tlb.ts. */
function regionNumber(f: FunctionBuilder, address: I64): I32 {
  const high = f.let(i32.wrap_i64(i64.shr_u(address, i64.const(32))));
  const upper = i32.xor(high, i32.shr_u(high, i32.const(7)));
  return i32.or(
    i32.shr_u(i32.wrap_i64(address), i32.const(30)),
    i32.shl(i32.and(upper, i32.const(15)), i32.const(2)),
  );
}

/** TranslationBuffers.noteWriter of tlb.ts. */
function noteWriter(f: FunctionBuilder, page: I32, slot: I32): void {
  const at = f.let(i32.shl(page, i32.const(2)));
  const known = f.let(i32.load(at, LAYOUT.WRITERS));
  f.if(i32.and(i32.ne(known, i32.const(SEVERAL)), i32.ne(known, slot)), () => {
    const sameTag = i32.eqz(i32.and(i32.load(known), i32.const(PAGE_MASK)));
    const samePage = i32.eq(i32.and(i32.load(known, TLB.PHYSICAL_PAGE), i32.const(TLB.PAGE_MASK)), page);
    const stillThere = i32.and(i32.ne(known, i32.const(0)), i32.and(sameTag, samePage));
    f.store('i32', at, choose(stillThere, i32.const(SEVERAL), slot), LAYOUT.WRITERS);
  });
}

const isNonCanonical = (address: Local<'i64'>): I32 =>
  i64.ne(i64.shr_s(i64.shl(address, i64.const(16)), i64.const(16)), address);

/** Whether the bank in use is the one where every access comes by TypeScript. */
const isUncachedBank = (state: I32): I32 =>
  i32.eq(
    i32.load(state, STATE.TLB_BANK),
    i32.add(i32.load(state, STATE.TLB_SET), i32.const(BANK.USER_ALIGNED * TLB.BANK_SIZE)),
  );

const pageAddress = (address: I64): I64 => i64.and(address, i64.const(~0xfffn));
const inPage = (address: I64): I32 => i32.and(i32.wrap_i64(address), i32.const(PAGE_MASK));
const pageOffset = (found: I32): I32 => i32.and(found, i32.const(~PAGE_MASK));

/** Bits of the lines of a page of RAM, by its number. */
const linesOf = (page: I32): I64 => i64.load(i32.shl(page, i32.const(3)), LAYOUT.LINES);

/** Whether an access within a page touches a line that holds code. */
function touches(lines: I64, { address, bytes }: Access): I32 {
  const line = (offset: I32): I64 => i64.extend_i32_u(i32.shr_u(offset, i32.const(6)));
  const first = inPage(address);
  const last = i32.sub(i32.add(first, bytes), i32.const(1));
  const below = i64.shl(i64.const(1), line(first));
  const upTo = i64.shl(i64.const(2), line(last));
  return i64.ne(i64.and(lines, i64.sub(upTo, below)), i64.const(0));
}
