/** The bare computer as gdb's debuggee. What gdb changes enters the journal, so that going back undoes it. */

import type { Processor } from '../../cpu/processor.ts';
import type { Debuggee, Halt, Position, Watchpoint } from '../../gdb/debuggee.ts';
import type { RegisterName } from '../../gdb/register-names.ts';
import type { WalkReport } from '../../hypervisor/walk/entry.ts';
import { type Computer, type ComputerStop, JournalError } from '../../machine/computer.ts';
import type { JournalInput } from '../../machine/journal.ts';
import type { History, Instant } from '../../machine/time/history.ts';
import type { MachineEdit } from '../../protocol/edits.ts';
import { linearReader } from '../machines/linear-memory.ts';
import { accessOfProcessor, editProcessor } from '../machines/processor-access.ts';
import { Refusal } from '../refusal.ts';
import { describeVcpu } from './describe.ts';
import { SEARCH_GIVEN_UP } from './given-up.ts';
import { linearWalk } from './linear-walk.ts';
import { editedRegister, readVcpuRegister } from './vcpu-registers.ts';
import { Watchpoints } from './watchpoints.ts';

/** Cycles of a slice: some hundredths of a second of real time. */
const SLICE = 4_000_000;
/** Turns of processors in a slice in which the stepped one had nothing to do. */
const TURNS = 1000;

/** A stop that ends the guest, or leaves it where it cannot go on. */
export type FinalStop = Exclude<ComputerStop, { kind: 'time' | 'paused' | 'breakpoint' }>;

/** What people are told of it, and what a process would end with. */
export interface Obituary {
  readonly lines: readonly string[];
  readonly status: number;
}

type Backwards =
  | { readonly cpu: number }
  /** `from`: where it began. */
  | { readonly search: Generator<void, boolean>; readonly from: Instant };

/** Halts that a search remembers: a few may be after the one that it ends at. */
const MET = 8;

/** `target` of what gdb changes. */
const GDB = 'gdb';

export class ComputerDebuggee implements Debuggee {
  readonly #computer: Computer;
  readonly #history: History;
  readonly #watchpoints: Watchpoints;
  readonly #tell: (stop: FinalStop) => Obituary;
  /** Processor to step; undefined: all run. */
  #stepped: number | undefined;
  /** Processor to step back, or the search for a breakpoint in the past. */
  #back: Backwards | undefined;
  /** What a search backwards has met last. */
  readonly #met: { readonly position: number; readonly halt: Halt }[] = [];
  /** No processor stops at breakpoints. */
  #alone = false;
  /** As the processors know them; a set that was given up may be larger than the one that counts. */
  #installed: ReadonlySet<number> = new Set();
  #breakpoints: ReadonlySet<number> = new Set();
  /** Why the guest cannot go on, when the last slice found that. */
  end: FinalStop | undefined;

  constructor(computer: Computer, history: History, tell: (stop: FinalStop) => Obituary) {
    this.#computer = computer;
    this.#history = history;
    this.#watchpoints = new Watchpoints(computer);
    computer.receive = (input) => this.#receive(input);
    this.#tell = tell;
    for (const processor of computer.processors) {
      processor.breakpointFilter = (linear) => !this.#alone && this.#breakpoints.has(linear);
    }
  }

  get processors(): number {
    return this.#computer.processors.length;
  }

  get current(): number {
    return this.#computer.processor.index;
  }

  describe(cpu: number): string {
    const processor = this.#processor(cpu);
    return describeVcpu(cpu, accessOfProcessor(processor), processor.ring);
  }

  readRegister(cpu: number, name: RegisterName): bigint {
    return readVcpuRegister(accessOfProcessor(this.#processor(cpu)), name);
  }

  writeRegister(cpu: number, name: RegisterName, value: bigint): string | undefined {
    const access = accessOfProcessor(this.#processor(cpu));
    return this.#enter({ kind: 'register', on: onCpu(cpu), ...editedRegister(access, name, value) });
  }

  readMemory(cpu: number, address: bigint, length: number): Uint8Array {
    return linearReader(accessOfProcessor(this.#processor(cpu)), this.#computer.ram)(address, length);
  }

  writeMemory(cpu: number, address: bigint, bytes: Uint8Array): boolean {
    const edit = { kind: 'memory', on: onCpu(cpu), space: 'linear', address, bytes: [...bytes] } as const;
    return this.#enter(edit) === undefined;
  }

  setBreakpoints(addresses: ReadonlySet<bigint>): void {
    this.#breakpoints = new Set([...addresses].map((address) => Number(BigInt.asIntN(64, address))));
  }

  watch(cpu: number, watchpoint: Watchpoint): boolean {
    return this.#watchpoints.add(this.#processor(cpu), watchpoint);
  }

  unwatch(watchpoint: Watchpoint): void {
    this.#watchpoints.remove(watchpoint);
  }

  stepBack(cpu: number): void {
    this.end = undefined;
    this.#back = { cpu };
  }

  runBack(): void {
    this.run();
    this.#met.length = 0;
    // A change of watched memory that has just been made is the first to be undone.
    const search = this.#history.searchBack({ run: (until) => this.#meets(until), orNow: true });
    this.#back = { search, from: this.#history.now };
  }

  step(cpu: number, alone: boolean): void {
    this.end = undefined;
    this.#back = undefined;
    this.#stepped = cpu;
    this.#alone = alone;
    this.#watchpoints.begin();
    // A single processor that is stepped looks at no breakpoint; gdb takes them away for that and brings them back.
    if (this.processors > 1 && !isSubset(this.#breakpoints, this.#installed)) this.#install();
  }

  run(): void {
    this.end = undefined;
    this.#back = undefined;
    this.#stepped = undefined;
    this.#alone = false;
    this.#watchpoints.begin();
    const same = this.#breakpoints.size === this.#installed.size;
    if (!same || !isSubset(this.#breakpoints, this.#installed)) this.#install();
  }

  slice(): Halt | undefined {
    if (this.#back !== undefined) return this.#backSlice(this.#back);
    const halt = this.#forwardSlice();
    this.#history.tick();
    return halt;
  }

  interrupt(): readonly string[] {
    const back = this.#back;
    this.#back = undefined;
    if (back === undefined || !('search' in back)) return [];
    back.search.return(false);
    this.#history.seek(back.from);
    return [SEARCH_GIVEN_UP];
  }

  #backSlice(back: Backwards): Halt | undefined {
    if ('cpu' in back) {
      const { cpu } = back;
      const isNext = () => this.current === cpu && !this.#computer.processor.isIdle;
      return { kind: this.#history.stepBack(isNext) ? 'stepped' : 'beginning', cpu };
    }
    const { done, value } = back.search.next();
    if (done !== true) return undefined;
    const { position } = this.#computer;
    const met = value ? this.#met.find((one) => one.position === position) : undefined;
    if (met === undefined) return { kind: 'beginning', cpu: this.current };
    // Backwards the change is undone where it is told of.
    if (met.halt.kind === 'watchpoint') this.#history.stepBack(() => !this.#computer.processor.isIdle);
    return met.halt;
  }

  /** Runs to a position. @returns whether a breakpoint or a change of watched memory came first, which `#met` has */
  #meets(until: number): boolean {
    this.#watchpoints.begin();
    for (;;) {
      const stop = this.#computer.runTo(until, true);
      const halt = stop.kind === 'breakpoint' || stop.kind === 'paused' ? this.#halt(stop) : undefined;
      if (halt !== undefined) {
        this.#met.push({ position: this.#computer.position, halt });
        if (this.#met.length > MET) this.#met.shift();
        return true;
      }
      if (stop.kind !== 'paused') return false;
    }
  }

  /** @returns why it could not be changed; only what could is input */
  #enter(edit: MachineEdit): string | undefined {
    try {
      this.#computer.enter({ kind: 'edit', target: GDB, detail: edit });
      return undefined;
    } catch (error) {
      if (error instanceof Refusal) return error.what;
      throw error;
    }
  }

  #receive(input: JournalInput): void {
    if (input.kind !== 'edit') throw new JournalError(`input for ${input.target}, which is not there`);
    const edit = input.detail as MachineEdit;
    editProcessor(edit, this.#processor(edit.on.vcpu), this.#computer.ram);
  }

  #forwardSlice(): Halt | undefined {
    if (this.#stepped !== undefined) return this.#stepSlice(this.#stepped);
    return this.#halt(this.#computer.run(this.#computer.now + SLICE));
  }

  position(): Position {
    return { cycle: this.#computer.now, instructions: this.#computer.instructions };
  }

  walk(cpu: number, address: bigint): WalkReport {
    return linearWalk(accessOfProcessor(this.#processor(cpu)), this.#computer.ram, address);
  }

  type(bytes: Uint8Array): void {
    this.#computer.input([...bytes]);
  }

  #processor(cpu: number): Processor {
    const processor = this.#computer.processors[cpu];
    if (processor === undefined) throw new RangeError(`there is no processor ${cpu}`);
    return processor;
  }

  /** Costs all decoded code, so it is done only when it has to be. */
  #install(): void {
    this.#installed = this.#breakpoints;
    for (const processor of this.#computer.processors) processor.setBreakpoints(this.#installed);
  }

  /** Until the processor has executed an instruction or taken an event. */
  #stepSlice(cpu: number): Halt | undefined {
    const computer = this.#computer;
    const processor = this.#processor(cpu);
    for (let turn = 0; turn < TURNS; turn++) {
      const halt = this.#halt(this.#giveTurn(cpu));
      if (halt !== undefined) return halt;
      const before = busyCycles(processor);
      if (processor.isIdle) {
        const slept = this.#halt(computer.run(computer.schedule.quantumEnd));
        if (slept !== undefined) return slept;
      }
      const stop = this.#halt(computer.step());
      if (stop !== undefined) return stop;
      if (busyCycles(processor) !== before) return { kind: 'stepped', cpu };
    }
    return undefined;
  }

  /** Lets the others run until it is this processor's turn. */
  #giveTurn(cpu: number): ComputerStop {
    const computer = this.#computer;
    let stop: ComputerStop = { kind: 'time' };
    while (stop.kind === 'time' && this.current !== cpu) {
      const left = computer.schedule.quantumEnd - computer.now;
      stop = computer.runTo(computer.position + Math.max(1, left));
    }
    return stop;
  }

  #halt(stop: ComputerStop): Halt | undefined {
    switch (stop.kind) {
      case 'time':
        return undefined;
      case 'paused':
        return this.#changed();
      case 'breakpoint':
        return { kind: 'breakpoint', cpu: stop.cpu };
      default:
        return this.#finalHalt(stop);
    }
  }

  #changed(): Halt | undefined {
    const address = this.#watchpoints.changed();
    return address === undefined ? undefined : { kind: 'watchpoint', cpu: this.#watchpoints.writer, address };
  }

  #finalHalt(stop: FinalStop): Halt {
    this.end = stop;
    const { lines, status } = this.#tell(stop);
    const cpu = this.#stepped ?? (stop.kind === 'crash' ? stop.cpu : this.current);
    switch (stop.kind) {
      case 'waiting':
        return { kind: 'stuck', cpu, why: lines };
      case 'crash':
        return { kind: 'crashed', cpu, why: lines };
      default:
        return { kind: 'ended', cpu, why: lines.join('\n'), status };
    }
  }
}

/** The computer is the only one. */
const onCpu = (vcpu: number) => ({ vm: 0, vcpu });

/** Cycles in which the processor did something: they grow with every instruction and every event. */
const busyCycles = (processor: Processor): number => processor.now() - processor.idleCycles;

function isSubset(part: ReadonlySet<number>, whole: ReadonlySet<number>): boolean {
  for (const element of part) if (!whole.has(element)) return false;
  return true;
}
