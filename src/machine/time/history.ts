/**
 * The past of a computer: snapshots, and the journal between them. Any instant is reached from the nearest
 * snapshot before it by running again, and is the same as it was, bit for bit.
 *
 * Snapshots are taken as often as their cost allows, and thinned when they take more room than they may: of
 * two that are equally close to their neighbours the older one goes.
 */
import type { Computer } from '../computer.ts';
import type { JournalEntry } from '../journal.ts';
import { type Snapshot, Snapshots } from './snapshots.ts';

export interface HistoryOptions {
  /** Bytes that snapshots may take. */
  readonly budget?: number;
  /** Milliseconds of real time, from any origin: how often snapshots are worth it. */
  readonly stopwatch: () => number;
}

export const DEFAULT_BUDGET = 512 * 2 ** 20;

/** An instant: `Computer.position`, and how many inputs of the journal have entered. */
export interface Instant {
  readonly position: number;
  readonly entered: number;
}

/** What a search backwards looks for. */
export interface BackSearch {
  /** Runs up to a position, at least one instruction; true when the instant that it reached counts. */
  readonly run: (until: number) => boolean;
  /** Begins what makes runs stop, where runs without it are much faster; its result ends it. */
  readonly watch?: () => () => void;
  /** The present instant may be the one. */
  readonly orNow?: boolean;
}

/** What a computer would have done without later input: inputs that are not part of its journal any more. */
export interface Branch {
  readonly id: number;
  /** Where the two histories part. */
  readonly from: Instant;
  /** Position that was reached. */
  readonly end: number;
  readonly journal: readonly JournalEntry[];
}

/** Milliseconds between two snapshots, at least. */
const SHORTEST = 40;
/** The time between two snapshots is at least so many times what one takes. */
const COST_FACTOR = 16;
/** About what a snapshot takes beside pages of RAM. */
const FIXED_BYTES = 400_000;
/** A search for an earlier instant looks at so many cycles first. */
const WINDOW = 2000;
/** Steps that are a piece of work. */
const STEPS = 5000;
/** A piece of a search backwards in which a run stops more often is searched by its later half first. */
const MANY = 200;
/** Cycles of a piece that is not divided further. */
const SHORT = 20_000;
/** Cycles before an earlier instant at which a snapshot is left. */
const LEAD = 50_000;

export class History {
  readonly computer: Computer;
  readonly branches: Branch[] = [];
  /** Bytes that snapshots may take. */
  budget: number;
  private readonly snapshots: Snapshots;
  readonly stopwatch: () => number;
  /** Of the present branch, by position; the first is where everything began. */
  private kept: Snapshot[] = [];
  /** Stopwatch when the last one had been taken, and when the next one is worth it. */
  private due = 0;
  /** The furthest instant that was reached on this branch. */
  private furthest = 0;
  private nextBranch = 1;

  /** Begins at the present instant of the computer. */
  constructor(computer: Computer, options: HistoryOptions) {
    this.computer = computer;
    this.snapshots = new Snapshots(computer);
    this.budget = options.budget ?? DEFAULT_BUDGET;
    this.stopwatch = options.stopwatch;
    computer.journal.onInput = (position) => this.branch(position);
    this.checkpoint();
  }

  /** The present. */
  get now(): Instant {
    return { position: this.computer.position, entered: this.computer.journal.entered };
  }

  /** Positions between which one can go. */
  get range(): { readonly from: number; readonly to: number } {
    return { from: this.kept[0].position, to: Math.max(this.furthest, this.computer.position) };
  }

  /** Positions of the snapshots. */
  get marks(): readonly number[] {
    return this.kept.map(({ position }) => position);
  }

  /** Bytes that the snapshots take, about. */
  get bytes(): number {
    return this.snapshots.store.bytes + this.kept.length * FIXED_BYTES;
  }

  /** To be called between runs: takes a snapshot when it is time for one. */
  tick(): void {
    this.furthest = Math.max(this.furthest, this.computer.position);
    if (this.stopwatch() >= this.due) this.checkpoint();
  }

  /** Goes to an instant that has been; `position` may name the middle of an instruction: then to its end. */
  seek(to: Instant): void {
    const { computer } = this;
    const here = this.now;
    const nearest = this.nearest(to);
    const runsOn = isBefore(here, to, true) && here.position >= nearest.position;
    if (!runsOn) this.restore(nearest);
    this.runTo(to.position);
    while (computer.position === to.position && computer.journal.entered < to.entered) {
      if (!computer.enterNext()) break;
    }
  }

  /**
   * Goes to the last instant before the present one that is the beginning of an instruction or event for which
   * `accepts` holds. @returns false, with nothing changed, when there is none
   */
  stepBack(accepts: () => boolean): boolean {
    const pieces = this.searchSteps(accepts);
    for (;;) {
      const { done, value } = pieces.next();
      if (done === true) return value;
    }
  }

  /**
   * `stepBack`, a piece of work a `yield`: for what may be far away. Yields how many have been found.
   * @param count goes to the last but so many of such instants; @returns false when there are fewer, at the first of them
   */
  *searchSteps(accepts: () => boolean, count = 1): Generator<number, boolean> {
    const end = this.now;
    for (let window = Math.max(WINDOW, 2 * count); ; window *= 16) {
      const start = Math.max(this.range.from, end.position - window);
      this.goBack(start);
      /** The latest ones, in turn: the next one takes the place of the earliest. */
      const found: Instant[] = [];
      let accepted = 0;
      for (let steps = 1; isBefore(this.now, end); steps++) {
        if (accepts()) found[accepted++ % count] = this.now;
        this.advance(end);
        if (steps % STEPS === 0) yield Math.min(accepted, count);
      }
      if (accepted < count && start > this.range.from) continue;
      this.seek((accepted < count ? found[0] : found[accepted % count]) ?? end);
      return accepted >= count;
    }
  }

  /**
   * Goes to the last instant before the present one at which a run would have stopped: searches piece by piece
   * from the latest to the earliest. A piece is what lies between two snapshots; where `watch` makes runs stop, the
   * last moments come first, and of a piece with very many stops the later half. Some work a `yield`.
   * @returns false, at the beginning of time, when there is none
   */
  *searchBack({ run, watch, orNow = false }: BackSearch): Generator<void, boolean> {
    let until: Instant = this.now;
    let inclusive = orNow;
    // A run that ends at an instant does not look at the instruction there.
    let beyond = 0;
    /** Where pieces begin that are left to be searched, the earliest first. */
    const begun: Instant[] = watch === undefined ? [] : [{ position: until.position - WINDOW, entered: 0 }];
    for (;;) {
      const start = begun.pop() ?? this.lastSnapshot(until);
      if (start === undefined) {
        this.restore(this.kept[0]);
        return false;
      }
      this.seek(start);
      const from = this.now;
      const unwatch = watch?.();
      let found: Instant | undefined;
      let divided = false;
      try {
        for (let runs = 1; ; runs++) {
          const before = this.now;
          const stopped = run(until.position + beyond);
          const here = this.now;
          if (stopped && isBefore(here, until, inclusive)) found = here;
          const stuck = !stopped && !isBefore(before, here);
          yield;
          // Input may be left that enters at the end of the piece.
          if (stuck || (here.position >= until.position + beyond && !isBefore(here, until))) break;
          divided = watch !== undefined && runs === MANY && until.position - here.position > SHORT;
          if (divided) break;
        }
      } finally {
        unwatch?.();
      }
      if (divided) {
        begun.push(from, this.toMiddle(until));
        continue;
      }
      if (found !== undefined) {
        this.seek(found);
        return true;
      }
      until = from;
      inclusive = true;
      beyond = 1;
    }
  }

  /** The last one before an instant. */
  private lastSnapshot(before: Instant): Instant | undefined {
    const last = this.kept.findLast((snapshot) => isBefore(instantOf(snapshot), before));
    return last && instantOf(last);
  }

  /** Goes to the middle between the present and a later instant, and leaves a snapshot there. */
  private toMiddle(of: Instant): Instant {
    const { position } = this.now;
    this.runTo(position + Math.floor((of.position - position) / 2));
    this.add();
    return this.now;
  }

  /**
   * Goes to the beginning of the instruction or event that wrote last, before the present instant, to bytes of
   * host-physical RAM: walks of page tables, VM exits and the hypervisor write as well. @returns as `searchBack`
   */
  *searchWriter(address: number, length: number): Generator<void, boolean> {
    const { computer } = this;
    let wrote = false;
    const watch = {
      address,
      length,
      written: () => {
        wrote = true;
        computer.pause();
      },
    };
    const run = (until: number): boolean => {
      wrote = false;
      const entered = computer.enterNext();
      // After input no further: that takes back the pause that a write has asked for.
      const end = entered ? computer.position : Math.min(until, computer.journal.nextPosition);
      computer.runTo(end, true);
      return wrote;
    };
    const watching = () => computer.watchWrites(watch);
    return yield* this.searchCause({ run, watch: watching, orNow: true });
  }

  /**
   * As `searchBack` where `run` stops at the end of an instruction, event or input: goes to its beginning. For
   * input that is the instant before it enters; before an instruction or event, all input due there has entered.
   */
  *searchCause(search: BackSearch): Generator<void, boolean> {
    if (!(yield* this.searchBack(search))) return false;
    const { computer } = this;
    const { position, entered } = this.now;
    if (computer.journal.all[entered - 1]?.position === position) {
      this.seek({ position, entered: entered - 1 });
      return true;
    }
    if (!this.stepBack(() => !computer.processor.isIdle)) return false;
    while (computer.enterNext());
    return true;
  }

  /**
   * Lets the computer go on from the present instant, and comes back to it: nothing of that has been.
   * Where this is done again and again, coming back takes no long run.
   */
  tryOut<T>(goOn: () => T): T {
    const { now, furthest } = this;
    if (now.position - this.nearest(now).position > LEAD) this.add();
    try {
      return goOn();
    } finally {
      this.seek(now);
      this.furthest = furthest;
    }
  }

  /** Puts back a history that was left: the present one becomes a branch in its place. */
  take(branch: Branch): void {
    this.seek(branch.from);
    const { journal } = this.computer;
    this.branch(this.computer.position);
    this.branches.splice(this.branches.indexOf(branch), 1);
    journal.load(branch.journal, journal.entered);
    this.furthest = branch.end;
  }

  drop(branch: Branch): void {
    this.branches.splice(this.branches.indexOf(branch), 1);
  }

  /** Input: if the present instant has a future, that is kept aside. */
  private branch(position: number): void {
    const { journal } = this.computer;
    const here = { position, entered: journal.entered };
    const end = this.furthest;
    if (end > position) {
      this.branches.push({ id: this.nextBranch++, from: here, end, journal: [...journal.all] });
    }
    for (const later of this.kept.filter((snapshot) => isBefore(here, instantOf(snapshot))))
      this.remove(later);
    this.furthest = position;
  }

  /** One instruction or event; an idle processor waits for the next one at a stroke. */
  private advance(limit: Instant): void {
    const { computer } = this;
    if (computer.position === limit.position) {
      computer.enterNext();
      return;
    }
    if (!computer.processor.isIdle) {
      computer.step();
      return;
    }
    // What comes from outside ends the wait as well.
    if (computer.enterNext()) return;
    const next = Math.min(computer.clock.next, computer.schedule.quantumEnd) - computer.now;
    const awake = computer.position + Math.max(1, next);
    computer.runTo(Math.min(limit.position, computer.journal.nextPosition, awake));
  }

  /** Goes to an earlier instant, with a snapshot not far before it: others nearby will be next. */
  private goBack(position: number): void {
    const nearest = this.nearest({ position, entered: 0 });
    this.restore(nearest);
    if (position - nearest.position > 2 * LEAD) {
      this.runTo(position - LEAD);
      this.add();
    }
    this.runTo(position);
  }

  private runTo(position: number): void {
    while (this.computer.position < position) {
      const { kind } = this.computer.runTo(position, true);
      if (kind === 'breakpoint' || kind === 'paused') continue;
      if (kind !== 'time') return;
    }
  }

  /** The last snapshot that is not after an instant. */
  private nearest(to: Instant): Snapshot {
    const at = this.kept.findLast(
      ({ position, entered }) =>
        position < to.position || (position === to.position && entered <= to.entered),
    );
    return at ?? this.kept[0];
  }

  private restore(snapshot: Snapshot): void {
    this.furthest = Math.max(this.furthest, this.computer.position);
    this.snapshots.restore(snapshot);
  }

  private checkpoint(): void {
    const begun = this.stopwatch();
    this.add();
    const ended = this.stopwatch();
    this.due = ended + Math.max(SHORTEST, COST_FACTOR * (ended - begun));
  }

  private add(): void {
    const here = this.now;
    const after = this.kept.findLastIndex((snapshot) => !isBefore(here, instantOf(snapshot)));
    const former = this.kept[after];
    if (former !== undefined && former.position === here.position && former.entered === here.entered) return;
    this.kept.splice(after + 1, 0, this.snapshots.take());
    while (this.bytes > this.budget && this.thin());
  }

  /** Gives up the snapshot that is missed least. @returns false when only the first and the last are left */
  private thin(): boolean {
    const { kept } = this;
    const end = Math.max(this.furthest, this.computer.position);
    let best: Snapshot | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (let i = 1; i < kept.length - 1; i++) {
      const gap = kept[i + 1].instructions - kept[i - 1].instructions;
      const score = gap / (1 + end - kept[i].position);
      if (score < least) {
        least = score;
        best = kept[i];
      }
    }
    if (best === undefined) return false;
    this.remove(best);
    return true;
  }

  private remove(snapshot: Snapshot): void {
    this.kept = this.kept.filter((one) => one !== snapshot);
    this.snapshots.release(snapshot);
  }
}

const instantOf = ({ position, entered }: Snapshot): Instant => ({ position, entered });

/** @param orSame the same instant counts as well */
function isBefore(a: Instant, b: Instant, orSame = false): boolean {
  if (a.position !== b.position) return a.position < b.position;
  return orSame ? a.entered <= b.entered : a.entered < b.entered;
}
