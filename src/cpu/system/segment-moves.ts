/** MOV, POP, PUSH, LDS..LGS of segment registers; SWAPGS; RDFSBASE and relatives. SDM volume 2, "MOV", "POP", "LDS/LES/LFS/LGS/LSS". */
import { CR4, SEG } from '../../arch/registers.ts';
import { isCanonical, signedNumber } from '../number64.ts';
import { INTERRUPTIBILITY, STATE, STATUS } from '../state.ts';
import { readSegment } from './access.ts';
import type { Status, SystemContext, SystemOperation } from './context.ts';
import { checkedSegment } from './descriptor.ts';
import { generalProtection, undefinedOpcode } from './fault.ts';
import { is64Bit, refreshDataSegment } from './mode.ts';
import { MSR_FIELD } from './msr-fields.ts';
import { advance, defaultWideSize, operandSize, readRm16, writeRmWord, writeSized } from './operand.ts';
import { Stack, type StackSize } from './stack.ts';

/**
 * Loads a segment register: FAULT, NEXT, or EXIT when the code runs in another mode now. With SS interrupts
 * stay away for one more instruction.
 */
function load(c: SystemContext, n: number, selector: number): Status {
  const segment = checkedSegment(c, n, selector);
  if (!segment) return STATUS.FAULT;
  const r = c.regs;
  const before = r.lo(STATE.CODE_MODE);
  r.setSegment(n, segment);
  refreshDataSegment(r, n);
  if (n === SEG.SS) r.interruptibility |= INTERRUPTIBILITY.MOV_SS;
  else if (r.lo(STATE.CODE_MODE) === before) return STATUS.NEXT;
  advance(c);
  return STATUS.EXIT;
}

function moveToSegment(c: SystemContext): Status {
  const n = c.record.reg & 7;
  if (n > SEG.GS || n === SEG.CS) return undefinedOpcode(c);
  const selector = readRm16(c);
  return selector === undefined ? STATUS.FAULT : load(c, n, selector);
}

function moveFromSegment(c: SystemContext): Status {
  const n = c.record.reg & 7;
  if (n > SEG.GS) return undefinedOpcode(c);
  return writeRmWord(c, c.regs.selector(n)) ? STATUS.NEXT : STATUS.FAULT;
}

const pop =
  (n: number): SystemOperation =>
  (c) => {
    const stack = Stack.current(c);
    if (!stack.pop((defaultWideSize(c) / 8) as StackSize)) return STATUS.FAULT;
    const status = load(c, n, c.memory.lo & 0xffff);
    // POP SS moves the pointer of the old stack; its size is that of the old SS.
    if (status !== STATUS.FAULT) stack.commit();
    return status;
  };

/** LDS, LES, LFS, LGS, LSS: offset into ModRM.reg, selector into `n`. */
const loadFarPointer =
  (n: number): SystemOperation =>
  (c) => {
    const { record, memory } = c;
    const size = operandSize(c);
    const at = record.offset;
    if (!readSegment(c, record.segment, at, (size / 8) as StackSize)) return STATUS.FAULT;
    const { lo, hi } = memory;
    if (!readSegment(c, record.segment, at + size / 8, 2)) return STATUS.FAULT;
    const status = load(c, n, memory.lo);
    if (status === STATUS.FAULT) return status;
    writeSized(c, record.reg, size, lo, hi);
    // Unlike MOV SS, LSS has no interrupt shadow.
    if (n === SEG.SS) c.regs.interruptibility &= ~INTERRUPTIBILITY.MOV_SS;
    return status;
  };

function swapgs(c: SystemContext): Status {
  const r = c.regs;
  if (!is64Bit(r)) return undefinedOpcode(c);
  if (r.cpl !== 0) return generalProtection(c);
  const base = r.segmentBase(SEG.GS);
  r.setSegmentBase(SEG.GS, r.address(MSR_FIELD.KERNEL_GS_BASE));
  r.setAddress(MSR_FIELD.KERNEL_GS_BASE, base);
  refreshDataSegment(r, SEG.GS);
  return STATUS.NEXT;
}

const mayUseBases = (c: SystemContext): boolean => is64Bit(c.regs) && (c.regs.cr4 & CR4.FSGSBASE) !== 0;

const readBase =
  (n: number): SystemOperation =>
  (c) => {
    if (!mayUseBases(c)) return undefinedOpcode(c);
    const base = c.regs.segmentBase(n);
    writeSized(c, c.record.rm, operandSize(c) === 64 ? 64 : 32, base >>> 0, Math.floor(base / 0x1_0000_0000));
    return STATUS.NEXT;
  };

const writeBase =
  (n: number): SystemOperation =>
  (c) => {
    const r = c.regs;
    if (!mayUseBases(c)) return undefinedOpcode(c);
    const { rm } = c.record;
    const base = operandSize(c) === 64 ? signedNumber(r.gprLo(rm), r.gprHi(rm)) : r.gprLo(rm);
    if (!isCanonical(base)) return generalProtection(c);
    r.setSegmentBase(n, base);
    refreshDataSegment(r, n);
    return STATUS.NEXT;
  };

export const SEGMENT_MOVES: Record<string, SystemOperation> = {
  moveToSegment,
  moveFromSegment,
  swapgs,
  lds: loadFarPointer(SEG.DS),
  les: loadFarPointer(SEG.ES),
  lss: loadFarPointer(SEG.SS),
  lfs: loadFarPointer(SEG.FS),
  lgs: loadFarPointer(SEG.GS),
  popEs: pop(SEG.ES),
  popSs: pop(SEG.SS),
  popDs: pop(SEG.DS),
  popFs: pop(SEG.FS),
  popGs: pop(SEG.GS),
  rdfsbase: readBase(SEG.FS),
  rdgsbase: readBase(SEG.GS),
  wrfsbase: writeBase(SEG.FS),
  wrgsbase: writeBase(SEG.GS),
};
