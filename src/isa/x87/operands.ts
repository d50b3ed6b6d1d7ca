/** Memory operands that are numbers, and the rows of instructions that read them. */
import type { Local } from '../../wasm/function.ts';
import type { Context, Instruction, LibraryFunction, Semantics } from '../definition.ts';
import { UNPACK_DOUBLE, UNPACK_SINGLE } from '../float/unpack.ts';
import { UNPACK_INTEGER } from './operation.ts';

/** A number in memory that enters the unpacked form. */
export interface Source {
  readonly operand: string;
  /** (slot, bits) -> kind */
  readonly unpack: LibraryFunction<'i32'>;
  readonly format: 'single' | 'double' | 'integer';
}

export const SOURCE = {
  SINGLE: { operand: 'Md', unpack: UNPACK_SINGLE, format: 'single' },
  DOUBLE: { operand: 'Mq', unpack: UNPACK_DOUBLE, format: 'double' },
  WORD: { operand: 'Mw', unpack: UNPACK_INTEGER, format: 'integer' },
  DWORD: { operand: 'Md', unpack: UNPACK_INTEGER, format: 'integer' },
  QWORD: { operand: 'Mq', unpack: UNPACK_INTEGER, format: 'integer' },
} as const satisfies Record<string, Source>;

/** Reads operand 0 and notes the pointers: nothing can fault afterwards. */
export function readMemory(c: Context): Local<'i64'> {
  const bits = c.f.let(c.read(0));
  c.notePointers();
  return bits;
}

/** An instruction that waits, on ST(i) or without operands. */
export const onRegisters = (
  mnemonic: string,
  encoding: string,
  semantics: Semantics,
  more: Partial<Instruction> = {},
): Instruction => ({
  mnemonic,
  encoding,
  // Without /digit the encoding is one ModRM byte, which names no register.
  operands: encoding.includes('/') ? 'Tt' : '',
  attributes: 'fpu',
  feature: 'fpu',
  semantics: (c) => {
    c.notePointers();
    semantics(c);
  },
  ...more,
});

/** An instruction that waits and has a memory operand; its semantics note the pointers. */
export const onMemory = (
  mnemonic: string,
  encoding: string,
  operands: string,
  semantics: Semantics,
  more: Partial<Instruction> = {},
): Instruction => ({ mnemonic, encoding, operands, attributes: 'fpu', feature: 'fpu', semantics, ...more });
