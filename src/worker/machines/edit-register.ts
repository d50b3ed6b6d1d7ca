import { NAMED_MSRS, refusedValue } from '../../arch/named-msrs.ts';
import { SEG } from '../../arch/registers.ts';
import type { MachineEdit } from '../../protocol/edits.ts';
import { generalName, pointerName, segmentName } from '../../protocol/register-names.ts';
import { Refusal } from '../refusal.ts';
import { modeOf } from '../views/modes.ts';
import type { ProcessorState, SegmentState } from '../views/processor-state.ts';
import { type Limits, refusedControl } from './control-rules.ts';
import { editFloat, type FloatRegisters } from './edit-float.ts';
import { fits } from './fits.ts';
import { loadedSegment, type ReadTable } from './segment-load.ts';

export type ControlName = 'cr0' | 'cr2' | 'cr3' | 'cr4' | 'efer';

/** The registers of a vCPU, wherever they are now. Values have been checked. */
export interface RegisterFile {
  readonly state: ProcessorState;
  readonly limits: Limits;
  /** Its registers are in its VMCS, not in a processor. */
  readonly switchedOut: boolean;
  /** Bits of CR0 or CR4 that the hypervisor keeps for itself. */
  owned(register: 'cr0' | 'cr4'): number;
  readTable: ReadTable;
  setGeneral(n: number, value: bigint): void;
  setRip(value: bigint): void;
  setRflags(value: bigint): void;
  setSegment(n: number, segment: SegmentState): void;
  /** False: the processor does not take the value, and has not changed. */
  setControl(register: ControlName, value: bigint): boolean;
  setDebug(n: number, value: bigint): void;
  /** The x87 and SSE registers themselves. */
  readonly float: FloatRegisters;
  /** False: there is no such MSR here, or it does not take the value. */
  setMsr(index: number, value: bigint): boolean;
}

type RegisterEdit = Extract<MachineEdit, { kind: 'register' }>;

const FLAG_NAMES: readonly string[] = ['rflags', 'eflags', 'flags'];
const CONTROL: readonly string[] = ['cr0', 'cr2', 'cr3', 'cr4', 'efer'] satisfies ControlName[];
const isControl = (name: string): name is ControlName => CONTROL.includes(name);

/** Sets a register. Throws a `Refusal`, and changes nothing, where the hardware would not take the value. */
export function editRegister({ register, value }: RegisterEdit, file: RegisterFile): void {
  const name = register.toLowerCase();
  if (editFloat(name, value, file.float)) return;
  if (value < 0n || value >> 64n !== 0n) throw new Refusal('A register has at most 64 bits.', name);
  const { state } = file;
  const general = generalName(name);
  if (general !== undefined) {
    const { number, bits } = general;
    fits(name, value, bits);
    const before = state.general[number] ?? 0n;
    file.setGeneral(number, bits === 16 ? (before & ~0xffffn) | value : value);
    return;
  }
  const pointer = pointerName(name);
  if (pointer !== undefined) {
    checkRip(name, state, value);
    file.setRip(value);
    return;
  }
  if (FLAG_NAMES.includes(name)) {
    checkControl('rflags', value, file);
    file.setRflags(value);
    return;
  }
  const segment = segmentName(name);
  if (segment !== undefined) {
    fits(name, value, 16);
    file.setSegment(segment, loadedSegment(state, segment, Number(value), file.readTable));
    return;
  }
  const base = /^(fs|gs)_base$/.exec(name)?.[1];
  if (base !== undefined) {
    canonical(name, value);
    const n = segmentName(base) ?? 0;
    const before = state.segments[n];
    if (before !== undefined) file.setSegment(n, { ...before, base: value });
    return;
  }
  if (isControl(name)) {
    checkControl(name, value, file);
    if (!file.setControl(name, value)) throw notTaken(name);
    return;
  }
  const debug = /^dr([0-367])$/.exec(name);
  if (debug !== null) {
    const n = Number(debug[1]);
    if (n > 3) fits(name, value, 32);
    file.setDebug(n, value);
    return;
  }
  const msr = NAMED_MSRS.find((one) => one.name === name);
  if (msr === undefined)
    throw new Refusal(
      'This register cannot be changed here.',
      name,
      'General, segment, control, debug, x87 and SSE registers, RIP, RFLAGS and the MSRs that are shown can.',
    );
  const why = refusedValue(msr, value);
  if (why !== undefined) throw new Refusal(why, name);
  if (!file.setMsr(msr.index, value)) throw notTaken(name);
}

function canonical(name: string, value: bigint): void {
  if (BigInt.asUintN(64, BigInt.asIntN(48, value)) !== value)
    throw new Refusal('The address is not canonical.', name, 'Bits 63:47 have to be equal.');
}

function checkRip(name: string, state: ProcessorState, value: bigint): void {
  if (modeOf(state).bitness === 64) {
    canonical(name, value);
    return;
  }
  const limit = state.segments[SEG.CS]?.limit ?? 0;
  if (value > BigInt(limit))
    throw new Refusal(
      `The address is beyond the limit of CS, 0x${limit.toString(16)}.`,
      name,
      'Give an offset in the code segment.',
    );
}

function checkControl(name: ControlName | 'rflags', value: bigint, file: RegisterFile): void {
  const { state, limits, switchedOut } = file;
  const refuse = (why: string) => new Refusal(`${name} does not take 0x${value.toString(16)}: ${why}.`, name);
  const why = refusedControl(name, { state, value, limits }, switchedOut);
  if (why !== undefined) throw refuse(why);
  if (name !== 'cr0' && name !== 'cr4') return;
  const owned = (state[name] ^ value) & BigInt(file.owned(name) >>> 0);
  if (owned !== 0n)
    throw refuse(
      `bit ${owned.toString(2).length - 1} belongs to the hypervisor (guest/host mask of the VMCS)`,
    );
}

function notTaken(name: string): Refusal {
  return new Refusal('The processor does not take this value: writing it raises #GP(0).', name);
}
