/**
 * A decoded record (RECORD in state.ts) as system operations read it.
 *
 * Conventions for records of system operations: REG and RM hold 8 * register number, whatever the
 * register's class; of a far pointer (`Ap`) the offset is the immediate, the selector the displacement.
 * PREFIXES beyond bit 5: bit 6 the operand of ModRM.rm is memory, bit 7 REX.W. The base of a
 * RIP-relative operand is the field STATE.PAGE_IP, which reads like one more register.
 */

import { signedNumber } from '../number64.ts';
import type { Registers } from '../registers.ts';
import { RECORD } from '../state.ts';

export const PREFIX = {
  REP_MASK: 3,
  ADDRESS_SHIFT: 2,
  OPERAND_SIZE: 1 << 4,
  LOCK: 1 << 5,
  MEMORY: 1 << 6,
  REX_W: 1 << 7,
} as const;

export class DecodedRecord {
  /** Linear-memory address of the record; set before each operation. */
  address = 0;
  readonly #u8: Uint8Array;
  readonly #u16: Uint16Array;
  readonly #u32: Uint32Array;
  readonly #regs: Registers;

  constructor(memory: WebAssembly.Memory, regs: Registers) {
    this.#u8 = new Uint8Array(memory.buffer);
    this.#u16 = new Uint16Array(memory.buffer);
    this.#u32 = new Uint32Array(memory.buffer);
    this.#regs = regs;
  }

  get length(): number {
    return this.#u8[this.address + RECORD.LENGTH];
  }

  /** Offset of the instruction in its page. */
  get pageOffset(): number {
    return this.#u16[(this.address + RECORD.OFFSET) >> 1];
  }

  /** Number of the ModRM.reg register. */
  get reg(): number {
    return this.#u16[(this.address + RECORD.REG) >> 1] >> 3;
  }

  /** Number of the ModRM.rm register. */
  get rm(): number {
    return this.#u16[(this.address + RECORD.RM) >> 1] >> 3;
  }

  get prefixes(): number {
    return this.#u8[this.address + RECORD.PREFIXES];
  }

  /** True when the operand of ModRM.rm is memory. */
  get isMemory(): boolean {
    return (this.prefixes & PREFIX.MEMORY) !== 0;
  }

  get rexW(): boolean {
    return (this.prefixes & PREFIX.REX_W) !== 0;
  }

  get hasOperandSizePrefix(): boolean {
    return (this.prefixes & PREFIX.OPERAND_SIZE) !== 0;
  }

  /** 0 none, 1 REP/REPE, 2 REPNE. */
  get rep(): number {
    return this.prefixes & PREFIX.REP_MASK;
  }

  /** Address size in bits. */
  get addressSize(): 16 | 32 | 64 {
    return (16 << ((this.prefixes >> PREFIX.ADDRESS_SHIFT) & 3)) as 16 | 32 | 64;
  }

  /** SEG number of the memory operand. */
  get segment(): number {
    return this.#u8[this.address + RECORD.SEGMENT];
  }

  /** u32 halves of the sign-extended immediate. */
  get immediateLo(): number {
    return this.#u32[(this.address + RECORD.IMMEDIATE) >> 2];
  }

  get immediateHi(): number {
    return this.#u32[(this.address + RECORD.IMMEDIATE + 4) >> 2];
  }

  get displacement(): number {
    return this.#u32[(this.address + RECORD.DISPLACEMENT) >> 2] | 0;
  }

  /** Scale of the index register as a shift count, 0..3. */
  get scale(): number {
    return this.#u8[this.address + RECORD.SCALE];
  }

  /** Field number (offset / 8) of the base and index register; STATE.ZERO / 8 stands for none. */
  get baseRegister(): number {
    return this.#u16[(this.address + RECORD.BASE) >> 1] >> 3;
  }

  get indexRegister(): number {
    return this.#u16[(this.address + RECORD.INDEX) >> 1] >> 3;
  }

  /**
   * Offset of the memory operand in its segment: truncated to the address size and unsigned for 16 and 32
   * bits, the signed 64-bit value otherwise.
   */
  get offset(): number {
    const r = this.#regs;
    const displacement = this.displacement;
    const base = this.baseRegister;
    const index = this.indexRegister;
    const shift = this.scale;
    const indexLo = (r.gprLo(index) << shift) >>> 0;
    const lo = r.gprLo(base) + indexLo + (displacement >>> 0);
    if (this.addressSize === 16) return lo & 0xffff;
    if (this.addressSize === 32) return lo >>> 0;
    const spill = shift === 0 ? 0 : r.gprLo(index) >>> (32 - shift);
    const indexHi = (r.gprHi(index) << shift) | spill;
    const hi = r.gprHi(base) + indexHi + (displacement >> 31) + Math.floor(lo / 0x1_0000_0000);
    return signedNumber(lo >>> 0, hi | 0);
  }
}
