import {
  type BinaryOperator,
  type Condition,
  REGISTER_PARTS,
  type UnaryOperator,
} from '../../../protocol/condition.ts';

/** What a condition reads. */
export interface ConditionSource {
  register(name: string): bigint;
  /** Little-endian; undefined where no memory is mapped. */
  memory(address: bigint, bytes: number): bigint | undefined;
}

const truth = (value: boolean): bigint => (value ? 1n : 0n);
const wrap = (value: bigint): bigint => BigInt.asUintN(64, value);

const UNARY: Readonly<Record<UnaryOperator, (value: bigint) => bigint>> = {
  '!': (value) => truth(value === 0n),
  '~': (value) => wrap(~value),
  '-': (value) => wrap(-value),
};

const BINARY: Readonly<Record<BinaryOperator, (a: bigint, b: bigint) => bigint | undefined>> = {
  '||': (a, b) => truth(a !== 0n || b !== 0n),
  '&&': (a, b) => truth(a !== 0n && b !== 0n),
  '|': (a, b) => a | b,
  '^': (a, b) => a ^ b,
  '&': (a, b) => a & b,
  '==': (a, b) => truth(a === b),
  '!=': (a, b) => truth(a !== b),
  '<': (a, b) => truth(a < b),
  '<=': (a, b) => truth(a <= b),
  '>': (a, b) => truth(a > b),
  '>=': (a, b) => truth(a >= b),
  '<<': (a, b) => (b < 64n ? wrap(a << b) : 0n),
  '>>': (a, b) => (b < 64n ? a >> b : 0n),
  '+': (a, b) => wrap(a + b),
  '-': (a, b) => wrap(a - b),
  '*': (a, b) => wrap(a * b),
  '/': (a, b) => (b === 0n ? undefined : a / b),
  '%': (a, b) => (b === 0n ? undefined : a % b),
};

/** Undefined where memory is not mapped, and for a division by zero: such a condition is not true. */
export function evaluate(condition: Condition, source: ConditionSource): bigint | undefined {
  switch (condition.kind) {
    case 'number':
      return condition.value;
    case 'register': {
      const part = REGISTER_PARTS.get(condition.name);
      if (part === undefined) throw new Error(`no register ${condition.name}`);
      return BigInt.asUintN(part.bits, source.register(part.register) >> BigInt(part.shift));
    }
    case 'memory': {
      const address = evaluate(condition.address, source);
      return address === undefined ? undefined : source.memory(address, condition.bytes);
    }
    case 'unary': {
      const value = evaluate(condition.of, source);
      return value === undefined ? undefined : UNARY[condition.operator](value);
    }
    case 'binary':
      return binary(condition.operator, condition.left, condition.right, source);
  }
}

/** The right side of && and || is read only when it decides. */
function binary(
  operator: BinaryOperator,
  left: Condition,
  right: Condition,
  source: ConditionSource,
): bigint | undefined {
  const a = evaluate(left, source);
  if (a === undefined) return undefined;
  if (operator === '&&' && a === 0n) return 0n;
  if (operator === '||' && a !== 0n) return 1n;
  const b = evaluate(right, source);
  return b === undefined ? undefined : BINARY[operator](a, b);
}
