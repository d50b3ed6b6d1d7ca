/** A computer with stops, in the hands of a test. */
import { expect } from 'vitest';
import { loadImage } from '../../../machine/boot/load.ts';
import { type StateParts, stateParts } from '../../../machine/state-hash.ts';
import { assembleGuest, GUEST_ORIGIN } from '../../../machine/system-tests/run-guest.ts';
import { History } from '../../../machine/time/history.ts';
import type { StopReason } from '../../../protocol/machine-view.ts';
import type { StopSettings, StopTrigger } from '../../../protocol/stops.ts';
import type { Technique } from '../../../protocol/target.ts';
import type { Goal } from '../../lab.ts';
import { isBackwards } from '../back-control.ts';
import { BareMachine } from '../bare-machine.ts';
import { HypervisorMachine } from '../hypervisor-machine.ts';
import type { LabMachine } from '../lab-machine.ts';
import { RunControl } from '../run-control.ts';
import { MachineStops } from './machine-stops.ts';
import { StopList } from './stop-list.ts';

const MIB = 0x10_0000;
export const VM = 1;
export const ON = { vm: VM, vcpu: 0 };

export interface Bench {
  readonly machine: LabMachine;
  readonly list: StopList;
  readonly run: (goal?: Goal, slices?: number) => StopReason | null;
}

/** Real time as the number of questions asked. */
function countingStopwatch(): () => number {
  let time = 0;
  return () => (time += 20);
}

/** @param source a guest for both techniques; IN_VM is defined in a virtual machine */
export function bench(technique: Technique, source: string, cpus = 1): Bench {
  const kernel = assembleGuest(source, technique === 'bare' ? {} : { IN_VM: '1' });
  const image = {
    kernel,
    commandLine: '',
    format: 'flat',
    flat: { address: GUEST_ORIGIN, mode: 'real' },
  } as const;
  const machine = technique === 'bare' ? bare(image) : hosted(image, cpus);
  const stops = new MachineStops(machine);
  const list = new StopList(() => stops.set(list.all.filter(({ settings }) => settings.enabled)));
  const history = new History(machine.computer, { stopwatch: countingStopwatch() });
  const control = new RunControl(machine, stops, history);
  // A slice of a search is one piece of it here.
  const run = (goal: Goal = { kind: 'free' }, slices = isBackwards(goal) ? 20_000 : 400) => {
    control.aim(goal);
    for (let i = 0; i < slices; i++) {
      // Odd pieces, so that slices end anywhere.
      const { stop, ended } = control.slice({ instructions: 977, cycles: 5000 });
      if (stop !== null) return stop;
      if (control.isSearching) continue;
      history.tick();
      if (ended !== null || machine.vms().every(({ state }) => state === 'ended')) return null;
    }
    return null;
  };
  return { machine, list, run };
}

function bare(image: ConstructorParameters<typeof BareMachine>[0]['image']): LabMachine {
  return new BareMachine({ id: VM, name: 'bare', image, memory: 2 * MIB, cpus: 1 });
}

/** @param cpus processors of the host; each has a virtual machine, of which the first is looked at */
function hosted(image: Parameters<typeof loadImage>[0], cpus: number): LabMachine {
  const machine = new HypervisorMachine({ memory: 16 * MIB, cpus });
  const load = (...[ram, info]: [Parameters<typeof loadImage>[1], Parameters<typeof loadImage>[2]]) =>
    loadImage(image, ram, info);
  for (let i = 0; i < cpus; i++) machine.create({ name: 'vm', memory: 2 * MIB, vcpus: 1, load });
  return machine;
}

export const settings = (trigger: StopTrigger, change: Partial<StopSettings> = {}): StopSettings => ({
  trigger,
  enabled: true,
  vm: VM,
  level: 'any',
  condition: '',
  fromHit: 1,
  ...change,
});

export const back: Goal = { kind: 'run-back', on: ON, to: 'breakpoint' };

/** Stops three times forwards, then finds the same instants backwards. @returns the text of the stops */
export function thereAndBack({ machine, list, run }: Bench, what: StopSettings): string[] {
  const { computer } = machine;
  const id = list.add(what);
  const instants: { readonly position: number; readonly state: StateParts }[] = [];
  const texts: string[] = [];
  for (let i = 0; i < 3; i++) {
    const stop = run();
    expect(stop).toMatchObject({ kind: 'stop', on: ON, stop: id });
    if (stop?.kind === 'stop') texts.push(stop.text);
    instants.push({ position: computer.position, state: stateParts(computer) });
  }
  expect(new Set(instants.map(({ position }) => position)).size).toBe(3);
  expect(list.view()[0].hits).toBe(3);
  for (const { position, state } of instants.slice(0, 2).reverse()) {
    expect(run(back)).toMatchObject({ kind: 'stop', stop: id });
    expect(computer.position).toBe(position);
    expect(stateParts(computer)).toEqual(state);
  }
  expect(list.view()[0].hits).toBe(3);
  // Forwards once more it is the instant that it was.
  expect(run()).toMatchObject({ kind: 'stop', stop: id });
  expect(computer.position).toBe(instants[1].position);
  expect(stateParts(computer)).toEqual(instants[1].state);
  return texts;
}
