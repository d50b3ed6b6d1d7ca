import type { ConsoleChunk, Snapshot, ViewName, Watch } from '../protocol/messages.ts';
import type { VcpuRef } from '../protocol/target.ts';

/** Wall-clock milliseconds between two computations of a view while the machine runs. */
const PERIOD_MS: Record<ViewName, number> = {
  machine: 100,
  vms: 250,
  registers: 250,
  code: 250,
  rings: 125,
  walk: 400,
  scheduler: 150,
  exits: 250,
  frames: 500,
  tiers: 250,
  region: 500,
  timeline: 200,
  memory: 250,
  descriptors: 400,
  devices: 400,
  instruction: 250,
  stack: 250,
  system: 250,
  vectors: 250,
  stops: 250,
  micro: 250,
  gdb: 100,
};

/** Wall-clock milliseconds between two snapshots: no one reads faster, and drawing costs the page most. */
const SNAPSHOT_MS = 30;

/** Views in one snapshot while the machine runs: the page draws a little each frame, never all at once. */
const VIEWS_PER_SNAPSHOT = 1;

/** Bytes of console output kept per snapshot while the page does not draw (hidden tab). */
const CONSOLE_KEPT = 1 << 20;

/** Decides what goes into the next snapshot: only what is watched, due, and wanted. */
export class Publisher {
  #sequence = 0;
  /** The page is drawing: nothing is sent until it says `drawn`. */
  #awaiting: number | null = null;
  #lastSent = Number.NEGATIVE_INFINITY;
  readonly #due = new Map<ViewName, number>();
  /** What the page has: the same object is not sent twice. */
  readonly #sent = new Map<ViewName, unknown>();
  #console: ConsoleChunk[] = [];
  #watch: Watch = {
    views: [],
    walkAddress: null,
    codeAddress: null,
    codeLines: 0,
    region: null,
    memory: { space: 'linear', at: { segment: null, register: null, offset: 0n }, rows: 0 },
    instruction: null,
  };

  get watch(): Watch {
    return this.#watch;
  }

  setWatch(watch: Watch): void {
    this.#watch = watch;
    this.invalidate();
  }

  /** All watched views are due at once: the machine stopped, or a command changed something. */
  invalidate(): void {
    this.#due.clear();
    this.#lastSent = Number.NEGATIVE_INFINITY;
  }

  addConsole(chunks: readonly ConsoleChunk[]): void {
    if (chunks.length === 0) return;
    this.#console.push(...chunks);
    if (this.#awaiting !== null) this.#console = keepLatest(this.#console, CONSOLE_KEPT);
  }

  drawn(sequence: number): void {
    if (this.#awaiting === sequence) this.#awaiting = null;
  }

  /**
   * The snapshot to send now, or undefined when the page is busy or nothing is due.
   * @param spread few views at a time, the longest overdue first; else all that are due together
   */
  next(
    now: number,
    at: Snapshot['at'],
    focus: VcpuRef | null,
    view: (name: ViewName) => unknown,
    spread: boolean,
  ): Snapshot | undefined {
    if (this.#awaiting !== null || now - this.#lastSent < SNAPSHOT_MS) return undefined;
    const due = this.#dueViews(now, spread);
    if (due.length === 0 && this.#console.length === 0) return undefined;
    const views: Partial<Record<ViewName, unknown>> = {};
    for (const name of due) {
      const value = view(name);
      if (value !== undefined && value !== this.#sent.get(name)) views[name] = value;
      this.#sent.set(name, value);
      this.#due.set(name, now + PERIOD_MS[name]);
    }
    const console = this.#console;
    this.#console = [];
    this.#lastSent = now;
    this.#awaiting = ++this.#sequence;
    return { sequence: this.#sequence, at, focus, views: views as Snapshot['views'], console };
  }

  /** Views that the page has nothing of yet go out together; others, if `spread`, few at a time. */
  #dueViews(now: number, spread: boolean): ViewName[] {
    const due = this.#watch.views.filter((name) => this.#dueAt(name) <= now);
    if (!spread) return due;
    const missing = due.filter((name) => !this.#due.has(name));
    if (missing.length > 0) return missing;
    return due.sort((a, b) => this.#dueAt(a) - this.#dueAt(b)).slice(0, VIEWS_PER_SNAPSHOT);
  }

  #dueAt(name: ViewName): number {
    return this.#due.get(name) ?? Number.NEGATIVE_INFINITY;
  }
}

/** Drops the oldest chunks of each VM beyond `limit` bytes. */
function keepLatest(chunks: readonly ConsoleChunk[], limit: number): ConsoleChunk[] {
  const kept: ConsoleChunk[] = [];
  const room = new Map<number, number>();
  for (let i = chunks.length - 1; i >= 0; i--) {
    const chunk = chunks[i] as ConsoleChunk;
    const left = room.get(chunk.vm) ?? limit;
    if (left <= 0) continue;
    // What came before an empty console does not count any more.
    room.set(chunk.vm, chunk.restart ? 0 : left - chunk.bytes.length);
    kept.unshift(chunk);
  }
  return kept;
}
