import type { Entity, Scheduler } from './scheduler.ts';

interface Account<E> {
  readonly entity: E;
  /** Cycles run, scaled by weight: those who had less are first. */
  virtual: number;
  ready: boolean;
  running: boolean;
  /** Order of becoming ready, for equals. */
  turn: number;
}

interface SavedAccounts<E> {
  readonly accounts: readonly Account<E>[];
  readonly floor: number;
  readonly turns: number;
}

const NORMAL_WEIGHT = 1024;

/**
 * Weighted fair queueing by virtual runtime: each gets time in proportion to its weight. One that has
 * slept does not collect credit for it beyond one slice, so it runs soon but starves nobody.
 */
export class FairScheduler<E extends Entity> implements Scheduler<E> {
  readonly policy = 'weighted fair';
  readonly slice: number;
  private readonly accounts = new Map<E, Account<E>>();
  /** Virtual time never goes back. */
  private floor = 0;
  private turns = 0;

  /** `slice`: cycles. */
  constructor(slice: number) {
    this.slice = slice;
  }

  add(entity: E): void {
    this.accounts.set(entity, { entity, virtual: this.floor, ready: false, running: false, turn: 0 });
  }

  remove(entity: E): void {
    this.accounts.delete(entity);
  }

  wake(entity: E): void {
    const account = this.account(entity);
    if (account.ready) return;
    account.ready = true;
    account.turn = this.turns++;
    account.virtual = Math.max(account.virtual, this.floor - this.slice);
  }

  sleep(entity: E): void {
    this.account(entity).ready = false;
  }

  ran(entity: E, cycles: number): void {
    const account = this.account(entity);
    account.virtual += (cycles * NORMAL_WEIGHT) / entity.weight;
    this.raiseFloor();
  }

  yield(entity: E): void {
    const account = this.account(entity);
    for (const other of this.accounts.values()) {
      if (other.ready) account.virtual = Math.max(account.virtual, other.virtual);
    }
    account.turn = this.turns++;
  }

  pick(): E | undefined {
    const best = this.first();
    if (best === undefined) return undefined;
    best.running = true;
    return best.entity;
  }

  put(entity: E): void {
    const account = this.account(entity);
    account.running = false;
    account.turn = this.turns++;
  }

  shouldPreempt(running: E): boolean {
    const best = this.first();
    return best !== undefined && best.virtual + this.slice / 2 < this.account(running).virtual;
  }

  get waiting(): number {
    let count = 0;
    for (const { ready, running } of this.accounts.values()) if (ready && !running) count++;
    return count;
  }

  save(): SavedAccounts<E> {
    const { accounts, floor, turns } = this;
    return { accounts: [...accounts.values()].map((account) => ({ ...account })), floor, turns };
  }

  restore(saved: SavedAccounts<E>): void {
    this.accounts.clear();
    for (const account of saved.accounts) this.accounts.set(account.entity, { ...account });
    this.floor = saved.floor;
    this.turns = saved.turns;
  }

  private first(): Account<E> | undefined {
    let best: Account<E> | undefined;
    for (const account of this.accounts.values()) {
      if (!account.ready || account.running) continue;
      const earlier =
        best === undefined ||
        account.virtual < best.virtual ||
        (account.virtual === best.virtual && account.turn < best.turn);
      if (earlier) best = account;
    }
    return best;
  }

  private raiseFloor(): void {
    let least = Number.POSITIVE_INFINITY;
    for (const { ready, virtual } of this.accounts.values()) if (ready) least = Math.min(least, virtual);
    if (least !== Number.POSITIVE_INFINITY) this.floor = Math.max(this.floor, least);
  }

  private account(entity: E): Account<E> {
    const account = this.accounts.get(entity);
    if (account === undefined) throw new Error('the scheduler does not know this virtual CPU');
    return account;
  }
}
