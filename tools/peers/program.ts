/** Compiles the benchmark program: a static i386 program, so that it runs in every guest and natively. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../scripts/lib/run.mjs';
import { needPackages } from './debian.ts';

const SOURCES = join(import.meta.dirname, 'program');
const HEADERS = ['bench.h', 'tests.def'];
const COMMON = ['-m32', '-std=gnu11', '-march=i686', '-O2', '-fno-math-errno', '-Wall', '-Wextra', '-Werror'];
const SSE2 = ['-msse2', '-mfpmath=sse'];
const X87 = ['-mno-sse', '-mfpmath=387'];

const UNITS: readonly {
  readonly source: string;
  readonly object?: string;
  readonly flags: readonly string[];
}[] = [
  ...['main', 'integer', 'memory', 'control', 'cold', 'written', 'packed', 'system', 'busybox'].map(
    (source) => ({ source, flags: SSE2 }),
  ),
  { source: 'doubles', object: 'doubles-sse2', flags: [...SSE2, '-DDOUBLES=double_sse2'] },
  { source: 'doubles', object: 'doubles-x87', flags: [...X87, '-DDOUBLES=double_x87'] },
];

/** Whether the compiler can make a static i386 program: that needs the C library of i386. */
function canCompile(folder: string): boolean {
  const probe = join(folder, 'probe.c');
  writeFileSync(probe, '#include <stdio.h>\nint main(void) { return puts("") < 0; }\n');
  return spawnSync('gcc', ['-m32', '-static', probe, '-o', join(folder, 'probe')]).status === 0;
}

/** Compiles a file, unless the object is there and was made of the same text in the same way. */
function compile(source: string, object: string, flags: readonly string[]): string {
  const file = join(SOURCES, `${source}.c`);
  const hash = createHash('sha256').update(flags.join(' '));
  for (const input of [file, ...HEADERS.map((header) => join(SOURCES, header))])
    hash.update(readFileSync(input));
  const key = hash.digest('hex');
  const keyFile = `${object}.key`;
  if (existsSync(object) && existsSync(keyFile) && readFileSync(keyFile, 'latin1') === key) return object;
  run('gcc', [...flags, '-c', file, '-o', object]);
  writeFileSync(keyFile, key);
  return object;
}

/** Compiles into `folder` and returns the program's path. */
export function buildProgram(folder: string): string {
  mkdirSync(folder, { recursive: true });
  needPackages('a compiler for static i386 programs', ['gcc', 'gcc-multilib'], () => canCompile(folder));
  const objects = UNITS.map(({ source, object = source, flags }) =>
    compile(source, join(folder, `${object}.o`), [...COMMON, ...flags]),
  );
  const program = join(folder, 'benchmark');
  run('gcc', ['-m32', '-static', '-s', ...objects, '-o', program]);
  return program;
}
