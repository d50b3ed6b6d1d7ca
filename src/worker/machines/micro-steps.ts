/**
 * Steps of one micro-operation, forwards and backwards.
 *
 * For the computer an instruction, an event or a turn of the hypervisor is one step that cannot be divided.
 * But the past can be run again: at the boundary where a micro-step begins, the step is run once with a
 * recorder, and time goes back. So its micro-operations are known, and a cursor goes through them while the
 * computer stands before the step; at the last one the step is made.
 */
import { CR0, SEG } from '../../arch/registers.ts';
import type { MicroOperation } from '../../cpu/micro-operations.ts';
import type { Processor } from '../../cpu/processor.ts';
import type { Registers } from '../../cpu/registers.ts';
import { STATE } from '../../cpu/state.ts';
import type { History, Instant } from '../../machine/time/history.ts';
import type { StopReason } from '../../protocol/machine-view.ts';
import type { MicroReference, MicroStepKind, MicroView } from '../../protocol/micro-view.ts';
import { sameVcpu, type VcpuRef } from '../../protocol/target.ts';
import { END, type MadeOperation, microOperationView, referenceOf } from '../views/micro-operations.ts';
import { unsigned64 } from '../views/numbers.ts';
import type { LabMachine } from './lab-machine.ts';

/** A step whose micro-operations are known. */
interface RecordedStep {
  readonly on: VcpuRef;
  readonly rip: number;
  readonly operations: readonly MadeOperation[];
  readonly start: Instant;
  readonly end: Instant;
}

/** Where the page has stopped within a walk. */
export interface WalkCursor {
  /** Linear address that is walked for. */
  readonly linear: number;
  /** The entry read last; null before the first. */
  readonly reference: MicroReference | null;
}

export class MicroSteps {
  readonly #machine: LabMachine;
  readonly #history: History;
  #step: RecordedStep | undefined;
  /** Index of the operation made last; the number of operations: the step is made. */
  #cursor = 0;

  constructor(machine: LabMachine, history: History) {
    this.#machine = machine;
    this.#history = history;
  }

  /** The computer goes other ways from here. */
  forget(): void {
    this.#step = undefined;
  }

  /** Whether the computer's next step is the vCPU's, or the hypervisor's on its behalf. */
  isNext(on: VcpuRef): boolean {
    const { processor } = this.#machine.computer;
    return !processor.isIdle && sameVcpu(this.#owner(processor), on);
  }

  /** Whether `forward` only moves the cursor; else a step begins, which has to be the vCPU's. */
  isInside(on: VcpuRef): boolean {
    const step = this.#current;
    return step !== undefined && sameVcpu(step.on, on) && this.#cursor < step.operations.length;
  }

  /** @returns whether the step is complete now: the caller has to make it */
  forward(on: VcpuRef): boolean {
    if (this.isInside(on)) this.#cursor++;
    else {
      this.#step = this.#record(on);
      this.#cursor = 0;
    }
    return this.#cursor === this.#step?.operations.length;
  }

  /** To the micro-operation before. */
  back(on: VcpuRef): StopReason {
    const step = this.#current;
    if (step !== undefined && this.#cursor > 0) {
      this.#history.seek(step.start);
      this.#cursor--;
      return this.stop(on);
    }
    if (!this.#history.stepBack(() => this.isNext(on))) {
      this.forget();
      return { kind: 'beginning' };
    }
    this.#step = this.#record(on);
    this.#cursor = this.#step.operations.length;
    // Where a step is known that begins here, its beginning comes before the last operation of the one before.
    if (step !== undefined) this.#history.seek(this.#step.end);
    else if (this.#cursor > 0) this.#cursor--;
    return this.stop(on);
  }

  /** Why time stands still after one of these steps. */
  stop(on: VcpuRef): StopReason {
    const step = this.#current;
    if (step === undefined) return { kind: 'stepped', on };
    const made = step.operations[this.#cursor];
    const { what } = made === undefined ? END : microOperationView(made);
    return { kind: 'micro-step', on, number: this.#cursor + 1, of: step.operations.length + 1, what };
  }

  /** Null where the vCPU is at no micro-operation. */
  view(on: VcpuRef): MicroView | null {
    const step = this.#current;
    if (step === undefined || !sameVcpu(step.on, on)) return null;
    return {
      of: on,
      step: kindOf(step.operations[0]?.operation),
      rip: unsigned64(step.rip),
      operations: [...step.operations.map(microOperationView), END],
      cursor: this.#cursor,
    };
  }

  /** Undefined outside a walk. */
  walk(on: VcpuRef): WalkCursor | undefined {
    const step = this.#current;
    if (step === undefined || !sameVcpu(step.on, on)) return undefined;
    const made = step.operations.slice(0, this.#cursor + 1).map(({ operation }) => operation);
    const from = made.findLastIndex(({ kind }) => kind === 'look-up' || kind === 'transfer');
    const begun = made[from];
    if (begun?.kind !== 'look-up' || begun.found === 'hit') return undefined;
    const latest = made.findLast(({ kind }, index) => index > from && kind === 'reference');
    return { linear: begun.linear, reference: latest === undefined ? null : referenceOf(latest) };
  }

  /** The recorded step, if the computer is still where the cursor says. */
  get #current(): RecordedStep | undefined {
    const step = this.#step;
    if (step === undefined) return undefined;
    const { position, entered } = this.#history.now;
    const at = this.#cursor === step.operations.length ? step.end : step.start;
    return at.position === position && at.entered === entered ? step : undefined;
  }

  /** Whose work a processor does. */
  #owner(processor: Processor): VcpuRef | undefined {
    const { virtualization } = processor;
    return this.#machine.running(processor) ?? this.#machine.vcpuOf(processor, virtualization.current);
  }

  /** Runs the next step with a recorder, and goes back. */
  #record(on: VcpuRef): RecordedStep {
    const { computer } = this.#machine;
    const { processor } = computer;
    const { now: start } = this.#history;
    const { rip } = processor.regs;
    const operations: MadeOperation[] = [];
    let delivering = false;
    processor.recorder = (operation) => {
      delivering ||= operation.kind === 'delivery';
      operations.push({ operation, part: partOf(processor, operation, delivering) });
    };
    const end = this.#history.tryOut(() => {
      try {
        computer.step();
      } finally {
        processor.recorder = undefined;
      }
      return this.#history.now;
    });
    return { on, rip, operations, start, end };
  }
}

function kindOf(first: MicroOperation | undefined): MicroStepKind {
  if (first?.kind === 'handler') return 'host';
  return first?.kind === 'look-up' && first.access === 'fetch' ? 'instruction' : 'event';
}

/** What data belongs to, by the registers at its instant. */
function partOf({ regs }: Processor, operation: MicroOperation, delivering: boolean): string {
  if (operation.kind !== 'transfer' || operation.access === 'fetch') return '';
  const { linear, access } = operation;
  const isReal = (regs.cr0 & CR0.PE) === 0;
  const found = (isReal ? REAL_TABLES : tablesOf(regs)).find(
    ({ base, limit }) => linear >= base && linear - base <= limit,
  );
  if (found !== undefined) return found.name;
  return delivering && access === 'write' ? 'stack' : '';
}

const REAL_TABLES = [{ name: 'interrupt vector', base: 0, limit: 0x3ff }];

/** Linear addresses of the tables of protected mode. One at address 0 has not been set: RESET leaves them so. */
function tablesOf(regs: Registers) {
  const tables = [
    { name: 'IDT', base: regs.address(STATE.IDTR), limit: regs.lo(STATE.IDTR + 8) >>> 0 },
    { name: 'GDT', base: regs.address(STATE.GDTR), limit: regs.lo(STATE.GDTR + 8) >>> 0 },
    { name: 'LDT', base: regs.segmentBase(SEG.LDTR), limit: regs.limit(SEG.LDTR) },
    { name: 'TSS', base: regs.segmentBase(SEG.TR), limit: regs.limit(SEG.TR) },
  ];
  return tables.filter(({ base }) => base !== 0);
}
