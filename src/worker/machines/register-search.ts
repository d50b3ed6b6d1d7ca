import { GPR, SEG } from '../../arch/registers.ts';
import type { RingCrossing } from '../../cpu/crossings.ts';
import type { Processor } from '../../cpu/processor.ts';
import { CODE_MODE_SIZE } from '../../isa/modes.ts';
import type { BackSearch } from '../../machine/time/history.ts';
import { sameVcpu, type VcpuRef } from '../../protocol/target.ts';
import { modeOf } from '../views/modes.ts';
import type { ProcessorState } from '../views/processor-state.ts';
import type { LabMachine, VcpuAccess } from './lab-machine.ts';
import { linearReader } from './linear-memory.ts';
import type { NamedRegister } from './named-register.ts';
import type { RegisterWrite } from './register-write.ts';

/** What an instruction does to a register; by its bytes. */
export type WriteOf = (bytes: Uint8Array, bitness: 16 | 32 | 64, register: NamedRegister) => RegisterWrite;

export interface SearchedRegister {
  readonly machine: LabMachine;
  readonly on: VcpuRef;
  readonly register: NamedRegister;
  readonly writeOf: WriteOf;
}

const LONGEST_INSTRUCTION = 15;
const PAGE = 0x1000;

/**
 * A search for what wrote a register of a vCPU last. It is written by an instruction that has it as a
 * destination, also when it keeps its value. What may write it or not (conditional moves, undefined flags, events,
 * system instructions beyond their operands, the hypervisor, input) counts when the value is another one after it.
 *
 * Runs stop before the instructions that may write it and behind whatever else may.
 */
export class RegisterSearch implements BackSearch {
  readonly orNow = true;
  readonly #of: SearchedRegister;
  readonly #known = new Map<string, RegisterWrite>();
  /** An event has been delivered since this was cleared. */
  #delivered = false;
  #isWatching = false;

  constructor(of: SearchedRegister) {
    this.#of = of;
  }

  readonly watch = (): (() => void) => {
    const { machine, on } = this.#of;
    const { computer } = machine;
    const undo = computer.processors.map((processor) => {
      const { breakpointFilter, observer } = processor;
      processor.breakpointFilter = () => processor.found.isMarked && sameVcpu(machine.running(processor), on);
      processor.observer = {
        delivering: () => {
          this.#delivered = true;
          computer.pause();
        },
        executed: () => {},
      };
      processor.setMark((bytes, mode) => {
        const { operand, address } = CODE_MODE_SIZE[mode];
        return this.#writeOf(bytes, address === 64 ? 64 : operand) !== 'no';
      });
      return () => {
        processor.setMark(undefined);
        Object.assign(processor, { breakpointFilter, observer });
      };
    });
    this.#isWatching = true;
    return () => {
      this.#isWatching = false;
      for (const one of undo) one();
    };
  };

  /** Told of every crossing: around VM exits the hypervisor may write registers. */
  crossed({ from, to }: RingCrossing): void {
    if (this.#isWatching && (from === -1 || to === -1)) this.#of.machine.computer.pause();
  }

  readonly run = (until: number): boolean => {
    const { computer } = this.#of.machine;
    const before = this.#value();
    if (computer.enterNext()) return this.#value() !== before;
    const stop = computer.runTo(Math.min(until, computer.journal.nextPosition));
    const value = this.#value();
    if (stop.kind !== 'breakpoint' || value !== before) return value !== before;
    const processor = computer.processors[stop.cpu];
    const writes = this.#isWritten(processor);
    const { inHost } = processor.virtualization;
    this.#delivered = false;
    computer.step();
    // An instruction that faulted, or made a VM exit, has written nothing.
    const completed = !this.#delivered && (inHost || !processor.virtualization.inHost);
    return (writes && completed) || this.#value() !== value;
  };

  #value(): bigint | string | undefined {
    const { machine, on, register } = this.#of;
    const access = machine.access(on);
    return access && register.read(access);
  }

  /** Whether the next instruction writes it for certain, if it completes. */
  #isWritten(processor: Processor): boolean {
    const { machine, on, register } = this.#of;
    const access = machine.access(on);
    if (access === undefined) return false;
    const { state } = access;
    const bytes = this.#code(processor, access);
    if (isWrmsr(bytes)) return register.msrs.includes(Number(state.general[GPR.RCX] & 0xffff_ffffn));
    return this.#writeOf(bytes, modeOf(state).bitness) === 'always';
  }

  /** Bytes of the next instruction, and some behind it. */
  #code(processor: Processor, access: VcpuAccess): Uint8Array {
    const { ram } = this.#of.machine.computer;
    const { physical } = processor.found;
    if ((physical % PAGE) + LONGEST_INSTRUCTION <= PAGE) return ram.read(physical, LONGEST_INSTRUCTION);
    return linearReader(access, ram)(codeAddress(access.state), LONGEST_INSTRUCTION);
  }

  #writeOf(bytes: Uint8Array, bitness: 16 | 32 | 64): RegisterWrite {
    const key = String.fromCharCode(bitness, ...bytes);
    let write = this.#known.get(key);
    if (write === undefined) {
      write = this.#of.writeOf(bytes, bitness, this.#of.register);
      this.#known.set(key, write);
    }
    return write;
  }
}

/** Linear address of the next instruction. */
function codeAddress(state: ProcessorState): bigint {
  const base = modeOf(state).bitness === 64 ? 0n : (state.segments[SEG.CS]?.base ?? 0n);
  return base + state.rip;
}

const isWrmsr = ([first, second]: Uint8Array): boolean => first === 0x0f && second === 0x30;
