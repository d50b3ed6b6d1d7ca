/**
 * `HostCpu` over a processor: each method is the VMX or system instruction of its name without the
 * instruction's encoding, operands and privilege checks.
 */
import { cpuid } from '../../arch/cpuid.ts';
import { INVVPID_TYPE } from '../../arch/ept.ts';
import { CR0, CR4, EFER, FLAG, SEG } from '../../arch/registers.ts';
import { ATTRIBUTE, SYSTEM_TYPE } from '../../arch/segments.ts';
import { FIELD, fieldName } from '../../arch/vmcs.ts';
import { FEATURE_CONTROL, VM_ERROR } from '../../arch/vmx.ts';
import type { AccessSize } from '../../contracts/device.ts';
import type {
  CpuidResult,
  FailedCheck,
  HostCpu,
  HostMemory,
  HostSoftware,
} from '../../contracts/host-cpu.ts';
import { ACTIVITY, FPU_TRAP, STATE } from '../state.ts';
import type { SystemContext } from '../system/context.ts';
import type { Interceptor } from '../system/intercept.ts';
import { refresh } from '../system/mode.ts';
import type { NativeHost, SavedHost } from '../virtualization/virtualization.ts';
import { VMX_COST } from './costs.ts';
import { vmEntry } from './entry.ts';
import { FIELD_WORD, VMCS_REVISION } from './format.ts';
import { idleInterceptor } from './idle-interceptor.ts';
import { clearVmcs, isWide, loadVmcs, writeField } from './instructions.ts';
import { VMX_MODE } from './state.ts';
import type { Vmx } from './vmx.ts';

/** HOST_RIP of the native host: a canonical address that no code is at. */
export const NATIVE_HOST_RIP = -0x100_0000;

const VMFAIL_INVALID = -1;

/** The image that `fxsave` makes: XMM, x87 and MMX registers, control words, then the pending-exception bit. */
export const FX = { XMM: 0, X87: 256, CONTROL: 384, TRAP: 508, SIZE: 512 } as const;
export const CONTROL_BYTES = 0x30;

export interface NativeHostOptions {
  readonly index: number;
  readonly context: SystemContext;
  readonly vmx: Vmx;
  readonly memory: HostMemory;
  readonly software: HostSoftware;
}

export class NativeHostCpu implements HostCpu, NativeHost {
  readonly index: number;
  readonly memory: HostMemory;
  readonly gprs: Uint32Array;
  private readonly c: SystemContext;
  private readonly vmx: Vmx;
  private readonly software: HostSoftware;
  private readonly idle: Interceptor;
  private started = false;
  private halted = false;

  /** Takes the processor over: it is in 64-bit mode, and its next instruction is the software's `takeOver`. */
  constructor(options: NativeHostOptions) {
    this.index = options.index;
    this.c = options.context;
    this.vmx = options.vmx;
    this.memory = options.memory;
    this.software = options.software;
    const r = this.c.regs;
    this.gprs = new Uint32Array(r.u32.buffer, r.base + STATE.GPR, 32);
    this.idle = idleInterceptor(() => this.interrupted());
    this.vmx.nativeHost = this;
    this.enterLongMode();
  }

  // --- NativeHost -------------------------------------------------------------------------------

  get rip(): number {
    return this.halted ? Number.NaN : NATIVE_HOST_RIP;
  }

  get idleInterceptor(): Interceptor | undefined {
    return this.halted ? this.idle : undefined;
  }

  run(): void {
    this.c.recorder?.({ kind: 'handler', what: this.started ? 'exit' : 'take over' });
    if (this.started) {
      this.software.exit(this);
    } else {
      this.started = true;
      this.software.takeOver(this);
    }
    this.checkHandedOver();
  }

  /** In a text, the number stands for it. */
  toJSON(): number {
    return this.index;
  }

  save(): SavedHost {
    const { started, halted } = this;
    return { started, halted };
  }

  restore(saved: SavedHost): void {
    this.started = saved.started;
    this.halted = saved.halted;
  }

  private interrupted(): boolean {
    const vector = this.c.interrupts.acknowledge();
    if (vector < 0) return false;
    this.halted = false;
    this.c.regs.activity = ACTIVITY.ACTIVE;
    this.c.regs.systemFlags &= ~FLAG.IF;
    this.c.recorder?.({ kind: 'handler', what: 'interrupt' });
    this.software.interrupt(this, vector);
    this.checkHandedOver();
    return true;
  }

  /** A handler that neither enters a guest nor halts would be called for ever. */
  private checkHandedOver(): void {
    const moved = this.halted || this.vmx.inGuest || this.vmx.entryExited;
    if (!moved) throw new Error('host software returned without entering a guest or halting');
    this.vmx.entryExited = false;
  }

  private enterLongMode(): void {
    const r = this.c.regs;
    r.cr0 = CR0.PE | CR0.MP | CR0.ET | CR0.NE | CR0.WP | CR0.PG;
    r.cr4 = CR4.PAE | CR4.PGE | CR4.OSFXSR | CR4.OSXMMEXCPT | CR4.VMXE;
    r.efer = EFER.LME | EFER.LMA | EFER.NXE | EFER.SCE;
    r.rflags = 2;
    const flat = ATTRIBUTE.P | ATTRIBUTE.S | ATTRIBUTE.ACCESSED | ATTRIBUTE.G;
    const limit = 0xffff_ffff;
    const code = flat | ATTRIBUTE.CODE | ATTRIBUTE.READABLE | ATTRIBUTE.L;
    r.setSegment(SEG.CS, { selector: 0x08, attributes: code, limit, base: 0 });
    const data = flat | ATTRIBUTE.WRITABLE | ATTRIBUTE.DB;
    for (const n of [SEG.ES, SEG.SS, SEG.DS, SEG.FS, SEG.GS]) {
      r.setSegment(n, { selector: 0x10, attributes: data, limit, base: 0 });
    }
    const tss = ATTRIBUTE.P | SYSTEM_TYPE.TSS32_BUSY;
    r.setSegment(SEG.TR, { selector: 0x18, attributes: tss, limit: 0x67, base: 0 });
    r.cpl = 0;
    r.activity = ACTIVITY.ACTIVE;
    r.rip = NATIVE_HOST_RIP;
    refresh(r);
    this.vmx.writeMsr(0x3a, FEATURE_CONTROL.LOCK | FEATURE_CONTROL.VMXON_OUTSIDE_SMX, 0);
    this.vmx.state.mode = VMX_MODE.OFF;
  }

  // --- VMX --------------------------------------------------------------------------------------

  vmxon(region: number): number {
    if (this.vmx.inHost) return this.failed(VM_ERROR.VMXON_IN_ROOT);
    if (region % 0x1000 !== 0 || this.vmx.physical.read(region) !== VMCS_REVISION) return VMFAIL_INVALID;
    this.vmx.turnOn(region);
    return 0;
  }

  vmxoff(): void {
    this.vmx.turnOff();
  }

  vmclear(region: number): number {
    if (region % 0x1000 !== 0) return this.failed(VM_ERROR.VMCLEAR_INVALID_ADDRESS);
    if (region === this.vmx.state.vmxonPointer) return this.failed(VM_ERROR.VMCLEAR_VMXON_POINTER);
    this.c.charge(VMX_COST.POINTER);
    this.recordOperation('VMCLEAR', region);
    clearVmcs(this.vmx, region);
    return 0;
  }

  vmptrld(region: number): number {
    this.c.charge(VMX_COST.POINTER);
    this.recordOperation('VMPTRLD', region);
    if (region % 0x1000 !== 0) return this.failed(VM_ERROR.VMPTRLD_INVALID_ADDRESS);
    return this.failed(loadVmcs(this.vmx, region));
  }

  vmread(field: number): number {
    if (FIELD_WORD[field] === 0)
      throw new Error(`VMREAD of field ${field.toString(16)}h, which does not exist`);
    const value = this.vmx.vmcs.lo(field) >>> 0;
    this.recordField('VMREAD', field, value, 0);
    return value;
  }

  vmreadHigh(field: number): number {
    if (!isWide(field)) throw new Error(`VMCS field ${field.toString(16)}h has no upper half`);
    const value = this.vmx.vmcs.hi(field) >>> 0;
    this.recordField('VMREAD', field, 0, value);
    return value;
  }

  vmwrite(field: number, lo: number, hi = 0): void {
    if (FIELD_WORD[field] === 0)
      throw new Error(`VMWRITE of field ${field.toString(16)}h, which does not exist`);
    this.recordField('VMWRITE', field, lo, hi);
    writeField(this.vmx, field, lo, hi);
  }

  vmlaunch(): number {
    return this.enter(true);
  }

  vmresume(): number {
    return this.enter(false);
  }

  private enter(launch: boolean): number {
    if (this.vmx.state.current < 0) return VMFAIL_INVALID;
    this.recordOperation(launch ? 'VMLAUNCH' : 'VMRESUME');
    const error = vmEntry(this.vmx, this.c, launch);
    // The entry may have ended in a VM exit at once: the run loop calls the exit handler again.
    if (error === 0) this.vmx.entryExited = !this.vmx.inGuest;
    return this.failed(error);
  }

  invept(type: number, eptp: number): number {
    this.recordOperation('INVEPT', eptp);
    this.vmx.invalidateEpt(type === 1 ? eptp : undefined);
    return 0;
  }

  invvpid(vpid: number): number {
    if (vpid === 0) return this.failed(VM_ERROR.INVALID_OPERAND);
    this.recordOperation('INVVPID', vpid);
    this.vmx.invalidateVpid(INVVPID_TYPE.SINGLE, vpid, 0);
    return 0;
  }

  get failedCheck(): FailedCheck | undefined {
    return this.vmx.failedCheck;
  }

  /** Puts an error into the VM-instruction error field of the current VMCS, as VMfailValid does. */
  private failed(error: number): number {
    if (error === 0) return 0;
    if (this.vmx.state.current < 0) return VMFAIL_INVALID;
    this.vmx.vmcs.set(FIELD.VM_INSTRUCTION_ERROR, error);
    return error;
  }

  // --- registers that VMX leaves alone -----------------------------------------------------------

  fxsave(to: Uint8Array): void {
    const { u8, u32 } = this.c.regs;
    to.set(u8.subarray(STATE.XMM, STATE.XMM + 256), FX.XMM);
    to.set(u8.subarray(STATE.X87, STATE.X87 + 128), FX.X87);
    to.set(u8.subarray(STATE.FCW, STATE.FCW + CONTROL_BYTES), FX.CONTROL);
    to[FX.TRAP] = u32[STATE.FPU_TRAP >> 2] & FPU_TRAP.PENDING;
  }

  fxrstor(from: Uint8Array): void {
    const { u8, u32 } = this.c.regs;
    u8.set(from.subarray(FX.XMM, FX.XMM + 256), STATE.XMM);
    u8.set(from.subarray(FX.X87, FX.X87 + 128), STATE.X87);
    u8.set(from.subarray(FX.CONTROL, FX.CONTROL + CONTROL_BYTES), STATE.FCW);
    const trap = STATE.FPU_TRAP >> 2;
    u32[trap] = (u32[trap] & ~FPU_TRAP.PENDING) | from[FX.TRAP];
  }

  get cr2Lo(): number {
    return this.c.regs.lo(STATE.CR2);
  }

  get cr2Hi(): number {
    return this.c.regs.hi(STATE.CR2);
  }

  setCr2(lo: number, hi: number): void {
    this.recordOperation('MOV', 'CR2', lo, hi);
    this.c.regs.setPair(STATE.CR2, lo, hi);
  }

  readDr(n: number): { lo: number; hi: number } {
    return { lo: this.c.regs.lo(STATE.DR + 8 * n), hi: this.c.regs.hi(STATE.DR + 8 * n) };
  }

  writeDr(n: number, lo: number, hi: number): void {
    this.c.regs.setDr(n, lo, hi);
  }

  rdmsr(index: number): { lo: number; hi: number } | undefined {
    return this.vmx.msrs.read(index);
  }

  wrmsr(index: number, lo: number, hi: number): boolean {
    this.recordOperation('WRMSR', index, lo, hi);
    return this.vmx.msrs.write(index, lo, hi);
  }

  // --- recording --------------------------------------------------------------------------------

  private recordOperation(name: string, of: string | number = '', lo?: number, hi = 0): void {
    const { recorder } = this.c;
    if (recorder === undefined) return;
    const operand = typeof of === 'number' ? `${of.toString(16)}h` : of;
    const value = lo === undefined ? {} : { value: (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0) };
    recorder({ kind: 'host-operation', name, operand, ...value });
  }

  private recordField(name: string, field: number, lo: number, hi: number): void {
    if (this.c.recorder) this.recordOperation(name, fieldName(field) ?? field, lo, hi);
  }

  // --- the rest ---------------------------------------------------------------------------------

  cpuid(leaf: number, subleaf: number): CpuidResult {
    const [eax, ebx, ecx, edx] = cpuid(this.c.cpuid, { apicEnabled: true, wide: true }, leaf, subleaf);
    return { eax, ebx, ecx, edx };
  }

  in(port: number, size: AccessSize): number {
    return this.c.ports.in(port, size);
  }

  out(port: number, size: AccessSize, value: number): void {
    this.c.ports.out(port, size, value);
  }

  get tscHz(): number {
    return this.c.cpuid.tscHz;
  }

  now(): number {
    return this.c.now();
  }

  charge(cycles: number): void {
    this.c.charge(Math.ceil(cycles));
  }

  halt(): void {
    this.recordOperation('HLT');
    this.halted = true;
    this.c.regs.activity = ACTIVITY.HLT;
    this.c.regs.systemFlags |= FLAG.IF;
  }
}
