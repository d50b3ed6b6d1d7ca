import type { CommandError } from '../../protocol/commands.ts';
import type { FlatMode, GuestDescription, ImageFile, Technique } from '../../protocol/target.ts';
import { parseAddress } from '../format.ts';

/** The dialog's fields as the user left them. */
export interface GuestForm {
  readonly kernel: File | null;
  readonly initrd: File | null;
  /** A System.map, or an ELF file with symbols. */
  readonly symbols: File | null;
  readonly commandLine: string;
  /** MiB, as typed. */
  readonly memory: string;
  readonly technique: Technique;
  readonly format: 'recognise' | FlatMode;
  /** Load address of a flat binary, as typed. */
  readonly address: string;
}

const MEMORY_MIN_MIB = 1;
const MEMORY_MAX_MIB = 1024;

/** Linux on a serial console, with what makes a boot short left to the user. */
const LINUX_COMMAND_LINE =
  'console=ttyS0 nokaslr cryptomgr.notests initcall_blacklist=load_system_certificate_list';

export const EMPTY_FORM: GuestForm = {
  kernel: null,
  initrd: null,
  symbols: null,
  commandLine: '',
  memory: '256',
  technique: 'vtx-ept',
  format: 'recognise',
  address: '0x7c00',
};

/** Dropped files sorted into the form: an initrd is recognised by name or by its first bytes. */
export async function sortFiles(files: readonly File[], form: GuestForm): Promise<GuestForm> {
  let { kernel, initrd, symbols } = form;
  for (const file of files) {
    if (/^system\.map|\.map$/i.test(file.name)) symbols = file;
    else if (await looksLikeInitrd(file)) initrd = file;
    else kernel = file;
  }
  return { ...form, kernel, initrd, symbols };
}

async function looksLikeInitrd(file: File): Promise<boolean> {
  if (/initrd|initramfs|\.cpio/i.test(file.name)) return true;
  const head = new Uint8Array(await file.slice(0, 6).arrayBuffer());
  const text = String.fromCharCode(...head);
  return text === '070701' || text === '070702' || (head[0] === 0x1f && head[1] === 0x8b);
}

/** What a kernel is usually told: Linux the serial console, others nothing. */
export async function usualCommandLine(kernel: File): Promise<string> {
  if (/^vmlinux/i.test(kernel.name)) return LINUX_COMMAND_LINE;
  // The Linux boot protocol: "HdrS" at 202h.
  const magic = new Uint8Array(await kernel.slice(0x202, 0x206).arrayBuffer());
  return String.fromCharCode(...magic) === 'HdrS' ? LINUX_COMMAND_LINE : '';
}

/** The first thing wrong with the form, or null. */
export function checkForm(form: GuestForm): CommandError | null {
  const memory = Number(form.memory);
  if (form.kernel === null) {
    return {
      what: 'No kernel was chosen.',
      where: 'Kernel',
      remedy: 'Choose a bzImage, an ELF kernel, or a flat binary.',
    };
  }
  if (!Number.isInteger(memory) || memory < MEMORY_MIN_MIB || memory > MEMORY_MAX_MIB) {
    return {
      what: `“${form.memory}” is not a memory size.`,
      where: 'Memory',
      remedy: `Give a whole number of MiB from ${MEMORY_MIN_MIB} to ${MEMORY_MAX_MIB}.`,
    };
  }
  if (form.format !== 'recognise' && flatAddress(form) === undefined) {
    return {
      what: `“${form.address}” is not a load address below 4 GiB.`,
      where: 'Load address',
      remedy: 'Give up to eight hexadecimal digits, for example 0x7c00.',
    };
  }
  return null;
}

function flatAddress(form: GuestForm): number | undefined {
  const address = parseAddress(form.address);
  return address === undefined || address > 0xffff_ffffn ? undefined : Number(address);
}

/** Reads the files. Called once `checkForm` found nothing. */
export async function describeGuest(form: GuestForm): Promise<GuestDescription> {
  if (form.kernel === null) throw new Error('checkForm() comes first');
  const address = flatAddress(form) ?? 0;
  return {
    name: form.kernel.name.slice(0, 40),
    technique: form.technique,
    kernel: await read(form.kernel),
    initrd: form.initrd === null || form.format !== 'recognise' ? null : await read(form.initrd),
    ...(form.symbols === null ? {} : { symbols: await read(form.symbols) }),
    commandLine: form.format === 'recognise' ? form.commandLine.trim() : '',
    memory: Number(form.memory) * 1024 * 1024,
    cpus: 1,
    flat: form.format === 'recognise' ? null : { address, mode: form.format },
  };
}

async function read(file: File): Promise<ImageFile> {
  return { name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) };
}
