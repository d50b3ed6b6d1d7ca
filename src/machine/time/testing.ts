/**
 * The proof that an instant is one state: a run notes the hashes of all state at some instants; then another
 * computer with the same inputs goes to these instants in random ways, and has the same hashes there.
 */
import { Random } from '../../cpu/testing/random.ts';
import type { Computer } from '../computer.ts';
import { type StateParts, stateParts } from '../state-hash.ts';
import { History, type Instant } from './history.ts';

export interface Subject {
  readonly computer: Computer;
  /** Inputs, at positions in ascending order. */
  readonly inputs: readonly { readonly at: number; readonly enter: () => void }[];
}

export interface WrongInstant {
  readonly at: Instant;
  readonly way: string;
  /** The parts of the state that differ. */
  readonly parts: readonly string[];
}

/** Real time as the number of questions asked: snapshots come at the same instants in each run. */
function countingStopwatch(): () => number {
  let time = 0;
  return () => (time += 40);
}

/** Runs to `end`, with the inputs on the way and a call of `pause` at each of `stops`. */
function runThrough(subject: Subject, end: number, stops: readonly number[], pause: () => void): void {
  const { computer, inputs } = subject;
  const events = [
    ...inputs.map(({ at, enter }) => ({ at, act: enter })),
    ...stops.map((at) => ({ at, act: pause })),
    { at: end, act: () => {} },
  ].sort((a, b) => a.at - b.at);
  for (const { at, act } of events) {
    computer.runTo(at);
    act();
  }
}

/**
 * @param make a fresh computer with its inputs; called twice
 * @returns instants that were not as they had been
 */
export function wrongInstants(
  make: () => Subject,
  end: number,
  options: {
    readonly instants?: number;
    readonly ways?: number;
    readonly seed?: number;
    readonly budget?: number;
  } = {},
): WrongInstant[] {
  const { instants = 12, ways = 40, seed = 1, budget } = options;
  const random = new Random(seed);
  const stops = Array.from({ length: instants }, () => random.below(end));
  const expected: { at: Instant; parts: StateParts }[] = [];
  const first = make();
  runThrough(first, end, stops, () => {
    const { computer } = first;
    const at = { position: computer.position, entered: computer.journal.entered };
    expected.push({ at, parts: stateParts(computer) });
  });

  const subject = make();
  const { computer } = subject;
  const history = new History(computer, { stopwatch: countingStopwatch(), ...(budget ? { budget } : {}) });
  // Other stops than those of the first run, so that the slices differ too.
  const pauses = Array.from({ length: 30 }, () => random.below(end));
  runThrough(subject, end, pauses, () => history.tick());
  history.tick();

  const wrong: WrongInstant[] = [];
  for (let i = 0; i < ways; i++) {
    const { at, parts } = expected[random.below(expected.length)];
    const way = WAYS[random.below(WAYS.length)];
    way.go(history, at, random);
    const now = stateParts(computer);
    const differing = Object.keys(parts).filter((part) => parts[part] !== now[part]);
    const here = history.now;
    if (here.position !== at.position || here.entered !== at.entered) differing.push('instant');
    if (differing.length > 0) wrong.push({ at, way: way.name, parts: differing });
  }
  return wrong;
}

interface Way {
  readonly name: string;
  readonly go: (history: History, to: Instant, random: Random) => void;
}

const WAYS: readonly Way[] = [
  { name: 'directly', go: (history, to) => history.seek(to) },
  {
    name: 'by way of another instant',
    go: (history, to, random) => {
      history.seek({ position: random.below(history.range.to), entered: 0 });
      history.seek(to);
    },
  },
  {
    name: 'in small steps at the end',
    go: (history, to) => {
      history.seek({ position: Math.max(0, to.position - 300), entered: 0 });
      while (history.computer.position < to.position) history.computer.step();
      history.seek(to);
    },
  },
  {
    name: 'back from a little later',
    go: (history, to) => {
      history.seek({ position: to.position + 40, entered: 0 });
      const isThere = (): boolean => history.now.position === to.position;
      while (
        history.now.position > to.position &&
        history.stepBack(() => history.now.position >= to.position)
      ) {
        if (isThere()) break;
      }
      history.seek(to);
    },
  },
  {
    name: 'with nothing decoded and without the second tier',
    go: (history, to, random) => {
      const { computer } = history;
      history.seek({ position: Math.max(0, to.position - random.below(2_000_000)), entered: 0 });
      computer.setTier2('off');
      while (computer.position < to.position) {
        computer.code.flush();
        computer.runTo(Math.min(to.position, computer.position + 1 + random.below(500_000)));
      }
      computer.setTier2('on');
      history.seek(to);
    },
  },
];
