import type { AccessSize, Device, InterruptLine } from '../../contracts/device.ts';
import type { Bus } from '../bus.ts';
import { unconnected } from '../lines.ts';
import { Bar, type BarDefinition } from './bar.ts';
import { BARS, COMMAND, CONFIG, CONFIG_SIZE, MULTIFUNCTION, STATUS } from './registers.ts';

/** Who a function says it is. */
export interface PciIdentity {
  readonly vendor: number;
  readonly device: number;
  /** Base class, subclass and programming interface, 24 bits. */
  readonly classCode: number;
  readonly revision?: number;
  readonly subsystemVendor?: number;
  readonly subsystem?: number;
  /** 1 (INTA#) .. 4, absent without interrupt. */
  readonly interruptPin?: number;
}

/** What a function finds in its slot. */
export interface PciSlot {
  readonly ports: Bus;
  readonly memory: Bus;
  /** The wire behind the function's interrupt pin. */
  readonly interrupt: InterruptLine;
  /** What firmware puts into the interrupt line register. */
  readonly interruptLine: number;
}

export interface PciFunctionState {
  readonly config: number[];
  readonly interrupt: boolean;
}

/**
 * One PCI function: configuration space of 256 bytes with base address registers, capabilities and an
 * interrupt pin. Devices extend it or own one. Not modelled: parity and error reporting, expansion ROM.
 */
export class PciFunction implements Device<PciFunctionState> {
  private readonly config = new DataView(new ArrayBuffer(CONFIG_SIZE));
  /** Bits of `config` that software can change. */
  private readonly writable = new DataView(new ArrayBuffer(CONFIG_SIZE));
  private initial: Uint8Array<ArrayBuffer>;
  private readonly bars: Bar[] = [];
  private nextCapability: number = CONFIG.FIRST_FREE;
  private slot: PciSlot | undefined;
  private interrupt = false;

  constructor(identity: PciIdentity) {
    const { config, writable } = this;
    config.setUint16(CONFIG.VENDOR, identity.vendor, true);
    config.setUint16(CONFIG.DEVICE, identity.device, true);
    config.setUint32(CONFIG.REVISION, ((identity.classCode << 8) | (identity.revision ?? 0)) >>> 0, true);
    config.setUint16(CONFIG.SUBSYSTEM_VENDOR, identity.subsystemVendor ?? 0, true);
    config.setUint16(CONFIG.SUBSYSTEM, identity.subsystem ?? 0, true);
    config.setUint8(CONFIG.INTERRUPT_PIN, identity.interruptPin ?? 0);
    writable.setUint16(CONFIG.COMMAND, COMMAND.BUS_MASTER | COMMAND.INTERRUPT_DISABLE, true);
    writable.setUint8(CONFIG.INTERRUPT_LINE, 0xff);
    this.initial = this.snapshot();
  }

  get interruptPin(): number {
    return this.config.getUint8(CONFIG.INTERRUPT_PIN);
  }

  /** Whether the function may read and write memory by itself. */
  get busMaster(): boolean {
    return (this.command & COMMAND.BUS_MASTER) !== 0;
  }

  /** Adds base address register `index` (0..5; a 64-bit one takes the next too). Before the function is put in a slot. */
  addBar(index: number, definition: BarDefinition): void {
    if (index + (definition.kind === 'memory64' ? 2 : 1) > BARS) {
      throw new RangeError(`BAR ${index} "${definition.name}" does not fit: there are ${BARS}`);
    }
    const bar = new Bar(index, definition);
    bar.describe(this.config, this.writable);
    const enable = definition.kind === 'io' ? COMMAND.IO : COMMAND.MEMORY;
    this.writable.setUint16(CONFIG.COMMAND, this.writable.getUint16(CONFIG.COMMAND, true) | enable, true);
    this.bars.push(bar);
    this.initial = this.snapshot();
  }

  /**
   * Appends a capability and returns its offset. `body` follows the two bytes of id and link;
   * `writable` has a mask for each byte of it that software can change.
   */
  addCapability(id: number, body: readonly number[], writable: readonly number[] = []): number {
    const { config, nextCapability: offset } = this;
    if (offset + 2 + body.length > CONFIG_SIZE) throw new RangeError(`no room for PCI capability ${id}`);
    config.setUint8(offset, id);
    config.setUint8(offset + 1, config.getUint8(CONFIG.CAPABILITIES));
    config.setUint8(CONFIG.CAPABILITIES, offset);
    config.setUint16(CONFIG.STATUS, config.getUint16(CONFIG.STATUS, true) | STATUS.CAPABILITIES, true);
    body.forEach((byte, i) => {
      config.setUint8(offset + 2 + i, byte);
    });
    writable.forEach((mask, i) => {
      this.writable.setUint8(offset + 2 + i, mask);
    });
    this.nextCapability = (offset + 2 + body.length + 3) & ~3;
    this.initial = this.snapshot();
    return offset;
  }

  /** Called by the bus: from now on the function has wires. */
  insert(slot: PciSlot): void {
    this.slot = slot;
    this.config.setUint8(CONFIG.INTERRUPT_LINE, this.interruptPin === 0 ? 0 : slot.interruptLine);
    this.initial = this.snapshot();
  }

  /** Called by the bus: tells software to look for functions 1..7. */
  markMultifunction(): void {
    this.config.setUint8(CONFIG.HEADER_TYPE, MULTIFUNCTION);
    this.initial = this.snapshot();
  }

  /** Drives the interrupt pin. */
  setInterrupt(level: boolean): void {
    this.interrupt = level;
    this.updateInterrupt();
  }

  /** The address in base address register `index`, as programmed. */
  barAddress(index: number): number {
    return this.bars[index].address(this.config);
  }

  readConfig(offset: number, size: AccessSize): number {
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + this.config.getUint8(offset + i);
    return value;
  }

  writeConfig(offset: number, size: AccessSize, value: number): void {
    for (let i = 0; i < size; i++) {
      const mask = this.writable.getUint8(offset + i);
      const byte = (value >>> (i * 8)) & mask;
      this.config.setUint8(offset + i, (this.config.getUint8(offset + i) & ~mask) | byte);
    }
    this.update();
  }

  reset(): void {
    new Uint8Array(this.config.buffer).set(this.initial);
    this.interrupt = false;
    this.update();
  }

  save(): PciFunctionState {
    return { config: [...this.snapshot()], interrupt: this.interrupt };
  }

  restore(state: PciFunctionState): void {
    new Uint8Array(this.config.buffer).set(state.config);
    this.interrupt = state.interrupt;
    this.updateBars();
  }

  private get command(): number {
    return this.config.getUint16(CONFIG.COMMAND, true);
  }

  private snapshot(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.config.buffer.slice(0));
  }

  private update(): void {
    this.updateBars();
    this.updateInterrupt();
  }

  private updateBars(): void {
    const { slot } = this;
    if (slot === undefined) return;
    for (const bar of this.bars) bar.update(this.config, slot.ports, slot.memory);
  }

  private updateInterrupt(): void {
    const status = this.config.getUint16(CONFIG.STATUS, true) & ~STATUS.INTERRUPT;
    this.config.setUint16(CONFIG.STATUS, status | (this.interrupt ? STATUS.INTERRUPT : 0), true);
    const enabled = (this.command & COMMAND.INTERRUPT_DISABLE) === 0;
    (this.slot?.interrupt ?? unconnected).set(this.interrupt && enabled);
  }
}
