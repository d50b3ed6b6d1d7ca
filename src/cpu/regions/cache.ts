/**
 * The regions of a computer: what is hot is compiled in batches, here or in another thread, entered in the
 * code through the record of its first instruction, and dropped when its code changes or the cache is full.
 */
import type {
  CompileBatch,
  RegionInfo,
  RegionInstruction,
  SideExit,
  Tier2Mode,
  Tier2Statistics,
} from '../../contracts/tiers.ts';
import { SIDE_EXITS } from '../../contracts/tiers.ts';
import type { CodeMode } from '../../isa/modes.ts';
import { getPlan } from '../engine.ts';
import { counterAddress } from '../generator/branch.ts';
import { HANDLER } from '../generator/handlers.ts';
import type { Runtime } from '../runtime.ts';
import { HOT, JUMPS, LAYOUT, RECORD, REGION_COUNTERS } from '../state.ts';
import { Changes } from './changes.ts';
import { CodeSource, type FindPage } from './code-source.ts';
import type { CompiledBatch, CompiledRegion } from './compile.ts';
import type { RegionCompiler } from './compiler.ts';
import { codeOf, encodeJob, hasEntry, type RegionJob, stepsOf } from './job.ts';
import { CALL_DEPTH, RegionFormer, type Step } from './region.ts';
import { type Request, Requests } from './requests.ts';

/** Instructions that a request waits for others, to share a module with them. */
const LONGEST_WAIT = 2_000_000;
/** Batches that another thread has to do at a time. */
const MOST_UNDER_WAY = 2;
/** A branch belongs to a region when it was taken so much more seldom than the region was reached. */
const TAKEN = 1 / 64;
/** Bytes of WebAssembly that are kept, in so many generations. */
const CACHE_BYTES = 32 << 20;
const GENERATIONS = 4;
/** An instruction begins at most so far before its last byte: what the code cache drops. */
const LONGEST = 15;
/**
 * After so many ranges that lay in two pages, those that did so at least so often come apart. To look through all regions
 * for them takes milliseconds, as do so many instructions that are left to the interpreter.
 */
const STRADDLES = 65_536;
const STRADDLES_OFTEN = 256;
/** A region that does not follow all calls is made again, and follows them, when it was entered so often; powers of two. */
const DEEPEN_AFTER = { on: 16_384, forced: 4 } as const;
/** Compilations that are remembered for the views. */
const KEPT_BATCHES = 64;

/** A region that is chosen, and being compiled or live. */
interface Chosen {
  /** As in `RegionInfo`. */
  readonly page: number;
  readonly offset: number;
  readonly linear: number;
  readonly codeMode: CodeMode;
  readonly slot: number;
  /** The record that leads to it, and the copy of what stood there. */
  readonly record: number;
  readonly copy: number;
  /** Host-physical page numbers of its code. */
  readonly pages: readonly number[];
  /** It can be made again, following more calls. */
  readonly isShallow: boolean;
  /** Its code, as in the job. */
  readonly code: Pick<RegionJob, 'steps' | 'pages'>;
}

interface LiveRegion extends Chosen {
  readonly id: number;
  readonly module: number;
  readonly generation: number;
  readonly compiled: CompiledRegion;
  readonly functionNames: readonly string[];
}

export class RegionCache {
  private readonly runtime: Runtime;
  private readonly source: CodeSource;
  private readonly u16: Uint16Array;
  private readonly u32: Uint32Array;
  private readonly i32: Int32Array;
  private readonly u8: Uint8Array;
  /** By record. */
  private readonly live = new Map<number, LiveRegion>();
  private readonly byPage = new Map<number, Set<LiveRegion>>();
  private readonly freeSlots: number[] = [];
  private readonly changes = new Changes();
  private readonly compiler: RegionCompiler;
  private readonly pending: Requests;
  /** What is being compiled, by record; what is taken out is not wanted any more. */
  private readonly underWay = new Map<number, Chosen>();
  private batchesUnderWay = 0;
  /** How often ranges lay in two pages since regions were last looked through for them, by the record of the first access. */
  private readonly straddling = new Map<number, number>();
  private straddled = 0;
  /** Records of accesses that are looked up alone. */
  private readonly apart = new Set<number>();
  /** When something was compiled last, or the first request made since; in instructions executed. */
  private since = 0;
  private mode: Tier2Mode = 'on';
  private nextId = 0;
  private generation = 0;
  /** Bytes of modules, by generation that is alive. */
  private readonly generations = new Map<number, { bytes: number; modules: number }>([
    [0, { bytes: 0, modules: 0 }],
  ]);
  private readonly totals = { modules: 0, compiled: 0, evictions: 0, evicted: 0, dropped: 0 };
  private readonly batches: CompileBatch[] = [];

  constructor(runtime: Runtime, compiler: RegionCompiler) {
    this.runtime = runtime;
    this.compiler = compiler;
    const { buffer } = runtime.memory;
    this.u16 = new Uint16Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.u8 = new Uint8Array(buffer);
    this.source = new CodeSource(runtime.memory.buffer, getPlan());
    this.pending = new Requests((record) => this.heatOf(record));
    for (let slot = REGION_COUNTERS.MAX_SLOTS - 1; slot >= 0; slot--) this.freeSlots.push(slot);
    if (this.firstCount !== 0) this.resetCounters();
    runtime.code.listen({
      protect: () => {},
      dropped: (page, from, to) => this.dropBytes(page, from, to),
      flushed: () => this.forget(),
    });
  }

  /** Changes nothing that the guest could see. */
  setMode(mode: Tier2Mode): void {
    if (mode === this.mode) return;
    this.mode = mode;
    for (const region of [...this.live.values()]) this.remove(region);
    this.pending.clear();
    this.underWay.clear();
    this.resetCounters();
  }

  /** Asks for a region. @returns true when enough is pending for a compilation */
  request(request: Request): boolean {
    if (this.mode === 'off') return false;
    if (this.mode === 'on' && !this.changes.mayCompile(this.runtime.code.pageOf(request.table))) {
      this.u16[counterAddress(request.record) >> 1] = this.firstCount;
      return false;
    }
    if (this.pending.size === 0) this.since = request.at;
    this.pending.add(request);
    if (this.mode === 'forced') this.compile(request.at);
    return this.isDue(request.at);
  }

  /** Compiles a batch when enough is pending or the oldest request has waited. @param at instructions executed so far */
  compileDue(at: number): void {
    if (!this.isDue(at)) return;
    this.compile(at);
    this.since = at;
  }

  private isDue(at: number): boolean {
    const { size } = this.pending;
    if (size === 0 || this.batchesUnderWay >= MOST_UNDER_WAY) return false;
    const { atOnce, batch } = this.compiler;
    // Another thread with nothing to do gets what is there.
    const isIdle = this.batchesUnderWay === 0 && !atOnce;
    return at >= this.since + (isIdle || size >= batch.regions ? batch.wait : LONGEST_WAIT);
  }

  private compile(at: number): void {
    const { regions, steps: mostSteps } = this.compiler.batch;
    // Records that it may need: two for each region, one for each step at most.
    if (!this.runtime.code.hasRoom(2 * regions + 2 * mostSteps)) {
      this.pending.clear();
      return;
    }
    this.makeRoom();
    const batch: { chosen: Chosen; job: RegionJob }[] = [];
    let steps = 0;
    for (const request of this.pending.hottestFirst()) {
      if (batch.length === regions || steps >= mostSteps) break;
      if (!request.isCurrent()) continue;
      this.pending.delete(request);
      const made = this.choose(request);
      if (!made) continue;
      steps += stepsOf(made.job);
      batch.push(made);
    }
    if (batch.length === 0) return;
    for (const { chosen } of batch) this.underWay.set(chosen.record, chosen);
    this.batchesUnderWay++;
    const chosen = batch.map((b) => b.chosen);
    this.compiler.compile(
      batch.map((b) => b.job),
      (compiled) => this.arrive(chosen, compiled, at),
    );
  }

  /** Takes over what has been compiled, so far as it is still wanted. */
  private arrive(chosen: readonly Chosen[], compiled: CompiledBatch, at: number): void {
    this.batchesUnderWay--;
    const { module, bytes, functionNames, regions } = compiled;
    const { exports } = new WebAssembly.Instance(module, { env: this.runtime.regionImports });
    regions.forEach((compiled, i) => {
      const region = chosen[i];
      if (this.underWay.get(region.record) !== region) {
        this.freeSlots.push(region.slot);
        return;
      }
      this.underWay.delete(region.record);
      this.runtime.regionTable.set(region.slot, exports[compiled.name] as () => number);
      this.enter({
        ...region,
        id: this.nextId++,
        module: this.totals.modules,
        generation: this.generation,
        compiled,
        functionNames,
      });
    });
    const generation = this.generations.get(this.generation);
    if (generation) {
      generation.bytes += bytes;
      generation.modules++;
    }
    this.batches.push({
      module: this.totals.modules++,
      at,
      regions: regions.length,
      instructions: regions.reduce((sum, { steps }) => sum + steps.length / 2, 0),
      bytes,
    });
    if (this.batches.length > KEPT_BATCHES) this.batches.shift();
    this.totals.compiled += regions.length;
  }

  /**
   * What regions look up at the record's instruction lay in two pages, so that the instruction was left to the
   * interpreter. Where that happens often, they are made again with the accesses apart.
   */
  straddles(record: number): void {
    this.straddling.set(record, (this.straddling.get(record) ?? 0) + 1);
    if (++this.straddled % STRADDLES !== 0) return;
    const often = [...this.straddling].filter(([, times]) => times >= STRADDLES_OFTEN);
    const records = new Set(often.map(([record]) => record));
    for (const record of records) this.apart.add(record);
    for (const region of [...this.live.values()].filter(({ code }) => hasEntry(code, records))) {
      this.remove(region);
      // The next branch to it asks for it again.
      this.u16[counterAddress(region.record) >> 1] = HOT - 1;
    }
    this.straddling.clear();
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
      instructions: instructionsOf(region),
      module: region.module,
      generation: region.generation,
      entries: this.entriesOf(region.slot),
      body: region.compiled.body,
      names: { functions: region.functionNames, locals: region.compiled.localNames },
    }));
  }

  // --- compiling ----------------------------------------------------------------------------------

  private choose(request: Request): { chosen: Chosen; job: RegionJob } | undefined {
    const { record, table, mode, linear } = request;
    const offset = this.u16[(record + RECORD.OFFSET) >> 1];
    // The code may have been dropped since, or a region may begin here already or soon.
    if (this.u32[(table >> 2) + offset] !== record || this.underWay.has(record)) return undefined;
    const before = this.live.get(record);
    if (before && !before.isShallow) return undefined;
    const page = this.runtime.code.pageOf(table);
    const findPage: FindPage = (delta) => (delta === 0 ? { physical: page, table } : request.findPage(delta));
    const depth = before ? CALL_DEPTH.LATER : CALL_DEPTH.FIRST;
    const formed = new RegionFormer(this.source, findPage, linear | 0, this.takenCount, depth).form(offset);
    const slot = formed && this.freeSlots.pop();
    if (!formed || slot === undefined) return undefined;
    const copy = this.copyRecord(this.source.described(record));
    const after = this.runtime.code.allocate();
    this.u32.fill(0, after >> 2, (after + RECORD.SIZE) >> 2);
    this.u16[(after + RECORD.HANDLER) >> 1] = HANDLER.CONTINUE;
    this.u16[(after + RECORD.OFFSET) >> 1] = offset + this.u8[record + RECORD.LENGTH];
    const copyOf = ({ shape, record: at }: Step) => (shape.form && !shape.spilled ? 0 : this.copyRecord(at));
    const isApart = ({ entry }: Step) => this.apart.has(entry);
    const isShallow = formed.isShallow && !before;
    const requestAfter = isShallow ? DEEPEN_AFTER[this.mode === 'forced' ? 'forced' : 'on'] : 0;
    const job = encodeJob(this.u32, formed, { mode, slot, requestAfter, copyOf, isApart });
    const chosen: Chosen = {
      page,
      offset,
      linear: linear + offset,
      codeMode: mode,
      slot,
      record,
      copy,
      isShallow,
      pages: [...new Set(formed.pages.map((p) => p.physical))],
      code: { steps: job.steps, pages: job.pages },
    };
    return { chosen, job };
  }

  private copyRecord(record: number): number {
    const copy = this.runtime.code.allocate();
    this.u8.copyWithin(copy, record, record + RECORD.SIZE);
    return copy;
  }

  private enter(region: LiveRegion): void {
    const { record, slot, copy } = region;
    const before = this.live.get(record);
    if (before) this.remove(before);
    this.u16[(record + RECORD.HANDLER) >> 1] = HANDLER.REGION;
    this.u32[(record + RECORD.LINK) >> 2] = slot;
    this.u32[(record + RECORD.IMMEDIATE) >> 2] = copy;
    this.u32.fill(0, (REGION_COUNTERS.SLOTS + slot * 8) >> 2, (REGION_COUNTERS.SLOTS + slot * 8 + 8) >> 2);
    this.live.set(record, region);
    for (const page of region.pages) {
      const list = this.byPage.get(page);
      if (list) list.add(region);
      else this.byPage.set(page, new Set([region]));
    }
  }

  // --- dropping -----------------------------------------------------------------------------------

  private remove(region: LiveRegion): void {
    const { record, slot, copy } = region;
    this.forgetJumps();
    const isThere =
      this.source.handler(record) === HANDLER.REGION && this.u32[(record + RECORD.LINK) >> 2] === slot;
    if (isThere) this.u8.copyWithin(record, copy, copy + RECORD.SIZE);
    this.u16[counterAddress(record) >> 1] = this.firstCount;
    this.runtime.regionTable.set(slot, null);
    this.freeSlots.push(slot);
    this.live.delete(record);
    for (const page of region.pages) this.byPage.get(page)?.delete(region);
  }

  /** The bytes `from` .. `to` - 1 of a page were written to: regions with instructions there go. */
  private dropBytes(page: number, from: number, to: number): void {
    const isHit = ({ code }: Chosen) => {
      for (let i = stepsOf(code) - 1; i >= 0; i--) {
        const step = codeOf(code, i);
        if (step.page === page && step.offset < to && step.offset >= from - LONGEST) return true;
      }
      return false;
    };
    const live = [...(this.byPage.get(page) ?? [])].filter(isHit);
    const underWay = [...this.underWay.values()].filter(isHit);
    if (live.length + underWay.length === 0) return;
    this.changes.note(page);
    this.totals.dropped += live.length + underWay.length;
    for (const region of live) this.remove(region);
    for (const { record } of underWay) this.underWay.delete(record);
  }

  /** All decoded code is gone. */
  private forget(): void {
    this.totals.dropped += this.live.size;
    this.forgetJumps();
    for (const { slot } of this.live.values()) {
      this.runtime.regionTable.set(slot, null);
      this.freeSlots.push(slot);
    }
    this.live.clear();
    this.byPage.clear();
    this.pending.clear();
    this.underWay.clear();
    this.straddling.clear();
    this.apart.clear();
    this.resetCounters();
  }

  /** No branch knows a region any more: called whenever one goes. */
  private forgetJumps(): void {
    this.u8.fill(0xff, LAYOUT.JUMPS, LAYOUT.JUMPS + JUMPS.ENTRIES * JUMPS.ENTRY_SIZE);
  }

  /** Where the counters begin, to be at `HOT` after as many branches as are wanted; in forced mode, one. */
  private get firstCount(): number {
    return HOT - (this.mode === 'forced' ? 1 : this.compiler.threshold);
  }

  /** What the counter of a place says that belongs to a region. */
  private get takenCount(): number {
    return this.mode === 'forced' ? 0 : this.firstCount + this.compiler.threshold * TAKEN;
  }

  private resetCounters(): void {
    this.u16.fill(
      this.firstCount,
      counterAddress(LAYOUT.RECORDS) >> 1,
      counterAddress(LAYOUT.RECORDS_END) >> 1,
    );
  }

  /** Begins a new generation when the present one has its share, and evicts the oldest when there are too many. */
  private makeRoom(): void {
    const { regions } = this.compiler.batch;
    const present = this.generations.get(this.generation);
    const isFull = (present?.bytes ?? 0) > CACHE_BYTES / GENERATIONS;
    if (!isFull && this.freeSlots.length >= regions) return;
    this.generations.set(++this.generation, { bytes: 0, modules: 0 });
    while (this.generations.size > GENERATIONS || this.freeSlots.length < regions) {
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

  /** How much a region that begins at the record is wanted. */
  private heatOf(record: number): number {
    const live = this.live.get(record);
    return live ? this.entriesOf(live.slot) : (this.source.branches(record) - this.firstCount) & 0xffff;
  }

  private entriesOf(slot: number): number {
    return this.counter(REGION_COUNTERS.SLOTS + slot * 8);
  }

  private counter(address: number): number {
    return this.u32[address >> 2] + this.i32[(address >> 2) + 1] * 0x1_0000_0000;
  }
}

function instructionsOf({ code: ofSteps, compiled }: LiveRegion): RegionInstruction[] {
  const instructions: RegionInstruction[] = [];
  for (let i = 0; i < compiled.steps.length; i += 2) {
    const [step, code] = compiled.steps.subarray(i);
    instructions.push({ ...codeOf(ofSteps, step), code });
  }
  return instructions;
}
