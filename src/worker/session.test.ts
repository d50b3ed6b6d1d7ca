import { beforeEach, expect, test, vi } from 'vitest';
import type { Command } from '../protocol/commands.ts';
import type { ToPage, ViewName } from '../protocol/messages.ts';
import type { GuestDescription } from '../protocol/target.ts';
import { PIECES } from './pace.ts';
import { Session } from './session.ts';
import { CountingLab, ManualHost } from './testing.ts';

const MEMORY = {
  space: 'linear',
  at: { segment: null, register: null, offset: 0n },
  rows: 1,
} as const;
const ON = { vm: 1, vcpu: 0 };
let lab: CountingLab;
let host: ManualHost;
let session: Session;
let nextId: number;

beforeEach(() => {
  lab = new CountingLab();
  host = new ManualHost();
  session = new Session(lab, host);
  nextId = 1;
});

const send = (command: Command) => session.receive({ type: 'command', id: nextId++, command });
const watchRegion = (region: number | null, ...views: ViewName[]) =>
  session.receive({
    type: 'watch',
    watch: {
      views,
      walkAddress: null,
      codeAddress: null,
      codeLines: 1,
      region,
      memory: MEMORY,
      instruction: null,
    },
  });
const watch = (...views: ViewName[]) => watchRegion(null, ...views);
const drawn = () => session.receive({ type: 'drawn', sequence: host.snapshots.at(-1)?.sequence ?? 0 });
const latest = () => host.snapshots.at(-1);

test('computes only what is watched', () => {
  watch('machine');
  expect(Object.keys(latest()?.views ?? {})).toEqual(['machine']);
  expect(lab.computed).toEqual([]);
});

test('sends nothing more until the page has drawn', () => {
  watch('machine');
  send({ kind: 'run' });
  for (let i = 0; i < 50; i++) host.pass(20);
  expect(host.snapshots).toHaveLength(1);
  drawn();
  expect(host.snapshots).toHaveLength(2);
  expect(latest()?.views.machine).toMatchObject({
    running: true,
    stop: null,
    instructions: lab.instructions,
  });
});

test('runs until it is paused', () => {
  watch('machine');
  send({ kind: 'run' });
  host.pass(0);
  const before = lab.instructions;
  expect(before).toBeGreaterThan(0);
  send({ kind: 'pause' });
  host.pass(100);
  expect(lab.instructions).toBe(before);
  drawn();
  expect(latest()?.views.machine).toMatchObject({ running: false, stop: { kind: 'paused-by-user' } });
});

test('a step is done when its answer comes, and marks what changed', () => {
  watch('machine', 'registers');
  drawn();
  send({ kind: 'step', on: ON });
  expect(lab.instructions).toBe(1);
  const { machine, registers } = latest()?.views ?? {};
  expect(machine).toMatchObject({ running: false, stop: { kind: 'stepped', on: ON } });
  expect(registers?.general.filter(({ changed }) => changed).map(({ name }) => name)).toEqual(['rax']);
});

test('while several steps are under way, further ones change nothing', () => {
  watch('machine');
  drawn();
  const steps = { made: 400, of: 1000, backwards: false };
  const goal = { kind: 'step', on: ON, count: 1000 } as const;
  lab.steps = steps;
  send(goal);
  for (const kind of ['step', 'step-over', 'step-back', 'micro-step'] as const) send({ kind, on: ON });
  expect(lab.goal).toEqual(goal);
  expect(host.messages.filter(({ type }) => type === 'refused')).toEqual([]);
  drawn();
  expect(latest()?.views.machine).toMatchObject({ running: true, steps });
  send({ kind: 'pause' });
  drawn();
  expect(latest()?.views.machine).toMatchObject({ running: false, steps: null });
  send({ kind: 'step-over', on: ON });
  expect(lab.goal).toEqual({ kind: 'step-over', on: ON });
});

test('a breakpoint stops the run and takes the focus', () => {
  watch('machine');
  const on = { vm: 7, vcpu: 2 };
  lab.script.push({ instructions: 10, idleCycles: 0, stop: { kind: 'breakpoint', on, address: 16n } });
  send({ kind: 'run' });
  host.pass(0);
  drawn();
  expect(latest()).toMatchObject({
    focus: on,
    views: { machine: { stop: { kind: 'breakpoint', address: 16n } } },
  });
  expect(host.tasks).toEqual([]);
});

test('sleeps off idle time, and wakes for input', () => {
  send({ kind: 'run' });
  lab.script.push({ instructions: 10, idleCycles: 16_000, stop: null });
  host.pass(0);
  expect(host.tasks.map(({ at }) => at)).toEqual([16]);
  send({ kind: 'console-input', vm: 1, bytes: Uint8Array.of(13) });
  expect(host.tasks.map(({ at }) => at)).toEqual([0]);
});

test('work is not paced', () => {
  send({ kind: 'run' });
  host.pass(0);
  expect(host.tasks.map(({ at }) => at)).toEqual([0]);
});

test('a slice is made of pieces', () => {
  let pieces = 0;
  const { slice } = lab;
  lab.slice = (budget) => {
    pieces++;
    return slice.call(lab, budget);
  };
  send({ kind: 'run' });
  host.pass(0);
  expect(pieces).toBe(PIECES);
});

test('a refusal reaches the page with what, where and remedy', () => {
  const file = { name: 'note.txt', bytes: new Uint8Array() };
  const guest = {
    name: 'n',
    technique: 'bare',
    kernel: file,
    initrd: null,
    commandLine: '',
    memory: 1,
    cpus: 1,
    flat: null,
  } as const;
  send({ kind: 'open', guest });
  expect(host.messages.at(-1)).toEqual({
    type: 'refused',
    id: 1,
    error: { what: 'This is no kernel.', where: 'note.txt', remedy: 'Choose a bzImage.' },
  });
});

test('console output arrives in order, whatever is watched', () => {
  send({ kind: 'console-input', vm: 1, bytes: Uint8Array.of(65) });
  expect(latest()?.console).toMatchObject([{ vm: 1, bytes: Uint8Array.of(65) }]);
  send({ kind: 'console-input', vm: 1, bytes: Uint8Array.of(66) });
  send({ kind: 'console-input', vm: 1, bytes: Uint8Array.of(67) });
  expect(host.snapshots).toHaveLength(1);
  host.pass(40);
  drawn();
  expect(latest()?.console.map(({ bytes }) => bytes[0])).toEqual([66, 67]);
});

test('a defect in the machine stops it with its text', () => {
  watch('machine');
  drawn();
  lab.slice = () => {
    throw new Error('the bus is on fire');
  };
  send({ kind: 'run' });
  host.pass(0);
  drawn();
  expect(latest()?.views.machine).toMatchObject({
    running: false,
    stop: { kind: 'unmodelled', text: 'the bus is on fire' },
  });
});

test('sends a region once, and again when another one is shown', () => {
  watchRegion(7, 'region');
  expect(latest()?.views.region).toMatchObject({ id: 7 });
  drawn();
  send({ kind: 'run' });
  expect(latest()?.views).not.toHaveProperty('region');
  drawn();
  watchRegion(8, 'region');
  expect(latest()?.views.region).toMatchObject({ id: 8 });
  drawn();
  watchRegion(null, 'region');
  expect(latest()?.views.region).toBeNull();
});

test('turns the second tier off, and shows that', () => {
  watch('tiers');
  expect(latest()?.views.tiers).toMatchObject({ mode: 'on' });
  drawn();
  send({ kind: 'tier2', mode: 'off' });
  expect(latest()?.views.tiers).toMatchObject({ mode: 'off' });
});

test('assembles while the machines go on', async () => {
  const answered = new Promise<ToPage>((resolve) => {
    vi.spyOn(host, 'post').mockImplementation((message) => {
      host.messages.push(message);
      if (message.type === 'done' && message.id === 2) resolve(message);
    });
  });
  send({ kind: 'run' });
  send({ kind: 'assemble', source: { name: 'a.asm', text: 'hlt', format: 'bin' } });
  send({ kind: 'pause' });
  expect(host.messages.flatMap((message) => (message.type === 'done' ? [message.id] : []))).toEqual([1, 3]);
  expect(await answered).toMatchObject({ result: { errors: [], program: { image: Uint8Array.of(0xf4) } } });
});

test('opens a machine whose time stands still until it is run', () => {
  const guest = {} as GuestDescription;
  send({ kind: 'open', guest, paused: true });
  host.pass(100);
  expect(lab.instructions).toBe(0);
  send({ kind: 'run' });
  host.pass(100);
  expect(lab.instructions).toBeGreaterThan(0);
});

test('an edit is obeyed only while the machine stands still', () => {
  const edit = { kind: 'register', on: ON, register: 'rax', value: 5n } as const;
  send({ kind: 'edit', edit });
  expect(lab.edits).toEqual([edit]);
  send({ kind: 'run' });
  send({ kind: 'edit', edit });
  expect(lab.edits).toEqual([edit]);
  expect(host.messages.at(-1)).toMatchObject({ type: 'refused', error: { what: 'The machine is running.' } });
});

test('the hash of the state is told only while the machine stands still', () => {
  send({ kind: 'state-hash', on: ON });
  expect(host.messages.at(-1)).toMatchObject({ type: 'done', result: lab.stateHash() });
  send({ kind: 'run' });
  send({ kind: 'state-hash', on: ON });
  expect(host.messages.at(-1)).toMatchObject({ type: 'refused', error: { what: 'The machine is running.' } });
});

test('bytes that changed since the last stop are marked, those never shown are not', () => {
  watch('memory');
  expect(latest()?.views.memory?.rows.map(({ changed }) => changed)).toEqual([0]);
  drawn();
  send({ kind: 'step', on: ON });
  expect(latest()?.views.memory?.rows[0]).toMatchObject({ changed: 1 });
  expect(latest()?.views.memory?.rows[0]?.bytes[0]).toBe(1);
});

test('a view that cannot be made leaves the others alone, and is told of once', () => {
  lab.registers = () => {
    throw new Error('no such lane');
  };
  watch('registers', 'machine');
  drawn();
  send({ kind: 'step', on: ON });
  drawn();
  expect(latest()?.views.machine).toMatchObject({ running: false });
  const told = host.messages.filter(({ type }) => type === 'trouble');
  expect(told).toMatchObject([{ error: { what: expect.stringContaining('no such lane') } }]);
});
