/**
 * The simulated computer: processors, RAM and board in one linear memory, run against one clock.
 *
 * Several processors are interleaved in fixed quanta: each runs from the quantum's start to its end,
 * one after the other. A quantum ends at the next timer at the latest. So a run is the same however
 * it is cut into slices.
 */
import type { CpuidConfig } from '../arch/cpuid.ts';
import { MEMORY_MAP } from '../arch/pc.ts';
import type { InterruptTarget } from '../contracts/interrupts.ts';
import type { Stateful } from '../contracts/state.ts';
import type { RegionInfo, Tier2Mode, Tier2Statistics } from '../contracts/tiers.ts';
import type { CodeCache, WriteWatch } from '../cpu/code-cache.ts';
import { PHYSICAL_BITS } from '../cpu/paging.ts';
import { Processor, type SavedProcessor } from '../cpu/processor.ts';
import type { ReadWatch } from '../cpu/read-watches.ts';
import { Runtime } from '../cpu/runtime.ts';
import { LAYOUT } from '../cpu/state.ts';
import type { StopReason } from '../cpu/system/context.ts';
import { clearWriters } from '../cpu/tlb.ts';
import { Board } from '../devices/board.ts';
import { type BootImage, loadImage } from './boot/load.ts';
import { applyBootState } from './boot-state.ts';
import { MachineClock } from './clock.ts';
import { COMPUTER_CONSOLE, Journal, type JournalInput } from './journal.ts';
import { Ram } from './physical-memory.ts';

/** Intel's, or AMD's. */
export type VirtualizationTechnique = 'vt-x' | 'amd-v';

export interface ComputerOptions {
  /** Bytes of RAM, a multiple of 4 KiB, at most 2 GiB. */
  readonly ramBytes: number;
  /** 1 to 8. */
  readonly cpus?: number;
  /** Cycles of a simulated second. */
  readonly hz?: number;
  /** Seconds since 1970-01-01 UTC at power-on. */
  readonly startTime?: number;
  /** What the first serial port sends, byte by byte. */
  readonly serialOutput?: (byte: number) => void;
  /** Which virtualization extension the processors have, and so whose they are; VT-x when absent. */
  readonly virtualization?: VirtualizationTechnique;
  /** CPUID features that are not to be shown. */
  readonly withhold?: readonly string[];
  /** Whether code that runs often is compiled. */
  readonly tier2?: Tier2Mode;
}

/** A computer between two instructions, without its RAM. */
export interface SavedComputer {
  readonly processors: readonly SavedProcessor[];
  readonly board: Record<string, unknown>;
  /** What was attached, by name. */
  readonly parts: ReadonlyMap<string, unknown>;
  readonly earliestTimer: number;
  readonly schedule: {
    readonly current: number;
    readonly quantumEnd: number;
    readonly stop: ComputerStop | undefined;
    readonly tscSeen: number;
  };
}

/** Why `run` came back. */
export type ComputerStop =
  /** The instant asked for is reached. */
  | { readonly kind: 'time' }
  /** Every processor waits and no timer is armed: only input can make it go on. */
  | { readonly kind: 'waiting' }
  /** `pause` was called. */
  | { readonly kind: 'paused' }
  | { readonly kind: 'breakpoint'; readonly cpu: number; readonly linear: number }
  | { readonly kind: 'power-off' }
  /** The guest asked for a reset (keyboard controller, port CF9h, port 92h). */
  | { readonly kind: 'reset' }
  /** The debug exit port: (value << 1) | 1. */
  | { readonly kind: 'exit'; readonly status: number }
  | { readonly kind: 'crash'; readonly cpu: number; readonly reason: StopReason };

/**
 * Cycles of a simulated second. A guest instruction is a cycle, so this is a 250 MHz computer: fast
 * enough for every guest's timeouts, slow enough that delay loops cost few instructions.
 */
export const DEFAULT_HZ = 250_000_000;
/** 2026-01-01T00:00:00Z. */
export const DEFAULT_START = 1_767_225_600;
/** Cycles that one of several processors runs at a time. */
const QUANTUM = 20_000;
/** Cycles of a port access: about a microsecond, as on an ISA bus. */
const PORT_CYCLES = 200;

/** A journal does not belong to the computer that is to take input from it. */
export class JournalError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'JournalError';
  }
}

export class Computer {
  readonly options: ComputerOptions;
  readonly processors: readonly Processor[];
  readonly board: Board;
  readonly clock: MachineClock;
  readonly ram: Ram;
  readonly code: CodeCache;
  private readonly runtime: Runtime;
  private readonly parts = new Map<string, Stateful<unknown>>();
  readonly memory: WebAssembly.Memory;
  readonly journal = new Journal();
  /** Takes input that is not for the computer itself. */
  receive: (input: JournalInput) => void = (input) => {
    throw new JournalError(
      `input for ${input.target}: this computer takes only what is typed on ${COMPUTER_CONSOLE}`,
    );
  };
  /** Hears of each port access of an instruction, before it is made. */
  portObserver: ((processor: Processor, port: number, access: 'in' | 'out') => void) | undefined;
  private current = 0;
  private quantumEnd = 0;
  private stop: ComputerStop | undefined;
  private pauseRequested = false;
  private tscSeen = 0;

  constructor(options: ComputerOptions) {
    this.options = options;
    const { ramBytes, cpus = 1, hz = DEFAULT_HZ } = options;
    checkOptions(ramBytes, cpus);
    this.memory = new WebAssembly.Memory({
      initial: Math.ceil((LAYOUT.RAM + ramBytes) / 0x10000),
      maximum: 0x10000,
    });
    this.runtime = new Runtime(this.memory, ramBytes);
    this.runtime.regions.setMode(options.tier2 ?? 'on');
    this.code = this.runtime.code;
    this.ram = new Ram(this.memory, ramBytes, this.code);
    this.clock = new MachineClock(
      hz,
      () => this.processor.now(),
      (when) => this.shorten(when),
    );
    const targets: InterruptTarget[] = Array.from({ length: cpus }, (_, i) => ({
      interruptRequested: () => this.signalled(i).interruptRequested(),
      nmi: () => this.signalled(i).nmi(),
      init: () => this.signalled(i).init(),
      startup: (vector) => this.signalled(i).startup(vector),
    }));
    const processors: Processor[] = [];
    this.processors = processors;
    this.board = new Board({
      clock: this.clock,
      processors: targets,
      ramBytes,
      startTime: options.startTime ?? DEFAULT_START,
      serialOutput: { write: (byte) => options.serialOutput?.(byte) },
      physicalAddressBits: PHYSICAL_BITS,
      events: {
        reset: () => this.finish({ kind: 'reset' }),
        init: () => this.finish({ kind: 'reset' }),
        powerOff: () => this.finish({ kind: 'power-off' }),
        exit: (status) => this.finish({ kind: 'exit', status }),
      },
    });
    const { ports } = this.board;
    for (let index = 0; index < cpus; index++) {
      const processor: Processor = new Processor({
        memory: this.memory,
        ramBytes,
        index,
        runtime: this.runtime,
        bus: this.board.memoryOf(index),
        ports: {
          in: (port, size) => {
            processor.charge(PORT_CYCLES);
            this.portObserver?.(processor, port, 'in');
            const value = ports.read(port, size);
            processor.recorder?.({ kind: 'port', access: 'in', port, bytes: size, value });
            return value;
          },
          out: (port, size, value) => {
            processor.charge(PORT_CYCLES);
            this.portObserver?.(processor, port, 'out');
            processor.recorder?.({ kind: 'port', access: 'out', port, bytes: size, value });
            ports.write(port, size, value);
          },
        },
        ...(cpus > 1 ? { tsc: (now: number) => this.synchronizedTsc(now) } : {}),
        cpuid: cpuidConfig(options, cpus, index, hz),
      });
      processor.connect(this.board.localApics[index]);
      processors.push(processor);
    }
    this.board.reset();
  }

  /** The processor whose turn it is. */
  get processor(): Processor {
    return this.processors[this.current];
  }

  /** Cycle of the processor whose turn it is. */
  get now(): number {
    return this.processor.now();
  }

  /** Instructions executed by all processors. */
  get instructions(): number {
    return this.processors.reduce((sum, p) => sum + p.instructions, 0);
  }

  /** Cycles of all processors together: it grows with whatever happens, and names an instant of the run. */
  get position(): number {
    return this.processors.reduce((sum, p) => sum + p.now(), 0);
  }

  /** What decides, beside the processors' own clocks, when each of them runs. */
  get schedule(): { readonly turn: number; readonly quantumEnd: number; readonly tscSeen: number } {
    return { turn: this.current, quantumEnd: this.quantumEnd, tscSeen: this.tscSeen };
  }

  /** Which tier executes an instruction is seen by neither the guest nor time: this is in no journal. */
  setTier2(mode: Tier2Mode): void {
    this.runtime.regions.setMode(mode);
  }

  get tier2Statistics(): Tier2Statistics {
    return this.runtime.regions.statistics;
  }

  /** What is compiled now. */
  tier2Regions(): readonly RegionInfo[] {
    return this.runtime.regions.regions();
  }

  /** Loads a kernel and points the bootstrap processor at it. Throws `ImageError`. */
  boot(image: BootImage, acpi = true): void {
    const state = loadImage(image, this.ram, { cpus: this.processors.length, acpi });
    const [{ regs, cpuid }] = this.processors;
    applyBootState(regs, cpuid, state);
  }

  /** Bytes typed on the console, now. */
  input(bytes: readonly number[]): void {
    this.enter({ kind: 'console', target: COMPUTER_CONSOLE, bytes });
  }

  /** Input from outside, now: it takes effect and goes into the journal, unless it is refused by an error. */
  enter(input: JournalInput): void {
    const { position } = this;
    this.take(input);
    this.journal.add({ position, input });
  }

  /** Lets input of the journal that is due at the present position take effect. @returns false: there is none */
  enterNext(): boolean {
    const { next } = this.journal;
    if (next === undefined || next.position !== this.position) return false;
    this.journal.entered++;
    this.take(next.input);
    return true;
  }

  private take(input: JournalInput): void {
    if (input.kind === 'console' && input.target === COMPUTER_CONSOLE) this.board.serial.receive(input.bytes);
    else this.receive(input);
  }

  /** Runs until the processor whose turn it is reaches the cycle `until`, or until something stops the computer. */
  run(until: number, passBreakpoint = false): ComputerStop {
    return this.go(() => until, passBreakpoint);
  }

  /** Runs until `position` is reached or passed, or until something stops the computer. */
  runTo(position: number, passBreakpoint = false): ComputerStop {
    return this.go(() => position - this.position + this.now, passBreakpoint);
  }

  /**
   * Before a run comes back, timers that are due have fired and the turn has been passed on, so that a position
   * names one state, however it was reached.
   * @param goalOf the cycle that the processor whose turn it is has to reach
   */
  private go(goalOf: () => number, passBreakpoint: boolean): ComputerStop {
    let pass = passBreakpoint;
    for (;;) {
      if (this.stop) return this.stop;
      const { processor } = this;
      if (processor.now() >= this.quantumEnd) {
        this.nextTurn();
        continue;
      }
      if (this.pauseRequested) {
        this.pauseRequested = false;
        return { kind: 'paused' };
      }
      const goal = Math.min(goalOf(), this.nextInput());
      if (processor.now() >= goal) {
        if (processor.now() >= goalOf()) return { kind: 'time' };
        this.expectNext();
        continue;
      }
      const end = processor.run(Math.min(goal, this.quantumEnd), pass);
      pass = false;
      if (end.kind === 'breakpoint') return { kind: 'breakpoint', cpu: this.current, linear: end.linear };
      if (end.kind === 'stopped') return { kind: 'crash', cpu: this.current, reason: end.reason };
      if (end.kind === 'idle') {
        const target = this.idleUntil(goal);
        if (target === undefined) return { kind: 'waiting' };
        processor.skipTo(target);
      }
    }
  }

  /** Cycle of the processor whose turn it is at which input of the journal is due. */
  private nextInput(): number {
    return this.journal.nextPosition - this.position + this.now;
  }

  private expectNext(): void {
    const { next } = this.journal;
    if (this.enterNext() || next === undefined) return;
    throw new JournalError(
      `journal entry ${this.journal.entered} entered at position ${next.position}, ` +
        `but this run has no such instant: it is at ${this.position}`,
    );
  }

  /** One instruction or one event of the processor whose turn it is. */
  step(): ComputerStop {
    return this.runTo(this.position + 1, true);
  }

  /** Makes the run under way return at the next instruction boundary; the next `run` goes on. */
  pause(): void {
    this.pauseRequested = true;
    this.processor.shorten(this.now);
  }

  /** Ends the run for a reason of the guest's. */
  finish(stop: ComputerStop): void {
    this.stop = stop;
    this.processor.shorten(this.now);
  }

  /**
   * Tells of every write to a range of RAM from now on, whoever writes: instructions, walks and devices by way
   * of the code cache, VMX into the fields of its VMCS. @returns what ends it
   */
  watchWrites(watch: WriteWatch): () => void {
    this.code.watch(watch);
    this.followVmcsWrites();
    return () => {
      this.code.unwatch(watch);
      this.followVmcsWrites();
    };
  }

  /** Tells of every read of a range of RAM from now on; see cpu/read-watches.ts. @returns what ends it */
  watchReads(watch: ReadWatch): () => void {
    const { reads } = this.runtime;
    reads.watch(watch);
    return () => reads.unwatch(watch);
  }

  private followVmcsWrites(): void {
    const tell = (at: number, bytes: number): void => this.code.tell(at - LAYOUT.RAM, bytes);
    for (const { virtualization } of this.processors) {
      virtualization.followWrites(this.code.isWatching ? tell : undefined);
    }
  }

  /** Adds something that decides how the run goes on and is part of each saved state: the hypervisor. */
  attach(name: string, part: Stateful<unknown>): void {
    this.parts.set(name, part);
  }

  // --- snapshots; RAM and decoded code are the caller's (snapshots.ts) ------------------------------

  save(): SavedComputer {
    const { current, quantumEnd, stop, tscSeen } = this;
    return {
      processors: this.processors.map((processor) => processor.save()),
      board: this.board.save(),
      parts: this.saveParts(),
      earliestTimer: this.clock.next,
      schedule: { current, quantumEnd, stop, tscSeen },
    };
  }

  /** States of what was attached, by name. */
  saveParts(): ReadonlyMap<string, unknown> {
    return new Map([...this.parts].map(([name, part]) => [name, part.save()]));
  }

  restore(saved: SavedComputer): void {
    const restoreProcessors = (): void =>
      this.processors.forEach((processor, i) => {
        processor.restore(saved.processors[i]);
      });
    clearWriters(this.memory, this.options.ramBytes);
    // Devices and the hypervisor find the present as it is to be; what their lines tell the processors
    // while they are put back is overwritten afterwards.
    restoreProcessors();
    for (const [name, part] of this.parts) part.restore(saved.parts.get(name));
    this.board.restore(saved.board);
    restoreProcessors();
    this.clock.restore(saved.earliestTimer);
    const { schedule } = saved;
    this.current = schedule.current;
    this.quantumEnd = schedule.quantumEnd;
    this.stop = schedule.stop;
    this.tscSeen = schedule.tscSeen;
    this.pauseRequested = false;
  }

  /**
   * Processors take turns, so one may be behind what another has read already. Their time-stamp
   * counters are one counter: it never seems to run backwards between them.
   */
  private synchronizedTsc(now: number): number {
    this.tscSeen = Math.max(this.tscSeen, now);
    return this.tscSeen;
  }

  /** How far an idle processor can skip; undefined when nothing is ever going to happen. */
  private idleUntil(until: number): number | undefined {
    const others = this.processors.some((p, i) => i !== this.current && !p.isIdle);
    const next = Math.min(this.clock.next, this.quantumEnd, this.processor.deadline);
    if (!others && next === Number.POSITIVE_INFINITY) return undefined;
    return Math.min(this.quantumEnd, this.processor.deadline, until);
  }

  /** Passes the turn on; after the last processor time has reached the quantum's end, and timers fire. */
  private nextTurn(): void {
    this.current = (this.current + 1) % this.processors.length;
    if (this.current !== 0) return;
    const now = this.processor.now();
    this.clock.fireDue(now);
    const quantum =
      this.processors.length === 1
        ? Number.POSITIVE_INFINITY
        : this.allIdle()
          ? Number.POSITIVE_INFINITY
          : now + QUANTUM;
    this.quantumEnd = Math.min(quantum, this.clock.next);
  }

  /** A processor that is about to get a signal. It may end a quantum that is long because all were idle. */
  private signalled(cpu: number): Processor {
    if (this.processors.length > 1) this.shorten(this.now + QUANTUM);
    return this.processors[cpu];
  }

  private allIdle(): boolean {
    return this.processors.every((p) => p.isIdle);
  }

  /** A timer was armed for an instant within the present quantum. */
  private shorten(when: number): void {
    if (when >= this.quantumEnd) return;
    this.quantumEnd = when;
    this.processor.shorten(when);
  }
}

function checkOptions(ramBytes: number, cpus: number): void {
  const fits = ramBytes >= 0x100000 && ramBytes <= MEMORY_MAP.maxRam && ramBytes % 0x1000 === 0;
  if (!fits) throw new RangeError(`RAM of ${ramBytes} bytes: choose 1 MiB to 2 GiB in steps of 4 KiB`);
  if (!Number.isInteger(cpus) || cpus < 1 || cpus > LAYOUT.MAX_CPUS) {
    throw new RangeError(`${cpus} processors: choose 1 to ${LAYOUT.MAX_CPUS}`);
  }
}

const cpuidConfig = (options: ComputerOptions, cpus: number, apicId: number, tscHz: number): CpuidConfig => ({
  vendor: options.virtualization === 'amd-v' ? 'amd' : 'intel',
  cpus,
  apicId,
  tscHz,
  physicalBits: PHYSICAL_BITS,
  withhold: options.withhold ?? [],
});
