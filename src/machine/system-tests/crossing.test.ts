/** Instructions that begin in one page and end in the next: executed often, changed in either page, remapped. */
import { describe, expect, it } from 'vitest';
import { report } from './run-guest.ts';

/**
 * 4-level paging; linear pages TARGET and the next are mapped by ENTRY and the entry behind it. At the end
 * of the first page: MOV EAX, imm32 with the last three bytes in the second, then RET.
 */
const GUEST = `
%include "long.inc"
PD_2    equ 0x74000
PT      equ 0x75000
TARGET  equ 0x80060000
ENTRY   equ PT + 0x60 * 8
%macro show 1                           ; sum of 1000 executions
        xor edi, edi
        mov esi, 1000
%%loop: call rbx
        add edi, eax
        dec esi
        jnz %%loop
        say %1
        value rdi
        newline
%endmacro
start:  enter_long
        mov edi, PD_2
        xor eax, eax
        mov ecx, 0x2000 / 8
        rep stosq
        mov dword [PDPT + 16], PD_2 + 7
        mov dword [PD_2], PT + 7
        mov dword [ENTRY], 0x60003
        mov dword [ENTRY + 8], 0x61003
        mov word [0x60ffe], 0x01b8      ; MOV EAX, 1
        mov dword [0x61000], 0xc3000000
        mov dword [0x62000], 0xc3000001 ; 101h
        mov ebx, TARGET + 0xffe
`;

describe('an instruction across a page border', () => {
  it('is executed as both pages are now', () => {
    expect(
      report(`${GUEST}
        show "at first"
        mov byte [rbx + 1], 2
        show "first page changed"
        mov byte [rbx + 2], 1
        show "second page changed"
        mov byte [0x61001], 1
        show "changed by another address"
        mov dword [ENTRY + 8], 0x62003
        invlpg [rbx + 0x1000]
        show "second page remapped"
        mov dword [ENTRY + 8], 0x61003
        invlpg [rbx + 0x1000]
        show "and back"
        mov dword [ENTRY + 8], 0x62000
        invlpg [rbx + 0x1000]
        check "second page absent", {call rbx}
        mov dword [ENTRY + 8], 0x62003
        show "present"
        finish
`),
    ).toEqual([
      'at first 3e8',
      'first page changed 7d0',
      `second page changed ${(1000 * 0x102).toString(16)}`,
      `changed by another address ${(1000 * 0x10102).toString(16)}`,
      `second page remapped ${(1000 * 0x102).toString(16)}`,
      `and back ${(1000 * 0x10102).toString(16)}`,
      'second page absent: #PF(10) at 80061000',
      `present ${(1000 * 0x102).toString(16)}`,
    ]);
  });
});
