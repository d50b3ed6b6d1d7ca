/** Process-context identifiers: what a change of CR3 keeps, and INVPCID. SDM volume 3A, "Process-Context Identifiers (PCIDs)". */
import { describe, expect, it } from 'vitest';
import { report } from './run-guest.ts';

/** Data of the guest, behind its end. */
const END = `
        finish
align 16
descriptor: dq 0, 0
`;

/** 4-level paging with TARGET mapped by ENTRY; pages that tell which they are; CR4.PCIDE = 1. */
const PCID = `
%include "long.inc"
PD_2    equ 0x74000
PT      equ 0x75000
TARGET  equ 0x80060000
ENTRY   equ PT + 0x60 * 8
%macro show 1
        say %1
        movzx eax, byte [rbx]
        value rax
        newline
%endmacro
%macro page 1                           ; ENTRY maps the page at 60000h + n * 1000h
        mov dword [ENTRY], 0x60003 + %1 * 0x1000
%endmacro
%macro load 1                           ; CR3 with a PCID, which loses its translations
        mov rax, PML4 + %1
        mov cr3, rax
%endmacro
%macro keep 1                           ; the same without losing them
        mov rax, PML4 + %1
        bts rax, 63
        mov cr3, rax
%endmacro
%macro invalidate 2                     ; type, PCID; the address is TARGET
        mov qword [descriptor], %2
        mov [descriptor + 8], rbx
        mov eax, %1
        invpcid rax, [descriptor]
%endmacro
start:  enter_long
        mov edi, PD_2
        xor eax, eax
        mov ecx, 0x2000 / 8
        rep stosq
        mov dword [PDPT + 16], PD_2 + 7
        mov dword [PD_2], PT + 7
        mov byte [0x60000], 0x10
        mov byte [0x61000], 0x11
        mov byte [0x62000], 0x12
        mov byte [0x63000], 0x13
        mov ebx, TARGET
        page 0
        mov rax, cr4
        bts rax, 17
        mov cr4, rax
`;

describe('translations by PCID', () => {
  it('stay over a change of CR3 with bit 63, and are dropped without', () => {
    expect(
      report(`${PCID}
        show "PCID 0"
        page 1
        load 1
        show "PCID 1"
        page 2
        keep 0
        show "PCID 0 kept"
        keep 1
        show "PCID 1 kept"
        load 1
        show "PCID 1 loaded"
        load 0
        show "PCID 0 loaded"
        mov rax, cr3
        and eax, 0xfff
        value rax
        newline
${END}`),
    ).toEqual([
      'PCID 0 10',
      'PCID 1 11',
      'PCID 0 kept 10',
      'PCID 1 kept 11',
      'PCID 1 loaded 12',
      'PCID 0 loaded 12',
      ' 0',
    ]);
  });

  it('are more contexts than the processor has sets, and still right', () => {
    const rounds = Array.from(
      { length: 40 },
      (_, n) => `page ${n % 4}\n load ${n + 1}\n show "PCID ${n + 1}"`,
    );
    expect(report(`${PCID}\n${rounds.join('\n')}\n keep 40\n show "last"\n${END}`)).toEqual([
      ...rounds.map((_, n) => `PCID ${n + 1} ${(0x10 + (n % 4)).toString(16)}`),
      'last 13',
    ]);
  });

  it('end with CR4.PCIDE and CR4.PGE', () => {
    expect(
      report(`${PCID}
        show "PCID 0"
        keep 1
        show "PCID 1"
        page 1
        mov rax, cr4
        btc rax, 7
        mov cr4, rax
        show "PCID 1 after PGE"
        keep 0
        show "PCID 0 after PGE"
        keep 1
        page 2
        mov rax, cr4
        btr rax, 17
        mov cr4, rax
        show "after PCIDE"
${END}`),
    ).toEqual(['PCID 0 10', 'PCID 1 10', 'PCID 1 after PGE 11', 'PCID 0 after PGE 11', 'after PCIDE 12']);
  });

  it('of global pages heed INVLPG under every PCID', () => {
    expect(
      report(`${PCID}
        mov rax, cr4
        bts rax, 7
        mov cr4, rax
        mov dword [ENTRY], 0x60103
        show "PCID 0"
        load 1
        show "PCID 1"
        mov dword [ENTRY], 0x61103
        load 1
        show "global"
        invlpg [rbx]
        show "after INVLPG"
        keep 0
        show "PCID 0"
${END}`),
    ).toEqual(['PCID 0 10', 'PCID 1 10', 'global 10', 'after INVLPG 11', 'PCID 0 11']);
  });
});

describe('INVPCID', () => {
  it('invalidates an address, a PCID, everything', () => {
    expect(
      report(`${PCID}
        show "PCID 0"
        load 1
        show "PCID 1"
        page 1
        invalidate 0, 1
        show "address"
        keep 0
        invalidate 1, 1
        keep 1
        page 2
        show "PCID 1"
        page 3
        keep 0
        invalidate 1, 1
        keep 1
        show "one PCID"
        page 0
        invalidate 2, 0
        show "all"
        page 1
        invalidate 3, 0
        show "all but global"
${END}`),
    ).toEqual([
      'PCID 0 10',
      'PCID 1 10',
      'address 11',
      'PCID 1 12',
      'one PCID 13',
      'all 10',
      'all but global 11',
    ]);
  });

  it('refuses what it does not know', () => {
    expect(
      report(`${PCID}
%macro attempt 4                        ; text, type, descriptor halves
        mov rax, %3
        mov [descriptor], rax
        mov rax, %4
        mov [descriptor + 8], rax
        mov rax, %2
        check %1, {invpcid rax, [descriptor]}
%endmacro
        attempt "type 4", 4, 0, 0
        attempt "type beyond 32 bits", 1 << 32, 0, 0
        attempt "PCID of 13 bits", 1, 0x1000, 0
        attempt "reserved bits", 2, 1 << 40, 0
        attempt "address", 0, 0, 1 << 47
        attempt "address that does not count", 1, 0, 1 << 47
        mov rax, cr4
        btr rax, 17
        mov cr4, rax
        attempt "PCID without PCIDE", 1, 1, 0
        attempt "PCID 0 without PCIDE", 1, 0, 0
        attempt "all without PCIDE", 2, 1, 0
        check_user "CPL 3", {invpcid rax, [rbx]}
        mov rax, PML4 + 1
        mov cr3, rax
        mov rax, cr4
        bts rax, 17
        check "PCIDE with a PCID in CR3", {mov cr4, rax}
${END}`),
    ).toEqual([
      'type 4: #GP(0)',
      'type beyond 32 bits: #GP(0)',
      'PCID of 13 bits: #GP(0)',
      'reserved bits: #GP(0)',
      'address: #GP(0)',
      'address that does not count: ok',
      'PCID without PCIDE: #GP(0)',
      'PCID 0 without PCIDE: ok',
      'all without PCIDE: ok',
      'CPL 3: #GP(0)',
      'PCIDE with a PCID in CR3: #GP(0)',
    ]);
  });
});
