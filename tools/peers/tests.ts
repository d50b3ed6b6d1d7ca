/** The tests of the benchmark program (program/tests.def), with how often each repeats its work. */

export const GROUPS = ['cpu', 'system', 'busybox'] as const;
export type Group = (typeof GROUPS)[number];

export interface Test {
  /** As in program/tests.def. */
  readonly name: string;
  readonly group: Group;
  /** Repetitions: chosen for some 10 to 100 ms on a processor of 2020. */
  readonly count: number;
  readonly about: string;
}

const test = (group: Group, name: string, count: number, about: string): Test => ({
  name,
  group,
  count,
  about,
});

export const TESTS: readonly Test[] = [
  test('cpu', 'int-sort', 15, 'quicksort of 32,768 integers'),
  test('cpu', 'sha256', 15, 'SHA-256 of 64 KiB'),
  test('cpu', 'int64', 5000, 'sums, shifts, comparisons of 64 bits'),
  test('cpu', 'multiply64', 10000, 'products of 64 bits'),
  test('cpu', 'divide', 4000, 'quotients of 32 and 64 bits'),
  test('cpu', 'chase-cache', 20000, 'pointers through 16 KiB'),
  test('cpu', 'chase-memory', 300, 'pointers through 64 MiB'),
  test('cpu', 'rep-movs', 800, 'rep movs of 1 MiB'),
  test('cpu', 'rep-stos', 1500, 'rep stos of 1 MiB'),
  test('cpu', 'rep-short', 2000, 'rep movs of 1 to 64 bytes'),
  test('cpu', 'byte-code', 100, 'an interpreter of byte code'),
  test('cpu', 'calls', 500, 'recursion within a page'),
  test('cpu', 'calls-pages', 10000, 'calls between eleven pages'),
  test('cpu', 'calls-indirect', 800, 'sixteen functions through pointers'),
  test('cpu', 'cold-code', 60, '4,096 functions of 160 bytes'),
  test('cpu', 'written-code', 4000, 'fresh routines, each run 500 times'),
  test('cpu', 'patched-code', 3000, 'one instruction changed before each call'),
  test('cpu', 'double-sse2', 2000, 'bodies and a Mandelbrot set, SSE2'),
  test('cpu', 'double-x87', 1500, 'the same, x87'),
  test('cpu', 'packed-int', 6000, 'blending of bytes, SSE2'),
  test('cpu', 'packed-float', 10000, 'a Mandelbrot set by fours'),
  test('system', 'system-calls', 100, 'close(-1)'),
  test('system', 'fork', 150, 'fork, exit, wait'),
  test('system', 'exec', 60, 'fork, exec, exit, wait'),
  test('system', 'pipe', 3000, 'a number to a process and back'),
  test('system', 'mmap-faults', 15, 'mmap 4 MiB, touch, munmap'),
  test('system', 'signals', 80, 'kill, handler, return'),
  test('system', 'file-writes', 40, 'a file of 1 MiB written and read'),
  test('busybox', 'gzip', 1, 'gzip of 400 KB of text'),
  test('busybox', 'sort', 1, 'sort of 10,000 lines'),
  test('busybox', 'awk', 1, 'words counted in 10,000 lines'),
  test('busybox', 'sh', 2, 'arithmetic, functions, patterns'),
];
