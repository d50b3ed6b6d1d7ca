import type { RingCrossing } from '../../../cpu/crossings.ts';
import type { Processor } from '../../../cpu/processor.ts';
import type { StopReason } from '../../../protocol/machine-view.ts';
import { triggerText } from '../../../protocol/stop-texts.ts';
import { hasLevel, type StopKind, type StopLevel, type StopTrigger } from '../../../protocol/stops.ts';
import { sameVcpu, type VcpuRef, type VmId } from '../../../protocol/target.ts';
import { unsigned64 } from '../../views/numbers.ts';
import type { LabMachine } from '../lab-machine.ts';
import { conditionSource } from './condition-source.ts';
import { evaluate } from './evaluate.ts';
import { ExecutionStops } from './execution-stops.ts';
import { MemoryStops } from './memory-stops.ts';
import type { LiveStop } from './stop-list.ts';
import { matchCrossing, matchEvent, matchOperation, matchPort, type Occurrence } from './triggers.ts';

/** A stop whose trigger has fired in the instruction under way. */
interface Candidate {
  readonly stop: LiveStop;
  readonly on: VcpuRef;
  readonly text: string;
}

type Level = Exclude<StopLevel, 'any'>;

/**
 * The stops of one computer. What they wait for is noted in the middle of an instruction and makes the run
 * return at the next boundary; there conditions are looked at, hits counted, and the run goes on or ends.
 * The hardware has hooks only for what is set.
 */
export class MachineStops {
  readonly execution: ExecutionStops;
  readonly #machine: LabMachine;
  readonly #memory: MemoryStops;
  readonly #byKind = new Map<StopKind, LiveStop[]>();
  #candidates: Candidate[] = [];
  /** A run is under way whose events count. */
  #watching = false;
  #entryWritten = false;
  /** Who was at work when a watched entry was written last. */
  #writer: { readonly on: VcpuRef | undefined; readonly level: Level } | undefined;

  constructor(machine: LabMachine) {
    this.#machine = machine;
    this.execution = new ExecutionStops(machine);
    this.#memory = new MemoryStops(machine, {
      touched: (stop) => this.#touched(stop),
      entryWritten: () => this.#noteEntry(),
      executing: (stops) => this.execution.setPhysical(stops),
    });
  }

  /** @param stops those that are enabled and concern this computer */
  set(stops: readonly LiveStop[]): void {
    this.#byKind.clear();
    for (const stop of stops) {
      const { kind } = stop.settings.trigger;
      this.#byKind.set(kind, [...(this.#byKind.get(kind) ?? []), stop]);
    }
    this.execution.set(stops);
    this.#memory.set(stops);
    this.#connect();
  }

  /** Time has gone elsewhere, or a run begins: what was noted does not count, addresses are translated anew. */
  refresh(): void {
    this.#candidates = [];
    this.#entryWritten = false;
    this.#memory.refresh();
  }

  /** A run whose events count. Whatever ends it, `settle` has to follow. */
  watching<T>(run: () => T): T {
    this.#watching = true;
    try {
      return run();
    } finally {
      this.#watching = false;
    }
  }

  /**
   * Looks at what was noted since, at an instruction boundary.
   * @param counts hits are counted and have to be enough; else every one is
   */
  settle(counts: boolean): StopReason | null {
    if (this.#entryWritten) this.#settleEntries();
    const candidates = this.#candidates;
    this.#candidates = [];
    let first: StopReason | null = null;
    for (const { stop, on, text } of candidates) {
      if (this.#hits(stop, on, counts)) first ??= { kind: 'stop', on, stop: stop.id, text };
    }
    return first;
  }

  /** Before an instruction with a stop on it. @returns null: it is to be executed */
  atInstruction(processor: Processor, on: VcpuRef, linear: number, counts: boolean): StopReason | null {
    const level = levelOf(processor);
    let found: StopReason | null = null;
    for (const stop of this.execution.at(processor, on.vm, linear)) {
      const { trigger } = stop.settings;
      if (!isOfLevel(stop, level) || !this.#hits(stop, on, counts)) continue;
      if (trigger.kind === 'address') found = { kind: 'breakpoint', on, address: unsigned64(linear) };
      else found ??= { kind: 'stop', on, stop: stop.id, text: triggerText(trigger) };
    }
    return found;
  }

  /** No stop is set. */
  get isEmpty(): boolean {
    return this.#byKind.size === 0;
  }

  /** Told of every crossing. */
  crossed(processor: Processor, on: VcpuRef, crossing: RingCrossing): void {
    if (!this.#watching || this.#byKind.size === 0) return;
    // A machine that is entered has a state, perhaps for the first time.
    if (this.#memory.isIncomplete) this.#noteEntry();
    for (const occurrence of matchCrossing(processor, crossing)) this.#happened(occurrence, on, 'guest');
  }

  #connect(): void {
    const { computer } = this.#machine;
    const has = (...kinds: StopKind[]) => kinds.some((kind) => this.#byKind.has(kind));
    for (const processor of computer.processors) {
      processor.observer = has('event', 'cr3', 'msr')
        ? {
            delivering: ({ type, vector }) => this.#observed(processor, matchEvent(type, vector)),
            executed: (name) => this.#observed(processor, matchOperation(processor, name)),
          }
        : undefined;
    }
    computer.portObserver = has('port')
      ? (processor, port, access) => this.#observed(processor, matchPort(port, access))
      : undefined;
    this.#machine.onOutput = has('console') ? (vm) => this.#output(vm) : undefined;
  }

  #observed(processor: Processor, occurrence: Occurrence | undefined): void {
    if (occurrence !== undefined && this.#watching) {
      this.#happened(occurrence, this.#who(processor), levelOf(processor));
    }
  }

  #happened({ kind, matches, text }: Occurrence, on: VcpuRef | undefined, level: Level): void {
    for (const stop of this.#byKind.get(kind) ?? []) {
      const { trigger, vm } = stop.settings;
      if ((vm !== null && vm !== on?.vm) || !isOfLevel(stop, level) || !matches(trigger)) continue;
      this.#note(stop, on, text);
    }
  }

  #touched(stop: LiveStop): void {
    if (!this.#watching) return;
    const { processor } = this.#machine.computer;
    const { trigger, vm } = stop.settings;
    const on = this.#who(processor);
    // Other addresses are of the machine, whoever writes to them.
    const foreign = isHostPhysical(trigger) && vm !== null && vm !== on?.vm;
    if (!foreign && isOfLevel(stop, levelOf(processor))) this.#note(stop, on, triggerText(trigger));
  }

  #noteEntry(): void {
    if (!this.#watching) return;
    const { computer } = this.#machine;
    this.#entryWritten = true;
    this.#writer = { on: this.#who(computer.processor), level: levelOf(computer.processor) };
    computer.pause();
  }

  #settleEntries(): void {
    this.#entryWritten = false;
    const { on, level } = this.#writer ?? { on: undefined, level: 'host' };
    for (const stop of this.#memory.settle()) {
      if (isOfLevel(stop, level)) this.#note(stop, on, triggerText(stop.settings.trigger), false);
    }
  }

  #output(vm: VmId): void {
    if (!this.#watching) return;
    const log = this.#machine.consoleLog(vm);
    const writer = this.#who(this.#machine.computer.processor);
    const on = writer?.vm === vm ? writer : { vm, vcpu: 0 };
    const matches = (trigger: StopTrigger): boolean => {
      if (trigger.kind !== 'console' || log === undefined) return false;
      const wanted = new TextEncoder().encode(trigger.text);
      const tail = log.tail(wanted.length);
      return tail.length === wanted.length && tail.every((byte, i) => byte === wanted[i]);
    };
    this.#happened({ kind: 'console', matches, text: triggerText }, on, 'guest');
  }

  #note(
    stop: LiveStop,
    on: VcpuRef | undefined,
    text: string | ((trigger: StopTrigger) => string),
    pause = true,
  ): void {
    // Once an instant, however often it happens in one instruction.
    if (this.#candidates.some((one) => one.stop === stop && sameVcpu(one.on, on))) return;
    const { trigger, vm } = stop.settings;
    this.#candidates.push({
      stop,
      on: on ?? { vm: vm ?? this.#machine.vms()[0]?.id ?? 0, vcpu: 0 },
      text: typeof text === 'string' ? text : text(trigger),
    });
    if (pause) this.#machine.computer.pause();
  }

  /** The condition is true, and that often enough. */
  #hits(stop: LiveStop, on: VcpuRef, counts: boolean): boolean {
    if (!this.#isTrue(stop, on)) return false;
    if (!counts) return true;
    stop.hits++;
    return stop.hits >= stop.settings.fromHit;
  }

  #isTrue({ condition }: LiveStop, on: VcpuRef): boolean {
    if (condition === undefined) return true;
    const access = this.#machine.access(on);
    if (access === undefined) return false;
    const value = evaluate(condition, conditionSource(access, this.#machine.computer.ram));
    return value !== undefined && value !== 0n;
  }

  /** The virtual CPU that a processor executes, or whose VM exit it works on. */
  #who(processor: Processor): VcpuRef | undefined {
    const { current } = processor.virtualization;
    return this.#machine.running(processor) ?? this.#machine.vcpuOf(processor, current);
  }
}

const levelOf = ({ virtualization }: Processor): Level => (virtualization.inGuest ? 'guest' : 'host');

function isOfLevel({ settings: { trigger, level } }: LiveStop, actual: Level): boolean {
  return !hasLevel(trigger.kind) || level === 'any' || level === actual;
}

const isHostPhysical = (trigger: StopTrigger): boolean =>
  'space' in trigger && trigger.space === 'host-physical';
