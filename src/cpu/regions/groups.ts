/**
 * Accesses to one place plus constants - a stack frame, the fields of a structure - are looked up together: the first
 * one asks the TLB for the whole range, the others take its host address. Reads and writes are apart, because the TLB's
 * entries for them are.
 *
 * A group is good in the block where it began and in those that are reached from there alone. What could change the TLB
 * in between ends all groups (`forget`). Where the range is not in one page, the first access leaves the region, like
 * one that the TLB does not have; where that happens often, the region is made again with the accesses apart.
 */
import { type I32, type I64, i32, i64, type Sum } from '../../wasm/expression.ts';
import type { FunctionBuilder, Local } from '../../wasm/function.ts';
import { LateConstant } from '../../wasm/late-constant.ts';
import { dataEntry } from '../generator/tlb-entry.ts';
import { TLB } from '../state.ts';

/** Bytes of a range: the longer it is, the more often it lies in two pages. */
const LONGEST = 128;
/** Room for the constants that are known only at the end: 14 bits. */
const ROOM = 2;

type Kind = 'read' | 'write';

interface Group {
  readonly of: object;
  readonly kind: Kind;
  /** Host address of what the first access asks for, which is `of` plus this; absent: accesses stay apart. */
  readonly host: Local<'i32'> | undefined;
  readonly plus: number;
  /** The range, as sums with `of`. */
  from: number;
  to: number;
  /** Writes the range into the code of the first access. */
  change(): void;
}

export class AccessGroups {
  private readonly f: FunctionBuilder;
  /** Whether all addresses are truncated to 32 bits. */
  private readonly isLow: boolean;
  private groups: Group[] = [];
  /** Locals for host addresses, which every block uses again. */
  private readonly hosts: Local<'i32'>[] = [];
  private level = 0;
  private isLeft = false;

  constructor(f: FunctionBuilder, isLow: boolean) {
    this.f = f;
    this.isLow = isLow;
  }

  forget(): void {
    this.groups = [];
  }

  /** Runs code that is reached from here alone, and may use what there is. */
  aside(write: () => void): void {
    const { groups, level, isLeft } = this;
    this.groups = [...groups];
    write();
    Object.assign(this, { groups, level, isLeft });
  }

  /** Before the code of an instruction. */
  begin(): void {
    this.level = this.f.level;
    this.isLeft = false;
  }

  /** The instruction may be left here: what follows is not always executed. */
  leave(): void {
    this.isLeft = true;
  }

  /** After it. */
  end(): void {
    if (this.isLeft) this.forget();
  }

  /** The host address of an access that a group covers, or can be made to. */
  find(kind: Kind, address: I64, bytes: number): Local<'i32'> | undefined {
    const sum = this.sumOf(address);
    const group = this.groupOf(kind, sum);
    if (!sum || !group?.host) return undefined;
    const [from, to] = [Math.min(group.from, sum.plus), Math.max(group.to, sum.plus + bytes)];
    if (to - from > LONGEST) return undefined;
    if (from !== group.from || to !== group.to) {
      group.from = from;
      group.to = to;
      group.change();
    }
    return this.f.let(i32.add(group.host, i32.const(sum.plus - group.plus)));
  }

  /**
   * Looks an access up that may become the first one of a group.
   * @param miss leaves the region: no page in the TLB has all of the range, which begins at `from`
   * @param grown told later how many bytes the range has
   */
  look(
    access: { kind: Kind; bank: I32; address: Local<'i64'>; bytes: number },
    miss: (from: I64) => void,
    grown: (bytes: number) => void,
  ): Local<'i32'> | undefined {
    const { f } = this;
    const { kind, bank, address, bytes } = access;
    const sum = this.sumOf(address);
    if (!sum?.of || this.groupOf(kind, sum)) return undefined;
    const host = this.nextHost();
    const before = new LateConstant('i64', 0, ROOM);
    const span = new LateConstant('i64', bytes - 1, ROOM);
    const from = f.let(i64.add(address, before));
    const tlb = kind === 'read' ? TLB.READ : TLB.WRITE;
    const entry = f.let(dataEntry(bank, i32.wrap_i64(from)));
    f.ifLikely(
      i64.eq(i64.and(i64.add(from, span), i64.const(~0xfffn)), i64.load(entry, tlb)),
      () => f.set(host, i32.add(i32.wrap_i64(address), i32.load(entry, tlb + TLB.PAYLOAD))),
      () => miss(from),
    );
    const group: Group = {
      of: sum.of,
      kind,
      host,
      plus: sum.plus,
      from: sum.plus,
      to: sum.plus + bytes,
      change: () => {
        const length = group.to - group.from;
        before.set(group.from - group.plus);
        span.set(length - 1);
        grown(length);
      },
    };
    this.groups.push(group);
    return host;
  }

  /** Accesses to the same place as this one are looked up alone. */
  keepApart(kind: Kind, address: I64): void {
    const sum = this.sumOf(address);
    if (!sum?.of || this.groupOf(kind, sum)) return;
    const { of, plus } = sum;
    this.groups.push({ of, kind, host: undefined, plus, from: plus, to: plus, change: () => {} });
  }

  private groupOf(kind: Kind, sum: Sum | undefined): Group | undefined {
    return this.groups.find((g) => g.of === sum?.of && g.kind === kind);
  }

  /** What is known of an address, where a group may begin or be used. */
  private sumOf(address: I64): Sum | undefined {
    const { sum } = address;
    if (!sum?.of || this.isLeft || this.f.level !== this.level) return undefined;
    return sum.isLow && !this.isLow ? undefined : sum;
  }

  private nextHost(): Local<'i32'> {
    const used = this.groups.length;
    this.hosts[used] ??= this.f.variable('i32');
    return this.hosts[used];
  }
}
