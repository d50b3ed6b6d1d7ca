/** MADT: the interrupt controllers. ACPI specification, "Multiple APIC Description Table". */
import { IOAPIC_ID, IOAPIC_PIT_INPUT, IRQ, MMIO } from '../../../arch/pc.ts';
import { ByteWriter } from '../byte-writer.ts';
import { table } from './table.ts';

const MADT_REVISION = 1;
/** The computer also has the two 8259 PICs. */
const PCAT_COMPAT = 1;
const ENTRY = { localApic: 0, ioApic: 1, override: 2, localApicNmi: 4 } as const;
const ENABLED = 1;
const ALL_PROCESSORS = 0xff;
const ISA_BUS = 0;

/** MPS INTI flags: polarity in bits 0 and 1, trigger mode in bits 2 and 3. */
const INTI = { busDefault: 0x0, levelActiveHigh: 0xd, edgeActiveHigh: 0x5 } as const;

/** Interrupts that are not edge-triggered at the input of the same number. */
const OVERRIDES = [
  { irq: IRQ.pit, input: IOAPIC_PIT_INPUT, flags: INTI.busDefault },
  { irq: IRQ.sci, input: IRQ.sci, flags: INTI.levelActiveHigh },
  { irq: IRQ.pciA, input: IRQ.pciA, flags: INTI.levelActiveHigh },
  { irq: IRQ.pciB, input: IRQ.pciB, flags: INTI.levelActiveHigh },
] as const;

/** Processor n has APIC ID n. NMI arrives at LINT1 of all of them. */
export function madt(cpus: number): Uint8Array {
  const body = new ByteWriter().u32(MMIO.localApic.base).u32(PCAT_COMPAT);
  for (let cpu = 0; cpu < cpus; cpu++) body.u8(ENTRY.localApic, 8, cpu, cpu).u32(ENABLED);
  body.u8(ENTRY.ioApic, 12, IOAPIC_ID, 0).u32(MMIO.ioapic.base).u32(0);
  for (const { irq, input, flags } of OVERRIDES) {
    body.u8(ENTRY.override, 10, ISA_BUS, irq).u32(input).u16(flags);
  }
  body.u8(ENTRY.localApicNmi, 6, ALL_PROCESSORS).u16(INTI.edgeActiveHigh).u8(1);
  return table('APIC', MADT_REVISION, body.finish());
}
