/**
 * Runs a program on several machines side by side and compares everything that a guest or time could
 * see, at the end of each slice: registers, memory, pending events, the clock.
 */
import { STATE, TLB } from '../state.ts';
import { MSR_FIELD } from '../system/msr-fields.ts';
import { WINDOW_AT } from './lockstep-image.ts';
import type { LockstepMachine } from './lockstep-machine.ts';
import { type Layout, layOut, type Program } from './random-program.ts';
import { originOf, WINDOW } from './random-program-settings.ts';

/** The fields of a CPU block that have to be equal: first byte, and the byte behind the last. */
const FIELDS: readonly (readonly [from: number, to: number])[] = [
  [STATE.GPR, STATE.ZERO + 8],
  [STATE.RIP, STATE.RIP + 8],
  [STATE.CPL, STATE.CPL + 4],
  [STATE.CODE_MODE, STATE.FPU_TRAP + 4],
  [STATE.EFFECTIVE_BASE, STATE.SCRATCH],
  [STATE.XMM, STATE.MXCSR + 4],
  [STATE.SEGMENTS, STATE.PDPTE + 32],
  [STATE.CR0, MSR_FIELD.TSC_OFFSET],
  // In between: the counter's offset, which depends on what the machine has run before the program.
  [MSR_FIELD.TSC_OFFSET + 8, TLB.OFFSET],
];

export interface Difference {
  /** What differs, in the manual's words where there are some. */
  readonly what: string;
  readonly expected: string;
  readonly actual: string;
}

export interface Mismatch extends Difference {
  /** Which of the machines, counting from 0. */
  readonly machine: number;
  /** In which slice, and cycles of the program at its end on the first machine. */
  readonly slice: number;
  readonly cycle: number;
}

/** What a run has done, for statistics. */
export interface LockstepRun {
  readonly mismatch: Mismatch | undefined;
  readonly slices: number;
  readonly instructions: number;
  readonly ended: boolean;
}

/** @param machines the first is the one that is right */
export function runLockstep(
  machines: readonly LockstepMachine[],
  program: Program,
  layout: Layout = layOut(program),
): LockstepRun {
  const [reference, ...others] = machines;
  for (const machine of machines) machine.load(program, layout);
  const end = originOf(program.setting, program.window) + layout.end;
  let slice = 0;
  let stopped = false;
  let mismatch: Mismatch | undefined;
  for (; slice < program.slices.length && !stopped && !mismatch; slice++) {
    const ends = machines.map((machine) => machine.run(program.slices[slice]));
    stopped = ends[0] === 'stopped' || reference.regs.rip === end;
    const last = stopped || slice === program.slices.length - 1;
    for (let i = 0; i < others.length && !mismatch; i++) {
      const found =
        ends[i + 1] !== ends[0]
          ? { what: 'end of the slice', expected: ends[0], actual: ends[i + 1] }
          : compareMachines(reference, others[i], last);
      if (found) mismatch = { ...found, machine: i + 1, slice, cycle: reference.time[0] };
    }
  }
  return { mismatch, slices: slice, instructions: reference.time[1], ended: stopped };
}

/** The first difference. @param whole all memory, not the window alone */
function compareMachines(a: LockstepMachine, b: LockstepMachine, whole: boolean): Difference | undefined {
  return compareTime(a, b) ?? compareFields(a, b) ?? compareMemory(a.ram, b.ram, whole);
}

const TIMES = ['cycles', 'instructions', 'idle cycles', 'changes of ring'];

function compareTime(a: LockstepMachine, b: LockstepMachine): Difference | undefined {
  const [expected, actual] = [a.time, b.time];
  for (const [i, what] of TIMES.entries()) {
    if (expected[i] !== actual[i]) return { what, expected: `${expected[i]}`, actual: `${actual[i]}` };
  }
  const pending = ({ processor: { pendingSignals: p }, ...m }: LockstepMachine): string =>
    [m.deviceHash, m.interrupts, p.nmi, p.init, p.startup].join(' ');
  const [x, y] = [`${pending(a)} ${a.isInterruptPending}`, `${pending(b)} ${b.isInterruptPending}`];
  return x === y ? undefined : { what: 'devices and pending events', expected: x, actual: y };
}

const hex = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');

function compareFields(a: LockstepMachine, b: LockstepMachine): Difference | undefined {
  const [x, y] = [a.regs.u32, b.regs.u32];
  for (const [from, to] of FIELDS) {
    for (let i = from >> 2; i < to >> 2; i++) {
      if (x[i] !== y[i]) return { what: fieldName(4 * i), expected: hex(x[i]), actual: hex(y[i]) };
    }
  }
  const [expected, actual] = [a.regs.rflags, b.regs.rflags];
  return expected === actual ? undefined : { what: 'RFLAGS', expected: hex(expected), actual: hex(actual) };
}

function compareMemory(a: Uint8Array, b: Uint8Array, whole: boolean): Difference | undefined {
  const [from, bytes] = whole ? [0, a.length] : [WINDOW_AT, WINDOW.SIZE];
  const x = new Int32Array(a.buffer, a.byteOffset + from, bytes / 4);
  const y = new Int32Array(b.buffer, b.byteOffset + from, bytes / 4);
  for (let i = 0; i < x.length; i++) {
    if (x[i] !== y[i]) {
      const what = `memory at ${(from + 4 * i).toString(16)}h`;
      return { what, expected: hex(x[i]), actual: hex(y[i]) };
    }
  }
  return undefined;
}

const GPR_NAMES = 'RAX RCX RDX RBX RSP RBP RSI RDI R8 R9 R10 R11 R12 R13 R14 R15'.split(' ');

/** Name of the CPU block's field at a byte offset. */
function fieldName(offset: number): string {
  const part = (start: number, size: number): string =>
    `${Math.floor((offset - start) / size)} + ${(offset - start) % size}`;
  if (offset < STATE.ZERO) return `${GPR_NAMES[offset >> 3]}${offset & 4 ? ' (upper half)' : ''}`;
  if (offset >= STATE.XMM && offset < STATE.X87) return `XMM ${part(STATE.XMM, 16)}`;
  if (offset >= STATE.X87 && offset < STATE.FCW) return `x87 register R${part(STATE.X87, 16)}`;
  if (offset >= STATE.SEGMENTS && offset < STATE.GDTR) return `segment register ${part(STATE.SEGMENTS, 32)}`;
  const known = Object.entries(STATE).filter(([, at]) => at <= offset);
  const [name, at] = known.reduce((best, entry) => (entry[1] >= best[1] ? entry : best));
  return offset === at ? `STATE.${name}` : `STATE.${name} + ${offset - at}`;
}
