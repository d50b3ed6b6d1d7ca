/**
 * The state before an instruction, made from a seed. A vector file holds only what differs from this,
 * so a change of this file or of values.ts asks for new recordings (the reader checks that).
 */
import { CODE, OFFSET, type State, WINDOW_SIZE } from './layout.ts';
import { Random } from './random.ts';
import { decimal, double, extended, integer, single, text } from './values.ts';

/** What the operands of a template are, where they are not general registers. */
export type Data = 'integer' | 'single' | 'double' | 'extended' | 'decimal' | 'text';

/** Which parts of the state a template's vectors fill with random values. The rest has its value after reset. */
export interface Profile {
  readonly memory: Data;
  readonly xmm?: 'integer' | 'single' | 'double' | 'text';
  /** Registers of the x87: numbers, or the integers of MMX. */
  readonly x87?: 'extended' | 'mmx';
}

const FILLERS = {
  integer: { words: 2, fill: integer },
  single: { words: 1, fill: single },
  double: { words: 2, fill: double },
  extended: { words: 4, fill: extended },
  decimal: { words: 4, fill: decimal },
  text: { words: 1, fill: text },
} as const;

/** Fills `count` words; in a quarter of the blocks of four the block before is repeated, so that operands can be equal. */
function fill(random: Random, words: Uint32Array, at: number, count: number, data: Data): void {
  const { words: step, fill: write } = FILLERS[data];
  for (let i = at; i < at + count; i += 4) {
    if (i > at && random.chance(0.1)) {
      words.copyWithin(i, i - 4, i);
      continue;
    }
    for (let j = i; j < i + 4; j += step) write(random, words, j);
  }
}

/** MXCSR: any rounding, flush and denormals-are-zeros modes and sticky flags; rarely an unmasked exception. */
function mxcsr(random: Random): number {
  const masks = random.chance(0.06) ? random.u32() & 0x1f80 : 0x1f80;
  const modes = random.chance(0.5) ? random.u32() & 0x6000 : 0;
  const flush = random.chance(0.2) ? random.u32() & 0x8040 : 0;
  const sticky = random.chance(0.3) ? random.u32() & 0x3f : 0;
  return masks | modes | flush | sticky;
}

const FSW = { ES: 0x80, B: 0x8000, TOP_SHIFT: 11, CONDITIONS: 0x4700 };

/** The registers in use: all, or some from the top of the stack on so that one more can be pushed, rarely any. */
function tags(random: Random, top: number): number {
  const kind = random.below(8);
  if (kind < 3) return 0xff;
  if (kind === 3) return random.u32() & 0xff;
  const used = 2 ** random.between(2, 7) - 1;
  return ((used << top) | (used >>> (8 - top))) & 0xff;
}

function x87(random: Random, state: State, kind: 'extended' | 'mmx'): void {
  const { u16, u32 } = state;
  const masks = random.chance(0.08) ? random.u32() & 0x3f : 0x3f;
  const precision = random.pick([0, 2, 3, 3, 3]);
  u16[OFFSET.fcw / 2] = 0x40 | masks | (precision << 8) | (random.below(4) << 10);
  const sticky = random.chance(0.3) ? random.u32() & 0x7f : 0;
  const pending = sticky & 0x3f & ~masks;
  const top = kind === 'mmx' && random.chance(0.8) ? 0 : random.below(8);
  const conditions = random.u32() & FSW.CONDITIONS;
  u16[OFFSET.fsw / 2] = sticky | (pending ? FSW.ES | FSW.B : 0) | (top << FSW.TOP_SHIFT) | conditions;
  u16[OFFSET.ftw / 2] = tags(random, top);
  for (let i = 0; i < 8; i++) {
    const at = OFFSET.st / 4 + 4 * i;
    if (kind === 'mmx') {
      integer(random, u32, at);
      u32[at + 2] = random.chance(0.8) ? 0xffff : random.u32() & 0xffff;
    } else if (i > 0 && random.chance(0.1)) {
      u32.copyWithin(at, at - 4, at);
    } else {
      extended(random, u32, at);
    }
  }
}

const random = new Random(0);

/** Makes the state before the instruction of a vector with this seed. In 32-bit mode registers have 32 bits. */
export function makeInitial(state: State, seed: number, profile: Profile, bits: 32 | 64): void {
  const { u16, u32 } = state;
  random.reset(seed);
  u32.fill(0);
  for (let i = 0; i < (bits === 64 ? 16 : 8); i++) {
    const at = OFFSET.gpr / 4 + 2 * i;
    integer(random, u32, at);
    if (i > 0 && random.chance(0.06)) u32.copyWithin(at, at - 2, at);
    if (bits === 32) u32[at + 1] = 0;
  }
  u32[OFFSET.rip / 4] = CODE;
  u32[OFFSET.rflags / 4] = 0x202 | (random.u32() & 0x8d5) | (random.chance(0.2) ? 0x400 : 0);
  u32[OFFSET.mxcsr / 4] = profile.xmm ? mxcsr(random) : 0x1f80;
  u16[OFFSET.fcw / 2] = 0x37f;
  if (profile.x87) x87(random, state, profile.x87);
  if (profile.xmm) fill(random, u32, OFFSET.xmm / 4, bits === 64 ? 64 : 32, profile.xmm);
  fill(random, u32, OFFSET.window / 4, WINDOW_SIZE / 4, profile.memory);
}
