/** Remembers pages whose code keeps changing, so that compiling them does not cost more than it gains. */

/** Changes that a page may have before it has to wait. */
const FREE_CHANGES = 3;
/** The longest wait, as a power of 2 of requests. */
const LONGEST = 10;

interface Page {
  changes: number;
  /** Requests to be refused before the next one is granted. */
  wait: number;
}

export class Changes {
  private readonly pages = new Map<number, Page>();

  /** Code of the page that was compiled has changed: each time it waits twice as long. */
  note(page: number): void {
    const entry = this.pages.get(page) ?? { changes: 0, wait: 0 };
    entry.changes++;
    if (entry.changes > FREE_CHANGES) entry.wait = 2 ** Math.min(entry.changes - FREE_CHANGES, LONGEST);
    this.pages.set(page, entry);
  }

  /** Whether a region that begins in the page may be compiled now; counts as a request. */
  mayCompile(page: number): boolean {
    const entry = this.pages.get(page);
    if (!entry || entry.wait === 0) return true;
    entry.wait--;
    return false;
  }

  /** Pages that have to wait. */
  get unstable(): number {
    let count = 0;
    for (const { wait } of this.pages.values()) if (wait > 0) count++;
    return count;
  }
}
