import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AssembleOptions, assemble } from './index.ts';
import { PROGRAMS } from './programs.test-data.ts';

/** The only error of a source, as `line:column message`. */
function errorOf(source: string, options?: AssembleOptions): string {
  const { errors, bytes } = assemble(source, options);
  expect(bytes.length).toBe(0);
  expect(errors.map((e) => e.message)).toHaveLength(1);
  const [{ line, column, message }] = errors;
  return `${line}:${column} ${message}`;
}

const REFUSED: readonly (readonly [source: string, error: RegExp])[] = [
  ['bits 32\n mvo eax, 1', /^2:2 unknown instruction 'mvo'; did you mean 'mov'/],
  ['here: frobnicate ax', /^1:7 unknown instruction 'frobnicate'$/],
  ['frobnicate', /^1:1 unknown instruction 'frobnicate'$/],
  ['jmp nowhere', /^1:5 symbol 'nowhere' is not defined/],
  ['dw .local', /symbol '.local' is not defined/],
  ['a: nop\na: nop', /^2:1 symbol 'a' is defined twice/],
  ['bits 32\nadd [ebx], 1', /operation size not specified/],
  ['bits 32\nmov al, 300', /0x12c does not fit in 8 bits/],
  ['bits 32\nmov byte [ebx], -129', /-0x81 does not fit in 8 bits/],
  ['bits 64\nmov qword [rax], 0x80000000', /0x80000000 does not fit in 32 bits \(sign-extended\)/],
  ['bits 64\ncmp rax, 0xffffffff', /0xffffffff does not fit in 32 bits \(sign-extended\)/],
  ['db 256', /256 does not fit in 8 bits/],
  ['dd 1 << 32', /4294967296 does not fit in 32 bits/],
  ['bits 32\nmov rax, 1', /'rax' exists in 64-bit code only/],
  ['bits 32\nmov eax, [r8d]', /'r8d' exists in 64-bit code only/],
  ['bits 32\nmovaps xmm8, xmm0', /'xmm8' exists in 64-bit code only/],
  ['bits 16\nmov sil, 1', /'sil' exists in 64-bit code only/],
  ['bits 32\nswapgs', /does not exist in 32-bit code \(only in 64-bit\)/],
  ['bits 64\npusha', /does not exist in 64-bit code/],
  ['bits 32\nmov eax, bx', /no form of the instruction takes these operands/],
  ['bits 64\nmov ah, r8b', /AH, BH, CH and DH cannot be used in an instruction with a REX prefix/],
  ['jmp short away\ntimes 200 nop\naway:', /out of range of a short jump/],
  ['bits 32\nmov eax, [eax + ebx + ecx]', /at most two registers/],
  ['bits 32\nmov eax, [ax + bx]', /16-bit addresses are made of/],
  ['bits 32\nmov eax, [esp * 2]', /'esp' cannot be an index|cannot be scaled|cannot be encoded/],
  ['bits 32\nmov eax, [eax * 7]', /cannot be scaled by 7/],
  ['bits 32\nmov eax, [eax + bx]', /must have one width/],
  ['bits 32\nmov eax, [al]', /'al' cannot be part of an address/],
  ['bits 64\nmov eax, [bx]', /16-bit addresses do not exist in 64-bit code/],
  ['bits 64\nlea rax, [rbx + 0x80000000]', /displacement 0x80000000 does not fit/],
  ['bits 64\nmov eax, [rax + 0x123456789]', /displacement 0x123456789 does not fit/],
  ['x equ eax', /equ cannot name a register/],
  ['dd 1 / 0', /division by zero/],
  ['a: dd a & 1', /works on plain numbers/],
  ['a: dd a * 2', /mixes addresses/],
  ['a: dd -a', /mixes addresses/],
  ['section .data\nb: db 0\nsection .text\na: dd a - b', /mixes addresses/],
  ['times -1 nop', /negative/],
  ['times later nop\nlater:', /known at this line|must be a number/],
  ['resb later\nlater:', /known at this line/],
  ['extern foo', /nothing is linked here/],
  ['global foo', /global symbol 'foo' is not defined/],
  ['bits 48', /bits takes 16, 32 or 64/],
  ['align 3', /not a power of two/],
  ['section .data frobnicated', /unknown attribute 'frobnicated'/],
  ['section .bss\ndb 1', /holds no bytes/],
  ['section a start=0x10\nnop\nsection b start=0x10\nnop', /overlaps/],
  ['db "abc', /not closed/],
  ['db 12z', /'12z' is not a number/],
  ['nop §', /unexpected character/],
  ['mov ax, (1 + 2', /expected '\)'/],
  ['mov ax, 1 2', /unexpected '2'/],
  ['mov ax,', /an operand is missing/],
  ['%include "missing.inc"', /no file 'missing.inc' to include/],
  ['%error stop here', /stop here/],
  ['%frob', /unknown preprocessor directive %frob/],
  ['%if 1\nnop', /%if without %endif/],
  ['%endif', /%endif without %if/],
  ['%macro m 1\nnop', /not closed by %endmacro/],
  ['%rep 3\nnop', /not closed by %endrep/],
  ['%macro m 1\n nop\n%endmacro\nm 1, 2', /does not take this number of parameters/],
  ['%define f(a) a\ndb f(1, 2)', /takes 1 parameters, not 2/],
  ['%macro m 0\n bad eax\n%endmacro\n  m', /^4:3 unknown instruction 'bad'/],
  ['%macro m 0\nm\n%endmacro\nm', /nested too deeply/],
  ['%rep 10000000\n%endrep', /too much/],
  ['times 1000000000 db 0', /too much|grows beyond/],
  ['endstruc', /endstruc without struc/],
  ['dd 1.5.5', /is not a number/],
  ['db 1.5', /need dw, dd, dq, dt or do/],
  ['%use ifunc', /packages are not here/],
  ['%pop', /%push comes first/],
  ['%push a\n%pop b', /the innermost context is 'a'/],
  ['%rotate 1', /outside a macro/],
  ['%macro m 1\n j%-1 $\n%endmacro\nm 5', /no condition code/],
  ['section a follows=b\nnop', /no section 'b' to follow/],
  ['dd 1e999', /too large/],
];

describe('wrong sources', () => {
  for (const [source, error] of REFUSED) {
    it(JSON.stringify(source), () => expect(errorOf(source)).toMatch(error));
  }

  it('names every wrong line', () => {
    const { errors } = assemble('foo eax\nnop\nmov eax, [\njmp gone\n');
    expect(errors.map((e) => e.line)).toEqual([1, 3, 4]);
  });

  it('names the included file', () => {
    const { errors } = assemble('nop\n%include "a.inc"', {
      file: 'main.asm',
      includes: { 'a.inc': '\n\nwrong\n' },
    });
    expect(errors).toEqual([
      {
        file: 'a.inc',
        line: 3,
        column: 1,
        message: "unknown instruction 'wrong'",
        context: [{ kind: 'include', name: 'a.inc', file: 'main.asm', line: 2, column: 1 }],
      },
    ]);
  });

  it('names the lines of the macros that lead there, and the use', () => {
    const { errors } = assemble('%include "m.inc"\nnop\nlabel: outer 5', {
      file: 'main.asm',
      includes: {
        'm.inc':
          '%macro inner 1\n  nop\n  mov al, [%1 + bl]\n%endmacro\n%macro outer 1\n inner %1\n%endmacro',
      },
    });
    expect(errors).toMatchObject([
      {
        file: 'main.asm',
        line: 3,
        column: 8,
        context: [
          { kind: 'macro', name: 'outer', file: 'm.inc', line: 6 },
          { kind: 'macro', name: 'inner', file: 'm.inc', line: 3, column: 11 },
        ],
      },
    ]);
  });

  it('names the use of a macro that includes a file', () => {
    const { errors } = assemble('%macro m 0\n%include "a.inc"\n%endmacro\nm', {
      file: 'main.asm',
      includes: { 'a.inc': '%if\n%endif' },
    });
    expect(errors).toMatchObject([
      {
        file: 'a.inc',
        line: 1,
        context: [
          { kind: 'macro', name: 'm', file: 'main.asm', line: 2 },
          { kind: 'include', name: 'a.inc', file: 'main.asm', line: 2 },
        ],
      },
    ]);
  });

  it('ends when sizes chase each other', () => {
    const { errors } = assemble('a equ b + 1\nb equ a + 1\n');
    expect(errors[0].message).toMatch(/do not settle/);
  });
});

it('survives damaged sources with errors or bytes', () => {
  const sources = Object.values(PROGRAMS).map((p) => p.source);
  const damage = fc.record({
    source: fc.constantFrom(...sources),
    at: fc.nat(),
    length: fc.integer({ min: 0, max: 6 }),
    insert: fc.string({ maxLength: 4 }),
  });
  fc.assert(
    fc.property(damage, ({ source, at, length, insert }) => {
      const start = at % source.length;
      const damaged = source.slice(0, start) + insert + source.slice(start + length);
      const { errors, bytes } = assemble(damaged);
      if (errors.length > 0) expect(bytes.length).toBe(0);
      for (const e of errors) expect(e.line).toBeGreaterThan(0);
    }),
    { numRuns: 150, seed: 1 },
  );
});
