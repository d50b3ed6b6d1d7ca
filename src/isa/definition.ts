/**
 * What an instruction definition is. One definition feeds the decoder, the interpreter, later the
 * JIT, and the reference pages: the encoding in the manual's letters, the conditions under which it
 * is legal, and its meaning over the operation builder of `Context`.
 */
import type { Expression, I32, I64, V128, ValueType } from '../wasm/expression.ts';
import type { FunctionBuilder } from '../wasm/function.ts';

/** Operand or address size in bits. */
export type Size = 8 | 16 | 32 | 64;

/**
 * One row of the opcode map.
 *
 * `encoding`: bytes in hex, in the manual's notation: an optional mandatory prefix (`NP`, `66`, `F3`,
 * `F2`), the opcode map (`0F`, `0F 38`, `0F 3A`), the opcode, then `/0`..`/7` for an opcode extension in
 * ModRM.reg, or `mod=3`/`mod!=3`, or `/r=C0` style full ModRM bytes (`0F 01 C1` has ModRM C1h). `50+r`
 * stands for eight opcodes with a register in the low three bits (`91+r`: seven), `70+cc` for sixteen with a condition.
 *
 * `operands`, comma separated, first letter = where (SDM volume 2D, "Opcode Map", addressing codes):
 *   E ModRM.rm general register or memory   G ModRM.reg general register   Z register in the opcode's low bits
 *   M ModRM.rm memory only                  R ModRM.rm general register only
 *   I immediate                             J branch displacement          O absolute memory offset
 *   S ModRM.reg segment register            C/D ModRM.reg control/debug register
 *   V ModRM.reg XMM register, W ModRM.rm XMM register or memory, U ModRM.rm XMM register only
 *   P ModRM.reg MMX register, Q ModRM.rm MMX register or memory, N ModRM.rm MMX register only
 *   T ModRM.rm x87 register ST(i) only (its number: `stackIndex`)
 *   A far pointer immediate                 AL, eAX, rAX.. fixed accumulator of the operand's size
 * following letters = how wide: b 8, w 16, d 32, q 64, dq/x/ps/pd 128, ss 32, sd 64, v operand size (16, 32, 64),
 *   y 32 or 64 (16-bit operand size acts as 32), z 16 or 32 (sign-extended immediate of min(v, 32)), p far pointer, t 80,
 *   bs: a byte sign-extended to the operand size; none for a size-less memory reference (address only).
 *
 * `attributes`, space separated:
 *   lock    LOCK is legal with a memory destination     i64  invalid in 64-bit mode     o64  only in 64-bit mode
 *   d64     64-bit mode defaults to 64-bit operand size  f64  64-bit mode forces 64-bit operand size
 *   rep     REP/REPNE have a meaning (string instruction)
 *   align   a 16-byte memory operand must be aligned (#GP(0) otherwise)
 *   hot     inlined into the interpreter's main function
 *   fpu     x87: #NM when CR0.EM or CR0.TS; #MF pending check
 *   fpu-nowait  the same without the pending check    fpu-wait  FWAIT: #NM when CR0.MP and CR0.TS; pending check
 *   mmx     MMX: #UD when CR0.EM, #NM when CR0.TS, #MF pending check
 *   sse     #UD when CR0.EM or CR4.OSFXSR = 0, #NM when CR0.TS
 *   sse-mmx both of the two before      fxsr  FXSAVE, FXRSTOR: #UD when CR0.EM, #NM when CR0.TS
 *   implicit    a memory operand that no letter names (MASKMOVQ, MASKMOVDQU)
 *   spilled     reaches general registers, XMM registers or status flags other than by the methods of `Context`,
 *               or faults after it committed something: code that keeps registers in Wasm locals writes them back
 *               to the CPU block before the instruction and reads them again after it (FXSAVE, FXRSTOR, ENTER)
 *   write   operand 0 is written only;  modify  operand 0 is read and written;  otherwise operands are read only
 *   write1 / modify1: the same for operand 1
 */
export interface Instruction {
  readonly mnemonic: string;
  readonly encoding: string;
  readonly operands?: string;
  readonly attributes?: string;
  /** CPUID feature that must be there, e.g. `sse2`; #UD otherwise. */
  readonly feature?: string;
  /** The same for the 64-bit operand size alone. */
  readonly feature64?: string;
  /** Distinguishes the meaning where one mnemonic has several for equal operand forms. */
  readonly variant?: string;
  /** The system operation that does what a data-path meaning leaves to `Context.system`. */
  readonly fallback?: string;
  /** Data-path meaning, or the name of a system operation written in TypeScript (src/cpu/system). */
  readonly semantics: Semantics | { readonly system: string };
}

export type Semantics = (c: Context) => void;

/** Lazily evaluated status flags; see `Flags` in `flags.ts` for what each kind derives. */
export interface FlagWriter {
  /** After `result = a + b`; a and result sign-extended from the operand size. */
  add(a: I64, result: I64): void;
  /** After `result = a + b + carry` with `carry` 0 or 1. */
  adc(a: I64, result: I64, carry: I32): void;
  /** `b`: the subtrahend, sign-extended, where it is at hand: comparing directly beats deriving. */
  sub(a: I64, result: I64, b?: I64): void;
  sbb(a: I64, result: I64, borrow: I32, b?: I64): void;
  /** CF = OF = AF = 0; SF, ZF, PF from the result. */
  logic(result: I64): void;
  /** CF kept. */
  inc(result: I64): void;
  dec(result: I64): void;
  /** SF, ZF, PF from `result`; CF, AF, OF from the given bits at their RFLAGS positions. */
  bits(result: I64, carryAuxOverflow: I32): void;
  /** All six from `bits` at their RFLAGS positions. */
  raw(bits: I32): void;
  /** These, 0 or 1 each; the others are kept. */
  only(flags: { readonly CF?: I32; readonly ZF?: I32; readonly OF?: I32 }): void;
}

/**
 * The operation builder: what semantics are written in. Integer values are i64 expressions. `read`
 * gives them sign-extended from the operand's size; `write` uses only the low bits of its value.
 * Faults leave the instruction before anything of it is committed, provided that the semantics do
 * all reads, then `write` to memory, then registers and flags.
 */
export interface Context {
  /** The function being built: `let`, `if`, `block`, `loop` for control flow inside one instruction. */
  readonly f: FunctionBuilder;
  /** Operand size in bits (of `v`, `z`, `y`); 8 when operand 0 is a byte. */
  readonly size: Size;
  /** Condition code (0..15) of a `+cc` row. */
  readonly cc: number;
  /** True when operand `n` is memory in this form. */
  isMemory(n: number): boolean;
  /** Width of operand `n` in bits. */
  width(n: number): number;

  read(n: number): I64;
  /** Zero-extended. */
  readU(n: number): I64;
  /** 32-bit results zero-extend into the 64-bit register. */
  write(n: number, value: I64): void;
  /** XMM, MMX (low 64 bits) or 128-bit memory operand; narrower memory operands are zero-extended. Checks alignment (`align`). */
  readV(n: number): V128;
  /** Writes all 128 bits of an XMM register, or the operand's width to memory, or the MMX register. */
  writeV(n: number, value: V128): void;

  /** General register by number (0..15), whole or by its low `size` bits, sign-extended. */
  gpr(number: number, size?: Size): I64;
  setGpr(number: number, value: I64, size?: Size): void;
  /** XMM register by number, for implicit operands. */
  xmm(number: number): V128;
  setXmm(number: number, value: V128): void;
  /** Linear-memory byte address of a field of the CPU block (see src/cpu/state.ts), for x87, MXCSR, etc. */
  field(offset: number): I32;
  /** A byte of the decoded record is needed as data: ModRM.reg number etc. `immediate` is the sign-extended immediate. */
  immediate(): I64;
  /** The immediate where it is known when the code is built, as in a region: shuffles become one instruction then. */
  readonly knownImmediate?: number | undefined;
  /** Operand `n`'s effective address, before the segment base, truncated to the address size (LEA). */
  effectiveAddress(): I64;
  /** Host (linear-memory) address of `bytes` bytes at the memory operand plus `displacement`, checked for reading. */
  hostRead(bytes: number, displacement?: I64): I32;
  /** The same for writing; after the stores to it, call `commit`. `modify`: the old contents are wanted too. */
  hostWrite(bytes: number, displacement?: I64, modify?: boolean): I32;
  /** Completes a write that went to the host address `host` (a no-op for ordinary RAM). */
  commit(host: I32): void;
  /** Host addresses for string instructions: `segment` (a SEG number, or undefined for the record's, default DS). */
  hostReadAt(offset: I64, bytes: number, segment?: number): I32;
  hostWriteAt(offset: I64, bytes: number, segment?: number): I32;
  /**
   * Host address of the byte at an offset when ordinary memory can be reached there, up to the end of its
   * 4-KiB page, by what the TLB holds; else 0. Has no effect whatever. Undefined in a form that checks
   * segments.
   */
  plainHost(access: 'read' | 'write', offset: I64, segment?: number): I32 | undefined;
  /** Cycles left after the one of this instruction; may be negative. To be asked after all look-ups. */
  budget(): I32;
  /** Takes cycles off for further elements done at once: at most `budget()`. */
  spend(cycles: I32): void;

  /** Status flag (0 or 1). */
  readonly carry: I32;
  readonly overflow: I32;
  /** 1 when the record's two register operands are the same register. */
  readonly sameRegister: I32;
  /** Value (0 or 1) of a condition code 0..15. */
  condition(cc: number): I32;
  /** RFLAGS as an i32, VM and RF included. */
  rflags(): I32;
  readonly flags: FlagWriter;
  /** DF as +size or -size bytes. */
  stringStep(bytes: number): I64;
  /** An offset truncated to the address size of the record. */
  truncateAddress(offset: I64): I64;
  /** REP prefix of the record: 0 none, 1 REP/REPE, 2 REPNE. */
  readonly rep: I32;
  /** RCX truncated to the address size; and an assignment to it. */
  addressSized(number: number): I64;
  setAddressSized(number: number, value: I64): void;

  /** The stack pointer plus `delta` bytes, truncated to the stack's address size. */
  sp(delta: I64 | number): I64;
  /** Sets the stack pointer to a value within the stack's address size. */
  setSp(value: I64): void;
  /** Reads or writes at an offset in the stack segment; the stack pointer stays. */
  stackRead(offset: I64, size?: Size): I64;
  stackWrite(offset: I64, value: I64, size?: Size): void;
  /** Writes below the stack pointer, then moves it. */
  push(value: I64, size?: Size): void;
  /** Second immediate of ENTER; the displacement field of the record. */
  secondImmediate(): I64;

  /** Number i of the operand ST(i) of an x87 instruction. */
  stackIndex(): I32;
  /**
   * Notes the x87 instruction pointer and opcode of this instruction and, when it has a memory operand,
   * the data pointer. To be done once nothing but an x87 exception can go wrong.
   */
  notePointers(): void;

  /** Instruction pointer of the next instruction. */
  nextIp(): I64;
  /** #GP(0) when a near branch to `ip` (truncated to the operand size) would leave CS or the canonical addresses. */
  checkTarget(ip: I64): void;
  /** The same for the target of `jumpRelative`; needed only where something is committed before that. */
  checkRelativeTarget(): void;
  /** Ends the instruction with a near branch to `ip`, truncated to the operand size; `checkTarget` comes first. */
  jump(ip: I64): void;
  /** Near branch by the immediate displacement of the record, checked. */
  jumpRelative(): void;
  /** The same if the condition holds. */
  jumpRelativeIf(condition: I32): void;
  /** Ends the instruction to be executed again at the same address (a REP iteration that is not the last). */
  again(): void;
  /** Ends the instruction as if completed. */
  done(): void;
  /** Raises an exception; nothing of this instruction may have been committed. */
  raise(vector: number, errorCode?: number): void;
  /** Ends the instruction by carrying out the row's `fallback` in its place. Nothing may have been committed. */
  system(): void;
  /**
   * Has accesses at CPL 0 under SMAP use the translations for EFLAGS.AC = 1 or 0 from now on. Carries out the
   * `fallback` where the code's own page is not among them yet. Nothing may have been committed.
   */
  useSupervisorTranslations(ac: boolean): void;
  /** Calls a TypeScript helper `helper(name, ...)` registered in src/cpu/helpers.ts with i32/f64 arguments and an i32 result. */
  /** SEG number that ModRM.reg names, 0 to 7. */
  segmentOperand(): I32;
  /**
   * Loads a segment register, n a SEG number, with a selector (16 bits, zero-extended), or carries out the row's
   * `fallback` where more than that is to be done. Nothing may have been committed.
   */
  loadSegment(n: I32, selector: I32): void;
  helper(name: string, ...args: Expression<ValueType>[]): I32;
  /** Calls a shared Wasm function (declared with `library` in the same file as the semantics). */
  library<T extends ValueType>(fn: LibraryFunction<T>, ...args: Expression<ValueType>[]): Expression<T>;
}

/** A Wasm function shared by several definitions, built on first use. `state` is parameter 0, the CPU block's address. */
export interface LibraryFunction<T extends ValueType = ValueType> {
  /** Unique: regions import the function by it. */
  readonly name: string;
  readonly params: readonly ValueType[];
  readonly result: T;
  build(f: FunctionBuilder, use: LibraryUser): void;
}

export interface LibraryUser {
  library<T extends ValueType>(fn: LibraryFunction<T>, ...args: Expression<ValueType>[]): Expression<T>;
  helper(name: string, ...args: Expression<ValueType>[]): I32;
}
