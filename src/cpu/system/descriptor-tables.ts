/** LGDT, LIDT, SGDT, SIDT, LLDT, LTR, SLDT, STR. SDM volume 2. */
import { CR4, SEG, VECTOR } from '../../arch/registers.ts';
import { ATTRIBUTE, isNullSelector, SELECTOR, SYSTEM_TYPE } from '../../arch/segments.ts';
import { isCanonical, signedNumber } from '../number64.ts';
import { STATUS } from '../state.ts';
import { readSegment, writeSegment } from './access.ts';
import type { Status, SystemContext, SystemOperation } from './context.ts';
import { type Descriptor, nullSegment, readDescriptor, readUpperBase, wideBase } from './descriptor.ts';
import { fault, generalProtection, selectorError, undefinedOpcode } from './fault.ts';
import { is64Bit, isLongMode, isVm86, usesDescriptors } from './mode.ts';
import { operandSize, readRm16, writeRmWord } from './operand.ts';

type Table = 'gdtr' | 'idtr';

const loadTable =
  (table: Table): SystemOperation =>
  (c) => {
    const { regs: r, record, memory } = c;
    if (r.cpl !== 0 || isVm86(r)) return generalProtection(c);
    if (c.interceptor?.instruction(table === 'gdtr' ? 'lgdt' : 'lidt')) return STATUS.EXIT;
    const at = record.offset;
    if (!readSegment(c, record.segment, at, 2)) return STATUS.FAULT;
    const limit = memory.lo;
    const wide = is64Bit(r);
    if (!readSegment(c, record.segment, at + 2, wide ? 8 : 4)) return STATUS.FAULT;
    const narrow = operandSize(c) === 16 ? memory.lo & 0xff_ffff : memory.lo;
    const base = wide ? signedNumber(memory.lo, memory.hi) : narrow;
    if (wide && !isCanonical(base)) return generalProtection(c);
    r[table] = { base, limit };
    return STATUS.NEXT;
  };

/** User-mode instruction prevention: #GP(0) outside level 0. */
const isPrevented = (c: SystemContext): boolean => (c.regs.cr4 & CR4.UMIP) !== 0 && c.regs.cpl !== 0;

const storeTable =
  (table: Table): SystemOperation =>
  (c) => {
    const { regs: r, record } = c;
    if (isPrevented(c)) return generalProtection(c);
    if (c.interceptor?.instruction(table === 'gdtr' ? 'sgdt' : 'sidt')) return STATUS.EXIT;
    const { base, limit } = r[table];
    const at = record.offset;
    // All 32 bits of the base are stored whatever the operand size, as on every processor since the 80386.
    const bytes = is64Bit(r) ? 8 : 4;
    const hi = Math.floor(base / 0x1_0000_0000) >>> 0;
    const stored =
      writeSegment(c, record.segment, at, 2, limit & 0xffff, 0) &&
      writeSegment(c, record.segment, at + 2, bytes, base >>> 0, hi);
    return stored ? STATUS.NEXT : STATUS.FAULT;
  };

const storeSelector =
  (n: number, name: 'sldt' | 'str'): SystemOperation =>
  (c) => {
    if (!usesDescriptors(c.regs)) return undefinedOpcode(c);
    if (isPrevented(c)) return generalProtection(c);
    if (c.interceptor?.instruction(name)) return STATUS.EXIT;
    return writeRmWord(c, c.regs.selector(n)) ? STATUS.NEXT : STATUS.FAULT;
  };

/** Reads a system descriptor of the GDT with one of `types`; base in full width. Undefined after a fault. */
function systemDescriptor(
  c: SystemContext,
  selector: number,
  types: readonly number[],
): { d: Descriptor; base: number } | undefined {
  const inGdt = (selector & SELECTOR.TI) === 0;
  const d = inGdt ? readDescriptor(c, selector, VECTOR.GP) : undefined;
  if (inGdt && !d) return undefined;
  if (!d || d.isSegment || !types.includes(d.type)) {
    fault(c, VECTOR.GP, selectorError(c, selector));
    return undefined;
  }
  if (!d.present) {
    fault(c, VECTOR.NP, selectorError(c, selector));
    return undefined;
  }
  const upper = isLongMode(c.regs) ? readUpperBase(c, d, VECTOR.GP) : 0;
  if (upper === undefined) return undefined;
  const base = isLongMode(c.regs) ? wideBase(d, upper) : d.base;
  if (isCanonical(base)) return { d, base };
  generalProtection(c);
  return undefined;
}

function lldt(c: SystemContext): Status {
  const r = c.regs;
  if (!usesDescriptors(r)) return undefinedOpcode(c);
  if (r.cpl !== 0) return generalProtection(c);
  if (c.interceptor?.instruction('lldt')) return STATUS.EXIT;
  const selector = readRm16(c);
  if (selector === undefined) return STATUS.FAULT;
  if (isNullSelector(selector)) {
    r.setSegment(SEG.LDTR, nullSegment(selector));
    return STATUS.NEXT;
  }
  const found = systemDescriptor(c, selector, [SYSTEM_TYPE.LDT]);
  if (!found) return STATUS.FAULT;
  r.setSegment(SEG.LDTR, { ...found.d.segment(selector), base: found.base });
  return STATUS.NEXT;
}

function ltr(c: SystemContext): Status {
  const r = c.regs;
  if (!usesDescriptors(r)) return undefinedOpcode(c);
  if (r.cpl !== 0) return generalProtection(c);
  if (c.interceptor?.instruction('ltr')) return STATUS.EXIT;
  const selector = readRm16(c);
  if (selector === undefined) return STATUS.FAULT;
  if (isNullSelector(selector)) return generalProtection(c);
  const types = isLongMode(r)
    ? [SYSTEM_TYPE.TSS32_AVAILABLE]
    : [SYSTEM_TYPE.TSS16_AVAILABLE, SYSTEM_TYPE.TSS32_AVAILABLE];
  const found = systemDescriptor(c, selector, types);
  if (!found) return STATUS.FAULT;
  const { d, base } = found;
  if (!c.memory.write(d.address + 5, 1, ((d.hi >>> 8) & 0xff) | ATTRIBUTE.BUSY, 0, true)) return STATUS.FAULT;
  const segment = d.segment(selector);
  r.setSegment(SEG.TR, { ...segment, attributes: segment.attributes | ATTRIBUTE.BUSY, base });
  return STATUS.NEXT;
}

export const DESCRIPTOR_TABLE_OPERATIONS: Record<string, SystemOperation> = {
  lgdt: loadTable('gdtr'),
  lidt: loadTable('idtr'),
  sgdt: storeTable('gdtr'),
  sidt: storeTable('idtr'),
  sldt: storeSelector(SEG.LDTR, 'sldt'),
  str: storeSelector(SEG.TR, 'str'),
  lldt,
  ltr,
};
