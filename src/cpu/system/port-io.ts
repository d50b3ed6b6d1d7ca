/** IN, OUT, INS, OUTS. SDM volume 1, "Input/Output", "I/O Permission Bit Map". */
import { FLAG, GPR, SEG, VECTOR } from '../../arch/registers.ts';
import { ATTRIBUTE } from '../../arch/segments.ts';
import type { AccessSize } from '../../contracts/device.ts';
import { STATE, STATUS } from '../state.ts';
import { linearAddress, readSegment } from './access.ts';
import type { Status, SystemContext, SystemOperation } from './context.ts';
import { matchPort, notePendingDebug } from './debug.ts';
import { systemAddress } from './descriptor.ts';
import { failed } from './fault.ts';
import { isProtected, isVm86 } from './mode.ts';
import { advance, operandSize } from './operand.ts';
import { isTss32 } from './tss.ts';

/** #GP(0) stored unless IOPL or the TSS's bitmap allow the access. */
function isPermitted(c: SystemContext, port: number, size: AccessSize): boolean {
  const r = c.regs;
  if (!isProtected(r) || (r.cpl <= r.iopl && !isVm86(r))) return true;
  const limit = r.limit(SEG.TR);
  const refuse = (): boolean => failed(c, VECTOR.GP, 0);
  if (r.attributes(SEG.TR) & ATTRIBUTE.UNUSABLE || !isTss32(c) || limit < 103) return refuse();
  const base = r.segmentBase(SEG.TR);
  const read = (offset: number): boolean => {
    const address = systemAddress(r, base + offset);
    return address === undefined ? refuse() : c.memory.read(address, 2, true);
  };
  if (!read(102)) return false;
  // Two bytes are always read, so that an access may straddle them.
  const offset = c.memory.lo + (port >> 3);
  if (offset + 1 > limit) return refuse();
  if (!read(offset)) return false;
  const mask = ((1 << size) - 1) << (port & 7);
  return (c.memory.lo & mask) === 0 || refuse();
}

interface Form {
  readonly size: AccessSize;
  readonly port: number;
  readonly input: boolean;
  readonly string: boolean;
  readonly immediate: boolean;
}

/** True to go on; otherwise `EXIT` or a stored fault. */
function admit(c: SystemContext, form: Form): Status | undefined {
  if (!isPermitted(c, form.port, form.size)) return STATUS.FAULT;
  const rep = form.string && c.record.rep !== 0;
  const { port, size, input, string, immediate } = form;
  return c.interceptor?.port({ port, size, input, string, rep, immediate }) ? STATUS.EXIT : undefined;
}

/** A port access may have raised an interrupt, stopped the machine, moved memory: the run loop looks. */
function completed(c: SystemContext, form: Form): Status {
  notePendingDebug(c.regs, matchPort(c.regs, form.port, form.size));
  advance(c);
  return STATUS.EXIT;
}

const plain =
  (input: boolean, byte: boolean, immediate: boolean): SystemOperation =>
  (c) => {
    const r = c.regs;
    const size: AccessSize = byte ? 1 : operandSize(c) === 16 ? 2 : 4;
    const port = immediate ? c.record.immediateLo & 0xff : r.gprLo(GPR.RDX) & 0xffff;
    const form: Form = { size, port, input, string: false, immediate };
    const refused = admit(c, form);
    if (refused !== undefined) return refused;
    if (!input) {
      c.ports.out(port, size, size === 4 ? r.gprLo(GPR.RAX) : r.gprLo(GPR.RAX) & ((1 << (8 * size)) - 1));
      return completed(c, form);
    }
    const value = c.ports.in(port, size);
    if (size === 1) r.setGpr8(GPR.RAX, value);
    else if (size === 2) r.setGpr16(GPR.RAX, value);
    else r.setGpr32(GPR.RAX, value);
    return completed(c, form);
  };

/** Value of a register truncated to the address size, and the update of it. */
function addressSized(c: SystemContext, gpr: number): number {
  const { addressSize } = c.record;
  const r = c.regs;
  return addressSize === 16 ? r.gprLo(gpr) & 0xffff : addressSize === 32 ? r.gprLo(gpr) : r.gpr(gpr);
}

function setAddressSized(c: SystemContext, gpr: number, value: number): void {
  const { addressSize } = c.record;
  if (addressSize === 16) c.regs.setGpr16(gpr, value);
  else if (addressSize === 32) c.regs.setGpr32(gpr, value);
  else c.regs.setGprNumber(gpr, value);
}

/** One iteration of INS or OUTS; with REP and more to do the same instruction is executed again. */
const string =
  (input: boolean, byte: boolean): SystemOperation =>
  (c) => {
    const { regs: r, record, memory } = c;
    const rep = record.rep !== 0;
    if (rep && addressSized(c, GPR.RCX) === 0) return STATUS.NEXT;
    const size: AccessSize = byte ? 1 : operandSize(c) === 16 ? 2 : 4;
    const form: Form = { size, port: r.gprLo(GPR.RDX) & 0xffff, input, string: true, immediate: false };
    const refused = admit(c, form);
    if (refused !== undefined) return refused;
    const pointer = input ? GPR.RDI : GPR.RSI;
    const offset = addressSized(c, pointer);
    if (input) {
      const linear = linearAddress(c, SEG.ES, offset, size, true);
      // The port must not be read before the store is known to succeed.
      if (linear === undefined || !memory.probeWrite(linear, size, false)) return STATUS.FAULT;
      memory.write(linear, size, c.ports.in(form.port, size), 0, false);
    } else {
      if (!readSegment(c, record.segment, offset, size)) return STATUS.FAULT;
      c.ports.out(form.port, size, memory.lo);
    }
    setAddressSized(c, pointer, offset + (r.systemFlags & FLAG.DF ? -size : size));
    if (rep) setAddressSized(c, GPR.RCX, addressSized(c, GPR.RCX) - 1);
    const more = rep && addressSized(c, GPR.RCX) !== 0;
    notePendingDebug(r, matchPort(r, form.port, size));
    if (more && r.i32[STATE.PENDING_DEBUG >> 2] === 0) return STATUS.AGAIN;
    // Between iterations RIP stays at the instruction.
    if (!more) advance(c);
    return STATUS.EXIT;
  };

export const PORT_OPERATIONS: Record<string, SystemOperation> = {
  inByteImmediate: plain(true, true, true),
  inImmediate: plain(true, false, true),
  inByte: plain(true, true, false),
  in: plain(true, false, false),
  outByteImmediate: plain(false, true, true),
  outImmediate: plain(false, false, true),
  outByte: plain(false, true, false),
  out: plain(false, false, false),
  insByte: string(true, true),
  ins: string(true, false),
  outsByte: string(false, true),
  outs: string(false, false),
};
