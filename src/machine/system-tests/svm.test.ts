/** A whole hypervisor on AMD-V: both tiers give the same, and every instant of the run can be gone back to. */
import { expect, it } from 'vitest';
import type { HostSoftware } from '../../contracts/host-cpu.ts';
import { Computer } from '../computer.ts';
import { hostMemory, installHostSoftware, NoVtxError } from '../host-software.ts';
import { stateHash } from '../state-hash.ts';
import { wrongInstants } from '../time/testing.ts';
import { assembleGuest, GUEST_ORIGIN, report, runGuest } from './run-guest.ts';
import { SVM_GUEST } from './svm-guest.ts';

const OPTIONS = { virtualization: 'amd-v', defines: { ROUNDS: '4000' } } as const;

it('two guests under nested paging come to their end, interrupted by the timer', () => {
  const [line] = report(SVM_GUEST, OPTIONS);
  // Every eighth of 4000 rounds calls; each guest touches 64 pages.
  expect(line).toMatch(/^calls 3e8 faults 80 sum [\da-f]+ ticks$/);
});

it('both tiers give the same', () => {
  const run = (tier2: 'off' | 'on' | 'forced') => {
    const { output, stop, computer } = runGuest(SVM_GUEST, { ...OPTIONS, tier2 });
    const { compiled } = computer.tier2Statistics;
    return { seen: { output, stop, now: computer.now, hash: stateHash(computer) }, compiled };
  };
  const plain = run('off');
  expect([plain.compiled, plain.seen.now > 4_000_000]).toEqual([0, true]);
  for (const mode of ['on', 'forced'] as const) {
    const { seen, compiled } = run(mode);
    expect(seen).toEqual(plain.seen);
    expect(compiled).toBeGreaterThan(0);
  }
});

it('an instant is one state, however it is reached', () => {
  const make = () => {
    const computer = new Computer({ ramBytes: 2 ** 24, virtualization: 'amd-v' });
    computer.boot({
      kernel: assembleGuest(SVM_GUEST, OPTIONS.defines),
      commandLine: '',
      format: 'flat',
      flat: { address: GUEST_ORIGIN, mode: 'real' },
    });
    return { computer, inputs: [] };
  };
  expect(wrongInstants(make, 4_000_000)).toEqual([]);
});

it("the lab's own hypervisor asks for VT-x", () => {
  const computer = new Computer({ ramBytes: 2 ** 24, virtualization: 'amd-v' });
  const software: HostSoftware = { takeOver: () => {}, exit: () => {}, interrupt: () => {} };
  expect(() => installHostSoftware(computer, software, hostMemory(computer))).toThrow(NoVtxError);
});

it('rings and VM exits are told', () => {
  const computer = new Computer({ ramBytes: 2 ** 24, virtualization: 'amd-v' });
  computer.boot({
    kernel: assembleGuest(SVM_GUEST, OPTIONS.defines),
    commandLine: '',
    format: 'flat',
    flat: { address: GUEST_ORIGIN, mode: 'real' },
  });
  const seen = new Map<string, number>();
  computer.processor.crossings.listener = ({ from, to, cause, vmcs }) => {
    const what = cause.kind === 'vm-exit' ? `exit ${cause.reason.toString(16)}` : cause.kind;
    const key = `${from} ${to} ${what} ${vmcs.toString(16)}`;
    seen.set(key, (seen.get(key) ?? 0) + 1);
  };
  computer.run(1_000_000);
  expect([...seen.keys()]).toEqual(
    expect.arrayContaining([
      // WRMSR of EFER.SVME, VMRUN, and exits by nested page fault, VMMCALL and interrupt of both guests.
      '0 -1 instruction -1',
      '-1 0 vm-entry 100000',
      '0 -1 exit 1400 100000',
      '0 -1 exit 1081 100000',
      '0 -1 exit 1060 100000',
      '0 -1 exit 1060 101000',
    ]),
  );
});
