/**
 * Two computers with the same kernel, one with the first tier alone: run side by side and compared
 * every few thousand cycles. Registers, devices, time and events are compared each time; RAM, which
 * keeps what went wrong in it, less often.
 */
import type { Tier2Mode } from '../../src/contracts/tiers.ts';
import { LAYOUT } from '../../src/cpu/state.ts';
import type { BootImage } from '../../src/machine/boot/load.ts';
import { Computer, type ComputerOptions, type ComputerStop } from '../../src/machine/computer.ts';
import { PROCESSOR_FIELDS } from '../../src/machine/state-hash.ts';

export interface BootLockstepOptions {
  readonly computer: ComputerOptions;
  readonly image: BootImage;
  /** Of the second computer. */
  readonly tier2: Tier2Mode;
  /** Cycles between comparisons; an instruction takes at least one. */
  readonly step: number;
  /** Comparisons between those of RAM. */
  readonly stepsPerMemory: number;
  /** From this cycle on RAM is compared in every step. */
  readonly detailFrom?: number;
  /** The run ends at this cycle. */
  readonly until?: number;
  /** Typed into the console, at cycles. */
  readonly input?: readonly (readonly [cycle: number, text: string])[];
}

export interface Divergence {
  /** The state was equal at the one and different at the other; for RAM, as far as it was compared. */
  readonly equalAt: number;
  readonly differentAt: number;
  readonly what: string;
}

export interface BootLockstepRun {
  readonly divergence: Divergence | undefined;
  readonly instructions: number;
  readonly comparisons: number;
  readonly computers: readonly [Computer, Computer];
  readonly stop: ComputerStop;
}

/** @param instructions to be executed, or fewer when the computer stops */
export function runBootLockstep(options: BootLockstepOptions, instructions: number): BootLockstepRun {
  const {
    step,
    stepsPerMemory,
    detailFrom = Number.POSITIVE_INFINITY,
    until = Number.POSITIVE_INFINITY,
  } = options;
  const computers = [start(options, 'off'), start(options, options.tier2)] as const;
  const [a, b] = computers;
  const inputs = [...(options.input ?? [])];
  let comparisons = 0;
  let equalMemoryAt = 0;
  for (;;) {
    const equalAt = a.now;
    for (; inputs.length > 0 && inputs[0][0] <= a.now; inputs.shift()) {
      for (const c of computers) c.input([...inputs[0][1]].map((letter) => letter.charCodeAt(0)));
    }
    const stop = a.run(equalAt + step);
    const other = b.run(equalAt + step);
    comparisons++;
    const last = stop.kind !== 'time' || a.instructions >= instructions || a.now >= until;
    if (until <= a.now && stepsPerMemory === Number.POSITIVE_INFINITY) {
      return { divergence: undefined, instructions: a.instructions, comparisons, computers, stop };
    }
    let what = compareStops(stop, other) ?? compareState(a, b);
    let since = equalAt;
    if (!what && (last || comparisons % stepsPerMemory === 0 || a.now >= detailFrom)) {
      what = compareRam(a, b);
      since = Math.max(equalMemoryAt, Math.min(detailFrom, equalAt));
      equalMemoryAt = a.now;
    }
    const divergence = what === undefined ? undefined : { equalAt: since, differentAt: a.now, what };
    if (divergence || last) return { divergence, instructions: a.instructions, comparisons, computers, stop };
  }
}

function start({ computer, image }: BootLockstepOptions, tier2: Tier2Mode): Computer {
  const made = new Computer({ ...computer, tier2 });
  made.boot(image);
  return made;
}

function compareStops(a: ComputerStop, b: ComputerStop): string | undefined {
  const [x, y] = [JSON.stringify(a), JSON.stringify(b)];
  return x === y ? undefined : `end of the step: ${x} expected, ${y} found`;
}

/** Everything but RAM. @returns what differs first */
export function compareState(a: Computer, b: Computer): string | undefined {
  for (const [i, p] of a.processors.entries()) {
    const other = b.processors[i];
    const difference = compareProcessors(p, other);
    if (difference) return `processor ${i}: ${difference}`;
  }
  const [x, y] = [devicesOf(a), devicesOf(b)];
  for (const [name, state] of Object.entries(x)) {
    if (state !== y[name]) return `${name}: ${state} expected, ${y[name]} found`;
  }
  return undefined;
}

type Processor = Computer['processor'];

function compareProcessors(a: Processor, b: Processor): string | undefined {
  const [x, y] = [a.regs.u32, b.regs.u32];
  const [s, t] = [timeOf(a), timeOf(b)];
  if (s !== t) return `${s} expected, ${t} found`;
  for (const [from, to] of PROCESSOR_FIELDS) {
    for (let i = from >> 2; i < to >> 2; i++) {
      if (x[i] !== y[i]) {
        return `word ${(4 * i).toString(16)}h of the CPU block: ${x[i].toString(16)} expected, ${y[i].toString(16)} found`;
      }
    }
  }
  return undefined;
}

const timeOf = (p: Processor): string => {
  const { nmi, init, startup } = p.pendingSignals;
  const events = [p.crossings.count, nmi, init, startup].join(' ');
  return `cycle ${p.now()}, ${p.instructions} instructions, idle ${p.idleCycles}, RFLAGS ${p.regs.rflags.toString(16)}, ${events}`;
};

function devicesOf({ board, schedule, journal }: Computer): Record<string, string> {
  const devices = Object.entries(board.save()).map(([name, state]) => [name, JSON.stringify(state)]);
  return {
    ...Object.fromEntries(devices),
    schedule: JSON.stringify(schedule),
    journal: `${journal.all.length}`,
  };
}

export function compareRam(a: Computer, b: Computer): string | undefined {
  const words = ({ memory, options }: Computer): BigUint64Array =>
    new BigUint64Array(memory.buffer, LAYOUT.RAM, options.ramBytes / 8);
  const [x, y] = [words(a), words(b)];
  // Whole pieces are compared by the machine's own means.
  const bytes = ({ memory }: Computer): Buffer => Buffer.from(memory.buffer, LAYOUT.RAM, a.options.ramBytes);
  if (Buffer.compare(bytes(a), bytes(b)) === 0) return undefined;
  for (let i = 0; i < x.length; i++) {
    if (x[i] !== y[i]) {
      return `RAM at ${(8 * i).toString(16)}h: ${x[i].toString(16)} expected, ${y[i].toString(16)} found`;
    }
  }
  return undefined;
}
