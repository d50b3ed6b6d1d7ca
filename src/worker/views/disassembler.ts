/**
 * All that needs iced-x86, whose WebAssembly takes a while to load: imported when the machine is
 * running already.
 */
export { nextAfterCall } from '../machines/instruction-at.ts';
export { registerWrite } from '../machines/register-write.ts';
export { codeView } from './code.ts';
export { instructionView } from './instruction.ts';
export { regionView } from './region.ts';
export { stackView } from './stack.ts';
