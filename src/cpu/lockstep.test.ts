/**
 * Random programs on both tiers side by side: whatever a guest or time could see is equal after every
 * slice. `npm run lockstep` runs as many as one likes; here it is a sample.
 */
import { describe, expect, it } from 'vitest';
import { opcodeMap } from '../isa/instructions.ts';
import { STATE } from './state.ts';
import { runLockstep } from './testing/lockstep.ts';
import { runCampaign } from './testing/lockstep-campaign.ts';
import { LockstepMachine } from './testing/lockstep-machine.ts';
import { allForms } from './testing/random-program-forms.ts';
import { programOf } from './testing/random-program-generator.ts';
import { SETTINGS } from './testing/random-program-settings.ts';

describe('both tiers in lockstep', () => {
  it('compiled at the first execution', { timeout: 300_000 }, () => {
    const { reports, instructions } = runCampaign({
      seed: 2026,
      first: 0,
      count: 1100,
      modes: ['forced'],
      most: 2,
    });
    expect(reports, reports.join('\n')).toEqual([]);
    expect(instructions).toBeGreaterThan(500_000);
  });

  it('compiled when hot', { timeout: 300_000 }, () => {
    const { reports } = runCampaign({ seed: 2027, first: 0, count: 300, modes: ['on'], most: 2 });
    expect(reports, reports.join('\n')).toEqual([]);
  });
});

function flip(bytes: Uint8Array, at: number): void {
  bytes[at] ^= 1;
}

describe('the comparison', () => {
  it('finds an instruction that does something else, and leaves the rest of its program out', () => {
    const { reports } = runCampaign({
      seed: 1,
      first: 0,
      count: 300,
      modes: ['off'],
      withhold: ['cmov'],
      most: 1,
    });
    expect(reports).toHaveLength(1);
    const lines = reports[0].split('\n').filter((line) => /^ {2}[0-9a-f]{4} {2}/.test(line));
    expect(lines.length).toBeLessThan(5);
    expect(lines.some((line) => / f?cmov/.test(line))).toBe(true);
  });

  it.each([
    ['a register', (m: LockstepMachine) => m.regs.setGpr8(11, m.regs.gprLo(11) + 1)],
    ['a flag', (m: LockstepMachine) => flip(m.regs.u8, STATE.FLAG_SYSTEM + 2)],
    ['memory', (m: LockstepMachine) => flip(m.ram, 0x1_2345)],
    ['an XMM register', (m: LockstepMachine) => flip(m.regs.u8, STATE.XMM + 255)],
    ['the clock', (m: LockstepMachine) => m.processor.charge(1)],
    ['an interrupt', (m: LockstepMachine) => m.processor.nmi()],
  ])('sees %s', (_, spoil) => {
    const [a, b] = [new LockstepMachine('off'), new LockstepMachine('off')];
    const program = { ...programOf(1, 0), slices: [{ cycles: 1, event: 'none' }] as const };
    expect(runLockstep([a, b], program).mismatch).toBeUndefined();
    const run = b.run.bind(b);
    b.run = (slice) => {
      const end = run(slice);
      spoil(b);
      return end;
    };
    expect(runLockstep([a, b], program).mismatch).toBeDefined();
  });
});

describe('random programs', () => {
  it('are made of every entry of the opcode map', () => {
    const reached = new Set([...allForms(false), ...allForms(true)].map(({ entry }) => entry.index));
    expect(reached.size).toBe(opcodeMap.entries.length);
  });

  it('mostly come to their end, in every setting', () => {
    const machine = new LockstepMachine('off');
    const ended = new Map<string, number>();
    const count = SETTINGS.length * 12;
    for (let number = 0; number < count; number++) {
      const program = programOf(3, number);
      const { name } = program.setting;
      if (runLockstep([machine], program).ended) ended.set(name, (ended.get(name) ?? 0) + 1);
    }
    for (const { name } of SETTINGS) expect(ended.get(name), name).toBeGreaterThan(0);
    expect([...ended.values()].reduce((sum, n) => sum + n)).toBeGreaterThan(count * 0.6);
  });

  it('are the same again', () => {
    expect(programOf(5, 17)).toEqual(programOf(5, 17));
  });
});
