/** The site of an instruction in a region: fields of the record are constants, registers are locals. */
import { SEG } from '../../arch/registers.ts';
import type { Size } from '../../isa/definition.ts';
import { CODE_MODE } from '../../isa/modes.ts';
import { type I32, type I64, i32, i64, type V128 } from '../../wasm/expression.ts';
import type { FunctionBuilder, Local } from '../../wasm/function.ts';
import { emitLookup } from '../generator/memory.ts';
import type { Access, FlagAccess, RegisterField, Site } from '../generator/site.ts';
import { RECORD, STATE, STATUS, TLB } from '../state.ts';
import type { CodeSource } from './code-source.ts';
import type { RegionFunction } from './function.ts';
import { positionOf, type Step, targetOf } from './region.ts';

const LOW_32 = i64.const(0xffffffff);

export class RegionSite implements Site {
  readonly f: FunctionBuilder;
  readonly state: Local<'i32'>;
  private readonly region: RegionFunction;
  private readonly source: CodeSource;
  private readonly step: Step;
  /** Look-ups so far. */
  private lookups = 0;

  constructor(region: RegionFunction, step: Step) {
    this.region = region;
    this.source = region.source;
    this.step = step;
    this.f = region.f;
    this.state = region.state;
  }

  // --- fields of the record -----------------------------------------------------------------------

  immediate(): I64 {
    return i64.const(this.source.immediate(this.step.record));
  }

  knownImmediate(): number {
    return this.source.immediateLow(this.step.record);
  }

  modRm(): I32 {
    return i32.const(this.source.field8(this.step.record, RECORD.IMMEDIATE));
  }

  displacement(): I64 {
    return i64.const(this.source.displacement(this.step.record));
  }

  rep(): I32 {
    return i32.const(this.source.field8(this.step.record, RECORD.PREFIXES) & 3);
  }

  addressMask(): I64 {
    const size = (this.source.field8(this.step.record, RECORD.PREFIXES) >> 2) & 3;
    return i64.const([0xffff, 0xffffffff, -1][size]);
  }

  segment(fixed?: number): I32 {
    return i32.const(this.segmentNumber(fixed));
  }

  sameRegister(): I32 {
    const { record } = this.step;
    const [a, b] = [this.source.field16(record, RECORD.REG), this.source.field16(record, RECORD.RM)];
    return i32.const(a === b ? 1 : 0);
  }

  segmentOperand(): I32 {
    return i32.const((this.source.field16(this.step.record, RECORD.REG) >> 3) & 7);
  }

  ip(): I64 {
    return this.region.ip(positionOf(this.step));
  }

  nextIp(): I64 {
    return this.region.ip(positionOf(this.step) + this.step.length);
  }

  // --- registers ----------------------------------------------------------------------------------

  register(field: RegisterField, width: number, signed: boolean): I64 {
    const { number, high } = this.general(field);
    const whole = this.region.registers.gpr(number);
    return low(high ? i64.shr_u(whole, i64.const(8)) : whole, width, signed);
  }

  setRegister(field: RegisterField, value: I64, width: number): void {
    const { number, high } = this.general(field);
    if (!high) {
      this.set(number, value, width);
      return;
    }
    const kept = i64.and(this.region.registers.gpr(number), i64.const(~0xff00));
    const byte = i64.shl(i64.and(value, i64.const(0xff)), i64.const(8));
    this.region.registers.setGpr(number, i64.or(kept, byte));
  }

  gpr(number: number, size: Size): I64 {
    return low(this.region.registers.gpr(number), size, true);
  }

  setGpr(number: number, value: I64, size: Size): void {
    this.set(number, value, size);
  }

  vector(field: RegisterField): V128 {
    return this.xmm(this.vectorNumber(field));
  }

  setVector(field: RegisterField, value: V128): void {
    this.setXmm(this.vectorNumber(field), value);
  }

  xmm(number: number): V128 {
    return this.region.registers.xmm(number);
  }

  setXmm(number: number, value: V128): void {
    this.region.registers.setXmm(number, value);
  }

  mmx(field: RegisterField): I32 {
    return i32.add(this.state, i32.const(this.source.field16(this.step.record, field)));
  }

  flags(size: Size): FlagAccess {
    return this.region.flags.access(size);
  }

  // --- memory -------------------------------------------------------------------------------------

  addressSum(): I64 {
    const { record } = this.step;
    const [base, index] = [this.base(RECORD.BASE), this.base(RECORD.INDEX)];
    const scale = this.source.field8(record, RECORD.SCALE);
    const scaled = index && scale > 0 ? i64.shl(index, i64.const(scale)) : index;
    const displacement = this.source.displacement(record);
    const sum = base && scaled ? i64.add(base, scaled) : (base ?? scaled);
    if (!sum) return i64.const(displacement);
    return displacement === 0 ? sum : i64.add(sum, i64.const(displacement));
  }

  flatOffset(sum: I64): I64 {
    return this.region.mode === CODE_MODE.LONG64 ? sum : i64.and(sum, LOW_32);
  }

  flatLinear(offset: I64, segment?: number): I64 {
    const number = this.segmentNumber(segment);
    const hasBase = number === SEG.FS || number === SEG.GS;
    const base = i64.load(this.state, STATE.EFFECTIVE_BASE + number * 8);
    return this.flatOffset(hasBase ? i64.add(offset, base) : offset);
  }

  stackMask(): I64 {
    switch (this.region.mode) {
      case CODE_MODE.LONG64:
        return i64.const(-1);
      case CODE_MODE.CS32_SS16:
      case CODE_MODE.CS16_SS16:
        return i64.const(0xffff);
      default:
        return LOW_32;
    }
  }

  lookup(access: Access, address: Local<'i64'>, bytes: number): Local<'i32'> {
    const kind = access === 'read' ? 'read' : 'write';
    return this.region.lookup(this.step, kind, address, bytes, this.lookups++ === 0);
  }

  plainHost(access: 'read' | 'write', address: Local<'i64'>): Local<'i32'> {
    const { f } = this;
    const host = f.local('i32');
    const tlb = access === 'read' ? TLB.READ : TLB.WRITE;
    emitLookup(f, { tlb, bank: this.region.bank, address, bytes: 1, host }, () => f.set(host, i32.const(0)));
    return host;
  }

  pageLinear(): I64 {
    return this.region.pageLinear(this.step.page);
  }

  setBank(bank: Local<'i32'>): void {
    this.f.store('i32', this.state, bank, STATE.TLB_BANK);
    this.f.set(this.region.bank, bank);
  }

  commit(): void {
    // A region writes to nothing but RAM.
  }

  // --- time ---------------------------------------------------------------------------------------

  budget(): I32 {
    return this.region.budgetAfter();
  }

  spend(cycles: I32): void {
    this.f.set(this.region.budget, i32.sub(this.region.budget, cycles));
  }

  // --- ends of the instruction --------------------------------------------------------------------

  end(status: number, target?: I64): void {
    const { region, step } = this;
    if (status === STATUS.NEXT) region.leaveInstruction();
    else if (status === STATUS.AGAIN) region.follow(step, step);
    else if (status === STATUS.JUMP && target) this.branchTo(target);
    else throw new Error(`status ${status} in a region`);
  }

  finish(): void {
    // What follows is the next instruction's code.
  }

  raise(): void {
    this.region.sideExit(this.step, 'fault');
  }

  /** A region goes on where the branch most often led. */
  get jumps(): boolean | undefined {
    const { taken, next } = this.step;
    if (taken && next) return undefined;
    return taken !== undefined;
  }

  jumpRelative(target: () => I64): void {
    const { region, step } = this;
    const position = targetOf(this.source, step);
    if (!this.mayWrap && (step.taken || this.isInPage(position))) {
      if (step.taken) region.follow(step, step.taken);
      else region.branch(region.ip(position), step);
      return;
    }
    const ip = this.f.let(target());
    if (step.taken) {
      this.f.ifUnlikely(i64.ne(ip, region.ip(position)), () => region.branch(ip, step));
      region.follow(step, step.taken);
    } else {
      region.branch(ip, step);
    }
  }

  checkRelative(check: () => void): void {
    if (this.mayWrap || !this.isInPage(targetOf(this.source, this.step))) check();
  }

  system(): void {
    this.region.sideExit(this.step, 'system');
  }

  // --- inside -------------------------------------------------------------------------------------

  /** A return from a followed call goes on behind the call, where that is where it leads. */
  private branchTo(target: I64): void {
    const { region, step } = this;
    const ip = this.f.let(target);
    if (step.returns && step.returnPosition !== undefined) {
      const { returns, returnPosition } = step;
      this.f.ifLikely(i64.eq(ip, region.ip(returnPosition)), () => region.follow(step, returns));
    }
    if (step.targets.length > 0) {
      const position = this.f.let(i64.sub(ip, region.ip(0)));
      this.toTargets(
        position,
        step.targets.toSorted((a, b) => a.position - b.position),
      );
    }
    region.branch(ip, step);
  }

  /** Goes to the target that the position is, by halves; goes on behind when it is none of them. */
  private toTargets(position: Local<'i64'>, targets: Step['targets']): void {
    const { f, region, step } = this;
    if (targets.length <= 2) {
      for (const target of targets) {
        f.if(i64.eq(position, i64.const(target.position)), () => region.follow(step, target.step));
      }
      return;
    }
    const middle = targets.length >> 1;
    f.if(
      i64.lt_s(position, i64.const(targets[middle].position)),
      () => this.toTargets(position, targets.slice(0, middle)),
      () => this.toTargets(position, targets.slice(middle)),
    );
  }

  /** Relative targets of these instructions may wrap, or lie beyond the limit of CS. */
  private get mayWrap(): boolean {
    return this.region.isSegmented || this.step.shape.form?.size === 16;
  }

  /** Then it is as legal as the instruction itself. */
  private isInPage(position: number): boolean {
    const { delta } = this.step.page;
    return position >= delta && position < delta + 0x1000;
  }

  private segmentNumber(fixed?: number): number {
    return fixed ?? this.source.field8(this.step.record, RECORD.SEGMENT);
  }

  private general(field: RegisterField): { number: number; high: boolean } {
    const offset = this.source.field16(this.step.record, field) - STATE.GPR;
    return { number: offset >> 3, high: (offset & 7) === 1 };
  }

  private vectorNumber(field: RegisterField): number {
    return (this.source.field16(this.step.record, field) - STATE.XMM) / 16;
  }

  private set(number: number, value: I64, width: number): void {
    const { registers } = this.region;
    if (width === 64) registers.setGpr(number, value);
    else if (width === 32) registers.setGpr(number, i64.and(value, LOW_32));
    else {
      const mask = width === 16 ? 0xffff : 0xff;
      const kept = i64.and(registers.gpr(number), i64.const(~mask));
      registers.setGpr(number, i64.or(kept, i64.and(value, i64.const(mask))));
    }
  }

  /** Base or index register of the memory operand; RIP-relative addresses count from their page. */
  private base(field: number): I64 | undefined {
    const offset = this.source.field16(this.step.record, field);
    if (offset === STATE.ZERO) return undefined;
    if (offset === STATE.PAGE_IP) return this.region.ip(this.step.page.delta);
    return this.region.registers.gpr((offset - STATE.GPR) >> 3);
  }
}

function low(value: I64, width: number, signed: boolean): I64 {
  switch (width) {
    case 8:
      return signed ? i64.extend8_s(value) : i64.and(value, i64.const(0xff));
    case 16:
      return signed ? i64.extend16_s(value) : i64.and(value, i64.const(0xffff));
    case 32:
      return signed ? i64.extend32_s(value) : i64.and(value, LOW_32);
    default:
      return value;
  }
}
