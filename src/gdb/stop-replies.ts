import type { Halt } from './debuggee.ts';
import { byteHex, bytesToHex, fromText } from './hex.ts';
import { type Answer, type State, threadOf } from './state.ts';

/** gdb's numbers for signals. */
const SIGNAL = { NONE: 0, INT: 2, TRAP: 5, ABRT: 6 } as const;

/** A line that gdb prints; a character for each byte. */
export const message = (line: string): string => `O${bytesToHex(fromText(`${line}\n`))}`;

const stopped = (signal: number, cpu: number, reason = ''): string =>
  `T${byteHex(signal)}${reason}thread:${threadOf(cpu)};`;

/** Stopped by Ctrl-C. */
export const interrupted = (cpu: number): string => stopped(SIGNAL.INT, cpu);

/** Nothing has happened but that gdb came. */
export const waiting = (cpu: number): string => stopped(SIGNAL.TRAP, cpu);

/** Messages and the stop reply. */
export function stopReply(state: State, halt: Halt): Answer {
  switch (halt.kind) {
    case 'stepped':
      return [stopped(SIGNAL.TRAP, halt.cpu)];
    case 'breakpoint':
      return [stopped(SIGNAL.TRAP, halt.cpu, state.knowsReasons ? 'swbreak:;' : '')];
    case 'watchpoint':
      return [stopped(SIGNAL.TRAP, halt.cpu, `watch:${halt.address.toString(16)};`)];
    case 'beginning':
      return [stopped(SIGNAL.TRAP, halt.cpu, 'replaylog:begin;')];
    case 'foreign':
      return [...halt.why.map(message), interrupted(halt.cpu)];
    case 'stuck':
      return [...halt.why.map(message), stopped(SIGNAL.NONE, halt.cpu)];
    case 'crashed':
      return [...halt.why.map(message), stopped(SIGNAL.ABRT, halt.cpu)];
    case 'ended':
      return [message(halt.why), ended(state, halt)];
  }
}

/** A debuggee that can go backwards stays; for others the end of the guest is the end of gdb's process. */
function ended({ debuggee }: State, { cpu, status }: Extract<Halt, { kind: 'ended' }>): string {
  return debuggee.runBack ? stopped(SIGNAL.TRAP, cpu, 'replaylog:end;') : `W${byteHex(status)}`;
}
