/**
 * Where the code of an instruction stands, and so where its operands are: in the interpreter the
 * fields of the decoded record are loaded at run time and registers lie in the CPU block
 * (record-site.ts); in a region the fields are constants and registers are locals (region-site.ts).
 * The emitter is the same for both.
 */
import type { FlagWriter, Size } from '../../isa/definition.ts';
import type { I32, I64, V128 } from '../../wasm/expression.ts';
import type { FunctionBuilder, Local } from '../../wasm/function.ts';
import type { RECORD } from '../state.ts';

/** What is done at an address; `modify` reads and then writes. */
export type Access = 'read' | 'write' | 'modify';

/** The two fields of a record that name a register operand. */
export type RegisterField = typeof RECORD.REG | typeof RECORD.RM;

/** Status flags as the semantics see them. */
export interface FlagAccess {
  readonly writer: FlagWriter;
  /** 0 or 1. */
  carry(): I32;
  overflow(): I32;
  condition(cc: number): I32;
  rflags(): I32;
}

export interface Site {
  readonly f: FunctionBuilder;
  /** Address of the CPU block. */
  readonly state: Local<'i32'>;

  // --- fields of the record ---
  /** i64, sign-extended. */
  immediate(): I64;
  /** Its low 32 bits, where they are known when the code is made. */
  knownImmediate(): number | undefined;
  /** Of an x87 instruction, whose record keeps it in the immediate's place. */
  modRm(): I32;
  /** The displacement field, sign-extended. */
  displacement(): I64;
  /** 0 none, 1 F3h, 2 F2h. */
  rep(): I32;
  /** FFFFh, FFFFFFFFh or -1 by the address size. */
  addressMask(): I64;
  /** SEG number of the memory operand, or `fixed`. */
  segment(fixed?: number): I32;
  sameRegister(): I32;
  /** SEG number that ModRM.reg names, 0 to 7. */
  segmentOperand(): I32;
  /** Instruction pointer of this instruction, and of the next one. */
  ip(): I64;
  nextIp(): I64;

  // --- registers ---
  /** Low `width` bits of the operand's general register, sign- or zero-extended. */
  register(field: RegisterField, width: number, signed: boolean): I64;
  /** A 32-bit value zero-extends; a narrower one leaves the other bits. */
  setRegister(field: RegisterField, value: I64, width: number): void;
  gpr(number: number, size: Size): I64;
  setGpr(number: number, value: I64, size: Size): void;
  /** XMM register operand. */
  vector(field: RegisterField): V128;
  setVector(field: RegisterField, value: V128): void;
  xmm(number: number): V128;
  setXmm(number: number, value: V128): void;
  /** Address in the CPU block of the MMX register operand. */
  mmx(field: RegisterField): I32;
  flags(size: Size): FlagAccess;

  // --- memory ---
  /** base + index * scale + displacement, not truncated. */
  addressSum(): I64;
  /** Effective address of a flat form: the sum truncated to the address size. */
  flatOffset(sum: I64): I64;
  /** Linear address of a flat form: segment base added, truncated. */
  flatLinear(offset: I64, segment?: number): I64;
  /** Mask of the stack pointer. */
  stackMask(): I64;
  /** Host address of `bytes` bytes at a linear address; ends the instruction when there is none. */
  lookup(access: Access, address: Local<'i64'>, bytes: number, segment: I32): Local<'i32'>;
  /** The same, but 0 where `lookup` would have to do more than look into the TLB. */
  plainHost(access: 'read' | 'write', address: Local<'i64'>): Local<'i32'>;
  /** Linear address of the instruction's page. */
  pageLinear(): I64;
  /** The TLBs of another bank are in use from here on. */
  setBank(bank: Local<'i32'>): void;
  /** Completes a write to `host`. */
  commit(host: I32): void;

  // --- time ---
  budget(): I32;
  spend(cycles: I32): void;

  // --- ends of the instruction ---
  /** At the end of the instruction's code: it is completed. */
  finish(): void;
  /** STATUS.x; for JUMP the target, truncated and checked. */
  end(status: number, target?: I64): void;
  /** Raises an exception. */
  raise(vector: number, errorCode: number): void;
  /** What a conditional branch is expected to do; undefined: either. */
  readonly jumps: boolean | undefined;
  /** Near branch by the immediate of the record. `target` gives the truncated target after checks. */
  jumpRelative(target: () => I64): void;
  /** Emits `check` of the target of `jumpRelative` where it is not known to be legal. */
  checkRelative(check: () => void): void;
  /** Carries out a system operation instead. */
  system(name: string): void;
}
