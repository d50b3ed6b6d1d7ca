/** Builds the body of one WebAssembly function, statement by statement, out of expressions. */
import { Code } from './code.ts';
import {
  type Expression,
  expression,
  type I32,
  opcode,
  type Sum,
  TYPE_BYTE,
  type ValueType,
} from './expression.ts';

export interface Signature {
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
}

/** Anything a `call` can name: an import or a function of the module. */
export interface Callee {
  readonly index: number;
  readonly signature: Signature;
}

/** A local variable; as an expression it reads itself. */
export interface Local<T extends ValueType = ValueType> extends Expression<T> {
  readonly index: number;
}

/** A branch target: the end of a block or the head of a loop. */
export interface Label {
  readonly depth: number;
}

export class FunctionBuilder implements Callee {
  code = new Code();
  private readonly prologue = new Code();
  private readonly localTypes: ValueType[] = [];
  /** Locals whose scope has ended and that may be handed out again, by type. */
  private readonly free = new Map<ValueType, Local[]>();
  private scopeLocals: Local[] = [];
  private depth = 0;
  /** What is known of locals, by index, and how deep inside they were set: less deep it may be something else. */
  private readonly sums = new Map<number, { readonly sum: Sum; readonly depth: number }>();
  private readonly hinted: { readonly code: Code; readonly at: number; readonly likely: boolean }[] = [];
  readonly index: number;
  readonly signature: Signature;

  constructor(index: number, signature: Signature) {
    this.index = index;
    this.signature = signature;
  }

  param<T extends ValueType>(position: number, type: T): Local<T> {
    if (this.signature.params[position] !== type) throw new Error(`parameter ${position} is not ${type}`);
    return this.reference(position, type);
  }

  /** A fresh local with an undefined value, live until the enclosing `scope` ends. */
  local<T extends ValueType>(type: T): Local<T> {
    let local = this.free.get(type)?.pop() as Local<T> | undefined;
    if (!local) {
      local = this.reference(this.signature.params.length + this.localTypes.length, type);
      this.localTypes.push(type);
    }
    this.scopeLocals.push(local);
    return local;
  }

  /** A local that is live throughout the function. */
  variable<T extends ValueType>(type: T): Local<T> {
    const local = this.reference(this.signature.params.length + this.localTypes.length, type);
    this.localTypes.push(type);
    return local;
  }

  /** Writes code that goes before everything else, when what follows is known. */
  inPrologue(write: () => void): void {
    const { code } = this;
    this.code = this.prologue;
    write();
    this.code = code;
  }

  /** How many blocks, loops and ifs are open here. */
  get level(): number {
    return this.depth;
  }

  /** Evaluates once, now, and names the value. */
  let<T extends ValueType>(value: Expression<T>): Local<T> {
    const local = this.local(value.type);
    this.set(local, value);
    return local;
  }

  /** The same for a value that nobody asks for any more when a local is next set: a local names itself. */
  briefly<T extends ValueType>(value: Expression<T>): Local<T> {
    return 'index' in value ? (value as Local<T>) : this.let(value);
  }

  set<T extends ValueType>(local: Local<T>, value: Expression<T>): void {
    const { sum } = value;
    value.emit(this.code);
    this.code.byte(0x21);
    this.code.u32(local.index);
    if (sum) this.sums.set(local.index, { sum, depth: this.depth });
    else this.sums.delete(local.index);
  }

  /** Locals made inside are handed out again afterwards. */
  scope<R>(body: () => R): R {
    const outer = this.scopeLocals;
    this.scopeLocals = [];
    const result = body();
    for (const local of this.scopeLocals) {
      const list = this.free.get(local.type);
      if (list) list.push(local);
      else this.free.set(local.type, [local]);
    }
    this.scopeLocals = outer;
    return result;
  }

  /** A store instruction: see `store` for the table of opcodes. */
  store(op: keyof typeof STORE, address: I32, value: Expression, offset = 0): void {
    address.emit(this.code);
    value.emit(this.code);
    opcode(this.code, STORE[op]);
    this.code.u32(0);
    this.code.u32(offset);
  }

  /** memory.copy: the ranges may overlap; the source is as it was before. */
  copyMemory(to: I32, from: I32, bytes: I32): void {
    for (const operand of [to, from, bytes]) operand.emit(this.code);
    opcode(this.code, 0xfc000a);
    this.code.byte(0);
    this.code.byte(0);
  }

  /** memory.fill with the low byte of `value`. */
  fillMemory(to: I32, value: I32, bytes: I32): void {
    for (const operand of [to, value, bytes]) operand.emit(this.code);
    opcode(this.code, 0xfc000b);
    this.code.byte(0);
  }

  block(body: (end: Label) => void): void {
    this.structured(0x02, body);
  }

  loop(body: (head: Label) => void): void {
    this.structured(0x03, body);
  }

  if(condition: I32, then: () => void, otherwise?: () => void): void {
    condition.emit(this.code);
    this.openIf(then, otherwise);
  }

  /** The same where the condition nearly always holds. */
  ifLikely(condition: I32, then: () => void, otherwise?: () => void): void {
    condition.emit(this.code);
    this.hint(true);
    this.openIf(then, otherwise);
  }

  /** The same where the condition hardly ever holds. */
  ifUnlikely(condition: I32, then: () => void, otherwise?: () => void): void {
    condition.emit(this.code);
    this.hint(false);
    this.openIf(then, otherwise);
  }

  br(label: Label): void {
    this.code.byte(0x0c);
    this.code.u32(this.depth - label.depth);
  }

  brIf(label: Label, condition: I32): void {
    condition.emit(this.code);
    this.code.byte(0x0d);
    this.code.u32(this.depth - label.depth);
  }

  brTable(selector: I32, labels: readonly Label[], otherwise: Label): void {
    selector.emit(this.code);
    this.code.byte(0x0e);
    this.code.u32(labels.length);
    for (const label of labels) this.code.u32(this.depth - label.depth);
    this.code.u32(this.depth - otherwise.depth);
  }

  /** A call whose results, if any, are dropped. */
  call(callee: Callee, ...args: Expression[]): void {
    for (const arg of args) arg.emit(this.code);
    this.code.byte(0x10);
    this.code.u32(callee.index);
    for (const _ of callee.signature.results) this.code.byte(0x1a);
  }

  return(value?: Expression): void {
    value?.emit(this.code);
    this.code.byte(0x0f);
  }

  /** Leaves the function by a call that takes its place. */
  returnCall(callee: Callee, ...args: Expression[]): void {
    for (const arg of args) arg.emit(this.code);
    this.code.byte(0x12);
    this.code.u32(callee.index);
  }

  /** The same through a table. */
  returnCallIndirect(target: IndirectTarget, slot: I32, ...args: Expression[]): void {
    for (const arg of args) arg.emit(this.code);
    slot.emit(this.code);
    this.code.byte(0x13);
    this.code.u32(target.type);
    this.code.u32(target.table);
  }

  unreachable(): void {
    this.code.byte(0x00);
  }

  /** What is expected of branches, by ascending offset from the first byte that `finish` gives. */
  hints(): { readonly offset: number; readonly likely: boolean }[] {
    const declarations = this.declarations().length;
    const start = (code: Code) => declarations + (code === this.prologue ? 0 : this.prologue.length);
    return this.hinted
      .map(({ code, at, likely }) => ({ offset: start(code) + at, likely }))
      .sort((a, b) => a.offset - b.offset);
  }

  /** Local declarations and body, as the code section wants them, without the size. */
  finish(): Uint8Array {
    const out = this.declarations();
    out.append(this.prologue.bytes);
    out.append(this.code.bytes);
    out.byte(0x0b);
    return out.bytes;
  }

  private openIf(then: () => void, otherwise?: () => void): void {
    this.code.byte(0x04);
    this.code.byte(0x40);
    this.depth++;
    then();
    if (otherwise) {
      this.code.byte(0x05);
      otherwise();
    }
    this.depth--;
    this.code.byte(0x0b);
  }

  private declarations(): Code {
    const out = new Code();
    out.u32(this.localTypes.length);
    for (const type of this.localTypes) {
      out.u32(1);
      out.byte(TYPE_BYTE[type]);
    }
    return out;
  }

  private hint(likely: boolean): void {
    this.hinted.push({ code: this.code, at: this.code.length, likely });
  }

  private structured(op: number, body: (label: Label) => void): void {
    this.code.byte(op);
    this.code.byte(0x40);
    this.depth++;
    body({ depth: this.depth });
    this.depth--;
    this.code.byte(0x0b);
  }

  private reference<T extends ValueType>(index: number, type: T): Local<T> {
    return new Reading(index, type, () => {
      const found = this.sums.get(index);
      return found && found.depth <= this.depth ? found.sum : undefined;
    });
  }
}

/** A local as an expression. */
class Reading<T extends ValueType> implements Local<T> {
  readonly index: number;
  readonly type: T;
  readonly constant = undefined;
  readonly narrow = undefined;
  private readonly known: Sum | (() => Sum | undefined);

  constructor(index: number, type: T, known: Sum | (() => Sum | undefined)) {
    this.index = index;
    this.type = type;
    this.known = known;
  }

  get sum(): Sum | undefined {
    const { known } = this;
    return typeof known === 'function' ? known() : known;
  }

  emit(code: Code): void {
    code.byte(0x20);
    code.u32(this.index);
  }
}

/** The same local, of whose value this is known now. */
export const knownAs = <T extends ValueType>({ index, type }: Local<T>, sum: Sum): Local<T> =>
  new Reading(index, type, sum);

/** A call as an expression of its single result. */
export function call<T extends ValueType>(type: T, callee: Callee, ...args: Expression[]): Expression<T> {
  if (callee.signature.results[0] !== type)
    throw new Error(`function ${callee.index} does not return ${type}`);
  return expression(type, (code) => {
    for (const arg of args) arg.emit(code);
    code.byte(0x10);
    code.u32(callee.index);
  });
}

/** A table, and the type of the functions that are called through it, both as indices of the module. */
export interface IndirectTarget {
  readonly table: number;
  readonly type: number;
}

/** A call through a table as an expression. */
export function callIndirect<T extends ValueType>(
  type: T,
  target: IndirectTarget,
  slot: I32,
  ...args: Expression[]
): Expression<T> {
  return expression(type, (code) => {
    for (const arg of args) arg.emit(code);
    slot.emit(code);
    code.byte(0x11);
    code.u32(target.type);
    code.u32(target.table);
  });
}

/** Store instructions; the number in a name is the width stored, in bits. */
export const STORE = {
  i32: 0x36,
  i64: 0x37,
  f32: 0x38,
  f64: 0x39,
  i32_8: 0x3a,
  i32_16: 0x3b,
  i64_8: 0x3c,
  i64_16: 0x3d,
  i64_32: 0x3e,
  v128: 0xfd000b,
} as const;
