/**
 * The hypervisor: software in ring -1 that runs virtual machines on the physical CPUs it is given. It
 * is entered by VM exits and by interrupts of an idle processor, and leaves by VM entries and HLT.
 */
import { ENTRY_FAILURE, exitReason } from '../arch/exit-reasons.ts';
import { FIELD } from '../arch/vmcs.ts';
import { VM_ERROR_TEXTS, VMX_MSR } from '../arch/vmx.ts';
import type { HostCpu, HostMemory, HostSoftware } from '../contracts/host-cpu.ts';
import type { Stateful } from '../contracts/state.ts';
import { COST } from './costs.ts';
import { prepareEvents, prepareSlice, prepareTime } from './entry.ts';
import { restoreInterruptedEvent } from './exits/events.ts';
import { EXIT_HANDLERS } from './exits/table.ts';
import { FrameAllocator, type OwnerIndex, type SavedFrames } from './frames.ts';
import { HOST_VECTOR, PhysicalCpu, type SavedPhysicalCpu } from './physical-cpu.ts';
import { RunLog, type SavedRunLog } from './run-log.ts';
import { FairScheduler } from './scheduler/fair.ts';
import type { Scheduler } from './scheduler/scheduler.ts';
import type { Vcpu } from './vcpu.ts';
import { type SavedVm, Vm, type VmEnd, type VmHost, type VmOptions } from './vm.ts';
import { bootState, resetState, setUpVmcs, startupState } from './vmcs-setup.ts';

export interface HypervisorOptions {
  readonly memory: HostMemory;
  /** Cycles per second of the time-stamp counter. */
  readonly hz: number;
  readonly physicalAddressBits: number;
  /** HOST_RIP of every VMCS: where the processor calls `exit`. */
  readonly hostRip: number;
  readonly scheduler?: Scheduler<Vcpu>;
  /** Told of every exit before it is handled; for views, it must not change anything. */
  readonly observer?: HypervisorObserver;
}

export interface HypervisorObserver {
  exited?(vcpu: Vcpu, reason: number, at: number): void;
  entered?(vcpu: Vcpu, at: number): void;
  ended?(vm: Vm, end: VmEnd): void;
}

/** Memory below is the host's own: firmware tables and interrupt vectors of a PC. */
const RESERVED = 0x10_0000;
/** Slice of the default scheduler in seconds. */
const SLICE_SECONDS = 0.003;

/** A command named a VM that does not exist, or asked for what its state does not allow. */
export class VmStateError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'VmStateError';
  }
}

export interface SavedHypervisor {
  readonly frames: SavedFrames;
  readonly scheduler: unknown;
  readonly log: SavedRunLog;
  readonly vms: readonly SavedVm[];
  /** Destroyed ones that still hold something. */
  readonly doomed: readonly SavedVm[];
  readonly pcpus: readonly { readonly p: PhysicalCpu; readonly saved: SavedPhysicalCpu }[];
  readonly freshFx: Uint8Array;
  readonly timerShift: number;
  readonly nextVm: number;
  readonly nextVpid: number;
}

export class Hypervisor implements HostSoftware, Stateful<SavedHypervisor> {
  readonly frames: FrameAllocator;
  readonly scheduler: Scheduler<Vcpu>;
  readonly log = new RunLog();
  readonly vms = new Map<number, Vm>();
  readonly pcpus: PhysicalCpu[] = [];
  private readonly options: HypervisorOptions;
  private readonly ownFrames: OwnerIndex;
  private readonly doomed = new Set<Vm>();
  /** The physical CPU whose handler is running; undefined while the user's commands are. */
  private active: PhysicalCpu | undefined;
  /** x87 and SSE state after power-on. */
  private readonly freshFx = new Uint8Array(512);
  private timerShift = 0;
  /** Virtual devices are being put back: what they ask for has been done already. */
  private restoring = false;
  private nextVm = 1;
  private nextVpid = 1;

  constructor(options: HypervisorOptions) {
    this.options = options;
    this.frames = new FrameAllocator(options.memory.size, RESERVED);
    this.ownFrames = this.frames.addOwner({ use: 'hypervisor', vm: undefined, label: 'hypervisor' });
    this.scheduler = options.scheduler ?? new FairScheduler<Vcpu>(Math.round(options.hz * SLICE_SECONDS));
  }

  // --- the user's commands ------------------------------------------------------------------------

  /** Makes a VM and loads its image. Throws what the loader throws, or RangeError for impossible options. */
  create(options: VmOptions): Vm {
    const frames = this.frames.save();
    const { nextVpid } = this;
    try {
      const vm = this.make(this.nextVm, options);
      this.nextVm++;
      return vm;
    } catch (error) {
      this.frames.restore(frames);
      this.nextVpid = nextVpid;
      throw error;
    }
  }

  /** Number of the VM that will be created next. */
  get nextId(): number {
    return this.nextVm;
  }

  /** Starts a created VM, or lets a paused one go on. */
  start(vm: Vm): void {
    if (vm.state !== 'created' && vm.state !== 'paused') {
      throw new VmStateError(`VM ${vm.id} is ${vm.state}: only a created or paused one can be started`);
    }
    vm.state = 'running';
    vm.clock.run();
    for (const vcpu of vm.vcpus) {
      if (vcpu.state === 'halted' && vcpu.hasEvent) vcpu.state = 'runnable';
      if (vcpu.state === 'runnable') this.scheduler.wake(vcpu);
    }
    this.kickAll();
  }

  /** Its virtual CPUs and its clock stand still until `start`. */
  pause(vm: Vm): void {
    if (vm.state !== 'running')
      throw new VmStateError(`VM ${vm.id} is ${vm.state}: only a running one can be paused`);
    vm.state = 'paused';
    vm.clock.stop();
    for (const vcpu of vm.vcpus) this.scheduler.sleep(vcpu);
    this.kickAll();
  }

  /** Replaces a VM by a fresh one with the same id, options and image, and starts it. */
  reset(vm: Vm): Vm {
    this.destroy(vm);
    const fresh = this.make(vm.id, vm.options);
    this.start(fresh);
    return fresh;
  }

  /** Takes everything from a VM. Its frames are free when no physical CPU holds any part of it. */
  destroy(vm: Vm): void {
    if (vm.state === 'destroyed') return;
    for (const vcpu of vm.vcpus) {
      vcpu.state = 'ended';
      this.scheduler.sleep(vcpu);
    }
    if (vm.clock.running) vm.clock.stop();
    vm.state = 'destroyed';
    this.vms.delete(vm.id);
    this.doomed.add(vm);
    this.reap();
    this.kickAll();
  }

  /** Bytes typed on the console of a VM. */
  type(vm: Vm, bytes: readonly number[]): void {
    vm.console.type(bytes);
    this.kickAll();
  }

  // --- snapshots; host memory is the computer's -----------------------------------------------------

  save(): SavedHypervisor {
    const { nextVm, nextVpid, timerShift } = this;
    return {
      frames: this.frames.save(),
      scheduler: this.scheduler.save(),
      log: this.log.save(),
      vms: [...this.vms.values()].map((vm) => vm.save()),
      doomed: [...this.doomed].map((vm) => vm.save()),
      // One that has not been taken over yet has no state.
      pcpus: this.pcpus.map((p) => ({ p, saved: p.save() })),
      freshFx: this.freshFx.slice(),
      timerShift,
      nextVm,
      nextVpid,
    };
  }

  restore(saved: SavedHypervisor): void {
    this.restoring = true;
    for (const vm of [...saved.vms, ...saved.doomed]) vm.vm.restore(vm);
    this.restoring = false;
    replaceAll(
      this.vms,
      saved.vms.map(({ vm }) => [vm.id, vm]),
    );
    this.doomed.clear();
    for (const { vm } of saved.doomed) this.doomed.add(vm);
    this.pcpus.length = 0;
    for (const { p, saved: state } of saved.pcpus) {
      this.pcpus[p.index] = p;
      p.restore(state);
    }
    this.frames.restore(saved.frames);
    this.scheduler.restore(saved.scheduler);
    this.log.restore(saved.log);
    this.freshFx.set(saved.freshFx);
    this.timerShift = saved.timerShift;
    this.nextVm = saved.nextVm;
    this.nextVpid = saved.nextVpid;
    this.active = undefined;
  }

  // --- HostSoftware -------------------------------------------------------------------------------

  takeOver(cpu: HostCpu): void {
    const p = new PhysicalCpu(cpu, this);
    this.pcpus[cpu.index] = p;
    const region = this.frames.allocate(this.ownFrames);
    if (region === undefined) throw new RangeError('no host page frame is left for a VMXON region');
    cpu.memory.fill(region, 0x1000, 0);
    p.bringUp(region);
    cpu.fxsave(this.freshFx);
    this.timerShift = (cpu.rdmsr(VMX_MSR.MISC)?.lo ?? 0) & 0x1f;
    this.run(p);
  }

  exit(cpu: HostCpu): void {
    const p = this.pcpus[cpu.index];
    const vcpu = p.running;
    if (vcpu === undefined) throw new Error(`a VM exit on physical CPU ${cpu.index}, where nothing runs`);
    this.active = p;
    const { context } = p;
    context.vcpu = vcpu;
    const word = cpu.vmread(FIELD.EXIT_REASON);
    const reason = word & 0xffff;
    p.exitAt = cpu.now();
    p.exitReason = reason;
    vcpu.vm.counters.exits[reason]++;
    this.options.observer?.exited?.(vcpu, reason, p.exitAt);
    cpu.charge(COST.STUB);
    if (word >= ENTRY_FAILURE) this.entryFailed(p, vcpu, exitReason(reason).text);
    else this.handle(p, reason);
    this.run(p);
  }

  private handle(p: PhysicalCpu, reason: number): void {
    const { context } = p;
    restoreInterruptedEvent(context);
    const handler = EXIT_HANDLERS[reason];
    if (handler !== undefined) {
      handler(context);
      return;
    }
    const { name } = exitReason(reason);
    context.vm.finish({
      kind: 'unhandled-exit',
      vcpu: context.vcpu.index,
      rip: context.rip,
      why: `no handler for VM exit ${reason} (${name})`,
    });
  }

  interrupt(cpu: HostCpu, vector: number): void {
    const p = this.pcpus[cpu.index];
    this.active = p;
    p.idle = false;
    this.hostInterrupt(cpu, vector);
    this.run(p);
  }

  // --- what exit handlers ask for -------------------------------------------------------------------

  /** An interrupt for the host itself. */
  hostInterrupt(cpu: HostCpu, vector: number): void {
    const p = this.pcpus[cpu.index];
    if (vector === HOST_VECTOR.TIMER) p.deadlinePassed();
    p.endOfInterrupt();
  }

  /** The virtual CPU cannot run any more for now; its state says why. */
  stopRunning(vcpu: Vcpu, why: string): void {
    const p = this.pcpuOf(vcpu);
    if (vcpu.state !== 'runnable') this.scheduler.sleep(vcpu);
    // Taken off when the handler is through with its registers.
    if (p !== undefined) p.stopRequest = why;
  }

  yield(vcpu: Vcpu, why: string): void {
    if (this.scheduler.waiting === 0) return;
    this.scheduler.yield(vcpu);
    this.stopRunning(vcpu, why);
  }

  sliceOver(vcpu: Vcpu): void {
    if (this.scheduler.waiting > 0) this.stopRunning(vcpu, 'slice used up');
  }

  setGuestTimer(vcpu: Vcpu, nanoseconds: number, vector: number): void {
    const { vm } = vcpu;
    const when = nanoseconds === 0 ? undefined : Math.ceil((nanoseconds * this.options.hz) / 1e9);
    vm.setTimer(vcpu, when, vector);
  }

  guestNanoseconds(vm: Vm): number {
    return Math.floor((vm.clock.now() * 1e9) / this.options.hz);
  }

  /** Pages were taken out of the VM's EPT. */
  invalidateEpt(vm: Vm): void {
    for (const p of this.pcpus) {
      p.staleEpt = true;
      if (p !== this.active && p.running?.vm === vm) this.kick(p);
    }
  }

  // --- scheduling -----------------------------------------------------------------------------------

  /** Ends with a VM entry or with the processor halted. */
  private run(p: PhysicalCpu): void {
    this.active = p;
    for (;;) {
      this.fireTimers(p);
      const vcpu = this.choose(p);
      if (vcpu === undefined) {
        this.goIdle(p);
        break;
      }
      if (this.enter(p, vcpu)) break;
    }
    this.active = undefined;
  }

  private choose(p: PhysicalCpu): Vcpu | undefined {
    const { running } = p;
    if (running !== undefined) {
      const why = this.whyStopped(p, running);
      if (why === undefined) return running;
      this.takeOff(p, running, why);
    }
    const next = this.scheduler.pick();
    if (next === undefined) return undefined;
    const now = p.cpu.now();
    p.running = next;
    next.runningOn = p.index;
    p.sliceEnd = now + this.scheduler.slice;
    this.log.begin(p.index, next.vm.id, next.index, now);
    return next;
  }

  /** Why a running one is not to go on; undefined: it goes on. */
  private whyStopped(p: PhysicalCpu, vcpu: Vcpu): string | undefined {
    const requested = p.stopRequest;
    p.stopRequest = undefined;
    const { vm } = vcpu;
    if (vm.end !== undefined) return vm.end.kind;
    if (!vm.active) return vm.state;
    if (requested !== undefined) return requested;
    if (vcpu.state !== 'runnable') return vcpu.state;
    return this.scheduler.shouldPreempt(vcpu) ? 'preempted' : undefined;
  }

  /**
   * It stops running here. With one physical CPU its registers stay in the processor until another is
   * loaded; with several, another physical CPU may be the next to want them.
   */
  private takeOff(p: PhysicalCpu, vcpu: Vcpu, why: string): void {
    const now = p.cpu.now();
    this.accountExit(p, vcpu, now);
    const cycles = this.log.end(p.index, now, why);
    vcpu.ran += cycles;
    this.scheduler.ran(vcpu, cycles);
    this.scheduler.put(vcpu);
    p.running = undefined;
    vcpu.runningOn = undefined;
    if (this.pcpus.length > 1) this.unload(p);
  }

  private accountExit(p: PhysicalCpu, vcpu: Vcpu, now: number): void {
    if (p.exitReason < 0) return;
    vcpu.vm.counters.exitCycles[p.exitReason] += now - p.exitAt;
    p.exitReason = -1;
  }

  private enter(p: PhysicalCpu, vcpu: Vcpu): boolean {
    const { cpu } = p;
    this.load(p, vcpu);
    prepareTime(cpu, vcpu);
    prepareEvents(cpu, vcpu);
    const limit = this.scheduler.waiting > 0 ? p.sliceEnd - cpu.now() : Number.POSITIVE_INFINITY;
    prepareSlice(cpu, vcpu, limit, this.timerShift);
    p.setDeadline(this.nextTimer(p));
    if (p.staleEpt) {
      p.staleEpt = false;
      cpu.invept(2, 0);
    }
    this.accountExit(p, vcpu, cpu.now());
    this.options.observer?.entered?.(vcpu, cpu.now());
    const error = vcpu.launched ? cpu.vmresume() : cpu.vmlaunch();
    if (error === 0) {
      vcpu.launched = true;
      return true;
    }
    this.entryFailed(p, vcpu, VM_ERROR_TEXTS[error] ?? `VM entry failed with ${error}`);
    return false;
  }

  private entryFailed(p: PhysicalCpu, vcpu: Vcpu, what: string): void {
    const check = p.cpu.failedCheck;
    const why = check
      ? `${what} Not so: ${check.explanation} (${check.id}; SDM 3C, "${check.reference}")`
      : what;
    vcpu.vm.finish({ kind: 'entry-failure', vcpu: vcpu.index, why });
  }

  /** Puts a virtual CPU's registers and VMCS into the processor. */
  private load(p: PhysicalCpu, vcpu: Vcpu): void {
    const { cpu } = p;
    if (p.loaded !== vcpu) {
      cpu.charge(COST.SWITCH);
      this.unload(p);
      if (!vcpu.prepared) {
        cpu.memory.write32(vcpu.vmcs, p.revision);
        expectSuccess(cpu.vmclear(vcpu.vmcs), 'VMCLEAR');
      }
      expectSuccess(cpu.vmptrld(vcpu.vmcs), 'VMPTRLD');
      if (vcpu.prepared) vcpu.saved.load(cpu);
      if (vcpu.lastOn !== p.index) expectSuccess(cpu.invvpid(vcpu.vpid), 'INVVPID');
      vcpu.lastOn = p.index;
      p.loaded = vcpu;
      vcpu.loadedOn = cpu;
      if (!vcpu.prepared) this.prepare(cpu, vcpu);
    }
    if (vcpu.initPending || vcpu.startupVector >= 0) this.takeInitAndStartup(cpu, vcpu);
  }

  private prepare(cpu: HostCpu, vcpu: Vcpu): void {
    vcpu.prepared = true;
    vcpu.saved.fx.set(this.freshFx);
    vcpu.saved.load(cpu);
    setUpVmcs(cpu, vcpu, { rip: this.options.hostRip });
    if (vcpu.index === 0) bootState(cpu, cpu.gprs, vcpu.vm.boot);
  }

  private takeInitAndStartup(cpu: HostCpu, vcpu: Vcpu): void {
    if (vcpu.initPending) {
      vcpu.initPending = false;
      resetState(cpu);
    }
    if (vcpu.startupVector >= 0) {
      startupState(cpu, vcpu.startupVector);
      vcpu.startupVector = -1;
    }
  }

  private unload(p: PhysicalCpu): void {
    const { loaded, cpu } = p;
    if (loaded === undefined) return;
    loaded.saved.save(cpu);
    loaded.loadedOn = undefined;
    p.loaded = undefined;
    // Another physical CPU may be next to use it, and a VMCS is to be active on one only.
    if (this.pcpus.length > 1 || loaded.state === 'ended') {
      expectSuccess(cpu.vmclear(loaded.vmcs), 'VMCLEAR');
      loaded.launched = false;
    }
    this.reap();
  }

  private goIdle(p: PhysicalCpu): void {
    if (p.loaded?.state === 'ended') this.unload(p);
    p.idle = true;
    p.setDeadline(this.nextTimer(p));
    p.cpu.halt();
  }

  // --- timers, kicks --------------------------------------------------------------------------------

  /** The physical CPU that takes a VM's timer interrupts. */
  private timerCpu(vm: Vm): PhysicalCpu | undefined {
    return this.pcpus[vm.id % Math.max(1, this.pcpus.length)] ?? this.pcpus[0];
  }

  private nextTimer(p: PhysicalCpu): number {
    let next = Number.POSITIVE_INFINITY;
    for (const vm of this.vms.values()) {
      if (this.timerCpu(vm) === p) next = Math.min(next, vm.clock.deadline);
    }
    return next;
  }

  private fireTimers(p: PhysicalCpu): void {
    while (this.nextTimer(p) <= p.cpu.now()) {
      for (const vm of this.vms.values()) if (this.timerCpu(vm) === p) vm.clock.fireDue();
    }
  }

  private timersChanged(vm: Vm): void {
    if (this.restoring) return;
    const p = this.timerCpu(vm);
    // The active processor programs its timer before it leaves; others have to be told.
    if (p !== undefined && p !== this.active) this.kick(p);
  }

  /** An event for a virtual CPU may have come. */
  private kicked(vcpu: Vcpu): void {
    if (this.restoring) return;
    const { vm } = vcpu;
    if (vcpu.initPending && vcpu.state !== 'ended') {
      vcpu.state = 'waiting';
      this.scheduler.sleep(vcpu);
    }
    const starts = vcpu.state === 'waiting' && vcpu.startupVector >= 0;
    const wakes = vcpu.state === 'halted' && vcpu.hasEvent;
    if (starts || wakes) {
      vcpu.state = 'runnable';
      if (vm.active) this.scheduler.wake(vcpu);
    }
    if (!vm.active) return;
    const p =
      vcpu.runningOn === undefined ? this.pcpus.find((other) => other.idle) : this.pcpus[vcpu.runningOn];
    if (p !== undefined && p !== this.active) this.kick(p);
  }

  private kick(p: PhysicalCpu): void {
    if (this.active === undefined) p.kickSelf();
    else this.active.sendKick(p);
  }

  private kickAll(): void {
    for (const p of this.pcpus) if (p !== this.active) this.kick(p);
  }

  // --- inside ---------------------------------------------------------------------------------------

  private make(id: number, options: VmOptions): Vm {
    const host: VmHost = {
      memory: this.options.memory,
      frames: this.frames,
      hz: this.options.hz,
      physicalAddressBits: this.options.physicalAddressBits,
      now: () => (this.active ?? this.pcpus[0])?.cpu.now() ?? 0,
      newVpid: () => this.newVpid(),
      kicked: (vcpu) => this.kicked(vcpu),
      timersChanged: (vm) => this.timersChanged(vm),
      ended: (vm) => this.ended(vm),
    };
    const vm = new Vm(id, options, host);
    this.vms.set(id, vm);
    for (const vcpu of vm.vcpus) this.scheduler.add(vcpu);
    return vm;
  }

  private newVpid(): number {
    const vpid = this.nextVpid;
    // After 65,535 of them the first are long gone; their translations are dropped with their EPT.
    this.nextVpid = (vpid % 0xffff) + 1;
    return vpid;
  }

  private ended(vm: Vm): void {
    for (const vcpu of vm.vcpus) this.scheduler.sleep(vcpu);
    if (vm.end !== undefined) this.options.observer?.ended?.(vm, vm.end);
    for (const p of this.pcpus) if (p !== this.active && p.running?.vm === vm) this.kick(p);
  }

  /** Frees what destroyed VMs held once no processor holds them. */
  private reap(): void {
    for (const vm of this.doomed) {
      if (vm.vcpus.some((vcpu) => vcpu.loadedOn !== undefined || vcpu.runningOn !== undefined)) continue;
      this.doomed.delete(vm);
      for (const vcpu of vm.vcpus) this.scheduler.remove(vcpu);
      vm.releaseFrames();
      for (const p of this.pcpus) p.staleEpt = true;
    }
  }

  private pcpuOf(vcpu: Vcpu): PhysicalCpu | undefined {
    return vcpu.runningOn === undefined ? undefined : this.pcpus[vcpu.runningOn];
  }
}

function replaceAll<K, V>(map: Map<K, V>, entries: readonly (readonly [K, V])[]): void {
  map.clear();
  for (const [key, value] of entries) map.set(key, value);
}

function expectSuccess(error: number, instruction: string): void {
  if (error !== 0) throw new Error(`${instruction} failed: ${VM_ERROR_TEXTS[error] ?? error}`);
}
