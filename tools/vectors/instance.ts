/** Makes one random instance of a template: code bytes, and an initial state in which its operands make sense. */
import { littleEndian, memoryOperand, type Operand } from './address.ts';
import { type Encoding, parseEncoding, type Tail } from './encoding.ts';
import { CODE, LOW_WINDOW, OFFSET, type State, WINDOW, WINDOW_SIZE } from './layout.ts';
import type { Random } from './random.ts';
import type { Template } from './template.ts';

const SEGMENT_PREFIXES = { 64: [0x26, 0x2e, 0x36, 0x3e], 32: [0x26, 0x36, 0x3e] } as const;
const IMMEDIATES = [
  0n,
  1n,
  2n,
  0x7fn,
  0x80n,
  -1n,
  -2n,
  0x7fffn,
  0x8000n,
  0x7fffffffn,
  0x80000000n,
  -0x80000000n,
];

export class Instance {
  readonly template: Template;
  readonly encoding: Encoding;
  readonly bits: 32 | 64;
  /** Operand size in bits. */
  readonly size: number;
  readonly random: Random;
  /** The initial state. */
  readonly state: State;
  /** Address size in bits: 16, 32 or 64. */
  readonly addressSize: number;
  /** Registers with a value that the instruction needs. */
  readonly known = new Set<number>();
  /** Register number in ModRM.reg or the opcode. */
  readonly reg: number;
  /** Register number in ModRM.rm, or null for a memory operand. */
  readonly rm: number | null;
  /** Where in the window the memory operand is; chosen with the address unless a setup has chosen it. */
  target: number | null = null;
  /** The last immediate of the code. */
  immediate = 0n;
  /** Immediates that a setup wants instead of random ones, in order. */
  chosenImmediate: bigint[] | null = null;
  /** The undefined part of the window afterwards. */
  ignored = { offset: 0, length: 0 };
  readonly code: number[] = [];

  constructor(template: Template, bits: 32 | 64, size: number, random: Random, state: State) {
    this.template = template;
    this.bits = bits;
    this.size = size;
    this.random = random;
    this.state = state;
    this.encoding = parseEncoding(template.encoding);
    const hasMemory = this.encoding.modrm !== null && template.form !== 'register';
    const usesAddress = hasMemory || template.usesAddressSize || this.encoding.tails.includes('moffs');
    this.addressSize = usesAddress && !template.plain && random.chance(0.15) ? bits / 2 : bits;
    this.reg = random.below(bits === 64 ? 16 : 8);
    const isRegister = !hasMemory || (template.form === undefined && random.chance(0.5));
    this.rm = isRegister ? random.below(bits === 64 ? 16 : 8) : null;
    template.setup?.(this);
    this.#encode();
    template.finish?.(this);
  }

  /** The memory operand's size in bytes. */
  get memorySize(): number {
    return this.template.memory ?? this.size / 8;
  }

  /** The value of a general register in the initial state. */
  gpr(register: number): bigint {
    return this.state.u64[OFFSET.gpr / 8 + register] as bigint;
  }

  /** Gives a general register a value, of which `width` low bits count; what is above stays random. */
  set(register: number, value: bigint, width: number = this.bits): void {
    const above = (this.gpr(register) >> BigInt(width)) << BigInt(width);
    const mode = BigInt.asUintN(this.bits, above | BigInt.asUintN(width, value));
    this.state.u64[OFFSET.gpr / 8 + register] = mode;
    this.known.add(register);
  }

  /** Makes a register point at an offset of the window, by an address of the instruction's address size. */
  point(register: number, offset: number): void {
    this.set(register, this.linear(offset), this.addressSize);
  }

  /** The address of an offset in the window, as this instruction's address size can reach it. */
  linear(offset: number): bigint {
    return BigInt((this.addressSize === 16 ? LOW_WINDOW : WINDOW) + offset);
  }

  /** Writes an integer into the window. */
  poke(offset: number, value: bigint, bytes: number): void {
    for (let i = 0; i < bytes && offset + i < WINDOW_SIZE; i++) {
      this.state.bytes[OFFSET.window + offset + i] = Number((value >> BigInt(8 * i)) & 0xffn);
    }
  }

  /** Reads an integer from the window; bytes behind its end are 0. */
  peek(offset: number, bytes: number): bigint {
    let value = 0n;
    for (let i = Math.min(bytes, WINDOW_SIZE - offset) - 1; i >= 0; i--) {
      value = (value << 8n) | BigInt(this.state.bytes[OFFSET.window + offset + i] as number);
    }
    return value;
  }

  /** Chooses where the memory operand is: anywhere, mostly aligned, sometimes reaching behind the window's end. */
  chooseTarget(): number {
    const { random, memorySize: size } = this;
    if (this.target !== null) return this.target;
    if (!this.template.aligned && size <= 32 && random.chance(0.02)) return WINDOW_SIZE - random.below(size);
    const grid = 2 ** Math.ceil(Math.log2(Math.min(size, 16)));
    const misaligned = random.chance(this.template.aligned ? 0.03 : 0.25);
    if (misaligned) return random.between(16, WINDOW_SIZE - 16 - size > 16 ? WINDOW_SIZE - 16 - size : 24);
    return Math.floor(random.between(16, Math.max(16, WINDOW_SIZE - 16 - size)) / grid) * grid;
  }

  #encode(): void {
    const { encoding, random } = this;
    const operand = this.#operand();
    const rex = this.#rex(operand);
    const opcode = encoding.opcode.map(({ byte, register }) => {
      if (register === null) return byte;
      return byte | (register === 'general' ? this.reg & 7 : random.below(8));
    });
    this.code.push(...this.#legacyPrefixes());
    if (encoding.mandatoryPrefix !== null) this.code.push(encoding.mandatoryPrefix);
    if (rex !== 0) this.code.push(rex);
    this.code.push(...opcode, ...operand.bytes);
    const displacementEnd = this.code.length;
    for (const tail of encoding.tails) this.#tail(tail);
    if (operand.ripTarget !== null) {
      const displacement = operand.ripTarget - BigInt(CODE + this.code.length);
      this.code.splice(displacementEnd - 4, 4, ...littleEndian(displacement, 4));
    }
  }

  /** The ModRM byte and what belongs to it. */
  #operand(): Operand {
    const { modrm } = this.encoding;
    if (modrm === null) return { rex: 0, bytes: [], ripTarget: null };
    const reg = modrm === 'r' ? this.reg : modrm;
    if (this.rm === null) return memoryOperand(this, reg);
    return { rex: this.rm >> 3, bytes: [0xc0 | ((reg & 7) << 3) | (this.rm & 7)], ripTarget: null };
  }

  /** The REX prefix, sometimes one that says nothing, or 0 for none. */
  #rex(operand: Operand): number {
    const { encoding, template, random } = this;
    const inOpcode = encoding.opcode.some(({ register }) => register === 'general') ? this.reg >> 3 : 0;
    const inModrm = encoding.modrm === 'r' ? (this.reg >> 3) << 2 : 0;
    const isWide = encoding.rexW || (this.size === 64 && 'vy'.includes(template.size));
    const bits = operand.rex | inOpcode | inModrm | (isWide ? 8 : 0);
    const mayBeNeedless = this.bits === 64 && !template.plain;
    const isNeedless = mayBeNeedless && random.chance(template.size === 'b' ? 0.3 : 0.03);
    return bits !== 0 || isNeedless ? 0x40 | bits : 0;
  }

  /** LOCK, segment, address-size and operand-size prefixes; also some without effect, and some LOCKs that are #UD. */
  #legacyPrefixes(): number[] {
    const { template, random, bits, size } = this;
    const prefixes: number[] = [];
    const isLockable = template.lock && this.rm === null && this.encoding.modrm !== null;
    if (!template.plain && random.chance(isLockable ? 0.1 : 0.005)) prefixes.push(0xf0);
    if (!template.plain && random.chance(0.04)) prefixes.push(random.pick(SEGMENT_PREFIXES[bits]));
    if (this.addressSize !== bits) prefixes.push(0x67);
    const isShort = size === 16 && template.size !== 'w';
    const isOverridden = size === 64 && template.size === 'v' && random.chance(0.03);
    if (isShort || isOverridden) prefixes.push(0x66);
    return prefixes;
  }

  /** Bytes of an immediate or relative operand "z". */
  get #z(): number {
    return this.size === 16 ? 2 : 4;
  }

  #tail(tail: Tail): void {
    const z = this.#z;
    switch (tail) {
      case 'ib':
      case 'relb':
        this.#emit(this.#value(8), 1);
        break;
      case 'iw':
        this.#emit(this.#value(16), 2);
        break;
      case 'iz':
      case 'relz':
        this.#emit(this.#value(8 * z), z);
        break;
      case 'iv':
        this.#emit(this.#value(this.size), this.size / 8);
        break;
      case 'moffs':
        this.target = this.chooseTarget();
        this.#emit(this.linear(this.target), this.addressSize / 8);
        break;
    }
  }

  /** The immediate that a setup has chosen, else a random one. */
  #value(width: number): bigint {
    if (this.chosenImmediate === null) {
      const value = this.random.chance(0.4) ? this.random.pick(IMMEDIATES) : this.random.u64();
      this.immediate = BigInt.asUintN(width, value);
    } else {
      this.immediate = this.chosenImmediate.shift() ?? 0n;
    }
    return this.immediate;
  }

  #emit(value: bigint, bytes: number): void {
    this.code.push(...littleEndian(value, bytes));
  }
}
