/**
 * The interpreter's implementation of `Context`: operands come out of the decoded record at run
 * time. One emitter serves one form of one instruction.
 */
import { FLAG, SEG, VECTOR } from '../../arch/registers.ts';
import type { Context, FlagWriter, LibraryFunction, Semantics, Size } from '../../isa/definition.ts';
import {
  hasAttribute,
  type Operand,
  operandWidth,
  type Place,
  parseOperands,
  place,
} from '../../isa/operands.ts';
import {
  type Expression,
  type I32,
  type I64,
  i32,
  i64,
  type V128,
  type ValueType,
} from '../../wasm/expression.ts';
import type { FunctionBuilder, Local } from '../../wasm/function.ts';
import { v128Bits } from '../../wasm/vector-access.ts';
import { LAYOUT, RECORD, SEGMENT, STATE, STATUS } from '../state.ts';
import { Addressing } from './addressing.ts';
import { CARRY, conditionCode, flagWriter, OVERFLOW, RFLAGS } from './flag-code.ts';
import type { Embedding, Form, Shared } from './form.ts';
import { checkFpu } from './fpu-checks.ts';
import { addressSizeMask } from './memory.ts';
import { loadSigned, loadUnsigned, storeOp } from './widths.ts';

export class Emitter implements Context {
  readonly f: FunctionBuilder;
  readonly size: Size;
  readonly cc: number;
  readonly flags: FlagWriter;
  private readonly form: Form;
  private readonly embedding: Embedding;
  private readonly shared: Shared;
  private readonly state: Local<'i32'>;
  private readonly record: Local<'i32'>;
  private readonly operands: readonly Operand[];
  private readonly addressing: Addressing;
  /** Host address of the memory operand, once it was looked up. */
  private operandHost: Local<'i32'> | undefined;

  constructor(form: Form, cc: number, embedding: Embedding, shared: Shared) {
    this.form = form;
    this.size = form.size;
    this.cc = cc;
    this.embedding = embedding;
    this.shared = shared;
    this.f = embedding.f;
    this.record = embedding.record;
    this.state = embedding.f.param(0, 'i32');
    this.operands = parseOperands(form.row.operands);
    this.addressing = new Addressing(form, this.operands, embedding, shared);
    this.flags = flagWriter(this.f, this.state, this.size, shared.environment);
  }

  emit(semantics: Semantics): void {
    this.f.scope(() => {
      checkFpu(this, this.form.row);
      semantics(this);
      // Dead code after an unconditional jump, the not-taken path after a conditional one.
      this.embedding.end(STATUS.NEXT);
    });
  }

  // --- operands -------------------------------------------------------------------------------

  isMemory(n: number): boolean {
    return this.place(n) === 'memory';
  }

  width(n: number): number {
    return operandWidth(this.operand(n), this.size);
  }

  read(n: number): I64 {
    const width = this.width(n);
    switch (this.place(n)) {
      case 'immediate':
        return this.immediate();
      case 'memory':
        return loadSigned(this.memoryOperand(n), width);
      case 'reg':
        return loadSigned(this.slot(RECORD.REG), width);
      case 'rm':
        return loadSigned(this.slot(RECORD.RM), width);
      default:
        throw new Error(`${this.form.row.mnemonic}: operand ${n} is not an integer`);
    }
  }

  readU(n: number): I64 {
    const width = this.width(n);
    switch (this.place(n)) {
      case 'immediate':
        return width === 64
          ? this.immediate()
          : i64.and(this.immediate(), i64.const((1n << BigInt(width)) - 1n));
      case 'memory':
        return loadUnsigned(this.memoryOperand(n), width);
      case 'reg':
        return loadUnsigned(this.slot(RECORD.REG), width);
      case 'rm':
        return loadUnsigned(this.slot(RECORD.RM), width);
      default:
        throw new Error(`${this.form.row.mnemonic}: operand ${n} is not an integer`);
    }
  }

  write(n: number, value: I64): void {
    const width = this.width(n);
    switch (this.place(n)) {
      case 'memory': {
        const host = this.memoryOperand(n);
        this.f.store(storeOp(width), host, value);
        this.commit(host);
        return;
      }
      case 'reg':
        this.storeRegister(this.slot(RECORD.REG), value, width);
        return;
      case 'rm':
        this.storeRegister(this.slot(RECORD.RM), value, width);
        return;
      default:
        throw new Error(`${this.form.row.mnemonic}: operand ${n} cannot be written`);
    }
  }

  readV(n: number): V128 {
    const at = this.place(n);
    if (at === 'memory') return v128Bits.load(this.memoryOperand(n), this.width(n));
    return v128Bits.load(this.slot(vectorSlot(at)), at === 'regP' || at === 'rmP' ? 64 : 128);
  }

  writeV(n: number, value: V128): void {
    const at = this.place(n);
    if (at === 'memory') {
      const host = this.memoryOperand(n);
      v128Bits.store(this.f, host, value, this.width(n));
      this.commit(host);
      return;
    }
    const slot = this.slot(vectorSlot(at));
    if (at === 'regP' || at === 'rmP') {
      v128Bits.store(this.f, slot, value, 64);
      // MMX writes set the exponent field to all ones. SDM volume 1, "Effect of MMX Instructions on x87".
      this.f.store('i32_16', slot, i32.const(0xffff), 8);
    } else {
      v128Bits.store(this.f, slot, value, 128);
    }
  }

  gpr(number: number, size: Size = 64): I64 {
    return loadSigned(this.state, size, STATE.GPR + number * 8);
  }

  setGpr(number: number, value: I64, size: Size = 64): void {
    this.storeRegister(this.state, value, size, STATE.GPR + number * 8);
  }

  xmm(number: number): V128 {
    return v128Bits.load(this.field(STATE.XMM + number * 16), 128);
  }

  setXmm(number: number, value: V128): void {
    v128Bits.store(this.f, this.field(STATE.XMM + number * 16), value, 128);
  }

  field(offset: number): I32 {
    return i32.add(this.state, i32.const(offset));
  }

  immediate(): I64 {
    return i64.load(this.record, RECORD.IMMEDIATE);
  }

  // --- memory ---------------------------------------------------------------------------------

  effectiveAddress(): I64 {
    return this.addressing.effective();
  }

  hostRead(bytes: number, displacement?: I64): I32 {
    return this.addressing.operand('read', bytes, displacement);
  }

  hostWrite(bytes: number, displacement?: I64, modify = false): I32 {
    return this.addressing.operand(modify ? 'modify' : 'write', bytes, displacement);
  }

  commit(host: I32): void {
    this.f.if(i32.lt_u(host, i32.const(LAYOUT.RAM)), () =>
      this.f.call(this.shared.environment.imports.commitSlow),
    );
  }

  hostReadAt(offset: I64, bytes: number, segment?: number): I32 {
    return this.addressing.at('read', offset, bytes, segment);
  }

  hostWriteAt(offset: I64, bytes: number, segment?: number): I32 {
    return this.addressing.at('write', offset, bytes, segment);
  }

  // --- flags ----------------------------------------------------------------------------------

  get carry(): I32 {
    return this.library(CARRY);
  }

  get overflow(): I32 {
    return this.library(OVERFLOW);
  }

  get sameRegister(): I32 {
    return i32.eq(i32.load16_u(this.record, RECORD.REG), i32.load16_u(this.record, RECORD.RM));
  }

  condition(cc: number): I32 {
    return conditionCode(cc, this.state, this.shared.environment);
  }

  rflags(): I32 {
    return this.library(RFLAGS);
  }

  // --- strings and stack ----------------------------------------------------------------------

  stringStep(bytes: number): I64 {
    const direction = i32.and(i32.load(this.state, STATE.FLAG_SYSTEM), i32.const(FLAG.DF));
    // DF is bit 10: bytes - 2 * bytes * DF.
    return i64.extend_i32_s(
      i32.sub(i32.const(bytes), i32.shr_u(i32.mul(direction, i32.const(2 * bytes)), i32.const(10))),
    );
  }

  truncateAddress(offset: I64): I64 {
    return i64.and(offset, addressSizeMask(this.record));
  }

  get rep(): I32 {
    return i32.and(i32.load8_u(this.record, RECORD.PREFIXES), i32.const(3));
  }

  addressSized(number: number): I64 {
    return i64.and(this.gpr(number), addressSizeMask(this.record));
  }

  setAddressSized(number: number, value: I64): void {
    const mask = this.f.let(addressSizeMask(this.record));
    const truncated = i64.and(value, mask);
    // A 16-bit address leaves the upper bits of the register alone; a 32-bit one clears them.
    const kept = i64.and(
      this.gpr(number),
      i64.and(
        i64.xor(mask, i64.const(-1)),
        i64.extend_i32_s(i32.sub(i32.const(0), i64.eq(mask, i64.const(0xffff)))),
      ),
    );
    this.setGpr(number, i64.or(kept, truncated));
  }

  sp(delta: I64 | number): Local<'i64'> {
    const step = typeof delta === 'number' ? i64.const(delta) : delta;
    return this.f.let(i64.and(i64.add(this.gpr(4), step), i64.load(this.state, STATE.STACK_MASK)));
  }

  setSp(value: I64): void {
    if (this.form.addressing === 'flat') {
      this.setGpr(4, value);
      return;
    }
    const mask = i64.load(this.state, STATE.STACK_MASK);
    this.setGpr(4, i64.or(i64.and(this.gpr(4), i64.xor(mask, i64.const(-1))), value));
  }

  stackRead(offset: I64, size: Size = this.size): I64 {
    return loadSigned(this.addressing.stack('read', offset, size / 8), size);
  }

  stackWrite(offset: I64, value: I64, size: Size = this.size): void {
    const host = this.addressing.stack('write', offset, size / 8);
    this.f.store(storeOp(size), host, value);
    this.commit(host);
  }

  push(value: I64, size: Size = this.size): void {
    const sp = this.sp(-size / 8);
    this.stackWrite(sp, value, size);
    this.setSp(sp);
  }

  secondImmediate(): I64 {
    return i64.load32_s(this.record, RECORD.DISPLACEMENT);
  }

  // --- x87 ------------------------------------------------------------------------------------

  stackIndex(): I32 {
    return i32.and(this.modRm(), i32.const(7));
  }

  /** SDM volume 1, "x87 FPU Instruction and Data (Operand) Pointers", "Last Instruction Opcode". */
  notePointers(): void {
    const { f, state, record } = this;
    const ip = i64.add(i64.load(state, STATE.PAGE_IP), i64.load16_u(record, RECORD.OFFSET));
    const selector = (segment: I32): I32 =>
      i32.load16_u(
        i32.add(state, i32.mul(segment, i32.const(SEGMENT.SIZE))),
        STATE.SEGMENTS + SEGMENT.SELECTOR,
      );
    f.store('i64', state, ip, STATE.FIP);
    f.store('i32_16', state, selector(i32.const(SEG.CS)), STATE.FCS);
    const opcode = Number.parseInt(this.form.row.encoding, 16) & 7;
    f.store('i32_16', state, i32.or(this.modRm(), i32.const(opcode << 8)), STATE.FOP);
    if (!this.form.memory) return;
    f.store('i64', state, this.effectiveAddress(), STATE.FDP);
    f.store('i32_16', state, selector(i32.load8_u(record, RECORD.SEGMENT)), STATE.FDS);
  }

  /** The decoder leaves the ModRM byte of x87 instructions, which have no immediates, in the immediate's place. */
  private modRm(): I32 {
    return i32.load8_u(this.record, RECORD.IMMEDIATE);
  }

  // --- control --------------------------------------------------------------------------------

  nextIp(): I64 {
    return i64.add(
      i64.load(this.state, STATE.PAGE_IP),
      i64.extend_i32_u(
        i32.add(i32.load16_u(this.record, RECORD.OFFSET), i32.load8_u(this.record, RECORD.LENGTH)),
      ),
    );
  }

  jump(ip: I64): void {
    this.embedding.end(STATUS.JUMP, this.truncateIp(ip));
  }

  checkTarget(ip: I64): void {
    const target = this.f.let(this.truncateIp(ip));
    const refuse = () => this.raise(VECTOR.GP, 0);
    if (this.size === 64) {
      const canonical = i64.shr_s(i64.shl(target, i64.const(16)), i64.const(16));
      this.f.if(i64.ne(canonical, target), refuse);
    } else if (this.form.addressing === 'segmented') {
      this.f.if(i64.gt_u(target, i64.load(this.state, STATE.CODE_LIMIT)), refuse);
    }
  }

  checkRelativeTarget(): void {
    const check = () => this.checkTarget(this.relativeTarget());
    // A linked branch was checked when it was linked.
    if (this.embedding.linkedJump) this.f.if(i32.eqz(i32.load(this.record, RECORD.LINK)), check);
    else check();
  }

  jumpRelative(): void {
    const target = () => {
      const ip = this.f.let(this.truncateIp(this.relativeTarget()));
      this.checkTarget(ip);
      return ip;
    };
    if (this.embedding.linkedJump) this.embedding.linkedJump(target);
    else this.embedding.end(STATUS.JUMP, target());
  }

  again(): void {
    this.embedding.end(STATUS.AGAIN);
  }

  done(): void {
    this.embedding.end(STATUS.NEXT);
  }

  raise(vector: number, errorCode = -1): void {
    this.f.store('i32', this.state, i32.const(vector), STATE.FAULT_VECTOR);
    this.f.store('i32', this.state, i32.const(errorCode), STATE.FAULT_ERROR);
    this.embedding.end(STATUS.FAULT);
  }

  helper(name: string, ...args: Expression<ValueType>[]): I32 {
    return this.shared.environment.helper(name, ...args);
  }

  library<T extends ValueType>(fn: LibraryFunction<T>, ...args: Expression<ValueType>[]): Expression<T> {
    return this.shared.environment.library(fn, ...args);
  }

  // --- inside ---------------------------------------------------------------------------------

  private operand(n: number): Operand {
    const operand = this.operands[n];
    if (!operand) throw new Error(`${this.form.row.mnemonic} has no operand ${n}`);
    return operand;
  }

  private place(n: number): Place {
    const operand = this.operand(n);
    // XCHG rAX,Zv: the accumulator stands in for ModRM.reg.
    if (operand.letter === 'fixed' && this.operands.some((o) => o.letter === 'Z')) return 'reg';
    return place(operand, this.form.memory);
  }

  /** Address of the CPU-block field that a u16 of the record names. */
  private slot(field: number): I32 {
    return i32.add(this.state, i32.load16_u(this.record, field));
  }

  private storeRegister(address: I32, value: I64, width: number, offset = 0): void {
    const whole = width === 32 ? i64.and(value, i64.const(0xffffffff)) : value;
    this.f.store(width >= 32 ? 'i64' : storeOp(width), address, whole, offset);
  }

  /** Host address of the memory operand, looked up once with the rights that its attributes ask for. */
  private memoryOperand(n: number): Local<'i32'> {
    if (!this.operandHost) {
      const suffix = n === 0 ? '' : String(n);
      const modify = hasAttribute(this.form.row, `modify${suffix}`);
      const write = modify || hasAttribute(this.form.row, `write${suffix}`);
      const bytes = this.width(n) / 8;
      const access = modify ? 'modify' : write ? 'write' : 'read';
      const address = this.addressing.linear(access, bytes);
      if (bytes === 16 && hasAttribute(this.form.row, 'align')) {
        this.f.if(i64.ne(i64.and(address, i64.const(15)), i64.const(0)), () => this.raise(VECTOR.GP, 0));
      }
      this.operandHost = this.addressing.lookup(access, address, bytes);
    }
    return this.operandHost;
  }

  private relativeTarget(): I64 {
    return i64.add(this.nextIp(), this.immediate());
  }

  private truncateIp(ip: I64): I64 {
    return this.size === 64 ? ip : i64.and(ip, i64.const(this.size === 16 ? 0xffff : 0xffffffff));
  }
}

const vectorSlot = (at: Place): number => {
  if (at === 'regV' || at === 'regP') return RECORD.REG;
  if (at === 'rmV' || at === 'rmP') return RECORD.RM;
  throw new Error(`${at} is not a vector operand`);
};
