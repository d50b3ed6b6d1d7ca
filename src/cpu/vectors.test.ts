/**
 * Replays the recorded instruction vectors (tools/vectors) on the simulated processor: what single
 * instructions did on a real one, bit for bit wherever the manuals define the result.
 */
import { describe, expect, it } from 'vitest';
import { differences, explain } from '../../tools/vectors/compare.ts';
import { CODE, LOW_WINDOW, OFFSET, State, WINDOW, WINDOW_SIZE } from '../../tools/vectors/layout.ts';
import {
  type RecordedException,
  readVectorFile,
  type Vector,
  vectorFiles,
} from '../../tools/vectors/reader.ts';
import { FPU_TRAP, STATE } from './state.ts';
import { EVENT_TYPE } from './system/event.ts';
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
const codeAt = bench.map(CODE - (CODE % PAGE)) + (CODE % PAGE);
const windowPage = bench.map(WINDOW - (WINDOW % PAGE));
bench.map(LOW_WINDOW - (LOW_WINDOW % PAGE), windowPage);
const windowAt = windowPage + (WINDOW % PAGE);

function load({ u16, u32, bytes }: State): void {
  regs.u32.set(u32.subarray(OFFSET.gpr / 4, OFFSET.rip / 4 + 2), 0);
  regs.setPair(STATE.RIP, u32[OFFSET.rip / 4], u32[OFFSET.rip / 4 + 1]);
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
  ram.set(bytes.subarray(OFFSET.window), windowAt);
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
  bytes.set(ram.subarray(windowAt, windowAt + WINDOW_SIZE), OFFSET.window);
}

/** What the recording would have seen: a software exception leaves RIP behind the instruction. */
function recorded(event: CaughtEvent | undefined): RecordedException | null {
  if (!event) return null;
  if (event.type === EVENT_TYPE.SOFTWARE_EXCEPTION) regs.rip += event.length;
  const address = event.vector === 14 ? BigInt.asUintN(64, regs.fieldBig(STATE.FAULT_ADDRESS)) : 0n;
  return { vector: event.vector, errorCode: Math.max(0, event.errorCode), address };
}

function execute(vector: Vector): RecordedException | null {
  const repeats = vector.template.name.startsWith('REP');
  let event = bench.step();
  while (repeats && !event && regs.lo(STATE.RIP) === CODE) event = bench.step();
  return recorded(event);
}

/** RET behind the instruction keeps the translator from decoding further. */
const RET = 0xc3;
let codeLength = 0;

function putCode(code: Uint8Array): void {
  ram.fill(0, codeAt, codeAt + codeLength);
  ram.set(code, codeAt);
  ram[codeAt + code.length] = RET;
  const length = code.length + 1;
  bench.changed(codeAt, Math.max(codeLength, length));
  codeLength = length;
}

interface Mismatches {
  count: number;
  readonly templates: Map<string, { count: number; first: string }>;
}

function replay(name: string): Mismatches {
  const actual = new State();
  const wrong: Mismatches = { count: 0, templates: new Map() };
  let bits = 0;
  for (const vector of readVectorFile(name)) {
    if (vector.template.bits !== bits) {
      bits = vector.template.bits;
      bench.setMode(vector.template.bits);
    }
    putCode(vector.code);
    load(vector.initial);
    const exception = execute(vector);
    store(actual);
    const found = differences(vector, actual, exception);
    if (found.length === 0) continue;
    wrong.count++;
    const entry = wrong.templates.get(vector.template.name);
    if (entry) entry.count++;
    else wrong.templates.set(vector.template.name, { count: 1, first: explain(vector, found) });
  }
  return wrong;
}

function report({ count, templates }: Mismatches): string {
  const rows = [...templates].map(([name, entry]) => `${entry.count} ${name}`);
  const firsts = [...templates.values()].slice(0, SHOWN).map(({ first }) => first);
  return [`${count} vectors differ: ${rows.join(', ')}`, ...firsts].join('\n');
}

describe('recorded vectors', () => {
  it.each(vectorFiles())(
    '%s',
    (name) => {
      const wrong = replay(name);
      expect(wrong.count, report(wrong)).toBe(0);
    },
    120_000,
  );
});
