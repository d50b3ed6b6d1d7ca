/** What a guest reads by CPUID: the processor's answers, less what the VM does not have, plus our own leaves. */
import {
  HYPERCALL,
  HYPERCALL_VERSION,
  HYPERVISOR_LEAF,
  HYPERVISOR_SIGNATURE,
} from '../../arch/hypercalls.ts';
import type { CpuidResult, HostCpu } from '../../contracts/host-cpu.ts';

/** Leaf 1. */
const VMX = 1 << 5;
const HYPERVISOR_PRESENT = 1 << 31;
const HTT = 1 << 28;

const word = (at: number): number =>
  [3, 2, 1, 0].reduce<number>((value, i) => value * 256 + HYPERVISOR_SIGNATURE.charCodeAt(at + i), 0);

const ALL_HYPERCALLS = Object.values(HYPERCALL).reduce<number>((bits, number) => bits | (1 << number), 0);

/** What of a virtual CPU shows in CPUID. */
export interface CpuidSubject {
  readonly index: number;
  readonly vcpus: number;
  /** The guest is to think that it is on a machine of its own: no hypervisor bit, no leaves of ours. */
  readonly hidden: boolean;
}

type Rewrite = (r: CpuidResult, s: CpuidSubject, subleaf: number) => CpuidResult;

/** Leaves whose answer depends on the VM. */
const REWRITES: ReadonlyMap<number, Rewrite> = new Map<number, Rewrite>([
  [
    1,
    (r, s) => ({
      eax: r.eax,
      // Bits 31:24 initial APIC ID, 23:16 logical processors.
      ebx: ((r.ebx & 0xffff) | (s.vcpus << 16) | (s.index << 24)) >>> 0,
      ecx: ((r.ecx & ~VMX) | (s.hidden ? 0 : HYPERVISOR_PRESENT)) >>> 0,
      edx: (s.vcpus > 1 ? r.edx | HTT : r.edx & ~HTT) >>> 0,
    }),
  ],
  // Cache sharing: bits 31:26 of EAX are cores less one, rounded up to a power of two.
  [
    4,
    (r, s) =>
      r.eax === 0 ? r : { ...r, eax: ((r.eax & 0x03ff_ffff) | (((1 << shift(s)) - 1) << 26)) >>> 0 },
  ],
  [0xb, topology],
]);

const shift = (s: CpuidSubject): number => Math.ceil(Math.log2(s.vcpus));

/** One thread a core, all cores in one package. */
function topology(_: CpuidResult, s: CpuidSubject, subleaf: number): CpuidResult {
  if (subleaf === 0) return { eax: 0, ebx: 1, ecx: 1 << 8, edx: s.index };
  if (subleaf === 1) return { eax: shift(s), ebx: s.vcpus, ecx: (2 << 8) | 1, edx: s.index };
  return { eax: 0, ebx: 0, ecx: subleaf & 0xff, edx: s.index };
}

function hypervisorLeaf(leaf: number, tscHz: number): CpuidResult {
  switch (leaf) {
    case HYPERVISOR_LEAF.SIGNATURE:
      return { eax: HYPERVISOR_LEAF.FREQUENCY, ebx: word(0), ecx: word(4), edx: word(8) };
    case HYPERVISOR_LEAF.FEATURES:
      return { eax: HYPERCALL_VERSION, ebx: ALL_HYPERCALLS >>> 0, ecx: 0, edx: 0 };
    case HYPERVISOR_LEAF.FREQUENCY:
      return { eax: Math.floor(tscHz / 1000), ebx: 0, ecx: 0, edx: 0 };
    default:
      return { eax: 0, ebx: 0, ecx: 0, edx: 0 };
  }
}

export function guestCpuid(cpu: HostCpu, subject: CpuidSubject, leaf: number, subleaf: number): CpuidResult {
  const ours = leaf >>> 8 === HYPERVISOR_LEAF.SIGNATURE >>> 8;
  if (ours && !subject.hidden) return hypervisorLeaf(leaf, cpu.tscHz);
  const physical = cpu.cpuid(leaf, subleaf);
  return REWRITES.get(leaf)?.(physical, subject, subleaf) ?? physical;
}
