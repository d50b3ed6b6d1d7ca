import type { RingCrossing } from '../../cpu/crossings.ts';
import type { Processor } from '../../cpu/processor.ts';
import type { ComputerStop } from '../../machine/computer.ts';
import type { History } from '../../machine/time/history.ts';
import type { StepProgress, StopReason } from '../../protocol/machine-view.ts';
import { sameVcpu, type VcpuRef } from '../../protocol/target.ts';
import type { Budget, Goal, SliceOutcome } from '../lab.ts';
import { signedNumber, unsigned64 } from '../views/numbers.ts';
import { BackControl, isBackwards, type RegisterWrites } from './back-control.ts';
import { causeText } from './crossing-texts.ts';
import type { LabMachine } from './lab-machine.ts';
import { MicroSteps } from './micro-steps.ts';
import { stackTop } from './stack-top.ts';
import type { MachineStops } from './stops/machine-stops.ts';

/** Steps, and approaches to a vCPU, in one slice. */
const STEPS_PER_SLICE = 20_000;

/** Runs one computer towards a goal, a slice at a time. */
export class RunControl {
  readonly #machine: LabMachine;
  readonly #stops: MachineStops;
  #goal: Goal = { kind: 'free' };
  /** Found by the listener while the computer was running. */
  #reached: StopReason | null = null;
  /** The vCPU whose next VM entry ends the run. */
  #awaited: VcpuRef | null = null;
  /** The next instruction executes even if there is a breakpoint on it. */
  #pass = false;
  readonly #back: BackControl;
  readonly micro: MicroSteps;
  /** Steps that are still to be made. */
  #left = 1;

  constructor(machine: LabMachine, stops: MachineStops, history: History) {
    this.#machine = machine;
    this.#stops = stops;
    this.#back = new BackControl(machine, stops, history);
    this.micro = new MicroSteps(machine, history);
    for (const processor of machine.computer.processors) {
      processor.crossings.listener = (crossing) => {
        const on = machine.vcpuOf(processor, crossing.vmcs);
        if (on !== undefined) this.#crossed(processor, on, crossing);
      };
    }
  }

  /** It goes back: also on a computer on which nothing can run. */
  get goesBack(): boolean {
    return isBackwards(this.#goal) || this.#goal.kind === 'micro-step-back';
  }

  set registerWrites(known: RegisterWrites) {
    this.#back.registerWrites = known;
  }

  /** It works on the past: what consoles say meanwhile is of no instant that will be shown. */
  get isSearching(): boolean {
    return this.#back.isSearching;
  }

  /** Several steps that are under way; null: none are, or only one. */
  get steps(): StepProgress | null {
    if (this.#goal.kind !== 'step') return this.#back.steps;
    const { count = 1 } = this.#goal;
    return count === 1 ? null : { made: count - this.#left, of: count, backwards: false };
  }

  /** @param over where a step over the present instruction ends; undefined when it is an ordinary one */
  aim(goal: Goal, over?: number): void {
    this.#reached = null;
    this.#awaited = null;
    this.#left = goal.kind === 'step' ? (goal.count ?? 1) : 1;
    if (goal.kind !== 'micro-step' && goal.kind !== 'micro-step-back') this.micro.forget();
    this.#pass = this.#machine.running(this.#machine.computer.processor) !== undefined;
    this.#stops.execution.setTemporary(null);
    this.#stops.refresh();
    this.#goal = goal.kind === 'step-over' ? this.#overGoal(goal.on, over) : goal;
    if (goal.kind === 'run-to' || goal.kind === 'run-back-to') {
      this.#stops.execution.setTemporary({ vm: goal.on.vm, address: signedNumber(goal.address) });
    }
    this.#back.forget();
  }

  /** Computers end for reasons of their own: `ended` tells of that, `stop` of the goal. */
  slice(budget: Budget): SliceOutcome & { readonly ended: ComputerStop | null } {
    const { computer } = this.#machine;
    const goal = this.#goal;
    // Free to run, it only counts crossings.
    const promptly = goal.kind !== 'free' || !this.#stops.isEmpty;
    for (const { crossings } of computer.processors) crossings.promptly = promptly;
    if (isBackwards(goal) || goal.kind === 'micro-step-back') {
      const stop = goal.kind === 'micro-step-back' ? this.micro.back(goal.on) : this.#back.slice(goal);
      return { instructions: 0, idleCycles: 0, stop, ended: null };
    }
    const start = { cycles: computer.now, instructions: computer.instructions, idle: this.#idle() };
    const result =
      goal.kind === 'step'
        ? this.#stepsSlice(goal.on, budget)
        : goal.kind === 'micro-step'
          ? this.#microSlice(goal.on)
          : this.#freeSlice(budget);
    return {
      instructions: computer.instructions - start.instructions,
      idleCycles: this.#idle() - start.idle + result.waited,
      stop: result.stop,
      ended: result.ended,
    };
  }

  /** A call, software interrupt or repeated string instruction runs until the one after it. */
  #overGoal(on: VcpuRef, next: number | undefined): Goal {
    if (next === undefined) return { kind: 'step', on };
    this.#stops.execution.setTemporary({ vm: on.vm, address: next });
    return { kind: 'step-over', on };
  }

  #freeSlice(budget: Budget): Progress {
    const { computer } = this.#machine;
    const end = computer.now + budget.cycles;
    const enough = computer.instructions + budget.instructions;
    while (computer.now < end && computer.instructions < enough) {
      const until = Math.min(end, computer.now + budget.instructions);
      const stop = this.#run(until, this.#pass);
      this.#pass = false;
      const hit = this.#stops.settle(true);
      if (hit !== null || this.#reached !== null) {
        return progress({ stop: this.#reached ?? hit, ended: endOf(stop) });
      }
      switch (stop.kind) {
        case 'time':
        case 'paused':
          break;
        case 'waiting':
          // Input may wake it: time stands still meanwhile, but counts as slept.
          return progress({ waited: end - computer.now });
        case 'breakpoint': {
          const found = this.#atBreakpoint(stop.cpu, stop.linear);
          if (found !== null) return progress({ stop: found });
          this.#pass = true;
          break;
        }
        default:
          return progress({ ended: stop });
      }
    }
    return progress({});
  }

  /** What happens meanwhile counts for the stops that are set. */
  #run(until: number, passBreakpoint: boolean): ComputerStop {
    return this.#stops.watching(() => this.#machine.computer.run(until, passBreakpoint));
  }

  /** @returns null: the instruction is to be executed */
  #atBreakpoint(cpu: number, linear: number): StopReason | null {
    const { computer } = this.#machine;
    const processor = computer.processors[cpu];
    const on = processor && this.#machine.running(processor);
    if (on === undefined) throw new Error('a breakpoint was hit outside every virtual CPU');
    const stop = this.#stops.atInstruction(processor, on, linear, true);
    if (!this.#stops.execution.isTemporary(on.vm, linear)) return stop;
    if (this.#goal.kind === 'run-to' && stackTop(processor) <= (this.#goal.above ?? LOWEST)) return stop;
    this.#stops.execution.setTemporary(null);
    if (stop !== null) return stop;
    const { kind } = this.#goal;
    return kind === 'run-to' ? { kind: 'reached', on, address: unsigned64(linear) } : { kind: 'stepped', on };
  }

  /**
   * Steps: from one instant at which the vCPU's instruction or event is the next to another, the same instants
   * that steps back go to. Where it waits or another one has the processor, that is passed.
   */
  #stepsSlice(on: VcpuRef, budget: Budget): Progress {
    const { computer } = this.#machine;
    const end = computer.now + budget.cycles;
    for (let i = 0; i < STEPS_PER_SLICE && computer.now < end; i++) {
      const before = computer.position;
      const stop = this.#back.isRunning(on) ? this.#runOne() : this.#approach(on);
      const hit = this.#stops.settle(true);
      if (hit !== null || endOf(stop) !== null) return progress({ stop: hit, ended: endOf(stop) });
      if (stop.kind === 'waiting') return progress({ waited: computer.clock.hz / 60 });
      this.#pass = stop.kind === 'breakpoint';
      if (stop.kind === 'breakpoint') {
        const found = this.#atBreakpoint(stop.cpu, stop.linear);
        if (found !== null) return progress({ stop: found });
      } else if (computer.position > before && this.#back.isRunning(on) && --this.#left === 0) {
        return progress({ stop: { kind: 'stepped', on } });
      }
    }
    return progress({});
  }

  #runOne(): ComputerStop {
    const { computer } = this.#machine;
    return this.#stops.watching(() => computer.runTo(computer.position + 1, this.#pass));
  }

  /** One micro-operation. A step that becomes complete by it is made. */
  #microSlice(on: VcpuRef): Progress {
    const { computer } = this.#machine;
    for (let i = 0; !this.micro.isInside(on) && !this.micro.isNext(on); i++) {
      if (i === APPROACHES) return progress({});
      const stop = this.#approach(on);
      const hit = this.#stops.settle(true);
      if (hit !== null || endOf(stop) !== null) return progress({ stop: hit, ended: endOf(stop) });
      if (stop.kind === 'waiting') return progress({ waited: computer.clock.hz / 60 });
    }
    const isComplete = this.micro.forward(on);
    const stop = isComplete ? this.#run(computer.now + 1, true) : null;
    const hit = this.#stops.settle(isComplete);
    return progress({ stop: hit ?? this.micro.stop(on), ended: stop === null ? null : endOf(stop) });
  }

  /** Runs towards the instant at which the next step is the vCPU's, and not beyond it. */
  #approach(on: VcpuRef): ComputerStop {
    const { computer } = this.#machine;
    const { processor } = computer;
    const isElsewhere = computer.processors.some(
      (one) => one !== processor && !one.isIdle && sameVcpu(this.#machine.running(one), on),
    );
    // Its processor waits for its turn, or it waits for a timer, or to be entered.
    const next = isElsewhere ? computer.schedule.quantumEnd : computer.clock.next;
    const cycles = Math.max(1, Math.min(next - computer.now, LONGEST_APPROACH));
    this.#awaited = on;
    const stop = this.#stops.watching(() => computer.runTo(computer.position + cycles, true));
    this.#awaited = null;
    return stop;
  }

  #crossed(processor: Processor, on: VcpuRef, crossing: RingCrossing): void {
    this.#machine.crossings.add(on, crossing);
    this.#back.crossed(on, crossing);
    this.#stops.crossed(processor, on, crossing);
    if (this.#goal.kind === 'vm-exit' && crossing.cause.kind === 'vm-exit' && on.vm === this.#goal.vm) {
      this.#reached = { kind: 'vm-exit', on, reason: causeText(crossing.cause).detail };
      this.#goal = { kind: 'free' };
      this.#machine.computer.pause();
    } else if (this.#awaited !== null && crossing.to !== -1 && sameVcpu(on, this.#awaited)) {
      this.#machine.computer.pause();
    }
  }

  /** Time in which no processor had anything to do. */
  #idle(): number {
    return Math.min(...this.#machine.computer.processors.map(({ idleCycles }) => idleCycles));
  }
}

/** Approaches to a vCPU in one slice, and how many cycles each may take. */
const APPROACHES = 20;
const LONGEST_APPROACH = 1_000_000;

/** Below every stack. */
const LOWEST = -1n;

interface Progress {
  readonly stop: StopReason | null;
  readonly ended: ComputerStop | null;
  /** Idle cycles by which simulated time did not advance. */
  readonly waited: number;
}

/** The computer has come to its end; null: it can go on. */
function endOf(stop: ComputerStop): ComputerStop | null {
  const goesOn = ['time', 'paused', 'waiting', 'breakpoint'].includes(stop.kind);
  return goesOn ? null : stop;
}

function progress(part: Partial<Progress>): Progress {
  return { stop: null, ended: null, waited: 0, ...part };
}
