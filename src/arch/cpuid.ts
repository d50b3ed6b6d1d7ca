/**
 * CPUID as data. SDM volume 2A, "CPUID - CPU Identification"; AMD APM volume 3, appendix "Obtaining Processor
 * Information Via the CPUID Instruction".
 *
 * With VT-x the processor presents itself as GenuineIntel, family 6, model 36h: an in-order core without
 * speculation, which is what this one is, so operating systems leave out the mitigations and
 * microcode work that real Intel cores need. With AMD-V it is AuthenticAMD, family 11h: of AMD's families with
 * SVM the one for which operating systems have neither workarounds of their own nor microcode.
 */
import { ASIDS } from './svm.ts';

/** Whose processor it is: decides about CPUID, MSRs, and which virtualization extension there is. */
export type Vendor = 'intel' | 'amd';

/** What a machine decides about its processors' CPUID. */
export interface CpuidConfig {
  readonly vendor: Vendor;
  /** Logical processors of the package. */
  readonly cpus: number;
  /** Initial (x2)APIC ID of this processor. */
  readonly apicId: number;
  readonly tscHz: number;
  /** Width of physical addresses in bits, 36 to 46. */
  readonly physicalBits: number;
  /** Features (names of FEATURES) that are not to be shown. */
  readonly withhold: readonly string[];
}

/** What CPUID says of the processor's present state. */
export interface CpuidState {
  /** IA32_APIC_BASE bit 11. */
  readonly apicEnabled: boolean;
  /** Intel processors show SYSCALL in 64-bit mode only. */
  readonly wide: boolean;
}

export type CpuidRegisters = readonly [eax: number, ebx: number, ecx: number, edx: number];

type Register = 'eax' | 'ebx' | 'ecx' | 'edx';

interface Feature {
  readonly leaf: number;
  readonly register: Register;
  readonly bit: number;
}

const group = (leaf: number, register: Register, bits: Record<string, number>): [string, Feature][] =>
  Object.entries(bits).map(([name, bit]) => [name, { leaf, register, bit }]);

/** Every feature flag that can be shown, by the names of /proc/cpuinfo. */
const FEATURES: ReadonlyMap<string, Feature> = new Map([
  ...group(0x1, 'edx', {
    fpu: 0,
    de: 2,
    pse: 3,
    tsc: 4,
    msr: 5,
    pae: 6,
    mce: 7,
    cx8: 8,
    apic: 9,
    sep: 11,
    mtrr: 12,
    pge: 13,
    mca: 14,
    cmov: 15,
    pat: 16,
    pse36: 17,
    clflush: 19,
    mmx: 23,
    fxsr: 24,
    sse: 25,
    sse2: 26,
    ht: 28,
  }),
  ...group(0x1, 'ecx', {
    sse3: 0,
    vmx: 5,
    ssse3: 9,
    cx16: 13,
    pcid: 17,
    sse4_1: 19,
    sse4_2: 20,
    x2apic: 21,
    popcnt: 23,
    tsc_deadline_timer: 24,
  }),
  ...group(0x6, 'eax', { arat: 2 }),
  ...group(0x7, 'ebx', { fsgsbase: 0, smep: 7, erms: 9, invpcid: 10, smap: 20 }),
  ...group(0x7, 'ecx', { umip: 2 }),
  ...group(0x8000_0001, 'edx', { syscall: 11, nx: 20, pdpe1gb: 26, rdtscp: 27, lm: 29 }),
  ...group(0x8000_0001, 'ecx', { lahf_lm: 0, cmp_legacy: 1, svm: 2 }),
  ...group(0x8000_0007, 'edx', { nonstop_tsc: 8 }),
  ...group(0x8000_000a, 'edx', { npt: 0, nrip_save: 3, flushbyasid: 6 }),
]);

/** Features that only one vendor's processors have. */
const VENDOR_OF: Readonly<Record<string, Vendor>> = {
  vmx: 'intel',
  cmp_legacy: 'amd',
  svm: 'amd',
  npt: 'amd',
  nrip_save: 'amd',
  flushbyasid: 'amd',
};

/** Features that are parts of AMD-V. */
const OF_SVM = ['npt', 'nrip_save', 'flushbyasid'];

/** Whether a feature is shown. Features that this processor does not know are never shown. */
export function hasFeature(config: CpuidConfig, name: string): boolean {
  if (config.withhold.includes(name)) return false;
  if ((VENDOR_OF[name] ?? config.vendor) !== config.vendor) return false;
  if (name === 'ht' || name === 'cmp_legacy') return config.cpus > 1;
  if (OF_SVM.includes(name)) return hasFeature(config, 'svm');
  return FEATURES.has(name);
}

/** Names of all features that `config` shows. */
export const shownFeatures = (config: CpuidConfig): string[] =>
  [...FEATURES.keys()].filter((name) => hasFeature(config, name));

interface VendorFacts {
  /** Vendor string in EBX, ECX, EDX. */
  readonly name: readonly [ebx: number, ecx: number, edx: number];
  readonly signature: number;
  readonly maxBasic: number;
  readonly maxExtended: number;
}

const VENDORS: Readonly<Record<Vendor, VendorFacts>> = {
  intel: {
    name: [0x756e_6547, 0x6c65_746e, 0x4965_6e69],
    // Type 0, family 6, extended model 3, model 6, stepping 1.
    signature: 0x0003_0661,
    maxBasic: 0x16,
    maxExtended: 0x8000_0008,
  },
  amd: {
    name: [0x6874_7541, 0x444d_4163, 0x6974_6e65],
    // Family Fh + extended family 2, model 3, stepping 1.
    signature: 0x0020_0f31,
    maxBasic: 0xb,
    maxExtended: 0x8000_000a,
  },
};

/** Family, model and stepping: EAX of leaf 1, and EDX after RESET. */
export const cpuSignature = ({ vendor }: CpuidConfig): number => VENDORS[vendor].signature;

const BRAND = 'Ringlab x86-64 processor';

/** Deterministic cache parameters (leaf 4): level, type (1 data, 2 instructions, 3 both), ways, sets. Lines are 64 bytes. */
const CACHES = [
  { level: 1, type: 1, ways: 8, sets: 64 },
  { level: 1, type: 2, ways: 8, sets: 64 },
  { level: 2, type: 3, ways: 8, sets: 1024 },
] as const;

const topologyShift = (config: CpuidConfig): number => Math.ceil(Math.log2(config.cpus));

type Leaf = (config: CpuidConfig, subleaf: number) => CpuidRegisters;

const NOTHING: CpuidRegisters = [0, 0, 0, 0];

const vendorLeaf =
  (max: 'maxBasic' | 'maxExtended'): Leaf =>
  ({ vendor }) => {
    const { [max]: highest, name } = VENDORS[vendor];
    return [highest, ...(vendor === 'amd' || max === 'maxBasic' ? name : ([0, 0, 0] as const))];
  };

/** What leaves say beside feature flags. Leaves that are not listed read as 0 up to the maximum. */
const COMMON: readonly (readonly [number, Leaf])[] = [
  [0x0, vendorLeaf('maxBasic')],
  [0x1, (c) => [cpuSignature(c), (c.apicId << 24) | (c.cpus << 16) | (8 << 8), 0, 0]],
  [0xb, topologyLeaf],
  [0x8000_0000, vendorLeaf('maxExtended')],
  [0x8000_0002, () => brandLeaf(0)],
  [0x8000_0003, () => brandLeaf(16)],
  [0x8000_0004, () => brandLeaf(32)],
  // L2: 512 KiB, 8 ways, 64-byte lines.
  [0x8000_0006, () => [0, 0, (512 << 16) | (6 << 12) | 64, 0]],
];

const LEAVES: Readonly<Record<Vendor, ReadonlyMap<number, Leaf>>> = {
  intel: new Map<number, Leaf>([
    ...COMMON,
    // "Leaf 2 does not report caches: use leaf 4".
    [0x2, () => [0x0000_ff01, 0, 0, 0]],
    [0x4, cacheLeaf],
    // The crystal that feeds the TSC and the local APIC's timer: ratio 1, frequency.
    [0x15, (c) => [1, 1, c.tscHz, 0]],
    [0x16, (c) => [c.tscHz / 1e6, c.tscHz / 1e6, c.tscHz / 1e6, 0]],
    [0x8000_0008, (c) => [c.physicalBits | (48 << 8), 0, 0, 0]],
  ]),
  amd: new Map<number, Leaf>([
    ...COMMON,
    [0x8000_0001, (c) => [cpuSignature(c), 0, 0, 0]],
    // L1 for data and for instructions: 32 KiB, 8 ways, 64-byte lines.
    [0x8000_0005, () => [0, 0, L1, L1]],
    // ECX: cores less one, and how many bits of the APIC ID number them.
    [0x8000_0008, (c) => [c.physicalBits | (48 << 8), 0, (c.cpus - 1) | (topologyShift(c) << 12), 0]],
    // Revision and address-space identifiers of SVM.
    [0x8000_000a, (c) => (hasFeature(c, 'svm') ? [1, ASIDS, 0, 0] : NOTHING)],
  ]),
};

const L1 = (32 << 24) | (8 << 16) | (1 << 8) | 64;

/** What CPUID returns, as u32. */
export function cpuid(config: CpuidConfig, state: CpuidState, leaf: number, subleaf: number): CpuidRegisters {
  const { vendor } = config;
  const { maxBasic, maxExtended } = VENDORS[vendor];
  if (leaf > (leaf >= 0x8000_0000 ? maxExtended : maxBasic)) {
    // Beyond the maximum Intel's highest basic leaf answers; AMD's say nothing.
    return vendor === 'intel' ? cpuid(config, state, maxBasic, subleaf) : NOTHING;
  }
  const registers = { eax: 0, ebx: 0, ecx: 0, edx: 0 };
  [registers.eax, registers.ebx, registers.ecx, registers.edx] =
    LEAVES[vendor].get(leaf)?.(config, subleaf) ?? NOTHING;
  for (const [name, feature] of FEATURES) {
    // The flags of leaf 7 stand in its subleaf 0.
    if (feature.leaf !== leaf || (leaf === 7 && subleaf !== 0) || !hasFeature(config, name)) continue;
    if (name === 'apic' && !state.apicEnabled) continue;
    if (name === 'syscall' && vendor === 'intel' && !state.wide) continue;
    registers[feature.register] |= 1 << feature.bit;
  }
  return [registers.eax >>> 0, registers.ebx >>> 0, registers.ecx >>> 0, registers.edx >>> 0];
}

function cacheLeaf(config: CpuidConfig, subleaf: number): CpuidRegisters {
  const cache = CACHES[subleaf];
  if (!cache) return NOTHING;
  const { level, type, ways, sets } = cache;
  const cores = (1 << topologyShift(config)) - 1;
  const selfInitializing = 1 << 8;
  return [type | (level << 5) | selfInitializing | (cores << 26), ((ways - 1) << 22) | 63, sets - 1, 0];
}

/** One thread a core, all cores in one package. */
function topologyLeaf(config: CpuidConfig, subleaf: number): CpuidRegisters {
  const number = subleaf & 0xff;
  if (number === 0) return [0, 1, (1 << 8) | number, config.apicId];
  if (number === 1) return [topologyShift(config), config.cpus, (2 << 8) | number, config.apicId];
  return [0, 0, number, config.apicId];
}

function brandLeaf(from: number): CpuidRegisters {
  const word = (at: number): number => {
    let value = 0;
    for (let i = 3; i >= 0; i--) value = (value << 8) | (BRAND.charCodeAt(at + i) || 0);
    return value;
  };
  return [word(from), word(from + 4), word(from + 8), word(from + 12)];
}
