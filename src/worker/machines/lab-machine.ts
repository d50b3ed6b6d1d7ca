import type { Clock } from '../../contracts/clock.ts';
import type { NestedRoot } from '../../contracts/nested-root.ts';
import type { Processor } from '../../cpu/processor.ts';
import type { Board } from '../../devices/board.ts';
import type { Computer, VirtualizationTechnique } from '../../machine/computer.ts';
import type { VmAction } from '../../protocol/commands.ts';
import type { MachineEdit } from '../../protocol/edits.ts';
import type { VmView } from '../../protocol/machine-view.ts';
import type { ConsoleChunk } from '../../protocol/messages.ts';
import type { RingPosition } from '../../protocol/rings-view.ts';
import type { VcpuRef, VmId } from '../../protocol/target.ts';
import type { ExtendedState } from '../views/extended-state.ts';
import type { ProcessorState } from '../views/processor-state.ts';
import type { ConsoleLog } from './console-log.ts';
import type { ControlStructure } from './control-structure.ts';
import type { CrossingRecords } from './crossing-records.ts';

/** One virtual CPU as the views need it, read from the hardware. */
export interface VcpuAccess {
  readonly state: ProcessorState;
  /** One of `ACTIVITY`. */
  readonly activity: number;
  /** What the processor below has. */
  readonly technique: VirtualizationTechnique;
  /** Undefined when guest-physical addresses are host-physical. */
  readonly nestedRoot: NestedRoot | undefined;
  /** What few views need, read now. */
  readonly extended: () => ExtendedState;
}

/**
 * One simulated computer of the lab and what runs on it: a guest of its own (bare machine), or the
 * hypervisor with its virtual machines.
 */
export interface LabMachine {
  readonly computer: Computer;
  readonly crossings: CrossingRecords;
  vms(): VmView[];
  control(vm: VmId, action: VmAction): void;
  consoleInput(vm: VmId, bytes: Uint8Array): void;
  takeConsoleOutput(): ConsoleChunk[];
  /** What a machine has written on its console; undefined: there is no such machine. */
  consoleLog(vm: VmId): ConsoleLog | undefined;
  /** An input from outside, as `consoleInput` is. Throws a `Refusal` and changes nothing where the hardware has no such state. */
  edit(edit: MachineEdit): void;
  /** Hears of each byte that a machine writes on its console. */
  onOutput: ((vm: VmId) => void) | undefined;
  /** The virtual CPU that a processor executes now; undefined while it is the hypervisor's. */
  running(processor: Processor): VcpuRef | undefined;
  /** The virtual CPU that an address of a VMCS (-1: none) stands for. */
  vcpuOf(processor: Processor, vmcs: number): VcpuRef | undefined;
  /** Undefined when there is no such virtual CPU. */
  access(on: VcpuRef): VcpuAccess | undefined;
  /** What a virtual CPU is kept in for its hypervisor; undefined: nothing. */
  structure(on: VcpuRef): ControlStructure | undefined;
  /** The devices that a machine's guest has, and their clock; undefined when there is no such machine. */
  boardOf(vm: VmId): { readonly board: Board; readonly clock: Clock } | undefined;
  positions(): RingPosition[];
  /** Nothing on it will ever run again, or everything is paused. */
  readonly isIdleForGood: boolean;
}
