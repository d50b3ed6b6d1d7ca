/**
 * Status flags of a region, in locals. What set them last is mostly known when the code is made: then a
 * condition is one comparison.
 */
import { FLAG } from '../../arch/registers.ts';
import type { LibraryUser, Size } from '../../isa/definition.ts';
import { type FlagKind, flagKind, type SingleFlag, withSingles } from '../../isa/flag-kind.ts';
import {
  carryAfterAdc,
  carryFlag,
  carryOf,
  type FlagState,
  overflowCases,
  overflowWithCarry,
  rawFlag,
  resultFlag,
} from '../../isa/flags.ts';
import { type I32, i32, i64 } from '../../wasm/expression.ts';
import type { FunctionBuilder, Local } from '../../wasm/function.ts';
import {
  anyFlags,
  conditionCode,
  type Flags,
  flagWriter,
  type KeepFlags,
  kindWord,
  rflagsOf,
} from '../generator/flag-code.ts';
import type { FlagAccess } from '../generator/site.ts';
import type { RegionRegisters } from './registers.ts';

/** What set all flags last. */
interface Setter {
  readonly kind: FlagKind;
  readonly size: Size;
  /** The subtrahend is in the local for it. */
  readonly hasB: boolean;
  /** ADC or SBB, with what was carried in the local for it: `kind` is ADD or SUB. */
  readonly hasCarryIn: boolean;
}

/** What is known of the flags at a place of the code. */
export interface KnownFlags {
  readonly setter: Setter | undefined;
  /** Flags that were set alone since, by their RFLAGS bits: each is in the local for it. */
  readonly singles: number;
}

export const sameKnowledge = (a: KnownFlags | undefined, b: KnownFlags | undefined): boolean =>
  (a?.singles ?? 0) === (b?.singles ?? 0) && sameSetter(a?.setter, b?.setter);

const sameSetter = (a: Setter | undefined, b: Setter | undefined): boolean =>
  a === b ||
  (a?.kind === b?.kind && a?.size === b?.size && a?.hasB === b?.hasB && a?.hasCarryIn === b?.hasCarryIn);

const kindOf = ({ kind, size }: Setter): number => flagKind(kind, size);

const { CF, ZF, SF, PF, OF } = FLAG;

/** The condition that is CF. */
const CARRY = 2;

/** The flags that conditions 0 and 1, 2 and 3 and so on ask for. */
const ASKED = [OF, CF, ZF, CF | ZF, SF, PF, SF | OF, ZF | SF | OF];

export class RegionFlags {
  /** Of the code that is being made. */
  known: KnownFlags | undefined;
  private readonly f: FunctionBuilder;
  private readonly registers: RegionRegisters;
  private readonly state: I32;
  private readonly use: LibraryUser;
  private b: Local<'i64'> | undefined;
  private carryIn: Local<'i32'> | undefined;
  private readonly singles = new Map<SingleFlag, Local<'i32'>>();
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
    const keep: KeepFlags = {
      all: ({ kind, plus }, { a, result, b }) => {
        const flags = registers.flags(true);
        f.set(flags.kind, kindWord(kind, size, plus));
        if (a) f.set(flags.a, a);
        if (result) f.set(flags.result, result);
        if (b) f.set(this.subtrahend(), b);
        if (plus) f.set(this.carried(), plus);
        const setter = { kind, size, hasB: b !== undefined, hasCarryIn: plus !== undefined };
        this.nowKnown({ setter, singles: 0 });
      },
      only: (flags) => this.setSingles(flags),
    };
    return {
      writer: flagWriter(f, keep, () => this.carry()),
      carry: () => this.carry(),
      overflow: () => this.overflow(),
      condition: (cc) => this.condition(cc),
      rflags: () => rflagsOf(registers.flags(false), state, use),
    };
  }

  private nowKnown(known: KnownFlags | undefined): void {
    this.instruction.stored = true;
    this.known = this.f.level === this.instruction.level ? known : undefined;
  }

  private setSingles(flags: readonly (readonly [SingleFlag, I32])[]): void {
    const { f, known } = this;
    const mask = flags.reduce((m, [name]) => m | FLAG[name], 0);
    const values = flags.map(([name, value]) => [name, f.let(value)] as const);
    for (const [name, value] of values) f.set(this.single(name), value);
    const { kind } = this.registers.flags(true);
    // Where no other flag was set alone, the kind before is a constant.
    const isConstant = known?.setter && !known.setter.hasCarryIn && (known.singles & ~mask) === 0;
    const before = isConstant ? kindOf(known.setter) : kind;
    f.set(kind, withSingles(before, values));
    this.nowKnown({ setter: known?.setter, singles: (known?.singles ?? 0) | mask });
  }

  private carry(): I32 {
    return this.flags().carry();
  }

  private overflow(): I32 {
    return this.flags().overflow();
  }

  private condition(cc: number): I32 {
    const { known } = this;
    const flags = this.flags();
    // What compares operands or the result as a whole knows nothing of flags that were set alone.
    const { setter } = known && (known.singles & ASKED[cc >> 1]) === 0 ? known : { setter: undefined };
    const positive = setter && (this.comparison(cc, setter) ?? this.ofLogic(cc, setter, flags));
    if (!positive) return conditionCode(cc, flags);
    return (cc & 1) === 0 ? positive : i32.eqz(positive);
  }

  /** Conditions 2, 4, 6, 12 and 14 after a subtraction: comparisons of its operands. */
  private comparison(cc: number, { hasB, hasCarryIn }: Setter): I32 | undefined {
    if (!hasB) return undefined;
    const { a } = this.values();
    const b = this.subtrahend();
    const orBorrowed = (less: I32): I32 => i32.or(less, i32.and(this.carried(), i64.eq(a, b)));
    switch (cc >> 1) {
      case 1:
        return hasCarryIn ? orBorrowed(i64.lt_u(a, b)) : i64.lt_u(a, b);
      case 2:
        return hasCarryIn ? undefined : i64.eq(a, b);
      case 3:
        return hasCarryIn ? undefined : i64.le_u(a, b);
      case 6:
        return hasCarryIn ? orBorrowed(i64.lt_s(a, b)) : i64.lt_s(a, b);
      case 7:
        return hasCarryIn ? undefined : i64.le_s(a, b);
      default:
        return undefined;
    }
  }

  /** Conditions 6, 12 and 14 after a logical operation, which leaves CF = OF = 0: less is negative. */
  private ofLogic(cc: number, { kind }: Setter, flags: Flags): I32 | undefined {
    if (kind !== 'LOGIC') return undefined;
    switch (cc >> 1) {
      case 3:
        return flags.zero();
      case 6:
        return flags.sign();
      case 7:
        return i64.le_s(this.values().result, i64.const(0));
      default:
        return undefined;
    }
  }

  /** Every flag by what is known. */
  private flags(): Flags {
    const { known } = this;
    const flags = known?.setter ? this.flagsOf(known.setter) : this.anyFlags();
    const alone = (flag: SingleFlag, otherwise: () => I32) => (): I32 =>
      known && known.singles & FLAG[flag] ? this.single(flag) : otherwise();
    return {
      ...flags,
      carry: alone('CF', flags.carry),
      zero: alone('ZF', flags.zero),
      overflow: alone('OF', flags.overflow),
    };
  }

  /** Where nothing is known, CF is what loops begin with: INC keeps it. So it is derived in line. */
  private anyFlags(): Flags {
    const s = this.values();
    return { ...anyFlags(s, this.use), carry: () => carryFlag(s) };
  }

  private flagsOf(setter: Setter): Flags {
    const { kind, hasCarryIn } = setter;
    const s = this.values();
    const byResult = (flag: 'ZF' | 'SF' | 'PF') => (): I32 =>
      kind === 'RAW' ? rawFlag(s, flag) : resultFlag(s, flag);
    const carried = () => this.carried();
    return {
      carry: () =>
        this.comparison(CARRY, setter) ?? (hasCarryIn ? carryAfterAdc(s, carried()) : carryOf(kind, s)),
      zero: byResult('ZF'),
      sign: byResult('SF'),
      overflow: () =>
        hasCarryIn ? overflowWithCarry(kind, s, carried()) : (overflowCases(s)[kind] ?? i32.const(0)),
      parity: byResult('PF'),
    };
  }

  /** The locals, with the kind as a constant where it is known, but for flags set alone and what was carried. */
  private values(): FlagState {
    const flags = this.registers.flags(false);
    const setter = this.known?.setter;
    return setter ? { ...flags, kind: i32.const(kindOf(setter)) } : flags;
  }

  private subtrahend(): Local<'i64'> {
    this.b ??= this.f.variable('i64');
    return this.b;
  }

  private carried(): Local<'i32'> {
    this.carryIn ??= this.f.variable('i32');
    return this.carryIn;
  }

  private single(flag: SingleFlag): Local<'i32'> {
    const local = this.singles.get(flag) ?? this.f.variable('i32');
    this.singles.set(flag, local);
    return local;
  }
}
