/** What stops cost: nothing while none is set, and something while one is. */
import type { StopTrigger } from '../../src/protocol/stops.ts';
import { inChild } from './child.ts';

/** One of each kind that can be set before the guest has begun. */
export const STOPS: readonly StopTrigger[] = [
  { kind: 'address', address: 0x1234_5000n },
  { kind: 'execute', space: 'guest-physical', address: 0x500n },
  { kind: 'write', space: 'guest-physical', address: 0x500n, length: 8 },
  { kind: 'read', space: 'guest-physical', address: 0x500n, length: 8 },
  { kind: 'vm-exit', reason: null },
  { kind: 'hypercall', number: null },
  { kind: 'event', vector: null },
  { kind: 'crossing', from: null, to: null },
  { kind: 'cr3' },
  { kind: 'page-table', address: 0x1234_5000n },
  { kind: 'msr', index: null, access: 'any' },
  { kind: 'port', port: null, access: 'any' },
  { kind: 'console', text: 'a text that Linux does not print' },
];

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
