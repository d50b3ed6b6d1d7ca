/** Every row of the consistency checks holds for a plain guest, and fails for the defect it is there for. */
import { beforeEach, describe, expect, it } from 'vitest';
import { CR0, CR4, EFER } from '../../arch/registers.ts';
import { EVENT } from '../../arch/svm.ts';
import { SVM_EXIT } from '../../arch/svm-exits.ts';
import { VMCB, type VmcbField } from '../../arch/vmcb.ts';
import { LAYOUT } from '../state.ts';
import { firstFailure, RUN_CHECKS, type RunContext } from './checks.ts';
import { Vmcb } from './vmcb.ts';

let vmcb: Vmcb;
let context: { -readonly [K in keyof RunContext]: RunContext[K] };

const set = (field: VmcbField, lo: number, hi = 0): void => vmcb.set(field, lo, hi);
const intercept = (code: number): void => {
  const word: VmcbField = { offset: (code >> 5) * 4, width: 4 };
  vmcb.set(word, vmcb.lo(word) | (1 << (code & 31)));
};
const inject = (type: number, vector: number): void =>
  set(VMCB.EVENTINJ, EVENT.VALID | (type << EVENT.TYPE_SHIFT) | vector);

/** A 64-bit guest under nested paging, with nothing to complain about. */
beforeEach(() => {
  const memory = new WebAssembly.Memory({ initial: LAYOUT.RAM / 0x1_0000 + 1, maximum: 0x1_0000 });
  vmcb = new Vmcb(memory, () => {});
  context = {
    vmcb,
    cr4Allowed: CR4.PAE | CR4.PGE,
    eferAllowed: EFER.SCE | EFER.LME | EFER.LMA | EFER.NXE | EFER.SVME,
    asids: 8,
    nested: true,
    hostPaging: true,
  };
  intercept(SVM_EXIT.VMRUN);
  intercept(SVM_EXIT.IOIO);
  intercept(SVM_EXIT.MSR);
  set(VMCB.GUEST_ASID, 7);
  set(VMCB.EFER, EFER.SVME | EFER.LME | EFER.LMA);
  set(VMCB.CR0, CR0.PG | CR0.PE | CR0.CD | CR0.NW);
  set(VMCB.CR4, CR4.PAE);
  set(VMCB.CS_ATTRIBUTES, 0xa9b);
  set(VMCB.G_PAT, 0x0007_0406, 0x0007_0406);
});

it('hold for a plain guest', () => {
  expect(firstFailure(context)).toBeUndefined();
});

it('hold for events of all kinds', () => {
  for (const [type, vector] of [
    [EVENT.TYPE.INTERRUPT, 255],
    [EVENT.TYPE.NMI, 2],
    [EVENT.TYPE.EXCEPTION, 14],
    [EVENT.TYPE.SOFTWARE_INTERRUPT, 255],
  ] as const) {
    inject(type, vector);
    expect(firstFailure(context)).toBeUndefined();
  }
});

const DEFECTS: readonly (readonly [id: string, what: string, defect: () => void])[] = [
  ['control.vmrun', 'no intercept of VMRUN', () => set(VMCB.INTERCEPT_MISC2, 0)],
  ['control.asid', 'the identifier of the host', () => set(VMCB.GUEST_ASID, 0)],
  ['control.asid', 'an identifier that there is not', () => set(VMCB.GUEST_ASID, 8)],
  ['control.io-map', 'a map that ends too high', () => set(VMCB.IOPM_BASE_PA, -0x2000, 0xff)],
  ['control.msr-map', 'a map that ends too high', () => set(VMCB.MSRPM_BASE_PA, -0x1000, 0xff)],
  ['control.nested-host', 'a host without paging', () => (context.hostPaging = false)],
  ['control.nested-cr3', 'bit 40 of N_CR3', () => set(VMCB.N_CR3, 0, 0x100)],
  ['control.event', 'type 1', () => inject(1, 0x40)],
  ['control.event', 'type 5', () => inject(5, 0x40)],
  ['control.event', 'vector 2 as an exception', () => inject(EVENT.TYPE.EXCEPTION, 2)],
  ['control.event', 'vector 32 as an exception', () => inject(EVENT.TYPE.EXCEPTION, 32)],
  ['guest.efer.svme', 'EFER.SVME = 0', () => set(VMCB.EFER, EFER.LME)],
  ['guest.efer.reserved', 'EFER bit 1', () => set(VMCB.EFER, EFER.SVME | 2)],
  ['guest.efer.reserved', 'EFER bit 32', () => set(VMCB.EFER, EFER.SVME, 1)],
  ['guest.cr0.cache', 'NW without CD', () => set(VMCB.CR0, CR0.PE | CR0.NW)],
  ['guest.cr0.high', 'CR0 bit 32', () => set(VMCB.CR0, CR0.PE, 1)],
  ['guest.cr3', 'CR3 bit 40', () => set(VMCB.CR3, 0, 0x100)],
  ['guest.cr4', 'CR4.VMXE', () => set(VMCB.CR4, CR4.PAE | CR4.VMXE)],
  ['guest.cr4', 'CR4 bit 32', () => set(VMCB.CR4, CR4.PAE, 1)],
  ['guest.dr6', 'DR6 bit 32', () => set(VMCB.DR6, 0, 1)],
  ['guest.dr7', 'DR7 bit 32', () => set(VMCB.DR7, 0, 1)],
  ['guest.long.pae', 'no CR4.PAE', () => set(VMCB.CR4, 0)],
  ['guest.long.protected', 'no CR0.PE', () => set(VMCB.CR0, CR0.PG)],
  ['guest.long.cs', 'CS.L and CS.D', () => set(VMCB.CS_ATTRIBUTES, 0xe9b)],
  ['guest.pat', 'memory type 2', () => set(VMCB.G_PAT, 0x0002_0406, 0x0007_0406)],
];

describe('each row', () => {
  it.each(DEFECTS)('%s: %s', (id, _, defect) => {
    defect();
    expect(firstFailure(context)?.id).toBe(id);
  });

  it('has a defect that makes it fail, and a sentence', () => {
    const tried = new Set(DEFECTS.map(([id]) => id));
    expect(RUN_CHECKS.map(({ id }) => id).filter((id) => !tried.has(id))).toEqual([]);
    for (const { explanation } of RUN_CHECKS) expect(explanation).toMatch(/^[A-Z].*\.$/);
  });
});

it('what is not in use is not looked at', () => {
  set(VMCB.INTERCEPT_MISC1, 0);
  set(VMCB.IOPM_BASE_PA, -1, -1);
  set(VMCB.MSRPM_BASE_PA, -1, -1);
  context.nested = false;
  context.hostPaging = false;
  set(VMCB.N_CR3, 0, 0x100);
  set(VMCB.G_PAT, 0);
  expect(firstFailure(context)).toBeUndefined();
});
