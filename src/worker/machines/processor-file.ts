import { MSR } from '../../arch/msr.ts';
import type { Processor } from '../../cpu/processor.ts';
import { STATE } from '../../cpu/state.ts';
import { setControlRegister } from '../../cpu/system/control-registers.ts';
import { DR6, DR7 } from '../../cpu/system/debug-registers.ts';
import { refresh } from '../../cpu/system/mode.ts';
import { writeMsr } from '../../cpu/system/msr.ts';
import { CONTROL_BYTES } from '../../cpu/vmx/host-cpu.ts';
import { signedNumber } from '../views/numbers.ts';
import { stateOfProcessor } from '../views/processor-registers.ts';
import type { SegmentState } from '../views/processor-state.ts';
import { limitsOf } from './control-rules.ts';
import type { FloatRegisters } from './edit-float.ts';
import type { ControlName, RegisterFile } from './edit-register.ts';
import type { ReadTable } from './segment-load.ts';

const low = (value: bigint): number => Number(BigInt.asIntN(32, value));
const high = (value: bigint): number => Number(BigInt.asIntN(32, value >> 32n));

const NUMBER = { cr0: 0, cr2: 2, cr3: 3, cr4: 4 } as const;

/** The registers of what a processor executes now: its own on a bare machine, else those of a VM's vCPU. */
export class ProcessorFile implements RegisterFile {
  readonly switchedOut = false;
  readonly limits;
  readonly readTable: ReadTable;
  readonly #processor: Processor;

  constructor(processor: Processor, readTable: ReadTable) {
    this.#processor = processor;
    this.readTable = readTable;
    this.limits = limitsOf(processor.cpuid);
  }

  get state() {
    return stateOfProcessor(this.#processor.regs);
  }

  get float(): FloatRegisters {
    return floatRegisters(this.#processor);
  }

  owned(register: 'cr0' | 'cr4'): number {
    return this.#processor.virtualization.hostOwned(register);
  }

  setGeneral(n: number, value: bigint): void {
    this.#processor.regs.setGpr(n, low(value), high(value));
  }

  setRip(value: bigint): void {
    this.#processor.regs.setPair(STATE.RIP, low(value), high(value));
  }

  setRflags(value: bigint): void {
    const { regs } = this.#processor;
    regs.rflags = low(value);
    refresh(regs);
  }

  setSegment(n: number, segment: SegmentState): void {
    const { regs } = this.#processor;
    regs.setSegment(n, { ...segment, base: signedNumber(segment.base) });
    refresh(regs);
  }

  setControl(register: ControlName, value: bigint): boolean {
    if (register === 'efer') return this.setMsr(MSR.IA32_EFER, value);
    return setControlRegister(this.#processor, NUMBER[register], low(value) >>> 0, high(value) >>> 0);
  }

  setDebug(n: number, value: bigint): void {
    const { regs, memory } = this.#processor;
    regs.setDr(n, debugLow(n, low(value)), n > 3 ? 0 : high(value));
    // Pages with data breakpoints are kept out of the TLBs.
    memory.flush('everything');
  }

  setMsr(index: number, value: bigint): boolean {
    return writeMsr(this.#processor, index, low(value), high(value));
  }
}

export const floatRegisters = ({ regs }: Processor): FloatRegisters => ({
  xmm: regs.u8.subarray(STATE.XMM, STATE.XMM + 256),
  x87: regs.u8.subarray(STATE.X87, STATE.X87 + 128),
  control: regs.u8.subarray(STATE.FCW, STATE.FCW + CONTROL_BYTES),
  trap: regs.u8.subarray(STATE.FPU_TRAP, STATE.FPU_TRAP + 1),
});

/** Bits 31:0 of a debug register with the bits that are fixed. */
export function debugLow(n: number, value: number): number {
  if (n === 6) return (value & ~DR6.FIXED & (DR6.B | DR6.BD | DR6.BS | DR6.BT)) | DR6.FIXED;
  if (n === 7) return (value & ~DR7.FIXED_0) | DR7.FIXED_1;
  return value;
}
