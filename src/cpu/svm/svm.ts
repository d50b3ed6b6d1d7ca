/**
 * AMD-V of one processor: what the SVM instructions and the run loop act on. AMD APM volume 2, "Secure Virtual
 * Machine".
 *
 * Not modelled, and not shown by CPUID: SKINIT, decode assists, VMCB clean bits, PAUSE filters, virtual GIF,
 * virtual VMLOAD and VMSAVE, LBR virtualization, AVIC, SEV. A guest with PAE paging keeps its four topmost
 * entries in registers under nested paging too, as it does on VT-x.
 */
import { type CpuidConfig, hasFeature } from '../../arch/cpuid.ts';
import { svmReason } from '../../arch/exit-reasons.ts';
import { EFER, GPR } from '../../arch/registers.ts';
import { ASIDS, IOIO, SVM_MSR, TLB_CONTROL, VM_CR } from '../../arch/svm.ts';
import { SVM_EXIT } from '../../arch/svm-exits.ts';
import { VMCB, VMCB_SIZE } from '../../arch/vmcb.ts';
import type { NestedRoot } from '../../contracts/nested-root.ts';
import type { Registers } from '../registers.ts';
import { TLB } from '../state.ts';
import type { SystemContext } from '../system/context.ts';
import { hasDataBreakpoints } from '../system/debug.ts';
import { writableEfer } from '../system/features.ts';
import type { Interceptor } from '../system/intercept.ts';
import { currentPcid } from '../system/mode.ts';
import { type TranslationBuffers, translationArea } from '../tlb.ts';
import { isPhysical, PhysicalWords } from '../virtualization/physical.ts';
import { type SavedSecondDimension, SecondDimension } from '../virtualization/second-dimension.ts';
import type { Intercepted, Virtualization } from '../virtualization/virtualization.ts';
import type { RunCheck, RunContext } from './checks.ts';
import { GuestInterceptor } from './interceptor.ts';
import { NestedPageTables } from './nested-tables.ts';
import { SvmState } from './state.ts';
import { Vmcb } from './vmcb.ts';

export interface SvmOptions {
  readonly memory: WebAssembly.Memory;
  /** Bytes of RAM. */
  readonly ramSize: number;
  readonly registers: Registers;
  readonly translations: TranslationBuffers;
  /** CR4 bits that the processor allows. */
  readonly cr4Allowed: number;
  readonly cpuid: CpuidConfig;
  /** Is told of each write to RAM, by host-physical address. */
  readonly written: (address: number, bytes: number) => void;
}

export interface SavedSvm {
  readonly secondDimension: SavedSecondDimension;
  readonly noExecute: boolean;
  readonly failedCheck: RunCheck | undefined;
}

/** Contexts of the second dimension are told apart by ASID and page of N_CR3; an ASID has this many pages. */
const PAGES = 2 ** 28;

export class Svm implements Virtualization {
  readonly technique = 'amd-v';
  readonly nativeHost = undefined;
  readonly registers: Registers;
  readonly translations: TranslationBuffers;
  readonly state: SvmState;
  readonly physical: PhysicalWords;
  /** The VMCB of the guest, or of the last one. */
  readonly vmcb: Vmcb;
  readonly hostArea: Vmcb;
  /** What VMLOAD and VMSAVE name. */
  readonly other: Vmcb;
  readonly secondDimension: SecondDimension;
  /** The row that made the last VMRUN fail; undefined when none did. */
  failedCheck: RunCheck | undefined;
  private readonly cpuid: CpuidConfig;
  private readonly cr4Allowed: number;
  private readonly tables: NestedPageTables;
  private guest: GuestInterceptor | undefined;

  constructor(options: SvmOptions) {
    const { memory, ramSize, registers, translations, written } = options;
    this.registers = registers;
    this.translations = translations;
    this.cpuid = options.cpuid;
    this.cr4Allowed = options.cr4Allowed;
    this.state = new SvmState(registers);
    this.physical = new PhysicalWords(memory, ramSize);
    this.vmcb = new Vmcb(memory, written);
    this.hostArea = new Vmcb(memory, written);
    this.other = new Vmcb(memory, written);
    this.tables = new NestedPageTables(this.physical, this.state, written);
    this.secondDimension = new SecondDimension({
      tables: this.tables,
      registers,
      memory,
      address: translationArea(registers) + TLB.SETS * TLB.SET_SIZE,
    });
    this.state.reset();
  }

  connect(context: SystemContext): void {
    this.guest = new GuestInterceptor(this, context);
  }

  reset(): void {
    this.state.reset();
    this.hostArea.select(0);
    this.secondDimension.stop();
    this.secondDimension.invalidate();
    this.failedCheck = undefined;
  }

  /** INIT clears EFER, and with it SVM; the MSRs stay. */
  init(): void {
    const { state } = this;
    state.inGuest = false;
    state.gif = true;
    state.current = -1;
    this.secondDimension.stop();
  }

  /** What is not in the CPU block or in memory. */
  save(): SavedSvm {
    const { secondDimension, failedCheck } = this;
    return { secondDimension: secondDimension.save(), noExecute: this.tables.noExecute, failedCheck };
  }

  /** After memory and CPU block were replaced. */
  restore(saved: SavedSvm): void {
    const { current, hostSaveArea } = this.state;
    if (current >= 0) this.vmcb.select(current);
    this.hostArea.select(hostSaveArea);
    this.tables.noExecute = saved.noExecute;
    this.secondDimension.restore(saved.secondDimension);
    this.failedCheck = saved.failedCheck;
  }

  /** Every write is told when it is made. */
  markWritable(): void {}

  followWrites(): void {}

  // --- where it is --------------------------------------------------------------------------------

  get inGuest(): boolean {
    return this.state.inGuest;
  }

  get inHost(): boolean {
    return !this.state.inGuest && (this.registers.efer & EFER.SVME) !== 0;
  }

  get current(): number {
    return this.state.current;
  }

  get exitReason(): number {
    return svmReason(this.vmcb.lo(VMCB.EXITCODE));
  }

  /** RAX is the host's again; the other general registers are the guest's until the host loads others. */
  get intercepted(): Intercepted | undefined {
    const { vmcb } = this;
    const info = vmcb.lo(VMCB.EXITINFO1);
    switch (vmcb.lo(VMCB.EXITCODE)) {
      case SVM_EXIT.VMMCALL:
        return { kind: 'hypercall', number: vmcb.lo(VMCB.RAX) >>> 0 };
      case SVM_EXIT.MSR:
        return { kind: 'msr', index: this.registers.gprLo(GPR.RCX), write: info !== 0 };
      case SVM_EXIT.IOIO:
        return { kind: 'port', port: info >>> IOIO.PORT_SHIFT, write: (info & IOIO.IN) === 0 };
      default:
        return undefined;
    }
  }

  get holdsEvents(): boolean {
    return !this.state.gif;
  }

  get interceptor(): Interceptor | undefined {
    return this.state.inGuest ? this.guest : undefined;
  }

  get guestInterceptor(): GuestInterceptor {
    if (this.guest === undefined) throw new Error('Svm.connect has not been called');
    return this.guest;
  }

  get nestedRoot(): NestedRoot | undefined {
    return this.secondDimension.active ? { format: 'npt', pointer: this.secondDimension.root } : undefined;
  }

  /** A guest's writes to CR0 and CR4 are intercepted as a whole or are its own. */
  hostOwned(): number {
    return 0;
  }

  // --- VMRUN and #VMEXIT ----------------------------------------------------------------------------

  /** Whether a page is RAM, as a VMCB has to be. */
  hasPage(address: number): boolean {
    return this.physical.has(address, VMCB_SIZE);
  }

  /** What the consistency checks look at. */
  get runContext(): RunContext {
    const { vmcb, cr4Allowed, cpuid, isNested } = this;
    const eferAllowed = writableEfer(cpuid) | EFER.LMA;
    const hostPaging = this.registers.cr0 < 0;
    return { vmcb, cr4Allowed, eferAllowed, asids: ASIDS, nested: isNested, hostPaging };
  }

  /** The VMCB asks for nested paging. */
  get isNested(): boolean {
    return (this.vmcb.lo(VMCB.NP_CONTROL) & 1) !== 0 && hasFeature(this.cpuid, 'npt');
  }

  /** Does what TLB_CONTROL says. */
  controlTlb(): void {
    const { translations, secondDimension, vmcb } = this;
    const asid = vmcb.lo(VMCB.GUEST_ASID);
    const dropPages = (): void => secondDimension.invalidate((tag) => Math.floor(tag / PAGES) === asid);
    switch (vmcb.lo(VMCB.TLB_CONTROL)) {
      case TLB_CONTROL.FLUSH_ALL:
        translations.flushEverything();
        secondDimension.invalidate();
        return;
      case TLB_CONTROL.FLUSH_GUEST:
        translations.flushVpid(asid);
        dropPages();
        return;
      case TLB_CONTROL.FLUSH_GUEST_NONGLOBAL:
        translations.flushVpidNonglobal(asid);
        dropPages();
        return;
    }
  }

  /** Uses nested page tables and translations as the VMCB says, when CR3 and CR4 are the guest's. */
  applyGuestPaging(hostEfer: number): void {
    const { vmcb, registers, translations, secondDimension } = this;
    const asid = vmcb.lo(VMCB.GUEST_ASID);
    const page = this.isNested ? Math.floor(vmcb.number(VMCB.N_CR3) / 0x1000) : 0;
    this.tables.noExecute = (hostEfer & EFER.NXE) !== 0;
    if (this.isNested) secondDimension.use(page * 0x1000, asid * PAGES + page);
    else secondDimension.stop();
    translations.select(asid, page, currentPcid(registers));
    // Pages with data breakpoints have no entries, and those here are of a time with other breakpoints.
    if (hasDataBreakpoints(registers)) translations.flushVpid();
  }

  applyHostPaging(): void {
    this.secondDimension.stop();
    this.translations.select(0, 0, currentPcid(this.registers));
  }

  // --- VirtualizationExtension ------------------------------------------------------------------

  readMsr(index: number): { lo: number; hi: number } | undefined {
    if (!hasFeature(this.cpuid, 'svm')) return undefined;
    if (index === SVM_MSR.VM_CR) return { lo: this.state.vmCr, hi: 0 };
    if (index !== SVM_MSR.VM_HSAVE_PA) return undefined;
    const { hostSaveArea } = this.state;
    return { lo: hostSaveArea >>> 0, hi: Math.floor(hostSaveArea / 0x1_0000_0000) };
  }

  writeMsr(index: number, lo: number, hi: number): boolean {
    if (!hasFeature(this.cpuid, 'svm')) return false;
    if (index === SVM_MSR.VM_CR) return this.writeVmCr(lo, hi);
    if (index !== SVM_MSR.VM_HSAVE_PA || !isPhysical(lo, hi, VMCB_SIZE)) return false;
    this.state.hostSaveArea = hi * 0x1_0000_0000 + (lo >>> 0);
    this.hostArea.select(this.state.hostSaveArea);
    return true;
  }

  /** While LOCK is set, writes to SVMDIS and LOCK are ignored. SVM in use cannot be disabled. */
  private writeVmCr(lo: number, hi: number): boolean {
    const { state, registers } = this;
    if (hi !== 0 || (lo & ~(VM_CR.LOCK | VM_CR.SVMDIS)) !== 0) return false;
    if ((state.vmCr & VM_CR.LOCK) !== 0) return true;
    if ((lo & VM_CR.SVMDIS) !== 0 && (registers.efer & EFER.SVME) !== 0) return false;
    state.vmCr = lo;
    return true;
  }

  allowsCr0(): boolean {
    return true;
  }

  allowsCr4(): boolean {
    return true;
  }

  acceptEfer(value: number): boolean {
    if ((value & EFER.SVME) !== 0) return (this.state.vmCr & VM_CR.SVMDIS) === 0;
    // What becomes of a guest without SVM is undefined: a guest is refused.
    if (this.state.inGuest) return false;
    this.state.current = -1;
    return true;
  }
}
