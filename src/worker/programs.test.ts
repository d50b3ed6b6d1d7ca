import { describe, expect, it } from 'vitest';
import { SHOWN_BYTES } from '../protocol/assembly.ts';
import { assembleProgram, programLibrary } from './programs.ts';

const NAME = 'program.asm';
const bin = (text: string) => assembleProgram({ name: NAME, text, format: 'bin' });

describe('assembling a program', () => {
  it('lists lines with addresses and bytes, across sections', () => {
    const { program } = bin(
      'org 0x7c00\n mov ax, [word_]\n hlt\nsection .data\nword_: dw 0x1234\nsection .bss\nresb 4\n',
    );
    const line = (address: bigint, number: number, ...bytes: number[]) => ({
      file: NAME,
      line: number,
      address,
      length: expect.any(Number),
      bytes: Uint8Array.from(bytes),
    });
    expect(program?.lines).toEqual([
      line(0x7c00n, 2, 0xa1, 0x04, 0x7c),
      line(0x7c03n, 3, 0xf4),
      line(0x7c04n, 5, 0x34, 0x12),
    ]);
    expect(program).toMatchObject({ entry: 0x7c00n, flat: { address: 0x7c00, mode: 'real' } });
  });

  it.each(['elf32', 'elf64'] as const)('finds the bytes of %s', (format) => {
    const text = 'org 0x100000\nsection .text\nstart: hlt\nsection .data\ndb 1, 2, 3\n';
    const { program } = assembleProgram({ name: NAME, text, format });
    expect(program?.flat).toBeNull();
    expect(program?.entry).toBe(0x100000n);
    expect(program?.lines.map(({ line, bytes }) => [line, ...bytes])).toEqual([
      [3, 0xf4],
      [5, 1, 2, 3],
    ]);
  });

  it('tells by its headers whether a program wants AMD-V', () => {
    expect(bin('%include "svm.inc"\n hlt\n').program?.wantsAmdV).toBe(true);
    expect(bin('%include "vmx.inc"\n hlt\n').program?.wantsAmdV).toBe(false);
  });

  it('shows the first bytes of long data', () => {
    const [line] = bin('times 100 db 7').program?.lines ?? [];
    expect(line?.length).toBeGreaterThan(0);
    expect(line?.bytes.every((byte) => byte === 7)).toBe(true);
    expect(bin('db "a long text of many letters"').program?.lines[0]?.bytes).toHaveLength(SHOWN_BYTES);
  });

  it.each([
    ['nop', 'real'],
    ['bits 32\nnop', 'protected'],
    ['  [BITS 64]\nnop', 'long'],
    ['use16\nnop\nbits 64', 'real'],
    ['; bits 64\nnop', 'real'],
  ])('enters %j in %s mode', (text, mode) => {
    expect(bin(text).program?.flat?.mode).toBe(mode);
  });

  it('answers errors with their places, and no program', () => {
    expect(bin('nop\n mvo ax, 1')).toMatchObject({
      program: null,
      errors: [{ file: NAME, line: 2, column: 2 }],
    });
    expect(bin('; nothing').errors[0]?.message).toMatch(/produces no bytes/);
  });
});

describe('the library', () => {
  const { examples, headers } = programLibrary();

  it.each(examples.map(({ title, source }) => [title, source] as const))('%s assembles', (_title, source) => {
    const { errors, program } = assembleProgram(source);
    expect(errors).toEqual([]);
    const files = new Set(program?.lines.map(({ file }) => file));
    expect([...files].filter((file) => file !== source.name && !headers.includes(file))).toEqual([]);
  });

  it.each(headers)('%s can be included', (header) => {
    expect(bin(`%include "${header}"\nnop`).errors).toEqual([]);
  });
});
