/** Page walks: reserved bits, accessed and dirty bits, large pages, cached translations. SDM volume 3A, "Paging". */
import { describe, expect, it } from 'vitest';
import { report } from './run-guest.ts';

/** 4-level paging with PD_2 for the third GiB and PT for its first 2 MiB. */
const LONG = `
%include "long.inc"
PD_2    equ 0x74000
PT      equ 0x75000
TARGET  equ 0x80060000
ENTRY   equ PT + 0x60 * 8
start:  enter_long
        mov edi, PD_2
        xor eax, eax
        mov ecx, 0x2000 / 8
        rep stosq
        mov dword [PDPT + 16], PD_2 + 7
        mov dword [PD_2], PT + 7
        mov dword [ENTRY], 0x60003
        mov ebx, TARGET
`;

describe('accessed and dirty bits', () => {
  it('are set at every level of the walk that succeeds', () => {
    expect(
      report(`${LONG}
%macro bits_of 1                        ; A and D of the four entries, then cleared
        say %1, ":"
%assign level 0
%rep 4
        mov rax, [entries + level * 8]
        mov ecx, [rax]
        and dword [rax], ~0x60
        and ecx, 0x60
        value rcx
%assign level level + 1
%endrep
        newline
        mov rax, cr3
        mov cr3, rax
%endmacro
        bits_of "at first"
        mov al, [rbx]
        bits_of "read"
        mov [rbx], al
        bits_of "write"
        mov al, [rbx]
        bits_of "read again"
        prefetcht0 [rbx]
        lea rax, [rbx]
        bits_of "no access"
        add byte [rbx], 0
        bits_of "read and write"
        btr dword [ENTRY], 1
        mov rax, cr0
        bts rax, 16
        mov cr0, rax
        catch .fault
        mov [rbx], al
.fault: newline
        mov eax, [ENTRY]
        and eax, 0x40
        say "dirty after a refused write:"
        value rax
        newline
        and dword [ENTRY], ~0x60
        bts dword [ENTRY], 1
        mov rax, cr3
        mov cr3, rax
        mov byte [0x60000], 0xc3
        call rbx
        bits_of "execute"
        mov al, [rbx]
        mov byte [rbx], 0xc3            ; the TLB has the page, but not as dirty
        bits_of "read, then write"
        finish
entries: dq PML4, PDPT + 16, PD_2, ENTRY
`),
    ).toEqual([
      // The first level has been used by the code itself, and is used by every access.
      'at first: 20 0 0 0',
      'read: 20 20 20 20',
      'write: 20 20 20 60',
      'read again: 20 20 20 20',
      'no access: 20 0 0 0',
      'read and write: 20 20 20 60',
      ' #PF(3) at 80060000',
      'dirty after a refused write: 0',
      'execute: 20 20 20 20',
      'read, then write: 20 20 20 60',
    ]);
  });
});

describe('reserved bits', () => {
  it('are reported with the bits of the access', () => {
    expect(
      report(`${LONG}
%macro with 4                           ; text, entry, low bits, high bits
        mov rdx, [%2]
        or dword [%2], %3
        or dword [%2 + 4], %4
        invlpg [rbx]
        check %1, {mov al, [rbx]}
        mov [%2], rdx
        invlpg [rbx]
%endmacro
        with "nothing", ENTRY, 0, 0
        with "PTE bit 51", ENTRY, 0, 1 << 19
        with "PTE bit 40", ENTRY, 0, 1 << 8
        with "PTE bit 52, which is free", ENTRY, 0, 1 << 20
        with "PTE bit 62, which is free", ENTRY, 0, 1 << 30
        with "PTE NX", ENTRY, 0, 1 << 31
        with "PDE bit 51", PD_2, 0, 1 << 19
        with "PDPTE bit 51", PDPT + 16, 0, 1 << 19
        mov dword [PML4 + 8], PDPT + 7
        bts rbx, 39
        with "another PML4E", PML4 + 8, 0, 0
        with "PML4E PS", PML4 + 8, 0x80, 0
        mov ebx, TARGET
        mov ecx, EFER
        rdmsr
        btr eax, 11
        wrmsr
        with "NX without EFER.NXE", ENTRY, 0, 1 << 31
        bts eax, 11
        mov edx, 0
        mov ecx, EFER
        wrmsr
        mov dword [PD_2], 0x87
        with "2 MiB page", PD_2, 0, 0
        with "2 MiB page, bit 13", PD_2, 1 << 13, 0
        with "2 MiB page, PAT", PD_2, 1 << 12, 0
        mov dword [PDPT + 16], 0x87
        with "1 GiB page", PDPT + 16, 0, 0
        with "1 GiB page, bit 29", PDPT + 16, 1 << 29, 0
        mov dword [PDPT + 16], PD_2 + 7
        mov dword [PD_2], PT + 7
        bts dword [ENTRY + 4], 19
        invlpg [rbx]
        check "write", {mov [rbx], al}
        check "execute", {call rbx}
        check_user "user read", {mov al, [rbx]}
        btr dword [PD_2], 0
        invlpg [rbx]
        check "not present above it", {mov al, [rbx]}
        finish
`),
    ).toEqual([
      'nothing: ok',
      'PTE bit 51: #PF(9) at 80060000',
      'PTE bit 40: #PF(9) at 80060000',
      'PTE bit 52, which is free: ok',
      'PTE bit 62, which is free: ok',
      'PTE NX: ok',
      'PDE bit 51: #PF(9) at 80060000',
      'PDPTE bit 51: #PF(9) at 80060000',
      'another PML4E: ok',
      'PML4E PS: #PF(9) at 8080060000',
      'NX without EFER.NXE: #PF(9) at 80060000',
      '2 MiB page: ok',
      '2 MiB page, bit 13: #PF(9) at 80060000',
      '2 MiB page, PAT: ok',
      '1 GiB page: ok',
      '1 GiB page, bit 29: #PF(9) at 80060000',
      'write: #PF(b) at 80060000',
      'execute: #PF(19) at 80060000',
      'user read: #PF(d) at 80060000',
      'not present above it: #PF(0) at 80060000',
    ]);
  });

  it('exist in the entries of PAE and 32-bit paging', () => {
    expect(
      report(`
%include "protected.inc"
PDPT    equ 0x20000
PD      equ 0x21000
start:  enter_protected
        mov edi, PDPT
        xor eax, eax
        mov ecx, 0x2000 / 4
        rep stosd
        mov dword [PD], 0x83            ; 4 MiB page
        mov dword [PD + 4], 0x83 | 1 << 21
        mov dword [PD + 8], 0x83 | 1 << 13
        mov eax, cr4
        or al, 1 << 4                   ; PSE
        mov cr4, eax
        mov eax, PD
        mov cr3, eax
        mov eax, cr0
        bts eax, 31
        mov cr0, eax
        check "4 MiB page with bit 21", {mov al, [0x400000]}
        check "4 MiB page above 4 GiB", {mov al, [0x800000]}
        movzx eax, al
        value eax
        newline
        mov eax, cr0
        btr eax, 31
        mov cr0, eax
        ; PAE: the page-directory-pointer-table entries are loaded and checked with CR3.
        mov dword [PDPT], PD + 1
        mov dword [PD], 0x83
        mov dword [PD + 4], 0
        mov eax, cr4
        or al, 1 << 5
        mov cr4, eax
        mov eax, PDPT
        mov cr3, eax
        mov eax, cr0
        bts eax, 31
        mov cr0, eax
        mov dword [PDPT + 8], PD + 1
        check "PDPTE written after the load", {mov al, [0x40000000]}
        mov eax, PDPT
        mov cr3, eax
        check "and loaded", {mov al, [0x40000000]}
        mov dword [PDPT + 16], PD + 1 + (1 << 1)
        check "reserved bit 1 in a PDPTE", {mov cr3, eax}
        mov dword [PDPT + 16], PD + 1 + (1 << 5)
        check "reserved bit 5 in a PDPTE", {mov cr3, eax}
        mov dword [PDPT + 16], PD + (1 << 1)
        check "reserved bit in an absent one", {mov cr3, eax}
        check "absent PDPTE", {mov al, [0x80000000]}
        finish
`),
    ).toEqual([
      '4 MiB page with bit 21: #PF(9) at 400000',
      '4 MiB page above 4 GiB: ok',
      ' ff',
      'PDPTE written after the load: #PF(0) at 40000000',
      'and loaded: ok',
      'reserved bit 1 in a PDPTE: #GP(0)',
      'reserved bit 5 in a PDPTE: #GP(0)',
      'reserved bit in an absent one: ok',
      'absent PDPTE: #PF(0) at 80000000',
    ]);
  });
});

describe('cached translations', () => {
  it('stay until INVLPG or a load of CR3, global ones longer', () => {
    expect(
      report(`${LONG}
%macro show 1
        say %1
        movzx eax, byte [rbx]
        value rax
        newline
%endmacro
        mov byte [0x60000], 0x11
        mov byte [0x61000], 0x22
        mov byte [0x62000], 0x33
        show "first page"
        mov dword [ENTRY], 0x61003
        invlpg [rbx]
        show "after INVLPG"
        mov dword [ENTRY], 0x62003
        mov rax, cr3
        mov cr3, rax
        show "after CR3"
        ; Global pages: CR4.PGE, and the G bit of the leaf
        mov rax, cr4
        bts rax, 7
        mov cr4, rax
        mov dword [ENTRY], 0x60103
        invlpg [rbx]
        show "global"
        mov dword [ENTRY], 0x61103
        mov rax, cr3
        mov cr3, rax
        show "CR3 keeps it"
        invlpg [rbx]
        show "INVLPG drops it"
        mov dword [ENTRY], 0x62103
        mov rax, cr4
        btr rax, 7
        mov cr4, rax
        show "CR4.PGE drops it"
        ; More rights need no invalidation: a fault walks again.
        mov rax, cr0
        bts rax, 16
        mov cr0, rax
        mov dword [ENTRY], 0x60001
        invlpg [rbx]
        show "read-only"
        mov dword [ENTRY], 0x60003
        check "write after more rights", {mov byte [rbx], 0x44}
        mov dword [ENTRY], 0
        invlpg [rbx]
        check "absent", {mov al, [rbx]}
        mov dword [ENTRY], 0x60003
        check "present without invalidation", {mov al, [rbx]}
        ; INVLPG of a large page, by any address in it
        mov dword [PD_2], 0x83
        invlpg [rbx]
        show "2 MiB page"
        mov byte [0x260000], 0x55
        mov dword [PD_2], 0x200083
        invlpg [rbx + 0x12345]
        show "another"
        mov rax, 1 << 63
        check "INVLPG of a non-canonical address", {invlpg [rax]}
        check_user "INVLPG at CPL 3", {invlpg [rbx]}
        finish
`),
    ).toEqual([
      'first page 11',
      'after INVLPG 22',
      'after CR3 33',
      'global 11',
      'CR3 keeps it 11',
      'INVLPG drops it 22',
      'CR4.PGE drops it 33',
      'read-only 11',
      'write after more rights: ok',
      'absent: #PF(0) at 80060000',
      'present without invalidation: ok',
      '2 MiB page 44',
      'another 55',
      'INVLPG of a non-canonical address: ok',
      'INVLPG at CPL 3: #GP(0)',
    ]);
  });

  it('of code are dropped as well', () => {
    expect(
      report(`${LONG}
        mov dword [0x60000], 0xc311b0   ; MOV AL, 11h; RET
        mov dword [0x61000], 0xc322b0
        xor eax, eax
        call rbx
        value rax
        mov dword [ENTRY], 0x61003
        invlpg [rbx]
        call rbx
        value rax
        mov dword [ENTRY], 0x60003
        mov rcx, cr3
        mov cr3, rcx
        call rbx
        value rax
        mov dword [ENTRY + 4], 1 << 31  ; NX
        invlpg [rbx]
        catch .end
        call rbx
.end:   newline
        finish
`),
    ).toEqual([' 11 22 11 #PF(11) at 80060000']);
  });
});

describe('accesses that cross a page', () => {
  it('fault at the first byte of the page that refuses, and have no effect', () => {
    expect(
      report(`${LONG}
        mov dword [0x60ffc], 0x11111111
        mov dword [ENTRY + 8], 0
        invlpg [rbx + 0x1000]
        lea rdi, [rbx + 0xffe]
        check "read, second page absent", {mov eax, [rdi]}
        check "write", {mov dword [rdi], -1}
        check "exchange", {xchg eax, [rdi]}
        check "FST", {fst qword [rdi]}
        check "MOVUPS", {movups xmm0, [rdi]}
        value [abs 0x60ffc]
        newline
        mov dword [ENTRY + 8], 0x61003
        mov dword [ENTRY], 0
        invlpg [rbx]
        check "read, first page absent", {mov eax, [rdi]}
        mov dword [ENTRY], 0x60003
        check "both present", {mov dword [rdi], 0x12345678}
        movzx eax, word [abs 0x60ffe]
        value rax
        movzx eax, word [abs 0x61000]
        value rax
        newline
        ; An instruction that crosses
        mov dword [ENTRY + 8], 0
        invlpg [rbx + 0x1000]
        mov dword [abs 0x60ffe], 0x9090b890
        lea rdi, [rbx + 0xffe]
        check "instruction, second page absent", {call rdi}
        mov rax, [last_rip]
        value rax
        newline
        ; A string operation keeps what it has done.
        lea rdi, [rbx + 0xff0]
        mov ecx, 0x100
        mov al, 0x77
        say "REP STOSB:"
        catch .stopped
        rep stosb
.stopped:
        sub rdi, rbx
        value rdi
        value rcx
        newline
        finish
`),
    ).toEqual([
      'read, second page absent: #PF(0) at 80061000',
      'write: #PF(2) at 80061000',
      'exchange: #PF(2) at 80061000',
      'FST: #PF(2) at 80061000',
      'MOVUPS: #PF(0) at 80061000',
      ' 11111111',
      'read, first page absent: #PF(0) at 80060ffe',
      'both present: ok',
      ' 5678 1234',
      'instruction, second page absent: #PF(10) at 80061000',
      ' 80060fff',
      'REP STOSB: #PF(2) at 80061000 1000 f0',
    ]);
  });
});
