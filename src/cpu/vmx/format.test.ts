import { describe, expect, it } from 'vitest';
import { FIELD, FIELDS, fieldName } from '../../arch/vmcs.ts';
import { CONTROL_FIELDS, type ControlField, mayBe1, mustBe1, VMX_MSR } from '../../arch/vmx.ts';
import { capabilityMsrs } from './capabilities.ts';
import { FIELD_WORD, HIGHEST_FIELD_INDEX, VMCS_SIZE, Vmcs } from './format.ts';

describe('the VMCS region', () => {
  it('has a place of its own for each field, behind the header and inside the region', () => {
    const taken = new Set<number>();
    for (const { encoding, width } of FIELDS) {
      const words = width === 64 || width === 'natural' ? 2 : 1;
      for (let i = 0; i < words; i++) {
        const word = FIELD_WORD[encoding] + i;
        expect(word).toBeGreaterThan(3);
        expect(word * 4).toBeLessThan(VMCS_SIZE);
        expect(taken.has(word), `${fieldName(encoding)} overlaps`).toBe(false);
        taken.add(word);
      }
    }
  });

  it('has the upper halves of 64-bit fields only', () => {
    expect(FIELD_WORD[FIELD.TSC_OFFSET + 1]).toBe(FIELD_WORD[FIELD.TSC_OFFSET] + 1);
    expect(FIELD_WORD[FIELD.GUEST_RIP + 1]).toBe(0);
    expect(FIELD_WORD[FIELD.PIN_BASED_CONTROLS + 1]).toBe(0);
  });

  it('keeps what is written', () => {
    const memory = new Int32Array(2 * VMCS_SIZE);
    const vmcs = new Vmcs(memory);
    vmcs.select(VMCS_SIZE);
    FIELDS.forEach(({ encoding, width }, i) => {
      if (width === 64 || width === 'natural') vmcs.set64(encoding, -i, i);
      else vmcs.set(encoding, i);
    });
    FIELDS.forEach(({ encoding, width }, i) => {
      const wide = width === 64 || width === 'natural';
      expect(vmcs.lo(encoding)).toBe(wide ? -i | 0 : i);
      if (wide) expect(vmcs.hi(encoding)).toBe(i);
    });
    expect(memory.subarray(0, VMCS_SIZE / 4).every((word) => word === 0)).toBe(true);
  });

  it('reads 64-bit fields as numbers', () => {
    const vmcs = new Vmcs(new Int32Array(VMCS_SIZE));
    vmcs.setNumber(FIELD.EPT_POINTER, 0x12_8765_401e);
    expect(vmcs.number(FIELD.EPT_POINTER)).toBe(0x12_8765_401e);
  });
});

describe('capability MSRs', () => {
  const msrs = capabilityMsrs(0);
  const pairs: readonly [ControlField, number, number | undefined][] = [
    ['pin', VMX_MSR.PINBASED_CTLS, VMX_MSR.TRUE_PINBASED_CTLS],
    ['primary', VMX_MSR.PROCBASED_CTLS, VMX_MSR.TRUE_PROCBASED_CTLS],
    ['secondary', VMX_MSR.PROCBASED_CTLS2, undefined],
    ['exit', VMX_MSR.EXIT_CTLS, VMX_MSR.TRUE_EXIT_CTLS],
    ['entry', VMX_MSR.ENTRY_CTLS, VMX_MSR.TRUE_ENTRY_CTLS],
  ];

  it.each(pairs)('%s controls: what must be 1 may be 1, and TRUE ones demand less', (field, plain, exact) => {
    const value = msrs.get(plain);
    expect((value?.lo ?? -1) & ~(value?.hi ?? 0)).toBe(0);
    expect(value?.hi).toBe(mayBe1(field));
    if (exact === undefined) return;
    expect(msrs.get(exact)?.lo).toBe(mustBe1(field));
    expect(mustBe1(field) & ~CONTROL_FIELDS[field].default1).toBe(0);
  });

  it('report the revision, the region size and the highest field index', () => {
    expect(msrs.get(VMX_MSR.BASIC)?.hi).toSatisfy((hi: number) => (hi & 0x1fff) === VMCS_SIZE);
    expect(msrs.get(VMX_MSR.VMCS_ENUM)?.lo).toBe(HIGHEST_FIELD_INDEX << 1);
  });

  it('exist from 480h to 490h and no further', () => {
    for (let index = 0x480; index <= 0x490; index++) expect(msrs.has(index), index.toString(16)).toBe(true);
    expect(msrs.has(VMX_MSR.VMFUNC)).toBe(false);
  });
});
