/**
 * What MOV to a control register, WRMSR of EFER and POPF refuse, in words. SDM volume 3A, "Control
 * Registers"; volume 2, "MOV - Move to/from Control Registers".
 */
import type { CpuidConfig } from '../../arch/cpuid.ts';
import { CR0, CR4, EFER, FLAG, SEG } from '../../arch/registers.ts';
import { ATTRIBUTE } from '../../arch/segments.ts';
import { PHYSICAL_BITS } from '../../cpu/paging.ts';
import { writableCr4, writableEfer } from '../../cpu/system/features.ts';
import type { ProcessorState } from '../views/processor-state.ts';

export interface Limits {
  /** CR4 bits that the processor has. */
  readonly cr4: number;
  /** EFER bits that software may write. */
  readonly efer: number;
  readonly physicalBits: number;
}

/** Those of a processor; `undefined`: there is none. */
export const limitsOf = (cpuid: CpuidConfig | undefined): Limits => ({
  cr4: cpuid === undefined ? 0 : writableCr4(cpuid),
  efer: cpuid === undefined ? 0 : writableEfer(cpuid),
  physicalBits: PHYSICAL_BITS,
});

/** The value that a rule is about, and what it would replace. */
interface Change {
  readonly state: ProcessorState;
  readonly value: bigint;
  readonly limits: Limits;
}

interface Rule {
  readonly refused: (change: Change) => boolean;
  readonly why: string;
}

const bits = (mask: number): bigint => BigInt(mask >>> 0);
const has = (value: bigint, mask: number): boolean => (value & bits(mask)) !== 0n;
const changes = (from: bigint, to: bigint, mask: number): boolean => ((from ^ to) & bits(mask)) !== 0n;
const isLong = ({ efer }: ProcessorState): boolean => has(efer, EFER.LMA);
const usesPae = ({ cr0, cr4, efer }: ProcessorState): boolean =>
  has(cr0, CR0.PG) && has(cr4, CR4.PAE) && !has(efer, EFER.LMA);

const CR0_BITS = Object.values(CR0).reduce((all: number, bit) => all | bit, 0);
const FLAG_BITS = Object.values(FLAG).reduce((all: number, bit) => all | bit, 2);

const RULES: Readonly<Record<string, readonly Rule[]>> = {
  cr0: [
    { refused: ({ value }) => (value & ~bits(CR0_BITS)) !== 0n, why: 'a reserved bit is set' },
    { refused: ({ value }) => !has(value, CR0.ET), why: 'ET is hardwired to 1' },
    { refused: ({ value }) => has(value, CR0.PG) && !has(value, CR0.PE), why: 'PG needs PE' },
    { refused: ({ value }) => has(value, CR0.NW) && !has(value, CR0.CD), why: 'NW needs CD' },
    {
      refused: ({ state, value }) => changes(state.cr0, value, CR0.PG) && isLong(state),
      why: 'paging cannot be turned off in IA-32e mode by an edit',
    },
    {
      refused: ({ state, value }) =>
        changes(state.cr0, value, CR0.PG) && has(state.efer, EFER.LME) && !has(state.cr4, CR4.PAE),
      why: 'paging with EFER.LME needs CR4.PAE',
    },
    {
      refused: ({ state, value }) =>
        changes(state.cr0, value, CR0.PG) &&
        has(state.efer, EFER.LME) &&
        ((state.segments[SEG.CS]?.attributes ?? 0) & ATTRIBUTE.L) !== 0,
      why: 'IA-32e mode cannot be entered while CS.L is 1',
    },
  ],
  cr3: [
    {
      refused: ({ value, limits }) => value >> BigInt(limits.physicalBits) !== 0n,
      why: 'it holds a physical address, and the processor has not so many bits of those',
    },
  ],
  cr4: [
    {
      refused: ({ value, limits }) => (value & ~bits(limits.cr4)) !== 0n,
      why: 'a bit is set that this processor does not have',
    },
    {
      refused: ({ state, value }) => isLong(state) && !has(value, CR4.PAE),
      why: 'PAE cannot be cleared in IA-32e mode',
    },
    {
      refused: ({ state, value }) =>
        has(value, CR4.PCIDE) &&
        !has(state.cr4, CR4.PCIDE) &&
        (!isLong(state) || (state.cr3 & 0xfffn) !== 0n),
      why: 'PCIDE can be set in IA-32e mode only, while bits 11:0 of CR3 are 0',
    },
  ],
  efer: [
    {
      refused: ({ value, limits }) => (value & ~bits(limits.efer | EFER.LMA)) !== 0n,
      why: 'a bit is set that this processor does not have',
    },
    { refused: ({ state, value }) => changes(state.efer, value, EFER.LMA), why: 'LMA is read-only' },
    {
      refused: ({ state, value }) => changes(state.efer, value, EFER.LME) && has(state.cr0, CR0.PG),
      why: 'LME cannot change while paging is on',
    },
  ],
  rflags: [
    {
      refused: ({ value }) => (value & ~bits(FLAG_BITS)) !== 0n || (value & 2n) === 0n,
      why: 'a reserved bit has another value than it always has (bit 1 is 1, the others 0)',
    },
    {
      refused: ({ state, value }) => changes(state.rflags, value, FLAG.VM),
      why: 'VM is changed by IRET and task switches only',
    },
  ],
};

/** Further rules for a vCPU whose VMCS is written: what a VM entry does not work out anew. */
const SWITCHED_OUT: Readonly<Record<string, readonly Rule[]>> = {
  cr0: [
    {
      refused: ({ state, value }) => changes(state.cr0, value, CR0.PE | CR0.PG),
      why: 'the mode can be changed only while the vCPU is on a processor: step it first',
    },
  ],
  cr3: [
    {
      refused: ({ state }) => usesPae(state),
      why: 'under PAE paging it can be changed only while the vCPU is on a processor: step it first',
    },
  ],
  cr4: [
    {
      refused: ({ state, value }) => changes(state.cr4, value, CR4.PAE) && has(state.cr0, CR0.PG),
      why: 'PAE can be changed only while the vCPU is on a processor: step it first',
    },
  ],
};

/** Why the processor would refuse a value; undefined where it takes it. `register`: cr0, cr3, cr4, efer, rflags. */
export function refusedControl(register: string, change: Change, switchedOut: boolean): string | undefined {
  const rules = [...(RULES[register] ?? []), ...(switchedOut ? (SWITCHED_OUT[register] ?? []) : [])];
  return rules.find(({ refused }) => refused(change))?.why;
}
