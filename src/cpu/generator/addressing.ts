/** From the operands of an instruction to host addresses: effective address, segment, TLB. */
import { SEG } from '../../arch/registers.ts';
import type { Operand } from '../../isa/operands.ts';
import { type I32, type I64, i32, i64 } from '../../wasm/expression.ts';
import type { Local } from '../../wasm/function.ts';
import type { Form, Shared } from './form.ts';
import type { Access, Site } from './site.ts';

export class Addressing {
  private readonly site: Site;
  private readonly flat: boolean;
  /** MOV with an absolute offset (O) has up to 64 bits of it, in the immediate field. */
  private readonly absolute: boolean;
  private readonly shared: Shared;

  constructor(form: Form, operands: readonly Operand[], site: Site, shared: Shared) {
    this.site = site;
    this.flat = form.addressing === 'flat';
    this.absolute = operands.some((o) => o.letter === 'O');
    this.shared = shared;
  }

  /** Effective address of the memory operand, truncated to the address size. */
  effective(): I64 {
    const { site } = this;
    const sum = site.addressSum();
    return this.flat ? site.flatOffset(sum) : i64.and(sum, site.addressMask());
  }

  /** Linear address of the memory operand plus `displacement`. */
  linear(access: Access, bytes: number, displacement?: I64): Local<'i64'> {
    const { site } = this;
    const offset = this.absolute ? site.immediate() : site.addressSum();
    const sum = displacement ? i64.add(offset, displacement) : offset;
    // A flat sum is truncated once, with the base added.
    const within = this.flat ? sum : i64.and(sum, site.addressMask());
    return this.inSegment(access, within, bytes);
  }

  /** Host address of the memory operand plus `displacement`. */
  operand(access: Access, bytes: number, displacement?: I64): Local<'i32'> {
    return this.lookup(access, this.linear(access, bytes, displacement), bytes);
  }

  /** Host address at an offset of a segment: the given one, else the record's. */
  at(access: Access, offset: I64, bytes: number, segment?: number): Local<'i32'> {
    return this.lookup(access, this.inSegment(access, offset, bytes, segment), bytes, segment);
  }

  /** The same from the TLB alone, with no effect: 0 on a miss; undefined where segments are checked. */
  plain(access: 'read' | 'write', offset: I64, segment?: number): Local<'i32'> | undefined {
    return this.flat ? this.site.plainHost(access, this.inSegment(access, offset, 1, segment)) : undefined;
  }

  /** Host address at an offset of the stack segment, whose base is 0 in the flat modes. */
  stack(access: Access, offset: I64, bytes: number): Local<'i32'> {
    const at = this.site.f.briefly(offset);
    const linear = this.flat ? at : this.checked(access, at, bytes, SEG.SS);
    return this.lookup(access, linear, bytes, SEG.SS);
  }

  /** Host address of `bytes` bytes at a linear address; ends the instruction when it faults. `segment` decides #SS or #GP. */
  lookup(access: Access, address: Local<'i64'>, bytes: number, segment?: number): Local<'i32'> {
    return this.site.lookup(access, address, bytes, this.site.segment(segment));
  }

  private inSegment(access: Access, offset: I64, bytes: number, segment?: number): Local<'i64'> {
    const { site } = this;
    return this.flat
      ? site.f.briefly(site.flatLinear(offset, segment))
      : this.checked(access, offset, bytes, segment);
  }

  /** Linear address after the segment's limit and type were checked; one that can only fault otherwise. */
  private checked(access: Access, offset: I64, bytes: number, segment?: number): Local<'i64'> {
    const { memory, environment } = this.shared;
    const check = access === 'read' ? memory.segmentRead : memory.segmentWrite;
    const number: I32 = this.site.segment(segment);
    return this.site.f.let(environment.library(check, offset, i32.const(bytes), number));
  }
}
