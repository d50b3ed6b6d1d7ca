/**
 * Runs a guest program in SVM guest mode under a host of a few lines in 64-bit mode: a guest in real-address mode
 * at its label `start`, its memory mapped one to one by nested page tables, with the computer's own ports. The
 * test sees every #VMEXIT, and changes the VMCB, by way of a port that the host writes to.
 */
import { EFER, SEG } from '../../arch/registers.ts';
import { EVENT } from '../../arch/svm.ts';
import { SVM_EXIT } from '../../arch/svm-exits.ts';
import { VMCB, type VmcbField } from '../../arch/vmcb.ts';
import { Svm } from '../../cpu/svm/svm.ts';
import { Vmcb } from '../../cpu/svm/vmcb.ts';
import type { Computer, ComputerStop } from '../computer.ts';
import { type GuestOptions, loadGuest } from './run-guest.ts';

/** Where the host keeps things; guest code and stack are below 64 KiB. */
export const SVM_AREA = {
  VMCB: 0x10_0000,
  HOST_SAVE: 0x10_1000,
  NESTED_PML4: 0x10_2000,
  NESTED_PDPT: 0x10_3000,
  NESTED_PD: 0x10_4000,
  NESTED_PT: 0x10_5000,
  IOPM: 0x10_8000,
  MSRPM: 0x10_b000,
  FREE: 0x11_0000,
} as const;

const GUEST_STACK = 0xf000;
/** The host is about to run the guest for the first time; the guest has exited. */
const PORT = { SET_UP: 0x500, EXITED: 0x501 } as const;
/** Debug exit status of a run that a test has stopped. */
export const STOPPED = 0x777;

/** What a #VMEXIT reported. */
export interface SvmExit {
  readonly code: number;
  readonly info1: bigint;
  readonly info2: bigint;
  readonly interrupted: bigint;
  readonly nextRip: number;
  readonly rip: number;
}

/** The VMCB, and what belongs to it in memory. */
export class GuestControl {
  readonly computer: Computer;
  readonly vmcb: Vmcb;

  constructor(computer: Computer) {
    this.computer = computer;
    this.vmcb = new Vmcb(computer.memory, (address, bytes) => computer.code.written(address, bytes));
    this.vmcb.select(SVM_AREA.VMCB);
  }

  readonly get = (field: VmcbField): number => this.vmcb.lo(field) >>> 0;

  big(field: VmcbField): bigint {
    return (BigInt(this.vmcb.hi(field) >>> 0) << 32n) | BigInt(this.vmcb.lo(field) >>> 0);
  }

  readonly set = (field: VmcbField, lo: number, hi = 0): void => this.vmcb.set(field, lo, hi);

  or(field: VmcbField, bits: number): void {
    this.vmcb.set(field, this.vmcb.lo(field) | bits, field.width === 8 ? this.vmcb.hi(field) : 0);
  }

  /** Asks for exits with these codes. */
  intercept(...codes: readonly number[]): void {
    for (const code of codes) this.or({ offset: (code >> 5) * 4, width: 4 }, 1 << (code & 31));
  }

  write32(address: number, value: number): void {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value, true);
    this.computer.ram.write(address, bytes);
  }

  read32(address: number): number {
    return new DataView(this.computer.ram.read(address, 4).slice().buffer).getUint32(0, true);
  }

  /** Sets a bit of a permission map. */
  mark(map: number, bit: number): void {
    const at = map + (bit >> 5) * 4;
    this.write32(at, this.read32(at) | (1 << (bit & 31)));
  }

  /** Changes the nested entry of a page in the first 2 MiB; the change counts after a flush. */
  setPage(page: number, lo: number, hi = 0): void {
    this.write32(SVM_AREA.NESTED_PT + (page >>> 12) * 8, lo);
    this.write32(SVM_AREA.NESTED_PT + (page >>> 12) * 8 + 4, hi);
  }

  entryOf(page: number): number {
    return this.read32(SVM_AREA.NESTED_PT + (page >>> 12) * 8);
  }
}

/** Makes the guest a 64-bit one, in the host's address space. */
export function inLongMode({ computer, set }: GuestControl): void {
  const { regs } = computer.processor;
  set(VMCB.CR0, regs.cr0);
  set(VMCB.CR3, regs.cr3);
  set(VMCB.CR4, regs.cr4);
  set(VMCB.EFER, regs.efer);
  set(VMCB.CS_ATTRIBUTES, 0xa9b);
}

export type Verdict = 'resume' | 'skip' | 'stop';

export interface SvmOptions extends GuestOptions {
  /** Changes the VMCB before the first VMRUN. */
  readonly setUp?: (guest: GuestControl) => void;
  /** `skip` (when absent): goes on behind the instruction. `resume`: where it is. `stop`: ends the run. */
  readonly onExit?: (exit: SvmExit, guest: GuestControl) => Verdict;
  /** Hears of accesses to other ports, in the guest or the host, before they are made. */
  readonly onPort?: (port: number, guest: GuestControl) => void;
  /** Instructions of the host before the first VMRUN, in 64-bit mode. */
  readonly host?: string;
  /** Instructions of the host around each VMRUN. */
  readonly before?: string;
  readonly after?: string;
}

export interface SvmRun {
  readonly exits: readonly SvmExit[];
  readonly output: string;
  readonly stop: ComputerStop;
  readonly guest: GuestControl;
  readonly svm: Svm;
}

/** The host; its exception handlers report as those of long.inc. */
const program = (guest: string, { host = '', before = '', after = '' }: SvmOptions): string => `
VMCB      equ ${SVM_AREA.VMCB}
HOST_SAVE equ ${SVM_AREA.HOST_SAVE}
        jmp host
${guest.replace(/\bstart\s*:/, 'guest:')}
%include "long.inc"
bits 16
start:
host:   enter_long
        set_msr EFER, 0x1d01            ; SVME, NXE, LMA, LME, SCE
        set_msr 0xc0010117, HOST_SAVE
        mov qword [abs VMCB + ${VMCB.RIP.offset}], guest
        mov edx, ${PORT.SET_UP}
        out dx, al
${host}
run_guest:
        mov eax, VMCB
${before}
        vmrun
${after}
        mov edx, ${PORT.EXITED}
        out dx, al
        jmp run_guest
`;

function fillVmcb(guest: GuestControl): void {
  const { NESTED_PML4, NESTED_PDPT, NESTED_PD, NESTED_PT } = SVM_AREA;
  guest.write32(NESTED_PML4, NESTED_PDPT | 7);
  guest.write32(NESTED_PDPT, NESTED_PD | 7);
  guest.write32(NESTED_PD, NESTED_PT | 7);
  for (let i = 1; i < 512; i++) guest.write32(NESTED_PD + 8 * i, (i << 21) | 0x87);
  for (let i = 0; i < 512; i++) guest.write32(NESTED_PT + 8 * i, (i << 12) | 7);
  guest.intercept(SVM_EXIT.VMRUN, SVM_EXIT.SHUTDOWN);
  guest.set(VMCB.GUEST_ASID, 1);
  guest.set(VMCB.NP_CONTROL, 1);
  guest.set(VMCB.N_CR3, NESTED_PML4);
  guest.set(VMCB.IOPM_BASE_PA, SVM_AREA.IOPM);
  guest.set(VMCB.MSRPM_BASE_PA, SVM_AREA.MSRPM);
  guest.set(VMCB.EFER, EFER.SVME);
  for (const name of ['ES', 'CS', 'SS', 'DS', 'FS', 'GS'] as const) {
    guest.set(VMCB[`${name}_LIMIT`], 0xffff);
    guest.set(VMCB[`${name}_ATTRIBUTES`], SEG[name] === SEG.CS ? 0x9b : 0x93);
  }
  guest.set(VMCB.GDTR_LIMIT, 0xffff);
  guest.set(VMCB.IDTR_LIMIT, 0x3ff);
  guest.set(VMCB.RFLAGS, 2);
  guest.set(VMCB.RSP, GUEST_STACK);
  guest.set(VMCB.DR6, 0xffff_0ff0);
  guest.set(VMCB.DR7, 0x400);
  guest.set(VMCB.G_PAT, 0x0007_0406, 0x0007_0406);
}

const readExit = (guest: GuestControl): SvmExit => ({
  code: guest.vmcb.lo(VMCB.EXITCODE),
  info1: guest.big(VMCB.EXITINFO1),
  info2: guest.big(VMCB.EXITINFO2),
  interrupted: guest.big(VMCB.EXITINTINFO),
  nextRip: Number(guest.big(VMCB.NRIP)),
  rip: Number(guest.big(VMCB.RIP)),
});

export function runSvm(source: string, options: SvmOptions = {}): SvmRun {
  const { computer, output } = loadGuest(program(source, options), { ...options, virtualization: 'amd-v' });
  const guest = new GuestControl(computer);
  const exits: SvmExit[] = [];
  computer.portObserver = (_, port) => {
    if (port === PORT.SET_UP) {
      fillVmcb(guest);
      options.setUp?.(guest);
    }
    if (port !== PORT.EXITED) {
      options.onPort?.(port, guest);
      return;
    }
    const exit = readExit(guest);
    exits.push(exit);
    const verdict = options.onExit?.(exit, guest) ?? 'skip';
    if (verdict === 'stop' || exit.code === SVM_EXIT.INVALID)
      computer.finish({ kind: 'exit', status: STOPPED });
    else if (verdict === 'skip') guest.vmcb.setNumber(VMCB.RIP, exit.nextRip);
  };
  const stop = computer.run(options.limit ?? 5_000_000);
  const svm = computer.processor.virtualization;
  if (!(svm instanceof Svm)) throw new Error('the computer has no AMD-V');
  return { exits, output: output(), stop, guest, svm };
}

/** EVENTINJ, low half. */
export const eventToInject = (type: number, vector: number, hasErrorCode = false): number =>
  EVENT.VALID | (type << EVENT.TYPE_SHIFT) | vector | (hasErrorCode ? EVENT.ERROR_CODE_VALID : 0);
