/** Going from mode to mode, and what is refused on the way. SDM volume 3A, "Mode Switching" and "Initializing IA-32e Mode". */
import { describe, expect, it } from 'vitest';
import { report } from './run-guest.ts';

describe('mode switches', () => {
  it('real, 16-bit protected, 32-bit protected, and back to real mode', () => {
    expect(
      report(`
%include "protected.inc"
start:  cli
        lgdt [gdt_pointer]
        smsw ax
        or al, 1
        lmsw ax                         ; PE = 1: the segments are still those of real mode
        mov bx, cs
        value bx
        xor ax, ax                      ; LMSW cannot clear PE
        lmsw ax
        smsw ax
        and ax, 1
        value ax
        newline
        jmp CODE_16:.protected_16
.protected_16:
        mov ax, DATA_16
        mov ss, ax
        mov ds, ax
        mov es, ax
        mov sp, KERNEL_STACK
        mov ax, cs
        say "16-bit: CS"
        value ax
        mov eax, 0x12345678             ; 32-bit operands by prefix
        push eax
        pop bx
        pop cx
        value bx
        value cx
        newline
        mov esp, 0x10000 + KERNEL_STACK ; only SP counts
        push ax
        pop ax
        say "SP"
        value sp
        newline
        mov sp, KERNEL_STACK
        jmp dword KERNEL_CODE:.protected_32
bits 32
.protected_32:
        mov eax, KERNEL_DATA
        mov ss, eax
        mov esp, KERNEL_STACK
        say "32-bit: CS"
        mov eax, cs
        value eax
        push ax                         ; 16-bit operands by prefix
        sub esp, KERNEL_STACK
        neg esp
        mov eax, esp
        mov esp, KERNEL_STACK
        value eax
        newline
        jmp CODE_16:at(.leave)
bits 16
.leave: mov ax, DATA_16
        mov ss, ax
        mov ds, ax
        mov eax, cr0
        and al, 0xfe
        mov cr0, eax
        jmp 0:.real
.real:  xor ax, ax
        mov ds, ax
        mov ss, ax
        mov sp, 0x7000
        mov word [4 * 0x21], service
        mov word [4 * 0x21 + 2], 0
        int 0x21
        finish
service: say "real again: CS"
        mov ax, cs
        value ax
        newline
        iret
`),
    ).toEqual([' 0 1', '16-bit: CS 30 5678 1234', 'SP 7c00', '32-bit: CS 8 2', 'real again: CS 0']);
  });

  it('protected, IA-32e, and back', () => {
    expect(
      report(`
%include "long.inc"
start:  enter_long
        say "64-bit: EFER"
        mov ecx, EFER
        rdmsr
        value rax
        newline
        check "paging off in 64-bit mode", {call paging_off}
        check "PAE off in IA-32e mode", {call pae_off}
        check "LME off under paging", {call lme_off}
        push KERNEL_CODE_32
        push .compat
        retfq
bits 32
.compat: mov eax, KERNEL_DATA
        mov ss, eax
        mov eax, cr0
        btr eax, 31
        mov cr0, eax                    ; the page is mapped one to one
        mov ecx, EFER
        rdmsr
        say "paging off: EFER"
        value eax
        newline
        btr eax, 8
        wrmsr
        mov eax, cr4
        btr eax, 5
        mov cr4, eax
        mov eax, cr0
        say "protected: CR0"
        value eax
        newline
        ; 64-bit mode anew; without PAE it is refused
        mov ecx, EFER
        rdmsr
        bts eax, 8
        wrmsr
        mov eax, cr4
        bts eax, 5
        mov cr4, eax
        mov eax, cr0
        bts eax, 31
        mov cr0, eax
        jmp KERNEL_CODE:.again
bits 64
.again: mov rax, -1
        say "64-bit again"
        value rax
        newline
        finish
paging_off:
        mov rax, cr0
        btr rax, 31
        mov cr0, rax
        ret
pae_off: mov rax, cr4
        btr rax, 5
        mov cr4, rax
        ret
lme_off: mov ecx, EFER
        rdmsr
        btr eax, 8
        wrmsr
        ret
`),
    ).toEqual([
      '64-bit: EFER d01',
      'paging off in 64-bit mode: #GP(0)',
      'PAE off in IA-32e mode: #GP(0)',
      'LME off under paging: #GP(0)',
      'paging off: EFER 901',
      'protected: CR0 11',
      '64-bit again ffffffffffffffff',
    ]);
  });

  it('control registers refuse what makes no sense', () => {
    expect(
      report(`
%include "protected.inc"
%macro with 3                           ; text, control register, bits to be toggled
        mov eax, %2
        xor eax, %3
        check %1, {mov %2, eax}
%endmacro
start:  enter_protected
        with "CR0: NW without CD", cr0, 1 << 29
        with "CR0: PG without PE", cr0, 1 << 31 | 1
        mov eax, cr4
        bts eax, 30
        check "CR4: reserved bit", {mov cr4, eax}
        with "CR4: PCIDE outside IA-32e mode", cr4, 1 << 17
        mov ecx, 0xc0000080
        rdmsr
        bts eax, 8
        wrmsr
        with "CR0: PG with LME without PAE", cr0, 1 << 31
        mov ecx, 0xc0000080
        rdmsr
        bts eax, 1
        check "EFER: reserved bit", wrmsr
        mov ecx, 0x12345678
        check "unknown MSR", rdmsr
        check_user "RDMSR at CPL 3", rdmsr
        check "CR0.ET stays", {call clear_et}
        mov eax, cr0
        and eax, 0x10
        value eax
        newline
        check_user "RDTSC at CPL 3", rdtsc
        mov eax, cr4
        bts eax, 2
        mov cr4, eax
        check_user "with CR4.TSD", rdtsc
        check "and at CPL 0", rdtsc
        finish
clear_et:
        mov eax, cr0
        and al, ~0x10
        mov cr0, eax
        ret
`),
    ).toEqual([
      'CR0: NW without CD: #GP(0)',
      'CR0: PG without PE: #GP(0)',
      'CR4: reserved bit: #GP(0)',
      'CR4: PCIDE outside IA-32e mode: #GP(0)',
      'CR0: PG with LME without PAE: #GP(0)',
      'EFER: reserved bit: #GP(0)',
      'unknown MSR: #GP(0)',
      'RDMSR at CPL 3: #GP(0)',
      'CR0.ET stays: ok',
      ' 10',
      'RDTSC at CPL 3: ok',
      'with CR4.TSD: #GP(0)',
      'and at CPL 0: ok',
    ]);
  });
});
