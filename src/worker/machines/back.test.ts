import { beforeEach, describe, expect, test } from 'vitest';
import { guestNamed } from '../../guests/index.ts';
import type { StopReason } from '../../protocol/machine-view.ts';
import type { GuestDescription, Technique, VcpuRef } from '../../protocol/target.ts';
import type { Written } from '../../protocol/written.ts';
import type { Goal } from '../lab.ts';
import { Refusal } from '../refusal.ts';
import * as disassembler from '../views/disassembler.ts';
import { Ringlab } from './ringlab.ts';

const MIB = 1024 * 1024;
const BUDGET = { instructions: 500_000, cycles: 2_000_000 };

function guest(technique: Technique): GuestDescription {
  const bytes = guestNamed('kernel')?.assemble().bytes ?? new Uint8Array();
  const kernel = { name: 'kernel.elf', bytes };
  const nothing = { initrd: null, commandLine: '', flat: null };
  return { name: 'k', technique, kernel, memory: 16 * MIB, cpus: 1, ...nothing };
}

function run(lab: Ringlab, goal: Goal, slices = 60): StopReason | null {
  lab.aim(goal);
  for (let i = 0; i < slices; i++) {
    const { stop } = lab.slice(BUDGET);
    if (stop !== null) return stop;
  }
  return null;
}

describe.each<{ technique: Technique; on: VcpuRef }>([
  { technique: 'bare', on: { vm: 101, vcpu: 0 } },
  { technique: 'vtx-ept', on: { vm: 1, vcpu: 0 } },
])('backwards, $technique', ({ technique, on }) => {
  let lab: Ringlab;
  const rip = () => lab.registers(on)?.rip.value ?? -1n;
  const line = () => lab.code(on, null, 12)?.lines.find(({ current }) => current);
  const register = (name: string) =>
    lab.registers(on)?.general.find((one) => one.name === name)?.value ?? -1n;
  const position = () => lab.timeline(on).position;
  const whoWrote = (what: Written) => run(lab, { kind: 'who-wrote', on, what }, 2000);

  beforeEach(() => {
    let time = 0;
    lab = new Ringlab({ memory: 64 * MIB, cpus: 1, stopwatch: () => (time += 30) });
    lab.useDisassembler(disassembler);
    lab.open(guest(technique));
    run(lab, { kind: 'free' }, 8);
    // Away from a wait.
    for (let i = 0; i < 3; i++) run(lab, { kind: 'step', on });
  });

  test('steps undo steps, and steps over calls undo steps over calls', () => {
    const trail: bigint[] = [];
    for (let i = 0; i < 300; i++) {
      trail.push(rip());
      run(lab, { kind: 'step', on });
    }
    for (const expected of trail.reverse()) {
      expect(run(lab, { kind: 'step-back', on })).toEqual({ kind: 'stepped', on });
      expect(rip()).toBe(expected);
    }
    for (let i = 0; i < 2000 && !line()?.text.startsWith('call'); i++) run(lab, { kind: 'step', on });
    const call = { rip: rip(), position: position() };
    run(lab, { kind: 'step-over', on });
    expect(run(lab, { kind: 'step-back-over', on })).toEqual({ kind: 'stepped', on });
    expect({ rip: rip(), position: position() }).toEqual(call);
  });

  test('a step out ends behind the call, a step back out at it', () => {
    for (let i = 0; i < 2000 && !line()?.text.startsWith('call'); i++) run(lab, { kind: 'step', on });
    const call = { rip: rip(), position: position(), length: BigInt(line()?.bytes.length ?? 0) };
    for (let i = 0; i < 3; i++) run(lab, { kind: 'step', on });
    const inside = position();
    expect(run(lab, { kind: 'step-out', on }, 2000)).toMatchObject({ kind: 'reached', on });
    expect(rip()).toBe(call.rip + call.length);
    lab.seek(on, inside);
    expect(run(lab, { kind: 'step-back-out', on }, 2000)).toEqual({ kind: 'stepped', on });
    expect({ rip: rip(), position: position() }).toMatchObject({ rip: call.rip, position: call.position });
  });

  test('a search for a breakpoint and for crossings ends where the run forwards had been', () => {
    const address = rip();
    lab.toggleBreakpoint(on.vm, address);
    const forwards: number[] = [];
    for (let i = 0; i < 4; i++) {
      expect(run(lab, { kind: 'free' })).toEqual({ kind: 'breakpoint', on, address });
      forwards.push(position());
    }
    run(lab, { kind: 'step', on });
    for (const expected of forwards.reverse()) {
      const goal = { kind: 'run-back', on, to: 'breakpoint' } as const;
      expect(run(lab, goal, 2000)).toEqual({ kind: 'breakpoint', on, address });
      expect(position()).toBe(expected);
    }
    const here = position();
    expect(run(lab, { kind: 'run-back', on, to: 'crossing' }, 2000)).toMatchObject({ kind: 'crossing', on });
    expect(position()).toBeLessThan(here);
  });

  test('who wrote a register, a word of memory, a page-table entry, a character', () => {
    const rbx = register('rbx');
    const start = position();
    expect(whoWrote({ kind: 'register', name: 'bl' })).toMatchObject({ kind: 'writer', on });
    expect(line()?.text).toMatch(/[re]?b[xl]/);
    run(lab, { kind: 'step', on });
    expect(register('rbx')).toBe(rbx);
    lab.seek(on, start);

    const stack = register('rsp');
    expect(whoWrote({ kind: 'memory', space: 'linear', address: stack, length: 8 })).toMatchObject({
      kind: 'writer',
      on,
    });
    expect(position()).toBeLessThan(start);
    lab.seek(on, start);

    lab.seek(on, start);
    const [pml4] = lab.walk(on, null)?.levels ?? [];
    const entry = pml4?.entry?.address ?? 0n;
    expect(whoWrote({ kind: 'memory', space: 'guest-physical', address: entry, length: 8 })).toMatchObject({
      kind: 'writer',
      on,
    });
    lab.seek(on, start);

    // Of the guest it is the instruction, also where the hypervisor prints.
    expect(whoWrote({ kind: 'output', back: 3 })).toMatchObject({ kind: 'writer', on });
    expect(line()?.text).toMatch(technique === 'bare' ? /^out dx/ : /^vmcall/);
    expect(position()).toBeLessThan(start);
    lab.seek(on, start);
    expect(() => whoWrote({ kind: 'register', name: 'rqx' })).toThrow(Refusal);
    expect(() => whoWrote({ kind: 'memory', space: 'host-physical', address: 1n << 40n, length: 8 })).toThrow(
      Refusal,
    );
  });

  test('a search that is given up ends where it began, and the console says what it said there', () => {
    // Far enough for several snapshots.
    run(lab, { kind: 'free' }, 60);
    const { to, snapshots } = lab.timeline(on);
    expect(snapshots.length).toBeGreaterThan(2);
    lab.takeConsoleOutput();
    lab.aim({ kind: 'run-back', on, to: 'breakpoint' });
    // The last interval, which ends at the present, and the one before.
    for (let piece = 0; piece < 2; piece++) expect(lab.slice(BUDGET).stop).toBeNull();
    expect(position()).toBeLessThan(to);
    lab.aim({ kind: 'free' });
    expect(position()).toBe(to);
    expect(lab.takeConsoleOutput()).toEqual([]);
  });

  test('goes to the beginning when nothing is found, and to any instant from there', () => {
    const { to } = lab.timeline(on);
    expect(run(lab, { kind: 'run-back', on, to: 'breakpoint' }, 2000)).toEqual({ kind: 'beginning' });
    expect(position()).toBe(lab.timeline(on).from);
    expect(run(lab, { kind: 'step-back', on })).toEqual({ kind: 'beginning' });
    lab.seek(on, to);
    expect(position()).toBe(to);
    expect(() => lab.seek(on, to + 1)).toThrow(Refusal);
  });
});

describe('who wrote a field of the VMCS', () => {
  const on = { vm: 1, vcpu: 0 };
  let lab: Ringlab;
  const whoWrote = (name: string) => run(lab, { kind: 'who-wrote', on, what: { kind: 'field', name } }, 2000);
  const field = (name: string) =>
    lab
      .system(on)
      ?.structure?.groups.flatMap(({ fields }) => fields)
      .find((one) => one.name === name)?.value;

  beforeEach(() => {
    lab = new Ringlab({ memory: 64 * MIB, cpus: 1 });
    lab.useDisassembler(disassembler);
    lab.open(guest('vtx-ept'));
    run(lab, { kind: 'free' }, 4);
  });

  test('a VM exit, and the handler of one', () => {
    run(lab, { kind: 'vm-exit', vm: 1 });
    const reason = field('EXIT_REASON');
    expect(reason).toBeDefined();
    const to = lab.timeline(on).position;
    expect(whoWrote('exit_reason')).toMatchObject({ on, by: expect.stringMatching(/^the VM exit for /) });
    expect(lab.timeline(on).position).toBeLessThan(to);
    lab.seek(on, to);
    expect(whoWrote('CR4_READ_SHADOW')).toMatchObject({
      on: null,
      by: expect.stringContaining('hypervisor'),
    });
  });

  test('an edit, of a vCPU that no processor executes', () => {
    run(lab, { kind: 'vm-exit', vm: 1 });
    const before = field('GUEST_RSP') ?? 0n;
    const to = lab.timeline(on).position;
    lab.edit({ kind: 'register', on, register: 'rsp', value: before + 8n });
    expect(field('GUEST_RSP')).toBe(before + 8n);
    expect(whoWrote('GUEST_RSP')).toEqual({ kind: 'writer', on: null, by: 'an edit' });
    expect(lab.timeline(on).position).toBe(to);
    expect(field('GUEST_RSP')).toBe(before);
  });

  test('not of one that does not exist', () => {
    expect(() => whoWrote('GUEST_NOTHING')).toThrow(Refusal);
    const bare = new Ringlab({ memory: 64 * MIB, cpus: 1 });
    bare.open(guest('bare'));
    expect(() =>
      run(bare, { kind: 'who-wrote', on: { vm: 101, vcpu: 0 }, what: { kind: 'field', name: 'GUEST_RIP' } }),
    ).toThrow(Refusal);
  });
});

test('the last VM exit, and the one before', () => {
  const lab = new Ringlab({ memory: 64 * MIB, cpus: 1 });
  lab.useDisassembler(disassembler);
  lab.open(guest('vtx-ept'));
  run(lab, { kind: 'free' }, 4);
  const on = { vm: 1, vcpu: 0 };
  const exits: { position: number; stop: StopReason | null }[] = [];
  for (let i = 0; i < 5; i++) {
    const stop = run(lab, { kind: 'vm-exit', vm: 1 });
    exits.push({ position: lab.timeline(on).position, stop });
  }
  exits.pop();
  for (const { position, stop } of exits.reverse()) {
    expect(run(lab, { kind: 'run-back', on, to: 'vm-exit' }, 2000)).toEqual(stop);
    expect(lab.timeline(on).position).toBe(position);
  }
});
