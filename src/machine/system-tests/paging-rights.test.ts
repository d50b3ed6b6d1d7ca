/**
 * Every combination of page rights against every kind of access: the error codes that a guest sees,
 * compared with the rules of SDM volume 3A, "Determination of Access Rights".
 */
import { describe, expect, it } from 'vitest';
import { report } from './run-guest.ts';

/** One pair of paging-structure entries whose rights are varied. Addresses and values as assembler text. */
interface Entries {
  /** Absent: the leaf is the only entry. */
  readonly upper?: { readonly address: string; readonly base: string };
  readonly leaf: { readonly address: string; readonly base: string };
}

interface Mode {
  readonly bits: 32 | 64;
  readonly entryBytes: 4 | 8;
  /** Source up to the point where paging is on and the upper entries are in place. */
  readonly setup: string;
}

/** Order of the loops in the guest: configuration, entries, attempt. */
const CONFIGURATION = { WP: 1, SMEP: 2, SMAP: 4, AC: 8, END: 16 } as const;
const RIGHT = { W: 1, U: 2, NX: 4 } as const;
/** Bits of an entry that are varied: NX exists in entries of 8 bytes. */
const rightsOf = (entryBytes: 4 | 8): number => (entryBytes === 8 ? 3 : 2);
const ACCESSES = ['read', 'write', 'execute'] as const;

const TARGET = '0x80060000';

/** A guest that makes all attempts: a line for each configuration, a character for each attempt. */
function guest({ bits, setup, entryBytes }: Mode, { upper, leaf }: Entries): string {
  const r = bits === 64 ? 'r' : 'e';
  const pointer = bits === 64 ? 'dq' : 'dd';
  const width = rightsOf(entryBytes);
  const put = (entry: { address: string; base: string }, shift: number) => `
        movzx eax, byte [rights]
        shr eax, ${shift}
        mov ecx, eax
        and ecx, 3
        lea ecx, [ecx + ecx + 1]
        or ecx, ${entry.base}
        mov [${entry.address}], ecx
        ${entryBytes === 8 ? `and eax, 4\n        shl eax, 29\n        mov [${entry.address} + 4], eax` : ''}`;
  return `
${setup}
        mov byte [0x60000], 0xc3        ; RET: what is executed, and written
        mov byte [quiet], 1
        mov byte [configuration], 0
.configuration:
        mov ${r}ax, cr0
        movzx ecx, byte [configuration]
        btr eax, 16
        test cl, ${CONFIGURATION.WP}
        jz .no_wp
        bts eax, 16
.no_wp: mov cr0, ${r}ax
        mov ${r}ax, cr4
        and eax, ~(3 << 20)
        mov edx, ecx
        and edx, 6
        shl edx, 19
        or eax, edx
        mov cr4, ${r}ax
        mov byte [rights], 0
.rights:
        ${put(leaf, 0)}
        ${upper ? put(upper, width) : ''}
        mov byte [attempt], 0
.attempt:
        mov ${r}ax, ${TARGET}
        invlpg [${r}ax]
        catch .done
        movzx eax, byte [attempt]
        cmp al, 3
        jae .user
        mov ${r}bx, [routines + eax * ${bits / 8}]
        mov edx, 2
        test byte [configuration], ${CONFIGURATION.AC}
        jz .flags
        mov edx, 1 << 18 | 2
.flags: push ${r}dx
        popf${bits === 64 ? 'q' : 'd'}
        mov ${r}dx, ${TARGET}
        jmp ${r}bx
.user:  mov ${r}bx, [routines + (eax - 3) * ${bits / 8}]
        mov edx, USER_ALIAS
        add ${r}bx, ${r}dx
        mov ${r}dx, ${TARGET}
        enter_user user
.done:  mov al, [last_vector]
        cmp al, 0xff
        je .success
        cmp al, 14
        jne .strange
        mov ${r}ax, cr2
        mov ${r}dx, ${TARGET}
        cmp ${r}ax, ${r}dx
        jne .strange
        movzx eax, byte [last_error]
        mov al, [names + eax]
        jmp .put
.strange:
        mov al, '?'
        jmp .put
.success:
        mov al, '.'
.put:   mov dx, COM1
        out dx, al
        inc byte [attempt]
        cmp byte [attempt], 6
        jb .attempt
        inc byte [rights]
        cmp byte [rights], ${1 << (upper ? 2 * width : width)}
        jb .rights
        newline
        inc byte [configuration]
        cmp byte [configuration], ${CONFIGURATION.END}
        jb .configuration
        finish

; DX: target. In either ring.
user:   jmp ${r}bx
read:   mov al, [${r}dx]
        int OK_VECTOR
write:  mov byte [${r}dx], 0xc3
        int OK_VECTOR
execute: call ${r}dx
        int OK_VECTOR
align 64
configuration: db 0
rights:  db 0
attempt: db 0
names:   db "0123456789abcdefghijklmnopqrstuv"
align 8
routines: ${pointer} read, write, execute
`;
}

/** What the manual says. */
function expected({ entryBytes }: Mode, { upper }: Entries): string[] {
  const lines: string[] = [];
  const width = rightsOf(entryBytes);
  const hasNx = entryBytes === 8;
  for (let configuration = 0; configuration < CONFIGURATION.END; configuration++) {
    const on = (bit: number): boolean => (configuration & bit) !== 0;
    let line = '';
    for (let rights = 0; rights < 1 << (upper ? 2 * width : width); rights++) {
      const leaf = rights & ((1 << width) - 1);
      const above = upper ? rights >> width : RIGHT.W | RIGHT.U;
      const writable = (leaf & above & RIGHT.W) !== 0;
      const userPage = (leaf & above & RIGHT.U) !== 0;
      const noExecute = hasNx && ((leaf | above) & RIGHT.NX) !== 0;
      for (const user of [false, true]) {
        for (const access of ACCESSES) {
          const smapBlocks = userPage && on(CONFIGURATION.SMAP) && !on(CONFIGURATION.AC);
          const allowed = user
            ? userPage && { read: true, write: writable, execute: !noExecute }[access]
            : {
                read: !smapBlocks,
                write: !smapBlocks && (writable || !on(CONFIGURATION.WP)),
                execute: !noExecute && !(userPage && on(CONFIGURATION.SMEP)),
              }[access];
          const reportsFetch = access === 'execute' && (hasNx || on(CONFIGURATION.SMEP));
          const error = 1 + (access === 'write' ? 2 : 0) + (user ? 4 : 0) + (reportsFetch ? 16 : 0);
          line += allowed ? '.' : error.toString(32);
        }
      }
    }
    lines.push(line);
  }
  return lines;
}

/** The low 4 MiB one to one, and again for the user at USER_ALIAS = 4 MiB. */
const PAGING_32: Mode = {
  bits: 32,
  entryBytes: 4,
  setup: `
%define USER_ALIAS 0x400000
%include "protected.inc"
PD      equ 0x20000
PT      equ 0x21000
start:  enter_protected
        mov edi, PD
        xor eax, eax
        mov ecx, 0x2000 / 4
        rep stosd
        mov dword [PD], 0x83
        mov dword [PD + 4], 0x87
        mov dword [PD + 0x800], PT + 7
        mov eax, cr4
        or al, 1 << 4                   ; PSE
        mov cr4, eax
        mov eax, PD
        mov cr3, eax
        mov eax, cr0
        or eax, 1 << 31
        mov cr0, eax
`,
};

/** The low 2 MiB one to one, and again for the user at USER_ALIAS = 4 MiB. */
const PAGING_PAE: Mode = {
  bits: 32,
  entryBytes: 8,
  setup: `
%define USER_ALIAS 0x400000
%include "protected.inc"
PDPT    equ 0x20000
PD      equ 0x21000                     ; of the first GiB
PD_2    equ 0x22000                     ; of the third
PT      equ 0x23000
start:  enter_protected
        mov edi, PDPT
        xor eax, eax
        mov ecx, 0x4000 / 4
        rep stosd
        mov dword [PDPT], PD + 1
        mov dword [PDPT + 16], PD_2 + 1
        mov dword [PD], 0x83
        mov dword [PD + 16], 0x87
        mov eax, cr4
        or al, 1 << 5                   ; PAE
        mov cr4, eax
        mov eax, PDPT
        mov cr3, eax
        mov ecx, 0xc0000080             ; EFER.NXE
        rdmsr
        or ah, 8
        wrmsr
        mov eax, cr0
        or eax, 1 << 31
        mov cr0, eax
`,
};

const PAGING_4_LEVEL: Mode = {
  bits: 64,
  entryBytes: 8,
  setup: `
%include "long.inc"
PD_2    equ 0x74000
PT      equ 0x75000
start:  enter_long
        mov edi, PD_2
        xor eax, eax
        mov ecx, 0x2000 / 8
        rep stosq
        mov dword [PDPT + 16], PD_2 + 7
        mov dword [PD_2], PT + 7
`,
};

const CASES: readonly (readonly [string, Mode, Entries])[] = [
  [
    '32-bit paging: directory and table',
    PAGING_32,
    { upper: { address: 'PD + 0x800', base: 'PT' }, leaf: { address: 'PT + 0x60 * 4', base: '0x60000' } },
  ],
  ['32-bit paging: 4 MiB page', PAGING_32, { leaf: { address: 'PD + 0x800', base: '0x80' } }],
  [
    'PAE paging: directory and table',
    PAGING_PAE,
    { upper: { address: 'PD_2', base: 'PT' }, leaf: { address: 'PT + 0x60 * 8', base: '0x60000' } },
  ],
  ['PAE paging: 2 MiB page', PAGING_PAE, { leaf: { address: 'PD_2', base: '0x80' } }],
  [
    '4-level paging: directory and table',
    PAGING_4_LEVEL,
    { upper: { address: 'PD_2', base: 'PT' }, leaf: { address: 'PT + 0x60 * 8', base: '0x60000' } },
  ],
  [
    '4-level paging: PDPTE and 2 MiB page',
    PAGING_4_LEVEL,
    { upper: { address: 'PDPT + 16', base: 'PD_2' }, leaf: { address: 'PD_2', base: '0x80' } },
  ],
  ['4-level paging: 1 GiB page', PAGING_4_LEVEL, { leaf: { address: 'PDPT + 16', base: '0x80' } }],
];

describe('page rights', () => {
  it.each(CASES)('%s', (_, mode, entries) => {
    expect(report(guest(mode, entries), { limit: 200_000_000 })).toEqual(expected(mode, entries));
  });
});
