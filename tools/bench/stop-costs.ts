/** What stops cost: nothing while none is set, and something while one is. */
import type { StopKind, StopTrigger } from '../../src/protocol/stops.ts';
import { inChild } from './child.ts';

/** One of each kind, such as can be set before the guest has begun. */
const ONE_OF_EACH: { readonly [K in StopKind]: StopTrigger & { readonly kind: K } } = {
  address: { kind: 'address', address: 0x1234_5000n },
  execute: { kind: 'execute', space: 'guest-physical', address: 0x500n },
  write: { kind: 'write', space: 'guest-physical', address: 0x500n, length: 8 },
  read: { kind: 'read', space: 'guest-physical', address: 0x500n, length: 8 },
  'vm-exit': { kind: 'vm-exit', reason: null },
  hypercall: { kind: 'hypercall', number: null },
  event: { kind: 'event', vector: null },
  crossing: { kind: 'crossing', from: null, to: null },
  cr3: { kind: 'cr3' },
  'page-table': { kind: 'page-table', address: 0x1234_5000n },
  msr: { kind: 'msr', index: null, access: 'any' },
  port: { kind: 'port', port: null, access: 'any' },
  console: { kind: 'console', text: 'a text that Linux does not print' },
};

export const STOPS: readonly StopTrigger[] = Object.values(ONE_OF_EACH);

const INSTRUCTIONS = 400e6;
/** Runs without stops, in turns; the best of each count. */
const ROUNDS = { quick: 1, full: 5 };

export interface StopCosts {
  /** Processor time after stops were set and removed, as a multiple of that without. */
  readonly removed: number;
  /** The same while a stop is set, by kind. */
  readonly set: readonly (readonly [kind: string, factor: number])[];
}

export async function measureStops(quick: boolean): Promise<StopCosts> {
  const run = (mode: string) => inChild<number>('stops', [mode, `${INSTRUCTIONS}`]);
  let [never, removed] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let round = 0; round < (quick ? ROUNDS.quick : ROUNDS.full); round++) {
    never = Math.min(never, await run('never'));
    removed = Math.min(removed, await run('removed'));
  }
  const set: [string, number][] = [];
  for (const { kind } of STOPS) set.push([kind, (await run(kind)) / never]);
  return { removed: removed / never, set };
}
