/** c, s, vCont, bc, bs: forwards and backwards. Z, z: where to stop. D, k: the end. */
import { watchpointKey } from './debuggee.ts';
import { parseHex } from './hex.ts';
import {
  type Answer,
  BAD_ADDRESS,
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

type SetPlace = (state: State, address: bigint, length: number) => Answer;

/** @param type gdb sets and removes each type by itself: one address may have several */
const breakpoint =
  (type: 'software' | 'hardware', set: boolean): SetPlace =>
  ({ breakpoints, debuggee }, address) => {
    const key = `${type} ${address}`;
    if (set) breakpoints.set(key, address);
    else breakpoints.delete(key);
    debuggee.setBreakpoints(new Set(breakpoints.values()));
    return OK;
  };

const setWatchpoint: SetPlace = ({ watchpoints, debuggee, cpu }, address, length) => {
  const watchpoint = { address, length };
  if (length === 0 || !debuggee.watch(cpu, watchpoint)) return BAD_ADDRESS;
  watchpoints.set(watchpointKey(watchpoint), watchpoint);
  return OK;
};

const clearWatchpoint: SetPlace = ({ watchpoints, debuggee }, address, length) => {
  const watchpoint = { address, length };
  debuggee.unwatch(watchpoint);
  watchpoints.delete(watchpointKey(watchpoint));
  return OK;
};

/** By gdb's types 0, 1 and 2; 3 and 4, for reads, there are none. Software and hardware breakpoints are the same. */
const placesOf = (set: boolean): readonly SetPlace[] => [
  breakpoint('software', set),
  breakpoint('hardware', set),
  set ? setWatchpoint : clearWatchpoint,
];

/** "TYPE,ADDRESS,LENGTH": of a breakpoint the length, that of an instruction, does not matter. */
function place(set: boolean): Command {
  const places = placesOf(set);
  return (state, rest) => {
    const [type, ...numbers] = rest.split(',');
    const found = /^\d$/.test(type) ? places[Number(type)] : undefined;
    if (found === undefined) return UNKNOWN;
    const [address, length] = numbers.map(parseHex);
    if (address === undefined || length === undefined) return INVALID;
    return found(state, address, Number(length));
  };
}

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
  Z: place(true),
  z: place(false),
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
