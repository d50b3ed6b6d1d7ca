/** The emulator's decoder against a complete one. */
import fc from 'fast-check';
import { Decoder, DecoderOptions, Mnemonic, OpKind } from 'iced-x86';
import { describe, expect, it } from 'vitest';
import { type CodeBits, decode } from './decode.ts';

const KNOWN: Readonly<Record<string, readonly number[]>> = {
  store: [Mnemonic.Mov],
  load: [Mnemonic.Mov, Mnemonic.Movzx, Mnemonic.Movsx, Mnemonic.Movsxd],
  modify: [Mnemonic.Add, Mnemonic.Or, Mnemonic.Adc, Mnemonic.Sbb, Mnemonic.And, Mnemonic.Sub, Mnemonic.Xor],
  combine: [
    Mnemonic.Add,
    Mnemonic.Or,
    Mnemonic.Adc,
    Mnemonic.Sbb,
    Mnemonic.And,
    Mnemonic.Sub,
    Mnemonic.Xor,
    Mnemonic.Cmp,
  ],
  compare: [Mnemonic.Cmp, Mnemonic.Test],
  exchange: [Mnemonic.Xchg],
  unary: [Mnemonic.Inc, Mnemonic.Dec, Mnemonic.Not, Mnemonic.Neg],
  stos: [Mnemonic.Stosb, Mnemonic.Stosw, Mnemonic.Stosd, Mnemonic.Stosq],
  lods: [Mnemonic.Lodsb, Mnemonic.Lodsw, Mnemonic.Lodsd, Mnemonic.Lodsq],
  movs: [Mnemonic.Movsb, Mnemonic.Movsw, Mnemonic.Movsd, Mnemonic.Movsq],
};

const OPCODES = [
  ...Array.from({ length: 0x40 }, (_, i) => i).filter((i) => (i & 7) < 4),
  ...[0x63, 0x80, 0x81, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b, 0xa0, 0xa1, 0xa2, 0xa3],
  ...[0xa4, 0xa5, 0xaa, 0xab, 0xac, 0xad, 0xc6, 0xc7, 0xf6, 0xf7, 0xfe, 0xff],
];

const prefix = fc.constantFrom<number[]>(
  [],
  [],
  [0x66],
  [0x67],
  [0x66, 0x67],
  [0x2e],
  [0x65],
  [0xf3],
  [0xf0],
);
const rex = fc.constantFrom<number[]>([], [0x48], [0x44], [0x40], [0x4f]);
const opcode = fc.oneof(
  fc.constantFrom(...OPCODES).map((byte) => [byte]),
  fc.constantFrom(0xb6, 0xb7, 0xbe, 0xbf).map((byte) => [0x0f, byte]),
);
const tail = fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 12, maxLength: 12 });

describe('the decoder of the emulator', () => {
  it('agrees about length, mnemonic and sizes on whatever it accepts', () => {
    let accepted = 0;
    fc.assert(
      fc.property(
        fc.constantFrom<CodeBits>(16, 32, 64),
        prefix,
        rex,
        opcode,
        tail,
        (bits, before, extension, code, rest) => {
          const bytes = Uint8Array.from([...before, ...(bits === 64 ? extension : []), ...code, ...rest]);
          const mine = decode(bytes.subarray(0, 15), bits);
          const decoder = new Decoder(bits, bytes, DecoderOptions.None);
          const full = decoder.decode();
          if (!full.isInvalid && mine !== undefined) {
            accepted++;
            expect(mine.length).toBe(full.length);
            expect(KNOWN[mine.kind]).toContain(full.mnemonic);
            const string = ['stos', 'lods', 'movs'].includes(mine.kind);
            const memory = [0, 1].some((n) => full.opCount > n && full.opKind(n) === OpKind.Memory);
            expect(string || memory).toBe(true);
          }
          full.free();
          decoder.free();
        },
      ),
      { numRuns: 5000 },
    );
    expect(accepted).toBeGreaterThan(2000);
  });

  it.each([
    ['register operands only', [0x89, 0xc0]],
    ['an instruction that it does not know', [0x0f, 0xc7, 0x0e]],
    ['bytes that end too early', [0x81, 0x00, 0x12]],
  ])('refuses %s', (_, bytes) => {
    expect(decode(Uint8Array.from(bytes), 64)).toBeUndefined();
  });

  it.each([
    ['mov [rax], r9d', [0x44, 0x89, 0x08], { kind: 'store', bytes: 4, register: 9 }],
    ['mov ah, [rax]', [0x8a, 0x20], { kind: 'load', bytes: 1, register: 16 }],
    ['mov spl, [rax]', [0x40, 0x8a, 0x20], { kind: 'load', bytes: 1, register: 4 }],
    ['movsx rcx, word [rax]', [0x48, 0x0f, 0xbf, 0x08], { bytes: 2, registerBytes: 8, signExtend: true }],
    ['and qword [rax], -2', [0x48, 0x83, 0x20, 0xfe], { kind: 'modify', operator: 'and', bytes: 8 }],
    ['test dword [rax], 80000000h', [0xf7, 0x00, 0, 0, 0, 0x80], { kind: 'compare', operator: 'test' }],
    ['rep stosd', [0xf3, 0xab], { kind: 'stos', bytes: 4, rep: true }],
  ])('%s', (_, bytes, expected) => {
    expect(decode(Uint8Array.from(bytes), 64)).toMatchObject(expected);
  });
});
