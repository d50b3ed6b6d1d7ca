/**
 * A processor without generated code for the unit tests of system operations: registers, a record
 * that tests fill in, and a flat memory of 1 MiB in which pages can be made absent or read-only.
 */
import type { CpuidConfig } from '../../arch/cpuid.ts';
import { SEG, VECTOR } from '../../arch/registers.ts';
import type { InterruptSource } from '../../contracts/interrupts.ts';
import { upperHalf } from '../number64.ts';
import { Registers, type Segment } from '../registers.ts';
import { LAYOUT, RECORD, STATE } from '../state.ts';
import type { LinearMemory, PortSpace, Status, StopReason, SystemContext } from './context.ts';
import type { DeliveredEvent } from './event.ts';
import { systemOperations } from './index.ts';
import type { Interceptor } from './intercept.ts';
import { refresh } from './mode.ts';
import { DecodedRecord, PREFIX } from './record.ts';

const SIZE = 0x10_0000;
const RECORD_AT = 0x100;

/** Memory where linear addresses are physical (mod 1 MiB), with page faults where a test asks for them. */
export class FlatMemory implements LinearMemory {
  lo = 0;
  hi = 0;
  readonly absent = new Set<number>();
  readonly readOnly = new Set<number>();
  readonly flushes: string[] = [];
  readonly #view = new DataView(new ArrayBuffer(SIZE));
  readonly #regs: Registers;

  constructor(regs: Registers) {
    this.#regs = regs;
  }

  read(linear: number, bytes: 1 | 2 | 4 | 8, supervisor: boolean): boolean {
    if (!this.#allows(linear, bytes, false, supervisor)) return false;
    this.lo = this.get(linear, Math.min(bytes, 4) as 1 | 2 | 4);
    this.hi = bytes === 8 ? this.get(linear + 4, 4) : 0;
    return true;
  }

  write(linear: number, bytes: 1 | 2 | 4 | 8, lo: number, hi: number, supervisor: boolean): boolean {
    if (!this.#allows(linear, bytes, true, supervisor)) return false;
    this.put(linear, Math.min(bytes, 4) as 1 | 2 | 4, lo);
    if (bytes === 8) this.put(linear + 4, 4, hi);
    return true;
  }

  probeWrite(linear: number, bytes: number, supervisor: boolean): boolean {
    return this.#allows(linear, bytes, true, supervisor);
  }

  readPhysical(address: number): boolean {
    this.lo = this.get(address, 4);
    this.hi = this.get(address + 4, 4);
    return true;
  }

  flush(kind: 'nonglobal' | 'all' | 'everything'): void {
    this.flushes.push(kind);
  }

  loadAddressSpace(keep: boolean): void {
    this.flushes.push(keep ? 'kept' : 'nonglobal');
  }

  invalidatePage(linear: number): void {
    this.flushes.push(linear.toString(16));
  }

  invalidatePcid(type: number, pcid: number, linear: number): void {
    this.flushes.push(`${type} ${pcid.toString(16)} ${linear.toString(16)}`);
  }

  /** Direct access for tests. */
  get(at: number, bytes: 1 | 2 | 4): number {
    const address = at & (SIZE - 1);
    if (bytes === 1) return this.#view.getUint8(address);
    return bytes === 2 ? this.#view.getUint16(address, true) : this.#view.getUint32(address, true);
  }

  put(at: number, bytes: 1 | 2 | 4, value: number): void {
    const address = at & (SIZE - 1);
    if (bytes === 1) this.#view.setUint8(address, value);
    else if (bytes === 2) this.#view.setUint16(address, value, true);
    else this.#view.setUint32(address, value, true);
  }

  /** Doublewords from `at`. */
  words(at: number, count: number): number[] {
    return Array.from({ length: count }, (_, i) => this.get(at + 4 * i, 4));
  }

  putWords(at: number, ...values: number[]): void {
    for (const [i, value] of values.entries()) this.put(at + 4 * i, 4, value);
  }

  #allows(linear: number, bytes: number, write: boolean, supervisor: boolean): boolean {
    for (const address of [linear, linear + bytes - 1]) {
      const page = Math.floor(address / 0x1000) * 0x1000;
      if (!this.absent.has(page) && !(write && this.readOnly.has(page))) continue;
      const user = !supervisor && this.#regs.cpl === 3 ? 4 : 0;
      const present = this.absent.has(page) ? 0 : 1;
      this.#regs.setFault(VECTOR.PF, present | (write ? 2 : 0) | user, address);
      return false;
    }
    return true;
  }
}

/** What a test says about the instruction that it executes. Register numbers, not CPU-block offsets. */
export interface Fields {
  readonly length?: number;
  readonly reg?: number;
  readonly rm?: number;
  /** The memory operand's offset; absent: ModRM.rm is a register. */
  readonly memory?: number;
  readonly segment?: number;
  readonly addressSize?: 16 | 32 | 64;
  readonly rexW?: boolean;
  readonly operandSizePrefix?: boolean;
  readonly rep?: 0 | 1 | 2;
  readonly immediate?: number;
  /** Selector of a far pointer, whose offset is the immediate. */
  readonly selector?: number;
}

const TEST_CPUID: CpuidConfig = {
  vendor: 'intel',
  cpus: 1,
  apicId: 0,
  tscHz: 1_000_000_000,
  physicalBits: 40,
  withhold: [],
};

export class TestProcessor implements SystemContext {
  readonly regs: Registers;
  readonly memory: FlatMemory;
  readonly record: DecodedRecord;
  readonly cpuid = TEST_CPUID;
  readonly virtualization = undefined;
  readonly portLog: string[] = [];
  readonly stops: StopReason[] = [];
  interceptor: Interceptor | undefined;
  delivering: DeliveredEvent | undefined;
  time = 0;
  interruptPending = false;
  readonly #state: WebAssembly.Memory;

  readonly ports: PortSpace = {
    in: (port, size) => {
      this.portLog.push(`in ${port.toString(16)} ${size}`);
      return [0, 0x5a, 0x5aa5, 0, 0x1234_5678][size];
    },
    out: (port, size, value) => {
      this.portLog.push(`out ${port.toString(16)} ${size} ${value.toString(16)}`);
    },
  };

  readonly interrupts: InterruptSource = {
    pending: () => this.interruptPending,
    acknowledge: () => -1,
    cr8: 0,
    readMsr: () => ({ lo: 0xfee0_0900, hi: 0 }),
    writeMsr: () => true,
  };

  constructor() {
    this.#state = new WebAssembly.Memory({ initial: 8 });
    this.regs = new Registers(this.#state, LAYOUT.CPUS);
    this.memory = new FlatMemory(this.regs);
    this.record = new DecodedRecord(this.#state, this.regs);
    this.record.address = RECORD_AT;
    const r = this.regs;
    r.rflags = 0;
    for (let n = SEG.ES; n <= SEG.GS; n++)
      r.setSegment(n, { selector: 0, attributes: 0x93, limit: 0xffff, base: 0 });
    r.setSegment(SEG.LDTR, { selector: 0, attributes: 0x1_0000, limit: 0, base: 0 });
    r.setSegment(SEG.TR, { selector: 0, attributes: 0x8b, limit: 0x67, base: 0 });
    r.idtr = { base: 0, limit: 0x3ff };
    refresh(r);
  }

  charge(): void {}

  tsc(): number {
    return this.now();
  }

  now(): number {
    return this.time;
  }

  stop(reason: StopReason): void {
    this.stops.push(reason);
  }

  /** Executes the operation `name` with the given record. */
  execute(name: string, fields: Fields = {}): Status {
    const bytes = new DataView(this.#state.buffer, RECORD_AT, RECORD.SIZE);
    const addressSize = fields.addressSize ?? 32;
    bytes.setUint16(RECORD.REG, 8 * (fields.reg ?? 0), true);
    bytes.setUint16(RECORD.RM, 8 * (fields.rm ?? 0), true);
    bytes.setUint16(RECORD.BASE, STATE.ZERO, true);
    bytes.setUint16(RECORD.INDEX, STATE.ZERO, true);
    bytes.setUint8(RECORD.SEGMENT, fields.segment ?? SEG.DS);
    bytes.setUint8(RECORD.LENGTH, fields.length ?? 2);
    bytes.setInt32(RECORD.DISPLACEMENT, fields.selector ?? fields.memory ?? 0, true);
    bytes.setUint32(RECORD.IMMEDIATE, fields.immediate ?? 0, true);
    bytes.setUint32(RECORD.IMMEDIATE + 4, upperHalf(fields.immediate ?? 0), true);
    bytes.setUint8(
      RECORD.PREFIXES,
      (fields.rep ?? 0) |
        ((addressSize >> 5) << PREFIX.ADDRESS_SHIFT) |
        (fields.operandSizePrefix ? PREFIX.OPERAND_SIZE : 0) |
        (fields.memory !== undefined ? PREFIX.MEMORY : 0) |
        (fields.rexW ? PREFIX.REX_W : 0),
    );
    return systemOperations[name](this);
  }

  /** The stored exception as `[vector, error code]`. */
  get fault(): [vector: number, errorCode: number] {
    return [this.regs.faultVector, this.regs.faultError];
  }

  /** Writes an 8-byte descriptor into the GDT (or LDT) at `at`. */
  putDescriptor(at: number, d: { base?: number; limit?: number; access: number; flags?: number }): void {
    const { base = 0, limit = 0xf_ffff, access, flags = 0xc } = d;
    this.memory.putWords(
      at,
      (limit & 0xffff) | (base << 16),
      ((base >>> 16) & 0xff) | (access << 8) | (limit & 0xf_0000) | (flags << 20) | (base & 0xff00_0000),
    );
  }

  /** Writes a call, interrupt, trap or task gate of 8 bytes. */
  putGate(at: number, selector: number, offset: number, access: number, count = 0): void {
    this.memory.putWords(
      at,
      (offset & 0xffff) | (selector << 16),
      (offset & 0xffff_0000) | (access << 8) | count,
    );
  }

  setSegment(n: number, segment: Partial<Segment>): void {
    this.regs.setSegment(n, { ...this.regs.segment(n), ...segment });
  }
}
