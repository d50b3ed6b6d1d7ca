/** From the operands of a record to host addresses: effective address, segment, TLB. */
import { SEG } from '../../arch/registers.ts';
import type { Operand } from '../../isa/operands.ts';
import { type I32, type I64, i32, i64 } from '../../wasm/expression.ts';
import type { FunctionBuilder, Local } from '../../wasm/function.ts';
import { RECORD, STATE, STATUS, TLB } from '../state.ts';
import type { Embedding, Form, Shared } from './form.ts';
import { addressSizeMask, emitLookup } from './memory.ts';

/** What is done at an address; `modify` reads and then writes. */
export type Access = 'read' | 'write' | 'modify';

export class Addressing {
  private readonly f: FunctionBuilder;
  private readonly state: Local<'i32'>;
  private readonly record: Local<'i32'>;
  private readonly flat: boolean;
  /** MOV with an absolute offset (O) has up to 64 bits of it, in the immediate field. */
  private readonly absolute: boolean;
  private readonly embedding: Embedding;
  private readonly shared: Shared;

  constructor(form: Form, operands: readonly Operand[], embedding: Embedding, shared: Shared) {
    this.f = embedding.f;
    this.state = embedding.f.param(0, 'i32');
    this.record = embedding.record;
    this.flat = form.addressing === 'flat';
    this.absolute = operands.some((o) => o.letter === 'O');
    this.embedding = embedding;
    this.shared = shared;
  }

  /** Effective address of the memory operand, truncated to the address size. */
  effective(): I64 {
    return i64.and(this.sum(), this.flat ? this.flatMask() : addressSizeMask(this.record));
  }

  /** Linear address of the memory operand plus `displacement`. */
  linear(access: Access, bytes: number, displacement?: I64): Local<'i64'> {
    const offset = this.absolute ? i64.load(this.record, RECORD.IMMEDIATE) : this.sum();
    const sum = displacement ? i64.add(offset, displacement) : offset;
    // A flat sum is truncated once, with the base added.
    const within = this.flat ? sum : i64.and(sum, addressSizeMask(this.record));
    return this.inSegment(access, within, bytes, this.segment());
  }

  /** Host address of the memory operand plus `displacement`. */
  operand(access: Access, bytes: number, displacement?: I64): Local<'i32'> {
    return this.lookup(access, this.linear(access, bytes, displacement), bytes, this.segment());
  }

  /** Host address at an offset of a segment: the given one, else the record's. */
  at(access: Access, offset: I64, bytes: number, segment?: number): Local<'i32'> {
    const number = this.segment(segment);
    return this.lookup(access, this.inSegment(access, offset, bytes, number), bytes, number);
  }

  /** Host address at an offset of the stack segment, whose base is 0 in the flat modes. */
  stack(access: Access, offset: I64, bytes: number): Local<'i32'> {
    const at = this.f.let(offset);
    const segment = this.segment(SEG.SS);
    const linear = this.flat ? at : this.checked(access, at, bytes, segment);
    return this.lookup(access, linear, bytes, segment);
  }

  /** Host address of `bytes` bytes at a linear address; ends the instruction when it faults. `segment` decides #SS or #GP. */
  lookup(access: Access, address: Local<'i64'>, bytes: number, segment = this.segment()): Local<'i32'> {
    const { f } = this;
    const host = f.local('i32');
    const { bank } = this.embedding;
    const { memory, environment } = this.shared;
    const fault = () => f.if(i32.eqz(host), () => this.embedding.end(STATUS.FAULT));
    if (bank) {
      const tlb = access === 'read' ? TLB.READ : TLB.WRITE;
      emitLookup(f, { tlb, bank, address, bytes, host }, () => {
        f.set(host, environment.library(memory[`${access}Miss`], segment, address, i32.const(bytes)));
        fault();
      });
    } else {
      f.set(host, environment.library(memory[access], segment, address, i32.const(bytes)));
      fault();
    }
    return host;
  }

  private inSegment(access: Access, offset: I64, bytes: number, segment: I32): Local<'i64'> {
    if (!this.flat) return this.checked(access, offset, bytes, segment);
    const base = i64.load(i32.add(this.state, i32.shl(segment, i32.const(3))), STATE.EFFECTIVE_BASE);
    return this.f.let(i64.and(i64.add(offset, base), this.flatMask()));
  }

  /** Linear address after the segment's limit and type were checked; one that can only fault otherwise. */
  private checked(access: Access, offset: I64, bytes: number, segment: I32): Local<'i64'> {
    const { memory, environment } = this.shared;
    const check = access === 'read' ? memory.segmentRead : memory.segmentWrite;
    return this.f.let(environment.library(check, offset, i32.const(bytes), segment));
  }

  private flatMask(): I64 {
    return i64.load(this.state, STATE.ADDRESS_MASK);
  }

  private segment(fixed?: number): I32 {
    return fixed === undefined ? i32.load8_u(this.record, RECORD.SEGMENT) : i32.const(fixed);
  }

  /** base + index * scale + displacement, not truncated. */
  private sum(): I64 {
    const register = (field: number): I64 => i64.load(i32.add(this.state, i32.load16_u(this.record, field)));
    const index = i64.shl(register(RECORD.INDEX), i64.extend_i32_u(i32.load8_u(this.record, RECORD.SCALE)));
    return i64.add(i64.add(register(RECORD.BASE), index), i64.load32_s(this.record, RECORD.DISPLACEMENT));
  }
}
