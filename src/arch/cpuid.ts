/**
 * CPUID as data. SDM volume 2A, "CPUID - CPU Identification".
 */

/** What a machine decides about its processors' CPUID. */
export interface CpuidConfig {
  /** Logical processors of the package. */
  readonly cpus: number;
  /** Initial (x2)APIC ID of this processor. */
  readonly apicId: number;
  readonly tscHz: number;
  /** Width of physical addresses. */
  readonly physicalBits: number;
  /** Feature names (keys of FEATURES in this file) that are not to be shown. */
  readonly withhold: readonly string[];
}
