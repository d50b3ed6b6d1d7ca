import { EPT, EPT_LEVELS } from '../../arch/ept.ts';
import type { VcpuRef } from '../../protocol/target.ts';
import type { GuestLevel, NestedWalk, TableEntry, WalkEnd, WalkView } from '../../protocol/walk-view.ts';
import { fieldsOf } from './bit-fields.ts';
import { eptEntryFormats, guestEntryFormats } from './entry-formats.ts';
import { type GuestPaging, guestPaging } from './guest-paging.ts';
import type { ProcessorState } from './processor-state.ts';

/**
 * The translation of one linear address, every entry that the hardware would read, without side
 * effects: nothing is marked as accessed. SDM volume 3A, "Paging"; volume 3C, "The Extended Page
 * Table Mechanism (EPT)". It asks what is mapped and with which rights, not whether one access is allowed.
 */

export interface WalkRequest {
  readonly of: VcpuRef;
  readonly linear: bigint;
  readonly state: ProcessorState;
  /** EPT pointer, or null when guest-physical addresses are host-physical ones. */
  readonly eptp: bigint | null;
  /** Reads host memory, little-endian; null where there is no RAM. */
  readonly read: (hostPhysical: bigint, bytes: 4 | 8) => bigint | null;
}

const FRAME = 0x000f_ffff_ffff_f000n;
const SHIFT: Readonly<Record<number, bigint>> = { 1: 12n, 2: 21n, 3: 30n, 4: 39n };

interface Rights {
  read: boolean;
  write: boolean;
  execute: boolean;
  user: boolean;
}

export function walkView(request: WalkRequest): WalkView {
  const { of, linear, state, eptp } = request;
  const paging = guestPaging(state);
  const walk = new Walk(request);
  const guest = paging === null ? walk.unpaged(linear) : walk.guest(linear, paging);
  return {
    of,
    linear,
    paging: paging?.name ?? 'off',
    cr3: state.cr3,
    eptp,
    levels: walk.levels,
    page: guest.page,
    end: guest.end,
    references: walk.references,
  };
}

class Walk {
  readonly levels: GuestLevel[] = [];
  references = 0;
  readonly #read: WalkRequest['read'];
  readonly #eptp: bigint | null;
  readonly #rights: Rights = { read: true, write: true, execute: true, user: true };
  #nestedPage: number | null = null;

  constructor({ read, eptp }: WalkRequest) {
    this.#read = read;
    this.#eptp = eptp;
  }

  unpaged(linear: bigint): { page: NestedWalk; end: WalkEnd } {
    return this.#finish(linear & 0xffff_ffffn, null);
  }

  guest(linear: bigint, paging: GuestPaging): { page: NestedWalk | null; end: WalkEnd } {
    let table = paging.root;
    for (const level of paging.levels) {
      const index = Number((linear >> level.shift) & level.mask);
      const address = table + BigInt(index * paging.entrySize);
      const nested = this.#nested(address);
      if (nested.hostPhysical === null) {
        this.levels.push({ nested, entry: null });
        return { page: null, end: nestedFault(nested) };
      }
      const raw = this.#reference(nested.hostPhysical, paging.entrySize);
      const large = level.largeShift !== undefined && (raw & 0x80n) !== 0n;
      const pageShift = large ? level.largeShift : level.last ? 12n : undefined;
      const fault = paging.check(raw, level, pageShift !== undefined);
      const formats = guestEntryFormats({
        pageShift: pageShift === undefined ? undefined : Number(pageShift),
        size: paging.entrySize,
        level: level.number,
      });
      const entry: TableEntry = {
        level: level.name,
        index,
        address,
        raw,
        size: paging.entrySize,
        fields: fieldsOf(raw, formats),
        leaf: pageShift !== undefined,
        fault,
      };
      this.levels.push({ nested, entry });
      if (fault !== null) {
        return {
          page: null,
          end: { kind: 'fault', fault: '#PF', why: `${level.name} entry ${index}: ${fault}` },
        };
      }
      if (level.hasRights) this.#combine(raw, paging.entrySize);
      if (pageShift !== undefined) {
        const offset = linear & ((1n << pageShift) - 1n);
        return this.#finish(paging.pageBase(raw, pageShift) + offset, Number(1n << pageShift));
      }
      table = raw & FRAME;
    }
    throw new Error('a paging structure has a last level');
  }

  #finish(guestPhysical: bigint, guestPage: number | null): { page: NestedWalk; end: WalkEnd } {
    this.#nestedPage = null;
    const page = this.#nested(guestPhysical, true);
    const { hostPhysical } = page;
    if (hostPhysical === null) return { page, end: nestedFault(page) };
    const rights = rightsText(this.#rights, guestPage !== null);
    return {
      page,
      end: { kind: 'mapped', guestPhysical, hostPhysical, guestPage, nestedPage: this.#nestedPage, rights },
    };
  }

  #nested(guestPhysical: bigint, isPage = false): NestedWalk {
    if (this.#eptp === null) return { guestPhysical, entries: [], hostPhysical: guestPhysical };
    const entries: TableEntry[] = [];
    let table = this.#eptp & FRAME;
    for (let level = 4; ; level--) {
      const shift = SHIFT[level] as bigint;
      const index = Number((guestPhysical >> shift) & 511n);
      const address = table + BigInt(index * 8);
      const raw = this.#reference(address, 8);
      const leaf = level === 1 || (level < 4 && (raw & BigInt(EPT.LARGE)) !== 0n);
      const fault =
        (raw & BigInt(EPT.RIGHTS)) === 0n
          ? 'not present (no right is granted)'
          : eptMisconfiguration(raw, leaf);
      entries.push({
        level: EPT_LEVELS[level] as string,
        index,
        address,
        raw,
        size: 8,
        fields: fieldsOf(
          raw,
          eptEntryFormats({ pageShift: leaf ? Number(shift) : undefined, size: 8, level }),
        ),
        leaf,
        fault,
      });
      if (fault !== null) return { guestPhysical, entries, hostPhysical: null };
      if (isPage) this.#combineNested(raw);
      if (leaf) {
        const offset = guestPhysical & ((1n << shift) - 1n);
        if (isPage) this.#nestedPage = Number(1n << shift);
        return { guestPhysical, entries, hostPhysical: (raw & FRAME & ~((1n << shift) - 1n)) + offset };
      }
      table = raw & FRAME;
    }
  }

  /** Where there is no RAM the bus answers with ones. */
  #reference(hostPhysical: bigint, bytes: 4 | 8): bigint {
    this.references++;
    return this.#read(hostPhysical, bytes) ?? (1n << BigInt(bytes * 8)) - 1n;
  }

  #combine(raw: bigint, size: 4 | 8): void {
    const rights = this.#rights;
    rights.write &&= (raw & 2n) !== 0n;
    rights.user &&= (raw & 4n) !== 0n;
    rights.execute &&= size === 4 || raw >> 63n === 0n;
  }

  #combineNested(raw: bigint): void {
    const rights = this.#rights;
    rights.read &&= (raw & BigInt(EPT.READ)) !== 0n;
    rights.write &&= (raw & BigInt(EPT.WRITE)) !== 0n;
    rights.execute &&= (raw & BigInt(EPT.EXECUTE)) !== 0n;
  }
}

function nestedFault({ guestPhysical, entries }: NestedWalk): WalkEnd {
  const last = entries.at(-1) as TableEntry;
  const violation = (last.raw & BigInt(EPT.RIGHTS)) === 0n;
  return {
    kind: 'fault',
    fault: violation ? 'EPT violation' : 'EPT misconfiguration',
    why: `guest-physical 0x${guestPhysical.toString(16)}: ${last.level} entry ${last.index}: ${last.fault}`,
  };
}

function eptMisconfiguration(raw: bigint, leaf: boolean): string | null {
  if ((raw & 3n) === 2n) return 'misconfigured: writable but not readable';
  const type = Number((raw >> 3n) & 7n);
  if (leaf && (type === 2 || type === 3 || type === 7))
    return `misconfigured: memory type ${type} is reserved`;
  if (!leaf && (raw & 0x78n) !== 0n) return 'misconfigured: bits 6:3 must be 0';
  return null;
}

function rightsText({ read, write, execute, user }: Rights, paged: boolean): string {
  const names = [read && 'read', write && 'write', execute && 'execute'].filter((name) => name !== false);
  if (!paged) return names.join(', ');
  return `${names.join(', ')}; ${user ? 'user and supervisor' : 'supervisor only'}`;
}
