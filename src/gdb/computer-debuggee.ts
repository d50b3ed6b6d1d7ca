/** The bare computer as gdb's debuggee. What gdb changes enters the journal, so that going back undoes it. */

import { CR0, FLAG, SEG } from '../arch/registers.ts';
import { ATTRIBUTE } from '../arch/segments.ts';
import type { Processor } from '../cpu/processor.ts';
import { ACTIVITY } from '../cpu/state.ts';
import { is64Bit, isLongMode } from '../cpu/system/mode.ts';
import type { WalkReport } from '../hypervisor/walk/entry.ts';
import { type Computer, type ComputerStop, JournalError } from '../machine/computer.ts';
import type { JournalInput } from '../machine/journal.ts';
import type { History } from '../machine/time/history.ts';
import type { Debuggee, Halt, Position, Watchpoint } from './debuggee.ts';
import { readLinear, walkOf, writeLinear } from './linear-memory.ts';
import { readProcessorRegister, writeProcessorRegister } from './processor-registers.ts';
import type { RegisterName } from './register-names.ts';
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

type Backwards = { readonly cpu: number } | { readonly search: Generator<void, boolean> };

/** Halts that a search remembers: a few may be after the one that it ends at. */
const MET = 8;

/** `target` of what gdb changes. */
const GDB = 'gdb';

/** A change by gdb: an input. */
type Change =
  | { readonly cpu: number; readonly register: RegisterName; readonly value: bigint }
  | { readonly cpu: number; readonly address: bigint; readonly bytes: Uint8Array };

/** The register or memory cannot be changed, or not now. */
class Unchangeable extends Error {}

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
    const ring = processor.ring === -1 ? 'VMX root' : `ring ${processor.ring}`;
    const activity = processor.regs.activity === ACTIVITY.ACTIVE ? '' : ', halted';
    return `CPU ${cpu}: ${modeOf(processor)}, ${ring}${activity}`;
  }

  readRegister(cpu: number, name: RegisterName): bigint {
    return readProcessorRegister(this.#processor(cpu), name);
  }

  writeRegister(cpu: number, name: RegisterName, value: bigint): boolean {
    return this.#enter({ cpu, register: name, value });
  }

  readMemory(cpu: number, address: bigint, length: number): Uint8Array {
    return readLinear(this.#processor(cpu), this.#computer.ram, address, length);
  }

  writeMemory(cpu: number, address: bigint, bytes: Uint8Array): boolean {
    return this.#enter({ cpu, address, bytes: bytes.slice() });
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
    this.#back = { search: this.#history.searchBack({ run: (until) => this.#meets(until), orNow: true }) };
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

  /** @returns whether it could be changed; only then it is input */
  #enter(change: Change): boolean {
    try {
      this.#computer.enter({ kind: 'edit', target: GDB, detail: change });
      return true;
    } catch (error) {
      if (error instanceof Unchangeable) return false;
      throw error;
    }
  }

  #receive(input: JournalInput): void {
    if (input.kind !== 'edit') throw new JournalError(`input for ${input.target}, which is not there`);
    const change = input.detail as Change;
    const processor = this.#processor(change.cpu);
    const done =
      'register' in change
        ? writeProcessorRegister(processor, change.register, change.value)
        : writeLinear(processor, this.#computer.ram, change.address, change.bytes);
    if (!done) throw new Unchangeable();
  }

  #forwardSlice(): Halt | undefined {
    if (this.#stepped !== undefined) return this.#stepSlice(this.#stepped);
    return this.#halt(this.#computer.run(this.#computer.now + SLICE));
  }

  position(): Position {
    return { cycle: this.#computer.now, instructions: this.#computer.instructions };
  }

  walk(cpu: number, address: bigint): WalkReport {
    return walkOf(this.#processor(cpu), this.#computer.ram, address);
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

/** Cycles in which the processor did something: they grow with every instruction and every event. */
const busyCycles = (processor: Processor): number => processor.now() - processor.idleCycles;

function isSubset(part: ReadonlySet<number>, whole: ReadonlySet<number>): boolean {
  for (const element of part) if (!whole.has(element)) return false;
  return true;
}

/** SDM volume 3A, "Modes of Operation". */
function modeOf({ regs }: Processor): string {
  if ((regs.cr0 & CR0.PE) === 0) return 'real mode';
  if ((regs.systemFlags & FLAG.VM) !== 0) return 'virtual-8086 mode';
  if (is64Bit(regs)) return '64-bit mode';
  if (isLongMode(regs)) return 'compatibility mode';
  const wide = (regs.attributes(SEG.CS) & ATTRIBUTE.DB) !== 0;
  return `protected mode, ${wide ? 32 : 16}-bit`;
}
