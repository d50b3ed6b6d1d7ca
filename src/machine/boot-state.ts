/** Puts a processor into the state that a boot protocol asks for. */
import type { CpuidConfig } from '../arch/cpuid.ts';
import { CR0, CR4, EFER, GPR, SEG } from '../arch/registers.ts';
import { ATTRIBUTE } from '../arch/segments.ts';
import type { BootState } from '../contracts/boot.ts';
import type { Registers } from '../cpu/registers.ts';
import { resetRegisters } from '../cpu/reset.ts';
import { refresh } from '../cpu/system/mode.ts';

const DATA = ATTRIBUTE.S | ATTRIBUTE.WRITABLE | ATTRIBUTE.ACCESSED | ATTRIBUTE.P;
const CODE = DATA | ATTRIBUTE.CODE;
const SEGMENTS = [SEG.ES, SEG.CS, SEG.SS, SEG.DS, SEG.FS, SEG.GS];
const FLAT_LIMIT = 0xffffffff;

export function applyBootState(r: Registers, cpuid: CpuidConfig, state: BootState): void {
  resetRegisters(r, cpuid);
  for (const [name, value] of Object.entries(state.registers)) {
    r.setGprNumber(GPR[name.toUpperCase() as keyof typeof GPR], value);
  }
  r.rip = state.rip;
  if (state.mode === 'real') {
    const selector = state.segment ?? 0;
    const real = { selector, limit: 0xffff, base: selector * 16 };
    for (const n of SEGMENTS) r.setSegment(n, { ...real, attributes: n === SEG.CS ? CODE : DATA });
    r.cr0 = CR0.ET;
    r.idtr = { base: 0, limit: 0x3ff };
  } else {
    const long = state.mode === 'long';
    const size = ATTRIBUTE.G | ATTRIBUTE.DB;
    const codeSize = long ? ATTRIBUTE.G | ATTRIBUTE.L : size;
    for (const n of SEGMENTS) {
      const code = n === SEG.CS;
      r.setSegment(n, {
        selector: (code ? state.cs : state.ds) ?? 0,
        attributes: code ? CODE | codeSize : DATA | size,
        limit: FLAT_LIMIT,
        base: 0,
      });
    }
    r.gdtr = state.gdt ?? { base: 0, limit: 0 };
    r.idtr = { base: 0, limit: 0 };
    r.cr0 = CR0.PE | CR0.ET;
    if (long) {
      r.cr3 = state.cr3 ?? 0;
      r.cr4 = CR4.PAE;
      r.efer = EFER.LME | EFER.LMA;
      r.cr0 = CR0.PE | CR0.ET | CR0.PG;
    }
  }
  refresh(r);
}
