/** The bare computer as gdb's debuggee. */

import { CR0, FLAG, SEG } from '../arch/registers.ts';
import { ATTRIBUTE } from '../arch/segments.ts';
import type { Processor } from '../cpu/processor.ts';
import { ACTIVITY } from '../cpu/state.ts';
import { is64Bit, isLongMode } from '../cpu/system/mode.ts';
import type { WalkReport } from '../hypervisor/walk/entry.ts';
import type { Computer, ComputerStop } from '../machine/computer.ts';
import type { Debuggee, Halt, Position, Watchpoint } from './debuggee.ts';
import { readLinear, walkOf, writeLinear } from './linear-memory.ts';
import { readProcessorRegister, writeProcessorRegister } from './processor-registers.ts';
import type { RegisterName } from './register-names.ts';
import { Watchpoints } from './watchpoints.ts';

/** Cycles of a slice: some hundredths of a second of real time. */
const SLICE = 4_000_000;
/** Instructions of a slice that looks at watched memory after each. */
const WATCHED = 20_000;
/** Turns of processors in a slice in which the stepped one had nothing to do. */
const TURNS = 1000;

/** A stop that ends the guest, or leaves it where it cannot go on. */
export type FinalStop = Exclude<ComputerStop, { kind: 'time' | 'paused' | 'breakpoint' }>;

/** What people are told of it, and what a process would end with. */
export interface Obituary {
  readonly lines: readonly string[];
  readonly status: number;
}

export class ComputerDebuggee implements Debuggee {
  readonly #computer: Computer;
  readonly #tell: (stop: FinalStop) => Obituary;
  /** Processor to step; undefined: all run. */
  #stepped: number | undefined;
  /** No processor stops at breakpoints. */
  #alone = false;
  /** As the processors know them; a set that was given up may be larger than the one that counts. */
  #installed: ReadonlySet<number> = new Set();
  #breakpoints: ReadonlySet<number> = new Set();
  readonly #watchpoints: Watchpoints;
  /** Why the guest cannot go on, when the last slice found that. */
  end: FinalStop | undefined;

  constructor(computer: Computer, tell: (stop: FinalStop) => Obituary) {
    this.#computer = computer;
    this.#tell = tell;
    this.#watchpoints = new Watchpoints(computer.ram);
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
    return writeProcessorRegister(this.#processor(cpu), name, value);
  }

  readMemory(cpu: number, address: bigint, length: number): Uint8Array {
    return readLinear(this.#processor(cpu), this.#computer.ram, address, length);
  }

  writeMemory(cpu: number, address: bigint, bytes: Uint8Array): boolean {
    return writeLinear(this.#processor(cpu), this.#computer.ram, address, bytes);
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

  step(cpu: number, alone: boolean): void {
    this.end = undefined;
    this.#stepped = cpu;
    this.#alone = alone;
    this.#watchpoints.begin();
    // A single processor that is stepped looks at no breakpoint; gdb takes them away for that and brings them back.
    if (this.processors > 1 && !isSubset(this.#breakpoints, this.#installed)) this.#install();
  }

  run(): void {
    this.end = undefined;
    this.#stepped = undefined;
    this.#alone = false;
    this.#watchpoints.begin();
    const same = this.#breakpoints.size === this.#installed.size;
    if (!same || !isSubset(this.#breakpoints, this.#installed)) this.#install();
  }

  slice(): Halt | undefined {
    if (this.#stepped !== undefined) return this.#stepSlice(this.#stepped);
    if (!this.#watchpoints.none) return this.#watchSlice();
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
        if (this.processors > 1) continue;
      }
      const stop = this.#halt(computer.step());
      if (stop !== undefined) return stop;
      if (busyCycles(processor) !== before) return this.#watched(cpu) ?? { kind: 'stepped', cpu };
    }
    return undefined;
  }

  /** Instruction by instruction, of whichever processor has its turn. */
  #watchSlice(): Halt | undefined {
    const computer = this.#computer;
    for (let i = 0; i < WATCHED; i++) {
      if (this.processors > 1 && this.#isOver) {
        computer.runTo(this.#next, 0);
        continue;
      }
      const { processor } = computer;
      const sleeps = processor.isIdle && !this.#isOver;
      const until = sleeps ? computer.schedule.quantumEnd : computer.now + 1;
      const halt = this.#halt(computer.run(until)) ?? this.#watched(processor.index);
      if (halt !== undefined) return halt;
    }
    return undefined;
  }

  #watched(cpu: number): Halt | undefined {
    const address = this.#watchpoints.changed();
    return address === undefined ? undefined : { kind: 'watchpoint', cpu, address };
  }

  /** The turn under way is over; the next run passes it on. */
  get #isOver(): boolean {
    return this.#computer.now >= this.#computer.schedule.quantumEnd;
  }

  /** Processor that has the turn after this one. */
  get #next(): number {
    return (this.current + 1) % this.processors;
  }

  /** Lets the others run until it is this processor's turn. */
  #giveTurn(cpu: number): ComputerStop {
    const computer = this.#computer;
    let stop: ComputerStop = { kind: 'time' };
    while (this.processors > 1 && stop.kind === 'time' && (this.current !== cpu || this.#isOver)) {
      stop = computer.runTo(this.#isOver ? this.#next : cpu, 0);
    }
    return stop;
  }

  #halt(stop: ComputerStop): Halt | undefined {
    switch (stop.kind) {
      case 'time':
      case 'paused':
        return undefined;
      case 'breakpoint':
        return { kind: 'breakpoint', cpu: stop.cpu };
      default:
        return this.#finalHalt(stop);
    }
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
