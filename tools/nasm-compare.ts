/** Compares the assembler with NASM, statement by statement. */
import { assemble } from '../src/isa/assembler/index.ts';
import { nasmEach, sampleSource, splitSamples } from './nasm-oracle.ts';

const hex = (bytes: Uint8Array | undefined) => (bytes ? Buffer.from(bytes).toString('hex') : 'none');

/** Bytes or the error message of each statement. */
function ours(bits: number, lines: readonly string[]): Map<string, Uint8Array | string> {
  const result = new Map<string, Uint8Array | string>();
  let list = [...lines];
  for (;;) {
    const assembly = assemble(sampleSource(bits, list));
    if (assembly.errors.length === 0) {
      for (const [text, bytes] of splitSamples(list, assembly.bytes)) result.set(text, bytes);
      return result;
    }
    const bad = new Map(assembly.errors.map((e) => [(e.line - 4) / 2, e.message]));
    for (const [i, message] of bad) result.set(list[i], message);
    const before = list.length;
    list = list.filter((_, i) => !bad.has(i));
    if (list.length === before) throw new Error(assembly.errors[0].message);
  }
}

/** The statements that NASM accepts and the assembler turns into other bytes, or into none. */
export function differences(bits: 16 | 32 | 64, lines: readonly string[]): string[] {
  const expected = nasmEach(bits, lines);
  const actual = ours(bits, [...expected.keys()]);
  const result: string[] = [];
  for (const [text, bytes] of expected) {
    const got = actual.get(text);
    const shown = typeof got === 'string' ? got : hex(got);
    if (shown !== hex(bytes)) result.push(`${text}: ${shown} instead of ${hex(bytes)}`);
  }
  return result;
}
