/**
 * The devices of the simulated PC, wired up at the places of src/arch/pc.ts. The bare computer has
 * one set of them; each virtual machine has its own.
 */
import { IRQ, MMIO, PORTS, pciInterruptIrq } from '../arch/pc.ts';
import type { Clock } from '../contracts/clock.ts';
import type { BusTarget, Device } from '../contracts/device.ts';
import type { InterruptTarget } from '../contracts/interrupts.ts';
import { PowerManagement } from './acpi/power-management.ts';
import { ApicBus } from './apic/bus.ts';
import { IoApic } from './apic/io-apic.ts';
import { LocalApic } from './apic/local-apic.ts';
import { type Bus, memoryBus, portBus } from './bus.ts';
import { I8042 } from './keyboard/i8042.ts';
import { hostBridge, isaBridge } from './pci/bridges.ts';
import { PciConfigPorts } from './pci/config-ports.ts';
import { PciBus } from './pci/pci-bus.ts';
import { PicPair } from './pic/pic-pair.ts';
import { Pit8254 } from './pit/pit8254.ts';
import { SystemPortB } from './pit/system-port-b.ts';
import { InterruptRouter } from './router.ts';
import { Mc146818 } from './rtc/mc146818.ts';
import { type SerialOutput, Uart16550 } from './serial/uart16550.ts';
import { DebugExit } from './system/debug-exit.ts';
import { PostCodes } from './system/post-codes.ts';
import { ResetControl } from './system/reset-control.ts';
import { SystemPortA } from './system/system-port-a.ts';

/** What the devices ask of the computer around them. */
export interface PcWires {
  readonly clock: Clock;
  /** One for each processor. */
  readonly processors: readonly InterruptTarget[];
  /** What COM1 transmits. */
  readonly console: SerialOutput;
  /** Seconds since 1970-01-01 UTC at cycle 0. */
  readonly startTime: number;
  /** Time-stamp counter of processor `n` less clock cycles; absent: 0. */
  readonly tscOffset?: (processor: number) => number;
  readonly physicalAddressBits?: number;
  /** Software asks for a reset by one of the usual ways. */
  reset(): void;
  /** ACPI soft off. */
  powerOff(): void;
  /** Debug exit port: status is (value << 1) | 1. */
  debugExit(status: number): void;
}

export class PcDevices implements Device<Record<string, unknown>> {
  readonly ports: Bus = portBus();
  /** Memory-mapped registers that all processors see at the same place: not the local APICs. */
  readonly memory: Bus = memoryBus();
  readonly pic: PicPair;
  readonly ioApic: IoApic;
  readonly localApics: readonly LocalApic[];
  readonly router: InterruptRouter;
  readonly pit: Pit8254;
  readonly rtc: Mc146818;
  readonly uart: Uart16550;
  readonly keyboard: I8042;
  readonly pci: PciBus;
  readonly powerManagement: PowerManagement;
  readonly postCodes = new PostCodes();
  private readonly parts: Readonly<Record<string, Device<unknown>>>;

  constructor(wires: PcWires) {
    const { clock } = wires;
    const reset = () => wires.reset();
    const apicBus = new ApicBus();
    this.pic = new PicPair({ set: (level) => this.localApics[0].lint0.set(level) });
    this.ioApic = new IoApic(apicBus);
    this.router = new InterruptRouter(this.pic, this.ioApic);
    const { router } = this;
    this.localApics = wires.processors.map(
      (target, id) =>
        new LocalApic({
          clock,
          bus: apicBus,
          target,
          id,
          bootstrap: id === 0,
          acknowledgeExternal: () => this.pic.acknowledge(),
          tscOffset: () => wires.tscOffset?.(id) ?? 0,
          ...(wires.physicalAddressBits === undefined
            ? {}
            : { physicalAddressBits: wires.physicalAddressBits }),
        }),
    );
    this.pit = new Pit8254({ clock, line: router.isa(IRQ.pit) });
    this.rtc = new Mc146818({ clock, line: router.isa(IRQ.rtc), startTime: wires.startTime });
    this.uart = new Uart16550({ clock, line: router.isa(IRQ.com1), output: wires.console });
    this.keyboard = new I8042({
      line: router.isa(IRQ.keyboard),
      auxLine: router.isa(IRQ.mouse),
      // The A20 gate is not modelled: address bit 20 is always on.
      a20: () => {},
      reset,
    });
    this.pci = new PciBus({
      ports: this.ports,
      memory: this.memory,
      interrupt: (slot, pin) => router.pci(slot, pin),
      interruptNumber: pciInterruptIrq,
    });
    this.pci.add(0, 0, hostBridge());
    this.pci.add(1, 0, isaBridge());
    this.powerManagement = new PowerManagement({
      clock,
      sci: router.isa(IRQ.sci),
      powerOff: () => wires.powerOff(),
    });
    const portA = new SystemPortA({ a20: () => {}, reset });
    const portB = new SystemPortB(this.pit);
    const resetControl = new ResetControl(reset);
    const pciConfig = new PciConfigPorts(this.pci, resetControl);
    this.attach({
      pic1: this.pic.master,
      pic2: this.pic.slave,
      elcr: this.pic.elcr,
      pit: this.pit,
      systemControlB: portB,
      systemControlA: portA,
      keyboardData: this.keyboard.data,
      keyboardCommand: this.keyboard.command,
      rtc: this.rtc,
      post: this.postCodes,
      debugExit: new DebugExit((status) => wires.debugExit(status)),
      com1: this.uart,
      pm1aEvent: this.powerManagement.event,
      pm1aControl: this.powerManagement.control,
      pmTimer: this.powerManagement.timer,
      gpe0: this.powerManagement.generalEvents,
      pciConfigAddress: pciConfig.address,
      pciConfigData: pciConfig.data,
    });
    const { base, length } = MMIO.ioapic;
    this.memory.attach({ start: base, length }, 'I/O APIC', this.ioApic);
    this.parts = {
      pic: this.pic,
      ioApic: this.ioApic,
      router,
      pit: this.pit,
      portA,
      portB,
      rtc: this.rtc,
      uart: this.uart,
      keyboard: this.keyboard,
      postCodes: this.postCodes,
      resetControl,
      pciConfig,
      pci: this.pci,
      powerManagement: this.powerManagement,
      ...Object.fromEntries(this.localApics.map((apic, id) => [`localApic${id}`, apic])),
    };
  }

  private attach(targets: { readonly [P in keyof typeof PORTS]?: BusTarget }): void {
    for (const [name, target] of Object.entries(targets)) {
      const { base, length } = PORTS[name as keyof typeof PORTS];
      this.ports.attach({ start: base, length }, name, target);
    }
  }

  reset(): void {
    for (const part of Object.values(this.parts)) part.reset();
  }

  save(): Record<string, unknown> {
    return Object.fromEntries(Object.entries(this.parts).map(([name, part]) => [name, part.save()]));
  }

  restore(state: Record<string, unknown>): void {
    for (const [name, part] of Object.entries(this.parts)) part.restore(state[name]);
  }
}
