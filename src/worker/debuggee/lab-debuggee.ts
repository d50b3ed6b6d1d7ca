/**
 * A machine of the lab as gdb's debuggee: bare or virtual, its vCPUs as threads. What gdb wants becomes goals, stops
 * and edits of the lab, as the page's commands do; so the page sees all of it, and the past is the same.
 */
import type { Debuggee, Halt, Position, Watchpoint } from '../../gdb/debuggee.ts';
import { watchpointKey } from '../../gdb/debuggee.ts';
import type { RegisterName } from '../../gdb/register-names.ts';
import type { WalkReport } from '../../hypervisor/walk/entry.ts';
import type { StopReason } from '../../protocol/machine-view.ts';
import type { StopSettings, StopTrigger } from '../../protocol/stops.ts';
import { sameVcpu, type VcpuRef, type VmId } from '../../protocol/target.ts';
import type { Goal, Lab } from '../lab.ts';
import type { LabMachine, VcpuAccess } from '../machines/lab-machine.ts';
import { linearReader } from '../machines/linear-memory.ts';
import { Refusal } from '../refusal.ts';
import { describeVcpu } from './describe.ts';
import { SEARCH_GIVEN_UP } from './given-up.ts';
import { haltOf, type Known } from './halts.ts';
import { linearWalk } from './linear-walk.ts';
import { editedRegister, readVcpuRegister } from './vcpu-registers.ts';

export class LabDebuggee implements Debuggee {
  readonly vm: VmId;
  readonly #lab: Lab;
  readonly #pause: () => void;
  /** vCPU that gdb was told of last. */
  #current: number;
  /** What gdb wants, until it has begun. */
  #wanted: Goal | undefined;
  /** What is under way. */
  #goal: Goal | undefined;
  #halt: Halt | undefined;
  /** What was met backwards behind its instruction: that is undone before gdb is told. */
  #undoing: Halt | undefined;
  /** Addresses that gdb wants, and the stops of the lab that stand for them. */
  #breakpoints: ReadonlySet<bigint> = new Set();
  readonly #set = new Map<bigint, number>();
  readonly #watched = new Map<string, { readonly stop: number; readonly address: bigint }>();

  /** @param pause stops time */
  constructor(lab: Lab, { vm, vcpu }: VcpuRef, pause: () => void) {
    this.#lab = lab;
    this.#pause = pause;
    this.vm = vm;
    this.#current = vcpu;
  }

  get processors(): number {
    return this.#lab.vms().find(({ id }) => id === this.vm)?.vcpus ?? 1;
  }

  get current(): number {
    return this.#current;
  }

  describe(cpu: number): string {
    const access = this.#access(cpu);
    const position = this.#machine.positions().find(({ on }) => sameVcpu(on, this.#on(cpu)));
    return describeVcpu(cpu, access, position?.ring ?? 0);
  }

  /** 0 where there is no state yet. */
  readRegister(cpu: number, name: RegisterName): bigint {
    const access = this.#access(cpu);
    return access === undefined ? 0n : readVcpuRegister(access, name);
  }

  writeRegister(cpu: number, name: RegisterName, value: bigint): string | undefined {
    const access = this.#access(cpu);
    if (access === undefined) return 'This vCPU has no state yet.';
    const edit = { kind: 'register', on: this.#on(cpu), ...editedRegister(access, name, value) } as const;
    return refusalOf(() => this.#lab.edit(edit));
  }

  readMemory(cpu: number, address: bigint, length: number): Uint8Array {
    const access = this.#access(cpu);
    if (access === undefined) return new Uint8Array();
    return linearReader(access, this.#machine.computer.ram)(address, length);
  }

  writeMemory(cpu: number, address: bigint, bytes: Uint8Array): boolean {
    const on = this.#on(cpu);
    const edit = { kind: 'memory', on, space: 'linear', address, bytes: [...bytes] } as const;
    return refusalOf(() => this.#lab.edit(edit)) === undefined;
  }

  /** gdb takes its breakpoints away at each stop: those of the lab change when it runs again. */
  setBreakpoints(addresses: ReadonlySet<bigint>): void {
    this.#breakpoints = addresses;
  }

  watch(cpu: number, watchpoint: Watchpoint): boolean {
    const { address, length } = watchpoint;
    if (this.readMemory(cpu, address, length).length < length) return false;
    this.unwatch(watchpoint);
    const trigger = { kind: 'write', space: 'linear', address, length } as const;
    return (
      refusalOf(() => {
        const stop = this.#lab.addStop(this.#stopFor(trigger));
        this.#watched.set(watchpointKey(watchpoint), { stop, address });
      }) === undefined
    );
  }

  unwatch(watchpoint: Watchpoint): void {
    const key = watchpointKey(watchpoint);
    const known = this.#watched.get(key);
    this.#watched.delete(key);
    if (known !== undefined) this.#removeStop(known.stop);
  }

  step(cpu: number, alone: boolean): void {
    // A single vCPU that is stepped meets none; the page goes on showing them.
    if (this.processors > 1) this.#setStops(alone ? new Set() : this.#breakpoints);
    this.#want({ kind: 'step', on: this.#on(cpu) });
  }

  run(): void {
    this.#setStops(this.#breakpoints);
    this.#want({ kind: 'free' });
  }

  stepBack(cpu: number): void {
    this.#want({ kind: 'step-back', on: this.#on(cpu) });
  }

  runBack(): void {
    this.#setStops(this.#breakpoints);
    this.#want({ kind: 'run-back', on: this.#on(this.#current), to: 'breakpoint', orNow: true });
  }

  /** What has stopped time; the lab itself runs elsewhere. */
  slice(): Halt | undefined {
    const halt = this.#halt;
    this.#halt = undefined;
    if (halt !== undefined) this.#current = halt.cpu;
    return halt;
  }

  interrupt(): readonly string[] {
    const searching = this.#goal?.kind === 'run-back';
    this.#goal = undefined;
    this.#wanted = undefined;
    this.#undoing = undefined;
    this.#pause();
    return searching ? [SEARCH_GIVEN_UP] : [];
  }

  position(): Position {
    const { computer } = this.#machine;
    return { cycle: computer.now, instructions: computer.instructions };
  }

  walk(cpu: number, address: bigint): WalkReport | undefined {
    const access = this.#access(cpu);
    return access && linearWalk(access, this.#machine.computer.ram, address);
  }

  type(bytes: Uint8Array): void {
    this.#lab.consoleInput(this.vm, bytes);
  }

  /** What is to begin now, once. */
  takeGoal(): Goal | undefined {
    const goal = this.#wanted;
    this.#wanted = undefined;
    this.#goal = goal;
    return goal;
  }

  /** gdb waits for the end of a run. */
  get isUnderWay(): boolean {
    return this.#goal !== undefined;
  }

  /** The machine cannot run any more. */
  get hasEnded(): boolean {
    const state = this.#lab.vms().find(({ id }) => id === this.vm)?.state;
    return state === 'ended' || state === 'crashed';
  }

  /** Time stands still. @returns what is to be done before gdb is told */
  stopped(reason: StopReason): Goal | undefined {
    const before = this.#goal;
    const undone = this.#undoing;
    this.#goal = undefined;
    this.#undoing = undefined;
    this.#halt = undone ?? haltOf(reason, this.#known());
    // A stop that is told of behind its instruction would be met at once by the next run back.
    if (before?.kind !== 'run-back' || reason.kind !== 'stop') return undefined;
    this.#undoing = this.#halt;
    this.#goal = { kind: 'step-back', on: reason.on };
    return this.#goal;
  }

  /** gdb has left: none of its stops stay. */
  forget(): void {
    this.#setStops(new Set());
    for (const { stop } of this.#watched.values()) this.#removeStop(stop);
    this.#watched.clear();
  }

  #want(goal: Goal): void {
    this.#halt = undefined;
    this.#wanted = goal;
  }

  #known(): Known {
    return {
      vm: this.#lab.vms().find(({ id }) => id === this.vm),
      current: this.#current,
      hasBreakpoint: (address) => this.#breakpoints.has(address),
      watchedBy: (stop) => [...this.#watched.values()].find((one) => one.stop === stop)?.address,
    };
  }

  get #machine(): LabMachine {
    return this.#lab.machineOf(this.vm);
  }

  #on(vcpu: number): VcpuRef {
    return { vm: this.vm, vcpu };
  }

  #access(cpu: number): VcpuAccess | undefined {
    return this.#machine.access(this.#on(cpu));
  }

  /** Those that the user has removed meanwhile come again. */
  #setStops(addresses: ReadonlySet<bigint>): void {
    const present = new Set(this.#lab.stops().map(({ id }) => id));
    for (const [address, stop] of this.#set) {
      if (addresses.has(address) && present.has(stop)) continue;
      this.#set.delete(address);
      this.#removeStop(stop);
    }
    for (const address of addresses) {
      if (this.#set.has(address)) continue;
      const settings = this.#stopFor({ kind: 'address', address });
      // What the lab refuses is no address of its processors: nothing ever executes there.
      refusalOf(() => this.#set.set(address, this.#lab.addStop(settings)));
    }
  }

  #stopFor(trigger: StopTrigger): StopSettings {
    return { trigger, enabled: true, vm: this.vm, level: 'any', condition: '', fromHit: 1 };
  }

  /** The user may have removed it. */
  #removeStop(stop: number): void {
    refusalOf(() => this.#lab.removeStop(stop));
  }
}

/** Why the lab does not do it; undefined when it has been done. */
function refusalOf(act: () => void): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    if (error instanceof Refusal) return error.what;
    throw error;
  }
}
