import { NOTHING_COMPILED } from '../contracts/tiers.ts';
import type { BridgeKey } from '../protocol/bridge.ts';
import type { MachineEdit } from '../protocol/edits.ts';
import type { StepProgress } from '../protocol/machine-view.ts';
import type { MemoryRequest } from '../protocol/memory-view.ts';
import type { Snapshot, ToPage } from '../protocol/messages.ts';
import type { RegistersView } from '../protocol/processor-view.ts';
import type { VcpuRef } from '../protocol/target.ts';
import type { RegionView, Tier2Mode } from '../protocol/tiers-view.ts';
import type { BridgeLine, BridgeListener, OpenBridge } from './debuggee/bridge-line.ts';
import type { Budget, Goal, Lab, SliceOutcome } from './lab.ts';
import { inOwnThread, ProgramQueue } from './program-queue.ts';
import { Refusal } from './refusal.ts';
import type { Host } from './session.ts';
import { memoryView } from './views/memory.ts';
import { registersView } from './views/registers.ts';
import { longModeState } from './views/testing.ts';
import { tiersView } from './views/tiers.ts';

const HZ = 1_000_000;

/** For tests of the session: a machine whose only register, RAX, counts its instructions. */
export class CountingLab implements Lab {
  instructions = 0;
  goal: Goal = { kind: 'free' };
  /** What the next slices answer with instead of running. */
  script: SliceOutcome[] = [];
  output: { vm: number; bytes: Uint8Array; restart: boolean }[] = [];
  computed: string[] = [];
  edits: MachineEdit[] = [];
  tier2: Tier2Mode = 'on';
  /** Several steps that are under way. */
  steps: StepProgress | null = null;
  private regionShown: RegionView | undefined;

  open(): number {
    throw new Refusal('This is no kernel.', 'note.txt', 'Choose a bzImage.');
  }
  control(): void {}
  toggleBreakpoint(): boolean {
    return true;
  }
  addStop(): number {
    return 1;
  }
  changeStop(): void {}
  removeStop(): void {}
  stops() {
    return [];
  }
  consoleInput(vm: number, bytes: Uint8Array): void {
    this.output.push({ vm, bytes, restart: false });
  }
  machineOf(): never {
    throw new Refusal('There is no computer here.');
  }
  aim(goal: Goal): void {
    this.goal = goal;
  }
  slice(budget: Budget): SliceOutcome {
    const scripted = this.script.shift();
    if (scripted !== undefined) return scripted;
    if (this.goal.kind === 'step' && this.steps === null) {
      this.instructions++;
      return { instructions: 1, idleCycles: 0, stop: { kind: 'stepped', on: this.goal.on } };
    }
    this.instructions += budget.instructions;
    return { instructions: budget.instructions, idleCycles: 0, stop: null };
  }
  now() {
    return { cycles: this.instructions, ns: this.instructions * 1000 };
  }
  takeConsoleOutput() {
    return this.output.splice(0);
  }
  machine() {
    return { instructions: this.instructions, hz: HZ, physicalCpus: 1, memory: 0, steps: this.steps };
  }
  vms() {
    const numbers = { vcpus: 1, memory: 0, resident: 0, instructions: 0, exits: 0 };
    return [
      { id: 1, name: 'one', technique: 'bare' as const, state: 'running' as const, reason: null, ...numbers },
    ];
  }
  registers(): RegistersView {
    this.computed.push('registers');
    const general = [BigInt(this.instructions)];
    return registersView({ vm: 1, vcpu: 0 }, longModeState({ general }));
  }
  code() {
    return null;
  }
  walk() {
    return null;
  }
  micro() {
    return null;
  }
  /** Its first byte counts instructions too. */
  memory(of: VcpuRef, request: MemoryRequest) {
    const read = () => new Uint8Array(16).fill(this.instructions, 0, 1);
    return memoryView({ of, state: longModeState(), request, read });
  }
  descriptors() {
    return null;
  }
  devices() {
    return null;
  }
  instruction() {
    return null;
  }
  stack() {
    return null;
  }
  system() {
    return null;
  }
  vectors() {
    return null;
  }
  edit(edit: MachineEdit): void {
    this.edits.push(edit);
  }
  rings() {
    return { positions: [], recent: [], counts: [] };
  }
  scheduler() {
    return { policy: '', physicalCpus: 1, from: 0, to: 0, segments: [], vcpus: [] };
  }
  exits() {
    return { vms: [] };
  }
  setTier2(mode: Tier2Mode): void {
    this.tier2 = mode;
  }
  tiers() {
    const statistics = { ...NOTHING_COMPILED, mode: this.tier2 };
    return tiersView({ bare: null, instructions: this.instructions, statistics, regions: [] });
  }
  region(_on: unknown, id: number): RegionView {
    this.computed.push('region');
    if (this.regionShown?.id !== id) this.regionShown = { id, code: [], wasm: [], wasmLeftOut: 0 };
    return this.regionShown;
  }
  seek(): void {}
  stateHash(): string {
    return '0123456789abcdef';
  }
  takeBranch(): void {}
  dropBranch(): void {}
  setHistoryBudget(): void {}
  timeline() {
    const range = { from: 0, position: this.instructions, to: this.instructions };
    return {
      bare: null,
      ...range,
      entered: 0,
      perSecond: HZ,
      snapshots: [0],
      bytes: 0,
      budget: 0,
      branches: [],
    };
  }
  frames() {
    return { frameSize: 4096, frames: 0, owners: [], runs: new Uint32Array() };
  }
}

/** A line whose other end is the test. */
export class ManualLine implements BridgeLine {
  readonly key: BridgeKey;
  readonly listener: BridgeListener;
  sent: number[] = [];
  hungUp = 0;
  closed = false;

  constructor(key: BridgeKey, listener: BridgeListener) {
    this.key = key;
    this.listener = listener;
  }
  send(bytes: Uint8Array): void {
    this.sent.push(...bytes);
  }
  hangUp(): void {
    this.hungUp++;
  }
  close(): void {
    this.closed = true;
  }
}

/** A page and a clock in the test's hands. */
export class ManualHost implements Host {
  time = 0;
  readonly programs = new ProgramQueue(inOwnThread);
  readonly messages: ToPage[] = [];
  tasks: { at: number; task: () => void }[] = [];
  /** The lines to bridges that were opened. */
  readonly lines: ManualLine[] = [];

  post(message: ToPage): void {
    this.messages.push(message);
  }
  now(): number {
    return this.time;
  }
  readonly bridge: OpenBridge = (key, listener) => {
    const line = new ManualLine(key, listener);
    this.lines.push(line);
    return line;
  };
  after(ms: number, task: () => void): () => void {
    const entry = { at: this.time + ms, task };
    this.tasks.push(entry);
    return () => {
      this.tasks = this.tasks.filter((other) => other !== entry);
    };
  }
  /** Lets `ms` pass and runs what was due before them, once. */
  pass(ms: number): void {
    this.time += ms;
    const due = this.tasks.filter(({ at }) => at <= this.time);
    this.tasks = this.tasks.filter(({ at }) => at > this.time);
    for (const { task } of due) task();
  }
  get snapshots(): Snapshot[] {
    return this.messages.flatMap((message) => (message.type === 'snapshot' ? [message.snapshot] : []));
  }
}
