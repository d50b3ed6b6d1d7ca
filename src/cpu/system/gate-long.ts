/**
 * Interrupt and trap gates of IA-32e mode. SDM volume 3A, "Exception and Interrupt Handling in 64-bit
 * Mode", "Interrupt Stack Table".
 */
import { FLAG, GPR, SEG, VECTOR } from '../../arch/registers.ts';
import { ATTRIBUTE, SELECTOR, SYSTEM_TYPE } from '../../arch/segments.ts';
import { isCanonical, signedNumber } from '../number64.ts';
import type { Segment } from '../registers.ts';
import { STATE } from '../state.ts';
import type { SystemContext } from './context.ts';
import { markAccessed, nullStack, systemAddress } from './descriptor.ts';
import type { DeliveredEvent } from './event.ts';
import { extBit, faulted, idtError, selectorError } from './fault.ts';
import { checksGateDpl, handlerSegment, invalidGate } from './gate-protected.ts';
import { refreshTransfer, segmentation } from './mode.ts';
import { Stack } from './stack.ts';
import type { Outcome } from './task-switch.ts';
import { wideStackPointer } from './tss.ts';

/** The segment of a 64-bit stack does not matter. */
const FLAT: Segment = { selector: 0, attributes: ATTRIBUTE.UNUSABLE, limit: 0, base: 0 };

export function enterLongGate(
  c: SystemContext,
  event: DeliveredEvent,
  flags: number,
  returnIp: number,
): Outcome {
  const r = c.regs;
  const before = segmentation(r);
  const entry = event.vector * 16;
  const address = systemAddress(r, r.address(STATE.IDTR) + entry);
  if (entry + 15 > r.lo(STATE.IDTR + 8) || address === undefined) return invalidGate(c, event);
  if (!c.memory.read(address + 8, 8, true)) return 'fault';
  const upper = c.memory.lo;
  if ((c.memory.hi & 0x1f00) !== 0) return invalidGate(c, event);
  if (!c.memory.read(address, 8, true)) return 'fault';
  const { lo, hi } = c.memory;
  const type = (hi >>> 8) & 0x1f;
  if (type !== SYSTEM_TYPE.INTERRUPT_GATE32 && type !== SYSTEM_TYPE.TRAP_GATE32) return invalidGate(c, event);
  if (checksGateDpl(event) && ((hi >>> 13) & 3) < r.cpl) return invalidGate(c, event);
  if ((hi & 0x8000) === 0) return faulted(c, VECTOR.NP, idtError(c, event.vector));

  const selector = lo >>> 16;
  const cs = handlerSegment(c, selector);
  if (!cs) return 'fault';
  if ((cs.attributes & (ATTRIBUTE.L | ATTRIBUTE.DB)) !== ATTRIBUTE.L) {
    return faulted(c, VECTOR.GP, selectorError(c, selector));
  }
  const inner = !cs.isConforming && cs.dpl < r.cpl;
  const cpl = inner ? cs.dpl : r.cpl;
  const ist = hi & 7;
  const sp = ist !== 0 || inner ? wideStackPointer(c, ist, cpl) : r.gpr(GPR.RSP);
  if (sp === undefined) return 'fault';
  const rip = signedNumber((hi & 0xffff_0000) | (lo & 0xffff), upper);
  if (!isCanonical(rip)) return faulted(c, VECTOR.GP, extBit(c));

  const stack = Stack.target(c, FLAT, Math.floor(sp / 16) * 16, true, inner, extBit(c));
  const pushed =
    stack.push(8, r.selector(SEG.SS)) &&
    stack.push(8, r.gprLo(GPR.RSP), r.gprHi(GPR.RSP)) &&
    stack.push(8, flags) &&
    stack.push(8, r.selector(SEG.CS)) &&
    stack.pushNumber(8, returnIp) &&
    (event.errorCode < 0 || stack.push(8, event.errorCode));
  if (!pushed || !markAccessed(c, cs)) return 'fault';

  if (inner) r.setSegment(SEG.SS, nullStack(cpl, cpl));
  stack.commit();
  r.setSegment(SEG.CS, cs.segment((selector & ~SELECTOR.RPL) | cpl));
  r.cpl = cpl;
  r.rip = rip;
  const masked = (type & 1) === 0 ? FLAG.IF : 0;
  r.systemFlags = r.systemFlags & ~(FLAG.TF | FLAG.NT | FLAG.RF | FLAG.VM | masked);
  refreshTransfer(r, before);
  return 'entered';
}
