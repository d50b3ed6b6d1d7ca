/** IN, OUT, INS, OUTS. The port of the forms without an immediate is DX. SDM volume 2. */
import type { Instruction } from '../definition.ts';

export const portInstructions: readonly Instruction[] = [
  { mnemonic: 'IN', encoding: 'E4', operands: 'AL,Ib', semantics: { system: 'inByteImmediate' } },
  { mnemonic: 'IN', encoding: 'E5', operands: 'eAX,Ib', semantics: { system: 'inImmediate' } },
  { mnemonic: 'OUT', encoding: 'E6', operands: 'Ib,AL', semantics: { system: 'outByteImmediate' } },
  { mnemonic: 'OUT', encoding: 'E7', operands: 'Ib,eAX', semantics: { system: 'outImmediate' } },
  { mnemonic: 'IN', encoding: 'EC', operands: 'AL', semantics: { system: 'inByte' } },
  { mnemonic: 'IN', encoding: 'ED', operands: 'eAX', semantics: { system: 'in' } },
  { mnemonic: 'OUT', encoding: 'EE', operands: 'AL', semantics: { system: 'outByte' } },
  { mnemonic: 'OUT', encoding: 'EF', operands: 'eAX', semantics: { system: 'out' } },
  { mnemonic: 'INS', encoding: '6C', attributes: 'byte rep', semantics: { system: 'insByte' } },
  { mnemonic: 'INS', encoding: '6D', attributes: 'v rep', semantics: { system: 'ins' } },
  { mnemonic: 'OUTS', encoding: '6E', attributes: 'byte rep', semantics: { system: 'outsByte' } },
  { mnemonic: 'OUTS', encoding: '6F', attributes: 'v rep', semantics: { system: 'outs' } },
];
