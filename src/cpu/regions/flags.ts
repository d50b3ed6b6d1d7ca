/**
 * Status flags of a region, in locals. What set them last is mostly known when the code is made: then a
 * condition is one comparison.
 */
import type { LibraryUser, Size } from '../../isa/definition.ts';
import {
  carryCases,
  type FlagKind,
  type FlagState,
  flagKind,
  overflowCases,
  parityFlag,
  signFlag,
  zeroFlag,
} from '../../isa/flags.ts';
import { type I32, i32, i64 } from '../../wasm/expression.ts';
import type { FunctionBuilder, Local } from '../../wasm/function.ts';
import {
  carryFlag,
  conditionCode,
  flagWriter,
  overflowFlag,
  rflagsOf,
  type StoreFlags,
} from '../generator/flag-code.ts';
import type { FlagAccess } from '../generator/site.ts';
import type { RegionRegisters } from './registers.ts';

/** What is known of the flags at a place of the code. */
export interface KnownFlags {
  readonly kind: FlagKind;
  readonly size: Size;
  /** The subtrahend is in the local for it. */
  readonly hasB: boolean;
}

export const sameKnowledge = (a: KnownFlags | undefined, b: KnownFlags | undefined): boolean =>
  a === b || (a?.kind === b?.kind && a?.size === b?.size && a?.hasB === b?.hasB);

export class RegionFlags {
  /** Of the code that is being made. */
  known: KnownFlags | undefined;
  private readonly f: FunctionBuilder;
  private readonly registers: RegionRegisters;
  private readonly state: I32;
  private readonly use: LibraryUser;
  private b: Local<'i64'> | undefined;
  private instruction = { level: 0, leftEarly: false, stored: false };

  constructor(f: FunctionBuilder, registers: RegionRegisters, state: I32, use: LibraryUser) {
    this.f = f;
    this.registers = registers;
    this.state = state;
    this.use = use;
  }

  /** Before the code of an instruction. */
  begin(): void {
    this.instruction = { level: this.f.level, leftEarly: false, stored: false };
  }

  /** The instruction may be left here. */
  leave(): void {
    this.instruction.leftEarly = true;
  }

  /** After it: what is known holds on every way through the instruction. */
  end(): void {
    if (this.instruction.leftEarly && this.instruction.stored) this.known = undefined;
  }

  /** Runs code that comes in between, after which everything is known as before. */
  aside(write: () => void): void {
    const { known, instruction } = this;
    write();
    Object.assign(this, { known, instruction });
  }

  access(size: Size): FlagAccess {
    const { f, registers, use, state } = this;
    const store: StoreFlags = ({ kind, plus }, { a, result, b }) => {
      const flags = registers.flags(true);
      const number = i32.const(flagKind(kind, size));
      f.set(flags.kind, plus ? i32.add(number, i32.shl(plus, i32.const(2))) : number);
      if (a) f.set(flags.a, a);
      if (result) f.set(flags.result, result);
      if (b) f.set(this.subtrahend(), b);
      this.instruction.stored = true;
      const certain = f.level === this.instruction.level && plus === undefined;
      this.known = certain ? { kind, size, hasB: b !== undefined } : undefined;
    };
    return {
      writer: flagWriter(f, store, () => this.carry()),
      carry: () => this.carry(),
      overflow: () => this.overflow(),
      condition: (cc) => this.condition(cc),
      rflags: () => rflagsOf(registers.flags(false), state, use),
    };
  }

  private carry(): I32 {
    const s = this.values();
    if (!this.known) return carryFlag(s, this.use);
    if (this.known.hasB) return i64.lt_u(s.a, this.subtrahend());
    return carryCases(s)[this.known.kind] ?? i32.const(0);
  }

  private overflow(): I32 {
    const s = this.values();
    return this.known ? (overflowCases(s)[this.known.kind] ?? i32.const(0)) : overflowFlag(s, this.use);
  }

  private condition(cc: number): I32 {
    const { known } = this;
    const s = this.values();
    if (!known) return conditionCode(cc, s, this.use);
    const positive = (known.hasB && this.comparison(cc, s)) || this.derived(cc, s);
    return (cc & 1) === 0 ? positive : i32.eqz(positive);
  }

  /** Conditions 2, 6, 12 and 14 and their opposites after a subtraction: comparisons of its operands. */
  private comparison(cc: number, { a }: FlagState): I32 | undefined {
    const b = this.subtrahend();
    switch (cc >> 1) {
      case 1:
        return i64.lt_u(a, b);
      case 2:
        return i64.eq(a, b);
      case 3:
        return i64.le_u(a, b);
      case 6:
        return i64.lt_s(a, b);
      case 7:
        return i64.le_s(a, b);
      default:
        return undefined;
    }
  }

  private derived(cc: number, s: FlagState): I32 {
    const { known } = this;
    // After a logical operation OF is 0: less is negative.
    const isLogic = known?.kind === 'LOGIC';
    const less = () => (isLogic ? signFlag(s) : i32.xor(signFlag(s), this.overflow()));
    switch (cc >> 1) {
      case 0:
        return this.overflow();
      case 1:
        return this.carry();
      case 2:
        return zeroFlag(s);
      case 3:
        return isLogic ? zeroFlag(s) : i32.or(this.carry(), zeroFlag(s));
      case 4:
        return signFlag(s);
      case 5:
        return parityFlag(s);
      case 6:
        return less();
      default:
        return isLogic ? i64.le_s(s.result, i64.const(0)) : i32.or(zeroFlag(s), less());
    }
  }

  /** The locals, with the kind as a constant where it is known. */
  private values(): FlagState {
    const flags = this.registers.flags(false);
    if (!this.known) return flags;
    return { ...flags, kind: i32.const(flagKind(this.known.kind, this.known.size)) };
  }

  private subtrahend(): Local<'i64'> {
    this.b ??= this.f.variable('i64');
    return this.b;
  }
}
