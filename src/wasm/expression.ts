/**
 * WebAssembly expressions as values. An expression is a tree that emits its code when a statement
 * uses it; using it twice emits it twice, so anything costly goes through `FunctionBuilder.let`.
 */
import type { Code } from './code.ts';

export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';

export interface Expression<T extends ValueType = ValueType> {
  readonly type: T;
  readonly emit: (code: Code) => void;
  /** Of an integer constant. */
  readonly constant?: number | bigint | undefined;
  /** Of a 64-bit integer that was made of a 32-bit one: that one. */
  readonly narrow?: I32 | undefined;
  /** Of a 64-bit integer: what is known of it, see `Sum`. */
  readonly sum?: Sum | undefined;
}

/** A value that somebody keeps an eye on, plus a constant; no such value: the constant alone. */
export interface Sum {
  readonly of?: object | undefined;
  readonly plus: number;
  /** Only the low 32 bits are this sum's. */
  readonly isLow?: boolean | undefined;
}

export type I32 = Expression<'i32'>;
export type I64 = Expression<'i64'>;
export type F32 = Expression<'f32'>;
export type F64 = Expression<'f64'>;
export type V128 = Expression<'v128'>;

/** Of an expression: all have the same fields, because engines are slow where objects of many shapes meet. */
class Node<T extends ValueType> implements Expression<T> {
  readonly type: T;
  readonly emit: (code: Code) => void;
  readonly constant: number | bigint | undefined;
  readonly narrow: I32 | undefined;
  readonly sum: Sum | undefined;

  constructor(type: T, emit: (code: Code) => void, constant?: number | bigint, narrow?: I32, sum?: Sum) {
    this.type = type;
    this.emit = emit;
    this.constant = constant;
    this.narrow = narrow;
    this.sum = sum;
  }
}

/** An expression of which nothing is known. */
export const expression = <T extends ValueType>(type: T, emit: (code: Code) => void): Expression<T> =>
  new Node(type, emit);

type Unary<A extends ValueType, R extends ValueType> = (a: Expression<A>) => Expression<R>;
type Binary<A extends ValueType, R extends ValueType> = (a: Expression<A>, b: Expression<A>) => Expression<R>;

/** An instruction of one operand. `op` above FFh names a two-byte opcode (prefix in the high byte). */
export function unary<A extends ValueType, R extends ValueType>(type: R, op: number): Unary<A, R> {
  return (a) =>
    expression(type, (code) => {
      a.emit(code);
      opcode(code, op);
    });
}

export function binary<A extends ValueType, R extends ValueType>(type: R, op: number): Binary<A, R> {
  return (a, b) =>
    expression(type, (code) => {
      a.emit(code);
      b.emit(code);
      opcode(code, op);
    });
}

/**
 * A binary instruction on integers, less what does nothing: engines drop that as well, but a first compiler, which
 * has no time, does not.
 * @param neutral the right operand with which the result is the left one
 */
function integer<T extends 'i32' | 'i64'>(type: T, op: number, neutral: number): Binary<T, T> {
  const make = binary<T, T>(type, op);
  return (a, b) => (b.constant !== undefined && Number(b.constant) === neutral ? a : make(a, b));
}

/** An addition (`sign` 1) or subtraction (-1), with what is known of the result. */
function additive(op: number, sign: 1 | -1): Binary<'i64', 'i64'> {
  const make = integer('i64', op, 0);
  return (a, b) => {
    const made = make(a, b);
    const left = a.sum;
    const right = b.sum;
    if (made === a || !left || !right || right.of) return made;
    const isLow = left.isLow || right.isLow;
    const sum = { of: left.of, plus: left.plus + sign * right.plus, isLow };
    return new Node('i64', made.emit, undefined, undefined, sum);
  };
}

const lowOf = (sum: Sum | undefined): Sum | undefined => sum && { of: sum.of, plus: sum.plus, isLow: true };

/** A load; `address` is the dynamic part, `offset` (bytes, unsigned) the static one. */
export type Load<R extends ValueType> = (address: I32, offset?: number) => Expression<R>;

export function load<R extends ValueType>(type: R, op: number): Load<R> {
  return (address, offset = 0) =>
    expression(type, (code) => {
      address.emit(code);
      opcode(code, op);
      code.u32(0);
      code.u32(offset);
    });
}

/** Opcodes above FFh are prefix << 16 | number: the prefix byte, then the number as LEB128. */
export function opcode(code: Code, op: number): void {
  if (op > 0xff) {
    code.byte(op >>> 16);
    code.u32(op & 0xffff);
  } else {
    code.byte(op);
  }
}

/** `condition ? a : b` without a branch; all three are evaluated. */
export function select<T extends ValueType>(
  condition: I32,
  a: Expression<T>,
  b: Expression<T>,
): Expression<T> {
  return expression(a.type, (code) => {
    a.emit(code);
    b.emit(code);
    condition.emit(code);
    code.byte(0x1b);
  });
}

/** `condition ? a : b` with a branch; only the chosen one is evaluated. */
export function choose<T extends ValueType>(
  condition: I32,
  a: Expression<T>,
  b: Expression<T>,
): Expression<T> {
  return expression(a.type, (code) => {
    condition.emit(code);
    code.byte(0x04);
    code.byte(TYPE_BYTE[a.type]);
    a.emit(code);
    code.byte(0x05);
    b.emit(code);
    code.byte(0x0b);
  });
}

export const TYPE_BYTE: Record<ValueType, number> = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
};

const u1 = <A extends ValueType, R extends ValueType>(type: R, op: number) => unary<A, R>(type, op);

const wrap = u1<'i64', 'i32'>('i32', 0xa7);
/** `sum` of a 64-bit integer that is made of `narrow`. */
const widened = (emit: (code: Code) => void, narrow: I32, sum?: Sum): I64 =>
  new Node('i64', emit, undefined, narrow, sum);
const widen = (op: number) => {
  const make = unary<'i32', 'i64'>('i64', op);
  return (narrow: I32, sum?: Sum): I64 => widened(make(narrow).emit, narrow, sum);
};
const wideLoad = (op: number): Load<'i64'> => {
  const make = load('i64', op);
  return (address, offset) => widened(make(address, offset).emit, i32.load(address, offset));
};
const extendUnsigned = widen(0xad);
const extend32 = u1<'i64', 'i64'>('i64', 0xc4);
const and64 = integer('i64', 0x83, -1);

export const i32 = {
  const: (value: number): I32 => {
    const emit = (code: Code) => {
      code.byte(0x41);
      code.i32(value);
    };
    return new Node('i32', emit, value);
  },
  load: load('i32', 0x28),
  load8_s: load('i32', 0x2c),
  load8_u: load('i32', 0x2d),
  load16_s: load('i32', 0x2e),
  load16_u: load('i32', 0x2f),
  eqz: u1<'i32', 'i32'>('i32', 0x45),
  eq: binary<'i32', 'i32'>('i32', 0x46),
  ne: binary<'i32', 'i32'>('i32', 0x47),
  lt_s: binary<'i32', 'i32'>('i32', 0x48),
  lt_u: binary<'i32', 'i32'>('i32', 0x49),
  gt_s: binary<'i32', 'i32'>('i32', 0x4a),
  gt_u: binary<'i32', 'i32'>('i32', 0x4b),
  le_s: binary<'i32', 'i32'>('i32', 0x4c),
  le_u: binary<'i32', 'i32'>('i32', 0x4d),
  ge_s: binary<'i32', 'i32'>('i32', 0x4e),
  ge_u: binary<'i32', 'i32'>('i32', 0x4f),
  clz: u1<'i32', 'i32'>('i32', 0x67),
  ctz: u1<'i32', 'i32'>('i32', 0x68),
  popcnt: u1<'i32', 'i32'>('i32', 0x69),
  add: integer('i32', 0x6a, 0),
  sub: integer('i32', 0x6b, 0),
  mul: binary<'i32', 'i32'>('i32', 0x6c),
  div_s: binary<'i32', 'i32'>('i32', 0x6d),
  div_u: binary<'i32', 'i32'>('i32', 0x6e),
  rem_s: binary<'i32', 'i32'>('i32', 0x6f),
  rem_u: binary<'i32', 'i32'>('i32', 0x70),
  and: integer('i32', 0x71, -1),
  or: integer('i32', 0x72, 0),
  xor: integer('i32', 0x73, 0),
  shl: integer('i32', 0x74, 0),
  shr_s: integer('i32', 0x75, 0),
  shr_u: integer('i32', 0x76, 0),
  rotl: binary<'i32', 'i32'>('i32', 0x77),
  rotr: binary<'i32', 'i32'>('i32', 0x78),
  wrap_i64: (value: I64): I32 => value.narrow ?? wrap(value),
  reinterpret_f32: u1<'f32', 'i32'>('i32', 0xbc),
  extend8_s: u1<'i32', 'i32'>('i32', 0xc0),
  extend16_s: u1<'i32', 'i32'>('i32', 0xc1),
  trunc_sat_f32_s: u1<'f32', 'i32'>('i32', 0xfc0000),
  trunc_sat_f64_s: u1<'f64', 'i32'>('i32', 0xfc0002),
};

export const i64 = {
  const: (value: number | bigint): I64 => {
    const emit = (code: Code) => {
      code.byte(0x42);
      if (typeof value === 'number' && value === (value | 0)) code.i32(value);
      else code.i64(BigInt(value));
    };
    return new Node('i64', emit, value, undefined, { of: undefined, plus: Number(value), isLow: undefined });
  },
  load: load('i64', 0x29),
  load8_s: load('i64', 0x30),
  load8_u: load('i64', 0x31),
  load16_s: load('i64', 0x32),
  load16_u: load('i64', 0x33),
  load32_s: wideLoad(0x34),
  load32_u: wideLoad(0x35),
  eqz: u1<'i64', 'i32'>('i32', 0x50),
  eq: binary<'i64', 'i32'>('i32', 0x51),
  ne: binary<'i64', 'i32'>('i32', 0x52),
  lt_s: binary<'i64', 'i32'>('i32', 0x53),
  lt_u: binary<'i64', 'i32'>('i32', 0x54),
  gt_s: binary<'i64', 'i32'>('i32', 0x55),
  gt_u: binary<'i64', 'i32'>('i32', 0x56),
  le_s: binary<'i64', 'i32'>('i32', 0x57),
  le_u: binary<'i64', 'i32'>('i32', 0x58),
  ge_s: binary<'i64', 'i32'>('i32', 0x59),
  ge_u: binary<'i64', 'i32'>('i32', 0x5a),
  clz: u1<'i64', 'i64'>('i64', 0x79),
  ctz: u1<'i64', 'i64'>('i64', 0x7a),
  popcnt: u1<'i64', 'i64'>('i64', 0x7b),
  add: additive(0x7c, 1),
  sub: additive(0x7d, -1),
  mul: binary<'i64', 'i64'>('i64', 0x7e),
  div_s: binary<'i64', 'i64'>('i64', 0x7f),
  div_u: binary<'i64', 'i64'>('i64', 0x80),
  rem_s: binary<'i64', 'i64'>('i64', 0x81),
  rem_u: binary<'i64', 'i64'>('i64', 0x82),
  and: (a: I64, b: I64): I64 =>
    Number(b.constant) === 0xffff_ffff ? extendUnsigned(i32.wrap_i64(a), lowOf(a.sum)) : and64(a, b),
  or: integer('i64', 0x84, 0),
  xor: integer('i64', 0x85, 0),
  shl: integer('i64', 0x86, 0),
  shr_s: integer('i64', 0x87, 0),
  shr_u: integer('i64', 0x88, 0),
  rotl: binary<'i64', 'i64'>('i64', 0x89),
  rotr: binary<'i64', 'i64'>('i64', 0x8a),
  extend_i32_s: widen(0xac),
  extend_i32_u: (narrow: I32): I64 => extendUnsigned(narrow),
  reinterpret_f64: u1<'f64', 'i64'>('i64', 0xbd),
  extend8_s: u1<'i64', 'i64'>('i64', 0xc2),
  extend16_s: u1<'i64', 'i64'>('i64', 0xc3),
  extend32_s: (value: I64): I64 => widened(extend32(value).emit, i32.wrap_i64(value), lowOf(value.sum)),
  trunc_sat_f32_s: u1<'f32', 'i64'>('i64', 0xfc0004),
  trunc_sat_f64_s: u1<'f64', 'i64'>('i64', 0xfc0006),
};

export const f32 = {
  const: (value: number): F32 =>
    expression('f32', (code) => {
      code.byte(0x43);
      code.f32(value);
    }),
  load: load('f32', 0x2a),
  eq: binary<'f32', 'i32'>('i32', 0x5b),
  ne: binary<'f32', 'i32'>('i32', 0x5c),
  lt: binary<'f32', 'i32'>('i32', 0x5d),
  gt: binary<'f32', 'i32'>('i32', 0x5e),
  le: binary<'f32', 'i32'>('i32', 0x5f),
  ge: binary<'f32', 'i32'>('i32', 0x60),
  abs: u1<'f32', 'f32'>('f32', 0x8b),
  neg: u1<'f32', 'f32'>('f32', 0x8c),
  ceil: u1<'f32', 'f32'>('f32', 0x8d),
  floor: u1<'f32', 'f32'>('f32', 0x8e),
  trunc: u1<'f32', 'f32'>('f32', 0x8f),
  nearest: u1<'f32', 'f32'>('f32', 0x90),
  sqrt: u1<'f32', 'f32'>('f32', 0x91),
  add: binary<'f32', 'f32'>('f32', 0x92),
  sub: binary<'f32', 'f32'>('f32', 0x93),
  mul: binary<'f32', 'f32'>('f32', 0x94),
  div: binary<'f32', 'f32'>('f32', 0x95),
  convert_i32_s: u1<'i32', 'f32'>('f32', 0xb2),
  convert_i64_s: u1<'i64', 'f32'>('f32', 0xb4),
  demote_f64: u1<'f64', 'f32'>('f32', 0xb6),
  reinterpret_i32: u1<'i32', 'f32'>('f32', 0xbe),
};

export const f64 = {
  const: (value: number): F64 =>
    expression('f64', (code) => {
      code.byte(0x44);
      code.f64(value);
    }),
  load: load('f64', 0x2b),
  eq: binary<'f64', 'i32'>('i32', 0x61),
  ne: binary<'f64', 'i32'>('i32', 0x62),
  lt: binary<'f64', 'i32'>('i32', 0x63),
  gt: binary<'f64', 'i32'>('i32', 0x64),
  le: binary<'f64', 'i32'>('i32', 0x65),
  ge: binary<'f64', 'i32'>('i32', 0x66),
  abs: u1<'f64', 'f64'>('f64', 0x99),
  neg: u1<'f64', 'f64'>('f64', 0x9a),
  ceil: u1<'f64', 'f64'>('f64', 0x9b),
  floor: u1<'f64', 'f64'>('f64', 0x9c),
  trunc: u1<'f64', 'f64'>('f64', 0x9d),
  nearest: u1<'f64', 'f64'>('f64', 0x9e),
  sqrt: u1<'f64', 'f64'>('f64', 0x9f),
  add: binary<'f64', 'f64'>('f64', 0xa0),
  sub: binary<'f64', 'f64'>('f64', 0xa1),
  mul: binary<'f64', 'f64'>('f64', 0xa2),
  div: binary<'f64', 'f64'>('f64', 0xa3),
  convert_i32_s: u1<'i32', 'f64'>('f64', 0xb7),
  convert_i64_s: u1<'i64', 'f64'>('f64', 0xb9),
  promote_f32: u1<'f32', 'f64'>('f64', 0xbb),
  reinterpret_i64: u1<'i64', 'f64'>('f64', 0xbf),
};
