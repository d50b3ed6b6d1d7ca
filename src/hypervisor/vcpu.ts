/** A virtual CPU: its VMCS, the registers that VMX does not switch, and the events that wait for it. */
import { VECTOR } from '../arch/registers.ts';
import { INTERRUPTION, INTERRUPTION_TYPE } from '../arch/vmx.ts';
import type { HostCpu } from '../contracts/host-cpu.ts';
import type { InterruptTarget } from '../contracts/interrupts.ts';
import type { Stateful } from '../contracts/state.ts';
import type { LocalApic } from '../devices/apic/local-apic.ts';
import type { Entity } from './scheduler/scheduler.ts';
import type { Vm } from './vm.ts';

export type VcpuState =
  /** Can run, or runs. */
  | 'runnable'
  /** Executed HLT: waits for an interrupt. */
  | 'halted'
  /** Waits for INIT and SIPI. */
  | 'waiting'
  /** Will never run again. */
  | 'ended';

/** MSRs that the guest uses directly and that are switched with the virtual CPU. */
export const SWITCHED_MSRS = [
  0xc000_0081, 0xc000_0082, 0xc000_0083, 0xc000_0084, 0xc000_0102, 0xc000_0103,
] as const;

export const SWITCHED_DRS = [0, 1, 2, 3, 6] as const;
const DR6_RESET = 0xffff_0ff0;

/** What a physical CPU holds of a virtual one while it is loaded there. */
class SavedRegisters {
  readonly gprs = new Uint32Array(32);
  readonly fx = new Uint8Array(512);
  msrs = SWITCHED_MSRS.map(() => ({ lo: 0, hi: 0 }));
  drs = SWITCHED_DRS.map((n) => ({ lo: n === 6 ? DR6_RESET : 0, hi: 0 }));
  cr2Lo = 0;
  cr2Hi = 0;

  copy(): SavedRegisters {
    const copy = new SavedRegisters();
    copy.assign(this);
    return copy;
  }

  assign(from: SavedRegisters): void {
    this.gprs.set(from.gprs);
    this.fx.set(from.fx);
    this.msrs = from.msrs.map((msr) => ({ ...msr }));
    this.drs = from.drs.map((dr) => ({ ...dr }));
    this.cr2Lo = from.cr2Lo;
    this.cr2Hi = from.cr2Hi;
  }

  save(cpu: HostCpu): void {
    this.gprs.set(cpu.gprs);
    cpu.fxsave(this.fx);
    this.cr2Lo = cpu.cr2Lo;
    this.cr2Hi = cpu.cr2Hi;
    SWITCHED_DRS.forEach((n, i) => {
      this.drs[i] = cpu.readDr(n);
    });
    SWITCHED_MSRS.forEach((index, i) => {
      this.msrs[i] = cpu.rdmsr(index) ?? { lo: 0, hi: 0 };
    });
  }

  load(cpu: HostCpu): void {
    cpu.gprs.set(this.gprs);
    cpu.fxrstor(this.fx);
    cpu.setCr2(this.cr2Lo, this.cr2Hi);
    SWITCHED_DRS.forEach((n, i) => {
      cpu.writeDr(n, this.drs[i].lo, this.drs[i].hi);
    });
    SWITCHED_MSRS.forEach((index, i) => {
      cpu.wrmsr(index, this.msrs[i].lo, this.msrs[i].hi);
    });
  }
}

/** Fields of a virtual CPU that change and can be copied as they are. */
const SAVED_FIELDS = [
  'state',
  'prepared',
  'launched',
  'loadedOn',
  'lastOn',
  'runningOn',
  'ran',
  'primaryControls',
  'preemptionTimer',
  'tscOffset',
  'injection',
  'injectionError',
  'injectionLength',
  'nmiPending',
  'startupVector',
  'initPending',
] as const;

export interface SavedVcpu extends Readonly<Pick<Vcpu, (typeof SAVED_FIELDS)[number]>> {
  readonly registers: SavedRegisters;
  readonly storedMsrs: readonly (readonly [index: number, value: { lo: number; hi: number }])[];
  readonly directVectors: readonly number[];
}

const pick = <T, K extends keyof T>(from: T, keys: readonly K[]): Pick<T, K> =>
  Object.fromEntries(keys.map((key) => [key, from[key]])) as Pick<T, K>;

export class Vcpu implements Entity, InterruptTarget, Stateful<SavedVcpu> {
  readonly vm: Vm;
  readonly index: number;
  readonly weight: number;
  /** Host-physical address of its VMCS. */
  readonly vmcs: number;
  readonly vpid: number;
  readonly saved = new SavedRegisters();
  state: VcpuState;
  /** The VMCS has been filled in; it has been launched on the processor that has it. */
  prepared = false;
  launched = false;
  /** The physical CPU whose current VMCS is this one's. */
  loadedOn: HostCpu | undefined;
  /** Index of the physical CPU that has run it last: only there are its cached translations up to date. */
  lastOn: number | undefined;
  /** The physical CPU that executes it, between a VM entry and the handling of the next exit too. */
  runningOn: number | undefined;
  /** Cycles run since creation. */
  ran = 0;
  /** MSRs that exist for the guest as stored values only. */
  readonly storedMsrs = new Map<number, { lo: number; hi: number }>();
  /** What the VMCS holds in these fields, to write them only on change. */
  primaryControls = 0;
  preemptionTimer = -1;
  tscOffset = Number.NaN;

  /** Event for the next VM entry; 0: none. See `INTERRUPTION`. */
  injection = 0;
  injectionError = 0;
  injectionLength = 0;
  nmiPending = false;
  /** Vectors of hypercall timers, delivered past the virtual interrupt controllers. */
  readonly directVectors: number[] = [];
  /** Start-up vector of a SIPI that has arrived, -1: none. */
  startupVector = -1;
  initPending = false;
  private readonly kicked: (vcpu: Vcpu) => void;

  constructor(options: {
    vm: Vm;
    index: number;
    weight: number;
    vmcs: number;
    vpid: number;
    kicked: (vcpu: Vcpu) => void;
  }) {
    this.vm = options.vm;
    this.index = options.index;
    this.weight = options.weight;
    this.vmcs = options.vmcs;
    this.vpid = options.vpid;
    this.kicked = options.kicked;
    this.state = options.index === 0 ? 'runnable' : 'waiting';
  }

  /** Its virtual local APIC. */
  get apic(): LocalApic {
    return this.vm.board.localApics[this.index];
  }

  get name(): string {
    return `VM ${this.vm.id} vCPU ${this.index}`;
  }

  /** Live while loaded on a physical CPU, else as saved. */
  get gprs(): Uint32Array {
    return this.loadedOn?.gprs ?? this.saved.gprs;
  }

  // --- snapshots --------------------------------------------------------------------------------

  save(): SavedVcpu {
    return {
      ...pick(this, SAVED_FIELDS),
      registers: this.saved.copy(),
      storedMsrs: [...this.storedMsrs],
      directVectors: [...this.directVectors],
    };
  }

  restore(saved: SavedVcpu): void {
    const { registers, storedMsrs, directVectors, ...fields } = saved;
    Object.assign(this, fields);
    this.saved.assign(registers);
    this.storedMsrs.clear();
    for (const [index, value] of storedMsrs) this.storedMsrs.set(index, value);
    this.directVectors.splice(0, Number.POSITIVE_INFINITY, ...directVectors);
  }

  /** In a text, the name stands for it. */
  toJSON(): string {
    return this.name;
  }

  // --- events -----------------------------------------------------------------------------------

  /** An exception for the next entry. `error` undefined: it has no error code. */
  injectException(vector: number, error?: number): void {
    const type = vector === VECTOR.BP || vector === VECTOR.OF ? 'SOFTWARE_EXCEPTION' : 'HARDWARE_EXCEPTION';
    this.inject(vector, INTERRUPTION_TYPE[type], error);
  }

  inject(vector: number, type: number, error?: number, length = 0): void {
    const code = error === undefined ? 0 : INTERRUPTION.ERROR_CODE;
    this.injection = (INTERRUPTION.VALID | (type << INTERRUPTION.TYPE_SHIFT) | code | vector) >>> 0;
    this.injectionError = error ?? 0;
    this.injectionLength = length;
  }

  /** Whether something could end a HLT. */
  get hasEvent(): boolean {
    return (
      this.nmiPending ||
      this.initPending ||
      this.startupVector >= 0 ||
      this.directVectors.length > 0 ||
      this.apic.pending()
    );
  }

  // --- InterruptTarget: what the virtual local APIC asks ------------------------------------------

  interruptRequested(): void {
    this.kicked(this);
  }

  nmi(): void {
    this.nmiPending = true;
    this.kicked(this);
  }

  init(): void {
    this.initPending = true;
    this.kicked(this);
  }

  startup(vector: number): void {
    // A start-up IPI means something only to a processor that waits for it.
    if (this.state === 'waiting') this.startupVector = vector;
    this.kicked(this);
  }
}
