import type { Board } from '../../devices/board.ts';
import { COMMAND, CONFIG } from '../../devices/pci/registers.ts';
import type { DeviceView } from '../../protocol/devices-view.ts';
import { hex } from './device-texts.ts';

const CLASSES: Readonly<Record<number, string>> = {
  256: 'SCSI storage',
  512: 'Ethernet',
  1536: 'host bridge',
  1537: 'ISA bridge',
  1664: 'other bridge',
};

/** Functions on the bus, by their configuration space. */
export function pciView({ pci }: Board): DeviceView {
  const rows = Object.entries(pci.save()).map(([slot, { config, interrupt }]) => {
    const word = (at: number) => (config[at] ?? 0) | ((config[at + 1] ?? 0) << 8);
    const classCode = word(CONFIG.CLASS + 1);
    const command = word(CONFIG.COMMAND);
    const bits = Object.entries(COMMAND).filter(([, bit]) => command & bit);
    const pin = config[CONFIG.INTERRUPT_PIN] ?? 0;
    return [
      slot,
      `${hex(word(CONFIG.VENDOR), 4)} ${hex(word(CONFIG.DEVICE), 4)}`,
      CLASSES[classCode] ?? `class ${hex(classCode, 4)}`,
      bits.map(([name]) => name.toLowerCase().replace('_', ' ')).join(', ') || 'none',
      pin === 0 ? 'none' : `INT${'ABCD'[pin - 1]}, ${interrupt ? 'asserted' : 'idle'}`,
    ];
  });
  return {
    name: 'PCI bus',
    facts: [{ name: 'functions', value: String(rows.length) }],
    table: {
      caption: 'Functions',
      columns: ['slot', 'vendor, device', 'kind', 'command', 'interrupt'],
      rows,
    },
  };
}
