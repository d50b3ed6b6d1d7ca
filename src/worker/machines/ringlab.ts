import { VMX_COST } from '../../cpu/vmx/costs.ts';
import { explainWalk } from '../../hypervisor/walk/explain.ts';
import { type BootImage, ImageError, loadImage } from '../../machine/boot/load.ts';
import type { Computer, ComputerStop } from '../../machine/computer.ts';
import { stateHash } from '../../machine/state-hash.ts';
import type { SymbolTable } from '../../machine/symbols.ts';
import { type Branch, DEFAULT_BUDGET, History } from '../../machine/time/history.ts';
import type { VmAction } from '../../protocol/commands.ts';
import type { DescriptorsView } from '../../protocol/descriptors-view.ts';
import type { DevicesView } from '../../protocol/devices-view.ts';
import type { MachineEdit } from '../../protocol/edits.ts';
import type { InstructionView } from '../../protocol/instruction-view.ts';
import type { StopReason, VmView } from '../../protocol/machine-view.ts';
import type { MemoryRequest, MemoryView } from '../../protocol/memory-view.ts';
import type { ConsoleChunk } from '../../protocol/messages.ts';
import type { MicroView } from '../../protocol/micro-view.ts';
import type { CodeView, RegistersView } from '../../protocol/processor-view.ts';
import type { StackView } from '../../protocol/stack-view.ts';
import type { StopSettings, StopsView } from '../../protocol/stops.ts';
import type { SystemView } from '../../protocol/system-view.ts';
import {
  FIRST_BARE_ID,
  type GuestDescription,
  isBare,
  type VcpuRef,
  type VmId,
} from '../../protocol/target.ts';
import type { RegionView, Tier2Mode, TiersView } from '../../protocol/tiers-view.ts';
import type { Instant } from '../../protocol/time.ts';
import type { TimelineView } from '../../protocol/timeline-view.ts';
import type { VectorsView } from '../../protocol/vectors-view.ts';
import type { WalkView } from '../../protocol/walk-view.ts';
import type { Budget, Goal, Lab, SliceOutcome } from '../lab.ts';
import { Refusal } from '../refusal.ts';
import { descriptorsView } from '../views/descriptors.ts';
import { devicesView } from '../views/devices.ts';
import { memoryView } from '../views/memory.ts';
import { linearRip, modeOf } from '../views/modes.ts';
import { signedNumber } from '../views/numbers.ts';
import { registersView } from '../views/registers.ts';
import { structureView } from '../views/structure.ts';
import type { NameOf } from '../views/symbol-text.ts';
import { systemView } from '../views/system.ts';
import { tiersView } from '../views/tiers.ts';
import { vectorsView } from '../views/vectors.ts';
import { walkView } from '../views/walk.ts';
import { BareMachine } from './bare-machine.ts';
import { guestSymbols } from './guest-symbols.ts';
import { HypervisorMachine } from './hypervisor-machine.ts';
import { exitsView, framesView, schedulerView } from './hypervisor-views.ts';
import type { LabMachine, VcpuAccess } from './lab-machine.ts';
import { linearReader, pagingRegisters, wordReader } from './linear-memory.ts';
import { locator } from './memory-access.ts';
import { RunControl } from './run-control.ts';
import { checkStepCount } from './step-count.ts';
import { MachineStops } from './stops/machine-stops.ts';
import { StopList } from './stops/stop-list.ts';

interface Seat {
  readonly machine: LabMachine;
  readonly stops: MachineStops;
  readonly control: RunControl;
  readonly history: History;
}

/** What needs the disassembler, once it is loaded. */
export type Disassembler = typeof import('../views/disassembler.ts');

export interface RinglabOptions {
  /** Bytes of RAM of the computer that runs the hypervisor. */
  readonly memory: number;
  readonly cpus: number;
  /** Milliseconds of real time, from any origin, by which snapshots are spaced; `performance.now` when absent. */
  readonly stopwatch?: () => number;
}

/** The lab: one computer with the hypervisor, and one for each bare machine. */
export class Ringlab implements Lab {
  readonly #hosted: HypervisorMachine;
  readonly #host: Seat;
  readonly #bare = new Map<
    VmId,
    Seat & { readonly machine: BareMachine; readonly guest: GuestDescription }
  >();
  readonly #symbols = new Map<VmId, SymbolTable>();
  #nextBare: VmId = FIRST_BARE_ID;
  readonly #stopwatch: () => number;
  #disassembler: Disassembler | null = null;
  #historyBudget = DEFAULT_BUDGET;
  readonly #stops = new StopList(() => this.#applyStops());
  /** As the user wants it; undefined: as computers do by themselves. */
  #tier2: Tier2Mode | undefined;
  /** The region shown last: it never changes, and is long. */
  #region: { readonly of: Computer; readonly view: RegionView } | undefined;
  #goal: Goal = { kind: 'free' };
  /** Where a step back began. */
  #aimedAt: { readonly rip: bigint | undefined; readonly position: number } = { rip: undefined, position: 0 };
  /** What the present goal lets run. */
  #active: readonly Seat[];

  constructor(options: RinglabOptions) {
    this.#stopwatch = options.stopwatch ?? (() => performance.now());
    this.#hosted = new HypervisorMachine(options);
    this.#host = seat(this.#hosted, this.#stopwatch);
    this.#active = [this.#host];
  }

  /** Code is shown, and calls are stepped over, from now on. */
  useDisassembler(disassembler: Disassembler): void {
    this.#disassembler = disassembler;
    for (const { control } of this.#seats()) control.registerWrites = disassembler;
  }

  /** @param hidden a VM's guest is not told of the hypervisor */
  open(guest: GuestDescription, hidden = false): VmId {
    const image = bootImage(guest);
    const symbols = guestSymbols(guest);
    return naming(guest, () => {
      if (isBare(guest.technique)) {
        this.#symbols.set(this.#nextBare, symbols);
        return this.#openBare(this.#nextBare++, guest, image);
      }
      const { name, memory, cpus } = guest;
      const vm = this.#hosted.create({
        name,
        memory,
        vcpus: cpus,
        hidden,
        load: (ram, info) => loadImage(image, ram, info),
      });
      this.#symbols.set(vm, symbols);
      return vm;
    });
  }

  control(vm: VmId, action: VmAction): void {
    const bare = this.#bare.get(vm);
    if (bare !== undefined && (action === 'destroy' || action === 'reset')) {
      this.#bare.delete(vm);
      if (action === 'destroy') {
        this.#stops.forget(vm);
        this.#symbols.delete(vm);
      }
      if (action === 'reset') naming(bare.guest, () => this.#openBare(vm, bare.guest, bootImage(bare.guest)));
      this.aim({ kind: 'free' });
      return;
    }
    const { machine, stops } = this.#seatOf(vm);
    machine.control(vm, action);
    stops.refresh();
    if (action === 'destroy') {
      this.#stops.forget(vm);
      this.#symbols.delete(vm);
    }
  }

  toggleBreakpoint(vm: VmId, address: bigint): boolean {
    this.#seatOf(vm);
    return this.#stops.toggleAddress(vm, address);
  }

  addStop(settings: StopSettings): number {
    if (settings.vm !== null) this.#seatOf(settings.vm);
    return this.#stops.add(settings);
  }

  changeStop(id: number, settings: StopSettings): void {
    this.#stops.change(id, settings);
  }

  removeStop(id: number): void {
    this.#stops.remove(id);
  }

  stops(): StopsView {
    return this.#stops.view();
  }

  consoleInput(vm: VmId, bytes: Uint8Array): void {
    this.#seatOf(vm).machine.consoleInput(vm, bytes);
  }

  edit(edit: MachineEdit): void {
    this.#seatOf(edit.on.vm).machine.edit(edit);
  }

  setTier2(mode: Tier2Mode): void {
    this.#tier2 = mode;
    for (const { machine } of this.#seats()) machine.computer.setTier2(mode);
  }

  machineOf(vm: VmId): LabMachine {
    return this.#seatOf(vm).machine;
  }

  seek(on: VcpuRef, position: number): void {
    const { history, control } = this.#seatOf(on.vm);
    const { from, to } = history.range;
    if (position < from || position > to)
      throw new Refusal(`Position ${position} has not been: the history goes from ${from} to ${to}.`);
    control.aim({ kind: 'free' });
    history.seek({ position, entered: Number.POSITIVE_INFINITY });
  }

  stateHash(on: VcpuRef): string {
    return stateHash(this.#seatOf(on.vm).machine.computer);
  }

  takeBranch(on: VcpuRef, branch: number): void {
    const { history, control } = this.#seatOf(on.vm);
    control.aim({ kind: 'free' });
    history.take(branchOf(history, branch));
  }

  dropBranch(on: VcpuRef, branch: number): void {
    const { history } = this.#seatOf(on.vm);
    history.drop(branchOf(history, branch));
  }

  /** Every computer gets an equal part. */
  setHistoryBudget(bytes: number): void {
    this.#historyBudget = bytes;
    const seats = this.#seats();
    for (const { history } of seats) history.budget = bytes / seats.length;
  }

  timeline(on: VcpuRef | null): TimelineView {
    const bare = on === null ? undefined : this.#bare.get(on.vm);
    const { history, machine } = bare ?? this.#host;
    const { computer } = machine;
    return {
      bare: bare === undefined ? null : (on?.vm ?? null),
      ...history.range,
      ...history.now,
      perSecond: computer.clock.hz * computer.processors.length,
      snapshots: history.marks,
      bytes: history.bytes,
      budget: this.#historyBudget,
      branches: history.branches.map(({ id, from, end }) => ({ id, from: from.position, to: end })),
    };
  }

  /** A step concerns one computer: the others stand still. */
  aim(wanted: Goal): void {
    const goal = this.#resolve(wanted);
    this.#goal = goal;
    if (goal.kind === 'step-back-over') this.#aimedAt = this.#standing(goal.on);
    if (goal.kind === 'free') this.#active = this.#seats();
    else this.#active = [this.#seatOf(goal.kind === 'vm-exit' ? goal.vm : goal.on.vm)];
    for (const { machine, control } of this.#active) {
      const access = goal.kind === 'step-over' ? machine.access(goal.on) : undefined;
      const over = access && this.#disassembler?.nextAfterCall(access, machine.computer.ram);
      control.aim(goal, over);
    }
  }

  /** A step out is a run to where the stack says that the procedure returns, or back to its call. */
  #resolve(goal: Goal): Goal {
    if ('count' in goal) checkStepCount(goal.count);
    if (goal.kind !== 'step-out' && goal.kind !== 'step-back-out') return goal;
    const { on } = goal;
    const caller = this.stack(on)?.calls[1];
    if (!caller || caller.at === null) {
      throw new Refusal('The stack does not tell of a caller.', null, 'The panel Stack shows what it has.');
    }
    const { address, at: above } = caller;
    return goal.kind === 'step-out' ? { kind: 'run-to', on, address, above } : { ...goal, above };
  }

  slice(budget: Budget): SliceOutcome {
    const runnable = this.#active.filter(
      ({ machine, control }) => control.goesBack || !machine.isIdleForGood,
    );
    if (runnable.length === 0) return { instructions: 0, idleCycles: 0, stop: { kind: 'nothing-to-run' } };
    const share = { instructions: Math.ceil(budget.instructions / runnable.length), cycles: budget.cycles };
    let instructions = 0;
    let idleCycles = Number.POSITIVE_INFINITY;
    let stop: StopReason | null = null;
    for (const { machine, control, history } of runnable) {
      const outcome = control.slice(share);
      if (!control.isSearching) history.tick();
      instructions += outcome.instructions;
      idleCycles = Math.min(idleCycles, outcome.idleCycles);
      stop ??= outcome.stop;
      if (outcome.ended !== null) this.#ended(machine, outcome.ended);
    }
    if (stop?.kind === 'stepped' && this.#stepsOn()) stop = null;
    return { instructions, idleCycles, stop };
  }

  #standing(on: VcpuRef) {
    const { machine, history } = this.#seatOf(on.vm);
    const state = machine.access(on)?.state;
    return { rip: state && linearRip(state), position: history.now.position };
  }

  /** The step back has only undone the VM exit of an instruction that was tried again. */
  #isRetried(rip: bigint | undefined, position: number): boolean {
    return rip === this.#aimedAt.rip && this.#aimedAt.position - position >= VMX_COST.ENTRY;
  }

  /** Takes up a step by source lines again that has come to the middle of one. */
  #stepsOn(): boolean {
    const goal = this.#goal;
    if (!('until' in goal) || goal.until === undefined) return false;
    const { rip, position } = this.#standing(goal.on);
    const inside = goal.until.some(({ from, to }) => rip !== undefined && rip >= from && rip < to);
    if (!inside && !(goal.kind === 'step-back-over' && this.#isRetried(rip, position))) return false;
    this.aim(goal);
    return true;
  }

  now(): Instant {
    const { computer } = this.#clockOf();
    const cycles = computer.now;
    return { cycles, ns: (cycles * 1e9) / computer.clock.hz };
  }

  takeConsoleOutput(): ConsoleChunk[] {
    return this.#seats().flatMap(({ machine, control }) =>
      control.isSearching ? [] : machine.takeConsoleOutput(),
    );
  }

  machine() {
    const { computer } = this.#clockOf();
    return {
      instructions: this.#seats().reduce((sum, { machine }) => sum + machine.computer.instructions, 0),
      hz: computer.clock.hz,
      physicalCpus: computer.processors.length,
      memory: computer.ram.size,
      steps: this.#active.map(({ control }) => control.steps).find((steps) => steps !== null) ?? null,
    };
  }

  vms(): VmView[] {
    return this.#seats().flatMap(({ machine }) => machine.vms());
  }

  registers(on: VcpuRef): RegistersView | null {
    return this.#with(on, ({ state }) => registersView(on, state));
  }

  code(on: VcpuRef, from: bigint | null, lines: number): CodeView | null | undefined {
    const disassembler = this.#disassembler;
    if (disassembler === null) return undefined;
    return this.#with(on, (access, { machine }) =>
      disassembler.codeView({
        of: on,
        state: access.state,
        technique: access.technique,
        from,
        lines,
        breakpoints: this.#stops.addressesOf(on.vm),
        nameOf: this.#nameOf(on.vm),
        read: linearReader(access, machine.computer.ram),
      }),
    );
  }

  walk(on: VcpuRef, address: bigint | null): WalkView | null {
    return this.#with(on, ({ state, nestedRoot }, { machine, control }) => {
      const cursor = address === null ? control.micro.walk(on) : undefined;
      const report = explainWalk({
        registers: pagingRegisters(state),
        linear: cursor?.linear ?? signedNumber(address ?? state.rip),
        nestedRoot,
        read: wordReader(machine.computer.ram),
      });
      return walkView(on, report, cursor?.reference);
    });
  }

  micro(on: VcpuRef): MicroView | null {
    return this.#with(on, (_access, { control }) => control.micro.view(on));
  }

  stack(on: VcpuRef): StackView | null | undefined {
    const disassembler = this.#disassembler;
    if (disassembler === null) return undefined;
    return this.#with(on, (access, { machine }) =>
      disassembler.stackView({
        of: on,
        state: access.state,
        read: linearReader(access, machine.computer.ram),
        nameOf: this.#nameOf(on.vm),
      }),
    );
  }

  instruction(on: VcpuRef, address: bigint | null): InstructionView | null | undefined {
    const disassembler = this.#disassembler;
    if (disassembler === null) return undefined;
    return this.#with(on, (access, { machine }) => {
      const read = linearReader(access, machine.computer.ram);
      return disassembler.instructionView({ of: on, ...access, address, read });
    });
  }

  descriptors(on: VcpuRef): DescriptorsView | null {
    return this.#with(on, (access, { machine }) =>
      descriptorsView({
        of: on,
        state: access.state,
        read: linearReader(access, machine.computer.ram),
        nameOf: this.#nameOf(on.vm),
      }),
    );
  }

  devices(on: VcpuRef): DevicesView | null {
    return this.#with(on, (_access, { machine }) => {
      const found = machine.boardOf(on.vm);
      return found === undefined ? null : devicesView(on, found.board, found.clock);
    });
  }

  system(on: VcpuRef): SystemView | null {
    return this.#with(on, ({ state, extended }, { machine }) => {
      const structure = machine.structure(on);
      return {
        ...systemView(on, state, extended()),
        structure: structure === undefined ? null : structureView(structure, machine.computer.ram),
      };
    });
  }

  vectors(on: VcpuRef): VectorsView | null {
    return this.#with(on, ({ state, extended }) =>
      vectorsView(on, extended().float, modeOf(state).bitness === 64),
    );
  }

  memory(on: VcpuRef, request: MemoryRequest): MemoryView | null {
    return this.#with(on, (access, { machine }) => {
      const { ram } = machine.computer;
      const locate = locator(access, ram);
      const read = (address: bigint, length: number) => {
        const at = locate(request.space, address);
        return at.kind === 'ram' ? ram.read(at.hostPhysical, length) : at.why;
      };
      return memoryView({ of: on, state: access.state, request, read });
    });
  }

  rings() {
    const all = this.#seats().map(({ machine }) => machine);
    return {
      positions: all.flatMap((machine) => machine.positions()),
      recent: all.flatMap(({ crossings }) => crossings.recent()),
      counts: all.flatMap(({ crossings }) => crossings.counts()),
    };
  }

  scheduler() {
    const { computer, hypervisor } = this.#hosted;
    return schedulerView(hypervisor, computer.now, computer.clock.hz);
  }

  exits() {
    return exitsView(this.#hosted.hypervisor);
  }

  frames() {
    return framesView(this.#hosted.hypervisor);
  }

  tiers(on: VcpuRef | null): TiersView {
    const { bare, computer } = this.#computerOf(on);
    return tiersView({
      bare,
      instructions: computer.instructions,
      statistics: computer.tier2Statistics,
      regions: computer.tier2Regions(),
    });
  }

  region(on: VcpuRef | null, id: number): RegionView | null | undefined {
    const { computer } = this.#computerOf(on);
    const region = computer.tier2Regions().find((one) => one.id === id);
    if (region === undefined) return null;
    if (this.#region?.of !== computer || this.#region.view.id !== id) {
      if (this.#disassembler === null) return undefined;
      const read = (address: number, length: number) => computer.ram.read(address, length);
      this.#region = { of: computer, view: this.#disassembler.regionView(region, read) };
    }
    return this.#region.view;
  }

  #nameOf(vm: VmId): NameOf {
    const symbols = this.#symbols.get(vm);
    return (address) => symbols?.nameOf(address);
  }

  #computerOf(on: VcpuRef | null): { readonly bare: VmId | null; readonly computer: Computer } {
    const bare = on === null ? undefined : this.#bare.get(on.vm);
    return bare === undefined
      ? { bare: null, computer: this.#hosted.computer }
      : { bare: on?.vm ?? null, computer: bare.machine.computer };
  }

  #openBare(id: VmId, guest: GuestDescription, image: BootImage): VmId {
    const { name, memory, cpus, technique } = guest;
    const virtualization = technique === 'bare-amd-v' ? 'amd-v' : 'vt-x';
    const machine = new BareMachine({ id, name, memory, cpus, image, virtualization });
    if (this.#tier2 !== undefined) machine.computer.setTier2(this.#tier2);
    const bare = seat(machine, this.#stopwatch);
    if (this.#disassembler !== null) bare.control.registerWrites = this.#disassembler;
    this.#bare.set(id, { ...bare, machine, guest });
    this.setHistoryBudget(this.#historyBudget);
    this.#applyStops();
    return id;
  }

  /** Each computer gets those that concern its machines. */
  #applyStops(): void {
    for (const { machine, stops } of this.#seats()) {
      const hosts = (vm: VmId) =>
        machine === this.#hosted ? vm < FIRST_BARE_ID : this.#bare.get(vm)?.machine === machine;
      stops.set(
        this.#stops.all.filter(({ settings: { enabled, vm } }) => enabled && (vm === null || hosts(vm))),
      );
    }
  }

  #ended(machine: LabMachine, stop: ComputerStop): void {
    if (machine instanceof BareMachine) machine.end(stop);
    else throw new Error(`the computer that runs the hypervisor has stopped: ${stop.kind}`);
  }

  #seats(): readonly Seat[] {
    return [this.#host, ...this.#bare.values()];
  }

  #seatOf(vm: VmId): Seat {
    if (vm < FIRST_BARE_ID) return this.#host;
    const found = this.#bare.get(vm);
    if (found === undefined) throw new Refusal('There is no such machine any more.');
    return found;
  }

  /** The computer whose time is shown: that of what runs, the hypervisor's if it does. */
  #clockOf(): LabMachine {
    const hosted = this.#hosted;
    if (!hosted.isIdleForGood) return hosted;
    return [...this.#bare.values()].find(({ machine }) => !machine.isIdleForGood)?.machine ?? hosted;
  }

  #with<T>(on: VcpuRef, make: (access: VcpuAccess, seat: Seat) => T): T | null {
    if (on.vm >= FIRST_BARE_ID && !this.#bare.has(on.vm)) return null;
    const at = this.#seatOf(on.vm);
    const access = at.machine.access(on);
    return access === undefined ? null : make(access, at);
  }
}

function seat(machine: LabMachine, stopwatch: () => number): Seat {
  const stops = new MachineStops(machine);
  const history = new History(machine.computer, { stopwatch });
  return { machine, stops, history, control: new RunControl(machine, stops, history) };
}

function branchOf(history: History, id: number): Branch {
  const found = history.branches.find((branch) => branch.id === id);
  if (found === undefined) throw new Refusal('There is no such history any more.');
  return found;
}

function bootImage({ kernel, initrd, commandLine, flat }: GuestDescription): BootImage {
  return {
    kernel: kernel.bytes,
    commandLine,
    ...(initrd === null ? {} : { initrd: initrd.bytes }),
    ...(flat === null ? {} : { format: 'flat', flat }),
  };
}

/** What a loader says about a file, with the file's name. */
function naming<T>({ kernel }: GuestDescription, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof ImageError) {
      const remedy = `Accepted: ${error.accepted}.${error.advice === undefined ? '' : ` ${error.advice}`}`;
      throw new Refusal(`${error.found}.`, kernel.name, remedy);
    }
    if (error instanceof RangeError) throw new Refusal(`${error.message}.`, kernel.name);
    throw error;
  }
}
