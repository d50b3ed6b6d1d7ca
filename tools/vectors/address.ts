/** Encodes memory operands in every addressing form, and gives the registers the values that lead to the target. */
import type { Instance } from './instance.ts';
import { R } from './layout.ts';

/** ModRM and what belongs to it. */
export interface Operand {
  /** REX.X and REX.B. */
  readonly rex: number;
  readonly bytes: number[];
  /** The address that a RIP-relative displacement, the last four bytes, must lead to. */
  readonly ripTarget: bigint | null;
}

export const littleEndian = (value: bigint, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));

/** [BX+SI] ... [BX] of 16-bit addressing, by ModRM.rm. */
const FORMS_16 = [
  [R.BX, R.SI],
  [R.BX, R.DI],
  [R.BP, R.SI],
  [R.BP, R.DI],
  [R.SI],
  [R.DI],
  [R.BP],
  [R.BX],
] as const;

const fits = (value: bigint, bits: number) =>
  value >= -(1n << BigInt(bits - 1)) && value < 1n << BigInt(bits - 1);

/** A random displacement: its size in bits (0, 8, 32 or 16) and value. */
function displacement(instance: Instance, wide: 16 | 32): { size: number; value: bigint } {
  const size = instance.random.pick([0, 8, 8, wide]);
  return { size, value: size === 0 ? 0n : BigInt.asIntN(size, instance.random.u64()) };
}

const modOf = (size: number) => (size === 0 ? 0 : size === 8 ? 1 : 2);
const modrm = (mod: number, reg: number, rm: number) => (mod << 6) | ((reg & 7) << 3) | (rm & 7);

/** The linear address to reach. Rarely one outside the window, which faults: not present, or not canonical. */
function targetAddress(instance: Instance): bigint {
  const { random, bits, addressSize } = instance;
  instance.target = instance.chooseTarget();
  if (instance.template.aligned || addressSize === 16 || !random.chance(0.01))
    return instance.linear(instance.target);
  if (addressSize === 64 && random.chance(0.5)) return 0x8000_0000_0000n + (random.u64() >> 18n);
  return 0x3000_0000n + BigInt(random.below(0x1000_0000 / bits));
}

function operand16(instance: Instance, reg: number): Operand {
  const { random } = instance;
  const computed = instance.template.form === 'computed';
  const target = computed ? 0n : targetAddress(instance);
  const rm = random.below(8);
  const value = displacement(instance, 16);
  if (rm === 6 && value.size === 0) {
    const absolute = computed ? random.u64() : target;
    return { rex: 0, bytes: [modrm(0, reg, 6), ...littleEndian(absolute, 2)], ripTarget: null };
  }
  const [base, index] = FORMS_16[rm] as readonly [number, number?];
  const fixed = index === undefined ? 0n : instance.gpr(index);
  if (!computed && instance.known.has(base)) {
    const needed = target - instance.gpr(base) - fixed;
    return { rex: 0, bytes: [modrm(2, reg, rm), ...littleEndian(needed, 2)], ripTarget: null };
  }
  if (!computed) {
    instance.set(base, target - fixed - value.value, 16);
    if (index !== undefined) instance.known.add(index);
  }
  return {
    rex: 0,
    bytes: [modrm(modOf(value.size), reg, rm), ...littleEndian(value.value, value.size / 8)],
    ripTarget: null,
  };
}

/** [disp32] without registers, RIP-relative in 64-bit code where ModRM says so. */
function absolute(instance: Instance, reg: number, target: bigint): Operand {
  const viaSib = instance.random.chance(0.5);
  if (instance.bits === 64 && !viaSib) {
    const wrapped = instance.addressSize === 32 ? BigInt.asIntN(32, target) : target;
    return { rex: 0, bytes: [modrm(0, reg, 5), 0, 0, 0, 0], ripTarget: wrapped };
  }
  const bytes = viaSib ? [modrm(0, reg, 4), 0x25] : [modrm(0, reg, 5)];
  return { rex: 0, bytes: [...bytes, ...littleEndian(target, 4)], ripTarget: null };
}

interface Registers {
  readonly base: number;
  readonly index: number | null;
  readonly scale: number;
}

function pickRegisters(instance: Instance): Registers {
  const { random } = instance;
  const count = instance.bits === 64 ? 16 : 8;
  const index = random.below(count);
  const hasIndex = index !== R.SP && random.chance(0.5);
  return { base: random.below(count), index: hasIndex ? index : null, scale: random.below(4) };
}

/** Registers whose sum with some displacement can be the target, and that displacement; null where there is none. */
function solve(instance: Instance, { base, index, scale }: Registers, target: bigint) {
  const { addressSize, known } = instance;
  const asSigned = (value: bigint) => BigInt.asIntN(addressSize, value);
  const read = (register: number) => BigInt.asUintN(addressSize, instance.gpr(register));
  const factor = 1n << BigInt(scale);
  const needed = (sum: bigint) => {
    const value = asSigned(target - sum);
    return fits(value, 32) ? { size: 32, value } : null;
  };
  if (base === index) {
    if (!known.has(base)) instance.set(base, BigInt(instance.random.u32() >>> 8), addressSize);
    return needed(read(base) * (1n + factor));
  }
  if (index !== null) known.add(index);
  const fixed = index === null ? 0n : read(index) * factor;
  if (known.has(base)) return needed(fixed + read(base));
  const chosen = displacement(instance, 32);
  instance.set(base, target - fixed - chosen.value, addressSize);
  return chosen;
}

/** ModRM, SIB and displacement. The base registers 5 and 13 always take a displacement. */
function encode(
  reg: number,
  { base, index, scale }: Registers,
  wanted: { size: number; value: bigint },
): Operand {
  const { size, value } = wanted.size === 0 && (base & 7) === R.BP ? { size: 8, value: 0n } : wanted;
  const needsSib = index !== null || (base & 7) === R.SP;
  const rex = (base >> 3) | (index === null ? 0 : (index >> 3) << 1);
  const sib = (scale << 6) | (((index ?? 4) & 7) << 3) | (base & 7);
  const head = needsSib ? [modrm(modOf(size), reg, 4), sib] : [modrm(modOf(size), reg, base)];
  return { rex, bytes: [...head, ...littleEndian(value, size / 8)], ripTarget: null };
}

/** [index * scale + disp32]. */
function indexed(instance: Instance, reg: number, target: bigint): Operand | null {
  const { random, addressSize } = instance;
  const index = random.below(instance.bits === 64 ? 16 : 8);
  const scale = random.below(4);
  if (index === R.SP) return null;
  if (!instance.known.has(index)) instance.set(index, BigInt(random.u32() >>> 6), addressSize);
  const value = BigInt.asUintN(addressSize, instance.gpr(index)) << BigInt(scale);
  const needed = BigInt.asIntN(addressSize, target - value);
  if (!fits(needed, 32)) return null;
  const bytes = [modrm(0, reg, 4), (scale << 6) | ((index & 7) << 3) | 5, ...littleEndian(needed, 4)];
  return { rex: (index >> 3) << 1, bytes, ripTarget: null };
}

/** An address that is only computed (LEA): any registers, any displacement. */
function computed(instance: Instance, reg: number): Operand {
  if (instance.random.chance(0.1)) return absolute(instance, reg, BigInt(instance.random.u32() | 0));
  return encode(reg, pickRegisters(instance), displacement(instance, 32));
}

/** A memory operand at the instance's target, in a random form; sets the registers that it uses. */
export function memoryOperand(instance: Instance, reg: number): Operand {
  if (instance.addressSize === 16) return operand16(instance, reg);
  if (instance.template.form === 'computed') return computed(instance, reg);
  const target = targetAddress(instance);
  const isLow = target < 0x8000_0000n;
  for (;;) {
    if (isLow && instance.random.chance(0.12)) return absolute(instance, reg, target);
    const found = instance.random.chance(0.1) ? indexed(instance, reg, target) : null;
    if (found) return found;
    const registers = pickRegisters(instance);
    const wanted = solve(instance, registers, target);
    if (wanted) return encode(reg, registers, wanted);
  }
}
