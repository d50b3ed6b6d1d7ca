/** NASM as the oracle of the assembler's tests. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export function hasNasm(): boolean {
  return spawnSync('nasm', ['-v']).status === 0;
}

export interface NasmResult {
  /** The flat image; undefined when NASM reported errors. */
  readonly bytes: Uint8Array | undefined;
  /** Lines (from 1) with errors, or with warnings that mean truncated numbers. */
  readonly badLines: ReadonlySet<number>;
  readonly messages: string;
}

const COMPLAINT = /^main\.asm:(\d+): (?:error|warning: .*(?:exceeds bounds|not fit|in might be in error))/gm;

/** Runs `nasm -f bin`. `includes` become files beside the source. */
export function nasm(source: string, includes: Readonly<Record<string, string>> = {}): NasmResult {
  const directory = mkdtempSync(join(tmpdir(), 'nasm-oracle-'));
  try {
    writeFileSync(join(directory, 'main.asm'), source);
    for (const [name, text] of Object.entries(includes)) {
      mkdirSync(dirname(join(directory, name)), { recursive: true });
      writeFileSync(join(directory, name), text);
    }
    const run = spawnSync('nasm', ['-f', 'bin', 'main.asm', '-o', 'main.bin'], {
      cwd: directory,
      encoding: 'utf8',
    });
    const badLines = new Set([...run.stderr.matchAll(COMPLAINT)].map((m) => Number(m[1])));
    const bytes = run.status === 0 ? new Uint8Array(readFileSync(join(directory, 'main.bin'))) : undefined;
    return { bytes, badLines, messages: run.stderr };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const HEADER_LINES = 3;

/** Statements one after the other, then a table of where each ends: statement i stands on line 4 + 2i. */
export function sampleSource(bits: number, lines: readonly string[]): string {
  const body = lines.map((line, i) => `${line}\nend${i}:`).join('\n');
  const table = lines.map((_, i) => `dd end${i} - samples`).join('\n');
  return `bits ${bits}\norg 0x1000\nsamples:\n${body}\n${table}\n`;
}

/** Cuts the image of `sampleSource` into the bytes of each statement. */
export function splitSamples(lines: readonly string[], image: Uint8Array): Map<string, Uint8Array> {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const table = image.length - 4 * lines.length;
  const samples = new Map<string, Uint8Array>();
  let start = 0;
  lines.forEach((line, i) => {
    const end = view.getUint32(table + 4 * i, true);
    samples.set(line, image.slice(start, end));
    start = end;
  });
  return samples;
}

/** NASM's bytes for each statement; those it refuses are left out. */
export function nasmEach(bits: number, lines: readonly string[]): Map<string, Uint8Array> {
  let list = [...new Set(lines)];
  for (let attempt = 0; attempt < 8; attempt++) {
    const result = nasm(sampleSource(bits, list));
    if (result.bytes && result.badLines.size === 0) return splitSamples(list, result.bytes);
    if (result.badLines.size === 0) throw new Error(`NASM failed without naming a line:\n${result.messages}`);
    list = list.filter((_, i) => !result.badLines.has(HEADER_LINES + 1 + 2 * i));
  }
  throw new Error('NASM refuses other statements each time');
}
