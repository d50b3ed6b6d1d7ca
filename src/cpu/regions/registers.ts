/**
 * Registers of a region in Wasm locals. In a region with loops those that it uses are read from the CPU
 * block where it begins, and what it has changed is written back where it ends. A region without loops is
 * soon left: general and XMM registers are read where they are first needed on each way through it and
 * written to the CPU block at once, so that a way costs what it uses. The flags are always kept to the end.
 */
import {
  type Expression,
  type I32,
  type I64,
  i32,
  i64,
  type Sum,
  type V128,
  type ValueType,
} from '../../wasm/expression.ts';
import { type FunctionBuilder, knownAs, type Local } from '../../wasm/function.ts';
import { v128Bits } from '../../wasm/vector-access.ts';
import { STATE } from '../state.ts';

/** Fields of the CPU block that a region keeps in locals, by offset. */
export interface UsedFields {
  readonly read: ReadonlySet<number>;
  readonly written: ReadonlySet<number>;
}

const gprField = (number: number): number => STATE.GPR + number * 8;
const xmmField = (number: number): number => STATE.XMM + number * 16;

const FLAG_FIELDS = [STATE.FLAG_KIND, STATE.FLAG_A, STATE.FLAG_RESULT] as const;

const typeOf = (field: number): ValueType =>
  field === STATE.FLAG_KIND ? 'i32' : field >= STATE.XMM ? 'v128' : 'i64';

export class RegionRegisters {
  private readonly f: FunctionBuilder;
  private readonly state: I32;
  private readonly locals = new Map<number, Local>();
  private readonly dirty = new Set<number>();
  readonly atOnce: boolean;
  /** Fields whose locals are those of the CPU block, in the code that is being made. */
  private valid = new Set<number>();
  /** What the general registers hold, by field, as far as it can be told within the block. */
  private sums = new Map<number, Sum>();
  private instruction: { level: number; early: ReadonlySet<number> | undefined } = {
    level: 0,
    early: undefined,
  };

  /**
   * @param atOnce registers are read where they are needed and written at once
   * @param known fields that are used anywhere, where that is known already: only then can `load` be used before the end
   */
  constructor(f: FunctionBuilder, state: I32, atOnce: boolean, known?: UsedFields) {
    this.f = f;
    this.state = state;
    this.atOnce = atOnce;
    for (const field of known?.read ?? []) this.local(field);
    for (const field of known?.written ?? []) this.written(field);
  }

  get used(): UsedFields {
    return { read: new Set(this.locals.keys()), written: new Set(this.dirty) };
  }

  /** What the locals stand for, by local index. */
  names(): (string | undefined)[] {
    const names: (string | undefined)[] = [];
    for (const [field, local] of this.locals) names[local.index] = fieldName(field);
    return names;
  }

  gpr(number: number): Local<'i64'> {
    const field = gprField(number);
    const local = this.read(field) as Local<'i64'>;
    let sum = this.sums.get(field);
    if (!sum) {
      sum = { of: {}, plus: 0 };
      this.sums.set(field, sum);
    }
    return knownAs(local, sum);
  }

  setGpr(number: number, value: I64): void {
    const field = gprField(number);
    const { sum } = value;
    this.set(field, value);
    if (sum && this.f.level === this.instruction.level) this.sums.set(field, sum);
    else this.sums.delete(field);
  }

  xmm(number: number): Local<'v128'> {
    return this.read(xmmField(number)) as Local<'v128'>;
  }

  setXmm(number: number, value: V128): void {
    this.set(xmmField(number), value);
  }

  // --- where in the code --------------------------------------------------------------------------

  /** Before the code of an instruction. */
  begin(): void {
    this.instruction = { level: this.f.level, early: undefined };
  }

  /** The instruction may be left here. */
  leave(): void {
    const { early } = this.instruction;
    this.instruction.early = early ? common(early, this.valid) : new Set(this.valid);
  }

  /** After it: what was read on every way through the instruction stays. */
  end(): void {
    const { early } = this.instruction;
    if (!early) return;
    this.valid = common(early, this.valid);
    this.sums.clear();
  }

  /** Runs code that comes in between, after which everything is as before. */
  aside(write: () => void): void {
    const { valid, sums, instruction } = this;
    this.valid = new Set(valid);
    this.sums = new Map(sums);
    write();
    Object.assign(this, { valid, sums, instruction });
  }

  /** What is valid at this place, to go on with at a place that is only reached by way of this one. */
  get place(): ReadonlySet<number> {
    return new Set(this.valid);
  }

  goOn(place: ReadonlySet<number>): void {
    this.valid = new Set(place);
  }

  /** Where ways meet, or something else may have changed registers. */
  forgetSums(): void {
    this.sums.clear();
  }

  // --- all together -------------------------------------------------------------------------------

  /** @param forSetting they are about to be set: all three go together */
  flags(forSetting: boolean): { kind: Local<'i32'>; a: Local<'i64'>; result: Local<'i64'> } {
    if (forSetting) for (const field of FLAG_FIELDS) this.written(field);
    return {
      kind: this.local(STATE.FLAG_KIND) as Local<'i32'>,
      a: this.local(STATE.FLAG_A) as Local<'i64'>,
      result: this.local(STATE.FLAG_RESULT) as Local<'i64'>,
    };
  }

  /** Stores what the region may have changed and not stored yet. */
  writeBack(): void {
    for (const field of this.dirty) this.storeField(field);
  }

  /**
   * Loads what the code from here on takes for granted: what is valid here has to stay so, since where ways meet
   * again it is what was valid before they parted.
   */
  load(): void {
    this.forgetSums();
    for (const field of this.locals.keys()) {
      if (!this.isAtOnce(field) || this.valid.has(field)) this.loadField(field);
    }
  }

  private read(field: number): Local {
    if (this.isAtOnce(field) && !this.valid.has(field)) {
      this.loadField(field);
      // Deeper inside, only some ways lead through here.
      if (this.f.level === this.instruction.level) this.valid.add(field);
    }
    return this.local(field);
  }

  private set(field: number, value: Expression<'i64' | 'v128'>): void {
    if (this.isAtOnce(field)) {
      this.f.set(this.local(field), value);
      this.storeField(field);
      if (this.f.level === this.instruction.level) this.valid.add(field);
    } else {
      this.f.set(this.written(field), value);
    }
  }

  private isAtOnce(field: number): boolean {
    return this.atOnce && !FLAG_FIELDS.some((flag) => flag === field);
  }

  private storeField(field: number): void {
    const local = this.local(field);
    if (local.type === 'v128') {
      v128Bits.store(this.f, i32.add(this.state, i32.const(field)), local as Local<'v128'>, 128);
    } else {
      this.f.store(local.type === 'i32' ? 'i32' : 'i64', this.state, local, field);
    }
  }

  private loadField(field: number): void {
    const local = this.local(field);
    if (local.type === 'v128') {
      this.f.set(local as Local<'v128'>, v128Bits.load(i32.add(this.state, i32.const(field)), 128));
    } else if (local.type === 'i32') {
      this.f.set(local as Local<'i32'>, i32.load(this.state, field));
    } else {
      this.f.set(local as Local<'i64'>, i64.load(this.state, field));
    }
  }

  private local(field: number): Local {
    let local = this.locals.get(field);
    if (!local) {
      local = this.f.variable(typeOf(field));
      this.locals.set(field, local);
    }
    return local;
  }

  private written(field: number): Local {
    this.dirty.add(field);
    return this.local(field);
  }
}

const common = (a: ReadonlySet<number>, b: ReadonlySet<number>): Set<number> =>
  new Set([...a].filter((field) => b.has(field)));

const GPR_NAMES = [
  ...['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'],
  ...['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'],
];

function fieldName(field: number): string {
  if (field === STATE.FLAG_KIND) return 'flagKind';
  if (field === STATE.FLAG_A) return 'flagOperand';
  if (field === STATE.FLAG_RESULT) return 'flagResult';
  return field >= STATE.XMM ? `xmm${(field - STATE.XMM) / 16}` : GPR_NAMES[(field - STATE.GPR) / 8];
}
