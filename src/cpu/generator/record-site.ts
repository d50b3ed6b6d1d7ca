/** The site of an instruction in the interpreter: fields come out of the decoded record, registers lie in the CPU block. */
import type { Size } from '../../isa/definition.ts';
import { type I32, type I64, i32, i64, type V128 } from '../../wasm/expression.ts';
import { call, type FunctionBuilder, type Local } from '../../wasm/function.ts';
import { v128Bits } from '../../wasm/vector-access.ts';
import { LAYOUT, RECORD, STATE, STATUS, TLB } from '../state.ts';
import { blockFlags } from './flag-code.ts';
import type { Embedding, InterpreterShared } from './form.ts';
import { addressSizeMask, emitLookup } from './memory.ts';
import type { Access, FlagAccess, RegisterField, Site } from './site.ts';
import { loadSigned, loadUnsigned, storeOp } from './widths.ts';

export class RecordSite implements Site {
  readonly f: FunctionBuilder;
  readonly state: Local<'i32'>;
  readonly jumps = undefined;
  private readonly record: Local<'i32'>;
  private readonly embedding: Embedding;
  private readonly shared: InterpreterShared;

  constructor(embedding: Embedding, shared: InterpreterShared) {
    this.f = embedding.f;
    this.state = embedding.f.param(0, 'i32');
    this.record = embedding.record;
    this.embedding = embedding;
    this.shared = shared;
  }

  // --- fields of the record -----------------------------------------------------------------------

  immediate(): I64 {
    return i64.load(this.record, RECORD.IMMEDIATE);
  }

  knownImmediate(): undefined {
    return undefined;
  }

  modRm(): I32 {
    return i32.load8_u(this.record, RECORD.IMMEDIATE);
  }

  displacement(): I64 {
    return i64.load32_s(this.record, RECORD.DISPLACEMENT);
  }

  rep(): I32 {
    return i32.and(i32.load8_u(this.record, RECORD.PREFIXES), i32.const(3));
  }

  addressMask(): I64 {
    return addressSizeMask(this.record);
  }

  segment(fixed?: number): I32 {
    return fixed === undefined ? i32.load8_u(this.record, RECORD.SEGMENT) : i32.const(fixed);
  }

  sameRegister(): I32 {
    return i32.eq(i32.load16_u(this.record, RECORD.REG), i32.load16_u(this.record, RECORD.RM));
  }

  segmentOperand(): I32 {
    return i32.and(i32.shr_u(i32.load16_u(this.record, RECORD.REG), i32.const(3)), i32.const(7));
  }

  ip(): I64 {
    return i64.add(i64.load(this.state, STATE.PAGE_IP), i64.load16_u(this.record, RECORD.OFFSET));
  }

  nextIp(): I64 {
    const offset = i32.add(i32.load16_u(this.record, RECORD.OFFSET), i32.load8_u(this.record, RECORD.LENGTH));
    return i64.add(i64.load(this.state, STATE.PAGE_IP), i64.extend_i32_u(offset));
  }

  // --- registers ----------------------------------------------------------------------------------

  register(field: RegisterField, width: number, signed: boolean): I64 {
    return (signed ? loadSigned : loadUnsigned)(this.slot(field), width);
  }

  setRegister(field: RegisterField, value: I64, width: number): void {
    this.store(this.slot(field), value, width);
  }

  gpr(number: number, size: Size): I64 {
    return loadSigned(this.state, size, STATE.GPR + number * 8);
  }

  setGpr(number: number, value: I64, size: Size): void {
    this.store(this.state, value, size, STATE.GPR + number * 8);
  }

  vector(field: RegisterField): V128 {
    return v128Bits.load(this.slot(field), 128);
  }

  setVector(field: RegisterField, value: V128): void {
    v128Bits.store(this.f, this.slot(field), value, 128);
  }

  xmm(number: number): V128 {
    return v128Bits.load(i32.add(this.state, i32.const(STATE.XMM + number * 16)), 128);
  }

  setXmm(number: number, value: V128): void {
    v128Bits.store(this.f, i32.add(this.state, i32.const(STATE.XMM + number * 16)), value, 128);
  }

  mmx(field: RegisterField): I32 {
    return this.slot(field);
  }

  flags(size: Size): FlagAccess {
    return blockFlags(this.f, this.state, size, this.shared.environment);
  }

  // --- memory -------------------------------------------------------------------------------------

  addressSum(): I64 {
    const register = (field: number): I64 => i64.load(i32.add(this.state, i32.load16_u(this.record, field)));
    const index = i64.shl(register(RECORD.INDEX), i64.extend_i32_u(i32.load8_u(this.record, RECORD.SCALE)));
    return i64.add(i64.add(register(RECORD.BASE), index), this.displacement());
  }

  flatOffset(sum: I64): I64 {
    return i64.and(sum, i64.load(this.state, STATE.ADDRESS_MASK));
  }

  flatLinear(offset: I64, segment?: number): I64 {
    const slot = i32.add(this.state, i32.shl(this.segment(segment), i32.const(3)));
    return this.flatOffset(i64.add(offset, i64.load(slot, STATE.EFFECTIVE_BASE)));
  }

  stackMask(): I64 {
    return i64.load(this.state, STATE.STACK_MASK);
  }

  lookup(access: Access, address: Local<'i64'>, bytes: number, segment: I32): Local<'i32'> {
    const { f } = this;
    const host = f.local('i32');
    const { memory, environment } = this.shared;
    const fault = () => f.ifUnlikely(i32.eqz(host), () => this.embedding.end(STATUS.FAULT));
    if (this.embedding.inline) {
      const tlb = access === 'read' ? TLB.READ : TLB.WRITE;
      emitLookup(f, { tlb, bank: this.bank(), address, bytes, host }, () => {
        f.set(host, environment.library(memory[`${access}Miss`], segment, address, i32.const(bytes)));
        fault();
      });
    } else {
      f.set(host, environment.library(memory[access], segment, address, i32.const(bytes)));
      fault();
    }
    return host;
  }

  plainHost(access: 'read' | 'write', address: Local<'i64'>): Local<'i32'> {
    const { f } = this;
    const host = f.local('i32');
    const tlb = access === 'read' ? TLB.READ : TLB.WRITE;
    emitLookup(f, { tlb, bank: this.bank(), address, bytes: 1, host }, () => f.set(host, i32.const(0)));
    return host;
  }

  pageLinear(): I64 {
    return i64.load(this.state, STATE.PAGE_LINEAR);
  }

  setBank(bank: Local<'i32'>): void {
    this.f.store('i32', this.state, bank, STATE.TLB_BANK);
  }

  commit(host: I32): void {
    this.f.ifUnlikely(i32.lt_u(host, i32.const(LAYOUT.RAM)), () =>
      this.f.call(this.shared.environment.imports.commitSlow),
    );
  }

  // --- time ---------------------------------------------------------------------------------------

  budget(): I32 {
    return i32.load(this.state, STATE.BUDGET);
  }

  spend(cycles: I32): void {
    this.f.store('i32', this.state, i32.sub(this.budget(), cycles), STATE.BUDGET);
  }

  // --- ends of the instruction --------------------------------------------------------------------

  finish(): void {
    this.end(STATUS.NEXT);
  }

  end(status: number, target?: I64): void {
    this.embedding.end(status, target);
  }

  raise(vector: number, errorCode: number): void {
    this.f.store('i32', this.state, i32.const(vector), STATE.FAULT_VECTOR);
    this.f.store('i32', this.state, i32.const(errorCode), STATE.FAULT_ERROR);
    this.end(STATUS.FAULT);
  }

  jumpRelative(target: () => I64): void {
    if (this.embedding.linkedJump) this.embedding.linkedJump(target);
    else this.end(STATUS.JUMP, target());
  }

  checkRelative(check: () => void): void {
    // A linked branch was checked when it was linked.
    if (this.embedding.linkedJump) this.f.if(i32.eqz(i32.load(this.record, RECORD.LINK)), check);
    else check();
  }

  system(name: string): void {
    if (this.embedding.inline) throw new Error(`${name}: an inlined instruction cannot have a fallback`);
    const { environment, systemNumber } = this.shared;
    const status = call(
      'i32',
      environment.imports.systemNumbered,
      this.record,
      i32.const(systemNumber(name)),
    );
    this.f.return(status);
  }

  private bank(): I32 {
    return i32.load(this.state, STATE.TLB_BANK);
  }

  /** Address of the CPU-block field that a u16 of the record names. */
  private slot(field: number): I32 {
    return i32.add(this.state, i32.load16_u(this.record, field));
  }

  private store(address: I32, value: I64, width: number, offset = 0): void {
    const whole = width === 32 ? i64.and(value, i64.const(0xffffffff)) : value;
    this.f.store(width >= 32 ? 'i64' : storeOp(width), address, whole, offset);
  }
}
