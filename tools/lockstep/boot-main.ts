/**
 * Linux's boot on both tiers in lockstep: `npm run lockstep:boot -- --guest i386 --instructions 200000000`.
 *
 *   --guest NAME        i386, amd64 or cloud (i386)    --tier2 MODE   on or forced (on)
 *   --instructions N    (200000000)                    --step N       cycles between comparisons (10000)
 *   --ram MEBIBYTES     (128)                          --cpus N       (1)
 *
 * When the tiers come apart, the boot is repeated to find the first step after which they differ, and
 * then the cycle.
 */
import { parseArgs } from 'node:util';
import type { Computer } from '../../src/machine/computer.ts';
import {
  type BootLockstepOptions,
  compareRam,
  compareState,
  type Divergence,
  runBootLockstep,
} from './boot.ts';
import { GUEST_NAMES, type GuestName, guestImage } from './guests.ts';

const { values } = parseArgs({
  options: {
    guest: { type: 'string', default: 'i386' },
    tier2: { type: 'string', default: 'on' },
    instructions: { type: 'string', default: '200000000' },
    step: { type: 'string', default: '10000' },
    ram: { type: 'string', default: '128' },
    cpus: { type: 'string', default: '1' },
  },
});

const guest = values.guest as GuestName;
if (!GUEST_NAMES.includes(guest)) throw new Error(`--guest ${guest}: choose among ${GUEST_NAMES.join(', ')}`);
const { tier2 } = values;
if (tier2 !== 'on' && tier2 !== 'forced' && tier2 !== 'off')
  throw new Error(`--tier2 ${tier2}: on or forced`);

const options: BootLockstepOptions = {
  computer: { ramBytes: Number(values.ram) * 2 ** 20, cpus: Number(values.cpus) },
  image: guestImage(guest),
  tier2,
  step: Number(values.step),
  stepsPerMemory: 100,
};

const before = process.cpuUsage().user;
const run = runBootLockstep(options, Number(values.instructions));
const seconds = (process.cpuUsage().user - before) / 1e6;
console.log(
  `${guest}, tier 2 ${tier2}: ${run.instructions} instructions, ${run.comparisons} comparisons, ${seconds.toFixed(1)} s`,
);
console.log(JSON.stringify(run.stop));
const { batches: _, ...statistics } = run.computers[1].tier2Statistics;
console.log(JSON.stringify(statistics));
if (run.divergence) {
  process.exitCode = 1;
  console.log(`differs: ${JSON.stringify(run.divergence)}`);
  locate(run.divergence);
}

/** Repeats the boot: with RAM compared in every step, then with the last step cut ever shorter. */
function locate(found: Divergence): void {
  const detailed = runBootLockstep({ ...options, detailFrom: found.equalAt }, Number.POSITIVE_INFINITY);
  const { divergence } = detailed;
  if (!divergence) {
    console.log('does not differ when RAM is compared in every step');
    return;
  }
  console.log(`first different step: ${JSON.stringify(divergence)}`);
  let [low, high] = [divergence.equalAt, divergence.differentAt];
  let what = divergence.what;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    const [a, b] = runTo(divergence.equalAt, middle);
    const difference = compareState(a, b) ?? compareRam(a, b);
    if (difference) {
      high = middle;
      what = difference;
    } else low = middle;
  }
  const [a] = runTo(divergence.equalAt, low);
  const { regs } = a.processor;
  console.log(`equal at cycle ${low}, different at ${high}: ${what}`);
  console.log(
    `at ${low}: RIP ${BigInt.asUintN(64, BigInt(regs.rip)).toString(16)}, CPL ${regs.cpl}, RFLAGS ${regs.rflags.toString(16)}`,
  );
}

/** Both computers, in the same steps to `equal` and then in one to `end`. */
function runTo(equal: number, end: number): readonly [Computer, Computer] {
  const { computers } = runBootLockstep(
    { ...options, stepsPerMemory: Number.POSITIVE_INFINITY, until: equal },
    Number.POSITIVE_INFINITY,
  );
  for (const c of computers) c.run(end);
  return computers;
}
