/** Says in text how two machines came apart: the program with its disassembly, and the first difference. */
import { Decoder, Formatter, FormatterSyntax, Instruction } from 'iced-x86';
import type { Mismatch } from './lockstep.ts';
import type { LockstepMachine } from './lockstep-machine.ts';
import { layOut, type Program } from './random-program.ts';
import { originOf } from './random-program-settings.ts';

const hex = (value: number | bigint, digits = 0): string => value.toString(16).padStart(digits, '0');

/** @param machines those of the run that came apart, as they are now */
export function describeMismatch(
  program: Program,
  mismatch: Mismatch,
  machines: readonly LockstepMachine[],
): string {
  const { setting, window, slices } = program;
  const { what, expected, actual, slice, cycle, machine } = mismatch;
  const shown = slices
    .slice(0, slice + 1)
    .map(({ cycles, event }) => (event === 'none' ? cycles : `${cycles}+${event}`));
  return [
    `${setting.name}, window at linear ${hex(BigInt.asUintN(64, BigInt(window)))}h, ${program.items.length} instructions`,
    `slices: ${shown.join(' ')}; differs at the end of slice ${slice}, cycle ${cycle}, on machine ${machine}:`,
    `  ${what}: ${expected} expected, ${actual} found`,
    ...registers(machines[0], machines[machine]),
    ...listing(program),
  ].join('\n');
}

const NAMES = 'RAX RCX RDX RBX RSP RBP RSI RDI R8 R9 R10 R11 R12 R13 R14 R15'.split(' ');

function registers(a: LockstepMachine, b: LockstepMachine): string[] {
  const values = ({ regs, processor: _ }: LockstepMachine): bigint[] => [
    ...NAMES.map((_name, n) => regs.gprBig(n)),
    BigInt.asUintN(64, BigInt(regs.rip)),
    BigInt(regs.rflags >>> 0),
  ];
  const [x, y] = [values(a), values(b)];
  return [...NAMES, 'RIP', 'RFLAGS'].map((name, i) => {
    const other = x[i] === y[i] ? '' : `   found ${hex(y[i], 16)}`;
    return `  ${name.padEnd(6)} ${hex(x[i], 16)}${other}`;
  });
}

/** Window offset, bytes, text, and where the next one begins when that is not clear. */
function listing(program: Program): string[] {
  const { setting, items, start } = program;
  const { code, offsets } = layOut(program);
  const origin = originOf(setting, program.window);
  const formatter = new Formatter(FormatterSyntax.Nasm);
  const instruction = new Instruction();
  const lines = items.map((_, i) => {
    const bytes = code.subarray(offsets[i] - start, offsets[i + 1] - start);
    const decoder = new Decoder(setting.bits, bytes, 0);
    decoder.ip = BigInt.asUintN(64, BigInt(origin + offsets[i]));
    decoder.decodeOut(instruction);
    const text = instruction.code === 0 ? '(no instruction)' : formatter.format(instruction);
    const rest = instruction.length < bytes.length ? ' ..' : '';
    decoder.free();
    return `  ${hex(offsets[i], 4)}  ${Array.from(bytes, (b) => hex(b, 2))
      .join(' ')
      .padEnd(34)} ${text}${rest}`;
  });
  instruction.free();
  formatter.free();
  return lines;
}

/** The start of the registers, for a reproduction by hand. */
export function initialRegisters({ registers, start }: Program): string {
  const { general, rflags, mxcsr, fcw } = registers;
  const values = NAMES.map((name, n) => `${name}=${hex(general[2 * n + 1], 8)}${hex(general[2 * n], 8)}`);
  return `${values.join(' ')} start=${hex(start)} RFLAGS=${hex(rflags)} MXCSR=${hex(mxcsr)} FCW=${hex(fcw)}`;
}
