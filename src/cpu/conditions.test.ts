/**
 * Flags from the instruction that makes them to the one that uses them: conditions after CMP, carries
 * through chains, images on the stack. (The recorded vectors begin with given flags.)
 */
import { describe, expect, it } from 'vitest';
import { FLAG, GPR, STATUS_FLAGS } from '../arch/registers.ts';
import { Bench } from './testing/bench.ts';

const CODE = 0x10_0000;
const DATA = 0x20_0000;
const bench = new Bench();
const code = bench.map(CODE);
const data = bench.map(DATA);
const { regs, ram } = bench;

let instructions: readonly string[] = [];

/** Puts a program, given in hexadecimal. */
function program(...lines: string[]): void {
  instructions = lines;
  const bytes = lines.flatMap((hex) => hex.split(' ').map((byte) => Number.parseInt(byte, 16)));
  ram.set(bytes, code);
  bench.changed(code, bytes.length);
}

/** Executes the program from its beginning. */
function run(): void {
  regs.rip = CODE;
  for (const hex of instructions) if (bench.step()) throw new Error(`${hex} raised an exception`);
}

const setGpr = (n: number, value: bigint): void => {
  regs.u64[n] = BigInt.asUintN(64, value);
};

const VALUES = [
  0n,
  1n,
  2n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x7fff_ffffn,
  0x8000_0000n,
].flatMap((value) => [value, -value, value << 32n]);

/** Opcodes with 16-bit and 64-bit prefixes, for operands AL/AX/EAX/RAX and BL/BX/EBX/RBX. */
const CMP: Record<number, string> = { 8: '38 d8', 16: '66 39 d8', 32: '39 d8', 64: '48 39 d8' };

describe('conditions after CMP', () => {
  /** By condition code, of signed and unsigned operands and the low byte of the difference. */
  const MEANINGS: readonly ((x: Case) => boolean)[] = [
    ({ a, b, size }) => BigInt.asIntN(size, a - b) !== a - b,
    ({ ua, ub }) => ua < ub,
    ({ a, b }) => a === b,
    ({ ua, ub }) => ua <= ub,
    ({ a, b, size }) => BigInt.asIntN(size, a - b) < 0n,
    ({ a, b }) => ((a - b) & 0xffn).toString(2).replaceAll('0', '').length % 2 === 0,
    ({ a, b }) => a < b,
    ({ a, b }) => a <= b,
  ];
  interface Case {
    readonly size: number;
    readonly a: bigint;
    readonly b: bigint;
    readonly ua: bigint;
    readonly ub: bigint;
  }

  it.each([8, 16, 32, 64])('%i bits', (size) => {
    // SETcc [RDI + condition], for all conditions.
    const sets = Array.from({ length: 16 }, (_, cc) => `0f 9${cc.toString(16)} 47 0${cc.toString(16)}`);
    program(CMP[size], ...sets);
    setGpr(GPR.RDI, BigInt(DATA));
    for (const left of VALUES) {
      for (const right of VALUES) {
        setGpr(GPR.RAX, left);
        setGpr(GPR.RBX, right);
        run();
        const [a, b] = [BigInt.asIntN(size, left), BigInt.asIntN(size, right)];
        const x = { size, a, b, ua: BigInt.asUintN(size, left), ub: BigInt.asUintN(size, right) };
        const expected = MEANINGS.flatMap((holds) => (holds(x) ? [1, 0] : [0, 1]));
        expect([...ram.subarray(data, data + 16)], `CMP ${a}, ${b}`).toEqual(expected);
      }
    }
  });
});

describe('chains', () => {
  const low = (value: bigint) => BigInt.asUintN(64, value);

  it('ADD and ADC on two words, with INC in between, which keeps CF', () => {
    program('48 01 d8', '48 ff c6', '48 11 da'); // ADD RAX, RBX; INC RSI; ADC RDX, RBX
    for (const a of VALUES) {
      for (const b of VALUES) {
        const high = b * 3n;
        setGpr(GPR.RAX, a);
        setGpr(GPR.RDX, high);
        setGpr(GPR.RBX, b);
        run();
        const carry = (low(a) + low(b)) >> 64n;
        expect([regs.u64[GPR.RAX], regs.u64[GPR.RDX]]).toEqual([low(a + b), low(high + b + carry)]);
      }
    }
  });

  it('SUB and SBB, with DEC in between', () => {
    program('48 29 d8', '48 ff ce', '48 19 da'); // SUB RAX, RBX; DEC RSI; SBB RDX, RBX
    for (const a of VALUES) {
      for (const b of VALUES) {
        const high = b * 3n;
        setGpr(GPR.RAX, a);
        setGpr(GPR.RDX, high);
        setGpr(GPR.RBX, b);
        run();
        const borrow = low(a) < low(b) ? 1n : 0n;
        expect([regs.u64[GPR.RAX], regs.u64[GPR.RDX]]).toEqual([low(a - b), low(high - b - borrow)]);
      }
    }
  });
});

describe('images of the flags', () => {
  const IMAGES = Array.from({ length: 64 }, (_, n) => {
    const bits = [FLAG.CF, FLAG.PF, FLAG.AF, FLAG.ZF, FLAG.SF, FLAG.OF];
    return bits.reduce((flags, bit, i) => (n & (1 << i) ? flags | bit : flags), 0);
  });

  it('POPF and PUSHF give every combination back', () => {
    program('9d', '9c');
    for (const flags of IMAGES) {
      setGpr(GPR.RSP, BigInt(DATA + 0x800));
      ram.set([flags & 0xff, flags >> 8, 0, 0, 0, 0, 0, 0], data + 0x800);
      run();
      expect((ram[data + 0x800] | (ram[data + 0x801] << 8)) & STATUS_FLAGS).toBe(flags);
      expect(regs.rflags & STATUS_FLAGS).toBe(flags);
    }
  });

  it('SAHF and LAHF give all but OF back; OF stays', () => {
    program('9e', '9f');
    for (const flags of IMAGES) {
      regs.rflags = flags ^ STATUS_FLAGS ^ FLAG.OF;
      setGpr(GPR.RAX, BigInt(flags & 0xff) << 8n);
      run();
      expect(regs.rflags & STATUS_FLAGS).toBe(flags);
      expect(regs.gprLo(GPR.RAX) >> 8).toBe((flags & 0xff) | 2);
    }
  });
});
