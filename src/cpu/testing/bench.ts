/**
 * A processor on a bench: 64-bit paging, user-mode code, no devices, no interrupt handlers. A test
 * maps pages, puts registers and code, and executes one instruction; an exception is caught before
 * its delivery, so that the registers are those which its handler would find.
 */
import { CR0, CR4, EFER, SEG } from '../../arch/registers.ts';
import type { RegionInfo, Tier2Mode } from '../../contracts/tiers.ts';
import type { CodeCache } from '../code-cache.ts';
import { PTE } from '../paging.ts';
import { Processor } from '../processor.ts';
import type { Registers } from '../registers.ts';
import { Runtime } from '../runtime.ts';
import { LAYOUT } from '../state.ts';
import type { DeliveredEvent } from '../system/event.ts';
import type { Interceptor } from '../system/intercept.ts';
import { refresh } from '../system/mode.ts';
import { idleInterceptor } from '../vmx/idle-interceptor.ts';

const PAGE = 0x1000;
const RAM_BYTES = 0x10_0000;
/** Physical address of the PML4 table; further tables follow, then the pages that `map` gives out. */
const TABLES = 0x1000;

/** Access rights in the VMCS format: code and data segments of CPL 3, present, granularity 4 KiB. */
const CODE_64 = 0xa0fb;
const CODE_32 = 0xc0fb;
const CODE_16 = 0x80fb;
const DATA = 0xc0f3;
const BUSY_TSS = 0x8b;
/** Too short to name an I/O permission bitmap. */
const TSS_LIMIT = 0x65;

/** The event that `step` caught. */
export type CaughtEvent = DeliveredEvent;

class BenchProcessor extends Processor {
  caught: CaughtEvent | undefined;

  private readonly catcher: Interceptor = {
    ...idleInterceptor(() => false),
    exception: (event) => {
      this.caught = event;
      return true;
    },
  };

  override get interceptor(): Interceptor {
    return this.catcher;
  }
}

export class Bench {
  readonly processor: BenchProcessor;
  readonly regs: Registers;
  /** Guest RAM by physical address. Call `changed` after writing where code may have run. */
  readonly ram: Uint8Array;
  private readonly runtime: Runtime;
  private readonly code: CodeCache;
  private readonly tables: DataView;
  private nextPage = TABLES + PAGE;

  /** @param withhold CPUID features that are not shown */
  constructor(withhold: readonly string[] = []) {
    const memory = new WebAssembly.Memory({ initial: (LAYOUT.RAM + RAM_BYTES) / 0x10000, maximum: 0x10000 });
    this.ram = new Uint8Array(memory.buffer, LAYOUT.RAM, RAM_BYTES);
    this.tables = new DataView(memory.buffer, LAYOUT.RAM, RAM_BYTES);
    const runtime = new Runtime(memory, RAM_BYTES);
    runtime.regions.setMode('off');
    this.runtime = runtime;
    this.code = runtime.code;
    this.processor = new BenchProcessor({
      memory,
      ramBytes: RAM_BYTES,
      index: 0,
      runtime,
      bus: { read: () => 0, write: () => {} },
      ports: { in: () => 0, out: () => {} },
      cpuid: { vendor: 'intel', cpus: 1, apicId: 0, tscHz: 1_000_000_000, physicalBits: 40, withhold },
    });
    this.processor.connect({
      pending: () => false,
      acknowledge: () => -1,
      cr8: 0,
      readMsr: () => undefined,
      writeMsr: () => false,
    });
    this.regs = this.processor.regs;
    const r = this.regs;
    // No I/O permission bitmap: every port access at CPL 3 is refused.
    r.setSegment(SEG.TR, { selector: 0x40, attributes: BUSY_TSS, limit: TSS_LIMIT, base: 0 });
    r.cr0 = CR0.PE | CR0.MP | CR0.ET | CR0.NE | CR0.WP | CR0.PG;
    r.cr3 = TABLES;
    r.cr4 = CR4.PAE | CR4.OSFXSR | CR4.OSXMMEXCPT;
    r.efer = EFER.LME | EFER.LMA | EFER.SCE | EFER.NXE;
    this.setMode(64);
  }

  /** The interpreter alone executes until this says otherwise. */
  setTier2(mode: Tier2Mode): void {
    this.runtime.regions.setMode(mode);
  }

  /** Instructions that the second tier has executed. */
  get compiledInstructions(): number {
    return this.runtime.regions.statistics.instructions;
  }

  /** What the second tier has compiled. */
  regions(): RegionInfo[] {
    return this.runtime.regions.regions();
  }

  /**
   * User mode: 64-bit, or 32-bit or 16-bit code in compatibility mode, with segments of 4 GiB. The stack
   * segment is a 32-bit one.
   * @param base of the segments where they count; other than 0 it makes every access go by segment checks
   */
  setMode(bits: 16 | 32 | 64, base = 0): void {
    const r = this.regs;
    const whole = { limit: 0xffff_ffff, base };
    for (let n = SEG.ES; n <= SEG.GS; n++) r.setSegment(n, { ...whole, selector: 0x2b, attributes: DATA });
    const selector = bits === 64 ? 0x33 : 0x23;
    r.setSegment(SEG.CS, { ...whole, selector, attributes: { 16: CODE_16, 32: CODE_32, 64: CODE_64 }[bits] });
    r.cpl = 3;
    refresh(r);
  }

  /**
   * Maps the page at `linear` for user reads and writes.
   * @param physical of the page to be mapped; absent: a new one, zero
   * @returns its physical address
   */
  map(linear: number, physical: number = this.takePage()): number {
    const rights = PTE.P | PTE.W | PTE.U;
    let table = TABLES;
    for (const shift of [39, 30, 21]) {
      const at = table + 8 * (Math.floor(linear / 2 ** shift) & 511);
      if (this.tables.getUint32(at, true) === 0) this.tables.setUint32(at, this.takePage() | rights, true);
      table = this.tables.getUint32(at, true) & ~(PAGE - 1);
    }
    this.tables.setUint32(table + 8 * ((linear >>> 12) & 511), physical | rights, true);
    return physical;
  }

  /** Says that RAM was written beside the processor: drops what was decoded from it. All bytes in one page. */
  changed(physical: number, length: number): void {
    this.code.written(physical, length);
  }

  /** Instructions decoded so far; one that is decoded again counts again. */
  get decodedInstructions(): number {
    return this.code.statistics.decoded;
  }

  /** Executes the instruction at RIP (one element of a repeated one). @returns the exception, if it raised one */
  step(): CaughtEvent | undefined {
    const { processor } = this;
    processor.caught = undefined;
    processor.step();
    return processor.caught;
  }

  /** Executes for so many cycles from RIP, or to the first exception. @returns it, if there was one */
  run(cycles: number): CaughtEvent | undefined {
    const { processor } = this;
    processor.caught = undefined;
    const end = processor.now() + cycles;
    while (processor.now() < end && !processor.caught) processor.run(end);
    return processor.caught;
  }

  private takePage(): number {
    const page = this.nextPage;
    if (page + PAGE > RAM_BYTES) throw new RangeError('the bench has no page left');
    this.nextPage += PAGE;
    return page;
  }
}
