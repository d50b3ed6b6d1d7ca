import { EFER, SEG } from '../../arch/registers.ts';
import type { RingCrossing } from '../../cpu/crossings.ts';
import type { History, Instant } from '../../machine/time/history.ts';
import type { StepProgress, StopReason } from '../../protocol/machine-view.ts';
import { sameVcpu, type VcpuRef } from '../../protocol/target.ts';
import type { Written } from '../../protocol/written.ts';
import type { Goal } from '../lab.ts';
import { Refusal } from '../refusal.ts';
import { fieldNamed } from './control-structure.ts';
import { causeText } from './crossing-texts.ts';
import type { LabMachine } from './lab-machine.ts';
import { linearReader } from './linear-memory.ts';
import { locator } from './memory-access.ts';
import { namedRegister } from './named-register.ts';
import { RegisterSearch, type WriteOf } from './register-search.ts';
import { stackTop } from './stack-top.ts';
import type { MachineStops } from './stops/machine-stops.ts';
import type { PhysicalRange } from './stops/physical-ranges.ts';
import { writerAt } from './writer.ts';

const KINDS = [
  'step-back',
  'step-back-over',
  'step-back-out',
  'run-back',
  'run-back-to',
  'who-wrote',
] as const;

type BackGoal = Extract<Goal, { kind: (typeof KINDS)[number] }>;

export const isBackwards = (goal: Goal): goal is BackGoal => KINDS.some((kind) => kind === goal.kind);

/** What the disassembler knows of registers. */
export interface RegisterWrites {
  readonly registerWrite: WriteOf;
}

/** Milliseconds of real time that a slice of a search takes, about. */
const SLICE_MS = 30;

const MET_KEPT = 8;

type SearchGoal = Extract<BackGoal, { kind: 'run-back' | 'run-back-to' }>;

/** A search under way. */
interface Search {
  readonly goal: BackGoal;
  readonly pieces: Generator<unknown, boolean>;
  /** Where it began. */
  readonly from: Instant;
  /** Why time stands still when it has found something. */
  readonly found: () => StopReason | null;
  /** Told of every crossing. */
  readonly crossed?: (crossing: RingCrossing) => void;
}

/** Takes one computer to earlier instants: steps back, and searches for what happened last. */
export class BackControl {
  readonly #machine: LabMachine;
  readonly #history: History;
  readonly #stops: MachineStops;
  #search: Search | undefined;
  /** Of several steps back. */
  #stepsFound = 0;
  /** Undefined while the disassembler is being loaded. */
  registerWrites: RegisterWrites | undefined;
  /** Why the latest run of the search stopped. */
  #latest: StopReason | null = null;
  /** Why the latest runs of the search stopped. */
  readonly #met: { readonly position: number; readonly why: StopReason }[] = [];

  constructor(machine: LabMachine, stops: MachineStops, history: History) {
    this.#machine = machine;
    this.#stops = stops;
    this.#history = history;
  }

  get isSearching(): boolean {
    return this.#search !== undefined;
  }

  /** Several steps back that are under way; null: none are, or only one. */
  get steps(): StepProgress | null {
    const goal = this.#search?.goal;
    if (goal?.kind !== 'step-back' || goal.count === undefined) return null;
    return { made: this.#stepsFound, of: goal.count, backwards: true };
  }

  /** Another goal, or none: a search that is under way is given up, and time is where it began. */
  forget(): void {
    if (this.#search === undefined) return;
    const { pieces, from } = this.#search;
    this.#search = undefined;
    pieces.return(false);
    this.#history.seek(from);
  }

  /** Works for a while. @returns why time stands still then; null: there is more to do */
  slice(goal: BackGoal): StopReason | null {
    switch (goal.kind) {
      case 'step-back':
        return this.#steps(goal);
      case 'step-back-over':
        return this.#stepOver(goal.on);
      case 'run-back':
        return goal.to === 'output'
          ? this.#toOutput(goal.on)
          : this.#searchOn(goal, () => ({
              pieces: this.#history.searchBack({
                run: (until) => this.#run(goal, until),
                orNow: goal.orNow ?? false,
              }),
              found: () => this.#metHere(),
            }));
      case 'run-back-to':
        return this.#searchOn(goal, () => ({
          pieces: this.#history.searchBack({ run: (until) => this.#run(goal, until) }),
          found: () => this.#metHere(),
        }));
      case 'step-back-out':
        return this.#searchOn(goal, () => ({
          pieces: this.#history.searchSteps(
            () => this.isRunning(goal.on) && this.#stackTop() > (goal.above ?? 0n),
          ),
          found: () => ({ kind: 'stepped', on: goal.on }),
        }));
      case 'who-wrote':
        return this.#toWriter(goal);
    }
  }

  #toWriter(goal: Extract<BackGoal, { kind: 'who-wrote' }>): StopReason | null {
    const { on, what } = goal;
    switch (what.kind) {
      case 'register':
        return this.#searchOn(goal, () => {
          const search = this.#toRegisterWriter(on, what.name);
          return {
            pieces: this.#history.searchCause(search),
            found: () => this.#writer(),
            crossed: (crossing) => search.crossed(crossing),
          };
        });
      case 'output':
        return this.#toOutputWriter(on, what.back);
      case 'memory':
        return this.#toMemoryWriter(goal, () => ({
          address: this.#hostPhysical(on, what),
          length: what.length,
        }));
      case 'field':
        return this.#toMemoryWriter(goal, () => this.#field(on, what.name));
    }
  }

  #writer(): StopReason {
    return writerAt(this.#machine, this.#history);
  }

  /** Throws `Refusal` when there is no register of that name. */
  #toRegisterWriter(on: VcpuRef, name: string): RegisterSearch {
    if (this.registerWrites === undefined) throw new Refusal('The disassembler is still being loaded.');
    const register = namedRegister(name, () => this.#machine.access(on)?.extended().float.top ?? 0);
    if (register === undefined)
      throw new Refusal(
        `No register that can be searched for is called ${name}.`,
        name,
        'General, segment, control, debug, x87, MMX and XMM registers can, flags, RIP, GDTR, IDTR, FCW, FSW, MXCSR and the MSRs that are shown.',
      );
    const writeOf = this.registerWrites.registerWrite;
    return new RegisterSearch({ machine: this.#machine, on, register, writeOf });
  }

  #toOutputWriter(on: VcpuRef, back: number): StopReason {
    const log = this.#machine.consoleLog(on.vm);
    const position = log?.positionOf(log.length - 1 - back);
    if (position === undefined) throw new Refusal('Nothing was written on this console that far back.');
    this.#history.seek({ position, entered: 0 });
    const { computer } = this.#machine;
    this.#history.stepBack(() => !computer.processor.isIdle);
    // Of a virtual machine the hypervisor prints, after a VM exit: the guest's instruction is what made the exit.
    const { processor } = computer;
    const guest = this.#machine.vcpuOf(processor, processor.virtualization.current);
    if (guest !== undefined && this.#machine.running(processor) === undefined)
      this.#history.stepBack(() => this.isRunning(guest));
    return this.#writer();
  }

  /** @param place in host-physical memory, when the search begins */
  #toMemoryWriter(goal: BackGoal, place: () => PhysicalRange): StopReason | null {
    return this.#searchOn(goal, () => {
      const { address, length } = place();
      return { pieces: this.#history.searchWriter(address, length), found: () => this.#writer() };
    });
  }

  /** Throws `Refusal` where there is no such field now. */
  #field(on: VcpuRef, name: string): PhysicalRange {
    const structure = this.#machine.structure(on);
    if (structure === undefined) throw new Refusal('This virtual CPU has no VMCS or VMCB now.', name);
    const field = fieldNamed(structure, name);
    if (field === undefined)
      throw new Refusal(`There is no field ${name} in a ${structure.name}.`, name, 'For example GUEST_RIP.');
    return { address: structure.address + field.offset, length: field.bytes };
  }

  /** Throws `Refusal` where there is no memory now. */
  #hostPhysical(on: VcpuRef, { space, address }: Extract<Written, { kind: 'memory' }>): number {
    const access = this.#machine.access(on);
    if (access === undefined) throw new Refusal('This virtual CPU has no state yet.');
    const found = locator(access, this.#machine.computer.ram)(space, address);
    if (found.kind === 'ram') return found.hostPhysical;
    throw new Refusal(
      `There is no memory at the ${space} address 0x${address.toString(16)} now: ${found.why}.`,
    );
  }

  /** Told of every crossing, also in runs that only search. */
  crossed(on: VcpuRef, crossing: RingCrossing): void {
    const { goal, crossed } = this.#search ?? {};
    crossed?.(crossing);
    if (goal?.kind !== 'run-back') return;
    const { cause } = crossing;
    const { detail } = causeText(cause);
    if (goal.to === 'vm-exit' && cause.kind === 'vm-exit' && on.vm === goal.on.vm) {
      this.#stopAt({ kind: 'vm-exit', on, reason: detail });
    } else if (goal.to === 'crossing' && sameVcpu(on, goal.on)) {
      this.#stopAt({ kind: 'crossing', on, cause: causeText(cause).cause });
    }
  }

  #stopAt(why: StopReason): void {
    this.#latest = why;
    this.#machine.computer.pause();
  }

  /** Many may take a while: then it is a search. */
  #steps(goal: Extract<BackGoal, { kind: 'step-back' }>): StopReason | null {
    const { on, count = 1 } = goal;
    if (count === 1) return this.#step(on);
    return this.#searchOn(goal, () => ({
      pieces: this.#counted(this.#history.searchSteps(() => this.isRunning(on), count)),
      found: () => ({ kind: 'stepped', on }),
    }));
  }

  /** Keeps how many have been found. */
  *#counted(pieces: Generator<number, boolean>): Generator<void, boolean> {
    this.#stepsFound = 0;
    for (;;) {
      const { done, value } = pieces.next();
      if (done === true) return value;
      this.#stepsFound = value;
      yield;
    }
  }

  #step(on: VcpuRef): StopReason {
    return this.#history.stepBack(() => this.isRunning(on)) ? { kind: 'stepped', on } : BEGINNING;
  }

  /**
   * A step back that ends at a return from a procedure goes on to its call: to the last instant at which the
   * stack pointer was what it is here, so that what lies between is deeper.
   */
  #stepOver(on: VcpuRef): StopReason {
    const before = this.#stackTop();
    const stop = this.#step(on);
    const inside = this.#stackTop();
    const returned = stop.kind === 'stepped' && inside < before;
    if (!returned || !this.#isReturn(on)) return stop;
    const found = this.#history.stepBack(() => this.isRunning(on) && this.#stackTop() >= before);
    return found ? stop : BEGINNING;
  }

  /** Whether an instruction or event of the vCPU is the next thing to happen. */
  isRunning(on: VcpuRef): boolean {
    const { processor } = this.#machine.computer;
    return !processor.isIdle && sameVcpu(this.#machine.running(processor), on);
  }

  #stackTop(): bigint {
    return stackTop(this.#machine.computer.processor);
  }

  /** Whether the next instruction is a return: from a procedure, an interrupt or a system call. */
  #isReturn(on: VcpuRef): boolean {
    const access = this.#machine.access(on);
    if (access === undefined) return false;
    const read = linearReader(access, this.#machine.computer.ram);
    const { rip, efer, segments } = access.state;
    const base = (efer & LMA) !== 0n ? 0n : (segments[SEG.CS]?.base ?? 0n);
    const bytes = read(base + rip, LONGEST_INSTRUCTION);
    const opcode = [...bytes].findIndex((byte) => !PREFIXES.has(byte));
    return opcode >= 0 && RETURNS.has(bytes[opcode]);
  }

  /** To the instant after the last byte that was written before the present one. */
  #toOutput(on: VcpuRef): StopReason {
    const log = this.#machine.consoleLog(on.vm);
    const { position } = this.#history.now;
    for (let index = (log?.length ?? 0) - 1; index >= 0; index--) {
      const written = log?.positionOf(index) ?? 0;
      this.#history.seek({ position: written, entered: 0 });
      if (this.#history.now.position < position) return { kind: 'output', on };
    }
    return this.#toBeginning();
  }

  #toBeginning(): StopReason {
    this.#history.seek({ position: this.#history.range.from, entered: 0 });
    return BEGINNING;
  }

  #searchOn(goal: BackGoal, begin: () => Omit<Search, 'goal' | 'from'>): StopReason | null {
    this.#search ??= { goal, from: this.#history.now, ...begin() };
    const { found } = this.#search;
    const end = this.#history.stopwatch() + SLICE_MS;
    do {
      const { done, value } = this.#search.pieces.next();
      if (done !== true) continue;
      this.#search = undefined;
      return (value ? found() : null) ?? BEGINNING;
    } while (this.#history.stopwatch() < end);
    return null;
  }

  /** @returns whether it stopped for what is looked for */
  #run(goal: SearchGoal, until: number): boolean {
    const { computer } = this.#machine;
    this.#latest = null;
    if (goal.kind === 'run-back-to') this.#latest = this.#runToAddress(goal, until);
    else if (goal.to === 'breakpoint') this.#latest = this.#runToStop(until);
    else computer.runTo(until, true);
    if (this.#latest === null) return false;
    this.#met.push({ position: computer.position, why: this.#latest });
    if (this.#met.length > MET_KEPT) this.#met.shift();
    return true;
  }

  /** The instruction that is to be reached has a breakpoint that nobody sees. */
  #runToAddress({ address }: { readonly address: bigint }, until: number): StopReason | null {
    const { computer } = this.#machine;
    const stop = computer.runTo(until, true);
    if (stop.kind !== 'breakpoint') return null;
    const on = this.#machine.running(computer.processors[stop.cpu]);
    if (on === undefined || !this.#stops.execution.isTemporary(on.vm, stop.linear)) return null;
    return { kind: 'reached', on, address };
  }

  /** Any stop that is set; hits are not counted. @returns null: it ran to the end, or past one that does not count */
  #runToStop(until: number): StopReason | null {
    const { computer } = this.#machine;
    this.#stops.refresh();
    const stop = this.#stops.watching(() => computer.runTo(until, true));
    const hit = this.#stops.settle(false);
    if (hit !== null || stop.kind !== 'breakpoint') return hit;
    const processor = computer.processors[stop.cpu];
    const on = this.#machine.running(processor);
    return on === undefined ? null : this.#stops.atInstruction(processor, on, stop.linear, false);
  }

  /** Why a run stopped where the search has ended; a few later ones may have been seen after that. */
  #metHere(): StopReason | null {
    const { position } = this.#history.now;
    return this.#met.find((stop) => stop.position === position)?.why ?? null;
  }
}

/** REP (as in "repz ret"), operand size, and REX. */
const PREFIXES = new Set([0xf2, 0xf3, 0x66, ...Array.from({ length: 16 }, (_, i) => 0x40 + i)]);
/** RET and RETF, each with and without an immediate, and IRET. */
const RETURNS = new Set([0xc2, 0xc3, 0xca, 0xcb, 0xcf]);
const LONGEST_INSTRUCTION = 15;
const LMA = BigInt(EFER.LMA);

const BEGINNING: StopReason = { kind: 'beginning' };
