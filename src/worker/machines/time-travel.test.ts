import { expect, test } from 'vitest';
import { guestNamed } from '../../guests/index.ts';
import { loadImage } from '../../machine/boot/load.ts';
import { type Subject, wrongInstants } from '../../machine/time/testing.ts';
import { HypervisorMachine, type NewVm } from './hypervisor-machine.ts';

const MIB = 1024 * 1024;

function kernel(vcpus: number, hidden: boolean): NewVm {
  const bytes = guestNamed('kernel')?.assemble().bytes ?? new Uint8Array();
  return {
    name: 'k',
    memory: 16 * MIB,
    vcpus,
    hidden,
    load: (ram, info) => loadImage({ kernel: bytes, commandLine: '' }, ram, info),
  };
}

const typed = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Virtual machines that come, are typed at, stand still, begin again and go. */
function lab(cpus: number): Subject {
  const machine = new HypervisorMachine({ memory: 64 * MIB, cpus });
  return {
    computer: machine.computer,
    inputs: [
      { at: 0, enter: () => void machine.create(kernel(1, true)) },
      { at: 10, enter: () => void machine.create(kernel(1, false)) },
      { at: 900_000, enter: () => machine.consoleInput(1, typed('help\n')) },
      { at: 1_000_000, enter: () => machine.control(2, 'pause') },
      { at: 1_400_000, enter: () => machine.consoleInput(2, typed('ps\n')) },
      { at: 1_700_000, enter: () => machine.control(2, 'resume') },
      { at: 2_000_000, enter: () => machine.control(1, 'reset') },
      { at: 2_500_000, enter: () => machine.control(2, 'destroy') },
      { at: 2_600_000, enter: () => void machine.create(kernel(1, false)) },
      { at: 3_000_000, enter: () => machine.consoleInput(3, typed('help\n')) },
    ],
  };
}

test.each([1, 2])('hypervisor and virtual machines go back as one, on %i processors', (cpus) => {
  expect(wrongInstants(() => lab(cpus), 4_000_000, { instants: 16, ways: 24, seed: cpus })).toEqual([]);
});

test('a virtual machine that cannot be created leaves no trace', () => {
  const machine = new HypervisorMachine({ memory: 64 * MIB, cpus: 1 });
  expect(() => machine.create({ ...kernel(1, false), memory: 17 })).toThrow(RangeError);
  expect(machine.computer.journal.all).toEqual([]);
  expect(machine.create(kernel(1, false))).toBe(1);
});
