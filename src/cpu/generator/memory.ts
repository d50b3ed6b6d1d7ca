/** Linear addresses to host addresses: the inline TLB check and the shared functions behind it. */
import type { LibraryFunction } from '../../isa/definition.ts';
import { type I32, type I64, i32, i64 } from '../../wasm/expression.ts';
import { call, type FunctionBuilder, type Local } from '../../wasm/function.ts';
import { RECORD, STATE, TLB } from '../state.ts';
import type { Environment } from './environment.ts';
import { dataEntry } from './tlb-entry.ts';
import { FAULTED, FILL_READ, FILL_WRITE } from './walker.ts';

/**
 * Looks `address` up in a TLB of the bank and leaves the host address in `host`; `miss` provides it
 * otherwise. Comparing the page of the last byte makes an access that crosses a page miss.
 */
export function emitLookup(
  f: FunctionBuilder,
  access: { tlb: number; bank: I32; address: Local<'i64'>; bytes: number | I32; host: Local<'i32'> },
  miss: () => void,
): void {
  const { tlb, bank, address, bytes, host } = access;
  const entry = f.let(dataEntry(bank, i32.wrap_i64(address)));
  const last: I64 =
    typeof bytes !== 'number'
      ? i64.add(address, i64.extend_i32_u(i32.sub(bytes, i32.const(1))))
      : bytes === 1
        ? address
        : i64.add(address, i64.const(bytes - 1));
  f.ifLikely(
    i64.eq(i64.and(last, i64.const(~0xfffn)), i64.load(entry, tlb)),
    () => f.set(host, i32.add(i32.wrap_i64(address), i32.load(entry, tlb + TLB.PAYLOAD))),
    miss,
  );
}

const high = (value: I64): I32 => i32.wrap_i64(i64.shr_u(value, i64.const(32)));

export interface MemoryFunctions {
  /** (state, segment, address i64, bytes) -> host address or 0, only after a TLB miss */
  readonly readMiss: LibraryFunction<'i32'>;
  readonly writeMiss: LibraryFunction<'i32'>;
  readonly modifyMiss: LibraryFunction<'i32'>;
  /** The same with the TLB look-up in front. */
  readonly read: LibraryFunction<'i32'>;
  readonly write: LibraryFunction<'i32'>;
  readonly modify: LibraryFunction<'i32'>;
  /** (state, record, offset i64, bytes, segment) -> linear address, or one that can only fault */
  readonly segmentRead: LibraryFunction<'i64'>;
  readonly segmentWrite: LibraryFunction<'i64'>;
}

/**
 * The linear address that stands for one that segmentation refused: not canonical, so that every TLB
 * misses and the slow path raises #GP(0), or #SS(0) for the stack segment.
 */
const REFUSED_ADDRESS = 1n << 62n;

/** @param environment of the interpreter; absent where the functions are only called, by name */
export function memoryFunctions(environment?: Environment): MemoryFunctions {
  const slowPath = (name: 'readMiss' | 'writeMiss', ...args: I32[]): I32 => {
    if (!environment) throw new Error(`${name} cannot be built here`);
    return call('i32', environment.imports[name], ...args);
  };
  const miss = (name: string, modify: boolean | undefined): LibraryFunction<'i32'> => ({
    name,
    params: ['i32', 'i64', 'i32'],
    result: 'i32',
    build: (f, use) => {
      const [segment, address, bytes] = [f.param(1, 'i32'), f.param(2, 'i64'), f.param(3, 'i32')];
      const host = f.let(use.library(modify === undefined ? FILL_READ : FILL_WRITE, address, bytes));
      f.if(i32.gt_u(host, i32.const(FAULTED)), () => f.return(host));
      f.if(host, () => f.return(i32.const(0)));
      const halves = [segment, i32.wrap_i64(address), high(address), bytes];
      f.return(
        modify === undefined
          ? slowPath('readMiss', ...halves)
          : slowPath('writeMiss', ...halves, i32.const(modify ? 1 : 0)),
      );
      f.unreachable();
    },
  });
  const access = (name: string, tlb: number, onMiss: LibraryFunction<'i32'>): LibraryFunction<'i32'> => ({
    name,
    params: ['i32', 'i64', 'i32'],
    result: 'i32',
    build: (f, use) => {
      const [state, segment, address, bytes] = [
        f.param(0, 'i32'),
        f.param(1, 'i32'),
        f.param(2, 'i64'),
        f.param(3, 'i32'),
      ];
      const host = f.local('i32');
      emitLookup(f, { tlb, bank: i32.load(state, STATE.TLB_BANK), address, bytes, host }, () =>
        f.return(use.library(onMiss, segment, address, bytes)),
      );
      f.return(host);
      f.unreachable();
    },
  });
  const segment = (name: string, low: number, highEnd: number): LibraryFunction<'i64'> => ({
    name,
    params: ['i64', 'i32', 'i32'],
    result: 'i64',
    build: (f) => {
      const [state, offset, bytes, segmentNumber] = [
        f.param(0, 'i32'),
        f.param(1, 'i64'),
        f.param(2, 'i32'),
        f.param(3, 'i32'),
      ];
      const range = f.let(i32.add(state, i32.shl(segmentNumber, i32.const(5))));
      const last = f.let(i64.add(offset, i64.extend_i32_u(i32.sub(bytes, i32.const(1)))));
      const inside = i32.and(
        i32.and(
          i64.ge_s(offset, i64.load(range, STATE.SEGMENT_RANGE + low)),
          i64.le_s(last, i64.load(range, STATE.SEGMENT_RANGE + highEnd)),
        ),
        i64.ge_s(last, offset),
      );
      f.if(inside, () =>
        f.return(
          i64.and(
            i64.add(
              offset,
              i64.load(i32.add(state, i32.shl(segmentNumber, i32.const(3))), STATE.EFFECTIVE_BASE),
            ),
            i64.load(state, STATE.ADDRESS_MASK),
          ),
        ),
      );
      f.return(i64.const(REFUSED_ADDRESS));
      f.unreachable();
    },
  });
  const readMiss = miss('readMiss', undefined);
  const writeMiss = miss('writeMiss', false);
  const modifyMiss = miss('modifyMiss', true);
  return {
    readMiss,
    writeMiss,
    modifyMiss,
    read: access('read', TLB.READ, readMiss),
    write: access('write', TLB.WRITE, writeMiss),
    modify: access('modify', TLB.WRITE, modifyMiss),
    segmentRead: segment('segmentRead', 0, 8),
    segmentWrite: segment('segmentWrite', 16, 24),
  };
}

/** Address-size mask of a record whose address size is not that of a flat mode: by the PREFIXES field. */
export function addressSizeMask(record: I32): I64 {
  const code = i32.and(i32.shr_u(i32.load8_u(record, RECORD.PREFIXES), i32.const(2)), i32.const(3));
  // 16 << code bits: 64 - bits = 48, 32, 0 positions to shift -1 right by.
  const unused = i32.sub(i32.const(64), i32.shl(i32.const(16), code));
  return i64.shr_u(i64.const(-1), i64.extend_i32_u(unused));
}
