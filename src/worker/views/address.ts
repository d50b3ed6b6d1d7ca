import { GPR, SEG } from '../../arch/registers.ts';
import type { AddressExpression } from '../../protocol/memory-view.ts';
import { generalName, pointerName, segmentName } from '../../protocol/register-names.ts';
import type { AddressSpace } from '../../protocol/target.ts';
import { modeOf } from './modes.ts';
import type { ProcessorState } from './processor-state.ts';

/** Value of a register by its name in lower case: general registers, RIP, CR2, CR3, bases of tables. */
function addressOf(state: ProcessorState, name: string): bigint | undefined {
  const general = generalName(name);
  if (general !== undefined) return BigInt.asUintN(general.bits, state.general[general.number] ?? 0n);
  const pointer = pointerName(name);
  if (pointer !== undefined) return BigInt.asUintN(pointer, state.rip);
  switch (name) {
    case 'cr2':
      return state.cr2;
    // Without PWT, PCD and PCID: where the tables are.
    case 'cr3':
      return state.cr3 & ~0xfffn;
    case 'gdtr':
      return state.gdtr.base;
    case 'idtr':
      return state.idtr.base;
    case 'ldtr':
      return state.segments[SEG.LDTR]?.base;
    case 'tr':
      return state.segments[SEG.TR]?.base;
  }
  return undefined;
}

/**
 * What an expression comes to now. Outside 64-bit mode a linear address by way of a general register or
 * RIP gets the base of the segment that the processor would use for it. Unknown names count as 0.
 */
export function evaluate(state: ProcessorState, space: AddressSpace, at: AddressExpression): bigint {
  const long = modeOf(state).bitness === 64;
  const segment = at.segment === null ? impliedSegment(at.register, long) : segmentName(at.segment);
  const base = space === 'linear' && segment !== undefined ? (state.segments[segment]?.base ?? 0n) : 0n;
  const value = at.register === null ? 0n : (addressOf(state, at.register) ?? 0n);
  const sum = base + value + at.offset;
  return BigInt.asUintN(long || space !== 'linear' ? 64 : 32, sum);
}

function impliedSegment(register: string | null, long: boolean): number | undefined {
  if (long || register === null) return undefined;
  if (pointerName(register) !== undefined) return SEG.CS;
  const general = generalName(register);
  if (general === undefined) return undefined;
  return general.number === GPR.RSP || general.number === GPR.RBP ? SEG.SS : SEG.DS;
}
