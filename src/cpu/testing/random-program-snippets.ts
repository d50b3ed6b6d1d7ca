/**
 * Short sequences that a second tier has to get right and that single random instructions would
 * hardly ever make: bounded loops, calls and returns, indirect branches, string instructions with a
 * count, code that is written to, page-table changes. Each function appends to a `Sketch`.
 */
import type { Random } from './random.ts';
import type { Item, Label, Patch } from './random-program.ts';
import { dataOffset, type Encoded, POINTERS, RandomEncoder } from './random-program-encoder.ts';
import { FAMILIES, type Family, formTable } from './random-program-forms.ts';
import { type Setting, WINDOW } from './random-program-settings.ts';

/** Where counters and tables of jump targets lie: before the data that programs play with. */
const COUNTERS = WINDOW.DATA;
const TABLES = WINDOW.DATA + 0x200;
const TABLES_END = WINDOW.DATA + 0x400;

const RCX = 1;
const RSP = 4;
const RSI = 6;
const RDI = 7;

/** How often instructions of each family are drawn. */
export type Mix = Readonly<Record<Family, number>>;

type Target = Patch['target'];

/** A program under construction. */
export class Sketch {
  readonly random: Random;
  readonly setting: Setting;
  readonly window: number;
  readonly encoder: RandomEncoder;
  readonly items: Item[] = [];
  readonly pointers: { offset: number; bytes: number; label: Label }[] = [];
  readonly data: { offset: number; value: number }[] = [];
  /** Subroutines that are called and not written yet. */
  readonly subroutines: Label[] = [];
  /** Items whose last byte is an immediate, for code that is written to. */
  readonly immediates: { label: Label; length: number }[] = [];
  /** Loops run so many times more often. */
  countFactor = 1;
  private readonly mix: Mix;
  private nextNumber = 0;
  private nextCounter = COUNTERS;
  private nextTable = TABLES;

  constructor(random: Random, setting: Setting, window: number, mix: Mix) {
    this.random = random;
    this.setting = setting;
    this.window = window;
    this.mix = mix;
    this.encoder = new RandomEncoder(random, setting, window, () => this.ahead());
  }

  get bits(): number {
    return this.setting.bits;
  }

  here(): Label {
    return { item: this.nextNumber };
  }

  /** A label a few items further on. */
  ahead(): Label {
    return { item: this.nextNumber + this.random.between(1, 6) };
  }

  /** A label a few items back. */
  behind(): Label {
    return { item: Math.max(0, this.nextNumber - this.random.between(1, 25)) };
  }

  put(bytes: readonly number[], patches: readonly Patch[] = []): Label {
    const label = this.here();
    this.items.push({ number: this.nextNumber++, bytes, patches });
    return label;
  }

  putEncoded({ bytes, patches, immediateBytes }: Encoded): void {
    const label = this.put(bytes, patches);
    if (immediateBytes > 0) this.immediates.push({ label, length: bytes.length });
  }

  /** An instruction with one memory operand at a fixed place: RIP-relative, or a displacement alone. */
  putAbsolute(opcode: readonly number[], reg: number, target: Target, tail: readonly number[] = []): Label {
    const at = opcode.length + 1;
    const bytes = this.bits === 16 ? 2 : 4;
    const modrm = (reg << 3) | (this.bits === 16 ? 6 : 5);
    const kind = this.bits === 64 ? 'relative' : 'absolute';
    const code = [...opcode, modrm, ...new Array<number>(bytes).fill(0), ...tail];
    return this.put(code, [{ at, bytes, kind, target }]);
  }

  putJump(opcode: readonly number[], bytes: number, label: Label): void {
    const target = { label, plus: 0, alias: false };
    this.put(
      [...opcode, ...new Array<number>(bytes).fill(0)],
      [{ at: opcode.length, bytes, kind: 'relative', target }],
    );
  }

  /** Bytes of a near displacement of the longer kind. */
  get nearBytes(): number {
    return this.bits === 16 ? 2 : 4;
  }

  /** Register = address of `target` in the segments. */
  putAddress(register: number, target: Target): void {
    const { bits } = this;
    const rex = bits === 64 ? [0x48 | (register >= 8 ? 1 : 0)] : [];
    if (bits === 64 && this.random.chance(0.5)) {
      this.putAbsolute([0x48 | (register >= 8 ? 4 : 0), 0x8d], register & 7, target);
      return;
    }
    const bytes = bits / 8;
    const code = [...rex, 0xb8 | (register & 7), ...new Array<number>(bytes).fill(0)];
    this.put(code, [{ at: rex.length + 1, bytes, kind: 'absolute', target }]);
  }

  /** Low register = small number, zero-extended. */
  putNumber(register: number, value: number): void {
    const bytes = this.bits === 16 ? 2 : 4;
    this.put([0xb8 | register, ...Array.from({ length: bytes }, (_, i) => (value >> (8 * i)) & 0xff)]);
  }

  counter(value: number): number {
    const offset = this.nextCounter;
    this.nextCounter += 8;
    if (this.nextCounter > TABLES) this.nextCounter = COUNTERS;
    this.data.push({ offset, value });
    return offset;
  }

  /** Room for jump targets. */
  table(bytes: number): number {
    if (this.nextTable + bytes > TABLES_END) this.nextTable = TABLES;
    const offset = this.nextTable;
    this.nextTable += bytes;
    return offset;
  }

  /** An instruction of a family that the mix draws. */
  instruction(): void {
    let ticket = this.random.below(FAMILIES.reduce((sum, name) => sum + this.mix[name], 0));
    for (const family of FAMILIES) {
      ticket -= this.mix[family];
      if (ticket < 0) {
        this.ofFamily(family);
        return;
      }
    }
  }

  ofFamily(family: Family): void {
    for (let attempt = 0; attempt < 20; attempt++) {
      const form = this.random.pick(formTable(this.bits === 64)[family]);
      const encoded = this.encoder.encode(form);
      if (encoded) {
        this.putEncoded(encoded);
        return;
      }
    }
  }

  some(most: number): void {
    for (let n = this.random.between(1, most); n > 0; n--) this.instruction();
  }
}

export type Snippet = (s: Sketch) => void;

/** DEC of a counter in memory, a way out when it is used up, then a branch back. */
const boundedBranchBack: Snippet = (s) => {
  const { random } = s;
  const counter = s.counter(s.countFactor * random.pick([1, 2, 3, 5, 20, 100]));
  const label = s.behind();
  s.putAbsolute([0xff], 1, counter);
  const exit = { item: s.here().item + 3 };
  s.putJump([0x78], 1, exit);
  if (random.chance(0.4)) s.instruction();
  else s.put([0x90]);
  if (random.chance(0.6)) s.putJump([0x0f, 0x80 | random.below(16)], s.nearBytes, label);
  else s.putJump([0xe9], s.nearBytes, label);
};

/**
 * A loop on a register that its body leaves alone, unless an instruction changes it that does not name it:
 * half of them have a bound besides.
 */
const countedLoop: Snippet = (s) => {
  const { random, encoder } = s;
  const useLoop = random.chance(0.3);
  const extended = s.bits === 64 && !useLoop && random.chance(0.5);
  const register = useLoop ? RCX : random.pick([0, 1, 2]);
  const count = s.countFactor * random.pick([2, 3, 7, 16, 60, 200]);
  const rex = extended ? [0x49] : s.bits === 64 && random.chance(0.5) ? [0x48] : [];
  if (extended) s.put([0x41, 0xb8 | register, count & 0xff, count >> 8, 0, 0]);
  else s.putNumber(register, count);
  encoder.reserved.add(register + (extended ? 8 : 0));
  const head = s.here();
  const bounded = random.chance(0.6);
  const exit = { item: Number.MAX_SAFE_INTEGER };
  if (bounded) {
    s.putAbsolute([0xff], 1, s.counter(2 * count));
    s.putJump([0x0f, 0x88], s.nearBytes, exit);
  }
  s.some(8);
  if (random.chance(0.15)) changeMapping(s);
  if (random.chance(0.2)) nested(s);
  encoder.reserved.delete(register + (extended ? 8 : 0));
  if (useLoop) s.putJump([random.pick([0xe2, 0xe2, 0xe2, 0xe0, 0xe1])], 1, head);
  else {
    // DEC, or SUB, which sets the carry.
    if (random.chance(0.6)) s.put([...rex, 0xff, 0xc8 | register]);
    else s.put([...rex, 0x83, 0xe8 | register, 1]);
    s.putJump([0x0f, random.pick([0x85, 0x85, 0x8f])], s.nearBytes, head);
  }
  exit.item = s.here().item;
};

const nested: Snippet = (s) => {
  const counter = s.counter(s.random.pick([3, 10, 40]));
  const head = s.here();
  s.some(4);
  s.putAbsolute([0xff], 1, counter);
  s.putJump([0x0f, 0x8f], s.nearBytes, head);
};

const branchAhead: Snippet = (s) => {
  const { random } = s;
  const cc = random.below(16);
  if (random.chance(0.15)) s.putJump([0xeb], 1, s.ahead());
  else if (random.chance(0.5)) s.putJump([0x70 | cc], 1, s.ahead());
  else s.putJump([0x0f, 0x80 | cc], s.nearBytes, s.ahead());
};

/** A branch back that nothing bounds: the program ends by its time. */
const branchBack: Snippet = (s) => s.putJump([0x0f, 0x80 | s.random.below(16)], s.nearBytes, s.behind());

const callSubroutine: Snippet = (s) => {
  const { random } = s;
  let label = random.pick(s.subroutines.length > 0 ? s.subroutines : [undefined]);
  if (!label || random.chance(0.4)) {
    label = { item: Number.MAX_SAFE_INTEGER };
    s.subroutines.push(label);
  }
  const target = { label, plus: 0, alias: false };
  if (random.chance(0.7)) {
    s.putJump([0xe8], s.nearBytes, label);
    return;
  }
  const register = random.pick([0, 1, 2]);
  s.putAddress(register, target);
  s.put([0xff, 0xd0 | register]);
};

/** JMP or PUSH and RET to a label in a register. */
const indirectBranch: Snippet = (s) => {
  const { random } = s;
  const register = random.pick([0, 1, 2]);
  s.putAddress(register, { label: s.ahead(), plus: 0, alias: false });
  if (random.chance(0.6)) s.put([0xff, 0xe0 | register]);
  else {
    s.put([0x50 | register]);
    s.put([0xc3]);
  }
};

/** JMP through a table of four targets, by a counter. */
const branchByTable: Snippet = (s) => {
  const { random, bits } = s;
  const bytes = bits / 8;
  const table = s.table(4 * bytes);
  // Behind these instructions: a branch among them would not count.
  for (let i = 0; i < 4; i++) {
    const label = { item: s.here().item + random.between(8, 14) };
    s.pointers.push({ offset: table + i * bytes, bytes, label });
  }
  // MOV eCX, counter; AND eCX, 3; INC counter.
  const counter = s.counter(0);
  s.putAbsolute([0x8b], RCX, counter);
  s.put([0x83, 0xe1, 3]);
  s.putAbsolute([0xff], 0, counter);
  if (bits === 64) {
    s.putAddress(2, table);
    s.put([0xff, 0x24, 0xca]);
  } else if (bits === 32) {
    s.put([0xff, 0x24, 0x8d, 0, 0, 0, 0], [{ at: 3, bytes: 4, kind: 'absolute', target: table }]);
  } else {
    // ADD CX, CX; MOV BX, CX; JMP [BX + table]
    s.put([0x01, 0xc9]);
    s.put([0x89, 0xcb]);
    s.put([0xff, 0xa7, 0, 0], [{ at: 2, bytes: 2, kind: 'absolute', target: table }]);
  }
  if (random.chance(0.3)) boundedBranchBack(s);
};

/** Points registers to data again; the first ones of the encoding are what string instructions need. */
export const reloadPointer: Snippet = (s) => {
  const choice = s.bits === 64 ? POINTERS : POINTERS.slice(0, 4);
  s.putAddress(s.random.pick(choice), dataOffset(s.random));
};

const reloadStackPointer: Snippet = (s) => {
  const offset = s.random.between(WINDOW.STACK + 0x800, WINDOW.STACK_END - 0x100);
  s.putAddress(RSP, s.random.chance(0.9) ? offset & ~15 : offset);
};

const repeatedString: Snippet = (s) => {
  const { random } = s;
  s.putNumber(RCX, random.pick([0, 1, 2, 5, 17, 64, 200]));
  s.putAddress(RSI, dataOffset(random));
  s.putAddress(RDI, random.chance(0.1) ? dataOffset(random) : random.between(WINDOW.DATA + 0x800, 0x7000));
  if (random.chance(0.25)) s.put([random.chance(0.5) ? 0xfd : 0xfc]);
  const opcode = random.pick([0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf]);
  const sizes = random.chance(0.2) ? [0x66] : [];
  const rex = s.bits === 64 && random.chance(0.4) ? [0x48] : [];
  s.put([...sizes, random.chance(0.75) ? 0xf3 : 0xf2, ...rex, opcode]);
  if (random.chance(0.3)) s.put([0xfc]);
};

/** Writes into an immediate of the program, or anywhere into it. */
const selfModify: Snippet = (s) => {
  const { random } = s;
  const known = s.immediates.length > 0 && random.chance(0.8);
  const alias = random.chance(0.2);
  const place = known ? random.pick(s.immediates) : { label: s.behind(), length: random.between(1, 4) };
  const wide = random.chance(0.2);
  const tail = wide && s.bits !== 16 ? s.encoder.immediate(4) : s.encoder.immediate(wide ? 2 : 1);
  s.putAbsolute([wide ? 0xc7 : 0xc6], 0, { label: place.label, plus: place.length - 1, alias }, tail);
};

/**
 * Flips a bit of a window page's entry, or puts another page in place of the second one of the code, and
 * drops the translation. Only where the tables can be reached.
 */
const changeMapping: Snippet = (s) => {
  const { random, setting, bits, window } = s;
  if (setting.cpl !== 0 || setting.paging === 'none' || setting.segmented || bits === 16) return;
  const changesCode = random.chance(0.4);
  const page = changesCode ? 1 : random.pick([3, 4, 5, 6, 7, 8, 11]);
  const [bytes, entries] = setting.paging === '32-bit' ? [4, 1024] : [8, 512];
  const first = Math.floor(window / 0x1000) & (entries - 1);
  // The rest of a window across a table's end is in another table.
  if (first + page >= entries) return;
  const entry = PAGE_TABLE + (first + page) * bytes;
  // XOR byte [entry], P or W or A or D; or address bits 15:8, which leads to the other page of code.
  const operand = bits === 64 ? [0x34, 0x25] : [0x35];
  const [at, bit] = changesCode ? [entry + 1, OTHER_CODE >> 8] : [entry, random.pick([1, 2, 2, 0x20, 0x40])];
  s.put(
    [0x80, ...operand, 0, 0, 0, 0, bit],
    [{ at: 1 + operand.length, bytes: 4, kind: 'physical', target: at }],
  );
  if (random.chance(0.7)) s.putAbsolute([0x0f, 0x01], 7, page * 0x1000);
  else reloadTables(s);
};

/** Physical address of the second page of code, exclusive or that of its variant: see lockstep-image.ts. */
export const OTHER_CODE = 0xa000;

/** The window's page table: see lockstep-image.ts. */
const PAGE_TABLE = 0x3_0000;

/** MOV rAX, CR3; MOV CR3, rAX. */
const reloadTables: Snippet = (s) => {
  s.put([0x0f, 0x20, 0xd8]);
  s.put([0x0f, 0x22, 0xd8]);
};

const initializeFloat: Snippet = (s) => void s.put(s.random.chance(0.6) ? [0xdb, 0xe3] : [0x0f, 0x77]);

/** STI or CLI, PUSHF and POPF. */
const flags: Snippet = (s) => {
  const { random } = s;
  if (random.chance(0.4)) s.put([random.chance(0.7) ? 0xfb : 0xfa]);
  else {
    s.put([0x9c]);
    s.instruction();
    s.put([0x9d]);
  }
};

const balancedStack: Snippet = (s) => {
  const { random } = s;
  s.put([0x50 | random.pick([0, 1, 2, 3, 6, 7])]);
  s.some(3);
  s.put([0x58 | random.pick([0, 1, 2])]);
};

/** Bytes that may be anything. */
const noise: Snippet = (s) =>
  void s.put(Array.from({ length: s.random.between(1, 6) }, () => s.random.below(256)));

/** Body of a subroutine; its label is placed. */
export function subroutine(s: Sketch, label: Label): void {
  const { random } = s;
  label.item = s.here().item;
  s.some(7);
  if (random.chance(0.2)) balancedStack(s);
  if (random.chance(0.85)) s.put([0xc3]);
  else s.put([0xc2, random.pick([0, 2, 4, 8, 16]), 0]);
}

const one: Snippet = (s) => s.instruction();

/** Snippets with their frequencies. */
export const SNIPPETS: readonly (readonly [weight: number, snippet: Snippet])[] = [
  [100, one],
  [12, branchAhead],
  [6, boundedBranchBack],
  [7, countedLoop],
  [0.05, branchBack],
  [5, callSubroutine],
  [3, indirectBranch],
  [2, branchByTable],
  [8, reloadPointer],
  [1.5, reloadStackPointer],
  [3, repeatedString],
  [2, selfModify],
  [2, changeMapping],
  [0.3, reloadTables],
  [1, initializeFloat],
  [1, flags],
  [4, balancedStack],
  [0.5, noise],
];
