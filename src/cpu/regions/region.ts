/**
 * Chooses the code of a region: from its first instruction along branches, into direct calls and back,
 * as far as it is decoded, within limits. The result is a graph of steps; a call that is followed has
 * steps of its own.
 */
import { HANDLER } from '../generator/handlers.ts';
import { RECORD } from '../state.ts';
import type { CodeSource, FindPage, RegionPage, Shape } from './code-source.ts';

const PAGE = 0x1000;
/** Limits of a region. */
const MAX_STEPS = 200;
const MAX_PAGES = 6;
/** How deep calls are followed. */
export const CALL_DEPTH = { FIRST: 1, LATER: 3 } as const;
/** Places that an indirect branch is followed to. */
const MAX_TARGETS = 32;
/** Rank of calls of what is being called: they fill the room that all others leave. */
const RECURSIVE = CALL_DEPTH.LATER + 1;
/** Steps that one followed call may take. */
const MAX_CALL_STEPS = 64;

/** What a step is made of. */
interface StepFields {
  /** Among the steps of the region. */
  readonly number: number;
  readonly shape: Shape;
  /** The record that describes it, and the one that the page's table names. */
  readonly record: number;
  readonly entry: number;
  /**
   * Address of a copy of the record that stays as it is (a region that begins at the instruction changes
   * its record), where the interpreter executes the instruction in the middle of the region; else 0.
   */
  readonly copy: number;
  /** Its access is looked up alone: too often it lay in one page and its neighbours in another (groups.ts). */
  readonly apart: boolean;
  readonly page: RegionPage;
  /** Of the first byte in the page, and bytes. */
  readonly offset: number;
  readonly length: number;
}

/** One instruction of a region. A class, so that all of them look the same to the engine below. */
export class Step implements StepFields {
  readonly number: number;
  readonly shape: Shape;
  readonly record: number;
  readonly entry: number;
  readonly copy: number;
  readonly apart: boolean;
  readonly page: RegionPage;
  readonly offset: number;
  readonly length: number;
  /** Steps that control may reach; undefined: the region is left there. */
  next: Step | undefined = undefined;
  taken: Step | undefined = undefined;
  /** Of a return from a followed call: the position behind the call, and the step there. */
  returnPosition: number | undefined = undefined;
  returns: Step | undefined = undefined;
  /** Of an indirect branch: where it has led. */
  targets: readonly Target[] = NO_TARGETS;

  constructor(fields: StepFields) {
    this.number = fields.number;
    this.shape = fields.shape;
    this.record = fields.record;
    this.entry = fields.entry;
    this.copy = fields.copy;
    this.apart = fields.apart;
    this.page = fields.page;
    this.offset = fields.offset;
    this.length = fields.length;
  }
}

interface Target {
  readonly position: number;
  readonly step: Step;
}

const NO_TARGETS: readonly Target[] = [];

/** Where a step leads within the region. */
export const waysOut = ({ next, taken, returns, targets }: Step): Step[] =>
  [next, taken, returns, ...targets.map((t) => t.step)].filter((s) => s !== undefined);

export interface Region {
  readonly steps: readonly Step[];
  readonly pages: readonly RegionPage[];
}

export interface FormedRegion extends Region {
  /** Some call was not followed because it is too deep. */
  readonly isShallow: boolean;
}

/** A call that is followed, or the region itself. */
interface Frame {
  readonly depth: number;
  /** Which queue it waits in. */
  readonly rank: number;
  readonly caller: Frame | undefined;
  /** Positions where it began and where it returns to. */
  readonly start: number;
  readonly returnPosition: number;
  /** Its steps, by position. */
  readonly steps: Map<number, Step>;
}

/** A place to go to; `from` goes on there in the way `as`, and nothing does where the region begins. */
interface Pending {
  readonly frame: Frame;
  readonly position: number;
  readonly from: Step | undefined;
  readonly as: 'next' | 'taken' | 'returns' | 'target';
}

/** Position: offset of an instruction from the first byte of the page where the region begins. */
export const positionOf = (step: Step): number => step.page.delta + step.offset;

/** Target of a relative branch, as a position; right as long as the instruction pointer does not wrap. */
export const targetOf = (source: CodeSource, step: Step): number =>
  positionOf(step) + step.length + source.immediateLow(step.record);

export class RegionFormer {
  private readonly source: CodeSource;
  private readonly findPage: FindPage;
  /** Branches to a place, as counted in its record, that make it part of a region. */
  private readonly taken: number;
  private readonly depth: number;
  /** Lower half of the linear address of the page where the region begins, when instruction pointers are such. */
  private readonly linear: number;
  private readonly steps: Step[] = [];
  /** By their distance from the first page; null: not found. */
  private readonly pages = new Map<number, RegionPage | null>();
  private lastPage: RegionPage | null = null;
  private isShallow = false;
  /** By rank: shallow code goes first, recursion last. */
  private readonly queues = Array.from({ length: RECURSIVE + 1 }, () => new Queue());

  constructor(source: CodeSource, findPage: FindPage, linear: number, taken: number, depth: number) {
    this.source = source;
    this.linear = linear;
    this.findPage = findPage;
    this.taken = taken;
    this.depth = depth;
  }

  /** @returns undefined when there is no decoded instruction at the offset of the first page */
  form(offset: number): FormedRegion | undefined {
    const root: Frame = {
      depth: 0,
      rank: 0,
      caller: undefined,
      start: offset,
      returnPosition: Number.NaN,
      steps: new Map(),
    };
    this.enqueue(root, offset, undefined, 'next');
    for (let pending = this.dequeue(); pending; pending = this.dequeue()) this.reach(pending);
    const { steps, isShallow } = this;
    const pages = [...this.pages.values()].filter((p) => p !== null);
    return steps.length > 0 ? { steps, pages, isShallow } : undefined;
  }

  private enqueue(frame: Frame, position: number, from: Pending['from'], as: Pending['as']): void {
    this.queues[frame.rank].push({ frame, position, from, as });
  }

  private dequeue(): Pending | undefined {
    for (const queue of this.queues) {
      const pending = queue.shift();
      if (pending) return pending;
    }
    return undefined;
  }

  private reach(pending: Pending): void {
    const { frame, position } = pending;
    const known = frame.steps.get(position);
    if (known) {
      attach(pending, known);
      return;
    }
    if (this.steps.length >= MAX_STEPS) return;
    if (frame.depth > 0 && frame.steps.size >= MAX_CALL_STEPS) return;
    const step = this.stepAt(position);
    if (!step) return;
    frame.steps.set(position, step);
    this.steps.push(step);
    attach(pending, step);
    this.follow(frame, position, step);
  }

  private follow(frame: Frame, position: number, step: Step): void {
    const { flow } = step.shape;
    const next = position + step.length;
    switch (flow) {
      case 'next':
      case 'repeat':
        this.enqueue(frame, next, step, 'next');
        break;
      case 'branch': {
        const target = targetOf(this.source, step);
        this.enqueue(frame, next, step, 'next');
        if (this.isTaken(target)) this.enqueue(frame, target, step, 'taken');
        break;
      }
      case 'jump':
        this.enqueue(frame, targetOf(this.source, step), step, 'taken');
        break;
      case 'call': {
        const target = targetOf(this.source, step);
        const callee = this.isTaken(target) && this.enter(frame, target, next);
        if (callee) this.enqueue(callee, target, step, 'taken');
        break;
      }
      case 'return':
        if (frame.caller) {
          step.returnPosition = frame.returnPosition;
          this.enqueue(frame.caller, frame.returnPosition, step, 'returns');
        }
        break;
      case 'indirect':
        this.followIndirect(frame, next, step);
        break;
      default:
        break;
    }
  }

  /** To the places where the branch has led. */
  private followIndirect(frame: Frame, next: number, step: Step): void {
    const isCall = step.shape.form?.row.mnemonic === 'CALL';
    for (const target of this.source.targetsOf(step.record).slice(0, MAX_TARGETS)) {
      const position = (target - this.linear) | 0;
      const to = this.isTaken(position) && (isCall ? this.enter(frame, position, next) : frame);
      if (to) this.enqueue(to, position, step, 'target');
    }
  }

  private enter(caller: Frame, start: number, returnPosition: number): Frame | undefined {
    if (caller.depth === this.depth) {
      this.isShallow = true;
      return undefined;
    }
    const depth = caller.depth + 1;
    let rank = Math.max(depth, caller.rank);
    for (let f: Frame | undefined = caller; f; f = f.caller) if (f.start === start) rank = RECURSIVE;
    return { depth, rank, caller, start, returnPosition, steps: new Map() };
  }

  /** Whether branches have led to a position more than now and then. */
  private isTaken(target: number): boolean {
    const page = this.page(target);
    const record = page ? this.source.recordAt(page.table, target - page.delta) : 0;
    if (record === 0) return false;
    return this.source.handler(record) === HANDLER.REGION || this.source.branches(record) >= this.taken;
  }

  private stepAt(position: number): Step | undefined {
    const page = this.page(position);
    if (!page) return undefined;
    const offset = position - page.delta;
    const entry = this.source.recordAt(page.table, offset);
    if (entry === 0) return undefined;
    const record = this.source.described(entry);
    const shape = this.source.shape(record);
    if (!shape) return undefined;
    const length = this.source.field8(record, RECORD.LENGTH);
    const number = this.steps.length;
    return new Step({ number, shape, record, entry, copy: 0, apart: false, page, offset, length });
  }

  private page(position: number): RegionPage | null {
    const delta = position - (position & (PAGE - 1));
    if (this.lastPage?.delta === delta) return this.lastPage;
    let page = this.pages.get(delta);
    if (page === undefined) {
      const found = this.pages.size < MAX_PAGES ? this.findPage(delta) : undefined;
      page = found ? { ...found, delta } : null;
      this.pages.set(delta, page);
    }
    this.lastPage = page;
    return page;
  }
}

/** First in, first out. */
class Queue {
  private readonly waiting: Pending[] = [];
  private first = 0;

  push(pending: Pending): void {
    this.waiting.push(pending);
  }

  shift(): Pending | undefined {
    return this.waiting[this.first] && this.waiting[this.first++];
  }
}

function attach({ from, as, position }: Pending, step: Step): void {
  if (!from) return;
  if (as === 'target') from.targets = [...from.targets, { position, step }];
  else from[as] = step;
}
