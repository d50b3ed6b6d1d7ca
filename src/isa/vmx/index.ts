/** The instructions of VMX. SDM volume 3C, "VMX Instruction Reference". Their meaning: src/cpu/vmx. */
import type { Instruction } from '../definition.ts';

const row = (mnemonic: string, encoding: string, operands?: string, attributes?: string): Instruction => ({
  mnemonic,
  encoding,
  ...(operands === undefined ? {} : { operands }),
  ...(attributes === undefined ? {} : { attributes }),
  feature: 'vmx',
  semantics: { system: mnemonic.toLowerCase() },
});

export const vmxInstructions: readonly Instruction[] = [
  row('VMCALL', 'NP 0F 01 C1'),
  row('VMLAUNCH', 'NP 0F 01 C2'),
  row('VMRESUME', 'NP 0F 01 C3'),
  row('VMXOFF', 'NP 0F 01 C4'),
  row('VMFUNC', 'NP 0F 01 D4'),
  row('VMCLEAR', '66 0F C7 /6 mod!=3', 'Mq'),
  row('VMPTRLD', 'NP 0F C7 /6 mod!=3', 'Mq'),
  row('VMPTRST', 'NP 0F C7 /7 mod!=3', 'Mq', 'write'),
  row('VMXON', 'F3 0F C7 /6 mod!=3', 'Mq'),
  row('VMREAD', 'NP 0F 78', 'Ey,Gy', 'f64 write'),
  row('VMWRITE', 'NP 0F 79', 'Gy,Ey', 'f64'),
  row('INVEPT', '66 0F 38 80', 'Gy,Mdq', 'f64'),
  row('INVVPID', '66 0F 38 81', 'Gy,Mdq', 'f64'),
];
