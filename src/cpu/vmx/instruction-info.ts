/**
 * The VM-exit instruction-information field. SDM volume 3C, "Information for VM Exits Due to
 * Instruction Execution".
 *
 *   31 28 27    26 23 22     21 18 17  15 14 13 11 10  9  7 6   3 2 1 0
 *   reg2  no base base no idx index segment   size reg addr  reg1    scale
 */
import { SEG } from '../../arch/registers.ts';
import type { SystemContext } from '../system/context.ts';
import type { InterceptedInstruction } from '../system/intercept.ts';
import { operandSize } from '../system/operand.ts';
import type { DecodedRecord } from '../system/record.ts';

/** Register number that a record uses for "none". */
const NO_REGISTER = 16;

const ADDRESS_SIZE = { 16: 0, 32: 1, 64: 2 } as const;

/** Scale, address size, segment, index and base of a memory operand. */
function memoryOperand(record: DecodedRecord): number {
  const { baseRegister: base, indexRegister: index } = record;
  return (
    record.scale |
    (ADDRESS_SIZE[record.addressSize] << 7) |
    (record.segment << 15) |
    (index === NO_REGISTER ? 1 << 22 : index << 18) |
    (base === NO_REGISTER ? 1 << 27 : base << 23)
  );
}

/** Memory operand, or bit 10 and a register in 6:3. */
const operand = (record: DecodedRecord): number =>
  record.isMemory ? memoryOperand(record) : (1 << 10) | (record.rm << 3);

/** Identity of the descriptor-table instructions in bits 29:28. */
const TABLE_IDENTITY: Partial<Record<InterceptedInstruction, number>> = {
  sgdt: 0,
  sidt: 1,
  lgdt: 2,
  lidt: 3,
  sldt: 0,
  str: 1,
  lldt: 2,
  ltr: 3,
};

/** Instruction information of an intercepted instruction; 0 for those that report none. */
export function instructionInfo(kind: InterceptedInstruction, c: SystemContext): number {
  const { record } = c;
  switch (kind) {
    case 'vmclear':
    case 'vmptrld':
    case 'vmptrst':
    case 'vmxon':
      return memoryOperand(record);
    case 'vmread':
    case 'vmwrite':
      return operand(record) | (record.reg << 28);
    case 'invept':
    case 'invpcid':
    case 'invvpid':
      return memoryOperand(record) | (record.reg << 28);
    case 'sgdt':
    case 'sidt':
    case 'lgdt':
    case 'lidt': {
      const size32 = operandSize(c) === 16 ? 0 : 1 << 11;
      return memoryOperand(record) | size32 | ((TABLE_IDENTITY[kind] ?? 0) << 28);
    }
    case 'sldt':
    case 'str':
    case 'lldt':
    case 'ltr':
      return operand(record) | ((TABLE_IDENTITY[kind] ?? 0) << 28);
    default:
      return 0;
  }
}

/** Instructions whose exit qualification is the displacement of their memory operand. */
export const reportsDisplacement = (kind: InterceptedInstruction, c: SystemContext): boolean =>
  c.record.isMemory && instructionInfo(kind, c) !== 0;

/** Instruction information of INS and OUTS. */
export const stringIoInfo = (record: DecodedRecord, input: boolean): number =>
  (ADDRESS_SIZE[record.addressSize] << 7) | ((input ? SEG.ES : record.segment) << 15);
