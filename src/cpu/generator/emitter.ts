/**
 * The implementation of `Context`: turns the semantics of one form of one instruction into code at a
 * site, in the interpreter or in a region.
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
import { BANK, RECORD, SEGMENT, STATE, STATUS, TLB } from '../state.ts';
import { Addressing } from './addressing.ts';
import type { Form, Shared } from './form.ts';
import { checkFpu } from './fpu-checks.ts';
import { LOAD_SEGMENT } from './segment-load.ts';
import type { FlagAccess, RegisterField, Site } from './site.ts';
import { executeEntry } from './tlb-entry.ts';
import { loadSigned, loadUnsigned, storeOp } from './widths.ts';

export class Emitter implements Context {
  readonly f: FunctionBuilder;
  readonly size: Size;
  readonly cc: number;
  private readonly form: Form;
  private readonly site: Site;
  private readonly shared: Shared;
  private readonly operands: readonly Operand[];
  private readonly addressing: Addressing;
  private readonly status: FlagAccess;
  /** Host address of the memory operand, once it was looked up. */
  private operandHost: Local<'i32'> | undefined;

  constructor(form: Form, cc: number, site: Site, shared: Shared) {
    this.form = form;
    this.size = form.size;
    this.cc = cc;
    this.site = site;
    this.shared = shared;
    this.f = site.f;
    this.operands = parseOperands(form.row.operands);
    this.addressing = new Addressing(form, this.operands, site, shared);
    this.status = site.flags(this.size);
  }

  emit(semantics: Semantics): void {
    this.f.scope(() => {
      checkFpu(this, this.form.row);
      semantics(this);
      // Dead code after an unconditional jump, the not-taken path after a conditional one.
      this.site.finish();
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
    return this.integer(n, true);
  }

  readU(n: number): I64 {
    return this.integer(n, false);
  }

  write(n: number, value: I64): void {
    const width = this.width(n);
    const at = this.place(n);
    if (at === 'memory') {
      const host = this.memoryOperand(n);
      this.f.store(storeOp(width), host, value);
      this.commit(host);
    } else {
      this.site.setRegister(this.generalField(n, at), value, width);
    }
  }

  readV(n: number): V128 {
    const at = this.place(n);
    if (at === 'memory') return v128Bits.load(this.memoryOperand(n), this.width(n));
    const field = vectorField(at);
    return isMmx(at) ? v128Bits.load(this.site.mmx(field), 64) : this.site.vector(field);
  }

  writeV(n: number, value: V128): void {
    const at = this.place(n);
    if (at === 'memory') {
      const host = this.memoryOperand(n);
      v128Bits.store(this.f, host, value, this.width(n));
      this.commit(host);
      return;
    }
    const field = vectorField(at);
    if (isMmx(at)) {
      const slot = this.site.mmx(field);
      v128Bits.store(this.f, slot, value, 64);
      // MMX writes set the exponent field to all ones. SDM volume 1, "Effect of MMX Instructions on x87".
      this.f.store('i32_16', slot, i32.const(0xffff), 8);
    } else {
      this.site.setVector(field, value);
    }
  }

  gpr(number: number, size: Size = 64): I64 {
    return this.site.gpr(number, size);
  }

  setGpr(number: number, value: I64, size: Size = 64): void {
    this.site.setGpr(number, value, size);
  }

  xmm(number: number): V128 {
    return this.site.xmm(number);
  }

  setXmm(number: number, value: V128): void {
    this.site.setXmm(number, value);
  }

  field(offset: number): I32 {
    return i32.add(this.site.state, i32.const(offset));
  }

  immediate(): I64 {
    return this.site.immediate();
  }

  get knownImmediate(): number | undefined {
    return this.site.knownImmediate();
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
    this.site.commit(host);
  }

  hostReadAt(offset: I64, bytes: number, segment?: number): I32 {
    return this.addressing.at('read', offset, bytes, segment);
  }

  hostWriteAt(offset: I64, bytes: number, segment?: number): I32 {
    return this.addressing.at('write', offset, bytes, segment);
  }

  plainHost(access: 'read' | 'write', offset: I64, segment?: number): I32 | undefined {
    return this.addressing.plain(access, offset, segment);
  }

  budget(): I32 {
    return this.site.budget();
  }

  spend(cycles: I32): void {
    this.site.spend(cycles);
  }

  // --- flags ----------------------------------------------------------------------------------

  get flags(): FlagWriter {
    return this.status.writer;
  }

  get carry(): I32 {
    return this.status.carry();
  }

  get overflow(): I32 {
    return this.status.overflow();
  }

  get sameRegister(): I32 {
    return this.site.sameRegister();
  }

  condition(cc: number): I32 {
    return this.status.condition(cc);
  }

  rflags(): I32 {
    return this.status.rflags();
  }

  // --- strings and stack ----------------------------------------------------------------------

  stringStep(bytes: number): I64 {
    const direction = i32.and(i32.load(this.field(STATE.FLAG_SYSTEM)), i32.const(FLAG.DF));
    // DF is bit 10: bytes - 2 * bytes * DF.
    return i64.extend_i32_s(
      i32.sub(i32.const(bytes), i32.shr_u(i32.mul(direction, i32.const(2 * bytes)), i32.const(10))),
    );
  }

  truncateAddress(offset: I64): I64 {
    return i64.and(offset, this.site.addressMask());
  }

  get rep(): I32 {
    return this.site.rep();
  }

  addressSized(number: number): I64 {
    return i64.and(this.gpr(number), this.site.addressMask());
  }

  setAddressSized(number: number, value: I64): void {
    const mask = this.f.let(this.site.addressMask());
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
    return this.f.let(i64.and(i64.add(this.gpr(RSP), step), this.site.stackMask()));
  }

  setSp(value: I64): void {
    if (this.form.addressing === 'flat') {
      this.setGpr(RSP, value);
      return;
    }
    const others = i64.xor(this.site.stackMask(), i64.const(-1));
    this.setGpr(RSP, i64.or(i64.and(this.gpr(RSP), others), value));
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
    return this.site.displacement();
  }

  // --- x87 ------------------------------------------------------------------------------------

  stackIndex(): I32 {
    return i32.and(this.site.modRm(), i32.const(7));
  }

  /** SDM volume 1, "x87 FPU Instruction and Data (Operand) Pointers", "Last Instruction Opcode". */
  notePointers(): void {
    const { f, site } = this;
    const { state } = site;
    const selector = (segment: I32): I32 =>
      i32.load16_u(
        i32.add(state, i32.mul(segment, i32.const(SEGMENT.SIZE))),
        STATE.SEGMENTS + SEGMENT.SELECTOR,
      );
    f.store('i64', state, site.ip(), STATE.FIP);
    f.store('i32_16', state, selector(i32.const(SEG.CS)), STATE.FCS);
    const opcode = Number.parseInt(this.form.row.encoding, 16) & 7;
    f.store('i32_16', state, i32.or(site.modRm(), i32.const(opcode << 8)), STATE.FOP);
    if (!this.form.memory) return;
    f.store('i64', state, this.effectiveAddress(), STATE.FDP);
    f.store('i32_16', state, selector(site.segment()), STATE.FDS);
  }

  // --- control --------------------------------------------------------------------------------

  nextIp(): I64 {
    return this.site.nextIp();
  }

  jump(ip: I64): void {
    this.site.end(STATUS.JUMP, this.truncateIp(ip));
  }

  checkTarget(ip: I64): void {
    const target = this.f.let(this.truncateIp(ip));
    const refuse = () => this.raise(VECTOR.GP, 0);
    if (this.size === 64) {
      const canonical = i64.shr_s(i64.shl(target, i64.const(16)), i64.const(16));
      this.f.ifUnlikely(i64.ne(canonical, target), refuse);
    } else if (this.form.addressing === 'segmented') {
      this.f.ifUnlikely(i64.gt_u(target, i64.load(this.site.state, STATE.CODE_LIMIT)), refuse);
    }
  }

  checkRelativeTarget(): void {
    this.site.checkRelative(() => this.checkTarget(this.relativeTarget()));
  }

  jumpRelative(): void {
    this.site.jumpRelative(() => {
      const ip = this.f.let(this.truncateIp(this.relativeTarget()));
      this.checkTarget(ip);
      return ip;
    });
  }

  jumpRelativeIf(condition: I32): void {
    const jump = () => this.jumpRelative();
    const { jumps } = this.site;
    if (jumps === undefined) this.f.if(condition, jump);
    else if (jumps) this.f.ifLikely(condition, jump);
    else this.f.ifUnlikely(condition, jump);
  }

  again(): void {
    this.site.end(STATUS.AGAIN);
  }

  done(): void {
    this.site.end(STATUS.NEXT);
  }

  raise(vector: number, errorCode = -1): void {
    this.site.raise(vector, errorCode);
  }

  system(): void {
    const { mnemonic, fallback } = this.form.row;
    if (!fallback) throw new Error(`${mnemonic} has no fallback`);
    this.site.system(fallback);
  }

  useSupervisorTranslations(ac: boolean): void {
    const { f, site } = this;
    const page = f.let(site.pageLinear());
    const number = ac ? BANK.SUPERVISOR_AC : BANK.SUPERVISOR;
    const set = i32.load(site.state, STATE.TLB_SET);
    const bank = f.let(i32.add(set, i32.const(number * TLB.BANK_SIZE)));
    const here = f.let(executeEntry(i32.load(site.state, STATE.TLB_BANK), i32.wrap_i64(page)));
    const there = f.let(executeEntry(bank, i32.wrap_i64(page)));
    const differs = i32.or(
      i64.ne(i64.load(here, TLB.EXECUTE), i64.load(there, TLB.EXECUTE)),
      i32.ne(i32.load(here, TLB.EXECUTE + TLB.PAYLOAD), i32.load(there, TLB.EXECUTE + TLB.PAYLOAD)),
    );
    f.ifUnlikely(differs, () => this.system());
    site.setBank(bank);
  }

  segmentOperand(): I32 {
    return this.site.segmentOperand();
  }

  loadSegment(n: I32, selector: I32): void {
    this.f.ifUnlikely(i32.eqz(this.library(LOAD_SEGMENT, n, selector)), () => this.system());
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

  private integer(n: number, signed: boolean): I64 {
    const width = this.width(n);
    const at = this.place(n);
    if (at === 'memory') return (signed ? loadSigned : loadUnsigned)(this.memoryOperand(n), width);
    if (at !== 'immediate') return this.site.register(this.generalField(n, at), width, signed);
    return signed || width === 64
      ? this.immediate()
      : i64.and(this.immediate(), i64.const((1n << BigInt(width)) - 1n));
  }

  private generalField(n: number, at: Place): RegisterField {
    if (at === 'reg') return RECORD.REG;
    if (at === 'rm') return RECORD.RM;
    throw new Error(`${this.form.row.mnemonic}: operand ${n} is no general register`);
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
        this.f.ifUnlikely(i64.ne(i64.and(address, i64.const(15)), i64.const(0)), () =>
          this.raise(VECTOR.GP, 0),
        );
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

const RSP = 4;

const isMmx = (at: Place): boolean => at === 'regP' || at === 'rmP';

const vectorField = (at: Place): RegisterField => {
  if (at === 'regV' || at === 'regP') return RECORD.REG;
  if (at === 'rmV' || at === 'rmP') return RECORD.RM;
  throw new Error(`${at} is not a vector operand`);
};
