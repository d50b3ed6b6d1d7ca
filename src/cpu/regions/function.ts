/**
 * Makes the Wasm function of a region. Blocks become structured control flow by their dominator tree
 * (Ramsey, "Beyond Relooper", 2022): a loop for each loop's head, a block around what comes before each
 * merge.
 *
 * Time is exact: each block takes its instructions off the budget where it begins, and is not begun with
 * fewer left; a side exit gives back those that were not executed.
 */
import { SIDE_EXITS, type SideExit } from '../../contracts/tiers.ts';
import type { CodeMode } from '../../isa/modes.ts';
import { CODE_MODE } from '../../isa/modes.ts';
import { type I32, type I64, i32, i64 } from '../../wasm/expression.ts';
import { call, type FunctionBuilder, type Label, type Local } from '../../wasm/function.ts';
import { LateConstant } from '../../wasm/late-constant.ts';
import { countExecuted, countExit, retryAccess, retryRange } from '../generator/branch.ts';
import { Emitter } from '../generator/emitter.ts';
import { emitLookup } from '../generator/memory.ts';
import { executeEntry } from '../generator/tlb-entry.ts';
import { REGION_COUNTERS, STATE, STATUS, TLB } from '../state.ts';
import { type Block, edgeTo, isBackward, isLoop, isMerge, makeBlocks } from './blocks.ts';
import type { CodeSource, RegionPage } from './code-source.ts';
import { type KnownFlags, RegionFlags, sameKnowledge } from './flags.ts';
import { AccessGroups } from './groups.ts';
import type { RegionEnvironment } from './module.ts';
import { positionOf, type Region, type Step } from './region.ts';
import { RegionRegisters, type UsedFields } from './registers.ts';
import { RegionSite } from './site.ts';

const CAUSES = Object.keys(SIDE_EXITS) as SideExit[];

/**
 * What a side exit tells the code at the function's end, in one number: bits for the instructions of the block that
 * were not executed, the cause, the page by its index, and the access to look up (`retryAccess`; 0: none). ROOM: bytes
 * for it as a late constant.
 */
const EXIT = { REMAINING: 0, CAUSE: 8, PAGE: 11, ACCESS: 14, ROOM: 4 } as const;

export interface RegionOptions {
  readonly source: CodeSource;
  readonly region: Region;
  readonly mode: CodeMode;
  readonly environment: RegionEnvironment;
  /** Where the region's entries are counted. */
  readonly slot: number;
  /** It asks to be made again whenever it was entered so often, a power of two; 0: never. */
  readonly requestAfter: number;
}

/** A step, and where its code begins in the function's code, in bytes. */
export interface EmittedStep {
  readonly step: Step;
  readonly code: number;
}

/** Emits the region into `f`. @returns the steps in the order of the code, and names of locals */
export function emitRegion(
  f: () => FunctionBuilder,
  options: RegionOptions,
): { f: FunctionBuilder; steps: EmittedStep[]; locals: (string | undefined)[] } {
  const blocks = makeBlocks(options.region.steps[0]);
  let function_ = new RegionFunction(f(), options, blocks);
  function_.emit();
  if (function_.spills && !function_.registers.atOnce) {
    // Which registers an instruction in the interpreter finds and may change is known only now.
    const { used } = function_.registers;
    function_ = new RegionFunction(f(), options, blocks, used);
    function_.emit();
  }
  return { f: function_.f, steps: function_.emitted, locals: function_.names() };
}

export class RegionFunction {
  readonly f: FunctionBuilder;
  readonly state: Local<'i32'>;
  readonly source: CodeSource;
  readonly mode: CodeMode;
  readonly environment: RegionEnvironment;
  readonly registers: RegionRegisters;
  readonly flags: RegionFlags;
  private readonly groups: AccessGroups;
  /** Cycles left when the current block is done. */
  readonly budget: Local<'i32'>;
  readonly emitted: EmittedStep[] = [];
  /** Some instruction is executed in the interpreter. */
  spills = false;
  private readonly options: RegionOptions;
  private readonly blocks: readonly Block[];
  /** The bank of TLBs in use: read where the region begins, if it looks anything up. */
  private bankInUse: Local<'i32'> | undefined;
  /** What the function returns, or 0: branch to `address`; and how that came (`EXIT`; of a branch, only the page). */
  private readonly result: Local<'i32'>;
  private readonly how: Local<'i32'>;
  /** Where to branch, or what the TLB did not have. */
  private readonly address: Local<'i64'>;
  private exit!: Label;
  private readonly labels = new Map<Block, Label>();
  /** What registers are valid where a block's code ends. */
  private readonly ends = new Map<Block, ReadonlySet<number>>();
  /** What is known of the flags where an edge leads to a block. */
  private readonly arriving = new Map<Block, KnownFlags | undefined>();
  private block!: Block;
  /** Instructions of the current block that are not executed before the current one. */
  private remaining = 0;
  private instructionEnd!: Label;

  constructor(f: FunctionBuilder, options: RegionOptions, blocks: readonly Block[], known?: UsedFields) {
    this.f = f;
    this.state = f.param(0, 'i32');
    this.options = options;
    this.source = options.source;
    this.mode = options.mode;
    this.environment = options.environment;
    this.blocks = blocks;
    this.budget = f.variable('i32');
    this.result = f.variable('i32');
    this.how = f.variable('i32');
    this.address = f.variable('i64');
    this.registers = new RegionRegisters(f, this.state, !blocks.some(isLoop), known);
    this.groups = new AccessGroups(f, this.mode === CODE_MODE.FLAT32);
    this.flags = new RegionFlags(f, this.registers, this.state, options.environment);
  }

  emit(): void {
    const { f, state } = this;
    f.block((exit) => {
      this.exit = exit;
      this.tree(this.blocks[0]);
    });
    this.registers.writeBack();
    f.store('i32', state, i32.add(this.budget, this.part(EXIT.REMAINING, 0xff)), STATE.BUDGET);
    for (const [i, page] of this.options.region.pages.entries()) {
      if (i > 0) f.if(i32.eq(this.part(EXIT.PAGE, 7), i32.const(i)), () => this.enterPage(page));
    }
    f.ifUnlikely(this.result, () => this.leave());
    const { flat, segmented } = this.environment.branches;
    f.returnCall(this.isSegmented ? segmented : flat, state, this.address);
    f.unreachable();
    this.emitPrologue();
  }

  private part(at: number, mask: number): I32 {
    return i32.and(i32.shr_u(this.how, i32.const(at)), i32.const(mask));
  }

  /** The end of every side exit. */
  private leave(): void {
    const { f, state } = this;
    f.scope(() => {
      const cause = f.let(i32.shl(this.part(EXIT.CAUSE, 7), i32.const(3)));
      const count = i64.add(i64.load(cause, REGION_COUNTERS.EXITS), i64.const(1));
      f.store('i64', cause, count, REGION_COUNTERS.EXITS);
      const access = f.let(i32.shr_u(this.how, i32.const(EXIT.ACCESS)));
      f.if(access, () => {
        f.returnCall(this.environment.retry, state, this.address, access, this.result);
      });
      f.return(this.result);
    });
  }

  names(): (string | undefined)[] {
    const names = this.registers.names();
    names[this.state.index] = 'cpu';
    const { budget, result, how, address, bankInUse: bank } = this;
    const own = { budget, result, how, address, bank };
    for (const [name, local] of Object.entries(own)) if (local) names[local.index] = name;
    return Array.from(names);
  }

  // --- for instructions ---------------------------------------------------------------------------

  get bank(): Local<'i32'> {
    this.bankInUse ??= this.f.variable('i32');
    return this.bankInUse;
  }

  /** Linear address of a page. */
  pageLinear({ delta }: RegionPage): I64 {
    return i64.add(i64.load(this.state, STATE.PAGE_LINEAR), i64.const(delta));
  }

  /** Instruction pointer at a position. */
  ip(position: number): I64 {
    const ip = i64.add(i64.load(this.state, STATE.PAGE_IP), i64.const(position));
    return this.mode === CODE_MODE.LONG64 ? ip : i64.and(ip, i64.const(0xffffffff));
  }

  /** Cycles left when the current instruction is done: those behind it in the block have been taken off. */
  budgetAfter(): I32 {
    const behind = this.remaining - 1;
    return behind === 0 ? this.budget : i32.add(this.budget, i32.const(behind));
  }

  private pageIndex(page: RegionPage): number {
    return this.options.region.pages.indexOf(page);
  }

  /** Leaves the region before the instruction, which the interpreter is to execute. */
  sideExit(step: Step, cause: SideExit): void {
    this.exitWith(step, i32.const(this.exitNumber(step, cause)));
  }

  private exitWith(step: Step, how: I32): void {
    const { f } = this;
    f.set(this.result, i32.const(step.entry));
    f.set(this.how, how);
    f.br(this.exit);
  }

  /** See `EXIT`. */
  private exitNumber(step: Step, cause: SideExit, access = 0): number {
    return (
      (this.remaining << EXIT.REMAINING) |
      (CAUSES.indexOf(cause) << EXIT.CAUSE) |
      (this.pageIndex(step.page) << EXIT.PAGE) |
      (access << EXIT.ACCESS)
    );
  }

  /**
   * Leaves the region before the instruction for an access that the TLB does not have. The first one of an
   * instruction is looked up by way of the page tables; with that done, a region that begins at the
   * instruction goes on. A second one is the interpreter's, or the two might push each other out for ever.
   */
  private miss(step: Step, kind: 'read' | 'write', address: I64, bytes: number, isFirst: boolean): void {
    if (isFirst) this.f.set(this.address, address);
    this.exitWith(step, i32.const(this.exitNumber(step, 'memory', isFirst ? retryAccess(kind, bytes) : 0)));
  }

  /** The host address of an access, looked up alone or with others. */
  lookup(
    step: Step,
    kind: 'read' | 'write',
    address: Local<'i64'>,
    bytes: number,
    isFirst: boolean,
  ): Local<'i32'> {
    const { f, bank, groups } = this;
    const known = groups.find(kind, address, bytes);
    if (known) return known;
    if (step.apart) groups.keepApart(kind, address);
    if (isFirst) {
      const number = this.exitNumber(step, 'memory');
      const how = new LateConstant('i32', number | (retryAccess(kind, bytes) << EXIT.ACCESS), EXIT.ROOM);
      const grown = (length: number) => how.set(number | (retryRange(kind, length) << EXIT.ACCESS));
      const miss = (from: I64) => {
        f.set(this.address, from);
        this.exitWith(step, how);
      };
      const host = groups.look({ kind, bank, address, bytes }, miss, grown);
      if (host) return host;
    }
    const host = f.local('i32');
    const tlb = kind === 'read' ? TLB.READ : TLB.WRITE;
    emitLookup(f, { tlb, bank, address, bytes, host }, () => this.miss(step, kind, address, bytes, isFirst));
    return host;
  }

  /** Leaves the region by a near branch, checked, to an instruction pointer. */
  branch(ip: I64, { page }: Step): void {
    this.f.set(this.address, ip);
    if (page.delta !== 0) this.f.set(this.how, i32.const(this.pageIndex(page) << EXIT.PAGE));
    this.f.br(this.exit);
  }

  /** Ends the current instruction where its code is not at the end. */
  leaveInstruction(): void {
    this.flags.leave();
    this.registers.leave();
    this.groups.leave();
    this.f.br(this.instructionEnd);
  }

  /** Goes on at another step of the region. */
  follow(from: Step, to: Step): void {
    const edge = edgeTo(this.block, to);
    if (!edge) {
      this.branch(this.ip(positionOf(to)), from);
      return;
    }
    if (to.page !== from.page) this.checkPage(to, from);
    const { f } = this;
    if (isBackward(edge)) {
      f.br(this.label(edge.to));
      return;
    }
    const { known } = this.flags;
    if (isMerge(edge.to)) {
      const arriving = this.arriving;
      if (!arriving.has(edge.to)) arriving.set(edge.to, known);
      else if (!sameKnowledge(arriving.get(edge.to), known)) arriving.set(edge.to, undefined);
      f.br(this.label(edge.to));
      return;
    }
    const { block, remaining, instructionEnd } = this;
    this.arriving.set(edge.to, known);
    this.registers.aside(() => this.flags.aside(() => this.groups.aside(() => this.tree(edge.to))));
    Object.assign(this, { block, remaining, instructionEnd });
  }

  // --- structure ----------------------------------------------------------------------------------

  private tree(block: Block): void {
    const merges = block.children.filter(isMerge).sort((a, b) => b.order - a.order);
    if (!isLoop(block)) {
      this.within(block, merges);
      return;
    }
    this.f.loop((head) => {
      this.labels.set(block, head);
      this.arriving.delete(block);
      this.within(block, merges);
    });
  }

  /** The block's code, in blocks that end where the merges begin; the last merge is outermost. */
  private within(block: Block, [merge, ...others]: readonly Block[]): void {
    if (!merge) {
      this.code(block);
      return;
    }
    this.f.block((end) => {
      this.labels.set(merge, end);
      this.within(block, others);
    });
    this.registers.goOn(this.ends.get(block) as ReadonlySet<number>);
    this.tree(merge);
  }

  private label(block: Block): Label {
    const label = this.labels.get(block);
    if (!label) throw new Error('a branch to a block that is not open');
    return label;
  }

  // --- code ---------------------------------------------------------------------------------------

  private code(block: Block): void {
    const { f, flags } = this;
    const { steps } = block;
    this.block = block;
    flags.known = this.arriving.get(block);
    if (block === this.blocks[0] || isMerge(block) || isLoop(block)) {
      this.registers.forgetSums();
      this.groups.forget();
    }
    this.remaining = steps.length;
    const start = f.code.length;
    f.set(this.budget, i32.sub(this.budget, i32.const(steps.length)));
    f.ifUnlikely(i32.lt_s(this.budget, i32.const(0)), () => this.sideExit(steps[0], 'budget'));
    for (const [i, step] of steps.entries()) {
      this.remaining = steps.length - i;
      this.emitted.push({ step, code: i === 0 ? start : f.code.length });
      this.instruction(step);
    }
    this.remaining = 0;
    this.ends.set(block, this.registers.place);
    const last = steps[steps.length - 1];
    if (branchesAlways(last)) return;
    if (last.next) this.follow(last, last.next);
    else this.branch(this.ip(positionOf(last) + last.length), last);
  }

  private instruction(step: Step): void {
    const { f, flags, registers, groups } = this;
    const { form, flow } = step.shape;
    if (!form || step.shape.spilled) {
      this.inInterpreter(step);
      return;
    }
    const { semantics } = form.row;
    if (typeof semantics !== 'function') throw new Error(`${form.row.mnemonic} is a system operation`);
    const site = new RegionSite(this, step);
    const emit = () => {
      flags.begin();
      registers.begin();
      groups.begin();
      new Emitter(form, form.cc, site, this.environment.shared).emit(semantics);
      flags.end();
      registers.end();
      groups.end();
    };
    // A branch ends the instruction where it ends the block: with nothing left to execute.
    if (flow === 'next' || flow === 'repeat') {
      f.block((end) => {
        this.instructionEnd = end;
        emit();
      });
    } else {
      emit();
    }
  }

  /** Has the instruction executed by the interpreter's handler, with all registers in the CPU block. */
  private inInterpreter(step: Step): void {
    const { f, state, environment } = this;
    this.spills = true;
    this.registers.flags(true);
    this.registers.writeBack();
    f.store('i32', state, this.budget, STATE.BUDGET);
    countExecuted(f, state);
    f.store('i64', state, this.ip(positionOf(step)), STATE.RIP);
    this.enterPage(step.page);
    f.scope(() => {
      const record = i32.const(step.copy);
      const status = f.let(
        step.shape.form
          ? call('i32', environment.handler, state, record)
          : call('i32', environment.system, state, record),
      );
      // What the instruction charges is no instruction.
      f.store('i32', i32.const(0), i32.load(state, STATE.BUDGET), REGION_COUNTERS.COUNTED);
      f.ifUnlikely(status, () => {
        countExit(f, step.shape.form ? 'slow' : 'system');
        f.if(i32.eq(status, i32.const(STATUS.AGAIN)), () => f.return(i32.const(step.entry)));
        f.return(status);
      });
    });
    this.leavePage(step.page);
    this.registers.load();
    this.groups.forget();
    f.set(this.budget, i32.load(state, STATE.BUDGET));
    this.flags.known = undefined;
  }

  private emitPrologue(): void {
    const { f, state } = this;
    f.inPrologue(() => {
      const { slot, requestAfter } = this.options;
      const entries = REGION_COUNTERS.SLOTS + slot * 8;
      const zero: I32 = i32.const(0);
      f.store('i64', zero, i64.add(i64.load(zero, entries), i64.const(1)), entries);
      if (requestAfter > 0) {
        const isDue = i32.eqz(i32.and(i32.load(zero, entries), i32.const(requestAfter - 1)));
        const record = i32.const(this.options.region.steps[0].entry);
        f.ifUnlikely(isDue, () => f.call(this.environment.request, state, record));
      }
      this.registers.goOn(new Set());
      this.registers.load();
      if (this.bankInUse) f.set(this.bankInUse, i32.load(state, STATE.TLB_BANK));
      f.set(this.budget, i32.load(state, STATE.BUDGET));
    });
  }

  /** CS may have a base and a limit. */
  get isSegmented(): boolean {
    return this.mode !== CODE_MODE.LONG64 && this.mode !== CODE_MODE.FLAT32;
  }

  // --- pages --------------------------------------------------------------------------------------

  /** Leaves the region unless the page of `to` is mapped as it was: what the interpreter's branch looks at. */
  private checkPage(to: Step, from: Step): void {
    const { f, state } = this;
    const { table } = to.page;
    f.scope(() => {
      const linear = f.let(this.pageLinear(to.page));
      const entry = f.let(executeEntry(this.bank, i32.wrap_i64(linear)));
      const tag = i64.or(linear, i64.const(this.mode));
      // One comparison, which takes less room than two.
      const differs = i64.ne(
        i64.or(
          i64.xor(i64.load(entry, TLB.EXECUTE), tag),
          i64.xor(i64.load32_u(entry, TLB.EXECUTE + TLB.PAYLOAD), i64.const(table)),
        ),
        i64.const(0),
      );
      const ip = this.ip(positionOf(to));
      const outside = i64.gt_u(ip, i64.load(state, STATE.CODE_LIMIT));
      f.ifUnlikely(this.isSegmented ? i32.or(differs, outside) : differs, () => this.branch(ip, from));
    });
  }

  /** Makes the CPU block say that code runs in the page; in between it says the first one. */
  private enterPage({ delta, table }: RegionPage): void {
    this.moveTo(delta, table);
  }

  private leavePage({ delta }: RegionPage): void {
    this.moveTo(-delta, this.options.region.pages[0].table);
  }

  /** @param delta from the page that the CPU block names */
  private moveTo(delta: number, table: number): void {
    if (delta === 0) return;
    const { f, state } = this;
    const linear = i64.add(i64.load(state, STATE.PAGE_LINEAR), i64.const(delta));
    f.store('i64', state, linear, STATE.PAGE_LINEAR);
    f.store('i64', state, this.ip(delta), STATE.PAGE_IP);
    f.store('i32', state, i32.const(table), STATE.TABLE);
  }
}

/** The code of the instruction itself branches, always. */
const branchesAlways = ({ shape }: Step): boolean =>
  shape.flow === 'jump' || shape.flow === 'call' || shape.flow === 'indirect' || shape.flow === 'return';
