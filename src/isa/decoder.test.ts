/**
 * The decoder against iced-x86 on bytes that are mostly instructions: validity, length, operands,
 * operand size, LOCK and REP. DECODER_FUZZ=5000000 and DECODER_SEED=n make longer and other runs.
 */
import { describe, expect, it } from 'vitest';
import { type DecodeResult, Decoder } from './decoder.ts';
import { opcodeMap } from './instructions.ts';
import { CODE_MODE, type CodeMode } from './modes.ts';
import { disagreement, explain } from './testing/agreement.ts';
import { type Bits, BLOCK, CODE_ADDRESS, Reference } from './testing/reference.ts';

/** Instructions for each of the three modes. */
const INSTRUCTIONS = Number(process.env.DECODER_FUZZ ?? 80_000);
const SEED = Number(process.env.DECODER_SEED ?? 1);
/** Explanations shown of a run that fails. */
const SHOWN = 20;
/** Blocks of code made at a time. */
const BLOCKS = 4096;

/** xorshift32 */
function generator(seed: number): (limit: number) => number {
  let x = seed;
  return (limit) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % limit;
  };
}

const PREFIXES = [0x66, 0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];
const MAPS = [[], [], [0x0f], [0x0f], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]];

/** Some prefixes, an opcode map, then whatever comes. */
function fill(below: (limit: number) => number, block: Uint8Array, bits: Bits): void {
  for (let i = 0; i < block.length; i++) block[i] = below(256);
  const start: number[] = [];
  for (let n = [0, 0, 0, 1, 1, 1, 2, 2, 3, 4, below(15)][below(11)]; n > 0; n--) {
    start.push(PREFIXES[below(PREFIXES.length)]);
  }
  if (bits === 64 && below(2) === 0) start.push(0x40 + below(16));
  start.push(...MAPS[below(MAPS.length)]);
  block.set(start.slice(0, BLOCK));
}

const MODES: Record<Bits, CodeMode> = {
  16: CODE_MODE.CS16_SS16,
  32: CODE_MODE.FLAT32,
  64: CODE_MODE.LONG64,
};

/** Decodes and compares; collects what differs, with the first case of each kind. */
class Comparison {
  readonly decoder = new Decoder(opcodeMap);
  readonly found = new Map<string, { count: number; first: string }>();
  readonly mode: CodeMode;

  constructor(bits: Bits) {
    this.mode = MODES[bits];
  }

  check(reference: Reference, code: Uint8Array, at: number): void {
    const result = this.decode(code, at, at + BLOCK);
    const theirs = reference.decode(at);
    const wrong = disagreement(this.decoder, result, theirs) ?? this.truncated(result, code, at);
    if (wrong === undefined) return;
    const entry = this.found.get(wrong);
    if (entry) {
      entry.count++;
      return;
    }
    const first = explain(this.decoder, result, theirs, code.subarray(at, at + BLOCK));
    this.found.set(wrong, { count: 1, first });
  }

  report(): string {
    const rows = [...this.found].sort((a, b) => b[1].count - a[1].count).slice(0, SHOWN);
    return rows.map(([what, { count, first }]) => `${count} times ${what}\n    ${first}`).join('\n');
  }

  private decode(code: Uint8Array, at: number, end: number): DecodeResult {
    return this.decoder.decode(code, at, end, CODE_ADDRESS & 0xfff, this.mode);
  }

  /** Without its last byte an instruction must ask for more: at a page's end the next page is read then. */
  private truncated(result: DecodeResult, code: Uint8Array, at: number): string | undefined {
    if (result !== 'ok') return undefined;
    const { length } = this.decoder;
    const shorter = this.decode(code, at, at + length - 1);
    const whole = this.decode(code, at, at + length);
    return whole === 'ok' && shorter === 'more' ? undefined : `truncated: ${shorter}, whole: ${whole}`;
  }
}

describe('decoder against iced-x86', () => {
  it.each([16, 32, 64] as const)(
    '%i-bit code',
    (bits) => {
      const below = generator(SEED * 64 + bits);
      const code = new Uint8Array(BLOCK * BLOCKS);
      const comparison = new Comparison(bits);
      for (let n = 0; n < INSTRUCTIONS; n += BLOCKS) {
        for (let at = 0; at < code.length; at += BLOCK) fill(below, code.subarray(at, at + BLOCK), bits);
        const reference = new Reference(bits, code);
        for (let at = 0; at < code.length; at += BLOCK) comparison.check(reference, code, at);
        reference.free();
      }
      expect(comparison.found.size, comparison.report()).toBe(0);
    },
    120_000,
  );
});

describe('the limit of 15 bytes', () => {
  const decoder = new Decoder(opcodeMap);
  const decode = (prefixes: number, ...rest: number[]) =>
    decoder.decode(
      new Uint8Array([...Array<number>(prefixes).fill(0x66), ...rest]),
      0,
      prefixes + rest.length,
      0,
      CODE_MODE.LONG64,
    );

  it('allows 14 prefixes before NOP', () => {
    expect(decode(14, 0x90)).toBe('ok');
    expect(decoder.length).toBe(15);
  });

  it('refuses 15, whatever follows', () => {
    expect(decode(15, 0x90)).toBe('too-long');
  });

  it('refuses an immediate that reaches beyond', () => {
    expect(decode(12, 0xb8, 1, 2)).toBe('ok');
    expect(decode(13, 0xb8, 1, 2)).toBe('too-long');
  });

  it('asks for more when the bytes end before the limit', () => {
    expect(decode(13)).toBe('more');
  });
});
