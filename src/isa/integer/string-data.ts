/**
 * What repeated string instructions do to memory, many elements at once: shared functions over host
 * addresses. All elements lie within one page each side, and nothing but the data is touched.
 */
import { type I32, type I64, i32, i64 } from '../../wasm/expression.ts';
import type { FunctionBuilder, STORE } from '../../wasm/function.ts';
import type { LibraryFunction, Size } from '../definition.ts';

/** An element, sign-extended. */
export function loadElement(size: Size, host: I32): I64 {
  return { 8: i64.load8_s, 16: i64.load16_s, 32: i64.load32_s, 64: i64.load }[size](host);
}

export function storeElement(f: FunctionBuilder, size: Size, host: I32, value: I64): void {
  const stores: Record<Size, keyof typeof STORE> = { 8: 'i64_8', 16: 'i64_16', 32: 'i64_32', 64: 'i64' };
  f.store(stores[size], host, value);
}

/** Elements below which a loop is faster than the engine's bulk copy. */
const SHORT = 12;

const perSize = (make: (size: Size) => LibraryFunction<'i32'>): Record<Size, LibraryFunction<'i32'>> => ({
  8: make(8),
  16: make(16),
  32: make(32),
  64: make(64),
});

/**
 * (to, from, count) -> count: copies elements one after the other, upwards. Where the destination
 * begins inside the source, later elements are copies of copies, as the processor makes them.
 */
export const COPY = perSize((size) => ({
  name: 'copyElements',
  params: ['i32', 'i32', 'i32'],
  result: 'i32',
  build: (f) => {
    const [to, from, count] = [f.param(1, 'i32'), f.param(2, 'i32'), f.param(3, 'i32')];
    const bytes = f.let(i32.mul(count, i32.const(size / 8)));
    const ahead = i32.ge_u(i32.sub(to, from), bytes);
    f.if(i32.and(ahead, i32.ge_u(count, i32.const(SHORT))), () => {
      f.copyMemory(to, from, bytes);
      f.return(count);
    });
    const end = f.let(i32.add(from, bytes));
    f.loop((next) => {
      storeElement(f, size, to, loadElement(size, from));
      f.set(to, i32.add(to, i32.const(size / 8)));
      f.set(from, i32.add(from, i32.const(size / 8)));
      f.brIf(next, i32.lt_u(from, end));
    });
    f.return(count);
    f.unreachable();
  },
}));

/** (to, value as halves, count) -> count: stores the low `size` bits of the value `count` times. */
export const FILL = perSize((size) => ({
  name: 'fillElements',
  params: ['i32', 'i64', 'i32'],
  result: 'i32',
  build: (f) => {
    const [to, value, count] = [f.param(1, 'i32'), f.param(2, 'i64'), f.param(3, 'i32')];
    const bytes = f.let(i32.mul(count, i32.const(size / 8)));
    // The bytes of the value are all the same: the element is its own low byte, repeated.
    const unused = i64.const(64 - size);
    const repeated = i64.mul(i64.and(value, i64.const(0xff)), i64.const(0x0101_0101_0101_0101n));
    const uniform = i64.eqz(i64.shl(i64.xor(value, repeated), unused));
    f.if(i32.and(uniform, i32.ge_u(count, i32.const(SHORT))), () => {
      f.fillMemory(to, i32.wrap_i64(value), bytes);
      f.return(count);
    });
    const end = f.let(i32.add(to, bytes));
    f.loop((next) => {
      storeElement(f, size, to, value);
      f.set(to, i32.add(to, i32.const(size / 8)));
      f.brIf(next, i32.lt_u(to, end));
    });
    f.return(count);
    f.unreachable();
  },
}));

/** A loop over elements that ends after the first for which `equal` is not `wanted`. @returns the number compared */
function compareLoop(
  f: FunctionBuilder,
  size: Size,
  at: { equal: () => I32; wanted: I32; hosts: readonly ReturnType<typeof f.local<'i32'>>[]; count: I32 },
): void {
  const done = f.let(i32.const(0));
  f.loop((next) => {
    const goOn = f.let(i32.eq(at.equal(), at.wanted));
    for (const host of at.hosts) f.set(host, i32.add(host, i32.const(size / 8)));
    f.set(done, i32.add(done, i32.const(1)));
    f.brIf(next, i32.and(goOn, i32.lt_u(done, at.count)));
  });
  f.return(done);
  f.unreachable();
}

/** (a, b, count, wanted) -> elements compared: up to and with the first where `a = b` is not `wanted` (0 or 1). */
export const COMPARE = perSize((size) => ({
  name: 'compareElements',
  params: ['i32', 'i32', 'i32', 'i32'],
  result: 'i32',
  build: (f) => {
    const [a, b] = [f.param(1, 'i32'), f.param(2, 'i32')];
    const equal = () => i64.eq(loadElement(size, a), loadElement(size, b));
    compareLoop(f, size, { equal, hosts: [a, b], count: f.param(3, 'i32'), wanted: f.param(4, 'i32') });
  },
}));

/** (value sign-extended, b, count, wanted) -> elements compared, as `COMPARE` does. */
export const SCAN = perSize((size) => ({
  name: 'scanElements',
  params: ['i64', 'i32', 'i32', 'i32'],
  result: 'i32',
  build: (f) => {
    const [value, b] = [f.param(1, 'i64'), f.param(2, 'i32')];
    const equal = () => i64.eq(value, loadElement(size, b));
    compareLoop(f, size, { equal, hosts: [b], count: f.param(3, 'i32'), wanted: f.param(4, 'i32') });
  },
}));
