/**
 * The regions of a computer: what is hot is compiled in batches, entered in the code through the record of
 * its first instruction, and dropped when its code changes or the cache is full.
 */
import type {
  CompileBatch,
  RegionInfo,
  SideExit,
  Tier2Mode,
  Tier2Statistics,
} from '../../contracts/tiers.ts';
import { SIDE_EXITS } from '../../contracts/tiers.ts';
import type { CodeMode } from '../../isa/modes.ts';
import { FunctionBuilder } from '../../wasm/function.ts';
import { getEngine } from '../engine.ts';
import { counterAddress, REGION_SIGNATURE } from '../generator/branch.ts';
import { HANDLER } from '../generator/handlers.ts';
import type { Runtime } from '../runtime.ts';
import { HOT, LAYOUT, RECORD, REGION_COUNTERS } from '../state.ts';
import { Changes } from './changes.ts';
import { CodeSource, type FindPage } from './code-source.ts';
import { emitRegion } from './function.ts';
import { RegionEnvironment } from './module.ts';
import { RegionFormer, type Step } from './region.ts';

/** One compilation: so many regions or guest instructions at most, to be done in some milliseconds. */
const BATCH_REGIONS = 8;
const BATCH_STEPS = 400;
/** Records that it may need: two for each region, one for each step at most. */
const BATCH_RECORDS = 2 * BATCH_REGIONS + 2 * BATCH_STEPS;
/** Instructions that a request waits for others, to share a module with them. */
const LONGEST_WAIT = 2_000_000;
/** Bytes of WebAssembly that are kept, in so many generations. */
const CACHE_BYTES = 32 << 20;
const GENERATIONS = 4;
/** An instruction begins at most so far before its last byte: what the code cache drops. */
const LONGEST = 15;
/** Compilations that are remembered for the views. */
const KEPT_BATCHES = 64;

/** Where a region is wanted. */
export interface Request {
  /** The record and the table that names it. */
  readonly record: number;
  readonly table: number;
  /** Linear address of the page, as `Registers.address`. */
  readonly linear: number;
  readonly mode: CodeMode;
  readonly findPage: FindPage;
  /** Instructions executed so far. */
  readonly at: number;
}

type LiveRegion = Omit<RegionInfo, 'entries'> & {
  readonly slot: number;
  /** The record that leads to it, and the copy of what stood there. */
  readonly record: number;
  readonly copy: number;
  readonly pages: readonly number[];
  readonly bytes: number;
};

export class RegionCache {
  private readonly runtime: Runtime;
  private readonly source: CodeSource;
  private readonly u16: Uint16Array;
  private readonly u32: Uint32Array;
  private readonly i32: Int32Array;
  private readonly u8: Uint8Array;
  private readonly live = new Map<number, LiveRegion>();
  private readonly byPage = new Map<number, Set<LiveRegion>>();
  private readonly freeSlots: number[] = [];
  private readonly changes = new Changes();
  private pending: Request[] = [];
  /** When the oldest pending request was made, in instructions executed. */
  private oldest = 0;
  private mode: Tier2Mode = 'on';
  private nextId = 0;
  private generation = 0;
  /** Bytes of modules, by generation that is alive. */
  private readonly generations = new Map<number, { bytes: number; modules: number }>([
    [0, { bytes: 0, modules: 0 }],
  ]);
  private readonly totals = { modules: 0, compiled: 0, evictions: 0, evicted: 0, dropped: 0 };
  private readonly batches: CompileBatch[] = [];

  constructor(runtime: Runtime) {
    this.runtime = runtime;
    const { buffer } = runtime.memory;
    this.u16 = new Uint16Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.u8 = new Uint8Array(buffer);
    this.source = new CodeSource(runtime.memory, getEngine().plan);
    for (let slot = REGION_COUNTERS.MAX_SLOTS - 1; slot >= 0; slot--) this.freeSlots.push(slot);
    runtime.code.listen({
      protect: () => {},
      dropped: (page, from, to) => this.dropBytes(page, from, to),
      flushed: () => this.forget(),
    });
  }

  get isOn(): boolean {
    return this.mode !== 'off';
  }

  /** Changes nothing that the guest could see. */
  setMode(mode: Tier2Mode): void {
    if (mode === this.mode) return;
    this.mode = mode;
    for (const region of [...this.live.values()]) this.remove(region);
    this.pending = [];
    this.resetCounters();
  }

  /** Asks for a region. @returns true when enough is pending for a compilation */
  request(request: Request): boolean {
    if (this.mode === 'off') return false;
    if (this.mode === 'on' && !this.changes.mayCompile(this.runtime.code.pageOf(request.table))) {
      this.u16[counterAddress(request.record) >> 1] = 0;
      return false;
    }
    if (this.pending.length === 0) this.oldest = request.at;
    this.pending.push(request);
    if (this.mode === 'forced') this.compile(request.at);
    return this.pending.length >= BATCH_REGIONS;
  }

  /** Compiles a batch when enough is pending or the oldest request has waited. @param at instructions executed so far */
  compileDue(at: number): void {
    if (this.pending.length === 0) return;
    if (this.pending.length < BATCH_REGIONS && at < this.oldest + LONGEST_WAIT) return;
    this.compile(at);
    this.oldest = at;
  }

  private compile(at: number): void {
    const { runtime } = this;
    if (!runtime.code.hasRoom(BATCH_RECORDS)) {
      this.pending = [];
      return;
    }
    this.makeRoom();
    const environment = new RegionEnvironment();
    const made: { region: Omit<LiveRegion, 'bytes'>; name: string }[] = [];
    let steps = 0;
    while (this.pending.length > 0 && made.length < BATCH_REGIONS && steps < BATCH_STEPS) {
      const request = this.pending.shift() as Request;
      const region = this.make(request, environment);
      if (!region) continue;
      steps += region.region.instructions.length;
      made.push(region);
    }
    if (made.length === 0) return;
    const bytes = environment.finish();
    const module = new WebAssembly.Module(bytes);
    const { exports } = new WebAssembly.Instance(module, { env: runtime.regionImports });
    for (const { region, name } of made) {
      runtime.regionTable.set(region.slot, exports[name] as () => number);
      this.enter({ ...region, bytes: bytes.length / made.length });
    }
    const generation = this.generations.get(this.generation);
    if (generation) {
      generation.bytes += bytes.length;
      generation.modules++;
    }
    this.batches.push({
      module: this.totals.modules++,
      at,
      regions: made.length,
      instructions: steps,
      bytes: bytes.length,
    });
    if (this.batches.length > KEPT_BATCHES) this.batches.shift();
    this.totals.compiled += made.length;
  }

  get statistics(): Tier2Statistics {
    const alive = [...this.generations.values()];
    const causes = Object.keys(SIDE_EXITS) as SideExit[];
    const exits = causes.map((cause, i) => [cause, this.counter(REGION_COUNTERS.EXITS + i * 8)]);
    return {
      mode: this.mode,
      instructions: this.counter(REGION_COUNTERS.INSTRUCTIONS),
      entries: this.counter(REGION_COUNTERS.ENTRIES),
      sideExits: Object.fromEntries(exits) as Record<SideExit, number>,
      compiled: this.totals.compiled,
      regions: this.live.size,
      modules: alive.reduce((sum, g) => sum + g.modules, 0),
      bytes: alive.reduce((sum, g) => sum + g.bytes, 0),
      limits: { modules: REGION_COUNTERS.MAX_SLOTS, bytes: CACHE_BYTES },
      generation: this.generation,
      evictions: this.totals.evictions,
      evicted: this.totals.evicted,
      dropped: this.totals.dropped,
      unstablePages: this.changes.unstable,
      batches: this.batches,
    };
  }

  regions(): RegionInfo[] {
    return [...this.live.values()].map((region) => ({
      id: region.id,
      page: region.page,
      offset: region.offset,
      linear: region.linear,
      codeMode: region.codeMode,
      instructions: region.instructions,
      module: region.module,
      generation: region.generation,
      entries: this.counter(REGION_COUNTERS.SLOTS + region.slot * 8),
      body: region.body,
      names: region.names,
    }));
  }

  // --- compiling ----------------------------------------------------------------------------------

  private make(request: Request, environment: RegionEnvironment) {
    const { record, table, mode, linear } = request;
    const offset = this.u16[(record + RECORD.OFFSET) >> 1];
    // The code may have been dropped since, or a region may begin here already.
    if (this.u32[(table >> 2) + offset] !== record) return undefined;
    if (this.source.handler(record) === HANDLER.REGION) return undefined;
    const page = this.runtime.code.pageOf(table);
    const findPage: FindPage = (delta) => (delta === 0 ? { physical: page, table } : request.findPage(delta));
    const former = new RegionFormer(this.source, findPage, this.mode === 'forced');
    const formed = former.form(offset);
    const slot = formed && this.freeSlots.pop();
    if (!formed || slot === undefined) return undefined;
    const kept = new Map<Step, number>();
    const { f, steps, locals } = emitRegion(() => new FunctionBuilder(Number.NaN, REGION_SIGNATURE), {
      source: this.source,
      region: formed,
      mode,
      environment,
      memory: environment.shared.memory,
      slot,
      keepRecord: (step) => {
        const copy = kept.get(step) ?? this.copyRecord(step.record);
        kept.set(step, copy);
        return copy;
      },
    });
    const body = f.finish().slice();
    /** Bytes before the code of the first step: declarations and prologue; behind the last stands `end`. */
    const head = body.length - f.code.length - 1;
    const name = environment.add(f);
    const region: Omit<LiveRegion, 'bytes'> = {
      id: this.nextId++,
      page,
      offset,
      linear: linear + offset,
      codeMode: mode,
      instructions: steps.map(({ step, code }) => ({
        page: step.page.physical,
        offset: step.offset,
        length: step.length,
        code: head + code,
      })),
      module: this.totals.modules,
      generation: this.generation,
      body,
      names: { functions: environment.functionNames, locals },
      slot,
      record,
      copy: this.copyRecord(record),
      pages: [...new Set(formed.pages.map((p) => p.physical))],
    };
    const after = this.runtime.code.allocate();
    this.u32.fill(0, after >> 2, (after + RECORD.SIZE) >> 2);
    this.u16[(after + RECORD.HANDLER) >> 1] = HANDLER.CONTINUE;
    this.u16[(after + RECORD.OFFSET) >> 1] = offset + this.u8[record + RECORD.LENGTH];
    return { region, name };
  }

  private copyRecord(record: number): number {
    const copy = this.runtime.code.allocate();
    this.u8.copyWithin(copy, record, record + RECORD.SIZE);
    return copy;
  }

  private enter(region: LiveRegion): void {
    const { record, slot, copy } = region;
    this.u16[(record + RECORD.HANDLER) >> 1] = HANDLER.REGION;
    this.u32[(record + RECORD.LINK) >> 2] = slot;
    this.u32[(record + RECORD.IMMEDIATE) >> 2] = copy;
    this.u32.fill(0, (REGION_COUNTERS.SLOTS + slot * 8) >> 2, (REGION_COUNTERS.SLOTS + slot * 8 + 8) >> 2);
    this.live.set(region.id, region);
    for (const page of region.pages) {
      const list = this.byPage.get(page);
      if (list) list.add(region);
      else this.byPage.set(page, new Set([region]));
    }
  }

  // --- dropping -----------------------------------------------------------------------------------

  private remove(region: LiveRegion): void {
    const { record, slot, copy } = region;
    const isThere =
      this.source.handler(record) === HANDLER.REGION && this.u32[(record + RECORD.LINK) >> 2] === slot;
    if (isThere) this.u8.copyWithin(record, copy, copy + RECORD.SIZE);
    this.u16[counterAddress(record) >> 1] = 0;
    this.runtime.regionTable.set(slot, null);
    this.freeSlots.push(slot);
    this.live.delete(region.id);
    for (const page of region.pages) this.byPage.get(page)?.delete(region);
  }

  /** The bytes `from` .. `to` - 1 of a page were written to: regions with instructions there go. */
  private dropBytes(page: number, from: number, to: number): void {
    const hit = [...(this.byPage.get(page) ?? [])].filter(({ instructions }) =>
      instructions.some((i) => i.page === page && i.offset < to && i.offset >= from - LONGEST),
    );
    if (hit.length === 0) return;
    this.changes.note(page);
    this.totals.dropped += hit.length;
    for (const region of hit) this.remove(region);
  }

  /** All decoded code is gone. */
  private forget(): void {
    this.totals.dropped += this.live.size;
    for (const { slot } of this.live.values()) {
      this.runtime.regionTable.set(slot, null);
      this.freeSlots.push(slot);
    }
    this.live.clear();
    this.byPage.clear();
    this.pending = [];
    this.resetCounters();
  }

  /** In forced mode the first branch is enough. */
  private resetCounters(): void {
    const first = this.mode === 'forced' ? HOT - 1 : 0;
    this.u16.fill(first, counterAddress(LAYOUT.RECORDS) >> 1, counterAddress(LAYOUT.RECORDS_END) >> 1);
  }

  /** Begins a new generation when the present one has its share, and evicts the oldest when there are too many. */
  private makeRoom(): void {
    const present = this.generations.get(this.generation);
    const isFull = (present?.bytes ?? 0) > CACHE_BYTES / GENERATIONS;
    if (!isFull && this.freeSlots.length >= BATCH_REGIONS) return;
    this.generations.set(++this.generation, { bytes: 0, modules: 0 });
    while (this.generations.size > GENERATIONS || this.freeSlots.length < BATCH_REGIONS) {
      const [oldest] = this.generations.keys();
      if (oldest === this.generation) return;
      this.evict(oldest);
    }
  }

  private evict(generation: number): void {
    this.generations.delete(generation);
    this.totals.evictions++;
    for (const region of [...this.live.values()]) {
      if (region.generation !== generation) continue;
      this.totals.evicted++;
      this.remove(region);
    }
  }

  private counter(address: number): number {
    return this.u32[address >> 2] + this.i32[(address >> 2) + 1] * 0x1_0000_0000;
  }
}
