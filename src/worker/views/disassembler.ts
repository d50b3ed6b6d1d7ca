/**
 * All that needs iced-x86, whose WebAssembly takes a while to load: imported when the machine is
 * running already.
 */
export { nextAfterCall } from '../machines/instruction-at.ts';
export { isRegisterName, writesRegister } from '../machines/writes-register.ts';
export { codeView } from './code.ts';
export { instructionView } from './instruction.ts';
export { regionView } from './region.ts';
export { stackView } from './stack.ts';
