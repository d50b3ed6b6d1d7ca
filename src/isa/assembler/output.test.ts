import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assemble } from './index.ts';

const SOURCE = `bits 64
default rel
org 0x100000
section .text
global start
start: mov rax, [value]
.loop: jmp .loop
section .data
value: dq count
count equ 7
section .high vstart=0x40000000 align=4096
task: nop
section .bss
buffer: resb 16
`;

describe('what comes with the bytes', () => {
  const assembly = assemble(SOURCE, { format: 'elf64', file: 'a.asm' });

  it('lists sections with both addresses', () => {
    expect(assembly.errors).toEqual([]);
    expect(assembly.sections).toEqual([
      { name: '.text', address: 0x100000, loadAddress: 0x100000, size: 9, nobits: false },
      { name: '.data', address: 0x10000c, loadAddress: 0x10000c, size: 8, nobits: false },
      { name: '.high', address: 0x40000000, loadAddress: 0x101000, size: 1, nobits: false },
      { name: '.bss', address: 0x40000004, loadAddress: 0x101004, size: 16, nobits: true },
    ]);
  });

  it('lists symbols with their full names', () => {
    expect(assembly.symbols).toContainEqual({
      name: 'start',
      value: 0x100000n,
      section: '.text',
      global: true,
    });
    expect(assembly.symbols).toContainEqual({
      name: 'start.loop',
      value: 0x100007n,
      section: '.text',
      global: false,
    });
    expect(assembly.symbols).toContainEqual({ name: 'count', value: 7n, section: undefined, global: false });
    expect(assembly.symbols).toContainEqual({
      name: 'task',
      value: 0x40000000n,
      section: '.high',
      global: false,
    });
  });

  it('maps addresses to lines', () => {
    expect(assembly.lines).toEqual([
      { address: 0x100000, length: 7, file: 'a.asm', line: 6 },
      { address: 0x100007, length: 2, file: 'a.asm', line: 7 },
      { address: 0x10000c, length: 8, file: 'a.asm', line: 9 },
      { address: 0x40000000, length: 1, file: 'a.asm', line: 12 },
    ]);
  });

  it('maps the lines of a macro to its call', () => {
    const { lines } = assemble('%macro two 0\n nop\n nop\n%endmacro\n two\n', { file: 'm.asm' });
    expect(lines.map((l) => l.line)).toEqual([5, 5]);
  });
});

/** Program headers of an ELF file as {virtual, physical, bytes, memory size}. */
function segments(bytes: Uint8Array, wide: boolean) {
  const view = new DataView(bytes.buffer);
  const word = (at: number) => (wide ? Number(view.getBigUint64(at, true)) : view.getUint32(at, true));
  const width = wide ? 8 : 4;
  const table = word(24 + width);
  const [entrySize, count] = [view.getUint16(wide ? 54 : 42, true), view.getUint16(wide ? 56 : 44, true)];
  return Array.from({ length: count }, (_, i) => {
    const at = table + i * entrySize + (wide ? 8 : 4);
    const [offset, virtual, physical, size, memory] = [0, 1, 2, 3, 4].map((k) => word(at + k * width));
    return { virtual, physical, memory, bytes: bytes.slice(offset, offset + size) };
  });
}

describe.each(['elf32', 'elf64'] as const)('%s', (format) => {
  const assembly = assemble(SOURCE, { format });
  const wide = format === 'elf64';

  it('has a header with the entry point', () => {
    const view = new DataView(assembly.bytes.buffer);
    expect([...assembly.bytes.slice(0, 7)]).toEqual([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, 1, 1]);
    expect(view.getUint16(16, true)).toBe(2); // ET_EXEC
    expect(view.getUint16(18, true)).toBe(wide ? 62 : 3);
    expect(view.getUint32(24, true)).toBe(0x100000);
    expect(assembly.entry).toBe(0x100000);
  });

  it('loads each section, with the bytes of the flat image', () => {
    const flat = assemble(SOURCE).bytes;
    for (const segment of segments(assembly.bytes, wide)) {
      const section = assembly.sections.find((s) => s.address === segment.virtual);
      expect(section).toMatchObject({ loadAddress: segment.physical, size: segment.memory });
      const start = segment.physical - 0x100000;
      expect(segment.bytes).toEqual(
        section?.nobits ? new Uint8Array(0) : flat.slice(start, start + segment.memory),
      );
    }
  });
});

it('refuses addresses beyond ELF32', () => {
  const { errors } = assemble('bits 64\nsection .text vstart=0xffffffff80000000\nnop\n', { format: 'elf32' });
  expect(errors[0].message).toMatch(/above 4 GiB/);
});

it('defines macros beforehand', () => {
  expect([...assemble('db N', { defines: { N: '42' } }).bytes]).toEqual([42]);
});

it('compares with <=>', () => {
  expect([...assemble('db 1 <=> 2, 2 <=> 2, 3 <=> 2').bytes]).toEqual([255, 0, 1]);
});

// Expressions against their evaluation in JavaScript
const OPERATIONS: Readonly<Record<string, (a: bigint, b: bigint) => bigint>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '&': (a, b) => a & b,
  '|': (a, b) => a | b,
  '^': (a, b) => a ^ b,
};
interface Tree {
  readonly text: string;
  readonly value: bigint;
}
const tree = fc.letrec<{ node: Tree }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small' },
    fc.integer({ min: 0, max: 1 << 30 }).map((n) => ({ text: `${n}`, value: BigInt(n) })),
    fc
      .tuple(fc.constantFrom(...Object.keys(OPERATIONS)), tie('node'), tie('node'))
      .map(([operator, a, b]) => ({
        text: `(${a.text} ${operator} ${b.text})`,
        value: BigInt.asIntN(64, OPERATIONS[operator](a.value, b.value)),
      })),
    tie('node').map((a) => ({ text: `-${a.text}`, value: BigInt.asIntN(64, -a.value) })),
    tie('node').map((a) => ({ text: `~${a.text}`, value: ~a.value })),
  ),
})).node;

it('evaluates expressions in 64 bits', () => {
  fc.assert(
    fc.property(tree, ({ text, value }) => {
      const { bytes, errors } = assemble(`dq ${text}`);
      expect(errors).toEqual([]);
      expect(new DataView(bytes.buffer).getBigInt64(0, true)).toBe(value);
    }),
    { numRuns: 200, seed: 1 },
  );
});
