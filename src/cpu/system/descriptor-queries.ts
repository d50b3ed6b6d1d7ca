/** LAR, LSL, VERR, VERW, ARPL: questions about selectors that answer in ZF. SDM volume 2. */
import { FLAG } from '../../arch/registers.ts';
import { isNullSelector, SELECTOR, SYSTEM_TYPE } from '../../arch/segments.ts';
import { STATUS } from '../state.ts';
import { readSegment, writeSegment } from './access.ts';
import type { Status, SystemContext, SystemOperation } from './context.ts';
import { Descriptor, descriptorAddress } from './descriptor.ts';
import { undefinedOpcode } from './fault.ts';
import { is64Bit, isLongMode, usesDescriptors } from './mode.ts';
import { operandSize, readRm16, writeSized } from './operand.ts';

/** System descriptor types that LAR accepts in legacy mode; IA-32e mode knows fewer. */
const LAR_TYPES: readonly number[] = [
  SYSTEM_TYPE.TSS16_AVAILABLE,
  SYSTEM_TYPE.LDT,
  SYSTEM_TYPE.TSS16_BUSY,
  SYSTEM_TYPE.CALL_GATE16,
  SYSTEM_TYPE.TASK_GATE,
  SYSTEM_TYPE.TSS32_AVAILABLE,
  SYSTEM_TYPE.TSS32_BUSY,
  SYSTEM_TYPE.CALL_GATE32,
];
const LAR_TYPES_LONG: readonly number[] = [
  SYSTEM_TYPE.LDT,
  SYSTEM_TYPE.TSS32_AVAILABLE,
  SYSTEM_TYPE.TSS32_BUSY,
  SYSTEM_TYPE.CALL_GATE32,
];
/** LSL: those with a limit. */
const isGate = (type: number): boolean => [4, 5, 12].includes(type);

function setZf(c: SystemContext, on: boolean): void {
  const flags = c.regs.rflags;
  c.regs.rflags = on ? flags | FLAG.ZF : flags & ~FLAG.ZF;
}

/** The descriptor if it exists; null when the selector names none; undefined after a page fault. */
function find(c: SystemContext, selector: number): Descriptor | null | undefined {
  if (isNullSelector(selector)) return null;
  const address = descriptorAddress(c, selector, 8);
  if (address === undefined) return null;
  if (!c.memory.read(address, 8, true)) return undefined;
  return new Descriptor(selector, address, c.memory.lo, c.memory.hi);
}

/** Conforming code is visible from every level. */
const isVisible = (c: SystemContext, d: Descriptor): boolean =>
  d.isConforming || (d.dpl >= c.regs.cpl && d.dpl >= (d.selector & SELECTOR.RPL));

/** An instruction that puts `answer` into ModRM.reg and sets ZF, or clears ZF. */
const query =
  (types: (long: boolean) => readonly number[], answer: (d: Descriptor) => number): SystemOperation =>
  (c) => {
    if (!usesDescriptors(c.regs)) return undefinedOpcode(c);
    const selector = readRm16(c);
    const d = selector === undefined ? undefined : find(c, selector);
    if (d === undefined) return STATUS.FAULT;
    const known =
      d !== null && (d.isSegment || types(isLongMode(c.regs)).includes(d.type)) && isVisible(c, d);
    if (known) writeSized(c, c.record.reg, operandSize(c), answer(d), 0);
    setZf(c, known);
    return STATUS.NEXT;
  };

const larTypes = (long: boolean): readonly number[] => (long ? LAR_TYPES_LONG : LAR_TYPES);

const verify =
  (test: (d: Descriptor) => boolean): SystemOperation =>
  (c) => {
    if (!usesDescriptors(c.regs)) return undefinedOpcode(c);
    const selector = readRm16(c);
    const d = selector === undefined ? undefined : find(c, selector);
    if (d === undefined) return STATUS.FAULT;
    setZf(c, d?.isSegment === true && isVisible(c, d) && test(d));
    return STATUS.NEXT;
  };

/** Raises the RPL of the destination selector to that of the source. */
function arpl(c: SystemContext): Status {
  const { regs: r, record } = c;
  if (!usesDescriptors(r) || is64Bit(r)) return undefinedOpcode(c);
  if (record.isMemory && !readSegment(c, record.segment, record.offset, 2)) return STATUS.FAULT;
  const destination = record.isMemory ? c.memory.lo : r.gprLo(record.rm) & 0xffff;
  const rpl = r.gprLo(record.reg) & SELECTOR.RPL;
  const raises = (destination & SELECTOR.RPL) < rpl;
  const adjusted = raises ? (destination & ~SELECTOR.RPL) | rpl : destination;
  if (record.isMemory && !writeSegment(c, record.segment, record.offset, 2, adjusted, 0)) return STATUS.FAULT;
  if (!record.isMemory) r.setGpr16(record.rm, adjusted);
  setZf(c, raises);
  return STATUS.NEXT;
}

export const DESCRIPTOR_QUERIES: Record<string, SystemOperation> = {
  lar: query(larTypes, (d) => d.hi & 0x00f0_ff00),
  lsl: query(
    (long) => larTypes(long).filter((type) => !isGate(type)),
    (d) => d.limit,
  ),
  verr: verify((d) => d.isReadable),
  verw: verify((d) => d.isWritable),
  arpl,
};
