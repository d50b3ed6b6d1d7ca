/** What the CPUID configuration makes legal elsewhere. */
import { type CpuidConfig, hasFeature } from '../../arch/cpuid.ts';
import { CR4, EFER } from '../../arch/registers.ts';

/** CR4 bits and the feature that offers each; a bit whose feature is not shown is reserved. */
const CR4_FEATURES: readonly (readonly [bit: number, feature: string])[] = [
  [CR4.TSD, 'tsc'],
  [CR4.DE, 'de'],
  [CR4.PSE, 'pse'],
  [CR4.PAE, 'pae'],
  [CR4.MCE, 'mce'],
  [CR4.PGE, 'pge'],
  [CR4.OSFXSR, 'fxsr'],
  [CR4.OSXMMEXCPT, 'sse'],
  [CR4.VMXE, 'vmx'],
  [CR4.FSGSBASE, 'fsgsbase'],
  [CR4.PCIDE, 'pcid'],
  [CR4.UMIP, 'umip'],
  [CR4.SMEP, 'smep'],
  [CR4.SMAP, 'smap'],
];

/** Bits that software may set in CR4. CR4.PCE exists on every processor with RDPMC. */
export const writableCr4 = (cpuid: CpuidConfig): number =>
  CR4_FEATURES.reduce((bits, [bit, feature]) => (hasFeature(cpuid, feature) ? bits | bit : bits), CR4.PCE);

/** EFER bits that software may write, and the feature that offers each. EFER.LMA is the processor's. */
const EFER_FEATURES: readonly (readonly [bit: number, feature: string])[] = [
  [EFER.SCE, 'syscall'],
  [EFER.LME, 'lm'],
  [EFER.NXE, 'nx'],
  [EFER.SVME, 'svm'],
];

export const writableEfer = (cpuid: CpuidConfig): number =>
  EFER_FEATURES.reduce((bits, [bit, feature]) => (hasFeature(cpuid, feature) ? bits | bit : bits), 0);
