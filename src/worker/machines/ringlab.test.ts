import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { guestNamed } from '../../guests/index.ts';
import type { StopReason } from '../../protocol/machine-view.ts';
import { FIRST_BARE_ID, type GuestDescription, type Technique, type VmId } from '../../protocol/target.ts';
import type { Goal } from '../lab.ts';
import { Refusal } from '../refusal.ts';
import * as disassembler from '../views/disassembler.ts';
import { Ringlab } from './ringlab.ts';

const MIB = 1024 * 1024;
const BUDGET = { instructions: 500_000, cycles: 2_000_000 };
let kernel: Uint8Array;

beforeAll(() => {
  kernel = guestNamed('kernel')?.assemble().bytes ?? new Uint8Array();
});

function guest(
  technique: Technique,
  bytes = kernel,
  change: Partial<GuestDescription> = {},
): GuestDescription {
  const file = { name: 'kernel.elf', bytes };
  return {
    name: 'k',
    technique,
    kernel: file,
    initrd: null,
    commandLine: '',
    memory: 16 * MIB,
    cpus: 1,
    flat: null,
    ...change,
  };
}

/** Runs towards a goal; answers why it stopped, or null after `slices`. */
function run(lab: Ringlab, goal: Goal, slices = 60): StopReason | null {
  lab.aim(goal);
  for (let i = 0; i < slices; i++) {
    const { stop } = lab.slice(BUDGET);
    if (stop !== null) return stop;
  }
  return null;
}

function printed(lab: Ringlab): Map<VmId, string> {
  const texts = new Map<VmId, string>();
  for (const { vm, bytes } of lab.takeConsoleOutput()) {
    texts.set(vm, (texts.get(vm) ?? '') + new TextDecoder().decode(bytes));
  }
  return texts;
}

describe('two virtual machines', () => {
  let lab: Ringlab;

  beforeEach(() => {
    lab = new Ringlab({ memory: 128 * MIB, cpus: 1 });
    lab.useDisassembler(disassembler);
    lab.open(guest('vtx-ept'), true);
    lab.open(guest('vtx-ept'));
    expect(run(lab, { kind: 'free' })).toBeNull();
  });

  test('the one that is not told of the hypervisor uses devices, the other hypercalls', () => {
    const texts = printed(lab);
    expect(texts.get(1)).toContain('using emulated devices');
    expect(texts.get(2)).toContain('using hypercalls');
    const [devices, hypercalls] = lab.exits().vms;
    const io = (vm: typeof devices) => vm?.exits.find(({ name }) => name === 'I/O instruction')?.count ?? 0;
    expect(io(devices)).toBeGreaterThan(io(hypercalls));
    expect(devices?.hypercalls).toEqual([]);
    expect(hypercalls?.hypercalls.length).toBeGreaterThan(0);
  });

  test('a step is one instruction of the vCPU that was asked for', () => {
    for (const on of [
      { vm: 1, vcpu: 0 },
      { vm: 2, vcpu: 0 },
      { vm: 1, vcpu: 0 },
    ]) {
      // The first one waits until the vCPU has a processor.
      expect(run(lab, { kind: 'step', on })).toEqual({ kind: 'stepped', on });
      for (let i = 0; i < 20; i++) {
        const before = lab.registers(on)?.rip.value;
        expect(run(lab, { kind: 'step', on })).toEqual({ kind: 'stepped', on });
        expect(lab.registers(on)?.rip.value).not.toBe(before);
      }
    }
  });

  test('runs to the next VM exit, with the processor in ring -1', () => {
    const stop = run(lab, { kind: 'vm-exit', vm: 1 });
    expect(stop).toMatchObject({ kind: 'vm-exit', on: { vm: 1, vcpu: 0 } });
    const { positions, recent } = lab.rings();
    expect(positions.find(({ on }) => on.vm === 1)).toMatchObject({ ring: -1, scheduled: true });
    expect(recent.at(-1)).toMatchObject({ from: 0, to: -1, on: { vm: 1, vcpu: 0 } });
  });

  test('a breakpoint stops its own machine only, every time it is reached', () => {
    const address = lab.registers({ vm: 1, vcpu: 0 })?.rip.value ?? 0n;
    expect(lab.toggleBreakpoint(1, address)).toBe(true);
    for (let i = 0; i < 3; i++) {
      expect(run(lab, { kind: 'free' })).toEqual({ kind: 'breakpoint', on: { vm: 1, vcpu: 0 }, address });
      expect(lab.registers({ vm: 1, vcpu: 0 })?.rip.value).toBe(address);
    }
    expect(lab.toggleBreakpoint(1, address)).toBe(false);
    expect(run(lab, { kind: 'free' })).toBeNull();
  });

  test('a step over a call stops after it', () => {
    const on = { vm: 1, vcpu: 0 };
    for (let i = 0; i < 2000; i++) {
      const line = lab.code(on, null, 12)?.lines.find(({ current }) => current);
      if (line?.text.startsWith('call')) {
        expect(run(lab, { kind: 'step-over', on })).toEqual({ kind: 'stepped', on });
        expect(lab.registers(on)?.rip.value).toBe(line.address + BigInt(line.bytes.length));
        return;
      }
      run(lab, { kind: 'step', on });
    }
    expect.unreachable('the kernel calls something within 2000 instructions');
  });

  test('the page walk leads from RIP to the frame that holds it', () => {
    const walk = lab.walk({ vm: 2, vcpu: 0 }, null);
    expect(walk?.end).toMatchObject({ kind: 'mapped' });
    expect(walk?.references).toBe(19);
    expect(lab.walk({ vm: 2, vcpu: 0 }, 0x7000_0000_0000n)?.end).toMatchObject({
      kind: 'fault',
      fault: '#PF',
    });
  });

  test('views change nothing', () => {
    const before = [lab.now(), lab.registers({ vm: 1, vcpu: 0 })];
    for (const view of ['rings', 'scheduler', 'exits', 'frames', 'vms'] as const) lab[view]();
    lab.code({ vm: 1, vcpu: 0 }, null, 40);
    lab.walk({ vm: 1, vcpu: 0 }, 0n);
    expect(lab.instruction({ vm: 1, vcpu: 0 }, null)).not.toBeNull();
    for (const view of ['system', 'vectors', 'stack', 'descriptors', 'devices'] as const)
      expect(lab[view]({ vm: 1, vcpu: 0 })).not.toBeNull();
    expect([lab.now(), lab.registers({ vm: 1, vcpu: 0 })]).toEqual(before);
  });

  test('frames add up, and come back when a machine is destroyed', () => {
    const free = () => lab.frames().owners.find(({ use }) => use === 'free')?.frames ?? 0;
    const { owners, frames, runs } = lab.frames();
    expect(owners.reduce((sum, owner) => sum + owner.frames, 0)).toBe(frames);
    expect(runs.filter((_, i) => i % 2 === 1).reduce((a, b) => a + b, 0)).toBe(frames);
    const before = free();
    lab.control(2, 'destroy');
    run(lab, { kind: 'free' }, 2);
    expect(free()).toBeGreaterThan(before);
    expect(lab.vms().map(({ id }) => id)).toEqual([1]);
    expect(lab.registers({ vm: 2, vcpu: 0 })).toBeNull();
  });

  test('a paused machine stands still, the other goes on', () => {
    lab.control(1, 'pause');
    run(lab, { kind: 'free' }, 1);
    const executed = (vm: number) => lab.vms().find(({ id }) => id === vm)?.instructions ?? 0;
    const before = [executed(1), executed(2)];
    run(lab, { kind: 'free' });
    expect(executed(1)).toBe(before[0]);
    expect(executed(2)).toBeGreaterThan(before[1] ?? 0);
    expect(() => lab.control(1, 'pause')).toThrow(Refusal);
    lab.control(2, 'pause');
    expect(run(lab, { kind: 'free' })).toEqual({ kind: 'nothing-to-run' });
  });

  test('a crashed machine stops alone and can be reset', () => {
    lab.consoleInput(1, new TextEncoder().encode('crash\r'));
    run(lab, { kind: 'free' });
    expect(lab.vms()[0]).toMatchObject({
      state: 'crashed',
      reason: expect.stringMatching(/^Triple fault at 0x/),
    });
    expect(lab.vms()[1]?.state).not.toBe('crashed');
    printed(lab);
    lab.control(1, 'reset');
    run(lab, { kind: 'free' });
    expect(lab.vms()[0]).toMatchObject({ reason: null });
    expect(printed(lab).get(1)).toContain('using emulated devices');
  });
});

describe('bare machines', () => {
  test('a guest of its own computer, stepped and looked at as any other', () => {
    const lab = new Ringlab({ memory: 16 * MIB, cpus: 1 });
    const vm = lab.open(guest('bare'));
    expect(vm).toBe(FIRST_BARE_ID);
    run(lab, { kind: 'free' });
    expect(printed(lab).get(vm)).toContain('using emulated devices');
    const on = { vm, vcpu: 0 };
    expect(run(lab, { kind: 'step', on })).toEqual({ kind: 'stepped', on });
    expect(lab.walk(on, null)).toMatchObject({ eptp: null, end: { kind: 'mapped', nestedPage: null } });
    lab.control(vm, 'destroy');
    expect(lab.vms()).toEqual([]);
  });

  test('with AMD-V: nested page tables are walked, and the VM exits of its hypervisor are told', () => {
    const lab = new Ringlab({ memory: 16 * MIB, cpus: 1 });
    lab.useDisassembler(disassembler);
    const bytes = guestNamed('tiny-hypervisor-amd-v')?.assemble().bytes;
    const vm = lab.open(guest('bare-amd-v', bytes, { flat: { address: 0x10_0000, mode: 'long' } }));
    expect(lab.vms().at(-1)).toMatchObject({ technique: 'bare-amd-v' });
    const on = { vm, vcpu: 0 };
    const exit = () => run(lab, { kind: 'vm-exit', vm });
    expect(exit()).toEqual({ kind: 'vm-exit', on, reason: 'VMMCALL' });
    expect(lab.walk(on, null)).toMatchObject({ eptp: null });
    for (let steps = 0; lab.walk(on, null)?.eptp === null && steps < 50; steps++)
      run(lab, { kind: 'step', on });
    const walk = lab.walk(on, null);
    expect(walk?.eptp).not.toBeNull();
    expect(walk?.page?.entries.map(({ level }) => level)).toEqual(['NPT PML4', 'NPT PDPT']);
    expect(walk?.end).toMatchObject({ kind: 'mapped', nestedPage: 2 ** 30, rights: 'read, write, execute' });
    expect(lab.instruction(on, null)?.notes).toBeDefined();
    run(lab, { kind: 'free' });
    expect(printed(lab).get(vm)).toBe('Hello from ring 0, inside a VM..');
  });

  test('one that ends says why', () => {
    const lab = new Ringlab({ memory: 16 * MIB, cpus: 1 });
    const bytes = guestNamed('boot-sector')?.assemble().bytes;
    const vm = lab.open(guest('bare', bytes, { flat: { address: 0x7c00, mode: 'real' } }));
    run(lab, { kind: 'free' }, 5);
    expect(printed(lab).get(vm)).toContain('Hello from real mode.');
    expect(lab.vms()[0]).toMatchObject({
      state: 'ended',
      reason: 'Ended by the debug exit port with status 1.',
    });
  });
});

describe('the second tier', () => {
  test('compiles what is hot; what a region became can be read', () => {
    const lab = new Ringlab({ memory: 64 * MIB, cpus: 1 });
    lab.useDisassembler(disassembler);
    lab.setTier2('on');
    const on = { vm: lab.open(guest('vtx-ept')), vcpu: 0 };
    run(lab, { kind: 'free' }, 2000);
    const view = lab.tiers(on);
    expect(view).toMatchObject({ bare: null, mode: 'on' });
    expect(view.compiledInstructions).toBeGreaterThan(view.instructions / 2);
    expect(view.compiledInstructions).toBeLessThan(view.instructions);
    const [row] = view.regions;
    const region = lab.region(on, row.id);
    expect(region?.code).toHaveLength(row.instructions);
    expect(region?.code[0]).toMatchObject({ address: row.address, physical: false });
    expect(region?.code.map(({ text }) => text)).not.toContain('(bad)');
    expect(region?.wasm.map(({ text }) => text)).toContain('i64.add');
    const steps = new Set(region?.wasm.map(({ step }) => step));
    expect(steps).toEqual(new Set([null, ...Array(row.instructions).keys()]));
    expect(lab.region(on, row.id)).toBe(region);
    expect(lab.region(on, -1)).toBeNull();
  });

  test('is turned off on all computers, also on those that come', () => {
    const lab = new Ringlab({ memory: 64 * MIB, cpus: 1 });
    const before = { vm: lab.open(guest('vtx-ept')), vcpu: 0 };
    lab.setTier2('off');
    const later = { vm: lab.open(guest('bare')), vcpu: 0 };
    run(lab, { kind: 'free' });
    for (const on of [before, later]) {
      const view = lab.tiers(on);
      expect(view.mode).toBe('off');
      expect(view.instructions).toBeGreaterThan(100_000);
      expect(view.compiledInstructions).toBe(0);
    }
    expect(lab.tiers(later).bare).toBe(later.vm);
  });
});

test.each(['bare', 'vtx-ept'] as const)('what is no kernel is refused by name (%s)', (technique) => {
  const lab = new Ringlab({ memory: 64 * MIB, cpus: 1 });
  const open = () => lab.open(guest(technique, new TextEncoder().encode('Dear diary')));
  expect(open).toThrow(Refusal);
  expect(open).toThrow(/kernel\.elf/);
  expect(lab.vms()).toEqual([]);
});
