/** Linux's boot on both tiers, compared at every 10,000 cycles. `npm run lockstep:boot` does the same and more. */
import { describe, expect, it } from 'vitest';
import { compareRam, compareState, runBootLockstep } from '../../../tools/lockstep/boot.ts';
import { type GuestName, guestImage, hasGuest } from '../../../tools/lockstep/guests.ts';
import type { Tier2Mode } from '../../contracts/tiers.ts';
import { STATE } from '../../cpu/state.ts';
import { Computer } from '../computer.ts';

const MILLION = 1_000_000;

const RUNS: readonly { guest: GuestName; tier2: Tier2Mode; instructions: number; cpus: number }[] = [
  { guest: 'cloud', tier2: 'on', instructions: 200 * MILLION, cpus: 1 },
  { guest: 'i386', tier2: 'on', instructions: 200 * MILLION, cpus: 1 },
  { guest: 'cloud', tier2: 'on', instructions: 60 * MILLION, cpus: 2 },
  { guest: 'cloud', tier2: 'forced', instructions: 20 * MILLION, cpus: 1 },
  { guest: 'i386', tier2: 'forced', instructions: 20 * MILLION, cpus: 1 },
];

describe('Linux boots the same on both tiers', () => {
  it.each(RUNS)('$guest, $cpus processors, tier 2 $tier2', { timeout: 600_000 }, (run) => {
    const { guest, tier2, instructions, cpus } = run;
    // Where CI is set the kernel has to be there.
    if (!hasGuest(guest) && !process.env.CI) return;
    const { divergence, ...done } = runBootLockstep(
      {
        computer: { ramBytes: 128 * 2 ** 20, cpus },
        image: guestImage(guest),
        tier2,
        step: 10_000,
        stepsPerMemory: 100,
        input: [[30 * MILLION + 123, 'typed early\n']],
      },
      instructions,
    );
    expect(divergence).toBeUndefined();
    expect(done.instructions).toBeGreaterThanOrEqual(instructions);
  });
});

describe('the comparison', () => {
  const pair = (): [Computer, Computer] => {
    const make = () => new Computer({ ramBytes: 2 ** 20 });
    return [make(), make()];
  };

  it.each([
    ['a register', (c: Computer) => c.processor.regs.setGprNumber(3, 1), /^processor 0: word 18h/],
    ['a flag', (c: Computer) => c.processor.regs.setPair(STATE.FLAG_A, 1, 0), /^processor 0: .*RFLAGS/],
    ['time', (c: Computer) => c.processor.charge(1), /^processor 0: cycle 0.* expected, cycle 1/],
    ['a signal', (c: Computer) => c.processor.nmi(), /^processor 0: cycle/],
    ['a device', (c: Computer) => c.board.ports.write(0x80, 1, 0x30), /^postCodes/],
  ])('sees %s', (_, change, pattern) => {
    const [a, b] = pair();
    expect(compareState(a, b)).toBeUndefined();
    change(b);
    expect(compareState(a, b)).toMatch(pattern);
  });

  it('sees a byte of RAM', () => {
    const [a, b] = pair();
    expect(compareRam(a, b)).toBeUndefined();
    b.ram.write(0xf_ffff, Uint8Array.of(1));
    expect(compareRam(a, b)).toBe('RAM at ffff8h: 0 expected, 100000000000000 found');
  });
});
