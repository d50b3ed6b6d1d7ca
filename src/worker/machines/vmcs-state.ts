import { GPR } from '../../arch/registers.ts';
import { FIELD, FIELD_STEP } from '../../arch/vmcs.ts';
import { Vmcs } from '../../cpu/vmx/format.ts';
import type { Vcpu } from '../../hypervisor/vcpu.ts';
import { fromHalves } from '../views/numbers.ts';
import type { ProcessorState, SegmentState } from '../views/processor-state.ts';

/** Reaches any VMCS, current or not, straight in the memory that holds it. */
export class VmcsReader {
  readonly #vmcs: Vmcs;
  readonly #ram: number;

  /** `ram`: where host-physical address 0 is in the linear memory. */
  constructor(memory: WebAssembly.Memory, ram: number) {
    this.#vmcs = new Vmcs(new Int32Array(memory.buffer));
    this.#ram = ram;
  }

  /** Is told of each write to the VMCS that `of` has given, by host-physical address. */
  set onWrite(written: (address: number, bytes: number) => void) {
    this.#vmcs.onWrite = (at, bytes) => written(at - this.#ram, bytes);
  }

  eptPointer(vmcs: number): number {
    this.#vmcs.select(this.#ram + vmcs);
    return this.#vmcs.number(FIELD.EPT_POINTER);
  }

  /** The VMCS itself, until another one is asked for. */
  of(vmcs: number): Vmcs {
    this.#vmcs.select(this.#ram + vmcs);
    return this.#vmcs;
  }

  /** DPL of SS, which is the CPL. */
  cpl(vmcs: number): 0 | 1 | 2 | 3 {
    this.#vmcs.select(this.#ram + vmcs);
    return ((this.#vmcs.lo(FIELD.GUEST_SS_ACCESS_RIGHTS) >> 5) & 3) as 0 | 1 | 2 | 3;
  }

  /** A vCPU that is not executing: its guest-state area, and the registers that VMX does not switch. */
  state(vcpu: Vcpu): ProcessorState {
    const vmcs = this.#vmcs;
    vmcs.select(this.#ram + vcpu.vmcs);
    const wide = (field: number) => fromHalves(vmcs.lo(field), vmcs.hi(field));
    const narrow = (field: number) => vmcs.lo(field) >>> 0;
    const { gprs, loadedOn, saved } = vcpu;
    const general = Object.values(GPR).map((n) =>
      n === GPR.RSP ? wide(FIELD.GUEST_RSP) : fromHalves(gprs[2 * n] ?? 0, gprs[2 * n + 1] ?? 0),
    );
    const segment = (n: number): SegmentState => ({
      selector: narrow(FIELD.GUEST_ES_SELECTOR + n * FIELD_STEP) & 0xffff,
      base: wide(FIELD.GUEST_ES_BASE + n * FIELD_STEP),
      limit: narrow(FIELD.GUEST_ES_LIMIT + n * FIELD_STEP),
      attributes: narrow(FIELD.GUEST_ES_ACCESS_RIGHTS + n * FIELD_STEP),
    });
    return {
      general,
      rip: wide(FIELD.GUEST_RIP),
      rflags: wide(FIELD.GUEST_RFLAGS),
      segments: Array.from({ length: 8 }, (_, n) => segment(n)),
      gdtr: { base: wide(FIELD.GUEST_GDTR_BASE), limit: narrow(FIELD.GUEST_GDTR_LIMIT) },
      idtr: { base: wide(FIELD.GUEST_IDTR_BASE), limit: narrow(FIELD.GUEST_IDTR_LIMIT) },
      cr0: wide(FIELD.GUEST_CR0),
      cr2:
        loadedOn === undefined
          ? fromHalves(saved.cr2Lo, saved.cr2Hi)
          : fromHalves(loadedOn.cr2Lo, loadedOn.cr2Hi),
      cr3: wide(FIELD.GUEST_CR3),
      cr4: wide(FIELD.GUEST_CR4),
      efer: wide(FIELD.GUEST_IA32_EFER),
      cpl: this.cpl(vcpu.vmcs),
    };
  }
}
