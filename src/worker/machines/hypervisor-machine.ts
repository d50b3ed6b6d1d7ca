import { ACTIVITY } from '../../arch/vmx.ts';
import type { Processor } from '../../cpu/processor.ts';
import { LAYOUT } from '../../cpu/state.ts';
import type { Hypervisor } from '../../hypervisor/hypervisor.ts';
import type { Vcpu, VcpuState } from '../../hypervisor/vcpu.ts';
import type { Loader, Vm } from '../../hypervisor/vm.ts';
import { type Computer, DEFAULT_START } from '../../machine/computer.ts';
import type { JournalInput } from '../../machine/journal.ts';
import type { VmAction } from '../../protocol/commands.ts';
import type { MachineEdit } from '../../protocol/edits.ts';
import type { VmState, VmView } from '../../protocol/machine-view.ts';
import type { ConsoleChunk } from '../../protocol/messages.ts';
import type { RingPosition } from '../../protocol/rings-view.ts';
import type { VcpuRef, VmId } from '../../protocol/target.ts';
import { HostComputer } from '../host-computer.ts';
import { Refusal } from '../refusal.ts';
import { stateOfProcessor } from '../views/processor-registers.ts';
import { ConsoleLog } from './console-log.ts';
import { type ControlStructure, vmcsAt } from './control-structure.ts';
import { CrossingRecords } from './crossing-records.ts';
import { editMemory } from './edit-memory.ts';
import { editRegister } from './edit-register.ts';
import { vmEndText } from './end-texts.ts';
import { extendedOfVcpu } from './extended-registers.ts';
import type { LabMachine, VcpuAccess } from './lab-machine.ts';
import { locator, tableReader } from './memory-access.ts';
import { ProcessorFile } from './processor-file.ts';
import { VmcsFile } from './vmcs-file.ts';
import { VmcsReader } from './vmcs-state.ts';

export interface HypervisorMachineOptions {
  /** Bytes of host RAM. */
  readonly memory: number;
  readonly cpus: number;
}

export interface NewVm {
  readonly name: string;
  /** Bytes. */
  readonly memory: number;
  readonly vcpus: number;
  readonly load: Loader;
  /** The guest is not told of the hypervisor. */
  readonly hidden?: boolean;
}

/** The computer whose ring -1 is our hypervisor's, with its virtual machines. */
export class HypervisorMachine implements LabMachine {
  readonly computer: Computer;
  readonly hypervisor: Hypervisor;
  readonly crossings = new CrossingRecords();
  onOutput: ((vm: VmId) => void) | undefined;
  readonly #vmcs: VmcsReader;
  /** Of all VMs that have been, also of those that are to come when time has gone back. */
  readonly #output = new Map<VmId, ConsoleLog>();
  readonly #byVmcs = new Map<number, VcpuRef>();
  /** Instructions of each VM, and the processor's count when a vCPU of it was last entered. */
  readonly #executed = new Map<VmId, number>();
  #enteredAt: number[] = [];

  constructor({ memory, cpus }: HypervisorMachineOptions) {
    const observer = {
      entered: (vcpu: Vcpu) => this.#entered(vcpu),
      exited: (vcpu: Vcpu) => this.#exited(vcpu),
    };
    const host = new HostComputer({ ramBytes: memory, cpus, observer });
    this.computer = host.computer;
    this.hypervisor = host.hypervisor;
    this.#vmcs = new VmcsReader(this.computer.memory, LAYOUT.RAM);
    // Edits of a vCPU that no processor executes write there.
    this.#vmcs.onWrite = (at, bytes) => this.computer.code.written(at, bytes);
    this.computer.receive = (input) => this.#receive(input);
    this.computer.attach('virtual machines in views', {
      save: () => this.#save(),
      restore: (saved) => this.#restore(saved as SavedViews),
    });
    this.computer.attach('crossings', this.crossings);
  }

  /** Creates and starts a VM. Throws what the loader throws. */
  create(options: NewVm): VmId {
    const id = this.hypervisor.nextId;
    this.computer.enter({ kind: 'command', target: `vm${id}`, name: 'create', detail: options });
    return id;
  }

  #create({ name, memory, vcpus, load, hidden = false }: NewVm): void {
    const output = this.#output.get(this.hypervisor.nextId) ?? this.#newLog(this.hypervisor.nextId);
    const vm = this.hypervisor.create({
      name,
      memory,
      vcpus,
      acpi: true,
      load,
      console: output.write,
      startTime: DEFAULT_START,
      hidden,
    });
    this.#output.set(vm.id, output);
    this.#adopt(vm);
    this.hypervisor.start(vm);
  }

  #newLog(vm: VmId): ConsoleLog {
    return new ConsoleLog(
      () => this.computer.position,
      () => this.onOutput?.(vm),
    );
  }

  vms(): VmView[] {
    return [...this.hypervisor.vms.values()].map((vm) => ({
      id: vm.id,
      name: vm.options.name,
      technique: 'vtx-ept',
      state: stateOf(vm),
      reason: vm.end === undefined ? null : vmEndText(vm.end),
      vcpus: vm.vcpus.length,
      memory: vm.options.memory,
      resident: vm.memory.resident,
      instructions: this.#instructionsOf(vm),
      exits: vm.counters.total,
    }));
  }

  control(id: VmId, action: VmAction): void {
    const vm = this.#vm(id);
    if (action === 'pause' && vm.state !== 'running') throw notSo(vm, 'paused', 'running');
    if (action === 'resume' && vm.state !== 'paused') throw notSo(vm, 'resumed', 'paused');
    this.computer.enter({ kind: 'command', target: `vm${id}`, name: action });
  }

  /** Does what an entry of the journal says. */
  #receive(input: JournalInput): void {
    const id = Number(input.target.slice(2));
    if (input.kind === 'console') this.hypervisor.type(this.#vm(id), input.bytes);
    else if (input.kind === 'edit') this.#edit(input.detail as MachineEdit);
    else if (input.kind === 'command' && input.name === 'create') this.#create(input.detail as NewVm);
    else this.#obey(this.#vm(id), input.name as VmAction);
  }

  #obey(vm: Vm, action: VmAction): void {
    switch (action) {
      case 'pause':
        this.hypervisor.pause(vm);
        break;
      case 'resume':
        this.hypervisor.start(vm);
        break;
      case 'reset':
        this.#forget(vm);
        this.#adopt(this.hypervisor.reset(vm));
        break;
      case 'destroy':
        this.#forget(vm);
        this.hypervisor.destroy(vm);
        break;
    }
  }

  consoleInput(id: VmId, bytes: Uint8Array): void {
    this.#vm(id);
    this.computer.enter({ kind: 'console', target: `vm${id}`, bytes: [...bytes] });
  }

  consoleLog(vm: VmId): ConsoleLog | undefined {
    return this.#output.get(vm);
  }

  edit(edit: MachineEdit): void {
    this.computer.enter({ kind: 'edit', target: `vm${edit.on.vm}`, detail: edit });
  }

  #edit(edit: MachineEdit): void {
    const { on } = edit;
    const vm = this.#vm(on.vm);
    const vcpu = vm.vcpus[on.vcpu];
    const access = this.access(on);
    if (vcpu === undefined || access === undefined)
      throw new Refusal(
        `vCPU ${on.vcpu} has no state yet.`,
        vm.options.name,
        'Run it first: its registers are set when it is entered for the first time.',
      );
    const { ram, processors } = this.computer;
    const locate = locator(access, ram);
    if (edit.kind === 'memory') {
      editMemory(edit, { locate, ram, guest: vm.memory });
      return;
    }
    const readTable = tableReader(locate, ram);
    const executing = this.#executing(vcpu);
    const { state } = access;
    const file =
      executing === undefined
        ? new VmcsFile({ vcpu, state, vmcs: this.#vmcs.of(vcpu.vmcs), processors, readTable })
        : new ProcessorFile(executing, readTable);
    editRegister(edit, file);
  }

  takeConsoleOutput(): ConsoleChunk[] {
    return [...this.#output].flatMap(([vm, output]) => {
      const taken = output.take();
      return taken === undefined ? [] : [{ vm, ...taken }];
    });
  }

  running(processor: Processor): VcpuRef | undefined {
    const { virtualization } = processor;
    return virtualization.inGuest ? this.#byVmcs.get(virtualization.current) : undefined;
  }

  vcpuOf(_processor: Processor, vmcs: number): VcpuRef | undefined {
    return this.#byVmcs.get(vmcs);
  }

  structure(on: VcpuRef): ControlStructure | undefined {
    const vcpu = this.hypervisor.vms.get(on.vm)?.vcpus[on.vcpu];
    return vcpu?.prepared ? vmcsAt(vcpu.vmcs) : undefined;
  }

  access(on: VcpuRef): VcpuAccess | undefined {
    const vcpu = this.hypervisor.vms.get(on.vm)?.vcpus[on.vcpu];
    if (!vcpu?.prepared) return undefined;
    const executing = this.#executing(vcpu);
    return {
      state: executing === undefined ? this.#vmcs.state(vcpu) : stateOfProcessor(executing.regs),
      activity: ACTIVITIES[vcpu.state],
      technique: 'vt-x',
      nestedRoot: { format: 'ept', pointer: this.#vmcs.eptPointer(vcpu.vmcs) },
      extended: () => extendedOfVcpu(vcpu, this.#vmcs.of(vcpu.vmcs), this.computer.processors, executing),
    };
  }

  boardOf(vm: VmId): Vm | undefined {
    return this.hypervisor.vms.get(vm);
  }

  positions(): RingPosition[] {
    return [...this.hypervisor.vms.values()].flatMap((vm) =>
      vm.vcpus.map((vcpu) => {
        const executing = this.#executing(vcpu);
        const scheduled = vcpu.runningOn !== undefined;
        const cpl = vcpu.prepared ? this.#vmcs.cpl(vcpu.vmcs) : 0;
        return {
          on: { vm: vm.id, vcpu: vcpu.index },
          ring: executing !== undefined ? executing.ring : scheduled ? -1 : cpl,
          scheduled,
          halted: vcpu.state === 'halted',
        };
      }),
    );
  }

  get isIdleForGood(): boolean {
    return [...this.hypervisor.vms.values()].every(({ active }) => !active);
  }

  /** The processor that executes this vCPU's instructions at this moment. */
  #executing(vcpu: Vcpu): Processor | undefined {
    return this.computer.processors.find(
      ({ virtualization }) => virtualization.inGuest && virtualization.current === vcpu.vmcs,
    );
  }

  #vm(id: VmId): Vm {
    const vm = this.hypervisor.vms.get(id);
    if (vm === undefined) throw new Refusal(`There is no VM ${id}.`);
    return vm;
  }

  #adopt(vm: Vm): void {
    this.#executed.set(vm.id, 0);
    for (const { vmcs, index } of vm.vcpus) this.#byVmcs.set(vmcs, { vm: vm.id, vcpu: index });
  }

  #forget(vm: Vm): void {
    this.crossings.forget(vm.id);
    this.#executed.delete(vm.id);
    for (const { vmcs } of vm.vcpus) this.#byVmcs.delete(vmcs);
  }

  #entered({ runningOn }: Vcpu): void {
    const processor = this.computer.processors[runningOn ?? -1];
    if (processor !== undefined) this.#enteredAt[processor.index] = processor.instructions;
  }

  #exited({ vm, runningOn }: Vcpu): void {
    const processor = this.computer.processors[runningOn ?? -1];
    const known = this.#executed.get(vm.id);
    if (processor === undefined || known === undefined) return;
    this.#executed.set(vm.id, known + processor.instructions - (this.#enteredAt[processor.index] ?? 0));
  }

  #instructionsOf(vm: Vm): number {
    const sinceEntry = vm.vcpus.map((vcpu) => {
      const processor = this.#executing(vcpu);
      return processor === undefined ? 0 : processor.instructions - (this.#enteredAt[processor.index] ?? 0);
    });
    return (this.#executed.get(vm.id) ?? 0) + sinceEntry.reduce((a, b) => a + b, 0);
  }

  #save(): SavedViews {
    return {
      output: [...this.#output].filter(([, { length }]) => length > 0).map(([vm, log]) => [vm, log.save()]),
      byVmcs: [...this.#byVmcs],
      executed: [...this.#executed],
      enteredAt: [...this.#enteredAt],
    };
  }

  #restore({ output, byVmcs, executed, enteredAt }: SavedViews): void {
    const lengths = new Map(output);
    for (const [vm, log] of this.#output) log.restore(lengths.get(vm) ?? 0);
    refill(this.#byVmcs, byVmcs);
    refill(this.#executed, executed);
    this.#enteredAt = [...enteredAt];
  }
}

/** What the views know of the virtual machines beside what the hypervisor does. */
interface SavedViews {
  readonly output: readonly (readonly [vm: VmId, length: number])[];
  readonly byVmcs: readonly (readonly [vmcs: number, vcpu: VcpuRef])[];
  readonly executed: readonly (readonly [vm: VmId, instructions: number])[];
  readonly enteredAt: readonly number[];
}

function refill<K, V>(map: Map<K, V>, entries: Iterable<readonly [K, V]>): void {
  map.clear();
  for (const [key, value] of entries) map.set(key, value);
}

const NORMAL_ENDS: readonly string[] = ['power-off', 'reset', 'exit'];

function stateOf(vm: Vm): VmState {
  switch (vm.state) {
    case 'running':
      return vm.vcpus.every(({ state }) => state !== 'runnable') ? 'halted' : 'running';
    case 'ended':
      return vm.end !== undefined && !NORMAL_ENDS.includes(vm.end.kind) ? 'crashed' : 'ended';
    case 'destroyed':
      return 'ended';
    case 'created':
    case 'paused':
      return 'paused';
  }
}

/** What a processor in the vCPU's place would be doing. */
const ACTIVITIES: Readonly<Record<VcpuState, number>> = {
  runnable: ACTIVITY.ACTIVE,
  halted: ACTIVITY.HLT,
  waiting: ACTIVITY.WAIT_FOR_SIPI,
  ended: ACTIVITY.SHUTDOWN,
};

function notSo(vm: Vm, done: string, needed: string): Refusal {
  return new Refusal(
    `VM ${vm.id} is ${vm.state} and cannot be ${done}.`,
    vm.options.name,
    `Only a ${needed} machine can.`,
  );
}
