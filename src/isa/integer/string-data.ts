/**
 * What repeated string instructions do to memory, many elements at once: shared functions over host
 * addresses. All elements lie within one page each side, and nothing but the data is touched.
 */
import { type I32, type I64, i32, i64, type V128 } from '../../wasm/expression.ts';
import type { FunctionBuilder, Local, STORE } from '../../wasm/function.ts';
import { i8x16, i16x8, i32x4, i64x2, v128 } from '../../wasm/simd.ts';
import type { LibraryFunction, Size } from '../definition.ts';

/** An element, sign-extended. */
export function loadElement(size: Size, host: I32): I64 {
  return { 8: i64.load8_s, 16: i64.load16_s, 32: i64.load32_s, 64: i64.load }[size](host);
}

export function storeElement(f: FunctionBuilder, size: Size, host: I32, value: I64): void {
  const stores: Record<Size, keyof typeof STORE> = { 8: 'i64_8', 16: 'i64_16', 32: 'i64_32', 64: 'i64' };
  f.store(stores[size], host, value);
}

/** Bytes from which the engine's bulk copy and fill are faster than a loop. */
const LONG = 256;

const perSize = (make: (size: Size) => LibraryFunction<'i32'>): Record<Size, LibraryFunction<'i32'>> => ({
  8: make(8),
  16: make(16),
  32: make(32),
  64: make(64),
});

/** Runs `body` while at least `bytes` bytes are left up to `end`; `body` moves `at` on. */
function whileLeft(f: FunctionBuilder, at: I32, end: I32, bytes: number, body: () => void): void {
  f.block((done) =>
    f.loop((next) => {
      f.brIf(done, i32.lt_u(i32.sub(end, at), i32.const(bytes)));
      body();
      f.br(next);
    }),
  );
}

/**
 * (to, from, count) -> count: copies elements one after the other, upwards. Where the destination
 * begins inside the source, later elements are copies of copies, as the processor makes them: pieces may
 * be as long as the distance.
 */
export const COPY = perSize((size) => ({
  name: `copyElements${size}`,
  params: ['i32', 'i32', 'i32'],
  result: 'i32',
  build: (f) => {
    const [to, from, count] = [f.param(1, 'i32'), f.param(2, 'i32'), f.param(3, 'i32')];
    const bytes = f.let(i32.mul(count, i32.const(size / 8)));
    const ahead = f.let(i32.sub(to, from));
    f.if(i32.and(i32.ge_u(ahead, bytes), i32.ge_u(bytes, i32.const(LONG))), () => {
      f.copyMemory(to, from, bytes);
      f.return(count);
    });
    const end = f.let(i32.add(from, bytes));
    const advance = (step: number) => {
      f.set(to, i32.add(to, i32.const(step)));
      f.set(from, i32.add(from, i32.const(step)));
    };
    const pieces = (step: number, copy: () => void) =>
      f.if(i32.ge_u(ahead, i32.const(step)), () =>
        whileLeft(f, from, end, step, () => {
          copy();
          advance(step);
        }),
      );
    pieces(16, () => f.store('v128', to, v128.load(from)));
    if (size < 64) pieces(8, () => f.store('i64', to, i64.load(from)));
    whileLeft(f, from, end, size / 8, () => {
      storeElement(f, size, to, loadElement(size, from));
      advance(size / 8);
    });
    f.return(count);
    f.unreachable();
  },
}));

const splat = (size: Size, value: I64): V128 =>
  ({
    8: () => i8x16.splat(i32.wrap_i64(value)),
    16: () => i16x8.splat(i32.wrap_i64(value)),
    32: () => i32x4.splat(i32.wrap_i64(value)),
    64: () => i64x2.splat(value),
  })[size]();

/** (to, value, count) -> count: stores the low `size` bits of the value `count` times. */
export const FILL = perSize((size) => ({
  name: `fillElements${size}`,
  params: ['i32', 'i64', 'i32'],
  result: 'i32',
  build: (f) => {
    const [to, value, count] = [f.param(1, 'i32'), f.param(2, 'i64'), f.param(3, 'i32')];
    const bytes = f.let(i32.mul(count, i32.const(size / 8)));
    // The bytes of the value are all the same: the element is its own low byte, repeated.
    const unused = i64.const(64 - size);
    const repeated = i64.mul(i64.and(value, i64.const(0xff)), i64.const(0x0101_0101_0101_0101n));
    const uniform = i64.eqz(i64.shl(i64.xor(value, repeated), unused));
    f.if(i32.and(uniform, i32.ge_u(bytes, i32.const(LONG))), () => {
      f.fillMemory(to, i32.wrap_i64(value), bytes);
      f.return(count);
    });
    const end = f.let(i32.add(to, bytes));
    const vector = f.let(splat(size, value));
    whileLeft(f, to, end, 64, () => {
      for (const offset of [0, 16, 32, 48]) f.store('v128', to, vector, offset);
      f.set(to, i32.add(to, i32.const(64)));
    });
    whileLeft(f, to, end, 16, () => {
      f.store('v128', to, vector);
      f.set(to, i32.add(to, i32.const(16)));
    });
    whileLeft(f, to, end, size / 8, () => {
      storeElement(f, size, to, value);
      f.set(to, i32.add(to, i32.const(size / 8)));
    });
    f.return(count);
    f.unreachable();
  },
}));

/** What `compareLoop` compares, and when it stops. */
interface Comparison {
  /** Host addresses that move on. */
  readonly hosts: readonly Local<'i32'>[];
  readonly count: I32;
  /** Whether the elements there are equal. */
  readonly equal: () => I32;
  /** What `equal` has to be to go on. */
  readonly wanted: I32;
  /** Whether none of the next 16 bytes can end the loop. */
  readonly chunkGoesOn: () => I32;
  /** When `chunkGoesOn` may be asked: the value of `wanted` that it stands for. */
  readonly chunkWanted: 0 | 1;
}

const CHUNK = 16;

/** Compares up to and with the first element that ends the loop. @returns the number of elements compared */
function compareLoop(f: FunctionBuilder, size: Size, c: Comparison): void {
  const bytes = size / 8;
  const advance = (step: number) => {
    for (const host of c.hosts) f.set(host, i32.add(host, i32.const(step)));
  };
  const start = f.let(c.hosts[0]);
  const end = f.let(i32.add(start, i32.mul(c.count, i32.const(bytes))));
  f.if(i32.eq(c.wanted, i32.const(c.chunkWanted)), () =>
    f.block((single) =>
      f.loop((next) => {
        // More than a chunk is left, so that at least one element is compared below.
        f.brIf(single, i32.le_u(i32.sub(end, c.hosts[0]), i32.const(CHUNK)));
        f.brIf(single, i32.eqz(c.chunkGoesOn()));
        advance(CHUNK);
        f.br(next);
      }),
    ),
  );
  f.loop((next) => {
    const goOn = f.let(i32.eq(c.equal(), c.wanted));
    advance(bytes);
    f.brIf(next, i32.and(goOn, i32.lt_u(c.hosts[0], end)));
  });
  f.return(i32.div_u(i32.sub(c.hosts[0], start), i32.const(bytes)));
  f.unreachable();
}

/** (a, b, count, wanted) -> elements compared: up to and with the first where `a = b` is not `wanted` (0 or 1). */
export const COMPARE = perSize((size) => ({
  name: `compareElements${size}`,
  params: ['i32', 'i32', 'i32', 'i32'],
  result: 'i32',
  build: (f) => {
    const [a, b] = [f.param(1, 'i32'), f.param(2, 'i32')];
    compareLoop(f, size, {
      hosts: [a, b],
      count: f.param(3, 'i32'),
      wanted: f.param(4, 'i32'),
      equal: () => i64.eq(loadElement(size, a), loadElement(size, b)),
      chunkGoesOn: () => i32.eqz(v128.any_true(v128.xor(v128.load(a), v128.load(b)))),
      chunkWanted: 1,
    });
  },
}));

/** (value sign-extended, b, count, wanted) -> elements compared, as `COMPARE` does. */
export const SCAN = perSize((size) => ({
  name: `scanElements${size}`,
  params: ['i64', 'i32', 'i32', 'i32'],
  result: 'i32',
  build: (f) => {
    const [value, b] = [f.param(1, 'i64'), f.param(2, 'i32')];
    const matches = (vector: V128): V128 => {
      const wanted = splat(size, value);
      return { 8: i8x16.eq, 16: i16x8.eq, 32: i32x4.eq, 64: i64x2.eq }[size](vector, wanted);
    };
    compareLoop(f, size, {
      hosts: [b],
      count: f.param(3, 'i32'),
      wanted: f.param(4, 'i32'),
      equal: () => i64.eq(value, loadElement(size, b)),
      chunkGoesOn: () => i32.eqz(v128.any_true(matches(v128.load(b)))),
      chunkWanted: 0,
    });
  },
}));
