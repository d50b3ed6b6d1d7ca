/** INVPCID. SDM volume 2A, "INVPCID - Invalidate Process-Context Identifier". */
import { CR4 } from '../../arch/registers.ts';
import { isCanonical, signedNumber } from '../number64.ts';
import { STATUS } from '../state.ts';
import { linearAddress } from './access.ts';
import { INVPCID_TYPE, type Status, type SystemContext, type SystemOperation } from './context.ts';
import { generalProtection, undefinedOpcode } from './fault.ts';
import { is64Bit, isVm86 } from './mode.ts';
import { advance } from './operand.ts';

/** Operands: the type in a register; in memory the PCID (bits 11:0, the rest 0) and a linear address. */
function invpcid(c: SystemContext): Status {
  const { regs: r, record, memory } = c;
  if (c.interceptor && !c.interceptor.allowsInvpcid()) return undefinedOpcode(c);
  if (r.cpl !== 0 || isVm86(r)) return generalProtection(c);
  if (c.interceptor?.instruction('invpcid')) return STATUS.EXIT;
  const descriptor = linearAddress(c, record.segment, record.offset, 16, false);
  if (descriptor === undefined || !memory.read(descriptor, 8, false)) return STATUS.FAULT;
  const { lo: pcid, hi: reserved } = memory;
  if (!memory.read(descriptor + 8, 8, false)) return STATUS.FAULT;
  const linear = signedNumber(memory.lo, memory.hi);

  const type = r.gprLo(record.reg);
  const typeHigh = is64Bit(r) ? r.gprHi(record.reg) : 0;
  const namesPcid = type === INVPCID_TYPE.ADDRESS || type === INVPCID_TYPE.SINGLE;
  const refused =
    typeHigh !== 0 ||
    type > INVPCID_TYPE.ALL_NONGLOBAL ||
    reserved !== 0 ||
    pcid > 0xfff ||
    (namesPcid && pcid !== 0 && (r.cr4 & CR4.PCIDE) === 0) ||
    (type === INVPCID_TYPE.ADDRESS && !isCanonical(linear));
  if (refused) return generalProtection(c);
  memory.invalidatePcid(type, pcid, linear);
  advance(c);
  return STATUS.EXIT;
}

export const INVPCID_OPERATIONS: Record<string, SystemOperation> = { invpcid };
