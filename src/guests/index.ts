/** The guests that come with the lab: their assembly sources, and how each is assembled and booted. */
import { type Assembly, assemble, type OutputFormat } from '../isa/assembler/index.ts';
import { HEADERS, SOURCES } from './headers.ts';

export interface Guest {
  /** Short name, as on the command line. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** Names in `TEXTS`, the main file first. */
  readonly files: readonly string[];
  readonly format: OutputFormat;
  /** How a flat image wants to be entered; undefined for images that a boot protocol describes. */
  readonly flat?: { readonly address: number; readonly mode: 'real' | 'protected' | 'long' };
  /** Assembles the guest; the result is made once. Throws Error when the source is wrong, which a test excludes. */
  assemble(): Assembly;
}

/** All that a source may include: parts of the embedded guests, and the headers. */
export const TEXTS: Readonly<Record<string, string>> = { ...SOURCES, ...HEADERS };

const cache = new Map<string, Assembly>();

function build(name: string, main: string, format: OutputFormat): Assembly {
  let result = cache.get(name);
  if (result === undefined) {
    result = assemble(SOURCES[main], { file: main, includes: TEXTS, format });
    const [error] = result.errors;
    if (error) throw new Error(`${error.file}:${error.line}:${error.column}: ${error.message}`);
    cache.set(name, result);
  }
  return result;
}

/** The main file and all that it includes. */
function filesOf(main: string): string[] {
  const included = [...TEXTS[main].matchAll(/^\s*%include\s+"([^"]+)"/gm)].map((m) => m[1]);
  return [main, ...included.flatMap(filesOf)];
}

function guest(fields: Omit<Guest, 'files' | 'assemble'>): Guest {
  const main = `${fields.name}.asm`;
  return { ...fields, files: filesOf(main), assemble: () => build(fields.name, main, fields.format) };
}

export const guests: readonly Guest[] = [
  guest({
    name: 'kernel',
    title: 'A small kernel',
    description:
      'Enters 64-bit mode, runs tasks in ring 3 with address spaces of their own, and answers on its console: type help. ' +
      'Where the hypervisor offers hypercalls it uses them instead of the devices.',
    format: 'elf32',
  }),
  guest({
    name: 'hypervisor',
    title: 'A small hypervisor',
    description: 'Enters VMX root operation, runs a tiny guest and reports each VM exit on the serial port.',
    format: 'elf32',
  }),
  guest({
    name: 'boot-sector',
    title: 'Hello from a boot sector',
    description: '512 bytes of real-mode code that print on the serial port.',
    format: 'bin',
    flat: { address: 0x7c00, mode: 'real' },
  }),
  guest({
    name: 'protected-mode',
    title: 'Into protected mode',
    description: 'From real mode to 32-bit protected mode with paging.',
    format: 'bin',
    flat: { address: 0x7c00, mode: 'real' },
  }),
  guest({
    name: 'long-mode',
    title: 'Into 64-bit mode',
    description: 'From real mode to 64-bit mode, with four levels of page tables.',
    format: 'bin',
    flat: { address: 0x7c00, mode: 'real' },
  }),
  guest({
    name: 'tiny-hypervisor',
    title: 'The smallest hypervisor',
    description:
      'Sixty lines on VT-x: one VMCS, extended page tables, and a guest whose CPUID, output and HLT exit. ' +
      'Starts in 64-bit mode, on the bare machine.',
    format: 'bin',
    flat: { address: 0x100000, mode: 'long' },
  }),
  guest({
    name: 'tiny-hypervisor-amd-v',
    title: 'The smallest hypervisor, on AMD-V',
    description:
      'EFER.SVME, one VMCB, nested paging, VMRUN. Starts in 64-bit mode, on a bare machine with AMD-V.',
    format: 'bin',
    flat: { address: 0x100000, mode: 'long' },
  }),
  guest({
    name: 'paravirtual',
    title: 'A paravirtual guest',
    description: 'Prints, yields and reads the clock by hypercalls. Runs in a virtual machine.',
    format: 'bin',
    flat: { address: 0x100000, mode: 'long' },
  }),
];

/** The guest of that name; undefined when there is none. */
export function guestNamed(name: string): Guest | undefined {
  return guests.find((g) => g.name === name);
}

export { HEADERS, NUMBERS, SOURCES } from './headers.ts';
