import { beforeEach, describe, expect, test } from 'vitest';
import { guestNamed } from '../../guests/index.ts';
import type { StopReason } from '../../protocol/machine-view.ts';
import type { GuestDescription, Technique, VcpuRef } from '../../protocol/target.ts';
import type { Goal } from '../lab.ts';
import { Refusal } from '../refusal.ts';
import { linearReader } from './linear-memory.ts';
import { Ringlab } from './ringlab.ts';

const MIB = 1024 * 1024;
const BUDGET = { instructions: 500_000, cycles: 2_000_000 };
const COUNT = 1000;
const HLT = 0xf4;

function guest(technique: Technique): GuestDescription {
  const bytes = guestNamed('kernel')?.assemble().bytes ?? new Uint8Array();
  const kernel = { name: 'kernel.elf', bytes };
  return {
    name: 'k',
    technique,
    kernel,
    memory: 16 * MIB,
    cpus: 1,
    initrd: null,
    commandLine: '',
    flat: null,
  };
}

describe.each<{ where: string; technique: Technique; guests: number; on: VcpuRef }>([
  { where: 'the bare machine', technique: 'bare', guests: 1, on: { vm: 101, vcpu: 0 } },
  { where: 'a VM beside another one', technique: 'vtx-ept', guests: 2, on: { vm: 1, vcpu: 0 } },
])('many steps, $where', ({ technique, guests, on }) => {
  let lab: Ringlab;
  const position = () => lab.timeline(on).position;
  const state = () => ({ position: position(), hash: lab.stateHash(on) });
  const run = (goal: Goal): StopReason | null => {
    lab.aim(goal);
    for (let i = 0; i < 2000; i++) {
      const { stop } = lab.slice(BUDGET);
      if (stop !== null) return stop;
    }
    return null;
  };

  beforeEach(() => {
    let time = 0;
    lab = new Ringlab({ memory: 64 * MIB, cpus: 1, stopwatch: () => (time += 30) });
    for (let i = 0; i < guests; i++) lab.open(guest(technique));
    lab.aim({ kind: 'free' });
    for (let i = 0; i < 8; i++) lab.slice(BUDGET);
    // Away from a wait.
    for (let i = 0; i < 3; i++) run({ kind: 'step', on });
  });

  test('as many back and as many forward is the same state', () => {
    const before = state();
    expect(run({ kind: 'step-back', on, count: COUNT })).toEqual({ kind: 'stepped', on });
    expect(position()).toBeLessThan(before.position - COUNT / 2);
    expect(run({ kind: 'step', on, count: COUNT })).toEqual({ kind: 'stepped', on });
    expect(state()).toEqual(before);
  });

  test('many steps back end where as many single ones do', () => {
    const { position: from } = state();
    for (let i = 0; i < COUNT; i++) run({ kind: 'step-back', on });
    const single = state();
    lab.seek(on, from);
    run({ kind: 'step-back', on, count: COUNT });
    expect(state()).toEqual(single);
  });

  test('many steps end where as many single ones do', () => {
    const { position: from } = state();
    run({ kind: 'step', on, count: 100 });
    const many = state();
    lab.seek(on, from);
    for (let i = 0; i < 100; i++) run({ kind: 'step', on });
    expect(state()).toEqual(many);
  });

  test('a step passes a wait, and the step back leads to its HLT', () => {
    const halt = () => {
      const machine = lab.machineOf(on.vm);
      const access = machine.access(on);
      if (access === undefined) return false;
      const [opcode] = linearReader(access, machine.computer.ram)(access.state.rip, 1);
      return opcode === HLT;
    };
    for (let i = 0; i < 20_000 && !halt(); i++) run({ kind: 'step', on });
    expect(halt()).toBe(true);
    const before = state();
    expect(run({ kind: 'step', on })).toEqual({ kind: 'stepped', on });
    const single = state();
    expect(halt()).toBe(false);
    lab.seek(on, before.position);
    run({ kind: 'step', on, count: 2 });
    const two = state();
    run({ kind: 'step-back', on });
    expect(state()).toEqual(single);
    run({ kind: 'step', on });
    expect(state()).toEqual(two);
    run({ kind: 'step-back', on, count: 2 });
    expect(state()).toEqual(before);
  });

  test('where there are fewer, they go to the first one', () => {
    expect(run({ kind: 'step-back', on, count: 1_000_000 })).toEqual({ kind: 'beginning' });
    const first = state();
    expect(run({ kind: 'step-back', on })).toEqual({ kind: 'beginning' });
    expect(state()).toEqual(first);
  });

  test('steps back that are given up end where they began', () => {
    const before = state();
    lab.aim({ kind: 'step-back', on, count: 20_000 });
    expect(lab.slice(BUDGET).stop).toBe(null);
    expect(position()).not.toBe(before.position);
    lab.aim({ kind: 'free' });
    expect(state()).toEqual(before);
  });

  test('steps that are under way tell how many they have made', () => {
    const of = 100_000;
    const backwards = lab.timeline(on).position;
    for (const goal of [
      { kind: 'step', on, count: of },
      { kind: 'step-back', on, count: of },
    ] as const) {
      lab.aim(goal);
      const made: number[] = [];
      for (let i = 0; i < 3 && lab.slice(BUDGET).stop === null; i++)
        made.push(lab.machine().steps?.made ?? -1);
      expect(lab.machine().steps).toMatchObject({ of, backwards: goal.kind === 'step-back' });
      expect(made[0]).toBeLessThan(of);
      expect(made.at(-1)).toBeGreaterThan(made[0]);
      lab.aim({ kind: 'free' });
    }
    expect(lab.machine().steps).toBe(null);
    expect(position()).toBeGreaterThan(backwards);
  });

  test.each([0, -1, 1.5, Number.NaN, 1_000_001])('%d steps are refused', (count) => {
    expect(() => lab.aim({ kind: 'step', on, count })).toThrow(Refusal);
    expect(() => lab.aim({ kind: 'step-back', on, count })).toThrow('Steps: One cannot step');
  });
});
