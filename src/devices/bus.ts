import type { AccessSize, BusTarget } from '../contracts/device.ts';

/** A stretch of addresses: `length` of them from `start`. */
export interface AddressRange {
  readonly start: number;
  readonly length: number;
}

/** One line of the bus listing. */
export interface BusRange extends AddressRange {
  readonly name: string;
}

/** What `attach` hands back: the means to take the device off the bus again (a PCI BAR moves, for one). */
export interface Attachment extends BusRange {
  detach(): void;
}

const hex = (value: number): string => `${value.toString(16).toUpperCase()}h`;
const show = (r: BusRange): string => `"${r.name}" (${hex(r.start)}..${hex(r.start + r.length - 1)})`;

/** Two devices claim the same address. */
export class BusOverlapError extends Error {
  readonly added: BusRange;
  readonly existing: BusRange;

  constructor(bus: string, added: BusRange, existing: BusRange) {
    super(`${bus}: ${show(added)} overlaps ${show(existing)}; give one of them another address`);
    this.name = 'BusOverlapError';
    this.added = added;
    this.existing = existing;
  }
}

interface Slot extends BusRange {
  /** First address behind the range. */
  readonly end: number;
  readonly widest: number;
  readonly target: BusTarget;
}

/** Address spaces up to this size are looked up in a table, larger ones by binary search. */
const TABLE_LIMIT = 0x1_0000;

/**
 * An address space with devices in it. The computer has two: I/O ports (65,536 addresses) and
 * memory-mapped registers. Addresses are non-negative integers below `size`.
 *
 * An access that lies in one device and is not wider than the device allows reaches it in one piece.
 * Any other is halved until it does, low half first, as a bus bridge does it. Reads where no device
 * answers give all ones; writes there have no effect.
 */
export class Bus {
  readonly name: string;
  readonly size: number;
  /** Sorted by address. */
  private slots: Slot[] = [];
  /** Small buses: number of the slot plus 1 for each address. */
  private readonly table: Uint16Array | undefined;
  private last: Slot | undefined;

  constructor(name: string, size: number) {
    this.name = name;
    this.size = size;
    this.table = size <= TABLE_LIMIT ? new Uint16Array(size) : undefined;
  }

  /**
   * Puts a device on the bus.
   * @throws BusOverlapError when an address is taken, RangeError when the range is empty or leaves the bus.
   */
  attach(range: AddressRange, name: string, target: BusTarget): Attachment {
    const { start, length } = range;
    const whole = Number.isSafeInteger(start) && Number.isSafeInteger(length);
    if (!whole || start < 0 || length < 1 || start + length > this.size) {
      throw new RangeError(
        `${this.name}: "${name}" at ${start}, length ${length}, is outside 0..${hex(this.size - 1)}`,
      );
    }
    const existing = this.overlapping(range);
    if (existing) throw new BusOverlapError(this.name, { start, length, name }, existing);
    const slot: Slot = { start, length, name, end: start + length, widest: target.widest ?? 4, target };
    this.update([...this.slots, slot].sort((a, b) => a.start - b.start));
    return { start, length, name, detach: () => this.update(this.slots.filter((s) => s !== slot)) };
  }

  /** The first range that shares an address with `range`, if any. */
  overlapping(range: AddressRange): BusRange | undefined {
    const end = range.start + range.length;
    return this.ranges().find((r) => r.start < end && range.start < r.start + r.length);
  }

  /** Everything attached, by ascending address. */
  ranges(): readonly BusRange[] {
    return this.slots.map(({ start, length, name }) => ({ start, length, name }));
  }

  /** Whether a device answers at `address`. */
  has(address: number): boolean {
    return this.find(address) !== undefined;
  }

  read(address: number, size: AccessSize): number {
    const slot = this.find(address);
    if (slot !== undefined && address + size <= slot.end && size <= slot.widest) {
      return slot.target.read(address - slot.start, size);
    }
    if (size === 1) return 0xff;
    const half = size === 4 ? 2 : 1;
    const low = this.read(address, half);
    const high = this.read(address + half, half);
    return ((high << (half * 8)) | low) >>> 0;
  }

  write(address: number, size: AccessSize, value: number): void {
    const slot = this.find(address);
    if (slot !== undefined && address + size <= slot.end && size <= slot.widest) {
      slot.target.write(address - slot.start, size, value);
      return;
    }
    if (size === 1) return;
    const half = size === 4 ? 2 : 1;
    this.write(address, half, size === 4 ? value & 0xffff : value & 0xff);
    this.write(address + half, half, size === 4 ? value >>> 16 : (value >>> 8) & 0xff);
  }

  private find(address: number): Slot | undefined {
    if (this.table !== undefined) return this.slots[this.table[address] - 1];
    const last = this.last;
    if (last !== undefined && address >= last.start && address < last.end) return last;
    return this.search(address);
  }

  private search(address: number): Slot | undefined {
    let low = 0;
    let high = this.slots.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const slot = this.slots[middle];
      if (address < slot.start) high = middle;
      else if (address >= slot.end) low = middle + 1;
      else {
        this.last = slot;
        return slot;
      }
    }
    return undefined;
  }

  private update(slots: Slot[]): void {
    this.slots = slots;
    this.last = undefined;
    if (this.table === undefined) return;
    this.table.fill(0);
    slots.forEach((slot, i) => {
      this.table?.fill(i + 1, slot.start, slot.end);
    });
  }
}

/** The 65,536 I/O ports. */
export const portBus = (): Bus => new Bus('I/O ports', 0x1_0000);

/** The physical addresses outside RAM, 52 bits wide. */
export const memoryBus = (): Bus => new Bus('memory', 2 ** 52);
