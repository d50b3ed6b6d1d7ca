import type { BusTarget } from '../../contracts/device.ts';
import type { Attachment, Bus } from '../bus.ts';
import { COMMAND, CONFIG } from './registers.ts';

/** What a base address register places on a bus. */
export interface BarDefinition {
  readonly kind: 'io' | 'memory32' | 'memory64';
  /** A power of two: at least 4 ports, or 16 bytes of memory. */
  readonly size: number;
  readonly name: string;
  readonly target: BusTarget;
  readonly prefetchable?: boolean;
}

const TYPE_BITS = { io: 1, memory32: 0, memory64: 4 } as const;
const PREFETCHABLE = 8;

/**
 * One base address register (PCI Local Bus Specification, "Base Addresses"): keeps its device attached
 * where the register says while decoding is enabled. A place that another device occupies, or address
 * 0, leaves it off the bus; it comes back with the next change of the function's registers.
 */
export class Bar {
  readonly definition: BarDefinition;
  private readonly offset: number;
  private attachment: Attachment | undefined;

  /** @throws RangeError for an impossible size. */
  constructor(index: number, definition: BarDefinition) {
    const { size, kind, name } = definition;
    const least = kind === 'io' ? 4 : 16;
    if (size < least || !Number.isInteger(Math.log2(size)) || (kind !== 'memory64' && size > 2 ** 31)) {
      throw new RangeError(`BAR ${index} "${name}": size ${size} is not a power of two from ${least} on`);
    }
    this.definition = definition;
    this.offset = CONFIG.BAR0 + index * 4;
  }

  /** Puts type bits and the writable mask into a configuration space. */
  describe(config: DataView, writable: DataView): void {
    const { kind, size, prefetchable } = this.definition;
    config.setUint32(this.offset, TYPE_BITS[kind] | (prefetchable ? PREFETCHABLE : 0), true);
    writable.setUint32(this.offset, size >= 2 ** 32 ? 0 : -size >>> 0, true);
    if (kind === 'memory64') {
      writable.setUint32(this.offset + 4, size > 2 ** 32 ? -(size / 2 ** 32) >>> 0 : 0xffff_ffff, true);
    }
  }

  /** The address that the register holds. */
  address(config: DataView): number {
    const low = config.getUint32(this.offset, true);
    if (this.definition.kind === 'io') return (low & ~3) >>> 0;
    const high = this.definition.kind === 'memory64' ? config.getUint32(this.offset + 4, true) : 0;
    return high * 2 ** 32 + ((low & ~15) >>> 0);
  }

  /** Follows the registers of `config`. */
  update(config: DataView, ports: Bus, memory: Bus): void {
    const { kind, size, name, target } = this.definition;
    const bus = kind === 'io' ? ports : memory;
    const enable = kind === 'io' ? COMMAND.IO : COMMAND.MEMORY;
    const decoding = (config.getUint16(CONFIG.COMMAND, true) & enable) !== 0;
    const start = this.address(config);
    if (decoding && this.attachment?.start === start) return;
    this.attachment?.detach();
    this.attachment = undefined;
    const range = { start, length: size };
    const possible = decoding && start > 0 && start + size <= bus.size && !bus.overlapping(range);
    if (possible) this.attachment = bus.attach(range, name, target);
  }
}
