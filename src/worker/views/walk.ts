import type {
  EntryRead,
  LevelReport,
  NestedReport,
  WalkReport,
  WalkEnd as WalkReportEnd,
} from '../../hypervisor/walk/entry.ts';
import type { MicroReference } from '../../protocol/micro-view.ts';
import type { VcpuRef } from '../../protocol/target.ts';
import type { GuestLevel, NestedWalk, TableEntry, WalkEnd, WalkView } from '../../protocol/walk-view.ts';
import { fieldsOf } from './bit-fields.ts';
import { eptEntryFormats, guestEntryFormats } from './entry-formats.ts';
import { unsigned64 } from './numbers.ts';

/** The page walk panel: a report of the walk with every entry taken apart into its bits. */
export function walkView(of: VcpuRef, report: WalkReport, cursor: MicroReference | null = null): WalkView {
  // Nested page tables are like a guest's own.
  const formats = report.nestedRoot?.format === 'npt' ? guestEntryFormats : eptEntryFormats;
  return {
    of,
    linear: unsigned64(report.linear),
    paging: report.paging,
    cr3: BigInt(report.cr3),
    eptp: report.nestedRoot === undefined ? null : BigInt(report.nestedRoot.pointer),
    levels: report.levels.map((level) => levelView(level, formats)),
    page: report.page === undefined ? null : nestedView(report.page, formats),
    end: endView(report.end),
    references: report.references,
    cursor,
  };
}

type Formats = typeof guestEntryFormats;

function levelView({ nested, entry }: LevelReport, formats: Formats): GuestLevel {
  return {
    nested: nestedView(nested, formats),
    entry: entry === undefined ? null : entryView(entry, guestShift(entry), guestEntryFormats),
  };
}

function nestedView({ guestPhysical, entries, hostPhysical }: NestedReport, formats: Formats): NestedWalk {
  return {
    guestPhysical: BigInt(guestPhysical),
    entries: entries.map((entry) => entryView(entry, 3 + 9 * entry.level, formats)),
    hostPhysical: hostPhysical === undefined ? null : BigInt(hostPhysical),
  };
}

/** log2 of what a leaf at this level maps: 4 KiB, then 512 or 1024 times as much a level. */
function guestShift({ level, size }: EntryRead): number {
  return 12 + (level - 1) * (size === 8 ? 9 : 10);
}

function entryView(entry: EntryRead, shift: number, formats: Formats): TableEntry {
  const { level, table, index, address, lo, hi, size, leaf, fault } = entry;
  const raw = (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
  return {
    level: table,
    index,
    address: BigInt(address),
    raw,
    size,
    fields: fieldsOf(raw, formats({ pageShift: leaf ? shift : undefined, size, level })),
    leaf,
    fault: fault ?? null,
  };
}

function endView(end: WalkReportEnd): WalkEnd {
  if (end.kind === 'fault') return end;
  return {
    kind: 'mapped',
    guestPhysical: BigInt(end.guestPhysical),
    hostPhysical: BigInt(end.hostPhysical),
    guestPage: end.guestPage ?? null,
    nestedPage: end.nestedPage ?? null,
    rights: end.rights,
  };
}
