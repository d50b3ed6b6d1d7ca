/** A virtual machine: memory, virtual CPUs, virtual devices, and what became of it. */
import { EXIT_REASONS_LENGTH } from '../arch/exit-reasons.ts';
import type { BootState } from '../contracts/boot.ts';
import type { Timer } from '../contracts/clock.ts';
import type { HostMemory } from '../contracts/host-cpu.ts';
import type { PhysicalMemory } from '../contracts/memory.ts';
import type { Stateful } from '../contracts/state.ts';
import { Board } from '../devices/board.ts';
import { type SavedConsole, VmConsole } from './console.ts';
import { FRAME_SIZE, type FrameAllocator } from './frames.ts';
import { GuestMemory, type SavedGuestMemory } from './guest-memory.ts';
import { msrBitmap } from './msr-bitmap.ts';
import { GuestClock, type SavedGuestClock } from './timers.ts';
import { type SavedVcpu, Vcpu } from './vcpu.ts';

/** Puts an image into memory and says how the first processor starts; throws when it cannot be booted. */
export type Loader = (
  memory: PhysicalMemory,
  info: { readonly cpus: number; readonly acpi: boolean },
) => BootState;

export interface VmOptions {
  readonly name: string;
  /** Bytes of RAM: a multiple of 4 KiB, 1 MiB to 2 GiB. */
  readonly memory: number;
  readonly vcpus: number;
  readonly acpi: boolean;
  readonly load: Loader;
  /** What the guest writes on its console. */
  readonly console: (byte: number) => void;
  /** Share of processor time relative to other VMs; 1024 when absent. */
  readonly weight?: number;
  /** Exceptions that exit, to be counted, before the guest gets them; bit n is vector n. */
  readonly exceptionBitmap?: number;
  /** Seconds since 1970-01-01 UTC when the VM starts. */
  readonly startTime: number;
  /** The guest is not told by CPUID that there is a hypervisor; false when absent. */
  readonly hidden?: boolean;
}

/** Why a VM will not run again. */
export type VmEnd =
  | { readonly kind: 'power-off' }
  | { readonly kind: 'reset' }
  /** The debug exit port: (value << 1) | 1. */
  | { readonly kind: 'exit'; readonly status: number }
  | { readonly kind: 'triple-fault'; readonly vcpu: number; readonly rip: number }
  /** VM entry failed: a defect of the hypervisor, or a guest state that the processor does not allow. */
  | { readonly kind: 'entry-failure'; readonly vcpu: number; readonly why: string }
  | { readonly kind: 'unhandled-exit'; readonly vcpu: number; readonly rip: number; readonly why: string }
  | { readonly kind: 'out-of-memory'; readonly vcpu: number };

export type VmState = 'created' | 'running' | 'paused' | 'ended' | 'destroyed';

export interface VmHost {
  readonly memory: HostMemory;
  readonly frames: FrameAllocator;
  readonly hz: number;
  readonly physicalAddressBits: number;
  now(): number;
  /** Fresh VPIDs, one after the other from 1. */
  newVpid(): number;
  kicked(vcpu: Vcpu): void;
  timersChanged(vm: Vm): void;
  ended(vm: Vm): void;
}

interface SavedCounters {
  readonly exits: Float64Array;
  readonly exitCycles: Float64Array;
  readonly hypercalls: readonly (readonly [number: number, counts: { count: number; errors: number }])[];
  readonly backed: number;
}

/** Counts of VM exits by basic reason, and of hypercalls by number. */
export class VmCounters {
  readonly exits = new Float64Array(EXIT_REASONS_LENGTH);
  /** Cycles from exit to entry. */
  readonly exitCycles = new Float64Array(EXIT_REASONS_LENGTH);
  readonly hypercalls = new Map<number, { count: number; errors: number }>();
  /** Host page frames backed on EPT violations, pages given back by the balloon. */
  backed = 0;

  hypercall(number: number, failed: boolean): void {
    const entry = this.hypercalls.get(number) ?? { count: 0, errors: 0 };
    entry.count++;
    if (failed) entry.errors++;
    this.hypercalls.set(number, entry);
  }

  save(): SavedCounters {
    const { exits, exitCycles, hypercalls, backed } = this;
    const calls = [...hypercalls].map(([number, counts]) => [number, { ...counts }] as const);
    return { exits: exits.slice(), exitCycles: exitCycles.slice(), hypercalls: calls, backed };
  }

  restore(saved: SavedCounters): void {
    this.exits.set(saved.exits);
    this.exitCycles.set(saved.exitCycles);
    this.hypercalls.clear();
    for (const [number, counts] of saved.hypercalls) this.hypercalls.set(number, { ...counts });
    this.backed = saved.backed;
  }

  get total(): number {
    return this.exits.reduce((a, b) => a + b, 0);
  }
}

export interface SavedVm {
  readonly vm: Vm;
  readonly state: VmState;
  readonly end: VmEnd | undefined;
  readonly tscAdjust: number;
  readonly counters: SavedCounters;
  readonly memory: SavedGuestMemory;
  readonly clock: SavedGuestClock;
  readonly console: SavedConsole;
  readonly board: Record<string, unknown>;
  readonly vcpus: readonly SavedVcpu[];
  /** Alarms of SET_TIMER hypercalls, by virtual CPU. */
  readonly timers: readonly { readonly when: number | undefined; readonly vector: number }[];
}

export class Vm implements Stateful<SavedVm> {
  readonly id: number;
  readonly options: VmOptions;
  readonly memory: GuestMemory;
  readonly clock: GuestClock;
  readonly board: Board;
  readonly console: VmConsole;
  readonly vcpus: readonly Vcpu[];
  readonly counters = new VmCounters();
  /** Host-physical address of the MSR bitmap. */
  readonly msrBitmap: number;
  /** How the first virtual CPU starts. */
  readonly boot: BootState;
  state: VmState = 'created';
  end: VmEnd | undefined;
  /** What the guest's time-stamp counter is ahead of its clock, by writes to it. */
  tscAdjust = 0;
  /** Alarms of SET_TIMER hypercalls, by virtual CPU. */
  private readonly timers: readonly { readonly alarm: Timer; vector: number }[];
  private readonly host: VmHost;
  private readonly ownFrames: number;

  /** Makes the VM and loads its image. Throws what the loader throws, with nothing left behind. */
  constructor(id: number, options: VmOptions, host: VmHost) {
    checkOptions(options);
    this.id = id;
    this.options = options;
    this.host = host;
    const { frames } = host;
    this.ownFrames = frames.addOwner({ use: 'hypervisor', vm: id, label: `VM ${id}: VMCS and bitmaps` });
    this.memory = new GuestMemory(options.memory, id, host.memory, frames);
    try {
      this.boot = options.load(this.memory, { cpus: options.vcpus, acpi: options.acpi });
      this.msrBitmap = this.newPage(msrBitmap());
      this.vcpus = Array.from(
        { length: options.vcpus },
        (_, index) =>
          new Vcpu({
            vm: this,
            index,
            weight: options.weight ?? 1024,
            vmcs: this.newPage(),
            vpid: host.newVpid(),
            kicked: (vcpu) => host.kicked(vcpu),
          }),
      );
    } catch (error) {
      this.releaseFrames();
      throw error;
    }
    this.clock = new GuestClock(
      host.hz,
      () => host.now(),
      () => host.timersChanged(this),
    );
    this.console = new VmConsole(options.console, (bytes) => this.board.serial.receive(bytes));
    this.board = this.makeBoard();
    this.board.reset();
    this.timers = this.vcpus.map((vcpu, index) => {
      const alarm = this.clock.timer(`hypercall timer ${index}`, () => {
        vcpu.directVectors.push(this.timers[index].vector);
        host.kicked(vcpu);
      });
      return { alarm, vector: 0 };
    });
  }

  /** The guest writes its time-stamp counter. */
  writeTsc(value: number): void {
    this.tscAdjust = value - this.clock.now();
    for (const apic of this.board.localApics) apic.tscChanged();
  }

  /** What the TSC-offset field has to hold: guest TSC less host TSC. */
  get tscOffset(): number {
    return this.tscAdjust - this.clock.hostOffset;
  }

  /** One shot of `vector` at a guest cycle; undefined cancels. */
  setTimer(vcpu: Vcpu, when: number | undefined, vector: number): void {
    const timer = this.timers[vcpu.index];
    timer.vector = vector;
    if (when === undefined) timer.alarm.cancel();
    else timer.alarm.set(when);
  }

  // --- snapshots; the memory's content is the host's ------------------------------------------------

  save(): SavedVm {
    return {
      vm: this,
      state: this.state,
      end: this.end,
      tscAdjust: this.tscAdjust,
      counters: this.counters.save(),
      memory: this.memory.save(),
      clock: this.clock.save(),
      console: this.console.save(),
      board: this.board.save(),
      vcpus: this.vcpus.map((vcpu) => vcpu.save()),
      timers: this.timers.map(({ alarm, vector }) => ({ when: alarm.when, vector })),
    };
  }

  /** What its devices tell its virtual CPUs while they are put back is undone by their own states. */
  restore(saved: SavedVm): void {
    this.state = saved.state;
    this.end = saved.end;
    this.tscAdjust = saved.tscAdjust;
    this.counters.restore(saved.counters);
    this.memory.restore(saved.memory);
    this.clock.restore(saved.clock);
    this.console.restore(saved.console);
    this.board.restore(saved.board);
    for (const [i, timer] of saved.timers.entries()) this.setTimer(this.vcpus[i], timer.when, timer.vector);
    for (const [i, vcpu] of saved.vcpus.entries()) this.vcpus[i].restore(vcpu);
  }

  /** In a text, the number stands for it. */
  toJSON(): number {
    return this.id;
  }

  /** Ends the VM for good; the others do not notice. */
  finish(end: VmEnd): void {
    if (this.end !== undefined) return;
    this.end = end;
    this.state = 'ended';
    for (const vcpu of this.vcpus) vcpu.state = 'ended';
    this.clock.stop();
    this.host.ended(this);
  }

  /** A virtual CPU of it may run. */
  get active(): boolean {
    return this.state === 'running';
  }

  releaseFrames(): void {
    this.memory.destroy();
    this.host.frames.releaseAll(this.ownFrames);
  }

  private newPage(content?: Uint8Array): number {
    const frame = this.host.frames.allocate(this.ownFrames);
    if (frame === undefined) throw new RangeError('no host page frame is left for another virtual machine');
    this.host.memory.fill(frame, FRAME_SIZE, 0);
    if (content !== undefined) this.host.memory.write(frame, content);
    return frame;
  }

  private makeBoard(): Board {
    const { options } = this;
    return new Board({
      clock: this.clock,
      processors: this.vcpus,
      ramBytes: options.memory,
      startTime: options.startTime,
      serialOutput: { write: (byte) => this.console.write(byte) },
      physicalAddressBits: this.host.physicalAddressBits,
      tscOffset: () => this.tscAdjust,
      events: {
        reset: () => this.finish({ kind: 'reset' }),
        init: () => this.finish({ kind: 'reset' }),
        powerOff: () => this.finish({ kind: 'power-off' }),
        exit: (status) => this.finish({ kind: 'exit', status }),
      },
    });
  }
}

const MIB = 0x10_0000;
const MAX_MEMORY = 2048 * MIB;
const MAX_VCPUS = 8;

function checkOptions({ memory, vcpus }: VmOptions): void {
  if (!Number.isInteger(memory) || memory < MIB || memory > MAX_MEMORY || memory % FRAME_SIZE !== 0) {
    throw new RangeError(`${memory} bytes of memory: choose 1 MiB to 2 GiB in steps of 4 KiB`);
  }
  if (!Number.isInteger(vcpus) || vcpus < 1 || vcpus > MAX_VCPUS) {
    throw new RangeError(`${vcpus} virtual CPUs: choose 1 to ${MAX_VCPUS}`);
  }
}
