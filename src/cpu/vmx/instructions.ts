/**
 * The VMX instructions. SDM volume 3C, "VMX Instruction Reference". Each operation starts with the
 * checks in the manual's order: #UD, VM exit, #GP(0) for CPL, VMfailInvalid, VMfailValid.
 */
import { INVEPT_TYPE, INVVPID_TYPE } from '../../arch/ept.ts';
import { CR0, CR4, EFER, FLAG, SEG } from '../../arch/registers.ts';
import { ATTRIBUTE } from '../../arch/segments.ts';
import { FIELD, fieldKind, fieldWidth } from '../../arch/vmcs.ts';
import { FEATURE_CONTROL, VM_ERROR } from '../../arch/vmx.ts';
import { signedNumber } from '../number64.ts';
import { STATUS } from '../state.ts';
import { linearAddress, readSegment, writeSegment } from '../system/access.ts';
import type { Status, SystemContext, SystemOperation } from '../system/context.ts';
import { generalProtection, undefinedOpcode } from '../system/fault.ts';
import type { InterceptedInstruction } from '../system/intercept.ts';
import { is64Bit } from '../system/mode.ts';
import { isPhysical } from '../virtualization/physical.ts';
import { isCanonicalHigh } from './check.ts';
import { validEptp } from './check-controls.ts';
import { VMX_COST } from './costs.ts';
import { LAUNCH_STATE, vmEntry } from './entry.ts';
import { FIELD_WORD, VMCS_REVISION, VMCS_WORD } from './format.ts';
import { VMX_MODE } from './state.ts';
import { Vmx } from './vmx.ts';

/** The operand of an operation: the processor's VMX unit and the context. */
type VmxOperation = (vmx: Vmx, c: SystemContext) => Status;

const NO_POINTER = -1;

/** The status flags after a VMX instruction. SDM volume 3C, "Conventions". */
function setFlags(c: SystemContext, flags: number): void {
  c.regs.rflags = c.regs.systemFlags | flags;
}

function succeed(c: SystemContext): Status {
  setFlags(c, 0);
  return STATUS.NEXT;
}

/** VMfail: with a current VMCS the error number goes there (ZF), without one there is only CF. */
function vmFail(vmx: Vmx, c: SystemContext, error: number): Status {
  if (vmx.state.current === NO_POINTER) {
    setFlags(c, FLAG.CF);
  } else {
    vmx.vmcs.set(FIELD.VM_INSTRUCTION_ERROR, error);
    setFlags(c, FLAG.ZF);
  }
  return STATUS.NEXT;
}

function failInvalid(c: SystemContext): Status {
  setFlags(c, FLAG.CF);
  return STATUS.NEXT;
}

/** Modes without VMX instructions: real-address, virtual-8086, compatibility. */
function isUndefinedMode(c: SystemContext): boolean {
  const r = c.regs;
  const compatibility = (r.efer & EFER.LMA) !== 0 && (r.attributes(SEG.CS) & ATTRIBUTE.L) === 0;
  return (r.cr0 & CR0.PE) === 0 || (r.systemFlags & FLAG.VM) !== 0 || compatibility;
}

/**
 * The common beginning of all but VMXON and VMCALL: #UD outside VMX operation, VM exit in the guest,
 * #GP(0) above CPL 0.
 */
const inRootOperation =
  (kind: InterceptedInstruction, operation: VmxOperation): SystemOperation =>
  (c) => {
    const vmx = c.virtualization;
    if (!(vmx instanceof Vmx) || vmx.state.mode === VMX_MODE.OFF || isUndefinedMode(c))
      return undefinedOpcode(c);
    if (c.interceptor?.instruction(kind)) return STATUS.EXIT;
    if (c.regs.cpl > 0) return generalProtection(c);
    return operation(vmx, c);
  };

/** Reads the 64-bit pointer operand; undefined after a fault. */
function pointerOperand(c: SystemContext): { lo: number; hi: number } | undefined {
  const { record, memory } = c;
  return readSegment(c, record.segment, record.offset, 8) ? { lo: memory.lo, hi: memory.hi } : undefined;
}

/** The pointer as a number when it names a page within the physical-address width; else undefined. */
const pagePointer = (p: { lo: number; hi: number }): number | undefined =>
  isPhysical(p.lo, p.hi, 0x1000) ? (p.hi >>> 0) * 0x1_0000_0000 + (p.lo >>> 0) : undefined;

function vmxon(c: SystemContext): Status {
  const vmx = c.virtualization;
  const r = c.regs;
  if (!(vmx instanceof Vmx) || isUndefinedMode(c) || (r.cr4 & CR4.VMXE) === 0) return undefinedOpcode(c);
  if (c.interceptor?.instruction('vmxon')) return STATUS.EXIT;
  if (r.cpl > 0) return generalProtection(c);
  if (vmx.state.mode === VMX_MODE.ROOT) return vmFail(vmx, c, VM_ERROR.VMXON_IN_ROOT);
  const allowed = FEATURE_CONTROL.LOCK | FEATURE_CONTROL.VMXON_OUTSIDE_SMX;
  if ((vmx.state.featureControl & allowed) !== allowed || !vmx.allowsVmxon()) return generalProtection(c);
  const operand = pointerOperand(c);
  if (operand === undefined) return STATUS.FAULT;
  const address = pagePointer(operand);
  if (address === undefined || vmx.physical.read(address) !== VMCS_REVISION) return failInvalid(c);
  vmx.turnOn(address);
  return succeed(c);
}

function vmxoff(vmx: Vmx, c: SystemContext): Status {
  vmx.turnOff();
  return succeed(c);
}

/** VMCLEAR of a physical address. */
export function clearVmcs(vmx: Vmx, address: number): void {
  vmx.physical.write(address + 4 * VMCS_WORD.LAUNCH_STATE, LAUNCH_STATE.CLEAR);
  if (vmx.state.current === address) vmx.selectVmcs(NO_POINTER);
}

function vmclear(vmx: Vmx, c: SystemContext): Status {
  const operand = pointerOperand(c);
  if (operand === undefined) return STATUS.FAULT;
  const address = pagePointer(operand);
  if (address === undefined) return vmFail(vmx, c, VM_ERROR.VMCLEAR_INVALID_ADDRESS);
  if (address === vmx.state.vmxonPointer) return vmFail(vmx, c, VM_ERROR.VMCLEAR_VMXON_POINTER);
  c.charge(VMX_COST.POINTER);
  clearVmcs(vmx, address);
  return succeed(c);
}

/** VMPTRLD of a page's physical address: a VM-instruction error, or 0. */
export function loadVmcs(vmx: Vmx, address: number): number {
  if (address === vmx.state.vmxonPointer) return VM_ERROR.VMPTRLD_VMXON_POINTER;
  const inMemory = vmx.physical.has(address, 0x1000);
  if (!inMemory || vmx.physical.read(address) !== VMCS_REVISION) return VM_ERROR.VMPTRLD_WRONG_REVISION;
  vmx.selectVmcs(address);
  return 0;
}

function vmptrld(vmx: Vmx, c: SystemContext): Status {
  const operand = pointerOperand(c);
  if (operand === undefined) return STATUS.FAULT;
  const address = pagePointer(operand);
  c.charge(VMX_COST.POINTER);
  const error = address === undefined ? VM_ERROR.VMPTRLD_INVALID_ADDRESS : loadVmcs(vmx, address);
  return error === 0 ? succeed(c) : vmFail(vmx, c, error);
}

function vmptrst(vmx: Vmx, c: SystemContext): Status {
  const { record } = c;
  const { current } = vmx.state;
  const none = current === NO_POINTER;
  const lo = none ? 0xffff_ffff : current >>> 0;
  const hi = none ? 0xffff_ffff : Math.floor(current / 0x1_0000_0000);
  return writeSegment(c, record.segment, record.offset, 8, lo, hi) ? succeed(c) : STATUS.FAULT;
}

/** The encoding in a register, or -1 for one that names no field of this processor. */
function fieldOperand(c: SystemContext): number {
  const { regs, record } = c;
  const lo = regs.gprLo(record.reg);
  const tooLarge = lo >= FIELD_WORD.length || (is64Bit(regs) && regs.gprHi(record.reg) !== 0);
  return tooLarge || FIELD_WORD[lo] === 0 ? -1 : lo;
}

/** Whether a field is 64 bits wide when accessed by this encoding. */
export function isWide(encoding: number): boolean {
  const width = fieldWidth(encoding);
  return (width === 64 && (encoding & 1) === 0) || width === 'natural';
}

function vmread(vmx: Vmx, c: SystemContext): Status {
  if (vmx.state.current === NO_POINTER) return failInvalid(c);
  const field = fieldOperand(c);
  if (field < 0) return vmFail(vmx, c, VM_ERROR.UNSUPPORTED_FIELD);
  const { record, regs } = c;
  const lo = vmx.vmcs.lo(field) >>> 0;
  const hi = isWide(field) ? vmx.vmcs.hi(field) >>> 0 : 0;
  const wide = is64Bit(regs);
  if (record.isMemory) {
    const bytes = wide ? 8 : 4;
    if (!writeSegment(c, record.segment, record.offset, bytes, lo, hi)) return STATUS.FAULT;
  } else {
    regs.setGpr(record.rm, lo, wide ? hi : 0);
  }
  c.charge(VMX_COST.ACCESS);
  return succeed(c);
}

/** Writes a field as VMWRITE does, truncated to its width. */
export function writeField(vmx: Vmx, field: number, lo: number, hi: number): void {
  if (isWide(field)) vmx.vmcs.set64(field, lo, hi);
  else vmx.vmcs.set(field, fieldWidth(field) === 16 ? lo & 0xffff : lo);
}

function vmwrite(vmx: Vmx, c: SystemContext): Status {
  if (vmx.state.current === NO_POINTER) return failInvalid(c);
  const { record, regs, memory } = c;
  let lo = regs.gprLo(record.rm);
  let hi = regs.gprHi(record.rm);
  const wide = is64Bit(regs);
  if (record.isMemory) {
    if (!readSegment(c, record.segment, record.offset, wide ? 8 : 4)) return STATUS.FAULT;
    ({ lo, hi } = memory);
  }
  const field = fieldOperand(c);
  if (field < 0) return vmFail(vmx, c, VM_ERROR.UNSUPPORTED_FIELD);
  if (fieldKind(field) === 'read-only') return vmFail(vmx, c, VM_ERROR.VMWRITE_READ_ONLY);
  writeField(vmx, field, lo, wide ? hi : 0);
  c.charge(VMX_COST.ACCESS);
  return succeed(c);
}

const entering =
  (launch: boolean): VmxOperation =>
  (vmx, c) => {
    if (vmx.state.current === NO_POINTER) return failInvalid(c);
    const error = vmEntry(vmx, c, launch);
    return error === 0 ? STATUS.EXIT : vmFail(vmx, c, error);
  };

/** VMCALL outside guests: #UD without VMX operation, else VMfail (there is no SMM monitor). */
function vmcall(c: SystemContext): Status {
  const vmx = c.virtualization;
  if (!(vmx instanceof Vmx) || vmx.state.mode === VMX_MODE.OFF) return undefinedOpcode(c);
  if (c.interceptor?.instruction('vmcall')) return STATUS.EXIT;
  if (isUndefinedMode(c)) return undefinedOpcode(c);
  if (c.regs.cpl > 0) return generalProtection(c);
  return vmFail(vmx, c, VM_ERROR.VMCALL_IN_ROOT);
}

interface Descriptor {
  readonly type: number;
  /** Halves of the first and second quadword. */
  readonly first: { lo: number; hi: number };
  readonly second: { lo: number; hi: number };
}

/** Type (register) and descriptor (memory) of INVEPT and INVVPID; undefined after a fault. */
function invalidationOperands(c: SystemContext): Descriptor | undefined {
  const { record, regs, memory } = c;
  const { segment, offset } = record;
  const linear = linearAddress(c, segment, offset, 16, false);
  if (linear === undefined || !memory.read(linear, 8, false)) return undefined;
  const first = { lo: memory.lo, hi: memory.hi };
  if (!memory.read(linear + 8, 8, false)) return undefined;
  const second = { lo: memory.lo, hi: memory.hi };
  const typeFits = !is64Bit(regs) || regs.gprHi(record.reg) === 0;
  return { type: typeFits ? regs.gprLo(record.reg) : -1, first, second };
}

function invept(vmx: Vmx, c: SystemContext): Status {
  const operands = invalidationOperands(c);
  if (operands === undefined) return STATUS.FAULT;
  const { type, first } = operands;
  const single = type === INVEPT_TYPE.SINGLE;
  if (!single && type !== INVEPT_TYPE.ALL) return vmFail(vmx, c, VM_ERROR.INVALID_OPERAND);
  if (single && !validEptp(first.lo, isPhysical(first.lo, first.hi))) {
    return vmFail(vmx, c, VM_ERROR.INVALID_OPERAND);
  }
  vmx.invalidateEpt(single ? signedNumber(first.lo, first.hi) : undefined);
  return succeed(c);
}

function invvpid(vmx: Vmx, c: SystemContext): Status {
  const operands = invalidationOperands(c);
  if (operands === undefined) return STATUS.FAULT;
  const { type, first, second } = operands;
  const reserved = first.hi !== 0 || first.lo >>> 16 !== 0;
  const vpid = first.lo & 0xffff;
  const unknownType = type < 0 || type > INVVPID_TYPE.SINGLE_KEEP_GLOBAL;
  const noVpid = type !== INVVPID_TYPE.ALL && vpid === 0;
  const badAddress = type === INVVPID_TYPE.ADDRESS && !isCanonicalHigh(second.hi);
  if (unknownType || reserved || noVpid || badAddress) return vmFail(vmx, c, VM_ERROR.INVALID_OPERAND);
  vmx.invalidateVpid(type, vpid, signedNumber(second.lo, second.hi));
  return succeed(c);
}

/** VM functions cannot be enabled on this processor; outside a guest the instruction does not exist either. */
const vmfunc: SystemOperation = undefinedOpcode;

/** By the names that the rows of src/isa/vmx use. */
export const VMX_OPERATIONS: Readonly<Record<string, SystemOperation>> = {
  vmxon,
  vmcall,
  vmfunc,
  vmxoff: inRootOperation('vmxoff', vmxoff),
  vmclear: inRootOperation('vmclear', vmclear),
  vmptrld: inRootOperation('vmptrld', vmptrld),
  vmptrst: inRootOperation('vmptrst', vmptrst),
  vmread: inRootOperation('vmread', vmread),
  vmwrite: inRootOperation('vmwrite', vmwrite),
  vmlaunch: inRootOperation('vmlaunch', entering(true)),
  vmresume: inRootOperation('vmresume', entering(false)),
  invept: inRootOperation('invept', invept),
  invvpid: inRootOperation('invvpid', invvpid),
};
