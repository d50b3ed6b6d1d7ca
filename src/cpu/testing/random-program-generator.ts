/** Makes random programs from seeds: equal seeds give equal programs. */
import { mix as mixSeeds, Random } from './random.ts';
import type { InitialRegisters, Program, Slice } from './random-program.ts';
import { dataOffset, POINTERS } from './random-program-encoder.ts';
import { SETTINGS, type Setting, WINDOW } from './random-program-settings.ts';
import { type Mix, reloadPointer, Sketch, SNIPPETS, subroutine } from './random-program-snippets.ts';

/** Instructions of a program. */
const SHORTEST = 20;
const LONGEST = 200;

/** Share of the programs whose loops run often enough to be compiled without being forced. */
const HOT = 0.1;

const MIXES: readonly Mix[] = [
  { integer: 60, stack: 10, string: 2, branch: 4, mmx: 3, sse: 10, x87: 5, system: 3 },
  { integer: 60, stack: 10, string: 2, branch: 4, mmx: 3, sse: 10, x87: 5, system: 3 },
  { integer: 80, stack: 12, string: 1, branch: 6, mmx: 0, sse: 0, x87: 0, system: 0 },
  { integer: 30, stack: 3, string: 0, branch: 2, mmx: 5, sse: 60, x87: 0, system: 1 },
  { integer: 25, stack: 3, string: 0, branch: 2, mmx: 8, sse: 4, x87: 58, system: 1 },
  { integer: 40, stack: 20, string: 5, branch: 5, mmx: 0, sse: 3, x87: 2, system: 25 },
];

const WEIGHTS = SNIPPETS.reduce((sum, [weight]) => sum + weight, 0);

function snippet(s: Sketch): void {
  let ticket = (s.random.u32() / 2 ** 32) * WEIGHTS;
  for (const [weight, write] of SNIPPETS) {
    ticket -= weight;
    if (ticket < 0) {
      write(s);
      return;
    }
  }
}

/** Program `index` of the run that `seed` starts. */
export const programOf = (seed: number, index: number): Program => generate(mixSeeds(seed, index), index);

/** @param index chooses the setting */
function generate(seed: number, index: number): Program {
  const random = new Random(seed);
  const setting = SETTINGS[index % SETTINGS.length];
  const window = random.pick(setting.windows);
  const s = new Sketch(random, setting, window, random.pick(MIXES));
  const isHot = random.chance(HOT);
  s.countFactor = isHot ? 30 : 1;
  const length = Math.min(random.between(SHORTEST, LONGEST), random.between(SHORTEST, LONGEST));
  if (random.chance(0.3)) reloadPointer(s);
  while (s.items.length < length * 0.8) snippet(s);
  const end = { item: Number.MAX_SAFE_INTEGER };
  if (s.subroutines.length > 0) s.putJump([0xe9], s.nearBytes, end);
  for (const label of s.subroutines) subroutine(s, label);
  while (s.items.length < length) snippet(s);
  const { items, pointers, data } = s;
  const bytes = items.reduce((sum, item) => sum + item.bytes.length, 0);
  const start = startOf(random, bytes);
  return {
    seed,
    setting,
    window,
    start,
    items,
    pointers,
    data,
    registers: registersOf(random, setting, window),
    slices: slicesOf(random, isHot),
    // The end of the program, now and then some of it, lies beyond.
    codeLimit: random.chance(0.15) ? start + random.between(bytes >> 1, bytes + 20) : undefined,
    compilation: { oneIn: random.pick([1, 1, 1, 2, 3]), most: random.pick([2, 3, 4, 6, 30]) },
  };
}

/** Mostly so that the program lies in two pages. */
function startOf(random: Random, bytes: number): number {
  const room = WINDOW.CODE_SIZE - bytes - 16;
  const start = random.chance(0.6) ? 0x1000 - random.below(Math.min(bytes, 0xfff)) : random.below(room);
  return Math.max(0, Math.min(start, room));
}

/** All runs end here; a program that is still on its way ends too. */
const MOST_CYCLES = 9_000;
const MOST_SLICES = 100;

function slicesOf(random: Random, isHot: boolean): Slice[] {
  const slices: Slice[] = [];
  const fine = random.chance(0.4);
  let cycles = 0;
  let quiet = 0;
  const factor = isHot ? 4 : 1;
  while (cycles < MOST_CYCLES * factor && slices.length < MOST_SLICES) {
    const length = fine
      ? random.between(1, random.pick([3, 20, 60, 2000]))
      : random.between(1, random.pick([30, 500, 2000 * factor]));
    cycles += length;
    quiet += length;
    // The NMI moves the program on.
    const isStuck = quiet > 900 * factor;
    const event = isStuck ? 'nmi' : random.chance(0.15) ? 'interrupt' : 'none';
    if (isStuck) quiet = 0;
    slices.push({ cycles: length, event });
  }
  return slices;
}

const SPECIAL_SINGLES = [0, 0x8000_0000, 0x3f80_0000, 0x7f80_0000, 0xff80_0000, 0x7fc0_0001, 0x7f80_0001, 1];

function registersOf(random: Random, setting: Setting, window: number): InitialRegisters {
  const origin = setting.segmented ? 0 : window;
  const general = Uint32Array.from({ length: 32 }, (_, i) =>
    random.chance(0.4) ? random.below(200) * ((i & 1) ^ 1) : random.u32(),
  );
  const set = (n: number, value: number): void => {
    general[2 * n] = value;
    general[2 * n + 1] = Math.floor(value / 2 ** 32);
  };
  for (const n of POINTERS) set(n, origin + dataOffset(random));
  const stack = random.between(WINDOW.STACK + 0x800, WINDOW.STACK_END - 0x100);
  set(4, origin + (random.chance(0.8) ? stack & ~15 : stack));
  if (setting.bits !== 64) for (let n = 0; n < 16; n++) general[2 * n + 1] = 0;
  const word = (): number => (random.chance(0.3) ? random.pick(SPECIAL_SINGLES) : random.u32());
  const iopl = random.chance(0.3) || setting.kind === 'virtual-8086' ? 0x3000 : 0;
  return {
    general,
    rflags:
      (random.u32() & 0x8d5) | 2 | iopl | (random.chance(0.8) ? 0x200 : 0) | (random.chance(0.1) ? 0x400 : 0),
    xmm: Uint32Array.from({ length: 64 }, word),
    mxcsr: random.chance(0.7)
      ? 0x1f80
      : ((random.u32() & 0xe040) | 0x1f80) & (random.chance(0.2) ? ~0x1f80 : ~0),
    fcw: random.chance(0.7)
      ? 0x37f
      : (random.u32() & 0xf00) | (random.chance(0.9) ? 0x7f : 0x40 | random.below(64)),
    x87: Uint32Array.from({ length: 24 }, (_, i) => x87Word(random, i % 3)),
    ftag: random.pick([0, 0, 0x80, 0xc0, 0xff, random.below(256)]),
    ftop: random.below(8),
  };
}

/** Low and high half of a significand, mostly normal, then sign and exponent, mostly near 1. */
function x87Word(random: Random, part: number): number {
  if (part === 0) return random.chance(0.5) ? 0 : random.u32();
  if (part === 1) return random.chance(0.95) ? (random.u32() | 0x8000_0000) >>> 0 : random.u32();
  if (random.chance(0.8)) return 0x3fff - 20 + random.below(60) + 0x8000 * random.below(2);
  return random.pick([0, 0x7fff, 0xffff, 0x8000, 1, 0x7ffe, random.below(0x1_0000)]);
}
