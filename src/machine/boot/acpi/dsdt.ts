/** The DSDT: what the computer is made of, as far as it cannot be found out by asking the hardware. */
import { ACPI_FIXED, IRQ, MEMORY_MAP, PORTS, pciInterruptIrq } from '../../../arch/pc.ts';
import { type Aml, aPackage, concat, device, eisaId, integer, name, scope, string } from './aml.ts';
import { busNumbers, irq, memoryWindow, ports, portWindow, resourceTemplate } from './resources.ts';
import { table } from './table.ts';

/** Revision 2 gives AML 64-bit integers. */
const DSDT_REVISION = 2;

/** A device with fixed resources: name, plug-and-play identifier, `_CRS`. */
type IsaDevice = readonly [name: string, id: string, resources: readonly Uint8Array[]];

const ISA_DEVICES: readonly IsaDevice[] = [
  ['PIC', 'PNP0000', [ports(PORTS.pic1), ports(PORTS.pic2), ports(PORTS.elcr), irq(IRQ.cascade)]],
  ['TIMR', 'PNP0100', [ports(PORTS.pit), irq(IRQ.pit)]],
  ['SPKR', 'PNP0800', [ports(PORTS.systemControlB)]],
  ['KBD', 'PNP0303', [ports(PORTS.keyboardData), ports(PORTS.keyboardCommand), irq(IRQ.keyboard)]],
  ['RTC', 'PNP0B00', [ports(PORTS.rtc), irq(IRQ.rtc)]],
  ['COM1', 'PNP0501', [ports(PORTS.com1), irq(IRQ.com1)]],
  // Ports in use by the chip set itself, so that nothing else is put there.
  [
    'MBRD',
    'PNP0C02',
    [PORTS.post, PORTS.debugExit, PORTS.pm1aEvent, PORTS.pm1aControl, PORTS.pmTimer, PORTS.gpe0].map(ports),
  ],
];

function isaDevice([path, id, resources]: IsaDevice): Aml {
  return device(path, [name('_HID', eisaId(id)), name('_CRS', resourceTemplate(resources))]);
}

const PCI_SLOTS = 32;
const PCI_PINS = 4;

/** `_PRT`: for each slot and pin the interrupt, hardwired (source 0 means a global system interrupt). */
function pciRouting(): Aml {
  const entries: Aml[] = [];
  for (let slot = 0; slot < PCI_SLOTS; slot++) {
    const pins = Array.from({ length: PCI_PINS }, (_, pin) =>
      aPackage([
        integer(slot * 0x1_0000 + 0xffff),
        integer(pin),
        integer(0),
        integer(pciInterruptIrq(slot, pin)),
      ]),
    );
    entries.push(...pins);
  }
  return aPackage(entries);
}

function pciHostBridge(): Aml {
  const config = PORTS.pciConfigAddress.base;
  const afterConfig = PORTS.pciConfigData.base + PORTS.pciConfigData.length;
  const resources = resourceTemplate([
    busNumbers({ base: 0, length: 0x100 }),
    ports({ base: config, length: afterConfig - config }),
    portWindow({ base: 0, length: config }),
    portWindow({ base: afterConfig, length: 0x1_0000 - afterConfig }),
    memoryWindow(MEMORY_MAP.pciMemory),
  ]);
  return device('PCI0', [
    name('_HID', eisaId('PNP0A03')),
    name('_UID', integer(0)),
    name('_BBN', integer(0)),
    name('_CRS', resources),
    name('_PRT', pciRouting()),
    ...ISA_DEVICES.map(isaDevice),
  ]);
}

/** Processor devices; `_UID` is the processor's number in the MADT. */
function processors(count: number): Aml[] {
  return Array.from({ length: count }, (_, index) =>
    device(`CP${index.toString(16).toUpperCase().padStart(2, '0')}`, [
      name('_HID', string('ACPI0007')),
      name('_UID', integer(index)),
    ]),
  );
}

export function dsdt(cpus: number): Uint8Array {
  const softOff = aPackage([ACPI_FIXED.sleepTypeS5, ACPI_FIXED.sleepTypeS5, 0, 0].map(integer));
  const body = concat([name('\\_S5', softOff), scope('\\_SB', [...processors(cpus), pciHostBridge()])]);
  return table('DSDT', DSDT_REVISION, body);
}
