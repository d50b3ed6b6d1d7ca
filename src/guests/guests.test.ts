import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bothExecutables, hasLinker } from '../../tools/nasm-elf.ts';
import { hasNasm, nasm } from '../../tools/nasm-oracle.ts';
import { assemble } from '../isa/assembler/index.ts';
import { type Guest, guestNamed, guests, HEADERS, NUMBERS, SOURCES, TEXTS } from './index.ts';

const hasQemu = spawnSync('qemu-system-x86_64', ['--version']).status === 0;

it('sources.ts holds the present sources', () => {
  execFileSync('node', ['scripts/embed-guests.mjs', '--check']);
});

it('every source belongs to a guest', () => {
  const used = new Set(guests.flatMap((g) => g.files));
  const texts = [...Object.keys(SOURCES), ...Object.keys(HEADERS)].filter((name) => !(name in NUMBERS));
  expect(texts.filter((name) => !used.has(name))).toEqual([]);
});

it.skipIf(!hasNasm())('NASM reads each header of numbers, twice and all together, as we do', () => {
  const names = Object.keys(NUMBERS);
  const head = [...names, ...names].map((name) => `%include "${name}"`).join('\n');
  const constants = Object.values(NUMBERS).flatMap((text) =>
    [...text.matchAll(/^(\w+) +equ /gm)].map(([, name]) => name),
  );
  const source = `${head}\n${constants.map((name) => `dq ${name}`).join('\n')}\n`;
  const expected = nasm(source, NUMBERS);
  expect(expected.messages).toBe('');
  const { bytes, errors } = assemble(source, { includes: NUMBERS });
  expect(errors).toEqual([]);
  expect(bytes.length).toBe(8 * constants.length);
  expect(Buffer.from(bytes).equals(Buffer.from(expected.bytes ?? []))).toBe(true);
});

describe.each(guests)('$name', (guest) => {
  it('assembles', () => {
    const { bytes, symbols, lines } = guest.assemble();
    expect(bytes.length).toBeGreaterThan(0);
    expect(symbols.map((s) => s.name)).toContain('start');
    expect(lines.length).toBeGreaterThan(10);
    for (const { file } of lines) expect(guest.files).toContain(file);
  });

  it.skipIf(!hasNasm())('has the bytes that NASM gives', () => {
    const [main] = guest.files;
    const expected = nasm(TEXTS[main], Object.fromEntries(guest.files.map((f) => [f, TEXTS[f]])));
    expect(expected.messages).toBe('');
    const actual = assemble(TEXTS[main], { file: main, includes: TEXTS });
    expect(Buffer.from(actual.bytes).equals(Buffer.from(expected.bytes ?? []))).toBe(true);
  });
});

describe.skipIf(!hasLinker())('executables, as NASM and the linker make them', () => {
  // The kernel has what only flat files have in NASM: `vstart`, and 64-bit addresses in a 32-bit file.
  it.each([
    ['hypervisor', 'elf32'],
    ['tiny-hypervisor', 'elf64'],
    ['paravirtual', 'elf64'],
  ] as const)('%s, %s', (name, format) => {
    const files = guestNamed(name)?.files ?? [];
    const includes = Object.fromEntries(files.map((file) => [file, TEXTS[file]]));
    const { ours, theirs } = bothExecutables(format, includes[`${name}.asm`], includes);
    expect(ours.symbols.length).toBeGreaterThan(20);
    expect(ours).toEqual(theirs);
  });
});

const MACHINE = [
  '-display',
  'none',
  '-no-reboot',
  '-m',
  '64',
  '-device',
  'isa-debug-exit,iobase=0xf4',
  '-serial',
  'stdio',
];

/** Runs a guest on QEMU's PC until it ends itself, typing each line when the prompt asks for it. */
async function onQemu(
  name: string,
  lines: readonly string[] = [],
): Promise<{ text: string; status: number }> {
  const guest = guestNamed(name) as Guest;
  const directory = mkdtempSync(join(tmpdir(), 'guest-'));
  try {
    const image = join(directory, 'image');
    writeFileSync(image, guest.assemble().bytes);
    const boot = guest.flat ? ['-drive', `file=${image},format=raw`] : ['-kernel', image];
    const qemu = spawn('qemu-system-x86_64', [...boot, ...MACHINE]);
    let text = '';
    let typed = 0;
    qemu.stdout.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk;
      const prompts = text.match(/^> /gm)?.length ?? 0;
      while (typed < Math.min(prompts, lines.length)) qemu.stdin.write(`${lines[typed++]}\r`);
    });
    const [status] = (await once(qemu, 'close')) as [number];
    return { text: text.replaceAll('\r', ''), status };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

describe.skipIf(!hasQemu)("on QEMU's PC", () => {
  it.each([
    ['boot-sector', 'Hello from real mode.\n', 1],
    ['protected-mode', 'Hello from protected mode, read at C0000000h and more.\n', 1],
    ['long-mode', 'Hello from 64-bit mode.\n', 1],
    ['hypervisor', 'This processor has no VT-x.\n', 3],
  ])('%s', async (name, text, status) => {
    expect(await onQemu(name)).toEqual({ text, status });
  });

  it('kernel answers its commands', async () => {
    const commands = ['help', 'ps', 'mem', 'peek 100000', 'nonsense', 'fault', 'hv', 'balloon 10', 'halt'];
    const { text, status } = await onQemu('kernel', commands);
    expect(status).toBe(1);
    expect(text).toMatch(/using emulated devices/);
    expect(text).toMatch(/fault {6}start a task/);
    expect(text).toMatch(/ 1 ready +\d+ +\d+ +\d+ +0 shell\n/);
    expect(text).toMatch(/RAM \(KiB\) +65408\n/);
    expect(text).toMatch(/100000h: {2}2 b0 ad 1b/);
    expect(text).toMatch(/\? Type help\./);
    expect(text).toMatch(/killed: task fault: exception 13, error code 0h, at 40000[\da-f]{3}h/);
    expect(text).toMatch(/no hypervisor takes them/);
    expect(text).toMatch(/hypercalls +0\n/);
    expect(text).toMatch(/halted\n$/);
  });

  it('kernel resets on a triple fault', async () => {
    const { text, status } = await onQemu('kernel', ['crash']);
    expect(status).toBe(0);
    expect(text).toMatch(/triple fault\n$/);
  });
});
