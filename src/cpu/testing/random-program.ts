/**
 * A random guest program: instructions with branch targets among themselves, the registers that they
 * start with, and when they are interrupted. It is plain data, made from a seed by
 * random-program-generator.ts, so that parts of it can be left out to find what matters.
 */
import { type Setting, WINDOW } from './random-program-settings.ts';

/** A place in the program: before the item with this number, or the first behind it that is left. */
export interface Label {
  item: number;
}

/** An address inside an item's bytes, filled in when the program is laid out. */
export interface Patch {
  /** Offset in the item's bytes, and how many. */
  readonly at: number;
  readonly bytes: number;
  /**
   * relative: counted from the item's end. absolute: an offset in the segments. physical: the target itself.
   * A relative one that does not fit into its bytes becomes 0.
   */
  readonly kind: 'relative' | 'absolute' | 'physical';
  /** A label, with bytes to be added, or an offset in the window. */
  readonly target: { readonly label: Label; readonly plus: number; readonly alias: boolean } | number;
}

/** One instruction, or a few bytes that may be none. */
export interface Item {
  readonly number: number;
  readonly bytes: readonly number[];
  readonly patches: readonly Patch[];
}

/** Runs for `cycles`, then something may happen from outside. */
export interface Slice {
  readonly cycles: number;
  readonly event: 'none' | 'interrupt' | 'nmi';
}

/** Start of the registers; general ones as halves. */
export interface InitialRegisters {
  /** 16 * (low, high). */
  readonly general: Uint32Array;
  readonly rflags: number;
  /** 16 * 4 words. */
  readonly xmm: Uint32Array;
  readonly mxcsr: number;
  readonly fcw: number;
  /** 8 * (low, high, sign and exponent); empty registers by the tag bits. */
  readonly x87: Uint32Array;
  readonly ftag: number;
  readonly ftop: number;
}

export interface Program {
  readonly seed: number;
  readonly setting: Setting;
  /** Linear address of the window. */
  readonly window: number;
  /** Offset of the first instruction in the window. */
  readonly start: number;
  readonly items: readonly Item[];
  readonly registers: InitialRegisters;
  /** Data words that are labels' offsets in the segments (tables of jump targets). */
  readonly pointers: readonly { readonly offset: number; readonly bytes: number; readonly label: Label }[];
  /** Data words with a value. */
  readonly data: readonly { readonly offset: number; readonly value: number }[];
  readonly slices: readonly Slice[];
  /** Limit of CS where segments begin at the window; absent: that of the setting. */
  readonly codeLimit: number | undefined;
  readonly compilation: Compilation;
}

/**
 * Which of the regions that are asked for are compiled, so that both tiers take turns, and a program that
 * rewrites itself all the time does not take all the time.
 */
export interface Compilation {
  /** One in so many requests is granted. */
  readonly oneIn: number;
  readonly most: number;
}

/** A program in memory. */
export interface Layout {
  /** Bytes from `start`; the last instruction is a jump to itself. */
  readonly code: Uint8Array;
  /** Window offset of each item, then of the end. */
  readonly offsets: readonly number[];
  readonly end: number;
  /** For each offset of the code area: where to go on after a fault there. */
  readonly resume: Uint16Array;
}

/** JMP to itself, then INT3s. */
const END = [0xeb, 0xfe, 0xcc, 0xcc, 0xcc];

export function layOut(program: Program): Layout {
  const { items, start, setting, window } = program;
  const origin = setting.segmented ? 0 : window;
  const offsets: number[] = [];
  let position = start;
  for (const { bytes } of items) {
    offsets.push(position);
    position += bytes.length;
  }
  const end = position;
  offsets.push(end);
  const code = new Uint8Array(end - start + END.length);
  code.set(END, end - start);
  const place = placer(items, offsets);
  for (const [i, { bytes, patches }] of items.entries()) {
    const at = offsets[i] - start;
    code.set(bytes, at);
    for (const patch of patches) {
      const target = targetOf(patch, place);
      const value =
        patch.kind === 'relative'
          ? within(target - offsets[i + 1], patch.bytes)
          : patch.kind === 'absolute'
            ? origin + target
            : target;
      putNumber(code, at + patch.at, patch.bytes, value);
    }
  }
  return { code, offsets, end, resume: resumeTable(offsets) };
}

/** Finds labels by the numbers of the items that are left. */
export function placer(items: readonly Item[], offsets: readonly number[]): (label: Label) => number {
  return ({ item }) => {
    const index = items.findIndex(({ number }) => number >= item);
    return offsets[index < 0 ? items.length : index];
  };
}

function targetOf({ target }: Patch, place: (label: Label) => number): number {
  if (typeof target === 'number') return target;
  const offset = place(target.label) + target.plus;
  return target.alias && offset < 0x1000 ? offset + WINDOW.CODE_ALIAS : offset;
}

function within(distance: number, bytes: number): number {
  const half = 2 ** (8 * bytes - 1);
  return distance < -half || distance >= half ? 0 : distance;
}

/** Little-endian; `value` an exact number. */
export function putNumber(bytes: Uint8Array, at: number, count: number, value: number): void {
  let rest = value;
  for (let i = 0; i < count; i++) {
    bytes[at + i] = rest & 0xff;
    rest = Math.floor(rest / 256);
  }
}

/** From an instruction's start, or its middle, to the next one's start; from elsewhere to the end. */
function resumeTable(offsets: readonly number[]): Uint16Array {
  const table = new Uint16Array(WINDOW.CODE_SIZE).fill(offsets[offsets.length - 1]);
  for (let i = 0; i + 1 < offsets.length; i++) table.fill(offsets[i + 1], offsets[i], offsets[i + 1]);
  return table;
}
