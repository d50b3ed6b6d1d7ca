/**
 * Runs a small guest program, written in assembly, on a computer of its own. The programs report on
 * the first serial port, one line for each fact, and end by the debug exit port.
 */
import { type AssembleOptions, assemble } from '../../isa/assembler/index.ts';
import { Computer, type ComputerOptions, type ComputerStop } from '../computer.ts';
import { GUEST_INCLUDES } from './guest-includes.ts';

/** All guests are flat binaries for this address, entered in real mode with all segments 0. */
export const GUEST_ORIGIN = 0x8000;
const MEGABYTE = 0x10_0000;

export interface GuestOptions extends Partial<Omit<ComputerOptions, 'serialOutput'>> {
  /** Cycles after which the run ends by itself; 50 million when absent. */
  readonly limit?: number;
  /** `-D` of the assembler. */
  readonly defines?: AssembleOptions['defines'];
  /** Called before the first instruction, for tests that set breakpoints or take single steps. */
  readonly prepare?: (computer: Computer) => void;
}

export interface GuestRun {
  /** What the serial port sent. */
  readonly output: string;
  readonly stop: ComputerStop;
  readonly computer: Computer;
}

/** The flat binary of a guest. Throws Error naming the line that the assembler refuses. */
export function assembleGuest(source: string, defines: AssembleOptions['defines'] = {}): Uint8Array {
  const prologue = `org 0x${GUEST_ORIGIN.toString(16)}\nbits 16\n%include "report.inc"\n`;
  const { bytes, errors } = assemble(prologue + source, {
    file: 'guest.asm',
    includes: GUEST_INCLUDES,
    defines,
  });
  if (errors.length === 0) return bytes;
  const lines = (prologue + source).split('\n');
  const described = errors.map(({ file, line, message }) => {
    const text = file === 'guest.asm' ? lines[line - 1] : '';
    return `${file}:${line}: ${message}: ${text}`;
  });
  throw new Error(described.join('\n'));
}

/** A computer with the guest loaded, and where its output goes. */
export function loadGuest(
  source: string,
  options: GuestOptions = {},
): { computer: Computer; output: () => string } {
  const { ramBytes = 16 * MEGABYTE, defines, limit: _, prepare, ...rest } = options;
  const sent: number[] = [];
  const computer = new Computer({ ramBytes, ...rest, serialOutput: (byte) => void sent.push(byte) });
  computer.boot({
    kernel: assembleGuest(source, defines),
    commandLine: '',
    format: 'flat',
    flat: { address: GUEST_ORIGIN, mode: 'real' },
  });
  prepare?.(computer);
  return { computer, output: () => String.fromCharCode(...sent) };
}

export function runGuest(source: string, options: GuestOptions = {}): GuestRun {
  const { computer, output } = loadGuest(source, options);
  const stop = computer.run(options.limit ?? 50_000_000);
  return { output: output(), stop, computer };
}

/** Exit status after `out 0xf4, 0`: the guest came to its end. */
const SUCCESS = 1;

/** The lines that a guest reports. Throws Error when it does not come to its end. */
export function report(source: string, options: GuestOptions = {}): string[] {
  const { output, stop, computer } = runGuest(source, options);
  if (stop.kind === 'exit' && stop.status === SUCCESS) return output.split('\n').slice(0, -1);
  const { regs } = computer.processor;
  const where = `${regs.selector(1).toString(16)}:${regs.rip.toString(16)}`;
  throw new Error(
    `the guest did not come to its end: ${JSON.stringify(stop)} at ${where}, having said:\n${output}`,
  );
}
