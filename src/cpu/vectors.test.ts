/**
 * Replays the recorded instruction vectors (tools/vectors) on the simulated processor: what single
 * instructions did on a real one, bit for bit wherever the manuals define the result.
 */
import { describe, expect, it } from 'vitest';
import { differences, explain } from '../../tools/vectors/compare.ts';
import { CODE, LOW_WINDOW, OFFSET, R, State, WINDOW, WINDOW_SIZE } from '../../tools/vectors/layout.ts';
import {
  type RecordedException,
  readVectorFile,
  type Vector,
  vectorFiles,
} from '../../tools/vectors/reader.ts';
import { SEG, VECTOR } from '../arch/registers.ts';
import { ATTRIBUTE } from '../arch/segments.ts';
import { FPU_TRAP, STATE } from './state.ts';
import { EVENT_TYPE } from './system/event.ts';
import { refresh } from './system/mode.ts';
import { Bench, type CaughtEvent } from './testing/bench.ts';

const PAGE = 0x1000;
/** Explanations shown for each file. */
const SHOWN = 12;
/** FSW: TOP, and the two bits that summarize the unmasked exceptions. */
const TOP_SHIFT = 11;
const TOP_BITS = 7 << TOP_SHIFT;
const EXCEPTIONS = 0x3f;

const bench = new Bench();
const { regs, ram } = bench;
const pageOf = (address: number): number => address - (address % PAGE);
const codePage = bench.map(pageOf(CODE));
const windowPage = bench.map(pageOf(WINDOW));
const otherPage = bench.map(0x3000_0000);

/** How a replay differs from the recording, without any difference in what the instructions do. */
interface Setting {
  readonly title: string;
  readonly files: readonly string[];
  /** 16: 32-bit code is put into a 16-bit code segment, with the opposite size prefixes. */
  readonly bits?: 16;
  /** Of the segments; where not given, 0 and flat. */
  readonly base?: number;
  /** Physical pages of the window and of what follows; where not given, an own page and nothing. */
  readonly pages?: readonly [number, number];
  /** The vectors that mean the same in this setting; where not given, all. */
  readonly accepts?: (vector: Vector) => boolean;
  /** Before each vector. */
  readonly prepare?: (vector: Vector) => void;
}

const FILES = vectorFiles();
const FILES_32 = FILES.filter((name) => name.endsWith('-32'));
const HALF = WINDOW_SIZE / 2;

/** The stack pointer's upper half moves into the segment base. */
function use16BitStack({ initial }: Vector): void {
  const esp = initial.u32[(OFFSET.gpr + 8 * R.SP) / 4];
  const ss = regs.segment(SEG.SS);
  regs.setSegment(SEG.SS, { ...ss, attributes: ss.attributes & ~ATTRIBUTE.DB, base: esp - (esp & 0xffff) });
  refresh(regs);
}

/** Stack instructions without a memory operand and far from the 64 KiB boundary. */
function isPlainStack({ template, initial }: Vector): boolean {
  const esp = initial.u32[(OFFSET.gpr + 8 * R.SP) / 4] & 0xffff;
  return (
    esp > 0x100 &&
    esp < 0xff00 &&
    /^((PUSH|POP) [56]|PUSH[AF]|POP[AF]|CALL E8|RET C3|ENTER)/.test(template.name)
  );
}

const SETTINGS: readonly Setting[] = [
  { title: 'as recorded', files: FILES },
  { title: 'through segments', files: FILES_32, base: 0x400_0000 },
  { title: 'in a 16-bit code segment', files: ['integer-32', 'flow-32'], bits: 16 },
  {
    title: 'across two pages, one of which holds the code',
    files: FILES_32,
    base: 0x500_0000 + HALF,
    pages: [codePage, otherPage],
    accepts: ({ exception }) => exception?.vector !== VECTOR.PF,
  },
  { title: 'on a 16-bit stack', files: ['flow-32'], accepts: isPlainStack, prepare: use16BitStack },
];

/** Physical addresses: of CODE, and of the window's two halves. */
let codeAt = 0;
let halves: readonly [number, number] = [0, 0];

/** Maps the pages of a setting. Settings of different bases do not meet. */
function arrange({ base = 0, pages }: Setting): void {
  const [first, second] = pages ?? [windowPage, undefined];
  bench.map(base - (base % PAGE) + pageOf(CODE), codePage);
  for (const address of [WINDOW, LOW_WINDOW]) {
    const linear = base + address;
    bench.map(pageOf(linear), first);
    if (second !== undefined) bench.map(pageOf(linear) + PAGE, second);
  }
  codeAt = codePage + ((base + CODE) % PAGE);
  const start = first + ((base + WINDOW) % PAGE);
  halves = [start, second ?? start + HALF];
}

function load({ u16, u32, bytes }: State): void {
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
  ram.set(bytes.subarray(OFFSET.window, OFFSET.window + HALF), halves[0]);
  ram.set(bytes.subarray(OFFSET.window + HALF), halves[1]);
}

function store({ u16, u32, bytes }: State): void {
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

/** What the recording would have seen: a software exception leaves RIP behind the instruction. */
function recorded(event: CaughtEvent | undefined, start: number, base: number): RecordedException | null {
  if (!event) return null;
  if (event.type === EVENT_TYPE.SOFTWARE_EXCEPTION) regs.rip += event.length;
  else if (regs.rip === start) regs.rip = CODE;
  const linear = regs.fieldBig(STATE.FAULT_ADDRESS) - BigInt(base);
  const address = event.vector === VECTOR.PF ? BigInt.asUintN(base === 0 ? 64 : 32, linear) : 0n;
  return { vector: event.vector, errorCode: Math.max(0, event.errorCode), address };
}

function execute(vector: Vector, start: number, base: number): RecordedException | null {
  const repeats = vector.template.name.startsWith('REP');
  regs.rip = start;
  let event = bench.step();
  while (repeats && !event && regs.rip === start) event = bench.step();
  return recorded(event, start, base);
}

/** RET behind the instruction keeps the translator from decoding further. */
const RET = 0xc3;
/** Longest instruction, and two more for the size prefixes before and RET behind. */
const ROOM = 18;

/** Puts the instruction so that its end is where it was recorded. @returns its linear address */
function putCode(code: Uint8Array, recordedLength: number): number {
  const shift = recordedLength - code.length;
  ram.fill(0, codeAt - 2, codeAt + ROOM);
  ram.set(code, codeAt + shift);
  ram[codeAt + recordedLength] = RET;
  bench.changed(codeAt - 2, ROOM + 2);
  return CODE + shift;
}

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

interface Mismatches {
  replayed: number;
  count: number;
  readonly templates: Map<string, { count: number; first: string }>;
}

function replay(name: string, setting: Setting): Mismatches {
  const { bits, base = 0, accepts, prepare } = setting;
  arrange(setting);
  const actual = new State();
  const wrong: Mismatches = { replayed: 0, count: 0, templates: new Map() };
  let mode = 0;
  for (const vector of readVectorFile(name)) {
    const { template, code } = vector;
    if (accepts?.(vector) === false) continue;
    if (template.bits !== mode) {
      mode = template.bits;
      bench.setMode(bits ?? template.bits, base);
    }
    wrong.replayed++;
    load(vector.initial);
    prepare?.(vector);
    const start = putCode(bits === 16 ? withOtherSizes(code) : code, code.length);
    const exception = execute(vector, start, base);
    store(actual);
    const found = differences(vector, actual, exception);
    if (found.length === 0) continue;
    wrong.count++;
    const entry = wrong.templates.get(template.name);
    if (entry) entry.count++;
    else wrong.templates.set(template.name, { count: 1, first: explain(vector, found) });
  }
  return wrong;
}

function report({ count, templates }: Mismatches): string {
  const rows = [...templates].map(([name, entry]) => `${entry.count} ${name}`);
  const firsts = [...templates.values()].slice(0, SHOWN).map(({ first }) => first);
  return [`${count} vectors differ: ${rows.join(', ')}`, ...firsts].join('\n');
}

describe.each(SETTINGS)('recorded vectors $title', (setting) => {
  it.each(setting.files)(
    '%s',
    (name) => {
      const wrong = replay(name, setting);
      expect(wrong.replayed).toBeGreaterThan(1000);
      expect(wrong.count, report(wrong)).toBe(0);
    },
    120_000,
  );
});
