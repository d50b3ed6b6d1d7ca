/**
 * The whole translation of a linear address: guest levels, nested levels under each, and why it ended.
 * SDM volume 3A, "Paging"; volume 3C, "EPT Translation Mechanism".
 */
import { CR0, CR4, EFER } from '../../arch/registers.ts';
import type { NestedRoot } from '../../contracts/nested-root.ts';
import type {
  EntryRead,
  LevelReport,
  NestedReport,
  PagingMode,
  PagingRegisters,
  ReadWord,
  WalkReport,
} from './entry.ts';
import { explainNested } from './nested.ts';

const P = 1;
const W = 2;
const U = 4;
const PS = 0x80;
const NX_HIGH = 0x8000_0000;
const HIGH = 0x1_0000_0000;

export function pagingMode({ cr0, cr4, efer }: PagingRegisters): PagingMode {
  if ((cr0 & CR0.PG) === 0) return 'off';
  if ((efer & EFER.LMA) !== 0) return '4-level';
  return (cr4 & CR4.PAE) !== 0 ? 'PAE' : '32-bit';
}

/** One level of a paging mode. `bits`: log2 of what one entry covers. */
interface Level {
  readonly level: number;
  readonly table: string;
  readonly bits: number;
  readonly entries: number;
  /** A set PS bit makes the entry map a page. */
  readonly large: boolean;
}

const LEVELS: Record<Exclude<PagingMode, 'off'>, readonly Level[]> = {
  '4-level': [
    { level: 4, table: 'PML4', bits: 39, entries: 512, large: false },
    { level: 3, table: 'PDPT', bits: 30, entries: 512, large: true },
    { level: 2, table: 'PD', bits: 21, entries: 512, large: true },
    { level: 1, table: 'PT', bits: 12, entries: 512, large: false },
  ],
  PAE: [
    { level: 3, table: 'PDPT', bits: 30, entries: 4, large: false },
    { level: 2, table: 'PD', bits: 21, entries: 512, large: true },
    { level: 1, table: 'PT', bits: 12, entries: 512, large: false },
  ],
  '32-bit': [
    { level: 2, table: 'PD', bits: 22, entries: 1024, large: true },
    { level: 1, table: 'PT', bits: 12, entries: 1024, large: false },
  ],
};

/** CR3 without its flag bits. */
function rootOf(mode: PagingMode, cr3: number): number {
  const low = mode === 'PAE' ? (cr3 % HIGH) & ~0x1f : (cr3 % HIGH) & ~0xfff;
  const high = mode === '4-level' ? Math.floor(cr3 / HIGH) & 0xf_ffff : 0;
  return high * HIGH + (low >>> 0);
}

export interface WalkRequest {
  readonly registers: PagingRegisters;
  /** Signed 64-bit value. */
  readonly linear: number;
  /** Undefined on a machine without a second dimension. */
  readonly nestedRoot: NestedRoot | undefined;
  /** Host-physical memory. */
  readonly read: ReadWord;
}

export function explainWalk({ registers, linear, nestedRoot, read }: WalkRequest): WalkReport {
  const paging = pagingMode(registers);
  const levels: LevelReport[] = [];
  const report = (page: NestedReport | undefined, end: WalkReport['end']): WalkReport => ({
    linear,
    paging,
    cr3: registers.cr3,
    nestedRoot,
    levels,
    page,
    end,
    references: countReferences(levels, page),
  });
  const nestedFault = (nested: NestedReport, what: string): WalkReport['end'] => {
    const fault = nested.entries.at(-1)?.fault ?? '';
    return { kind: 'fault', fault: fault.split(':')[0], why: `${what}: ${fault.split(': ').at(-1)}` };
  };
  const finish = (
    guestPhysical: number,
    guestPage: number | undefined,
    rights: readonly string[],
  ): WalkReport => {
    const page = explainNested(read, nestedRoot, guestPhysical);
    if (page.hostPhysical === undefined) return report(page, nestedFault(page, 'The page'));
    const end = {
      kind: 'mapped',
      guestPhysical,
      hostPhysical: page.hostPhysical,
      guestPage,
      nestedPage: page.pageSize,
      rights: allowedBy(rights, page.rights).join(', '),
    } as const;
    return report(page, end);
  };

  if (paging === 'off') return finish(linear, undefined, ['read', 'write', 'execute']);
  const size = paging === '32-bit' ? 4 : 8;
  let table = rootOf(paging, registers.cr3);
  let low = W | U;
  let noExecute = false;
  for (const step of LEVELS[paging]) {
    const index = indexOf(linear, step);
    const address = table + index * size;
    const nested = explainNested(read, nestedRoot, address);
    if (nested.hostPhysical === undefined) {
      levels.push({ nested, entry: undefined });
      return report(undefined, nestedFault(nested, `The ${step.table} of the guest`));
    }
    const lo = read(nested.hostPhysical);
    const hi = size === 8 ? read(nested.hostPhysical + 4) : 0;
    const mapsLarge =
      step.large && (lo & PS) !== 0 && (paging !== '32-bit' || (registers.cr4 & CR4.PSE) !== 0);
    const leaf = (step.level === 1 || mapsLarge) && (lo & P) !== 0;
    const fault = guestFault(lo, hi, registers);
    const entry: EntryRead = {
      level: step.level,
      table: step.table,
      index,
      address,
      lo,
      hi,
      size,
      leaf,
      fault,
    };
    levels.push({ nested, entry });
    if (fault !== undefined) {
      return report(undefined, {
        kind: 'fault',
        fault: '#PF',
        why: `${step.table} entry ${index}: ${fault}`,
      });
    }
    // PAE's top level has no rights of its own.
    if (!(paging === 'PAE' && step.level === 3)) low &= lo;
    noExecute ||= size === 8 && (hi & NX_HIGH) !== 0;
    const base = (hi & 0xf_ffff) * HIGH + ((lo & ~0xfff) >>> 0);
    if (leaf) {
      const bytes = 2 ** step.bits;
      // PSE-36: address bits 39:32 are in bits 20:13 of a 4 MiB entry.
      const pse36 = paging === '32-bit' && mapsLarge ? ((lo >>> 13) & 0xff) * HIGH : 0;
      const start = pse36 + (base - (base % bytes));
      const offset = ((linear % bytes) + bytes) % bytes;
      return finish(start + offset, bytes, guestRights(low, noExecute));
    }
    table = base;
  }
  throw new Error('a walk ends at level 1');
}

const indexOf = (linear: number, { bits, entries }: Level): number =>
  ((Math.floor(linear / 2 ** bits) % entries) + entries) % entries;

function guestFault(lo: number, hi: number, { efer }: PagingRegisters): string | undefined {
  if ((lo & P) === 0) return 'not present';
  if ((hi & NX_HIGH) !== 0 && (efer & EFER.NXE) === 0) return 'bit 63 is reserved while EFER.NXE is 0';
  return undefined;
}

function guestRights(low: number, noExecute: boolean): string[] {
  return [
    'read',
    ...(low & W ? ['write'] : []),
    ...(noExecute ? [] : ['execute']),
    ...(low & U ? ['user'] : []),
  ];
}

const NESTED_BIT: Readonly<Record<string, number>> = { read: 1, write: 2, execute: 4 };

const allowedBy = (rights: readonly string[], nested: number): string[] =>
  rights.filter((right) => (nested & (NESTED_BIT[right] ?? 1)) !== 0);

/** Every entry of either dimension is one reference. */
const countReferences = (levels: readonly LevelReport[], page: NestedReport | undefined): number =>
  levels.reduce((sum, { nested, entry }) => sum + nested.entries.length + (entry ? 1 : 0), 0) +
  (page?.entries.length ?? 0);
