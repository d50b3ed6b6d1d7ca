import type { Debuggee, Watchpoint } from './debuggee.ts';
import { DESCRIPTIONS, type Description, type DescriptionName } from './descriptions.ts';

/** How a gdb has left the debuggee. */
export type Leave =
  /** gdb wants the program to end. */
  | 'killed'
  /** The guest is to go on without gdb. */
  | 'detached';

export interface SessionOptions {
  /** The registers that gdb is shown at first; `amd64` when absent. */
  readonly description?: DescriptionName;
  /** The debuggee was there before gdb and stays when gdb ends; else gdb ends it. */
  readonly attached?: boolean;
}

/** What a conversation with one gdb knows. */
export interface State {
  readonly debuggee: Debuggee;
  readonly attached: boolean;
  /** Processor whose registers and memory are meant. */
  cpu: number;
  description: Description;
  /** By type and address, as gdb set them: one address may have a breakpoint of either type. */
  readonly breakpoints: Map<string, bigint>;
  /** By address and length. */
  readonly watchpoints: Map<string, Watchpoint>;
  /** gdb understands what made a breakpoint stop. */
  knowsReasons: boolean;
  /** Packets are acknowledged. */
  acknowledges: boolean;
  /** The guest runs, and gdb waits for it to stop. */
  running: boolean;
  /** Processor that gdb has asked to step; undefined: all run. */
  stepping: number | undefined;
  /** What gdb was told of the last stop. */
  stop: string;
  leave: Leave | undefined;
}

/** Packets to send, in order. */
export type Answer = readonly string[];

/** A command: what follows its name in the packet. */
export type Command = (state: State, rest: string) => Answer;

/** Nothing is sent now. */
export const LATER: Answer = [];
/** For what is not known: gdb then does without. */
export const UNKNOWN: Answer = [''];
export const OK: Answer = ['OK'];

/** Error numbers are those of POSIX. */
export const NO_SUCH_THREAD: Answer = ['E03'];
export const BAD_ADDRESS: Answer = ['E0e'];
export const BUSY: Answer = ['E10'];
export const INVALID: Answer = ['E16'];

/** An error in words. gdb prints them. */
export const refused = (why: string): Answer => [`E.${why}`];

export function initialState(
  debuggee: Debuggee,
  { description = 'amd64', attached = false }: SessionOptions,
): State {
  return {
    debuggee,
    attached,
    cpu: debuggee.current,
    description: DESCRIPTIONS[description],
    breakpoints: new Map(),
    watchpoints: new Map(),
    knowsReasons: false,
    acknowledges: true,
    running: false,
    stepping: undefined,
    stop: '',
    leave: undefined,
  };
}

/** gdb's threads are processors, counted from 1: 0 and -1 have meanings of their own. */
export const threadOf = (cpu: number): string => (cpu + 1).toString(16);

/** Undefined when there is no such processor. 0 ("any") and -1 ("all") are the present one. */
export function cpuOf(state: State, thread: string): number | undefined {
  if (thread === '0' || thread === '-1') return state.cpu;
  const cpu = /^[0-9a-f]{1,8}$/i.test(thread) ? Number.parseInt(thread, 16) - 1 : -1;
  return cpu >= 0 && cpu < state.debuggee.processors ? cpu : undefined;
}
