/** The project's assembler: NASM's language, iced's encoder. */
export { assemble } from './assemble.ts';
export type { AssembleOptions, Assembly, OutputFormat } from './types.ts';
