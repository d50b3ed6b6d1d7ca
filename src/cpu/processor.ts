/**
 * One logical processor: runs generated code, and between its returns looks up code, delivers
 * interrupts and exceptions, and keeps time.
 *
 * Time: BUDGET in the CPU block counts cycles down while code runs; `horizon - BUDGET` is the present
 * cycle at every moment, also inside a port access. One instruction is one cycle; `charge` adds more.
 */

import type { CpuidConfig } from '../arch/cpuid.ts';
import { FLAG, SEG, VECTOR } from '../arch/registers.ts';
import type { BusTarget } from '../contracts/device.ts';
import type { InterruptSource, InterruptTarget } from '../contracts/interrupts.ts';
import { opcodeMap } from '../isa/instructions.ts';
import type { CodeMode } from '../isa/modes.ts';
import { CodeFinder } from './code-finder.ts';
import {
  byEvent,
  byExit,
  byInstruction,
  type CrossingCause,
  CrossingLog,
  type Ring,
  VM_ENTRY,
} from './crossings.ts';
import { type EngineExports, type EngineImports, getEngine } from './engine.ts';
import type { Recorder } from './micro-operations.ts';
import { Mmu } from './mmu.ts';
import { signedNumber } from './number64.ts';
import type { ProcessorObserver } from './observer.ts';
import { RecordedAccesses } from './recorded-accesses.ts';
import { Registers } from './registers.ts';
import { initRegisters, resetRegisters } from './reset.ts';
import type { Runtime } from './runtime.ts';
import {
  ACTIVITY,
  CPU_BLOCK_SIZE,
  CROSSED,
  DIRECT,
  FAULT_VM_EXIT,
  INTERRUPT_CYCLES,
  INTERRUPTIBILITY,
  LAYOUT,
  RECORD,
  RETURN,
  STATE,
  STATUS,
} from './state.ts';
import { SVM_OPERATIONS } from './svm/instructions.ts';
import { Svm } from './svm/svm.ts';
import type { PortSpace, StopReason, SystemContext, SystemOperation } from './system/context.ts';
import { hasCodeBreakpoints, matchExecution, noteSingleStep } from './system/debug.ts';
import { DR6 } from './system/debug-registers.ts';
import { deliverEvent, deliverPendingFault } from './system/deliver.ts';
import { type DeliveredEvent, EVENT_TYPE } from './system/event.ts';
import { writableCr4 } from './system/features.ts';
import { systemOperations } from './system/index.ts';
import type { Interceptor } from './system/intercept.ts';
import { refresh } from './system/mode.ts';
import { readMsr, writeMsr } from './system/msr.ts';
import { DecodedRecord } from './system/record.ts';
import { tscAt } from './system/tsc.ts';
import type { SavedTranslations } from './tlb.ts';
import { type InstructionMark, Translator } from './translator.ts';
import type { Virtualization } from './virtualization/virtualization.ts';
import { VMX_OPERATIONS } from './vmx/instructions.ts';
import { Vmx } from './vmx/vmx.ts';
import { transcendentalHelper } from './x87/transcendental.ts';

/**
 * Cycles that generated code runs at a time: so that what is hot gets compiled, and the engine below
 * comes to replace code that loops by better code.
 */
const LONGEST_PIECE = 1_000_000;
/** INTERRUPTIBILITY bits that hold back NMIs. */
const NMI_BLOCKING = INTERRUPTIBILITY.NMI | INTERRUPTIBILITY.MOV_SS;
/** INTERRUPTIBILITY bits that last for one instruction. */
const SHADOW = INTERRUPTIBILITY.STI | INTERRUPTIBILITY.MOV_SS;

export interface ProcessorOptions {
  readonly memory: WebAssembly.Memory;
  readonly ramBytes: number;
  /** 0 for the bootstrap processor. */
  readonly index: number;
  readonly runtime: Runtime;
  /** Memory-mapped I/O by host-physical address. */
  readonly bus: BusTarget;
  readonly ports: PortSpace;
  readonly cpuid: CpuidConfig;
  /** What the time-stamp counter counts when this processor's cycle is `now`, where processors have to agree; absent: `now`. */
  readonly tsc?: (now: number) => number;
}

/** A processor between two instructions. */
export interface SavedProcessor {
  /** The CPU block. */
  readonly block: Uint8Array;
  readonly stale: number;
  readonly horizon: number;
  readonly charged: number;
  readonly idled: number;
  readonly stopReason: StopReason | undefined;
  readonly nmiPending: boolean;
  readonly initPending: boolean;
  readonly startupVector: number;
  readonly translations: SavedTranslations;
  /** As VT-x or AMD-V saves it. */
  readonly virtualization: unknown;
}

/** Why `run` came back. */
export type RunEnd =
  /** The instant asked for is reached. */
  | { readonly kind: 'time' }
  /** HLT, shutdown or waiting for SIPI: nothing to do until an event. */
  | { readonly kind: 'idle' }
  | { readonly kind: 'breakpoint'; readonly linear: number }
  | { readonly kind: 'stopped'; readonly reason: StopReason };

const TIME: RunEnd = { kind: 'time' };
const IDLE: RunEnd = { kind: 'idle' };

export class Processor implements SystemContext, InterruptTarget {
  readonly index: number;
  readonly regs: Registers;
  readonly memory: Mmu;
  readonly record: DecodedRecord;
  readonly ports: PortSpace;
  readonly cpuid: CpuidConfig;
  readonly virtualization: Virtualization;
  delivering: DeliveredEvent | undefined;
  /** Whether a breakpoint counts now: e.g. only in one VM. */
  breakpointFilter: (linear: number) => boolean = () => true;

  observer: ProcessorObserver | undefined;
  /** Changes of ring, for the views. */
  readonly crossings = new CrossingLog();

  private readonly o: ProcessorOptions;
  private readonly u32: Uint32Array;
  private readonly imports: EngineImports;
  /** Present while somebody records. */
  private recorded: RecordedAccesses | undefined;
  /** `run` of the generated code. */
  private readonly generated: EngineExports['run'];
  private readonly finder: CodeFinder;
  private readonly operations: readonly SystemOperation[];
  private readonly names: readonly string[];
  /** Their causes of crossings. */
  private readonly causes: readonly CrossingCause[];
  private source!: InterruptSource;
  private horizon = 0;
  /** End of the run under way. */
  private until = 0;
  private charged = 0;
  private idled = 0;
  private stopReason: StopReason | undefined;
  private nmiPending = false;
  private initPending = false;
  private startupVector = -1;

  constructor(options: ProcessorOptions) {
    this.o = options;
    this.index = options.index;
    this.ports = options.ports;
    this.cpuid = options.cpuid;
    const { memory } = options;
    this.u32 = new Uint32Array(memory.buffer);
    this.regs = new Registers(memory, LAYOUT.CPUS + options.index * CPU_BLOCK_SIZE);
    this.record = new DecodedRecord(memory, this.regs);
    this.memory = new Mmu({
      memory,
      regs: this.regs,
      ramBytes: options.ramBytes,
      code: options.runtime.code,
      written: options.runtime.code.writtenPages,
      reads: options.runtime.reads,
      bus: options.bus,
      resync: () => this.requestStop(),
    });
    this.imports = {
      readMiss: (segment, lo, hi, bytes) => this.memory.readMiss(segment, lo, hi, bytes),
      writeMiss: (segment, lo, hi, bytes, modify) => this.memory.writeMiss(segment, lo, hi, bytes, modify),
      commitSlow: () => this.memory.commitSlow(),
      system: (record) => this.system(record, this.u32[(record + RECORD.LINK) >> 2]),
      systemNumbered: (record, number) => this.system(record, number),
      hot: (record, table) => this.requestRegion(record, table),
      helpers: { transcendental: transcendentalHelper(this.regs) },
    };
    this.generated = options.runtime.exports.run;
    this.regs.evaluateFlags = options.runtime.exports.rflags;
    const { plan } = getEngine();
    this.finder = new CodeFinder({
      memory,
      regs: this.regs,
      mmu: this.memory,
      code: options.runtime.code,
      translator: new Translator(memory, opcodeMap, plan, options.runtime.code, options.cpuid),
      ramBytes: options.ramBytes,
      outsideRam: (physical) => this.fetchOutsideRam(physical),
    });
    this.names = plan.systemNames;
    this.causes = this.names.map(byInstruction);
    this.operations = plan.systemNames.map((name) => {
      const operation = systemOperations[name] ?? VMX_OPERATIONS[name] ?? SVM_OPERATIONS[name];
      if (!operation) throw new Error(`no system operation named ${name}`);
      return operation;
    });
    this.virtualization = createVirtualization(options, this);
    this.memory.walker.guestPhysical = this.virtualization.secondDimension;
    this.virtualization.connect(this);
    this.reset();
  }

  /** Wires the local APIC; once, before the first run. */
  connect(source: InterruptSource): void {
    this.source = source;
  }

  // --- snapshots ----------------------------------------------------------------------------------

  save(): SavedProcessor {
    const { regs, horizon, charged, idled, stopReason } = this;
    const { nmiPending, initPending, startupVector } = this;
    return {
      block: regs.u8.slice(),
      stale: regs.stale,
      horizon,
      charged,
      idled,
      stopReason,
      nmiPending,
      initPending,
      startupVector,
      translations: this.memory.tlb.save(),
      virtualization: this.virtualization.save(),
    };
  }

  /** After RAM, what is decoded, and `clearWriters`. */
  restore(saved: SavedProcessor): void {
    this.regs.u8.set(saved.block);
    this.regs.stale = saved.stale;
    this.horizon = saved.horizon;
    this.charged = saved.charged;
    this.idled = saved.idled;
    this.stopReason = saved.stopReason;
    this.nmiPending = saved.nmiPending;
    this.initPending = saved.initPending;
    this.startupVector = saved.startupVector;
    this.delivering = undefined;
    this.memory.tlb.restore(saved.translations);
    this.virtualization.restore(saved.virtualization);
  }

  /** Marks the pages of RAM that it can write without further notice: see written-pages.ts. */
  markWritable(): void {
    this.memory.tlb.markWritable();
    this.virtualization.markWritable();
  }

  /** Power-on. The bootstrap processor is active, the others wait for SIPI. */
  reset(): void {
    this.virtualization.reset();
    resetRegisters(this.regs, this.cpuid);
    this.regs.activity = this.index === 0 ? ACTIVITY.ACTIVE : ACTIVITY.WAIT_FOR_SIPI;
    this.stopReason = undefined;
    this.nmiPending = false;
    this.initPending = false;
    this.startupVector = -1;
    this.delivering = undefined;
    this.memory.reset();
    refresh(this.regs);
  }

  // --- SystemContext ------------------------------------------------------------------------------

  get interrupts(): InterruptSource {
    return this.source;
  }

  get interceptor(): Interceptor | undefined {
    return this.virtualization.interceptor;
  }

  get recorder(): Recorder | undefined {
    return this.memory.recorder;
  }

  /** Hears of all micro-operations, while one instruction at a time is run (`step`). */
  set recorder(recorder: Recorder | undefined) {
    const { memory, regs, imports } = this;
    memory.recorder = recorder;
    this.virtualization.secondDimension.recorder = recorder;
    this.recorded = recorder && new RecordedAccesses(recorder, memory, regs, imports);
  }

  charge(cycles: number): void {
    const { i32 } = this.regs;
    i32[STATE.BUDGET >> 2] -= cycles;
    i32[STATE.STI_BUDGET >> 2] -= cycles;
    i32[STATE.RF_BUDGET >> 2] -= cycles;
    this.charged += cycles;
  }

  tsc(): number {
    const now = this.now();
    return this.o.tsc?.(now) ?? now;
  }

  now(): number {
    return this.horizon - this.regs.i32[STATE.BUDGET >> 2];
  }

  stop(reason: StopReason): void {
    this.stopReason = reason;
    this.requestStop();
  }

  // --- InterruptTarget ----------------------------------------------------------------------------

  interruptRequested(): void {
    this.requestStop();
  }

  nmi(): void {
    this.nmiPending = true;
    this.requestStop();
  }

  init(): void {
    this.initPending = true;
    this.requestStop();
  }

  startup(vector: number): void {
    this.startupVector = vector;
    this.requestStop();
  }

  // --- running ------------------------------------------------------------------------------------

  /** Instructions begun since power-on (a faulting one counts). */
  get instructions(): number {
    return this.now() - this.charged - this.regs.i32[STATE.CHARGED >> 2] - this.idled;
  }

  /** Cycles skipped since power-on because there was nothing to do. */
  get idleCycles(): number {
    return this.idled;
  }

  /** Signals that have arrived and are not taken yet; `startup` is the vector, -1 for none. */
  get pendingSignals(): { readonly nmi: boolean; readonly init: boolean; readonly startup: number } {
    return { nmi: this.nmiPending, init: this.initPending, startup: this.startupVector };
  }

  /** True when nothing but an event makes the processor go on. */
  get isIdle(): boolean {
    return this.regs.activity !== ACTIVITY.ACTIVE && !this.hasEvent();
  }

  /** Cycle at which a guest's VM exit is due by time; Infinity: none. */
  get deadline(): number {
    return this.interceptor?.deadline() ?? Number.POSITIVE_INFINITY;
  }

  /** Lets an idle processor's time pass. */
  skipTo(cycle: number): void {
    const skipped = cycle - this.now();
    if (skipped <= 0) return;
    this.idled += skipped;
    this.horizon += skipped;
  }

  /** Moves the end of the run under way to an earlier cycle. */
  shorten(cycle: number): void {
    if (cycle >= this.until) return;
    this.until = cycle;
    if (cycle < this.horizon) this.moveHorizon(cycle);
  }

  /** Makes generated code return at the next instruction boundary. */
  requestStop(): void {
    this.moveHorizon(this.now());
  }

  /** Sets the cycle at which generated code returns; the present stays. */
  private moveHorizon(cycle: number): void {
    const { i32 } = this.regs;
    const by = cycle - this.horizon;
    i32[STATE.BUDGET >> 2] += by;
    i32[STATE.STI_BUDGET >> 2] += by;
    i32[STATE.RF_BUDGET >> 2] += by;
    this.horizon = cycle;
    this.publishHorizon();
  }

  /** Tells generated code the horizon, and what the time-stamp counter says there. */
  private publishHorizon(): void {
    this.regs.setAddress(STATE.HORIZON, this.horizon);
    const { lo, hi } = tscAt(this.regs, this.horizon);
    this.regs.setPair(STATE.TSC, lo, hi);
  }

  /** Addresses at which `run` stops before the instruction. @param physical host-physical ones */
  setBreakpoints(linear: ReadonlySet<number>, physical: ReadonlySet<number> = new Set()): void {
    this.finder.setBreakpoints(linear, physical);
  }

  /**
   * Makes `run` stop before instructions that `mark` chooses, and before all system operations, where
   * `breakpointFilter` lets it; undefined: no longer.
   */
  setMark(mark: InstructionMark | undefined): void {
    this.finder.setMark(mark);
  }

  /** Of the instruction that `run` has looked up last: its host-physical address, and whether it is marked. */
  get found(): { readonly physical: number; readonly isMarked: boolean } {
    return this.finder;
  }

  /**
   * Runs until the cycle `until`; charges of the last instruction may carry it a little beyond.
   * @param passBreakpoint do not stop at a breakpoint on the first instruction
   */
  run(until: number, passBreakpoint = false): RunEnd {
    this.until = until;
    let pass = passBreakpoint;
    for (;;) {
      if (this.stopReason) return { kind: 'stopped', reason: this.stopReason };
      if (this.now() >= this.until) return TIME;
      if (this.isNativeHost()) {
        this.runNativeHost();
        continue;
      }
      const quiet = this.isQuiet();
      if (!quiet && this.crossingBoundary()) continue;
      if (this.regs.activity !== ACTIVITY.ACTIVE) return IDLE;
      const end = this.execute(pass, quiet);
      if (end) return end;
      pass = false;
    }
  }

  /** One step for a debugger: delivers what is due at the boundary, or executes one instruction. */
  step(): RunEnd {
    return this.run(this.now() + 1, true);
  }

  private runNativeHost(): void {
    const { rip } = this;
    const cycle = this.now();
    this.virtualization.nativeHost?.run();
    if (this.ring !== -1) this.logCrossing(-1, rip, cycle, VM_ENTRY);
  }

  /** Whether RIP stands for a host that is TypeScript. */
  private isNativeHost(): boolean {
    const host = this.virtualization.nativeHost;
    return host !== undefined && !this.virtualization.inGuest && host.rip === this.regs.rip;
  }

  /** Executes from RIP for a while. @param quiet `isQuiet` @returns the reason to leave `run`, if there is one */
  private execute(pass: boolean, quiet: boolean): RunEnd | undefined {
    const r = this.regs;
    if (!this.finder.find()) {
      if (!this.stopReason) this.deliverFault();
      return undefined;
    }
    const stops = this.finder.atBreakpoint || this.finder.isMarked;
    if (!pass && stops && this.breakpointFilter(this.finder.linear)) {
      return { kind: 'breakpoint', linear: this.finder.linear };
    }
    const flagsBefore = r.systemFlags;
    const shadowBefore = r.interruptibility & SHADOW;
    const single = (flagsBefore & FLAG.TF) !== 0 || shadowBefore !== 0 || hasCodeBreakpoints(r);
    if (single && this.hitsCodeBreakpoint(flagsBefore)) return undefined;
    const start = this.now();
    const limit = quiet ? this.until : Math.min(this.until, this.deadline);
    const piece = single ? 1 : Math.max(1, Math.min(limit - start, LONGEST_PIECE));
    this.horizon = start + piece;
    this.publishHorizon();
    r.i32[STATE.DIRECT >> 2] = this.direct(quiet && !single);
    r.i32[STATE.BUDGET >> 2] = piece;
    r.i32[STATE.STI_BUDGET >> 2] = piece;
    r.i32[STATE.RF_BUDGET >> 2] = piece;
    r.i32[STATE.WATCH_IF >> 2] = !quiet && this.watchesIf() ? 1 : 0;
    const { runtime } = this.o;
    runtime.active = this.recorded?.imports ?? this.imports;
    runtime.regions.compileDue(this.instructions);
    const reason = this.recorded
      ? this.executeRecorded(this.recorded)
      : this.generated(r.base, this.finder.record, this.finder.table);
    this.hearTransfers();
    // An instruction that faulted has had its cycle and is not over.
    this.settle(reason === RETURN.FAULT ? 1 : 0);
    if (reason === RETURN.FAULT) {
      this.deliverFault();
      return undefined;
    }
    if (single && this.now() > start) this.afterSingle(flagsBefore, shadowBefore);
    return undefined;
  }

  /** What generated code does by itself: bits of `DIRECT`. @param plain no event waits, and no step is watched */
  private direct(plain: boolean): number {
    const { interceptor } = this;
    if (interceptor !== undefined) return interceptor.interceptsFlags() ? 0 : DIRECT.FLAGS;
    const transfers = plain && this.mayTransferUnseen() ? DIRECT.TRANSFERS : 0;
    return DIRECT.FLAGS | DIRECT.PAUSE | (this.o.tsc ? 0 : DIRECT.TSC) | transfers;
  }

  /** Whether a change of privilege level may be heard of later, and is one of rings. */
  private mayTransferUnseen(): boolean {
    const { virtualization, crossings, observer, recorded } = this;
    return (
      observer === undefined &&
      recorded === undefined &&
      !crossings.isWatched &&
      !virtualization.inHost &&
      virtualization.current < 0
    );
  }

  /** Makes up for transfers that generated code has carried out by itself. */
  private hearTransfers(): void {
    const { regs: r, o } = this;
    const { i32 } = r;
    this.charged += i32[STATE.CHARGED >> 2];
    i32[STATE.CHARGED >> 2] = 0;
    const crossed = i32[STATE.CROSSED >> 2];
    if (crossed === 0) return;
    i32[STATE.CROSSED >> 2] = 0;
    const log = LAYOUT.CROSSED + o.index * CROSSED.CAPACITY * CROSSED.ENTRY_SIZE;
    for (let n = 0; n < crossed; n++) {
      const at = (log + n * CROSSED.ENTRY_SIZE) >> 2;
      const word = (offset: number): number => this.u32[at + (offset >> 2)];
      const number = (offset: number): number => signedNumber(word(offset), word(offset + 4));
      const cause = word(CROSSED.CAUSE);
      const isException = cause >= CROSSED.EXCEPTION;
      this.crossings.add(
        word(CROSSED.FROM) as Ring,
        word(CROSSED.TO) as Ring,
        isException ? byEvent(EVENT_TYPE.EXCEPTION, cause - CROSSED.EXCEPTION) : this.causes[cause],
        number(CROSSED.RIP),
        number(CROSSED.CYCLE),
        word(CROSSED.COST),
        -1,
      );
    }
  }

  private executeRecorded(recorded: RecordedAccesses): number {
    const { regs, finder, record } = this;
    record.address = finder.record;
    finder.recordFetch(record.length);
    return recorded.run(() => this.generated(regs.base, finder.record, finder.table));
  }

  /** Whether an interrupt, or the end of a guest's run, waits for RFLAGS.IF. */
  private watchesIf(): boolean {
    return this.source.pending() || (this.interceptor?.awaitsInterruptWindow() ?? false);
  }

  /**
   * RF and the shadow of an STI that generated code has executed end with the next instruction.
   * @param begun cycles that an instruction under way has had
   */
  private settle(begun: 0 | 1): void {
    const { i32 } = this.regs;
    if ((i32[STATE.FLAG_SYSTEM >> 2] & FLAG.RF) !== 0) {
      if (i32[STATE.BUDGET >> 2] + begun !== i32[STATE.RF_BUDGET >> 2])
        i32[STATE.FLAG_SYSTEM >> 2] &= ~FLAG.RF;
    }
    if ((i32[STATE.INTERRUPTIBILITY >> 2] & INTERRUPTIBILITY.STI) === 0) return;
    if (i32[STATE.BUDGET >> 2] + begun !== i32[STATE.STI_BUDGET >> 2])
      i32[STATE.INTERRUPTIBILITY >> 2] &= ~INTERRUPTIBILITY.STI;
  }

  /** A flag and shadows that one instruction uses up. */
  private afterSingle(flagsBefore: number, shadowBefore: number): void {
    const r = this.regs;
    if (shadowBefore !== 0) r.interruptibility &= ~shadowBefore;
    if (flagsBefore & FLAG.TF) noteSingleStep(r);
  }

  /** A branch has led to the record often enough: asks for a region that begins there. */
  private requestRegion(record: number, table: number): void {
    const r = this.regs;
    const linear = r.address(STATE.PAGE_LINEAR);
    const mode = r.lo(STATE.CODE_MODE) as CodeMode;
    const findPage = (delta: number) => this.finder.lookUp(linear + delta, mode);
    const cr3 = r.lo(STATE.CR3);
    // A kernel is mapped alike in all its address spaces.
    const isKernel = r.cpl === 0;
    const enough = this.o.runtime.regions.request({
      record,
      table,
      linear,
      mode,
      findPage,
      isCurrent: () => isKernel || r.lo(STATE.CR3) === cr3,
      at: this.instructions,
    });
    if (enough) this.requestStop();
  }

  // --- events at instruction boundaries -----------------------------------------------------------

  private hasEvent(): boolean {
    if (this.startupVector >= 0) return true;
    if ((this.initPending || this.nmiPending) && !this.virtualization.holdsEvents) return true;
    if (this.regs.activity !== ACTIVITY.HLT || this.virtualization.holdsEvents) return false;
    return this.canTakeInterrupt() && this.source.pending();
  }

  private canTakeInterrupt(): boolean {
    const r = this.regs;
    if ((r.interruptibility & SHADOW) !== 0) return false;
    return this.interceptor?.admitsInterrupts() ?? (r.systemFlags & FLAG.IF) !== 0;
  }

  private crossingBoundary(): boolean {
    const { ring, rip } = this;
    const cycle = this.now();
    const { count } = this.crossings;
    if (!this.boundary()) return false;
    // An event that was delivered has logged itself; what is left are VM exits.
    if (this.ring !== ring && this.crossings.count === count) this.logCrossing(ring, rip, cycle, VM_ENTRY);
    return true;
  }

  /** No interceptor, and no event waits, not even for RFLAGS.IF: as nearly always. */
  private isQuiet(): boolean {
    return (
      !this.initPending &&
      this.startupVector < 0 &&
      !this.nmiPending &&
      this.regs.i32[STATE.PENDING_DEBUG >> 2] === 0 &&
      this.interceptor === undefined &&
      !this.source.pending()
    );
  }

  /** SDM volume 3A, "Priority Among Concurrent Events". @returns true when an event was taken */
  private boundary(): boolean {
    const r = this.regs;
    const { holdsEvents } = this.virtualization;
    if ((this.initPending && !holdsEvents) || this.startupVector >= 0) return this.takeInitOrStartup();
    if (r.activity === ACTIVITY.SHUTDOWN || r.activity === ACTIVITY.WAIT_FOR_SIPI) return false;
    const pendingDebug = r.i32[STATE.PENDING_DEBUG >> 2];
    if (pendingDebug !== 0 && (r.interruptibility & INTERRUPTIBILITY.MOV_SS) === 0) {
      r.i32[STATE.PENDING_DEBUG >> 2] = 0;
      return this.deliver({
        type: EVENT_TYPE.EXCEPTION,
        vector: VECTOR.DB,
        errorCode: -1,
        length: 0,
        detail: pendingDebug,
      });
    }
    if (holdsEvents) return false;
    const { interceptor } = this;
    if (interceptor?.boundary()) return true;
    if (this.nmiPending && (r.interruptibility & (interceptor?.nmiBlocking() ?? NMI_BLOCKING)) === 0) {
      if (interceptor?.nmi()) {
        this.nmiPending = interceptor.keepsSignals;
        return true;
      }
      this.nmiPending = false;
      return this.deliver({ type: EVENT_TYPE.NMI, vector: VECTOR.NMI, errorCode: -1, length: 0, detail: 0 });
    }
    if ((r.interruptibility & SHADOW) === 0 && this.source.pending()) {
      if (interceptor?.externalInterrupt()) return true;
      if (interceptor?.admitsInterrupts() ?? (r.systemFlags & FLAG.IF) !== 0) {
        const vector = this.source.acknowledge();
        if (vector >= 0) return this.deliverInterrupt(vector);
      }
    }
    return interceptor?.virtualInterrupt((vector) => this.deliverInterrupt(vector)) ?? false;
  }

  private deliverInterrupt(vector: number): true {
    return this.deliver({ type: EVENT_TYPE.EXTERNAL, vector, errorCode: -1, length: 0, detail: 0 });
  }

  private deliver(event: DeliveredEvent): true {
    const { ring, rip } = this;
    const cycle = this.now();
    this.charge(INTERRUPT_CYCLES);
    if (deliverEvent(this, event) === STATUS.FAULT) this.completeVmExit();
    if (this.ring !== ring) this.logCrossing(ring, rip, cycle, byEvent(event.type, event.vector));
    return true;
  }

  private deliverFault(): void {
    const { ring, rip } = this;
    const cycle = this.now();
    const vector = this.regs.faultVector;
    // Data breakpoints of an instruction that faults are not due: it will be executed again.
    this.regs.i32[STATE.PENDING_DEBUG >> 2] &= ~DR6.B;
    this.charge(INTERRUPT_CYCLES);
    if (deliverPendingFault(this) === STATUS.FAULT) this.completeVmExit();
    if (this.ring !== ring) this.logCrossing(ring, rip, cycle, byEvent(EVENT_TYPE.EXCEPTION, vector));
  }

  /** Where the processor is: -1 in VMX root operation, or as a host under AMD-V; else the CPL. */
  get ring(): Ring {
    return this.virtualization.inHost ? -1 : (this.regs.cpl as Ring);
  }

  private get rip(): number {
    return this.regs.rip;
  }

  private logCrossing(from: Ring, rip: number, cycle: number, cause: CrossingCause): void {
    const to = this.ring;
    this.hearTransfers();
    const { virtualization } = this;
    const { current } = virtualization;
    const isExit = to === -1 && current >= 0;
    const isEntry = from === -1 && virtualization.inGuest;
    const actual = isExit ? byExit(virtualization.exitReason) : isEntry ? VM_ENTRY : cause;
    this.crossings.add(from, to, actual, rip, cycle, this.now() - cycle, current);
  }

  /** An access asked for a VM exit (FAULT_VM_EXIT): the instruction has been unwound, now take it. */
  private completeVmExit(): void {
    if (this.regs.faultVector !== FAULT_VM_EXIT) throw new Error('delivery failed without a VM exit');
    this.virtualization.guestInterceptor.pendingExit();
  }

  private takeInitOrStartup(): boolean {
    const r = this.regs;
    if (this.initPending && !this.virtualization.holdsEvents) {
      const { interceptor } = this;
      this.initPending = interceptor?.keepsSignals ?? false;
      if (interceptor?.init()) return true;
      this.initPending = false;
      this.virtualization.init();
      initRegisters(r, this.cpuid);
      r.activity = this.index === 0 ? ACTIVITY.ACTIVE : ACTIVITY.WAIT_FOR_SIPI;
      this.memory.reset();
      refresh(r);
      return true;
    }
    const vector = this.startupVector;
    this.startupVector = -1;
    if (this.interceptor?.startup(vector)) return true;
    // A start-up IPI means something only to a processor that waits for it.
    if (r.activity !== ACTIVITY.WAIT_FOR_SIPI) return true;
    r.setSegment(SEG.CS, { ...r.segment(SEG.CS), selector: vector << 8, base: vector << 12 });
    r.rip = 0;
    r.activity = ACTIVITY.ACTIVE;
    refresh(r);
    return true;
  }

  private fetchOutsideRam(physical: number): void {
    const what = `code outside RAM, at physical address ${physical.toString(16)}h`;
    this.stop({ kind: 'unmodelled', what, rip: this.regs.rip });
  }

  // --- debug registers ----------------------------------------------------------------------------

  /** Raises #DB for an instruction breakpoint at RIP; RF suppresses it. */
  private hitsCodeBreakpoint(flags: number): boolean {
    if ((flags & FLAG.RF) !== 0 || !hasCodeBreakpoints(this.regs)) return false;
    const hits = matchExecution(this.regs, this.finder.linear);
    if (hits === 0) return false;
    this.deliver({ type: EVENT_TYPE.EXCEPTION, vector: VECTOR.DB, errorCode: -1, length: 0, detail: hits });
    return true;
  }

  /** Executes a system operation for the generated code. */
  private system(record: number, number: number): number {
    const r = this.regs;
    this.settle(1);
    const afterSti = r.interruptibility & INTERRUPTIBILITY.STI;
    this.record.address = record;
    const { pageOffset } = this.record;
    r.setRipInPage(pageOffset);
    const { ring } = this;
    const cycle = this.now();
    const status = this.operations[number](this);
    if (this.ring !== ring) {
      this.logCrossing(ring, r.address(STATE.PAGE_IP) + pageOffset, cycle, this.causes[number]);
      if (this.ring === -1) r.i32[STATE.DIRECT >> 2] &= ~DIRECT.TRANSFERS;
    }
    const exited = this.ring === -1 && ring !== -1;
    if (this.observer !== undefined && status !== STATUS.FAULT && !exited) {
      this.observer.executed(this.names[number]);
    }
    // This has been the instruction after STI.
    if (afterSti !== 0 && isDone(status)) r.interruptibility &= ~INTERRUPTIBILITY.STI;
    if ((r.interruptibility & SHADOW) !== 0) this.requestStop();
    else if (status === STATUS.EXIT && !exited && this.mayGoOn()) return STATUS.TRANSFER;
    return status;
  }

  /** After a system operation: whether the run loop would only look up the code at RIP, and execute on. */
  private mayGoOn(): boolean {
    const r = this.regs;
    return (
      this.isQuiet() &&
      r.activity === ACTIVITY.ACTIVE &&
      (r.systemFlags & FLAG.TF) === 0 &&
      this.stopReason === undefined &&
      !hasCodeBreakpoints(r)
    );
  }
}

const isDone = (status: number): boolean => status !== STATUS.FAULT && status !== STATUS.AGAIN;

function createVirtualization(options: ProcessorOptions, processor: Processor): Virtualization {
  const { memory, ramBytes, cpuid, runtime } = options;
  const common = {
    memory,
    ramSize: ramBytes,
    registers: processor.regs,
    translations: processor.memory.tlb,
    cr4Allowed: writableCr4(cpuid),
  };
  if (cpuid.vendor === 'amd') {
    const written = (address: number, bytes: number) => runtime.code.written(address, bytes);
    return new Svm({ ...common, cpuid, written });
  }
  return new Vmx({
    ...common,
    msrs: {
      read: (index) => readMsr(processor, index),
      write: (index, lo, hi) => writeMsr(processor, index, lo, hi),
    },
  });
}
