/** c, s, vCont, bc, bs: forwards and backwards. Z, z: where to stop. D, k: the end. */
import { parseHex } from './hex.ts';
import {
  type Answer,
  type Command,
  cpuOf,
  INVALID,
  LATER,
  NO_SUCH_THREAD,
  OK,
  type State,
  UNKNOWN,
} from './state.ts';

/** The guest runs from now on; what stopped it is answered when it stops. */
function go(state: State, stepping?: number): Answer {
  state.running = true;
  state.stepping = stepping;
  return LATER;
}

function run(state: State): Answer {
  state.debuggee.run();
  return go(state);
}

function step(state: State, cpu = state.cpu, alone = false): Answer {
  state.debuggee.step(cpu, alone);
  return go(state, cpu);
}

/** An address to go on from, which gdb has not sent for decades: it writes the register. */
const withoutAddress =
  (command: (state: State) => Answer): Command =>
  (state, rest) =>
    rest === '' ? command(state) : INVALID;

/** A signal has no meaning for a computer: whatever it is, the guest does not get it. */
const withSignal =
  (command: (state: State) => Answer): Command =>
  (state, rest) =>
    /^[0-9a-f]{2}$/i.test(rest) ? command(state) : INVALID;

/**
 * ";ACTION[:THREAD];..." where the first action that fits a thread counts. One processor can be stepped; the others
 * are part of the same computer and have no actions of their own. When gdb wants them to stand still, it gives no
 * action without a thread.
 */
function continueThreads(state: State, rest: string): Answer {
  const actions = rest
    .slice(1)
    .split(';')
    .map((action) => action.split(':'));
  if (!actions.every(([action]) => /^(c|s|[CS][0-9a-f]{2})$/i.test(action))) return INVALID;
  const stepped = actions.find(([action]) => action.toLowerCase().startsWith('s'));
  if (stepped === undefined) return run(state);
  const cpu = cpuOf(state, stepped[1] ?? '0');
  const alone = stepped.length > 1 && actions.every((action) => action.length > 1);
  return cpu === undefined ? NO_SUCH_THREAD : step(state, cpu, alone);
}

/** Breakpoints of gdb's types 0 and 1, in memory and in hardware: here they are the same. */
const BREAKPOINT_TYPES: readonly string[] = ['0', '1'];

/** "TYPE,ADDRESS,KIND": the kind, an instruction's size, does not matter. */
const breakpoint =
  (set: boolean): Command =>
  ({ breakpoints, debuggee }, rest) => {
    const [type, hex = ''] = rest.split(',');
    if (!BREAKPOINT_TYPES.includes(type)) return UNKNOWN;
    const address = parseHex(hex);
    if (address === undefined) return INVALID;
    const key = `${type}:${address}`;
    if (set) breakpoints.set(key, address);
    else breakpoints.delete(key);
    debuggee.setBreakpoints(new Set(breakpoints.values()));
    return OK;
  };

function runBack(state: State): Answer {
  const { debuggee } = state;
  if (debuggee.runBack === undefined) return UNKNOWN;
  debuggee.runBack();
  return go(state);
}

function stepBack(state: State): Answer {
  const { debuggee, cpu } = state;
  if (debuggee.stepBack === undefined) return UNKNOWN;
  debuggee.stepBack(cpu);
  return go(state, cpu);
}

export const RUN_COMMANDS: Readonly<Record<string, Command>> = {
  c: withoutAddress(run),
  s: withoutAddress((state) => step(state)),
  C: withSignal(run),
  S: withSignal((state) => step(state)),
  'vCont?': () => ['vCont;c;C;s;S'],
  vCont: continueThreads,
  bc: withoutAddress(runBack),
  bs: withoutAddress(stepBack),
  Z: breakpoint(true),
  z: breakpoint(false),
  D: (state) => {
    state.leave = 'detached';
    return OK;
  },
  // gdb waits for no answer to k.
  k: (state) => {
    state.leave = 'killed';
    return LATER;
  },
  vKill: (state) => {
    state.leave = 'killed';
    return OK;
  },
};
