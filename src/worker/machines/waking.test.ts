/** Steps back to what an input from outside began, while all processors waited. */
import { expect, test } from 'vitest';
import { guestNamed } from '../../guests/index.ts';
import type { GuestDescription } from '../../protocol/target.ts';
import type { Goal } from '../lab.ts';
import { assembleProgram } from '../programs.ts';
import * as disassembler from '../views/disassembler.ts';
import { Ringlab } from './ringlab.ts';

const MIB = 1024 * 1024;

test('a machine that was opened while the other waited is stepped back to its first instruction', () => {
  const lab = new Ringlab({ memory: 64 * MIB, cpus: 1 });
  lab.useDisassembler(disassembler);
  const open = (name: string, bytes: Uint8Array, flat: GuestDescription['flat']) => {
    const rest = { initrd: null, commandLine: '', memory: 16 * MIB, cpus: 1, flat };
    return { vm: lab.open({ name, technique: 'vtx-ept', kernel: { name, bytes }, ...rest }), vcpu: 0 };
  };
  const run = (goal: Goal, slices = 100) => {
    lab.aim(goal);
    for (let i = 0; i < slices; i++) {
      const { stop } = lab.slice({ instructions: 500_000, cycles: 2_000_000 });
      if (stop !== null) return stop;
    }
    return null;
  };
  const kernel = open('kernel', guestNamed('kernel')?.assemble().bytes ?? new Uint8Array(), null);
  expect(run({ kind: 'free' }, 20)).toBeNull();
  expect(lab.vms().find(({ id }) => id === kernel.vm)?.state).toBe('halted');

  const source = 'bits 16\norg 0x7c00\n mov dx, 0x3f8\n mov al, 97\n out dx, al\n jmp $\n';
  const { program } = assembleProgram({ name: 'a.asm', text: source, format: 'bin' });
  if (program === null) throw new Error('the program has errors');
  const on = open('a', program.image, program.flat);
  const rip = () => lab.registers(on)?.rip.value;
  expect(run({ kind: 'run-to', on, address: 0x7c00n })).toMatchObject({ kind: 'reached' });
  const trail = [0x7c00n, 0x7c03n, 0x7c05n, 0x7c06n];
  for (const address of trail.slice(1)) {
    run({ kind: 'step', on });
    expect(rip()).toBe(address);
  }
  for (const address of trail.slice(0, -1).reverse()) {
    expect(run({ kind: 'step-back', on })).toEqual({ kind: 'stepped', on });
    expect(rip()).toBe(address);
  }
  expect(run({ kind: 'step-back', on })).toEqual({ kind: 'beginning' });
});
