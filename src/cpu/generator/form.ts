/** What one piece of generated code is for, and where it stands. */
import type { Instruction, LibraryUser, Size } from '../../isa/definition.ts';
import type { I64 } from '../../wasm/expression.ts';
import type { FunctionBuilder, Local } from '../../wasm/function.ts';
import type { Environment } from './environment.ts';
import type { MemoryFunctions } from './memory.ts';

/** One generated form of an instruction. */
export interface Form {
  readonly row: Instruction;
  readonly size: Size;
  readonly memory: boolean;
  /** flat: effective address + base masked is the linear address; segmented: limits and types are checked. */
  readonly addressing: 'flat' | 'segmented';
}

/** How the code is embedded: as its own function, or inside the interpreter's main function. */
export interface Embedding {
  readonly f: FunctionBuilder;
  readonly record: Local<'i32'>;
  /** Ends the instruction with a status; for JUMP the target is passed. */
  end(status: number, target?: I64): void;
  /** Inside the main function, where look-ups are made in line. */
  readonly inline?: boolean;
  /** Present inside the main function: follows or fills the record's link to a target in the same page. */
  linkedJump?(target: () => I64): void;
}

/** What all forms of one module share. */
export interface Shared {
  readonly environment: LibraryUser;
  readonly memory: MemoryFunctions;
}

/** The same in the interpreter's module. */
export interface InterpreterShared extends Shared {
  readonly environment: Environment;
  /** Number of a system operation. */
  systemNumber(name: string): number;
}
