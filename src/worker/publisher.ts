import type { ConsoleChunk, Snapshot, ViewName, Watch } from '../protocol/messages.ts';
import type { VcpuRef } from '../protocol/target.ts';

/** Wall-clock milliseconds between two computations of a view while the machine runs. */
const PERIOD_MS: Record<ViewName, number> = {
  machine: 100,
  vms: 100,
  registers: 100,
  code: 100,
  rings: 100,
  walk: 200,
  scheduler: 100,
  exits: 200,
  frames: 400,
};

/** Bytes of console output kept per snapshot while the page does not draw (hidden tab). */
const CONSOLE_KEPT = 1 << 20;

/** Decides what goes into the next snapshot: only what is watched, due, and wanted. */
export class Publisher {
  #sequence = 0;
  /** The page is drawing: nothing is sent until it says `drawn`. */
  #awaiting: number | null = null;
  #lastSent = Number.NEGATIVE_INFINITY;
  readonly #due = new Map<ViewName, number>();
  #console: ConsoleChunk[] = [];
  #watch: Watch = { views: [], walkAddress: null, codeAddress: null, codeLines: 0 };

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

  /** The snapshot to send now, or undefined when the page is busy or nothing is due. */
  next(
    now: number,
    at: Snapshot['at'],
    focus: VcpuRef | null,
    view: (name: ViewName) => unknown,
  ): Snapshot | undefined {
    if (this.#awaiting !== null || now - this.#lastSent < 15) return undefined;
    const due = this.#watch.views.filter((name) => (this.#due.get(name) ?? 0) <= now);
    if (due.length === 0 && this.#console.length === 0) return undefined;
    const views: Partial<Record<ViewName, unknown>> = {};
    for (const name of due) {
      views[name] = view(name);
      this.#due.set(name, now + PERIOD_MS[name]);
    }
    const console = this.#console;
    this.#console = [];
    this.#lastSent = now;
    this.#awaiting = ++this.#sequence;
    return { sequence: this.#sequence, at, focus, views: views as Snapshot['views'], console };
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
    room.set(chunk.vm, left - chunk.bytes.length);
    kept.unshift(chunk);
  }
  return kept;
}
