/**
 * The board of a PC: every device of the computer wired to its buses and interrupt controllers. The
 * simulated computer has one; each virtual machine gets one of its own from the hypervisor.
 */
import { IRQ, MMIO, PORTS, pciInterruptIrq } from '../arch/pc.ts';
import type { Clock } from '../contracts/clock.ts';
import type { BusTarget, Device } from '../contracts/device.ts';
import type { InterruptTarget } from '../contracts/interrupts.ts';
import { PowerManagement } from './acpi/power-management.ts';
import { ApicBus } from './apic/bus.ts';
import { IoApic } from './apic/io-apic.ts';
import { LocalApic } from './apic/local-apic.ts';
import { Bus } from './bus.ts';
import { I8042 } from './keyboard/i8042.ts';
import { hostBridge, isaBridge } from './pci/bridges.ts';
import { PciConfigPorts } from './pci/config-ports.ts';
import { PciBus } from './pci/pci-bus.ts';
import { PicPair } from './pic/pic-pair.ts';
import { Pit8254 } from './pit/pit8254.ts';
import { SystemPortB } from './pit/system-port-b.ts';
import { InterruptRouter } from './router.ts';
import { Mc146818 } from './rtc/mc146818.ts';
import { memorySizeNvram } from './rtc/nvram.ts';
import { type SerialOutput, Uart16550 } from './serial/uart16550.ts';
import { DebugExit } from './system/debug-exit.ts';
import { PostCodes } from './system/post-codes.ts';
import { ResetControl } from './system/reset-control.ts';
import { SystemPortA } from './system/system-port-a.ts';

export interface BoardOptions {
  readonly clock: Clock;
  /** One for each processor, the bootstrap processor first. */
  readonly processors: readonly InterruptTarget[];
  readonly ramBytes: number;
  /** Seconds since 1970-01-01 UTC at cycle 0. */
  readonly startTime: number;
  readonly serialOutput: SerialOutput;
  /** The processors' physical address width. */
  readonly physicalAddressBits: number;
  /** Time-stamp counter less clock cycles, for the TSC-deadline timer. */
  readonly tscOffset?: () => number;
  readonly events: BoardEvents;
}

/** What the board asks of its owner. */
export interface BoardEvents {
  /** Hard reset of the whole computer. */
  reset(): void;
  /** INIT to the bootstrap processor: keyboard controller and port 92h. */
  init(): void;
  powerOff(): void;
  /** The debug exit port was written: exit status (v << 1) | 1. */
  exit(status: number): void;
}

export class Board {
  readonly ports = new Bus('I/O ports', 0x1_0000);
  readonly memory = new Bus('memory-mapped I/O', 2 ** 40);
  readonly apicBus = new ApicBus();
  readonly localApics: readonly LocalApic[];
  readonly ioApic: IoApic;
  readonly pic: PicPair;
  readonly pit: Pit8254;
  readonly rtc: Mc146818;
  readonly serial: Uart16550;
  readonly keyboard: I8042;
  readonly pci: PciBus;
  readonly power: PowerManagement;
  readonly postCodes = new PostCodes();
  /** All devices with state, by name. */
  private readonly devices: Readonly<Record<string, Device<unknown>>>;

  constructor(o: BoardOptions) {
    const { clock, events } = o;
    this.localApics = o.processors.map(
      (target, id) =>
        new LocalApic({
          clock,
          bus: this.apicBus,
          target,
          id,
          bootstrap: id === 0,
          acknowledgeExternal: () => this.pic.acknowledge(),
          physicalAddressBits: o.physicalAddressBits,
          ...(o.tscOffset ? { tscOffset: o.tscOffset } : {}),
        }),
    );
    this.pic = new PicPair(this.localApics[0].lint0);
    this.ioApic = new IoApic(this.apicBus);
    const router = new InterruptRouter(this.pic, this.ioApic);
    this.pit = new Pit8254({ clock, line: router.isa(IRQ.pit) });
    const portB = new SystemPortB(this.pit);
    this.rtc = new Mc146818({
      clock,
      line: router.isa(IRQ.rtc),
      startTime: o.startTime,
      nvram: memorySizeNvram(o.ramBytes),
    });
    this.serial = new Uart16550({
      clock,
      line: router.isa(IRQ.com1),
      output: o.serialOutput,
      // A console wants its text now, not at 9600 baud of simulated time.
      instantTransmit: true,
    });
    // The A20 gate is always open: software that wraps at 1 MiB predates protected mode.
    const a20 = () => {};
    this.keyboard = new I8042({
      line: router.isa(IRQ.keyboard),
      auxLine: router.isa(IRQ.mouse),
      a20,
      reset: () => events.reset(),
    });
    const portA = new SystemPortA({ a20, reset: () => events.init() });
    const resetControl = new ResetControl(() => events.reset());
    this.pci = new PciBus({
      ports: this.ports,
      memory: this.memory,
      interrupt: (slot, pin) => router.pci(slot, pin),
      interruptNumber: pciInterruptIrq,
    });
    this.pci.add(0, 0, hostBridge());
    this.pci.add(1, 0, isaBridge());
    const configPorts = new PciConfigPorts(this.pci, resetControl);
    this.power = new PowerManagement({ clock, sci: router.isa(IRQ.sci), powerOff: () => events.powerOff() });

    const attach = (name: keyof typeof PORTS, target: BusTarget) =>
      this.ports.attach({ start: PORTS[name].base, length: PORTS[name].length }, name, target);
    attach('pic1', this.pic.master);
    attach('pic2', this.pic.slave);
    attach('elcr', this.pic.elcr);
    attach('pit', this.pit);
    attach('systemControlB', portB);
    attach('rtc', this.rtc);
    attach('com1', this.serial);
    attach('keyboardData', this.keyboard.data);
    attach('keyboardCommand', this.keyboard.command);
    attach('systemControlA', portA);
    attach('post', this.postCodes);
    attach('debugExit', new DebugExit((status) => events.exit(status)));
    attach('pm1aEvent', this.power.event);
    attach('pm1aControl', this.power.control);
    attach('pmTimer', this.power.timer);
    attach('gpe0', this.power.generalEvents);
    attach('pciConfigAddress', configPorts.address);
    attach('pciConfigData', configPorts.data);
    this.memory.attach({ start: MMIO.ioapic.base, length: MMIO.ioapic.length }, 'I/O APIC', this.ioApic);

    this.devices = {
      pic: this.pic,
      ioApic: this.ioApic,
      router,
      pit: this.pit,
      portB,
      rtc: this.rtc,
      serial: this.serial,
      keyboard: this.keyboard,
      portA,
      resetControl,
      pci: this.pci,
      configPorts,
      power: this.power,
      postCodes: this.postCodes,
      ...Object.fromEntries(this.localApics.map((apic, i) => [`localApic${i}`, apic])),
    } as Record<string, Device<unknown>>;
  }

  /**
   * Memory-mapped I/O as the processor `index` sees it: its own local APIC, then the shared devices.
   * Offsets are physical addresses.
   */
  memoryOf(index: number): BusTarget {
    const apic = this.localApics[index];
    const registers = (address: number): number => {
      const page = apic.registerPage;
      return page !== undefined && address >= page && address < page + 0x1000 ? address - page : -1;
    };
    return {
      read: (address, size) => {
        const offset = registers(address);
        return offset >= 0 ? apic.read(offset, size) : this.memory.read(address, size);
      },
      write: (address, size, value) => {
        const offset = registers(address);
        if (offset >= 0) apic.write(offset, size, value);
        else this.memory.write(address, size, value);
      },
    };
  }

  /** Power-on state of every device; interrupts as firmware leaves them, by way of the PIC. */
  reset(): void {
    for (const device of Object.values(this.devices)) device.reset();
    this.localApics[0].enterVirtualWireMode();
    // The system control interrupt and the PCI interrupts (IRQ 9, 10, 11) are level-triggered.
    this.pic.elcr.write(1, 1, 0x0e);
  }

  /** State of all devices as JSON data. */
  save(): Record<string, unknown> {
    return Object.fromEntries(Object.entries(this.devices).map(([name, device]) => [name, device.save()]));
  }

  restore(state: Record<string, unknown>): void {
    for (const [name, device] of Object.entries(this.devices)) device.restore(state[name]);
  }
}
