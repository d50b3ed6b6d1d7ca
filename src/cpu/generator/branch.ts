/** How code reaches regions: counting of branches, and branches out of a region. */
import { SIDE_EXITS, type SideExit } from '../../contracts/tiers.ts';
import type { LibraryFunction } from '../../isa/definition.ts';
import { type I32, i32, i64 } from '../../wasm/expression.ts';
import {
  type Callee,
  callIndirect,
  type FunctionBuilder,
  type IndirectTarget,
  type Local,
  type Signature,
} from '../../wasm/function.ts';
import { HOT, JUMPS, LAYOUT, RECORD, REGION_COUNTERS, STATE, STATUS, TARGETS, TLB } from '../state.ts';
import type { Environment } from './environment.ts';
import { HANDLER } from './handlers.ts';
import { emitLookup } from './memory.ts';
import { executeEntry } from './tlb-entry.ts';
import { FAULTED, FILL_EXECUTE, FILL_READ, FILL_WRITE } from './walker.ts';

/** Outlined handlers: (CPU block, record) -> STATUS.x */
export const HANDLER_SIGNATURE: Signature = { params: ['i32', 'i32'], results: ['i32'] };
/**
 * Regions: (CPU block) -> the address of the record that the interpreter has to execute next, or
 * STATUS.JUMP, FAULT, EXIT or TRANSFER, for which STATE.RIP is valid.
 */
export const REGION_SIGNATURE: Signature = { params: ['i32'], results: ['i32'] };

/** A record's counter, u16: 32-byte records have 2 bytes each. */
const COUNTER_OFFSET = LAYOUT.COUNTERS - (LAYOUT.RECORDS >> 4);

/** Linear-memory address of the u16 that counts branches to a record. */
export const counterAddress = (record: number): number => COUNTER_OFFSET + (record >> 4);

export const isRegion = (record: I32): I32 =>
  i32.eq(i32.load16_u(record, RECORD.HANDLER), i32.const(HANDLER.REGION));

/** Counts a branch to `record`. */
export function countBranch(f: FunctionBuilder, record: Local<'i32'>, table: I32, hot: Callee): void {
  const at = f.let(i32.shr_u(record, i32.const(4)));
  const count = f.let(i32.add(i32.load16_u(at, COUNTER_OFFSET), i32.const(1)));
  f.store('i32_16', at, count, COUNTER_OFFSET);
  f.ifUnlikely(i32.eq(count, i32.const(HOT)), () => f.call(hot, record, table));
}

/** Counts the instructions that regions have executed since `COUNTED` was set. */
export function countExecuted(f: FunctionBuilder, state: I32): void {
  const executed = i32.sub(i32.load(i32.const(0), REGION_COUNTERS.COUNTED), i32.load(state, STATE.BUDGET));
  const before = i64.load(i32.const(0), REGION_COUNTERS.INSTRUCTIONS);
  const after = i64.add(before, i64.extend_i32_s(executed));
  f.store('i64', i32.const(0), after, REGION_COUNTERS.INSTRUCTIONS);
}

/** Remembers where an indirect branch has led: see `TARGETS`. */
export function noteTarget(f: FunctionBuilder, record: Local<'i32'>, target: I32): void {
  const to = f.let(target);
  const mixed = i32.add(i32.shr_u(record, i32.const(5)), i32.xor(to, i32.shr_u(to, i32.const(8))));
  const index = i32.and(mixed, i32.const(TARGETS.ENTRIES - 1));
  const entry = f.let(i32.mul(index, i32.const(TARGETS.ENTRY_SIZE)));
  f.store('i32', entry, record, TARGETS.AT);
  f.store('i32', entry, to, TARGETS.AT + 4);
}

/** Adds 1 to an i64 in low memory. */
export function countUp(f: FunctionBuilder, address: number): void {
  f.store('i64', i32.const(0), i64.add(i64.load(i32.const(0), address), i64.const(1)), address);
}

/**
 * (target i64) -> as a region: a near branch out of a region to an instruction pointer. Goes straight
 * on to the region that begins there, or tells the interpreter where to go on. `flat`: in 64-bit and flat
 * 32-bit code CS has no base and no limit.
 */
export function branchFromRegion(
  environment: Environment,
  regions: IndirectTarget,
  flat: boolean,
): LibraryFunction<'i32'> {
  return {
    name: flat ? BRANCH_FROM_REGION.flat : BRANCH_FROM_REGION.segmented,
    params: ['i64'],
    result: 'i32',
    build: (f, use) => {
      const [state, target] = [f.param(0, 'i32'), f.param(1, 'i64')];
      const lookup = () => {
        countExit(f, 'target');
        f.store('i64', state, target, STATE.RIP);
        f.return(i32.const(STATUS.JUMP));
      };
      if (!flat) f.ifUnlikely(i64.gt_u(target, i64.load(state, STATE.CODE_LIMIT)), lookup);
      const codeBase = i64.load(state, STATE.EFFECTIVE_BASE + 8);
      const linear = flat
        ? target
        : f.let(i64.and(i64.add(target, codeBase), i64.load(state, STATE.ADDRESS_MASK)));
      const page = f.let(i64.and(linear, i64.const(~0xfffn)));
      const slot = f.let(i32.shl(i32.and(i32.wrap_i64(linear), i32.const(0xfff)), i32.const(2)));
      const table = f.local('i32');
      /** Makes the CPU block say that code runs in the page. */
      const enterPage = () => {
        f.store('i32', state, table, STATE.TABLE);
        f.store('i64', state, page, STATE.PAGE_LINEAR);
        f.store('i64', state, i64.sub(target, i64.and(linear, i64.const(0xfff))), STATE.PAGE_IP);
      };
      const entry = f.let(executeEntry(i32.load(state, STATE.TLB_BANK), i32.wrap_i64(linear)));
      const tag = i64.or(page, i64.load(state, STATE.CODE_MODE));
      const isMapped = f.let(i64.eq(i64.load(entry, TLB.EXECUTE), tag));
      const jump = f.let(jumpEntry(f, i32.wrap_i64(linear)));
      f.set(table, i32.load(jump, LAYOUT.JUMPS + JUMPS.TABLE));
      const isKnown = i32.and(
        i64.eq(i64.load(jump, LAYOUT.JUMPS), linear),
        i32.eq(i32.load(entry, TLB.EXECUTE + TLB.PAYLOAD), table),
      );
      f.ifLikely(i32.and(isMapped, isKnown), () => {
        enterPage();
        f.returnCallIndirect(regions, i32.load(jump, LAYOUT.JUMPS + JUMPS.SLOT), state);
      });
      f.set(table, i32.load(state, STATE.TABLE));
      const found = f.local('i32');
      f.if(
        i64.eq(page, i64.load(state, STATE.PAGE_LINEAR)),
        () => {
          f.set(found, i32.load(i32.add(table, slot)));
          f.ifUnlikely(i32.eqz(found), lookup);
        },
        () => {
          f.ifUnlikely(i32.eqz(isMapped), () =>
            f.ifUnlikely(i32.eqz(use.library(FILL_EXECUTE, linear)), lookup),
          );
          f.set(table, i32.load(entry, TLB.EXECUTE + TLB.PAYLOAD));
          f.set(found, i32.load(i32.add(table, slot)));
          f.ifUnlikely(i32.eqz(found), lookup);
          enterPage();
        },
      );
      f.ifLikely(isRegion(found), () => {
        const region = f.let(i32.load(found, RECORD.LINK));
        f.store('i64', jump, linear, LAYOUT.JUMPS);
        f.store('i32', jump, table, LAYOUT.JUMPS + JUMPS.TABLE);
        f.store('i32', jump, region, LAYOUT.JUMPS + JUMPS.SLOT);
        f.returnCallIndirect(regions, region, state);
      });
      // A request may move the end of time, which is no instruction.
      countExecuted(f, state);
      countBranch(f, found, table, environment.imports.hot);
      f.store('i32', i32.const(0), i32.load(state, STATE.BUDGET), REGION_COUNTERS.COUNTED);
      countExit(f, 'target');
      f.return(found);
      f.unreachable();
    },
  };
}

/** Address (less LAYOUT.JUMPS) of the entry of `JUMPS` for a linear address. */
function jumpEntry(f: FunctionBuilder, linear: I32): I32 {
  const low = f.let(linear);
  const mixed = i32.xor(low, i32.shr_u(low, i32.const(12)));
  return i32.shl(i32.and(mixed, i32.const(JUMPS.ENTRIES - 1)), i32.const(Math.log2(JUMPS.ENTRY_SIZE)));
}

/** Bits of the number of an access, below its bytes: a write; the range of several accesses. */
const ACCESS = { WRITE: 1, RANGE: 2, BYTES_AT: 2 } as const;

/** Encodes an access for `retryInRegion`, or the range of several that are looked up together. */
export const retryAccess = (kind: 'read' | 'write', bytes: number): number =>
  (bytes << ACCESS.BYTES_AT) | (kind === 'write' ? ACCESS.WRITE : 0);
export const retryRange = (kind: 'read' | 'write', bytes: number): number =>
  retryAccess(kind, bytes) | ACCESS.RANGE;

/**
 * (address i64, access, record) -> as a region: after a TLB miss in a region at the instruction of `record`.
 * Looks the address up in the page tables; when the TLB has it then, goes on in the region that begins at
 * the instruction, if there is one.
 */
export function retryInRegion(environment: Environment, regions: IndirectTarget): LibraryFunction<'i32'> {
  return {
    name: RETRY_IN_REGION,
    params: ['i64', 'i32', 'i32'],
    result: 'i32',
    build: (f, use) => {
      const state = f.param(0, 'i32');
      const [address, access, record] = [f.param(1, 'i64'), f.param(2, 'i32'), f.param(3, 'i32')];
      const bytes = f.let(i32.shr_u(access, i32.const(ACCESS.BYTES_AT)));
      const end = i32.add(i32.and(i32.wrap_i64(address), i32.const(0xfff)), bytes);
      f.ifUnlikely(i32.gt_u(end, i32.const(0x1000)), () => {
        f.if(i32.and(access, i32.const(ACCESS.RANGE)), () => f.call(environment.imports.straddles, record));
        f.return(record);
      });
      const host = f.local('i32');
      const goOn = (tlb: number) =>
        emitLookup(f, { tlb, bank: i32.load(state, STATE.TLB_BANK), address, bytes, host }, () =>
          f.return(record),
        );
      f.if(
        i32.and(access, i32.const(ACCESS.WRITE)),
        () => {
          f.if(i32.le_u(use.library(FILL_WRITE, address, bytes), i32.const(FAULTED)), () => f.return(record));
          goOn(TLB.WRITE);
        },
        () => {
          f.if(i32.le_u(use.library(FILL_READ, address, bytes), i32.const(FAULTED)), () => f.return(record));
          goOn(TLB.READ);
        },
      );
      f.if(isRegion(record), () => f.returnCallIndirect(regions, i32.load(record, RECORD.LINK), state));
      f.return(record);
      f.unreachable();
    },
  };
}

/** (record) -> 0: asks for a region that begins at the record, which has one that could be better. */
export function requestRegion(environment: Environment): LibraryFunction<'i32'> {
  return {
    name: REQUEST_REGION,
    params: ['i32'],
    result: 'i32',
    build: (f) => {
      const [state, record] = [f.param(0, 'i32'), f.param(1, 'i32')];
      // A request may move the end of time, which is no instruction.
      countExecuted(f, state);
      f.call(environment.imports.hot, record, i32.load(state, STATE.TABLE));
      f.store('i32', i32.const(0), i32.load(state, STATE.BUDGET), REGION_COUNTERS.COUNTED);
      f.return(i32.const(0));
      f.unreachable();
    },
  };
}

/** Name under which the interpreter exports `requestRegion`. */
export const REQUEST_REGION = 'requestRegion';

/** Name under which the interpreter exports `retryInRegion`. */
export const RETRY_IN_REGION = 'retryInRegion';

/** Names under which the interpreter exports `branchFromRegion`. */
export const BRANCH_FROM_REGION = { flat: 'branchFromRegion', segmented: 'branchFromSegmented' } as const;

/** Counts a return of a region to the interpreter. */
export const countExit = (f: FunctionBuilder, cause: SideExit): void =>
  countUp(f, REGION_COUNTERS.EXITS + Object.keys(SIDE_EXITS).indexOf(cause) * 8);

/**
 * (record) -> STATUS.x: executes the record's outlined handler. Regions call it rather than the handler: an
 * instance that imported the handlers' table would live as long as the table.
 */
export function callHandler(handlers: IndirectTarget): LibraryFunction<'i32'> {
  return {
    name: CALL_HANDLER,
    params: ['i32'],
    result: 'i32',
    build: (f) => {
      const [state, record] = [f.param(0, 'i32'), f.param(1, 'i32')];
      f.return(callIndirect('i32', handlers, i32.load(record, RECORD.LINK), state, record));
      f.unreachable();
    },
  };
}

/** Name under which the interpreter exports `callHandler`. */
export const CALL_HANDLER = 'callHandler';
