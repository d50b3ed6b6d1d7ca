/** What an exit handler works with. One object a physical CPU, reused for every exit. */
import { FLAG, VECTOR } from '../../arch/registers.ts';
import { FIELD } from '../../arch/vmcs.ts';
import { BLOCKING, INTERRUPTION_TYPE, PENDING_DEBUG } from '../../arch/vmx.ts';
import type { HostCpu } from '../../contracts/host-cpu.ts';
import { codeBits, guestCpl, pagingRegisters, readSigned } from '../guest-state.ts';
import type { Hypervisor } from '../hypervisor.ts';
import type { Vcpu } from '../vcpu.ts';
import type { Vm } from '../vm.ts';
import type { PagingRegisters } from '../walk/entry.ts';
import { type Access, LinearTranslator } from '../walk/translate.ts';

export class ExitContext {
  readonly cpu: HostCpu;
  readonly hypervisor: Hypervisor;
  vcpu!: Vcpu;
  private readonly translator: LinearTranslator;

  constructor(cpu: HostCpu, hypervisor: Hypervisor) {
    this.cpu = cpu;
    this.hypervisor = hypervisor;
    this.translator = new LinearTranslator((address) => this.readGuestWord(address));
  }

  get vm(): Vm {
    return this.vcpu.vm;
  }

  get rip(): number {
    return readSigned(this.cpu, FIELD.GUEST_RIP);
  }

  /** Bits 31:0 of the exit qualification. */
  get qualification(): number {
    return this.cpu.vmread(FIELD.EXIT_QUALIFICATION);
  }

  /** Goes on behind the instruction that exited. */
  skipInstruction(): void {
    this.advance(this.cpu.vmread(FIELD.EXIT_INSTRUCTION_LENGTH));
  }

  /** Moves RIP by `length` bytes and ends what lasts for one instruction. */
  advance(length: number): void {
    const { cpu } = this;
    const lo = cpu.vmread(FIELD.GUEST_RIP) + length;
    const wraps = lo > 0xffff_ffff;
    if (!wraps || codeBits(cpu) !== 64)
      cpu.vmwrite(FIELD.GUEST_RIP, lo >>> 0, cpu.vmreadHigh(FIELD.GUEST_RIP));
    else cpu.vmwrite(FIELD.GUEST_RIP, lo >>> 0, (cpu.vmreadHigh(FIELD.GUEST_RIP) + 1) >>> 0);
    const blocking = cpu.vmread(FIELD.GUEST_INTERRUPTIBILITY);
    const shadow = BLOCKING.STI | BLOCKING.MOV_SS;
    if ((blocking & shadow) !== 0) cpu.vmwrite(FIELD.GUEST_INTERRUPTIBILITY, blocking & ~shadow);
    if ((cpu.vmread(FIELD.GUEST_RFLAGS) & FLAG.TF) !== 0) {
      const pending = cpu.vmread(FIELD.GUEST_PENDING_DEBUG);
      cpu.vmwrite(FIELD.GUEST_PENDING_DEBUG, pending | PENDING_DEBUG.SINGLE_STEP);
    }
  }

  // --- exceptions for the guest -------------------------------------------------------------------

  undefinedOpcode(): void {
    this.vcpu.injectException(VECTOR.UD);
  }

  generalProtection(): void {
    this.vcpu.injectException(VECTOR.GP, 0);
  }

  pageFault(linear: number, errorCode: number): void {
    this.cpu.setCr2(linear >>> 0, Math.floor(linear / 0x1_0000_0000) >>> 0);
    this.vcpu.inject(VECTOR.PF, INTERRUPTION_TYPE.HARDWARE_EXCEPTION, errorCode);
  }

  // --- guest memory -------------------------------------------------------------------------------

  get paging(): PagingRegisters {
    return pagingRegisters(this.cpu);
  }

  /** Guest-physical address of a linear one; -1 where it faults, with #PF injected if `inject`. */
  translate(linear: number, access: Access, inject: boolean): number {
    const user = guestCpl(this.cpu) === 3;
    const physical = this.translator.translate(this.paging, linear, access, user);
    if (physical < 0 && inject) this.pageFault(linear, this.translator.errorCode);
    return physical;
  }

  /** A word of guest-physical RAM; 0 where nothing has been written, all ones outside RAM. */
  private readGuestWord(address: number): number {
    const { memory } = this.vm;
    if (!memory.isRam(address)) return 0xffff_ffff;
    const offset = address % 0x1000;
    const frame = memory.ept.lookup(address - offset);
    return frame < 0 ? 0 : this.cpu.memory.read32(frame + offset);
  }
}
