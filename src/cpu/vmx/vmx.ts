/**
 * VMX operation of one processor: what the VMX instructions, the run loop and a host written in
 * TypeScript (../host) act on. SDM volume 3C, "Introduction to Virtual Machine Extensions" ff.
 *
 * Not modelled: SMM and the dual-monitor treatment, VMCS shadowing, posted interrupts, the virtual
 * APIC page. The capability MSRs say so.
 */
import { INVVPID_TYPE } from '../../arch/ept.ts';
import { EXIT } from '../../arch/exit-reasons.ts';
import { CR0, GPR } from '../../arch/registers.ts';
import { FIELD } from '../../arch/vmcs.ts';
import { FEATURE_CONTROL, IO_ACCESS, SECONDARY, VMX_MSR } from '../../arch/vmx.ts';
import type { NestedRoot } from '../../contracts/nested-root.ts';
import type { Registers } from '../registers.ts';
import { LAYOUT, TLB } from '../state.ts';
import type { SystemContext } from '../system/context.ts';
import { hasDataBreakpoints } from '../system/debug.ts';
import type { Interceptor } from '../system/intercept.ts';
import { currentPcid } from '../system/mode.ts';
import { type TranslationBuffers, translationArea } from '../tlb.ts';
import { PhysicalWords } from '../virtualization/physical.ts';
import { type SavedSecondDimension, SecondDimension } from '../virtualization/second-dimension.ts';
import type { Intercepted, NativeHost, SavedHost, Virtualization } from '../virtualization/virtualization.ts';
import { CR0_FIXED0, CR4_FIXED0, capabilityMsrs } from './capabilities.ts';
import { type EntryCheck, EntryContext, type SavedControls } from './check.ts';
import { ExtendedPageTables } from './ept.ts';
import { Vmcs } from './format.ts';
import { GuestInterceptor } from './interceptor.ts';
import type { MsrAccess } from './msr-lists.ts';
import { VMX_MODE, VmxState } from './state.ts';

export interface VmxOptions {
  readonly memory: WebAssembly.Memory;
  /** Bytes of RAM. */
  readonly ramSize: number;
  readonly registers: Registers;
  readonly translations: TranslationBuffers;
  /** CR4 bits that the processor allows, VMXE included or not. */
  readonly cr4Allowed: number;
  readonly msrs: MsrAccess;
}

export interface SavedVmx {
  readonly controls: SavedControls;
  readonly secondDimension: SavedSecondDimension;
  readonly entryExited: boolean;
  readonly failedCheck: EntryCheck | undefined;
  readonly host: SavedHost | undefined;
}

export class Vmx implements Virtualization {
  readonly technique = 'vt-x';
  readonly holdsEvents = false;
  readonly registers: Registers;
  readonly state: VmxState;
  readonly vmcs: Vmcs;
  readonly physical: PhysicalWords;
  readonly secondDimension: SecondDimension;
  readonly msrs: MsrAccess;
  readonly translations: TranslationBuffers;
  readonly checks: EntryContext;
  /** The row that made the last VM entry fail; undefined when none did. */
  failedCheck: EntryCheck | undefined;
  /** The last VM entry of a native host has ended in a VM exit before the guest ran. */
  entryExited = false;
  /** Host code that is not made of instructions; see HostCpu. */
  nativeHost: NativeHost | undefined;
  /** Set by the computer once the processor's context exists. */
  private guest: GuestInterceptor | undefined;
  private readonly capabilities: ReturnType<typeof capabilityMsrs>;

  constructor(options: VmxOptions) {
    this.registers = options.registers;
    this.msrs = options.msrs;
    this.translations = options.translations;
    this.state = new VmxState(options.registers);
    this.physical = new PhysicalWords(options.memory, options.ramSize);
    this.vmcs = new Vmcs(this.physical.words);
    this.secondDimension = new SecondDimension({
      tables: new ExtendedPageTables(this.physical.read, this.state),
      registers: options.registers,
      memory: options.memory,
      address: translationArea(options.registers) + TLB.SETS * TLB.SET_SIZE,
    });
    this.checks = new EntryContext(this.vmcs, options.cr4Allowed);
    this.capabilities = capabilityMsrs(options.cr4Allowed);
    this.state.reset();
  }

  /** Power-on and RESET. */
  reset(): void {
    this.state.reset();
    this.secondDimension.stop();
    this.secondDimension.invalidate();
    this.failedCheck = undefined;
  }

  /** INIT leaves what is here alone. */
  init(): void {}

  /** Makes the processor's context known: exits and entries act on it. */
  connect(context: SystemContext): void {
    this.guest = new GuestInterceptor(this, context);
  }

  /** What is not in the CPU block or in memory. */
  save(): SavedVmx {
    const { checks, secondDimension, entryExited, failedCheck, nativeHost } = this;
    return {
      controls: checks.save(),
      secondDimension: secondDimension.save(),
      entryExited,
      failedCheck,
      host: nativeHost?.save(),
    };
  }

  /** After memory and CPU block were replaced. */
  restore(saved: SavedVmx): void {
    const { current } = this.state;
    if (current >= 0) this.vmcs.select(LAYOUT.RAM + current);
    this.checks.restore(saved.controls);
    this.secondDimension.restore(saved.secondDimension);
    this.entryExited = saved.entryExited;
    this.failedCheck = saved.failedCheck;
    if (saved.host) this.nativeHost?.restore(saved.host);
  }

  /** Marks what VMX writes without further notice: the current VMCS. */
  markWritable(): void {
    const { current } = this.state;
    if (current >= 0) this.physical.written.mark(current / 0x1000);
  }

  get inGuest(): boolean {
    return this.state.mode === VMX_MODE.NON_ROOT;
  }

  get inHost(): boolean {
    return this.state.mode === VMX_MODE.ROOT;
  }

  get current(): number {
    return this.state.current;
  }

  get exitReason(): number {
    return this.vmcs.lo(FIELD.EXIT_REASON) & 0xffff;
  }

  /** General registers are the guest's until the host loads others. */
  get intercepted(): Intercepted | undefined {
    const { exitReason, registers: r, vmcs } = this;
    switch (exitReason) {
      case EXIT.VMCALL:
        return { kind: 'hypercall', number: r.gprLo(GPR.RAX) };
      case EXIT.RDMSR:
      case EXIT.WRMSR:
        return { kind: 'msr', index: r.gprLo(GPR.RCX), write: exitReason === EXIT.WRMSR };
      case EXIT.IO_INSTRUCTION: {
        const qualification = vmcs.lo(FIELD.EXIT_QUALIFICATION);
        const port = qualification >>> IO_ACCESS.PORT_SHIFT;
        return { kind: 'port', port, write: (qualification & IO_ACCESS.IN) === 0 };
      }
      default:
        return undefined;
    }
  }

  get nestedRoot(): NestedRoot | undefined {
    if (!this.secondDimension.active) return undefined;
    return { format: 'ept', pointer: this.vmcs.number(FIELD.EPT_POINTER) };
  }

  followWrites(tell: ((address: number, bytes: number) => void) | undefined): void {
    this.vmcs.onWrite = tell;
  }

  hostOwned(register: 'cr0' | 'cr4'): number {
    const mask = register === 'cr0' ? FIELD.CR0_GUEST_HOST_MASK : FIELD.CR4_GUEST_HOST_MASK;
    return this.inGuest ? this.vmcs.lo(mask) : 0;
  }

  /** What `SystemContext.interceptor` is: present in VMX non-root operation, and while a native host is halted. */
  get interceptor(): Interceptor | undefined {
    return this.state.mode === VMX_MODE.NON_ROOT ? this.guest : this.nativeHost?.idleInterceptor;
  }

  /** The guest's interceptor whatever the mode. */
  get guestInterceptor(): GuestInterceptor {
    if (this.guest === undefined) throw new Error('Vmx.connect has not been called');
    return this.guest;
  }

  /** Makes the region at a physical address the current VMCS; -1: none is current. */
  selectVmcs(address: number): void {
    this.state.current = address;
    if (address >= 0) this.vmcs.select(LAYOUT.RAM + address);
    this.markWritable();
  }

  /** CR0 and CR4 have what VMXON asks for. */
  allowsVmxon(): boolean {
    const { cr0 } = this.registers;
    return (cr0 & CR0_FIXED0) === CR0_FIXED0;
  }

  /** Enters VMX root operation. */
  turnOn(vmxonPointer: number): void {
    this.state.mode = VMX_MODE.ROOT;
    this.state.vmxonPointer = vmxonPointer;
    this.selectVmcs(-1);
  }

  turnOff(): void {
    this.state.mode = VMX_MODE.OFF;
    this.state.vmxonPointer = -1;
    this.selectVmcs(-1);
  }

  /** INVEPT: guest-physical and combined mappings of one EPT pointer; `eptp` undefined: of all. */
  invalidateEpt(eptp: number | undefined): void {
    this.secondDimension.invalidate((tag) => eptp === undefined || tag === eptp);
    this.translations.flushEpt(eptp === undefined ? undefined : tablePage(eptp));
  }

  /** INVVPID. @param linear for the type that names an address */
  invalidateVpid(type: number, vpid: number, linear: number): void {
    const { translations } = this;
    if (type === INVVPID_TYPE.ADDRESS) translations.invalidatePage(linear, vpid);
    else if (type === INVVPID_TYPE.SINGLE) translations.flushVpid(vpid);
    else if (type === INVVPID_TYPE.SINGLE_KEEP_GLOBAL) translations.flushVpidNonglobal(vpid);
    else translations.flushGuests();
  }

  /** Uses EPT and translations as the current VMCS says: at VM entry, when CR3 and CR4 are the guest's. */
  applyGuestPaging(): void {
    const { checks, vmcs, translations, registers } = this;
    const vpid = this.guestVpid;
    // Without VPIDs an entry ends the translations of VPID 0, under which the guest runs as well.
    if (vpid === 0) translations.flushVpid(0);
    const eptp = checks.ept ? vmcs.number(FIELD.EPT_POINTER) : 0;
    if (checks.ept) this.secondDimension.use(tablePage(eptp) * 0x1000, eptp);
    else this.secondDimension.stop();
    translations.select(vpid, tablePage(eptp), currentPcid(registers));
    // Pages with data breakpoints have no entries, and those here are of a time with other breakpoints.
    if (hasDataBreakpoints(registers)) translations.flushVpid();
  }

  /** The same for the host, after a VM exit. */
  applyHostPaging(): void {
    this.secondDimension.stop();
    if (this.guestVpid === 0) this.translations.flushVpid(0);
    this.translations.select(0, 0, currentPcid(this.registers));
  }

  /** VPID of the current VMCS; 0 without the control. */
  private get guestVpid(): number {
    return this.checks.secondary & SECONDARY.VPID ? this.vmcs.lo(FIELD.VIRTUAL_PROCESSOR_ID) & 0xffff : 0;
  }

  // --- VirtualizationExtension ------------------------------------------------------------------

  readMsr(index: number): { lo: number; hi: number } | undefined {
    if (index === VMX_MSR.FEATURE_CONTROL) return { lo: this.state.featureControl, hi: 0 };
    return this.capabilities.get(index);
  }

  writeMsr(index: number, lo: number, hi: number): boolean {
    if (index !== VMX_MSR.FEATURE_CONTROL) return false;
    const locked = (this.state.featureControl & FEATURE_CONTROL.LOCK) !== 0;
    const known = FEATURE_CONTROL.LOCK | FEATURE_CONTROL.VMXON_OUTSIDE_SMX;
    if (locked || hi !== 0 || (lo & ~known) !== 0) return false;
    this.state.featureControl = lo;
    return true;
  }

  allowsCr0(value: number): boolean {
    if (this.state.mode === VMX_MODE.OFF) return true;
    const fixed = this.unrestrictedNow ? CR0_FIXED0 & ~(CR0.PE | CR0.PG) : CR0_FIXED0;
    return (value & fixed) === fixed;
  }

  allowsCr4(value: number): boolean {
    return this.state.mode === VMX_MODE.OFF || (value & CR4_FIXED0) === CR4_FIXED0;
  }

  acceptEfer(): boolean {
    return true;
  }

  private get unrestrictedNow(): boolean {
    return this.inGuest && (this.checks.secondary & SECONDARY.UNRESTRICTED_GUEST) !== 0;
  }
}

const tablePage = (eptp: number): number => Math.floor(eptp / 0x1000);
