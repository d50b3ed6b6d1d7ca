import { beforeEach, describe, expect, test } from 'vitest';
import { guestNamed } from '../../guests/index.ts';
import { loadImage } from '../../machine/boot/load.ts';
import { stateParts } from '../../machine/state-hash.ts';
import { History } from '../../machine/time/history.ts';
import type { StopReason } from '../../protocol/machine-view.ts';
import type { GuestDescription, Technique, VcpuRef } from '../../protocol/target.ts';
import type { Goal } from '../lab.ts';
import { HypervisorMachine } from './hypervisor-machine.ts';
import { MicroSteps } from './micro-steps.ts';
import { Ringlab } from './ringlab.ts';

const MIB = 1024 * 1024;
const BUDGET = { instructions: 500_000, cycles: 2_000_000 };

function guest(technique: Technique, name = 'kernel'): GuestDescription {
  const bytes = guestNamed(name)?.assemble().bytes ?? new Uint8Array();
  const kernel = { name: 'kernel.elf', bytes };
  const nothing = { initrd: null, commandLine: '', flat: null };
  return { name: 'k', technique, kernel, memory: 16 * MIB, cpus: 1, ...nothing };
}

function run(lab: Ringlab, goal: Goal, slices = 200): StopReason | null {
  lab.aim(goal);
  for (let i = 0; i < slices; i++) {
    const { stop } = lab.slice(BUDGET);
    if (stop !== null) return stop;
  }
  return null;
}

describe.each<{ technique: Technique; cpus: number; vms: number; on: VcpuRef }>([
  { technique: 'bare', cpus: 1, vms: 1, on: { vm: 101, vcpu: 0 } },
  { technique: 'vtx-ept', cpus: 1, vms: 2, on: { vm: 1, vcpu: 0 } },
  { technique: 'vtx-ept', cpus: 2, vms: 2, on: { vm: 2, vcpu: 0 } },
])('micro-steps, $technique on $cpus processors', ({ technique, cpus, vms, on }) => {
  let lab: Ringlab;
  const forward = () => run(lab, { kind: 'micro-step', on });
  const back = () => run(lab, { kind: 'micro-step-back', on });
  const view = () => lab.micro(on);
  /** Where the page has stopped. */
  const place = () => ({
    position: lab.timeline(on).position,
    rip: lab.registers(on)?.rip.value,
    micro: view(),
  });
  const made = (): string => {
    const now = view();
    return now?.operations[now.cursor]?.what ?? '';
  };

  beforeEach(() => {
    let time = 0;
    lab = new Ringlab({ memory: 64 * MIB, cpus, stopwatch: () => (time += 30) });
    for (let i = 0; i < vms; i++) lab.open(guest(technique));
    run(lab, { kind: 'free' }, 8);
    for (let i = 0; i < 3; i++) run(lab, { kind: 'step', on });
  }, 60_000);

  test('go through an instruction and end behind it', () => {
    const before = place();
    expect(before.micro).toBeNull();
    expect(forward()).toMatchObject({ kind: 'micro-step', on, number: 1 });
    const length = view()?.operations.length ?? 0;
    expect(view()).toMatchObject({ of: on, step: 'instruction', rip: before.rip, cursor: 0 });
    expect(view()?.operations[0]?.what).toMatch(/^Fetch: TLB (hit|miss)$/);
    for (let number = 2; number < length; number++) {
      expect(forward()).toMatchObject({ kind: 'micro-step', on, number, of: length });
      expect(place()).toMatchObject({ position: before.position, rip: before.rip });
    }
    expect(forward()).toEqual({ kind: 'micro-step', on, number: length, of: length, what: 'Complete' });
    expect(made()).toBe('Complete');
    const after = place();
    lab.seek(on, before.position);
    run(lab, { kind: 'step', on });
    expect(place()).toEqual({ ...after, micro: null });
  });

  test('an ordinary step in the middle makes the whole instruction', () => {
    const before = place();
    run(lab, { kind: 'step', on });
    const after = place();
    run(lab, { kind: 'step-back', on });
    for (let i = 0; i < 2; i++) forward();
    expect(place()).toMatchObject({ position: before.position, rip: before.rip });
    run(lab, { kind: 'step', on });
    expect(place()).toEqual(after);
  });

  test('backwards they are the same in the opposite order', { timeout: 60_000 }, () => {
    forward();
    const trail: ReturnType<typeof place>[] = [];
    for (let i = 0; i < 150; i++) {
      trail.push(place());
      expect(forward()).toMatchObject({ kind: 'micro-step' });
    }
    for (const expected of trail.reverse()) {
      expect(back()).toMatchObject({ kind: 'micro-step' });
      expect(place()).toEqual(expected);
    }
    // Before the first operation of a step there is the end of the one before.
    back();
    expect(made()).toBe('Complete');
    expect(place()).toMatchObject({ position: trail.at(-1)?.position, rip: trail.at(-1)?.rip });
    const atEnd = place();
    back();
    expect(place().position).toBeLessThan(atEnd.position);
    forward();
    expect(place()).toEqual(atEnd);
  });

  test('a walk under way is the one that the page shows', () => {
    const settings = { enabled: true, vm: on.vm, level: 'any', condition: '', fromHit: 1 } as const;
    lab.addStop({ ...settings, trigger: { kind: 'cr3' } });
    expect(run(lab, { kind: 'free' }, 2000)).toMatchObject({ kind: 'stop', on });
    // Translations went with the old CR3; the kernel's own are global.
    const current = () => view()?.operations[view()?.cursor ?? 0];
    for (let i = 0; i < 3000 && (current()?.reference ?? null) === null; i++) forward();
    const now = view();
    const reference = now?.operations[now.cursor]?.reference;
    expect(reference).toBeTruthy();
    const walk = lab.walk(on, null);
    expect(walk?.cursor).toEqual(reference);
    const rows = walk?.levels ?? [];
    const entries = [...rows.map(({ entry }) => entry), ...rows.flatMap(({ nested }) => nested.entries)];
    expect(entries.map((entry) => entry?.address)).toContain(reference?.address);
    expect(lab.walk(on, 0x1234n)?.cursor).toBeNull();
  });
});

test('an exit, the hypervisor and the entry are micro-steps, forwards and backwards', () => {
  const lab = new Ringlab({ memory: 64 * MIB, cpus: 1 });
  const on = { vm: lab.open(guest('vtx-ept')), vcpu: 0 };
  run(lab, { kind: 'free' }, 8);
  run(lab, { kind: 'vm-exit', vm: on.vm });
  run(lab, { kind: 'step-back', on });
  const seen: string[] = [];
  for (let i = 0; i < 500 && !seen.some((what) => what.includes("guest's state")); i++) {
    run(lab, { kind: 'micro-step', on });
    const view = lab.micro(on);
    seen.push(`${view?.step}: ${view?.operations[view.cursor]?.what}`);
  }
  const exit = seen.findIndex((what) => what.includes('VM exit:'));
  expect(exit).toBeGreaterThanOrEqual(0);
  expect(seen.slice(exit + 1, exit + 6)).toEqual([
    expect.stringContaining('Save the guest and report the exit'),
    expect.stringContaining("Load the host's state"),
    expect.stringContaining('Complete'),
    "host: The hypervisor's exit handler",
    'host: VMREAD EXIT_REASON',
  ]);
  expect(seen.slice(-3)).toEqual([
    'host: VMRESUME',
    'host: VM entry: all checks hold',
    "host: Load the guest's state",
  ]);
  const backwards: string[] = [];
  for (let i = 1; i < seen.length; i++) {
    run(lab, { kind: 'micro-step-back', on });
    const view = lab.micro(on);
    backwards.push(`${view?.step}: ${view?.operations[view.cursor]?.what}`);
  }
  expect(backwards).toEqual(seen.slice(0, -1).reverse());
});

test('the state behind them is the state without them', { timeout: 60_000 }, () => {
  const make = (start: number) => {
    const machine = new HypervisorMachine({ memory: 64 * MIB, cpus: 1 });
    const bytes = guestNamed('kernel')?.assemble().bytes ?? new Uint8Array();
    machine.create({
      name: 'k',
      memory: 16 * MIB,
      vcpus: 1,
      hidden: true,
      load: (ram, info) => loadImage({ kernel: bytes, commandLine: '' }, ram, info),
    });
    machine.computer.runTo(start);
    return machine;
  };
  // A little before an exit.
  const scout = make(700_000).computer;
  while (scout.processor.ring !== -1) scout.step();
  const start = scout.position - 580;
  const machine = make(start);
  const { computer } = machine;
  const on = { vm: 1, vcpu: 0 };
  const steps = new MicroSteps(machine, new History(computer, { stopwatch: () => 0 }));
  const forward = () => {
    while (!steps.isInside(on) && !steps.isNext(on)) computer.step();
    if (steps.forward(on)) computer.step();
  };
  const kinds = new Set<string>();
  for (let round = 0; round < 6; round++) {
    for (let i = 0; i < 90; i++) {
      forward();
      kinds.add(steps.view(on)?.step ?? '');
    }
    for (let i = 0; i < 60; i++) steps.back(on);
  }
  while (steps.view(on)?.operations[steps.view(on)?.cursor ?? 0]?.kind !== 'end') forward();
  const without = make(start).computer;
  expect(computer.position).toBeGreaterThan(without.position);
  without.runTo(computer.position);
  expect(stateParts(computer)).toEqual(stateParts(without));
  expect([...kinds]).toEqual(expect.arrayContaining(['instruction', 'host']));
});

test('with AMD-V: the entry, walks through nested page tables, and the exit', () => {
  const lab = new Ringlab({ memory: 16 * MIB, cpus: 1 });
  const bytes = guestNamed('tiny-hypervisor-amd-v')?.assemble().bytes ?? new Uint8Array();
  const flat = { address: 0x10_0000, mode: 'long' } as const;
  const on = { vm: lab.open({ ...guest('bare-amd-v'), kernel: { name: 'k', bytes }, flat }), vcpu: 0 };
  const inGuest = () => lab.walk(on, null)?.eptp !== null;
  for (let steps = 0; !inGuest() && steps < 200; steps++) run(lab, { kind: 'step', on });
  run(lab, { kind: 'step-back', on });
  expect(inGuest()).toBe(false);
  const seen: { what: string; fields: readonly string[] }[] = [];
  for (let i = 0; i < 300; i++) {
    run(lab, { kind: 'micro-step', on });
    const view = lab.micro(on);
    const made = view?.operations[view.cursor];
    seen.push({ what: made?.what ?? '', fields: made?.fields.map(({ name }) => name) ?? [] });
  }
  const whats = seen.map(({ what }) => what);
  const exit = whats.indexOf('VM exit: VMMCALL');
  expect(whats.slice(exit, exit + 4)).toEqual([
    'VM exit: VMMCALL',
    'Save the guest and report the exit',
    "Load the host's state",
    'Complete',
  ]);
  expect(seen[exit + 1]?.fields).toEqual(expect.arrayContaining(['EXITCODE', 'RIP', 'RAX', 'CS_SELECTOR']));
  const entry = whats.indexOf("Load the guest's state");
  expect(seen[entry]?.fields).toEqual(expect.arrayContaining(['RIP', 'CR3', 'RFLAGS']));
  const walk = whats.indexOf('NPT PML4 entry 0');
  expect([entry, walk, exit]).toEqual([entry, walk, exit].toSorted((a, b) => a - b));
  expect(entry).toBeGreaterThanOrEqual(0);
});

test('a hypervisor of the guest has an exit, and its first instruction as the next step', () => {
  const lab = new Ringlab({ memory: 64 * MIB, cpus: 1 });
  const on = { vm: lab.open(guest('bare', 'hypervisor')), vcpu: 0 };
  expect(run(lab, { kind: 'vm-exit', vm: on.vm })).toMatchObject({ kind: 'vm-exit', on });
  run(lab, { kind: 'step-back', on });
  const seen: string[] = [];
  for (let i = 0; i < 12; i++) {
    run(lab, { kind: 'micro-step', on });
    const view = lab.micro(on);
    seen.push(`${view?.step}: ${view?.operations[view.cursor]?.what}`);
  }
  const loaded = seen.indexOf("instruction: Load the host's state");
  expect(seen.slice(loaded - 2, loaded + 4)).toEqual([
    expect.stringMatching(/^instruction: VM exit: /),
    'instruction: Save the guest and report the exit',
    "instruction: Load the host's state",
    'instruction: Complete',
    'instruction: Fetch: TLB miss',
    'instruction: PML4 entry 0',
  ]);
});

test('at the beginning of time there is nothing before', () => {
  const lab = new Ringlab({ memory: 64 * MIB, cpus: 1 });
  const on = { vm: lab.open(guest('bare')), vcpu: 0 };
  expect(run(lab, { kind: 'micro-step-back', on })).toEqual({ kind: 'beginning' });
  expect(run(lab, { kind: 'micro-step', on })).toMatchObject({ kind: 'micro-step', number: 1 });
});
