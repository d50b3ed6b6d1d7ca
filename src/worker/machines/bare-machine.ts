import type { Processor } from '../../cpu/processor.ts';
import { ACTIVITY } from '../../cpu/state.ts';
import type { BootImage } from '../../machine/boot/load.ts';
import {
  Computer,
  type ComputerStop,
  JournalError,
  type VirtualizationTechnique,
} from '../../machine/computer.ts';
import type { JournalInput } from '../../machine/journal.ts';
import type { VmAction } from '../../protocol/commands.ts';
import type { MachineEdit } from '../../protocol/edits.ts';
import type { VmState, VmView } from '../../protocol/machine-view.ts';
import type { ConsoleChunk } from '../../protocol/messages.ts';
import type { RingPosition } from '../../protocol/rings-view.ts';
import type { VcpuRef, VmId } from '../../protocol/target.ts';
import { Refusal } from '../refusal.ts';
import { ConsoleLog } from './console-log.ts';
import { type ControlStructure, vmcbAt, vmcsAt } from './control-structure.ts';
import { CrossingRecords } from './crossing-records.ts';
import { endText } from './end-texts.ts';
import type { LabMachine, VcpuAccess } from './lab-machine.ts';
import { accessOfProcessor, editProcessor } from './processor-access.ts';

export interface BareOptions {
  readonly id: VmId;
  readonly name: string;
  readonly image: BootImage;
  /** Bytes. */
  readonly memory: number;
  readonly cpus: number;
  /** VT-x when absent. */
  readonly virtualization?: VirtualizationTechnique;
}

interface Ended {
  readonly state: VmState;
  readonly reason: string | null;
}

/** A guest on a computer of its own, without a hypervisor below. */
export class BareMachine implements LabMachine {
  readonly crossings = new CrossingRecords();
  readonly #options: BareOptions;
  readonly #output = new ConsoleLog(
    () => this.computer.position,
    () => this.onOutput?.(this.#options.id),
  );
  onOutput: ((vm: VmId) => void) | undefined;
  readonly computer: Computer;
  #state: VmState = 'running';
  #reason: string | null = null;

  /** Throws `ImageError` when the image cannot be booted. */
  constructor(options: BareOptions) {
    this.#options = options;
    this.computer = new Computer({
      ramBytes: options.memory,
      cpus: options.cpus,
      ...(options.virtualization ? { virtualization: options.virtualization } : {}),
      serialOutput: this.#output.write,
    });
    this.computer.boot(options.image);
    this.computer.receive = (input) => this.#receive(input);
    this.computer.attach('end', {
      save: () => (this.#hasEnded ? { state: this.#state, reason: this.#reason } : undefined),
      restore: (end) => this.#restoreEnd(end as Ended | undefined),
    });
    this.computer.attach('console output', this.#output);
    this.computer.attach('crossings', this.crossings);
  }

  /** The computer stopped by itself. */
  end(stop: ComputerStop): void {
    this.#state = stop.kind === 'crash' ? 'crashed' : 'ended';
    this.#reason = endText(stop);
  }

  get #hasEnded(): boolean {
    return this.#state === 'ended' || this.#state === 'crashed';
  }

  #restoreEnd(end: Ended | undefined): void {
    if (end === undefined && !this.#hasEnded) return;
    this.#state = end?.state ?? 'running';
    this.#reason = end?.reason ?? null;
  }

  vms(): VmView[] {
    const { id, name, memory, cpus, virtualization } = this.#options;
    const waits = this.#state === 'running' && this.computer.processors.every(({ isIdle }) => isIdle);
    return [
      {
        id,
        name,
        technique: virtualization === 'amd-v' ? 'bare-amd-v' : 'bare',
        state: waits ? 'halted' : this.#state,
        reason: this.#reason,
        vcpus: cpus,
        memory,
        resident: memory,
        instructions: this.computer.instructions,
        exits: 0,
      },
    ];
  }

  control(_vm: VmId, action: VmAction): void {
    if (action === 'reset' || action === 'destroy') throw new Error(`the lab itself does "${action}"`);
    const wanted = action === 'pause' ? 'running' : 'paused';
    if (this.#state !== wanted) throw new Refusal(`The machine is ${this.#state}.`, this.#options.name);
    this.#state = action === 'pause' ? 'paused' : 'running';
  }

  consoleInput(_vm: VmId, bytes: Uint8Array): void {
    this.computer.input([...bytes]);
  }

  consoleLog(): ConsoleLog {
    return this.#output;
  }

  edit(edit: MachineEdit): void {
    this.computer.enter({ kind: 'edit', target: `vm${this.#options.id}`, detail: edit });
  }

  /** Does what an entry of the journal says. */
  #receive(input: JournalInput): void {
    if (input.kind !== 'edit') throw new JournalError(`${input.target} takes no ${input.kind}`);
    this.#edit(input.detail as MachineEdit);
  }

  #edit(edit: MachineEdit): void {
    const processor = this.computer.processors[edit.on.vcpu];
    if (processor === undefined) throw new Refusal(`There is no vCPU ${edit.on.vcpu}.`, this.#options.name);
    editProcessor(edit, processor, this.computer.ram);
  }

  takeConsoleOutput(): ConsoleChunk[] {
    const output = this.#output.take();
    return output === undefined ? [] : [{ vm: this.#options.id, ...output }];
  }

  running(processor: Processor): VcpuRef | undefined {
    return { vm: this.#options.id, vcpu: processor.index };
  }

  vcpuOf(processor: Processor): VcpuRef | undefined {
    return this.running(processor);
  }

  structure({ vcpu }: VcpuRef): ControlStructure | undefined {
    const virtualization = this.computer.processors[vcpu]?.virtualization;
    if (virtualization === undefined || virtualization.current < 0) return undefined;
    const { technique, current } = virtualization;
    return technique === 'amd-v' ? vmcbAt(current) : vmcsAt(current);
  }

  access({ vcpu }: VcpuRef): VcpuAccess | undefined {
    const processor = this.computer.processors[vcpu];
    return processor && accessOfProcessor(processor);
  }

  boardOf() {
    const { board, clock } = this.computer;
    return { board, clock };
  }

  positions(): RingPosition[] {
    return this.computer.processors.map((processor) => ({
      on: { vm: this.#options.id, vcpu: processor.index },
      ring: processor.ring,
      scheduled: processor === this.computer.processor,
      halted: processor.regs.activity !== ACTIVITY.ACTIVE,
    }));
  }

  get isIdleForGood(): boolean {
    return this.#state !== 'running';
  }
}
