import { CR0, CR4, EFER, FLAG } from '../../arch/registers.ts';
import { formatsOf } from './bit-fields.ts';

/** Named bits of the registers that have them, with a text for people. Positions come from src/arch. */
export const RFLAGS_FORMAT = formatsOf(FLAG, {
  CF: 'carry out of the highest bit',
  PF: 'even parity of the low byte',
  AF: 'carry out of bit 3',
  ZF: 'the result was zero',
  SF: 'sign of the result',
  TF: 'trap after each instruction',
  IF: 'maskable interrupts are taken',
  DF: 'string instructions go downwards',
  OF: 'signed overflow',
  IOPL: 'CPL up to which I/O is allowed',
  NT: 'nested task',
  RF: 'instruction breakpoints are ignored once',
  VM: 'virtual-8086 mode',
  AC: 'alignment checks; access to user pages under SMAP',
  VIF: 'virtual interrupt flag',
  VIP: 'virtual interrupt pending',
  ID: 'CPUID is supported',
});

export const CR0_FORMAT = formatsOf(CR0, {
  PE: 'protection enabled',
  MP: 'WAIT traps when TS is set',
  EM: 'x87 is emulated',
  TS: 'task switched: the next x87 or SSE instruction traps',
  ET: '387 coprocessor',
  NE: 'x87 errors raise #MF',
  WP: 'read-only pages bind CPL 0 too',
  AM: 'alignment checks allowed',
  NW: 'not write-through',
  CD: 'caches off',
  PG: 'paging enabled',
});

export const CR4_FORMAT = formatsOf(CR4, {
  VME: 'virtual-8086 extensions',
  PVI: 'protected-mode virtual interrupts',
  TSD: 'RDTSC for CPL 0 only',
  DE: 'debugging extensions',
  PSE: '4 MiB pages',
  PAE: 'entries of 8 bytes',
  MCE: 'machine checks',
  PGE: 'global pages',
  PCE: 'RDPMC for all',
  OSFXSR: 'SSE, FXSAVE',
  OSXMMEXCPT: 'SSE exceptions raise #XM',
  UMIP: 'SGDT, SIDT, SLDT, SMSW, STR for CPL 0 only',
  VMXE: 'VMX enabled',
  FSGSBASE: 'RDFSBASE and its kin',
  PCIDE: 'process-context identifiers',
  OSXSAVE: 'XSAVE',
  SMEP: 'the kernel cannot execute user pages',
  SMAP: 'the kernel cannot touch user pages unless AC is set',
});

export const EFER_FORMAT = formatsOf(EFER, {
  SCE: 'SYSCALL enabled',
  LME: 'long mode enabled',
  LMA: 'long mode active',
  NXE: 'execute-disable enabled',
  SVME: 'SVM enabled',
  FFXSR: 'fast FXSAVE',
});
