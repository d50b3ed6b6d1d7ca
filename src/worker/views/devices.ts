import { IOAPIC_INPUTS, IRQ } from '../../arch/pc.ts';
import type { Clock } from '../../contracts/clock.ts';
import type { Board } from '../../devices/board.ts';
import type { Pic8259State } from '../../devices/pic/pic8259.ts';
import type { DevicesView, DeviceView } from '../../protocol/devices-view.ts';
import type { VcpuRef } from '../../protocol/target.ts';
import { bitList, hex, instant, yesNo } from './device-texts.ts';
import { localApicView } from './local-apic.ts';
import { pciView } from './pci.ts';

/** The devices panel: what `Board` has wired, in words. Reads saved states, so that no register is read. */
export function devicesView(of: VcpuRef, board: Board, clock: Clock): DevicesView {
  const apic = board.localApics[of.vcpu];
  return {
    of,
    devices: [
      ...(apic === undefined ? [] : [localApicView(apic, of.vcpu, clock)]),
      ioApicView(board),
      picView(board),
      pitView(board, clock),
      rtcView(board, clock),
      serialView(board, clock),
      keyboardView(board),
      pciView(board),
    ],
  };
}

const IRQ_NAMES = new Map(Object.entries(IRQ).map(([name, irq]) => [irq as number, name]));
const DELIVERY = [
  'fixed',
  'lowest priority',
  'SMI',
  'reserved',
  'NMI',
  'INIT',
  'start-up',
  'ExtINT',
] as const;

/** Redirection entries that are masked and never were set are left out. */
function ioApicView({ ioApic }: Board): DeviceView {
  const { id, low, high, lines } = ioApic.save();
  const rows = Array.from({ length: IOAPIC_INPUTS }, (_, n) => n)
    .filter((n) => (low[n] ?? 0) !== 0x1_0000 || (lines >> n) & 1)
    .map((n) => {
      const [entry, upper] = [low[n] ?? 0, high[n] ?? 0];
      return [
        `${n}`,
        hex(entry & 0xff, 2),
        DELIVERY[(entry >> 8) & 7] ?? '',
        `${entry & 0x800 ? 'logical' : 'physical'} ${hex(upper >>> 24)}`,
        entry & 0x8000 ? 'level' : 'edge',
        yesNo(entry & 0x1_0000),
        yesNo((lines >> n) & 1),
        yesNo(entry & 0x4000),
      ];
    });
  return {
    name: 'I/O APIC',
    facts: [
      { name: 'ID', value: String((id >>> 24) & 15) },
      { name: 'inputs', value: `${IOAPIC_INPUTS}, of which ${rows.length} are used` },
    ],
    table: {
      caption: 'Redirection table',
      columns: [
        'input',
        'vector',
        'delivery',
        'destination',
        'trigger',
        'masked',
        'asserted',
        'waits for EOI',
      ],
      rows,
    },
  };
}

function picView({ pic }: Board): DeviceView {
  const { master, slave } = pic.save();
  const row = (state: Pic8259State, n: number, irq: number) => {
    const bit = 1 << n;
    const level = (state.levelTriggered & bit) !== 0;
    const requested = (level ? state.lines : state.edges) & bit;
    return [
      `IRQ ${irq}`,
      IRQ_NAMES.get(irq) ?? '',
      hex(state.vectorBase + n, 2),
      level ? 'level' : 'edge',
      yesNo(state.mask & bit),
      yesNo(state.lines & bit),
      yesNo(requested),
      yesNo(state.inService & bit),
    ];
  };
  return {
    name: 'Interrupt controllers 8259A',
    facts: [
      { name: 'vectors', value: `${hex(master.vectorBase, 2)} and ${hex(slave.vectorBase, 2)} up` },
      { name: 'masked', value: bitList(master.mask | (slave.mask << 8), 16) },
      { name: 'in service', value: bitList(master.inService | (slave.inService << 8), 16) },
    ],
    table: {
      caption: 'Interrupt requests',
      columns: ['IRQ', 'device', 'vector', 'trigger', 'masked', 'asserted', 'pending', 'in service'],
      rows: Array.from({ length: 16 }, (_, irq) =>
        irq < 8 ? row(master, irq, irq) : row(slave, irq - 8, irq),
      ),
    },
  };
}

const PIT_MODES = [
  'interrupt on terminal count',
  'one-shot',
  'rate generator',
  'square wave',
  'software strobe',
  'hardware strobe',
] as const;

function pitView({ pit }: Board, clock: Clock): DeviceView {
  const { channels, changeAt } = pit.save();
  return {
    name: 'Timer 8254 (PIT)',
    facts: [{ name: 'channel 0 changes next', value: instant(changeAt, clock) }],
    table: {
      caption: 'Channels',
      columns: ['channel', 'mode', 'count', 'BCD', 'gate', 'running'],
      rows: channels.map(({ mode, count, bcd, gate, start, held }, n) => [
        String(n),
        `${mode}: ${PIT_MODES[mode] ?? 'unknown'}`,
        String(count),
        yesNo(bcd),
        gate ? 'open' : 'closed',
        yesNo(start >= 0 && held < 0),
      ]),
    },
  };
}

/** Registers of the MC146818 that say what it does. */
const RTC = { A: 10, B: 11 } as const;
const RTC_B = { PERIODIC: 0x40, ALARM: 0x20, UPDATE: 0x10 } as const;

function rtcView({ rtc }: Board, clock: Clock): DeviceView {
  const { bytes, epoch, base, running, flags, eventAt } = rtc.save();
  const seconds = running ? epoch + Math.floor((clock.now() - base) / clock.hz) : epoch;
  const b = bytes[RTC.B] ?? 0;
  const enabled = Object.entries(RTC_B)
    .filter(([, bit]) => b & bit)
    .map(([name]) => name.toLowerCase());
  return {
    name: 'Real-time clock MC146818',
    facts: [
      { name: 'shows', value: `${seconds} s since 1970 (UTC)` },
      { name: 'running', value: yesNo(running) },
      { name: 'rate select', value: String((bytes[RTC.A] ?? 0) & 15) },
      { name: 'interrupts enabled', value: enabled.join(', ') || 'none' },
      { name: 'register C flags', value: hex(flags, 2) },
      { name: 'next event', value: instant(eventAt, clock) },
    ],
    table: null,
  };
}

const IER = ['received data', 'transmitter empty', 'line status', 'modem status'] as const;

function serialView({ serial }: Board, clock: Clock): DeviceView {
  const { ier, lcr, mcr, divisor, receiver, transmitter } = serial.save();
  const parity = lcr & 8 ? (lcr & 16 ? 'even' : 'odd') : 'none';
  return {
    name: 'Serial port 16550 (COM1)',
    facts: [
      {
        name: 'line',
        value: `${divisor === 0 ? 0 : Math.round(115_200 / divisor)} baud, ${5 + (lcr & 3)} bits, parity ${parity}`,
      },
      { name: 'interrupts enabled', value: IER.filter((_, n) => ier & (1 << n)).join(', ') || 'none' },
      { name: 'OUT2 passes interrupts', value: yesNo(mcr & 8) },
      {
        name: 'receive FIFO',
        value: `${receiver.fifoOn ? 'on' : 'off'}, ${receiver.fifo.length} bytes in it, ${receiver.incoming.length} on the way`,
      },
      { name: 'next byte arrives', value: instant(receiver.arrivalAt, clock) },
      { name: 'transmitter interrupt waits', value: yesNo(transmitter.pending) },
    ],
    table: null,
  };
}

function keyboardView({ keyboard: device }: Board): DeviceView {
  const { controller, keyboard } = device.save();
  const config = controller.ram[0] ?? 0;
  return {
    name: 'Keyboard controller 8042',
    facts: [
      { name: 'keyboard interrupt', value: config & 1 ? 'enabled' : 'disabled' },
      {
        name: 'keyboard',
        value: config & 0x10 ? 'disabled' : keyboard.scanning ? 'scanning' : 'not scanning',
      },
      { name: 'translation to set 1', value: yesNo(config & 0x40) },
      { name: 'bytes to be read', value: String(controller.queue.length) },
      { name: 'LEDs', value: hex(keyboard.leds) },
    ],
    table: null,
  };
}
