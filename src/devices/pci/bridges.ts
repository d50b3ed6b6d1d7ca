import { PciFunction } from './function.ts';

const INTEL = 0x8086;

/**
 * The bridge from the processor to PCI, known to drivers as Intel's 82441FX. It is there to be found:
 * its memory attribute and DRAM registers are not modelled.
 */
export const hostBridge = (): PciFunction =>
  new PciFunction({ vendor: INTEL, device: 0x1237, classCode: 0x06_00_00, revision: 2 });

/**
 * The bridge from PCI to the devices at fixed ports, known to drivers as Intel's 82371SB. Interrupt
 * routing is wired, so its PIRQ registers are not modelled.
 */
export const isaBridge = (): PciFunction =>
  new PciFunction({ vendor: INTEL, device: 0x7000, classCode: 0x06_01_00 });
