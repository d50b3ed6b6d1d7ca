import { describe, expect, it } from 'vitest';
import {
  type BootImage,
  type BootInfo,
  ImageError,
  type ImageErrorCode,
  loadImage,
  planImage,
} from './load.ts';
import {
  bootSector,
  bzImage,
  CODE,
  elf,
  elfWith,
  multiboot2Header,
  multibootHeader,
  pvhNote,
  vmlinux,
  withStringTable,
} from './testing/images.ts';
import { TestMemory } from './testing/memory.ts';

const MIB = 0x10_0000;
const RAM = 8 * MIB;

function load(image: Partial<BootImage> & { kernel: Uint8Array }, info: Partial<BootInfo> = {}, ram = RAM) {
  const memory = new TestMemory(ram);
  const state = loadImage({ commandLine: '', ...image }, memory, { cpus: 1, acpi: true, ...info });
  return { state, memory, registers: state.registers };
}

function failure(
  image: Partial<BootImage> & { kernel: Uint8Array },
  info: Partial<BootInfo> = {},
  ram = RAM,
) {
  try {
    planImage({ commandLine: '', ...image }, ram, { cpus: 1, acpi: false, ...info });
  } catch (error) {
    if (error instanceof ImageError) return error;
    throw error;
  }
  throw new Error('the image was accepted');
}

const initrd = Uint8Array.from({ length: 5000 }, (_, i) => i & 0xff);
const modules = [{ bytes: Uint8Array.of(1, 2, 3), commandLine: 'first module' }];

describe('any image', () => {
  it('is left as it is when it comes in a Buffer', () => {
    const kernel = withStringTable(elfWith(multibootHeader()), 'names');
    const buffer = Buffer.from(kernel);
    load({ kernel: buffer });
    expect(new Uint8Array(buffer)).toEqual(kernel);
  });
});

describe('Linux bzImage', () => {
  it('enters a 64-bit kernel at its 64-bit entry point', () => {
    const { state, memory } = load({ kernel: bzImage(), commandLine: 'console=ttyS0', initrd });
    expect(state).toMatchObject({ mode: 'long', rip: MIB + 0x200, cs: 0x10, ds: 0x18 });
    const page = state.registers.rsi ?? 0;
    expect(page % 0x1000).toBe(0);
    expect(memory.u32(page + 0x202)).toBe(0x5372_6448);
    expect(memory.bytes[page + 0x210]).toBe(0xff);
    expect(memory.string(memory.u32(page + 0x228))).toBe('console=ttyS0');
    const initrdAt = memory.u32(page + 0x218);
    expect(memory.read(initrdAt, memory.u32(page + 0x21c))).toEqual(initrd);
    expect(initrdAt % 0x1000).toBe(0);
    expect(memory.u64(page + 0x70)).toBe(0xe_0000);
    expect(memory.bytes[page + 0x1ef]).toBe(0); // sentinel
  });

  it('describes RAM in the E820 table', () => {
    const { state, memory } = load({ kernel: bzImage() });
    const page = state.registers.rsi ?? 0;
    const entries = Array.from({ length: memory.bytes[page + 0x1e8] }, (_, i) => {
      const at = page + 0x2d0 + 20 * i;
      return [memory.u64(at), memory.u64(at + 8), memory.u32(at + 16)];
    });
    expect(entries).toEqual([
      [0, 0x9_fc00, 1],
      [0x9_fc00, 0x400, 2],
      [0xe_0000, 0x2_0000, 2],
      [MIB, RAM - MIB, 1],
    ]);
  });

  it('maps the first 4 GiB to themselves for the 64-bit entry', () => {
    const { state, memory } = load({ kernel: bzImage() });
    for (const address of [0, MIB + 0x200, 0x4000_0000, 0xfee0_0000]) {
      const pdpt = memory.u64(state.cr3 ?? 0) & ~0xfff;
      const directory = memory.u64(pdpt + 8 * Math.floor(address / 0x4000_0000)) & ~0xfff;
      const page = memory.u64(directory + 8 * (Math.floor(address / 0x20_0000) % 512));
      expect(page % 0x20_0000).toBe(0x83);
      expect(page - 0x83).toBe(Math.floor(address / 0x20_0000) * 0x20_0000);
    }
  });

  it('gives the 64-bit kernel a GDT with a 64-bit code segment and a data segment', () => {
    const { state, memory } = load({ kernel: bzImage() });
    const { base, limit } = state.gdt ?? { base: 0, limit: 0 };
    expect(limit).toBe(31);
    expect(memory.u32(base + 0x14)).toBe(0x00af_9b00);
    expect(memory.u32(base + 0x1c)).toBe(0x00cf_9300);
  });

  it('enters an i386 kernel in protected mode', () => {
    const { state, memory } = load({ kernel: bzImage({ xloadflags: 0 }) });
    expect(state).toMatchObject({ mode: 'protected', rip: MIB, cs: 0x10, ds: 0x18 });
    expect(state.cr3).toBeUndefined();
    expect(memory.u32((state.gdt?.base ?? 0) + 0x14)).toBe(0x00cf_9b00);
    expect(memory.u32((state.registers.rsi ?? 0) + 0x214)).toBe(MIB);
  });

  it('keeps the initrd below the address that the kernel allows', () => {
    const { state, memory } = load({ kernel: bzImage({ initrdAddrMax: 3 * MIB - 1 }), initrd });
    expect(memory.u32((state.registers.rsi ?? 0) + 0x218)).toBe(3 * MIB - 0x2000);
  });

  it('respects preferred address and alignment', () => {
    const { state } = load({ kernel: bzImage({ prefAddress: 5 * MIB, alignment: 0x20_0000 }) });
    expect(state.rip).toBe(6 * MIB + 0x200);
  });

  it('writes no RSDP address without ACPI', () => {
    const { state, memory } = load({ kernel: bzImage() }, { acpi: false });
    expect(memory.u64((state.registers.rsi ?? 0) + 0x70)).toBe(0);
    expect(memory.bytes.subarray(0xe_0000, MIB).every((byte) => byte === 0)).toBe(true);
  });

  it.each<[string, ImageErrorCode, Partial<BootImage> & { kernel: Uint8Array }, RegExp]>([
    [
      'a truncated file',
      'truncated',
      { kernel: bzImage().subarray(0, 0x500) },
      /announces 1024 \+ 1024 bytes.*1280/,
    ],
    [
      'a file truncated in its setup code',
      'truncated',
      { kernel: bzImage().subarray(0, 0x380) },
      /announces 1024 \+ 1024 bytes.*896/,
    ],
    [
      'a kernel larger than RAM',
      'outside-ram',
      { kernel: bzImage({ initSize: RAM }) },
      /past the end of RAM/,
    ],
    [
      'an initrd larger than RAM',
      'too-large',
      { kernel: bzImage(), initrd: new Uint8Array(RAM) },
      /initrd of \d+ bytes/,
    ],
    [
      'a long command line',
      'too-large',
      { kernel: bzImage(), commandLine: 'x'.repeat(256) },
      /256 bytes.*takes 255/,
    ],
    ['modules', 'unsupported', { kernel: bzImage(), modules }, /no way to receive modules/],
    ['a zImage', 'unsupported', { kernel: bzImage({ loadflags: 0 }) }, /zImage/],
    ['no entry but real mode', 'unsupported', { kernel: bzImage({ code32Start: 0 }) }, /no 32-bit entry/],
    ['an ancient protocol', 'unsupported', { kernel: bzImage({ version: 0x201 }) }, /protocol 2\.01/],
    ['a strange alignment', 'malformed', { kernel: bzImage({ alignment: 3 }) }, /not a power of two/],
  ])('refuses %s', (_, code, image, message) => {
    const error = failure(image);
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
  });

  it('refuses a 64-bit kernel on a processor without 64-bit mode', () => {
    expect(failure({ kernel: bzImage() }, { longMode: false }).message).toMatch(/no 64-bit mode/);
  });
});

describe('ELF', () => {
  it('enters an unpacked Linux kernel by its 64-bit entry', () => {
    const { state, memory } = load({ kernel: vmlinux(), commandLine: 'quiet', initrd });
    expect(state).toMatchObject({ mode: 'long', rip: MIB });
    const page = state.registers.rsi ?? 0;
    expect(memory.u32(page + 0x202)).toBe(0x5372_6448);
    expect(memory.string(memory.u32(page + 0x228))).toBe('quiet');
    expect(memory.u32(page + 0x21c)).toBe(initrd.length);
  });

  it('prefers the PVH entry', () => {
    const { state, memory } = load({
      kernel: vmlinux(pvhNote(MIB + 2)),
      commandLine: 'quiet',
      initrd,
      modules,
    });
    expect(state).toMatchObject({ mode: 'protected', rip: MIB + 2 });
    const info = state.registers.rbx ?? 0;
    expect([memory.u32(info), memory.u32(info + 4), memory.u32(info + 12)]).toEqual([0x336e_c578, 1, 2]);
    const list = memory.u64(info + 16);
    expect(memory.read(memory.u64(list), memory.u64(list + 8))).toEqual(initrd);
    expect(memory.read(memory.u64(list + 32), memory.u64(list + 40))).toEqual(modules[0].bytes);
    expect(memory.string(memory.u64(list + 48))).toBe('first module');
    expect(memory.string(memory.u64(info + 24))).toBe('quiet');
    expect(memory.u64(info + 32)).toBe(0xe_0000);
    const map = memory.u64(info + 40);
    expect(memory.u32(info + 48)).toBe(4);
    expect([memory.u64(map + 72), memory.u64(map + 80), memory.u32(map + 88)]).toEqual([MIB, RAM - MIB, 1]);
  });

  it('takes the other entry when asked', () => {
    expect(load({ kernel: vmlinux(pvhNote(MIB)), format: 'vmlinux' }).state.mode).toBe('long');
    expect(failure({ kernel: vmlinux(), format: 'pvh' }).code).toBe('unsupported');
    expect(failure({ kernel: elfWith(CODE), format: 'vmlinux' }).code).toBe('unsupported');
  });

  it('starts a plain 64-bit program at the physical address of its entry, with a stack', () => {
    const segments = [{ vaddr: 0xffff_8000_0010_0000n, paddr: 2 * MIB, bytes: CODE, memsz: 0x100 }];
    const { state, registers } = load({ kernel: elf({ bits: 64, entry: 0xffff_8000_0010_0002n, segments }) });
    expect(state).toMatchObject({ mode: 'long', rip: 2 * MIB + 2 });
    expect(registers.rsp).toBeGreaterThan(0x1000);
    expect((registers.rsp ?? 1) % 16).toBe(0);
  });

  it('starts a plain 32-bit program in protected mode', () => {
    expect(load({ kernel: elfWith(Uint8Array.of(0x90)) }).state).toMatchObject({
      mode: 'protected',
      rip: MIB + 1,
    });
  });

  it('clears what the file does not fill', () => {
    const memory = new TestMemory(RAM);
    memory.bytes.fill(0xee);
    loadImage({ kernel: elfWith(CODE), commandLine: '' }, memory, { cpus: 1, acpi: false });
    expect(memory.read(MIB, 2 * CODE.length)).toEqual(Uint8Array.from([...CODE, ...CODE]));
    expect(memory.bytes.subarray(MIB + 2 * CODE.length, MIB + 0x2000).every((byte) => byte === 0)).toBe(true);
    expect(memory.bytes[MIB + 0x2000]).toBe(0xee);
  });

  const at = (paddr: number, memsz = 16) => ({ vaddr: paddr, paddr, bytes: CODE, memsz });
  it.each<[string, ImageErrorCode, Uint8Array, RegExp]>([
    ['ARM', 'unsupported', elf({ bits: 64, entry: MIB, segments: [at(MIB)], machine: 183 }), /for AArch64/],
    [
      'an object file',
      'unsupported',
      elf({ bits: 64, entry: 0, segments: [at(MIB)], type: 1 }),
      /relocatable object/,
    ],
    [
      'a PIE',
      'unsupported',
      elf({ bits: 64, entry: MIB, segments: [at(MIB)], type: 3 }),
      /position-independent/,
    ],
    ['no segments', 'malformed', elf({ bits: 64, entry: MIB, segments: [] }), /nothing to load/],
    [
      'an entry nowhere',
      'malformed',
      elf({ bits: 32, entry: 4, segments: [at(MIB)] }),
      /entry point 0x4 lies in no/,
    ],
    [
      'overlap',
      'overlap',
      elf({ bits: 32, entry: MIB, segments: [at(MIB), at(MIB + 8)] }),
      /segment 1.*segment 0/,
    ],
    [
      'the VGA hole',
      'overlap',
      elf({ bits: 32, entry: 0xb_8000, segments: [at(0xb_8000)] }),
      /video memory and BIOS/,
    ],
    [
      'the end of RAM',
      'outside-ram',
      elf({ bits: 32, entry: RAM - 8, segments: [at(RAM - 8)] }),
      /past the end of RAM/,
    ],
    [
      '2^60 bytes',
      'outside-ram',
      elf({ bits: 64, entry: MIB, segments: [at(MIB, 2 ** 60)] }),
      /past the end of RAM/,
    ],
    ['a lost tail', 'truncated', elfWith(CODE).subarray(0, 90), /ELF segment 0.*ends at 0x5a/],
    ['PVH entry nowhere', 'malformed', vmlinux(pvhNote(7)), /PVH entry point 0x7 lies in no segment/],
  ])('refuses %s', (_, code, kernel, message) => {
    const error = failure({ kernel });
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
  });

  it('refuses a command line that a plain program cannot receive', () => {
    const error = failure({ kernel: elfWith(CODE), commandLine: 'x', initrd, modules });
    expect(error.message).toMatch(/an initrd and modules and a command line/);
  });
});

describe('multiboot', () => {
  it('passes command line, modules and memory on', () => {
    const { state, memory } = load({
      kernel: elfWith(multibootHeader()),
      commandLine: 'a b',
      initrd,
      modules,
    });
    expect(state).toMatchObject({ mode: 'protected', rip: MIB + 12, registers: { rax: 0x2bad_b002 } });
    const info = state.registers.rbx ?? 0;
    expect(memory.u32(info)).toBe(0x24d);
    expect([memory.u32(info + 4), memory.u32(info + 8)]).toEqual([639, (RAM - MIB) / 1024]);
    expect(memory.string(memory.u32(info + 16))).toBe('a b');
    expect(memory.u32(info + 20)).toBe(2);
    const list = memory.u32(info + 24);
    expect(memory.read(memory.u32(list), memory.u32(list + 4) - memory.u32(list))).toEqual(initrd);
    expect(memory.u32(list + 16) % 0x1000).toBe(0);
    expect(memory.u32(list + 16)).toBeGreaterThanOrEqual(MIB + 0x2000);
    expect(memory.string(memory.u32(list + 24))).toBe('first module');
    const map = memory.u32(info + 48);
    expect(memory.u32(info + 44)).toBe(4 * 24);
    expect([memory.u32(map), memory.u64(map + 4), memory.u64(map + 12)]).toEqual([20, 0, 0x9_fc00]);
    expect(memory.string(memory.u32(info + 64))).toBe('Ringlab');
  });

  it('loads by the header addresses, also what is not ELF', () => {
    const header = multibootHeader({ addresses: [MIB + 8, MIB, MIB + 0x30, MIB + 0x100, MIB + 40] });
    const kernel = new Uint8Array(0x40).fill(0x90);
    kernel.set(header, 8);
    const { state, memory } = load({ kernel });
    expect(state.rip).toBe(MIB + 40);
    expect(memory.read(MIB, 0x30)).toEqual(kernel.subarray(0, 0x30));
    expect(memory.bytes[MIB + 0x30]).toBe(0);
  });

  it('hands the section headers on, with the address of the strings', () => {
    const { state, memory } = load({ kernel: withStringTable(elfWith(multibootHeader()), 'names') });
    const info = state.registers.rbx ?? 0;
    expect(memory.u32(info) & 0x20).toBe(0x20);
    expect([memory.u32(info + 28), memory.u32(info + 32), memory.u32(info + 40)]).toEqual([2, 40, 1]);
    const header = memory.u32(info + 36) + 40;
    expect(memory.string(memory.u32(header + 12))).toBe('names');
  });

  const byAddress = (...addresses: number[]) => {
    const kernel = new Uint8Array(0x40);
    kernel.set(multibootHeader({ addresses }));
    return kernel;
  };
  it.each<[string, ImageErrorCode, Uint8Array, RegExp]>([
    ['unknown requests', 'unsupported', elfWith(multibootHeader({ flags: 0x10 })), /flags 0x10/],
    ['a bare header', 'malformed', multibootHeader(), /not an ELF file/],
    ['a header before the file', 'malformed', byAddress(MIB + 8, MIB, 0, 0, MIB), /before the file/],
    ['an empty range', 'malformed', byAddress(MIB, MIB, MIB - 1, 0, MIB), /are empty/],
    ['a long range', 'truncated', byAddress(MIB, MIB, MIB + 0x41, 0, MIB), /multiboot kernel needs/],
    ['an entry outside', 'malformed', byAddress(MIB, MIB, 0, 0, 5), /0x5 lies outside the kernel/],
  ])('refuses %s', (_, code, kernel, message) => {
    const error = failure({ kernel });
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
  });
});

describe('multiboot 2', () => {
  /** Boot information tags by type, as addresses of their contents. */
  function tags(memory: TestMemory, info: number) {
    const found: { type: number; at: number; size: number }[] = [];
    const end = info + memory.u32(info);
    for (let at = info + 8; at < end; at += Math.ceil(memory.u32(at + 4) / 8) * 8) {
      found.push({ type: memory.u32(at), at: at + 8, size: memory.u32(at + 4) - 8 });
    }
    return found;
  }

  it('passes command line, modules, memory and the RSDP on', () => {
    const request = [1, 0, 3, 4, 6] as const;
    const { state, memory } = load({
      kernel: elfWith(multiboot2Header([request])),
      commandLine: 'a b',
      modules,
    });
    expect(state).toMatchObject({ mode: 'protected', registers: { rax: 0x36d7_6289 } });
    const found = tags(memory, state.registers.rbx ?? 0);
    expect(found.map(({ type }) => type)).toEqual([1, 2, 3, 4, 6, 14, 15, 0]);
    const [line, name, module, basic, map, , rsdp] = found;
    expect(memory.string(line.at)).toBe('a b');
    expect(memory.string(name.at)).toBe('Ringlab');
    expect(memory.read(memory.u32(module.at), 3)).toEqual(modules[0].bytes);
    expect(memory.string(module.at + 8)).toBe('first module');
    expect([memory.u32(basic.at), memory.u32(basic.at + 4)]).toEqual([639, (RAM - MIB) / 1024]);
    expect([memory.u32(map.at), map.size]).toEqual([24, 8 + 4 * 24]);
    expect(memory.read(rsdp.at, 36)).toEqual(memory.read(0xe_0000, 36));
  });

  it('hands the section headers on, with the address of the strings', () => {
    const kernel = withStringTable(elfWith(multiboot2Header([[1, 0, 9]])), 'names');
    const { state, memory } = load({ kernel });
    const tag = tags(memory, state.registers.rbx ?? 0).find(({ type }) => type === 9) ?? { at: 0 };
    expect([memory.u32(tag.at), memory.u32(tag.at + 4), memory.u32(tag.at + 8)]).toEqual([2, 40, 1]);
    expect(memory.string(memory.u32(tag.at + 12 + 40 + 12))).toBe('names');
  });

  it('loads by address and entry tags', () => {
    const tags = [
      [2, 0, MIB, MIB, 0, MIB + 0x200],
      [3, 0, MIB + 0x70],
    ] as const;
    const kernel = new Uint8Array(0x80);
    kernel.set(multiboot2Header(tags));
    expect(load({ kernel }).state.rip).toBe(MIB + 0x70);
  });

  it.each<[string, ImageErrorCode, Uint8Array, RegExp]>([
    ['MIPS', 'unsupported', elfWith(multiboot2Header([], 4)), /architecture 0x4/],
    [
      'unknown information',
      'unsupported',
      elfWith(multiboot2Header([[1, 0, 12]])),
      /boot information of type 12/,
    ],
    ['ACPI where there is none', 'unsupported', elfWith(multiboot2Header([[1, 0, 15]])), /of type 15/],
    ['an unknown tag', 'unsupported', elfWith(multiboot2Header([[77, 0]])), /header tag 77/],
    [
      'an entry nowhere',
      'malformed',
      elfWith(multiboot2Header([[3, 0, 12]])),
      /entry point 0xc lies in no segment/,
    ],
  ])('refuses %s', (_, code, kernel, message) => {
    const error = failure({ kernel });
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
  });

  it('passes over optional tags', () => {
    expect(
      load({
        kernel: elfWith(
          multiboot2Header([
            [77, 1],
            [1, 1, 12],
          ]),
        ),
      }).state.mode,
    ).toBe('protected');
  });
});

describe('flat binaries', () => {
  it('starts a boot sector as a BIOS does', () => {
    const { state, memory } = load({ kernel: bootSector() });
    expect(state).toEqual({ mode: 'real', rip: 0x7c00, segment: 0, registers: { rdx: 0x80, rsp: 0x7c00 } });
    expect(memory.read(0x7c00, 512)).toEqual(bootSector());
    expect(memory.u32(0x400) & 0xffff).toBe(0x3f8);
  });

  it('starts at any address in the chosen mode', () => {
    const at = (address: number, mode: 'real' | 'protected' | 'long') =>
      load({ kernel: CODE, flat: { address, mode } }).state;
    expect(at(0x2_0000, 'real')).toMatchObject({ mode: 'real', segment: 0x2000, rip: 0 });
    expect(at(2 * MIB, 'protected')).toMatchObject({ mode: 'protected', rip: 2 * MIB });
    expect(at(0x1000, 'long')).toMatchObject({ mode: 'long', rip: 0x1000 });
  });

  it.each<[string, ImageErrorCode, Partial<BootImage> & { kernel: Uint8Array }, RegExp]>([
    ['without a place', 'needs-choice', { kernel: CODE, format: 'flat' }, /does not say where it belongs/],
    [
      'in real mode above 1 MiB',
      'unsupported',
      { kernel: CODE, flat: { address: MIB, mode: 'real' } },
      /0x100000/,
    ],
    [
      'at a fraction',
      'outside-ram',
      { kernel: CODE, flat: { address: 0.5, mode: 'long' } },
      /not a physical address/,
    ],
    ['past RAM', 'outside-ram', { kernel: CODE, flat: { address: RAM, mode: 'long' } }, /past the end/],
    ['with a command line', 'unsupported', { kernel: bootSector(), commandLine: 'x' }, /a command line/],
    ['when empty', 'truncated', { kernel: new Uint8Array(0), flat: { address: 0, mode: 'real' } }, /empty/],
  ])('refuses one %s', (_, code, image, message) => {
    const error = failure(image);
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
  });
});

describe('other files', () => {
  const file = (offset: number, bytes: readonly number[]) => {
    const content = new Uint8Array(0x9000);
    content.set(bytes, offset);
    return content;
  };
  const ascii = (text: string) => Array.from(text, (character) => character.charCodeAt(0));
  const pe = file(0, ascii('MZ'));
  pe.set([0x80], 0x3c);
  pe.set(ascii('PE\0\0'), 0x80);

  it.each<[string, Uint8Array]>([
    ['gzip data', file(0, [0x1f, 0x8b, 8])],
    ['an ISO 9660 image', file(0x8001, ascii('CD001'))],
    ['an ARM64 Linux Image', file(0x38, ascii('ARM\x64'))],
    ['a PE executable', pe],
    ['a disk image with a boot sector', file(510, [0x55, 0xaa])],
    ['a format that is not known', file(0, [1, 2, 3])],
  ])('names %s', (name, kernel) => {
    const error = failure({ kernel });
    expect(error.code).toBe('unknown-format');
    expect(error.message).toContain(name);
    expect(error.accepted).toMatch(/bzImage.*multiboot.*flat binary/);
  });

  it('names an empty file and a wrong choice of format', () => {
    expect(failure({ kernel: new Uint8Array(0) }).message).toMatch(/empty/);
    for (const format of ['bzimage', 'elf', 'multiboot', 'multiboot2'] as const) {
      expect(failure({ kernel: bootSector(), format }).message).toMatch(/lacks|ELF magic/);
    }
  });
});
