/** Far branches, interrupts, and the fast system calls. SDM volume 2. */
import type { Instruction } from '../definition.ts';

export const transferInstructions: readonly Instruction[] = [
  {
    mnemonic: 'CALL',
    encoding: '9A',
    operands: 'Ap',
    attributes: 'i64',
    semantics: { system: 'farCallDirect' },
  },
  {
    mnemonic: 'JMP',
    encoding: 'EA',
    operands: 'Ap',
    attributes: 'i64',
    semantics: { system: 'farJumpDirect' },
  },
  { mnemonic: 'CALL', encoding: 'FF /3', operands: 'Mp', semantics: { system: 'farCallIndirect' } },
  { mnemonic: 'JMP', encoding: 'FF /5', operands: 'Mp', semantics: { system: 'farJumpIndirect' } },
  { mnemonic: 'RETF', encoding: 'CA', operands: 'Iw', semantics: { system: 'farReturnRelease' } },
  { mnemonic: 'RETF', encoding: 'CB', attributes: 'v', semantics: { system: 'farReturn' } },
  { mnemonic: 'IRET', encoding: 'CF', attributes: 'v', semantics: { system: 'iret' } },

  { mnemonic: 'INT3', encoding: 'CC', semantics: { system: 'int3' } },
  { mnemonic: 'INT', encoding: 'CD', operands: 'Ib', semantics: { system: 'int' } },
  { mnemonic: 'INTO', encoding: 'CE', attributes: 'i64', semantics: { system: 'into' } },
  { mnemonic: 'INT1', encoding: 'F1', semantics: { system: 'int1' } },

  { mnemonic: 'SYSCALL', encoding: '0F 05', feature: 'syscall', semantics: { system: 'syscall' } },
  {
    mnemonic: 'SYSRET',
    encoding: '0F 07',
    feature: 'syscall',
    attributes: 'v',
    semantics: { system: 'sysret' },
  },
  { mnemonic: 'SYSENTER', encoding: '0F 34', feature: 'sep', semantics: { system: 'sysenter' } },
  {
    mnemonic: 'SYSEXIT',
    encoding: '0F 35',
    feature: 'sep',
    attributes: 'v',
    semantics: { system: 'sysexit' },
  },
];
