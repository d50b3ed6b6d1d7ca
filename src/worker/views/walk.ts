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
  return {
    of,
    linear: unsigned64(report.linear),
    paging: report.paging,
    cr3: BigInt(report.cr3),
    eptp: report.eptp === undefined ? null : BigInt(report.eptp),
    levels: report.levels.map(levelView),
    page: report.page === undefined ? null : nestedView(report.page),
    end: endView(report.end),
    references: report.references,
    cursor,
  };
}

function levelView({ nested, entry }: LevelReport): GuestLevel {
  return {
    nested: nestedView(nested),
    entry: entry === undefined ? null : entryView(entry, guestShift(entry), guestEntryFormats),
  };
}

function nestedView({ guestPhysical, entries, hostPhysical }: NestedReport): NestedWalk {
  return {
    guestPhysical: BigInt(guestPhysical),
    entries: entries.map((entry) => entryView(entry, 3 + 9 * entry.level, eptEntryFormats)),
    hostPhysical: hostPhysical === undefined ? null : BigInt(hostPhysical),
  };
}

/** log2 of what a leaf at this level maps: 4 KiB, then 512 or 1024 times as much a level. */
function guestShift({ level, size }: EntryRead): number {
  return 12 + (level - 1) * (size === 8 ? 9 : 10);
}

function entryView(entry: EntryRead, shift: number, formats: typeof guestEntryFormats): TableEntry {
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
