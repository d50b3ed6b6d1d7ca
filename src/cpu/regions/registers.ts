/** Registers of a region in Wasm locals: read from the CPU block where it begins, written back where it ends. */
import { type I32, type I64, i32, i64, type ValueType } from '../../wasm/expression.ts';
import type { FunctionBuilder, Local } from '../../wasm/function.ts';
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

  /** @param known fields that are used anywhere, where that is known already: only then can `spill` and `reload` be used */
  constructor(f: FunctionBuilder, state: I32, known?: UsedFields) {
    this.f = f;
    this.state = state;
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
    return this.local(gprField(number)) as Local<'i64'>;
  }

  setGpr(number: number, value: I64): void {
    this.f.set(this.written(gprField(number)) as Local<'i64'>, value);
  }

  xmm(number: number): Local<'v128'> {
    return this.local(xmmField(number)) as Local<'v128'>;
  }

  /** The local of an XMM register that is about to be set. */
  xmmToSet(number: number): Local<'v128'> {
    return this.written(xmmField(number)) as Local<'v128'>;
  }

  /** @param forSetting they are about to be set: all three go together */
  flags(forSetting: boolean): { kind: Local<'i32'>; a: Local<'i64'>; result: Local<'i64'> } {
    if (forSetting) for (const field of FLAG_FIELDS) this.written(field);
    return {
      kind: this.local(STATE.FLAG_KIND) as Local<'i32'>,
      a: this.local(STATE.FLAG_A) as Local<'i64'>,
      result: this.local(STATE.FLAG_RESULT) as Local<'i64'>,
    };
  }

  /** Stores what the region may have changed. */
  writeBack(): void {
    for (const field of this.dirty) {
      const local = this.local(field);
      if (local.type === 'v128') {
        v128Bits.store(this.f, i32.add(this.state, i32.const(field)), local as Local<'v128'>, 128);
      } else {
        this.f.store(local.type === 'i32' ? 'i32' : 'i64', this.state, local, field);
      }
    }
  }

  /** Loads everything that the region uses. */
  load(): void {
    for (const [field, local] of this.locals) {
      if (local.type === 'v128') {
        this.f.set(local as Local<'v128'>, v128Bits.load(i32.add(this.state, i32.const(field)), 128));
      } else if (local.type === 'i32') {
        this.f.set(local as Local<'i32'>, i32.load(this.state, field));
      } else {
        this.f.set(local as Local<'i64'>, i64.load(this.state, field));
      }
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
