/**
 * Lets a recorder hear of every data access of generated code, and of every operation that it calls.
 *
 * Generated code looks addresses up in line and tells nobody. While it is recorded it is given the bank of
 * translations that never holds any for data (user with alignment checks), so that all accesses come to
 * TypeScript; here the true bank answers, as it would have in line. So the same walks are made, and what is
 * cached, accessed or dirty afterwards is the same.
 */
import type { EngineImports } from './engine.ts';
import type { Recorder } from './micro-operations.ts';
import { type Mmu, type Place, piecesOf } from './mmu.ts';
import { signedNumber } from './number64.ts';
import type { Registers } from './registers.ts';
import { BANK, LAYOUT, STATE, TLB } from './state.ts';

export class RecordedAccesses {
  /** What generated code is given instead of its own imports. */
  readonly imports: EngineImports;
  private readonly recorder: Recorder;
  private readonly mmu: Mmu;
  private readonly regs: Registers;
  private readonly u8: Uint8Array;
  /** The bank in use, while it is hidden. */
  private bank = 0;
  private isHidden = false;
  /** Writes of which the bytes are not known yet: they come when the instruction has stored them. */
  private stores: { readonly host: number; readonly value: Uint8Array }[] = [];
  /** The write that is put together in SCRATCH. */
  private pending: Uint8Array | undefined;

  constructor(recorder: Recorder, mmu: Mmu, regs: Registers, imports: EngineImports) {
    this.recorder = recorder;
    this.mmu = mmu;
    this.regs = regs;
    this.u8 = new Uint8Array(regs.u32.buffer);
    this.imports = {
      ...imports,
      readMiss: (segment, lo, hi, bytes) => this.openly(() => this.read(segment, lo, hi, bytes)),
      writeMiss: (segment, lo, hi, bytes, modify) =>
        this.openly(() => this.write(segment, lo, hi, bytes, modify)),
      commitSlow: () => this.commit(),
      // It is the whole instruction: from here on nothing is looked up in line.
      system: (record) => this.unhidden(() => imports.system(record)),
      systemNumbered: (record, number) => this.unhidden(() => imports.systemNumbered(record, number)),
      // Which code gets compiled is none of the instruction's business.
      hot: () => {},
    };
  }

  /** Carries out one instruction. */
  run(execute: () => number): number {
    this.stores = [];
    this.bank = this.current;
    this.hide();
    const reason = execute();
    this.show();
    for (const { host, value } of this.stores) value.set(this.u8.subarray(host, host + value.length));
    return reason;
  }

  private openly(access: () => number): number {
    this.show();
    const host = access();
    this.hide();
    return host;
  }

  private unhidden(operation: () => number): number {
    this.show();
    return operation();
  }

  private hide(): void {
    this.current = this.empty;
    this.isHidden = true;
  }

  /** The true bank again, unless generated code has chosen another one: STAC and CLAC do, of the supervisor's. */
  private show(): void {
    if (this.isHidden && this.current === this.empty) this.current = this.bank;
    this.isHidden = false;
  }

  private get current(): number {
    return this.regs.u32[STATE.TLB_BANK >> 2];
  }

  private set current(bank: number) {
    this.regs.u32[STATE.TLB_BANK >> 2] = bank;
  }

  private get empty(): number {
    return this.regs.u32[STATE.TLB_SET >> 2] + BANK.USER_ALIGNED * TLB.BANK_SIZE;
  }

  private read(segment: number, lo: number, hi: number, bytes: number): number {
    const linear = signedNumber(lo, hi);
    const cached = this.mmu.cachedHost(TLB.READ, linear, bytes);
    const host = cached !== 0 ? cached : this.mmu.readMiss(segment, lo, hi, bytes);
    if (host === 0) return 0;
    if (cached !== 0) this.mmu.recordHit('read', linear, host - LAYOUT.RAM);
    this.transfer('read', linear, host, bytes, this.mmu.source, this.u8.slice(host, host + bytes));
    return host;
  }

  private write(segment: number, lo: number, hi: number, bytes: number, modify: number): number {
    const linear = signedNumber(lo, hi);
    const cached = this.mmu.cachedHost(TLB.WRITE, linear, bytes);
    const host = cached !== 0 ? cached : this.mmu.writeMiss(segment, lo, hi, bytes, modify);
    if (host === 0) return 0;
    if (cached !== 0) this.mmu.recordHit('write', linear, host - LAYOUT.RAM);
    const { target } = this.mmu;
    if (modify !== 0) {
      this.transfer('read', linear, host, bytes, target, this.u8.slice(host, host + bytes));
    }
    const value = new Uint8Array(bytes);
    if (host >= LAYOUT.RAM) this.stores.push({ host, value });
    else this.pending = value;
    this.transfer('write', linear, host, bytes, target, value);
    return host;
  }

  private commit(): void {
    const at = this.regs.base + STATE.SCRATCH;
    this.pending?.set(this.u8.subarray(at, at + this.pending.length));
    this.mmu.commitSlow();
  }

  /** @param place where the bytes are when they are in SCRATCH */
  private transfer(
    access: 'read' | 'write',
    linear: number,
    host: number,
    bytes: number,
    place: Readonly<Place>,
    value: Uint8Array,
  ): void {
    const pieces = host >= LAYOUT.RAM ? [{ hostPhysical: host - LAYOUT.RAM, bytes }] : piecesOf(place);
    this.recorder({ kind: 'transfer', access, linear, pieces, value });
  }
}
