import { describe, expect, it } from 'vitest';
import { type CpuidConfig, cpuid, hasFeature, shownFeatures } from './cpuid.ts';

const CONFIG: CpuidConfig = {
  vendor: 'intel',
  cpus: 4,
  apicId: 2,
  tscHz: 1_500_000_000,
  physicalBits: 40,
  withhold: ['vmx'],
};
const STATE = { apicEnabled: true, wide: true };

const text = (...words: number[]): string =>
  words.map((w) => String.fromCharCode(w & 255, (w >> 8) & 255, (w >> 16) & 255, w >>> 24)).join('');

describe('CPUID', () => {
  it('names vendor and brand', () => {
    const [max, b, c, d] = cpuid(CONFIG, STATE, 0, 0);
    expect([max, text(b, d, c)]).toEqual([0x16, 'GenuineIntel']);
    const brand = [2, 3, 4].map((n) => text(...cpuid(CONFIG, STATE, 0x8000_0000 + n, 0))).join('');
    expect(brand.replace(/\0+$/, '')).toBe('Ringlab x86-64 processor');
  });

  it('gives signature, APIC ID and count in leaf 1', () => {
    const [eax, ebx] = cpuid(CONFIG, STATE, 1, 0);
    expect([(eax >> 8) & 15, ((eax >> 12) & 0xf0) | ((eax >> 4) & 15)]).toEqual([6, 0x36]);
    expect([ebx >>> 24, (ebx >> 16) & 255, (ebx >> 8) & 255]).toEqual([2, 4, 8]);
  });

  it('does not show what is withheld or unknown', () => {
    expect([hasFeature(CONFIG, 'vmx'), hasFeature(CONFIG, 'avx512f'), hasFeature(CONFIG, 'sse2')]).toEqual([
      false,
      false,
      true,
    ]);
    expect(cpuid(CONFIG, STATE, 1, 0)[2] & (1 << 5)).toBe(0);
    expect(cpuid({ ...CONFIG, withhold: [] }, STATE, 1, 0)[2] & (1 << 5)).toBe(1 << 5);
    expect(shownFeatures({ ...CONFIG, cpus: 1 })).not.toContain('ht');
  });

  it('follows the processor state in APIC and SYSCALL', () => {
    const off = { apicEnabled: false, wide: false };
    expect(cpuid(CONFIG, off, 1, 0)[3] & (1 << 9)).toBe(0);
    expect(cpuid(CONFIG, STATE, 1, 0)[3] & (1 << 9)).toBe(1 << 9);
    expect(cpuid(CONFIG, off, 0x8000_0001, 0)[3] & (1 << 11)).toBe(0);
    expect(cpuid(CONFIG, STATE, 0x8000_0001, 0)[3] & (1 << 11)).toBe(1 << 11);
  });

  it("is AMD's with AMD-V: vendor, family, features, and nothing beyond the maximum", () => {
    const amd: CpuidConfig = { ...CONFIG, vendor: 'amd', withhold: [] };
    const [max, b, c, d] = cpuid(amd, STATE, 0, 0);
    expect([max, text(b, d, c)]).toEqual([0xb, 'AuthenticAMD']);
    expect(cpuid(amd, STATE, 0x8000_0000, 0)).toEqual([0x8000_000a, b, c, d]);
    const [signature, , features] = cpuid(amd, STATE, 1, 0);
    expect([((signature >> 8) & 15) + ((signature >> 20) & 255), (signature >> 4) & 15]).toEqual([0x11, 3]);
    expect(features & (1 << 5)).toBe(0);
    // SYSCALL is there in all modes; SVM and the cores of one package.
    const [, , ecx, edx] = cpuid(amd, { ...STATE, wide: false }, 0x8000_0001, 0);
    expect([ecx & 6, edx & (1 << 11)]).toEqual([6, 1 << 11]);
    expect(cpuid(amd, STATE, 0x8000_0008, 0)[2]).toBe((2 << 12) | 3);
    expect(cpuid(amd, STATE, 0x8000_000a, 0)).toEqual([1, 64, 0, 0x49]);
    for (const leaf of [0x15, 0x40, 0x8000_000b]) expect(cpuid(amd, STATE, leaf, 0)).toEqual([0, 0, 0, 0]);
    expect(shownFeatures({ ...amd, withhold: ['svm'] })).not.toContain('npt');
    expect(shownFeatures(CONFIG)).not.toContain('svm');
  });

  it('describes topology, caches, widths and clocks', () => {
    expect(cpuid(CONFIG, STATE, 0xb, 0)).toEqual([0, 1, 0x100, 2]);
    expect(cpuid(CONFIG, STATE, 0xb, 1)).toEqual([2, 4, 0x201, 2]);
    expect(cpuid(CONFIG, STATE, 0xb, 2)).toEqual([0, 0, 2, 2]);
    const sizes = [0, 1, 2].map((n) => {
      const [, b, c] = cpuid(CONFIG, STATE, 4, n);
      return ((b >>> 22) + 1) * ((b & 0xfff) + 1) * (c + 1);
    });
    expect(sizes).toEqual([32 << 10, 32 << 10, 512 << 10]);
    expect(cpuid(CONFIG, STATE, 4, 3)).toEqual([0, 0, 0, 0]);
    expect(cpuid(CONFIG, STATE, 0x8000_0008, 0)[0]).toBe(0x3028);
    expect(cpuid(CONFIG, STATE, 0x15, 0)).toEqual([1, 1, 1_500_000_000, 0]);
  });

  it('answers beyond the maximum with the highest basic leaf', () => {
    expect(cpuid(CONFIG, STATE, 0x4000_0000, 0)).toEqual(cpuid(CONFIG, STATE, 0x16, 0));
    expect(cpuid(CONFIG, STATE, 0x8000_0009, 0)).toEqual(cpuid(CONFIG, STATE, 0x16, 0));
  });
});
