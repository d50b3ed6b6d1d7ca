import { expect, test } from 'vitest';
import { guestNamed } from '../../guests/index.ts';
import { loadImage } from '../../machine/boot/load.ts';
import { recordStep, stateAndTranslations } from '../../machine/system-tests/record-steps.ts';
import { HypervisorMachine, type NewVm } from './hypervisor-machine.ts';

function kernel(): NewVm {
  const bytes = guestNamed('kernel')?.assemble().bytes ?? new Uint8Array();
  return {
    name: 'k',
    memory: 16 * 2 ** 20,
    vcpus: 1,
    hidden: false,
    load: (ram, info) => loadImage({ kernel: bytes, commandLine: '' }, ram, info),
  };
}

test.each([1, 2])(
  'recording changes nothing in virtual machines, on %i processors',
  { timeout: 300_000 },
  (cpus) => {
    const lab = () => {
      const machine = new HypervisorMachine({ memory: 64 * 2 ** 20, cpus });
      for (let vm = 0; vm < 2; vm++) machine.create(kernel());
      return machine.computer;
    };
    const [plain, recorded] = [lab(), lab()];
    const kinds = new Set<string>();
    for (const at of [0, 300_000, 900_000]) {
      plain.runTo(at);
      recorded.runTo(at);
      for (let i = 0; i < 4000; i++) {
        plain.step();
        for (const { kind } of recordStep(recorded) ?? []) kinds.add(kind);
      }
      expect(recorded.position).toBe(plain.position);
      expect(stateAndTranslations(recorded)).toEqual(stateAndTranslations(plain));
    }
    const expected = ['reference', 'nested-hit', 'exit', 'handler', 'host-operation', 'entry', 'loaded'];
    expect([...kinds]).toEqual(expect.arrayContaining(expected));
  },
);
