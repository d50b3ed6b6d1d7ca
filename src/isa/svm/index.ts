/** The instructions of SVM. AMD APM volume 3, "System Instruction Reference". Their meaning: src/cpu/svm. */
import type { Instruction } from '../definition.ts';

/** VMRUN, VMLOAD, VMSAVE and INVLPGA take rAX, and INVLPGA ECX, without naming them. */
const row = (mnemonic: string, encoding: string): Instruction => ({
  mnemonic,
  encoding,
  feature: 'svm',
  semantics: { system: mnemonic.toLowerCase() },
});

export const svmInstructions: readonly Instruction[] = [
  row('VMRUN', '0F 01 D8'),
  row('VMMCALL', '0F 01 D9'),
  row('VMLOAD', '0F 01 DA'),
  row('VMSAVE', '0F 01 DB'),
  row('STGI', '0F 01 DC'),
  row('CLGI', '0F 01 DD'),
  row('INVLPGA', '0F 01 DF'),
];
