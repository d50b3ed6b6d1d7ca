/** The project's assembler: NASM's language, iced's encoder. */
export { assemble } from './assemble.ts';
export type {
  AssembleOptions,
  Assembly,
  AssemblyError,
  Bits,
  LineInfo,
  Location,
  OutputFormat,
  SectionInfo,
  SymbolInfo,
} from './types.ts';
