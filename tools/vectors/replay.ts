/**
 * Replays recorded vectors on the simulated processor, in settings that have to make no difference,
 * and by either tier.
 */
import { SEG, VECTOR } from '../../src/arch/registers.ts';
import { ATTRIBUTE } from '../../src/arch/segments.ts';
import type { Tier2Mode } from '../../src/contracts/tiers.ts';
import { FPU_TRAP, STATE } from '../../src/cpu/state.ts';
import { EVENT_TYPE } from '../../src/cpu/system/event.ts';
import { refresh } from '../../src/cpu/system/mode.ts';
import { Bench, type CaughtEvent } from '../../src/cpu/testing/bench.ts';
import { differences, explain } from './compare.ts';
import { CODE, LOW_WINDOW, OFFSET, R, State, WINDOW, WINDOW_SIZE } from './layout.ts';
import { type RecordedException, readVectorFile, type Vector, vectorFiles } from './reader.ts';

const PAGE = 0x1000;
/** Explanations shown for each file. */
const SHOWN = 12;
/** FSW: TOP, and the two bits that summarize the unmasked exceptions. */
const TOP_SHIFT = 11;
const TOP_BITS = 7 << TOP_SHIFT;
const EXCEPTIONS = 0x3f;

/** How a replay differs from the recording, without any difference in what the instructions do. */
export interface Setting {
  readonly title: string;
  readonly files: readonly string[];
  /** 16: 32-bit code is put into a 16-bit code segment, with the opposite size prefixes. */
  readonly bits?: 16;
  /** Of the segments; where not given, 0 and flat. */
  readonly base?: number;
  /** Which pages hold the window and what follows. */
  readonly pages?: 'code and another';
  /** The vectors that mean the same in this setting; where not given, all. */
  readonly accepts?: (vector: Vector) => boolean;
  /** SS.B = 0: the stack pointer's upper half moves into the segment base. */
  readonly stackBits?: 16;
}

const FILES = vectorFiles();
const FILES_32 = FILES.filter((name) => name.endsWith('-32'));
const HALF = WINDOW_SIZE / 2;

/** Stack instructions without a memory operand and far from the 64 KiB boundary. */
function isPlainStack({ template, initial }: Vector): boolean {
  const esp = initial.u32[(OFFSET.gpr + 8 * R.SP) / 4] & 0xffff;
  return (
    esp > 0x100 &&
    esp < 0xff00 &&
    /^((PUSH|POP) [56]|PUSH[AF]|POP[AF]|CALL E8|RET C3|ENTER)/.test(template.name)
  );
}

export const SETTINGS: readonly Setting[] = [
  { title: 'as recorded', files: FILES },
  { title: 'through segments', files: FILES_32, base: 0x400_0000 },
  { title: 'in a 16-bit code segment', files: ['integer-32', 'flow-32'], bits: 16 },
  {
    title: 'across two pages, one of which holds the code',
    files: FILES_32,
    base: 0x500_0000 + HALF,
    pages: 'code and another',
    accepts: ({ exception }) => exception?.vector !== VECTOR.PF,
  },
  { title: 'on a 16-bit stack', files: ['flow-32'], accepts: isPlainStack, stackBits: 16 },
];

export interface Mismatches {
  replayed: number;
  count: number;
  /** Instructions that the second tier executed. */
  compiled: number;
  readonly templates: Map<string, { count: number; first: string }>;
}

export interface ReplayOptions {
  /** `forced`: each instruction is compiled. */
  readonly tier2: Tier2Mode;
  /** At most so many different instructions of each template; where not given, all. */
  readonly perTemplate?: number;
}

const pageOf = (address: number): number => address - (address % PAGE);

const PREFIXES = new Set([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3]);

/** MOVNTI and the group of CLFLUSH and fences, for which 66h would make another instruction. */
const WITHOUT_66 = new Set([0xc3, 0xae]);

/** The same instruction in a code segment of the other size: prefixes 66h and 67h toggled. */
function withOtherSizes(code: Uint8Array): Uint8Array {
  const opcode = code.findIndex((byte) => !PREFIXES.has(byte));
  const prefixes = [...code.subarray(0, opcode)];
  const isFixed = code[opcode] === 0x0f && WITHOUT_66.has(code[opcode + 1]);
  const toggled = (isFixed ? [0x67] : [0x66, 0x67]).filter((size) => !prefixes.includes(size));
  const kept = prefixes.filter((byte) => byte !== 0x66 && byte !== 0x67);
  return Uint8Array.from([...toggled, ...kept, ...code.subarray(opcode)]);
}

/** JMP to the next instruction: what is compiled is the target of a branch. */
const ARRIVAL = [0xeb, 0x00];
/** JMP to itself, behind the instruction: one more instruction that changes nothing, in the same block. */
const WAIT = [0xeb, 0xfe];
/** The same two in a 16-bit segment, where a JMP without prefix clears the upper half of EIP. */
const ARRIVAL_16 = [0x66, 0xeb, 0x00];
const WAIT_16 = [0x66, 0xeb, 0xfd];
/** Longest instruction, two more bytes for size prefixes, and what stands before and behind it. */
const BEFORE = 5;
const ROOM = 20 + BEFORE;

/** Templates whose instruction is the last to be executed: a branch, or one that may set TF. */
const ENDS_BLOCK = /^(J|CALL|RET|LOOP|REP|MOVS|CMPS|STOS|LODS|SCAS|POPF)/;

/** What a sample has of a template: different instructions, and vectors of the last one. */
interface Taken {
  readonly codes: number;
  readonly times: number;
  readonly last: string;
}

/** Vectors of the same instruction in a sample. */
const SAME = 3;

export class Replayer {
  private readonly bench = new Bench();
  private readonly codePage = this.bench.map(pageOf(CODE));
  private readonly windowPage = this.bench.map(pageOf(WINDOW));
  private readonly otherPage = this.bench.map(0x3000_0000);
  private readonly actual = new State();
  private setting: Setting = SETTINGS[0];
  /** Physical addresses: of CODE, and of the window's two halves. */
  private codeAt = 0;
  private halves: readonly [number, number] = [0, 0];
  private readonly tier2: Tier2Mode;
  private readonly perTemplate: number;

  constructor({ tier2, perTemplate = Number.POSITIVE_INFINITY }: ReplayOptions) {
    this.tier2 = tier2;
    this.perTemplate = perTemplate;
    this.bench.setTier2(tier2);
  }

  replay(name: string, setting: Setting): Mismatches {
    const { bits, base = 0, accepts } = setting;
    const { bench } = this;
    this.arrange(setting);
    const wrong: Mismatches = { replayed: 0, count: 0, compiled: 0, templates: new Map() };
    const before = bench.compiledInstructions;
    const taken = new Map<string, Taken>();
    let mode = 0;
    for (const vector of readVectorFile(name)) {
      const { template } = vector;
      if (accepts?.(vector) === false || !this.takes(vector, taken)) continue;
      if (template.bits !== mode) {
        mode = template.bits;
        bench.setMode(bits ?? template.bits, base);
      }
      wrong.replayed++;
      const exception = this.execute(vector);
      this.store(this.actual);
      const found = differences(vector, this.actual, exception);
      if (found.length === 0) continue;
      wrong.count++;
      const entry = wrong.templates.get(template.name);
      if (entry) entry.count++;
      else wrong.templates.set(template.name, { count: 1, first: explain(vector, found) });
    }
    wrong.compiled = bench.compiledInstructions - before;
    return wrong;
  }

  /** Whether a vector belongs to the sample: one of the first few instructions, and not too often the same. */
  private takes({ template, code }: Vector, taken: Map<string, Taken>): boolean {
    if (this.perTemplate === Number.POSITIVE_INFINITY) return true;
    const bytes = code.join(' ');
    const { codes, times, last } = taken.get(template.name) ?? { codes: 0, times: 0, last: '' };
    const isSame = last === bytes;
    if (isSame ? times >= SAME : codes >= this.perTemplate) return false;
    taken.set(template.name, { codes: codes + (isSame ? 0 : 1), times: isSame ? times + 1 : 1, last: bytes });
    return true;
  }

  /** Maps the pages of a setting. Settings of different bases do not meet. */
  private arrange(setting: Setting): void {
    const { base = 0, pages } = setting;
    const { bench, codePage } = this;
    this.setting = setting;
    const [first, second] = pages ? [codePage, this.otherPage] : [this.windowPage, undefined];
    bench.map(base - (base % PAGE) + pageOf(CODE), codePage);
    for (const address of [WINDOW, LOW_WINDOW]) {
      const linear = base + address;
      bench.map(pageOf(linear), first);
      if (second !== undefined) bench.map(pageOf(linear) + PAGE, second);
    }
    this.codeAt = codePage + ((base + CODE) % PAGE);
    const start = first + ((base + WINDOW) % PAGE);
    this.halves = [start, second ?? start + HALF];
  }

  private execute(vector: Vector): RecordedException | null {
    const { bench, setting } = this;
    const { regs } = bench;
    const code = setting.bits === 16 ? withOtherSizes(vector.code) : vector.code;
    const start = this.putCode(code, vector.code.length);
    this.load(vector);
    regs.rip = start;
    let event = bench.step();
    if (this.tier2 !== 'off') {
      // The instruction is decoded now; the first branch to it has it compiled.
      this.load(vector);
      regs.rip = start - this.arrival.length;
      event = bench.run(ENDS_BLOCK.test(vector.template.name) ? 2 : 3);
    }
    const repeats = vector.template.name.startsWith('REP');
    while (repeats && !event && regs.rip === start) event = bench.step();
    return this.recorded(event, start);
  }

  /** What the recording would have seen: a software exception leaves RIP behind the instruction. */
  private recorded(event: CaughtEvent | undefined, start: number): RecordedException | null {
    if (!event) return null;
    const { regs } = this.bench;
    const { base = 0 } = this.setting;
    if (event.type === EVENT_TYPE.SOFTWARE_EXCEPTION) regs.rip += event.length;
    else if (regs.rip === start) regs.rip = CODE;
    const linear = regs.fieldBig(STATE.FAULT_ADDRESS) - BigInt(base);
    const address = event.vector === VECTOR.PF ? BigInt.asUintN(base === 0 ? 64 : 32, linear) : 0n;
    return { vector: event.vector, errorCode: Math.max(0, event.errorCode), address };
  }

  /** Puts the instruction so that its end is where it was recorded. @returns its linear address */
  private putCode(code: Uint8Array, recordedLength: number): number {
    const { ram } = this.bench;
    const shift = recordedLength - code.length;
    const at = this.codeAt + shift;
    const { arrival } = this;
    ram.fill(0, this.codeAt - BEFORE, this.codeAt - BEFORE + ROOM);
    ram.set(arrival, at - arrival.length);
    ram.set(code, at);
    ram.set(this.setting.bits === 16 ? WAIT_16 : WAIT, at + code.length);
    this.bench.changed(this.codeAt - BEFORE, ROOM);
    return CODE + shift;
  }

  private use16BitStack({ initial }: Vector): void {
    const { regs } = this.bench;
    const esp = initial.u32[(OFFSET.gpr + 8 * R.SP) / 4];
    const ss = regs.segment(SEG.SS);
    regs.setSegment(SEG.SS, { ...ss, attributes: ss.attributes & ~ATTRIBUTE.DB, base: esp - (esp & 0xffff) });
    refresh(regs);
  }

  private get arrival(): readonly number[] {
    return this.setting.bits === 16 ? ARRIVAL_16 : ARRIVAL;
  }

  private load(vector: Vector): void {
    this.loadState(vector.initial);
    if (this.setting.stackBits === 16) this.use16BitStack(vector);
  }

  private loadState({ u16, u32, bytes }: State): void {
    const { regs, ram } = this.bench;
    regs.u32.set(u32.subarray(OFFSET.gpr / 4, OFFSET.rip / 4 + 2), 0);
    regs.setPair(STATE.ZERO, 0, 0);
    regs.rflags = u32[OFFSET.rflags / 4];
    regs.u32[STATE.MXCSR >> 2] = u32[OFFSET.mxcsr / 4];
    const fcw = u16[OFFSET.fcw / 2];
    const fsw = u16[OFFSET.fsw / 2];
    const top = (fsw & TOP_BITS) >> TOP_SHIFT;
    regs.u16[STATE.FCW >> 1] = fcw;
    regs.u16[STATE.FSW >> 1] = fsw & ~TOP_BITS;
    regs.i32[STATE.FTOP >> 2] = top;
    regs.i32[STATE.FTAG >> 2] = u16[OFFSET.ftw / 2];
    const pending = (fsw & ~fcw & EXCEPTIONS) === 0 ? 0 : FPU_TRAP.PENDING;
    regs.u32[STATE.FPU_TRAP >> 2] = (regs.u32[STATE.FPU_TRAP >> 2] & ~FPU_TRAP.PENDING) | pending;
    for (let i = 0; i < 8; i++) {
      const from = OFFSET.st / 4 + 4 * i;
      regs.u32.set(u32.subarray(from, from + 4), (STATE.X87 >> 2) + 4 * ((top + i) & 7));
    }
    regs.u32.set(u32.subarray(OFFSET.xmm / 4, OFFSET.window / 4), STATE.XMM >> 2);
    ram.set(bytes.subarray(OFFSET.window, OFFSET.window + HALF), this.halves[0]);
    ram.set(bytes.subarray(OFFSET.window + HALF), this.halves[1]);
  }

  private store({ u16, u32, bytes }: State): void {
    const { regs, ram } = this.bench;
    const { halves } = this;
    u32.set(regs.u32.subarray(0, 32), OFFSET.gpr / 4);
    u32[OFFSET.rip / 4] = regs.lo(STATE.RIP);
    u32[OFFSET.rip / 4 + 1] = regs.hi(STATE.RIP);
    u32[OFFSET.rflags / 4] = regs.rflags;
    u32[OFFSET.mxcsr / 4] = regs.lo(STATE.MXCSR);
    const top = regs.i32[STATE.FTOP >> 2];
    u16[OFFSET.fcw / 2] = regs.u16[STATE.FCW >> 1];
    u16[OFFSET.fsw / 2] = regs.u16[STATE.FSW >> 1] | (top << TOP_SHIFT);
    u16[OFFSET.ftw / 2] = regs.i32[STATE.FTAG >> 2];
    for (let i = 0; i < 8; i++) {
      const from = (STATE.X87 >> 2) + 4 * ((top + i) & 7);
      u32.set(regs.u32.subarray(from, from + 4), OFFSET.st / 4 + 4 * i);
      u16[OFFSET.st / 2 + 8 * i + 5] = 0;
      u32[OFFSET.st / 4 + 4 * i + 3] = 0;
    }
    u32.set(regs.u32.subarray(STATE.XMM >> 2, (STATE.XMM >> 2) + 64), OFFSET.xmm / 4);
    bytes.set(ram.subarray(halves[0], halves[0] + HALF), OFFSET.window);
    bytes.set(ram.subarray(halves[1], halves[1] + HALF), OFFSET.window + HALF);
  }
}

export function report({ count, templates }: Mismatches): string {
  const rows = [...templates].map(([name, entry]) => `${entry.count} ${name}`);
  const firsts = [...templates.values()].slice(0, SHOWN).map(({ first }) => first);
  return [`${count} vectors differ: ${rows.join(', ')}`, ...firsts].join('\n');
}
