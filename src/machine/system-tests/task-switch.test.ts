/** Hardware task switches. SDM volume 3A, "Task Management". */
import { describe, expect, it } from 'vitest';
import { report } from './run-guest.ts';

/** Fills a 32-bit TSS: tss_32 label, entry, EFLAGS, selector of the LDT, CR3. */
const MACROS = `
%macro fill_tss 5
        mov edi, %1
        xor eax, eax
        mov ecx, 26
        rep stosd
        mov dword [%1 + 4], FAULT_STACK
        mov dword [%1 + 8], KERNEL_DATA
        mov dword [%1 + 0x1c], %5
        mov dword [%1 + 0x20], %2
        mov dword [%1 + 0x24], %3
        mov dword [%1 + 0x28], 0xa0a0a0a0
        mov dword [%1 + 0x34], 0xb0b0b0b0
        mov dword [%1 + 0x38], TASK_STACK
        mov dword [%1 + 0x48], USER_DATA
        mov dword [%1 + 0x4c], KERNEL_CODE
        mov dword [%1 + 0x50], KERNEL_DATA
        mov dword [%1 + 0x54], USER_DATA
        mov dword [%1 + 0x60], %4
        mov dword [%1 + 0x64], 104 << 16
%endmacro
TASK_STACK   equ 0x4c00
OTHER        equ FREE                   ; the other task
OTHER_GATE   equ FREE + 8
TSS_OTHER    equ 0x3000

; B flags of both descriptors, NT, TS
%macro state 0
        pushad
        pushfd
        say ", busy"
        movzx eax, byte [gdt + TASK + 5]
        shr eax, 1
        and eax, 1
        value eax
        movzx eax, byte [gdt + OTHER + 5]
        shr eax, 1
        and eax, 1
        value eax
        say ", NT"
        pushfd
        pop eax
        shr eax, 14
        and eax, 1
        value eax
        say ", TS"
        mov eax, cr0
        clts
        shr eax, 3
        and eax, 1
        value eax
        str eax
        say ", TR"
        value eax
        newline
        popfd
        popad
%endmacro
`;

describe('task switches', () => {
  it('by JMP, CALL, IRET and task gates keep busy flags, NT, TS and the back link', () => {
    expect(
      report(`
%include "protected.inc"
${MACROS}
start:  enter_protected
        set_descriptor OTHER, TSS_OTHER, 103, TSS_32, 0
        set_gate OTHER_GATE, OTHER, 0, TASK_GATE, 0
        set_interrupt 0x31, OTHER, 0, TASK_GATE
        fill_tss TSS_OTHER, other, 2, 0, 0
        say "at first"
        state
        mov ebx, 0x12345678
        jmp OTHER:0
        say "back by JMP, EBX"
        value ebx
        state
        call OTHER:0
        say "back by IRET"
        state
        call OTHER_GATE:0xffffffff
        say "back from the gate"
        state
        int 0x31
        say "back from the interrupt"
        state
        finish

other:  say "other: EAX"
        value eax
        say " EBP"
        value ebp
        say " ESP"
        value esp
        say ", EBX kept"
        value [tss + 0x34]
        say ", link"
        movzx eax, word [TSS_OTHER]
        value eax
        state
        jmp TASK:0
        say "again, link"
        movzx eax, word [TSS_OTHER]
        value eax
        state
        iretd
        say "by the gate, link"
        movzx eax, word [TSS_OTHER]
        value eax
        state
        iretd
        say "by the interrupt"
        state
        iretd
`),
    ).toEqual([
      'at first, busy 1 0, NT 0, TS 0, TR 28',
      'other: EAX a0a0a0a0 EBP 0 ESP 4c00, EBX kept 12345678, link 0, busy 0 1, NT 0, TS 1, TR 50',
      'back by JMP, EBX 12345678, busy 1 0, NT 0, TS 1, TR 28',
      'again, link 28, busy 1 1, NT 1, TS 1, TR 50',
      'back by IRET, busy 1 0, NT 0, TS 1, TR 28',
      'by the gate, link 28, busy 1 1, NT 1, TS 1, TR 50',
      'back from the gate, busy 1 0, NT 0, TS 1, TR 28',
      'by the interrupt, busy 1 1, NT 1, TS 1, TR 50',
      'back from the interrupt, busy 1 0, NT 0, TS 1, TR 28',
    ]);
  });

  it('load the segments, the LDT and CR3 of the new task', () => {
    expect(
      report(`
%include "protected.inc"
${MACROS}
LDT_OTHER    equ 0x3100
start:  enter_protected
        ; Two page directories: 400000h is one physical page in one and another in the other.
        mov edi, 0x20000
        mov ecx, 0x4000 / 4
        xor eax, eax
        rep stosd
        mov dword [0x20000], 0x22003
        mov dword [0x21000], 0x22003
        mov dword [0x20004], 0x83 | 0x400000
        mov dword [0x21004], 0x83 | 0x800000
        mov edi, 0x22000
        mov eax, 3
.page:  stosd
        add eax, 0x1000
        cmp edi, 0x23000
        jb .page
        mov dword [0x400000], 0x11111111
        mov dword [0x800000], 0x22222222
        mov eax, cr4
        or eax, 1 << 4
        mov cr4, eax
        mov eax, 0x20000
        mov cr3, eax
        mov eax, cr0
        or eax, 1 << 31
        mov cr0, eax

        set_descriptor OTHER, TSS_OTHER, 103, TSS_32, 0
        set_descriptor FREE + 0x10, LDT_OTHER, 15, LDT_ACCESS, 0
        mov dword [LDT_OTHER + 8], 0x0000ffff   ; selector 0Ch: base 600h
        mov dword [LDT_OTHER + 12], 0x0040f200
        mov word [LDT_OTHER + 10], 0x600
        mov dword [0x600], 0xfeedface
        fill_tss TSS_OTHER, other, 2, FREE + 0x10, 0x21000
        mov dword [TSS_OTHER + 0x58], 0x0f      ; FS
        mov dword [tss + 0x1c], 0x20000
        value [0x400000]
        call OTHER:0
        value [0x400000]
        sldt eax
        value eax
        mov eax, cr3
        value eax
        newline
        finish
other:  value [0x400000]
        sldt eax
        value eax
        value [fs:0]
        iretd
`),
    ).toEqual([' 11111111 22222222 60 feedface 11111111 0 20000']);
  });

  it('go to and from 16-bit tasks', () => {
    expect(
      report(`
%include "protected.inc"
${MACROS}
start:  enter_protected
        set_descriptor OTHER, TSS_OTHER, 43, TSS_16, 0
        mov edi, TSS_OTHER
        xor eax, eax
        mov ecx, 11
        rep stosd
        mov word [TSS_OTHER + 0x0e], other
        mov word [TSS_OTHER + 0x10], 2
        mov word [TSS_OTHER + 0x12], 0x7777     ; AX
        mov word [TSS_OTHER + 0x1a], TASK_STACK
        mov word [TSS_OTHER + 0x22], USER_DATA
        mov word [TSS_OTHER + 0x24], CODE_16
        mov word [TSS_OTHER + 0x26], DATA_16
        mov word [TSS_OTHER + 0x28], USER_DATA
        mov esi, 0x89abcdef
        call OTHER:0
        say ", back: ESI"
        value esi
        movzx eax, word [TSS_OTHER + 0x12]
        say ", AX left"
        value eax
        newline
        finish
bits 16
other:  value ax
        value sp
        value [tss + 0x40]              ; ESI of the 32-bit task
        mov ax, 0x4242
        iret
`),
    ).toEqual([' 7777 4c00 cdef, back: ESI 89abcdef, AX left 4242']);
  });

  it('are refused for a reason that the error code names', () => {
    expect(
      report(`
%include "protected.inc"
${MACROS}
start:  enter_protected
        set_descriptor OTHER, TSS_OTHER, 103, TSS_32, 0
        check "to itself", {jmp TASK:0}
        check_user "from CPL 3 to a TSS of level 0", {jmp OTHER:0}
        set_descriptor OTHER, TSS_OTHER, 103, TSS_32 ^ ABSENT, 0
        check "absent TSS", {jmp OTHER:0}
        set_descriptor OTHER, TSS_OTHER, 102, TSS_32, 0
        check "TSS too small", {jmp OTHER:0}
        set_gate OTHER_GATE, KERNEL_DATA, 0, TASK_GATE, 0
        check "task gate to data", {jmp OTHER_GATE:0}
        set_gate OTHER_GATE, 0, 0, TASK_GATE, 0
        check "task gate to null", {jmp OTHER_GATE:0}
        set_gate OTHER_GATE, OTHER, 0, TASK_GATE ^ ABSENT, 0
        check "absent task gate", {jmp OTHER_GATE:0}
        push dword 1 << 14 | 2
        popfd
        check "IRET with NT and a null link", iretd
        mov word [tss], TASK
        mov word [tss], OTHER
        set_descriptor OTHER, TSS_OTHER, 103, TSS_32, 0
        push dword 1 << 14 | 2
        popfd
        check "IRET with NT to an available TSS", iretd

        finish
`),
    ).toEqual([
      'to itself: #GP(28)',
      'from CPL 3 to a TSS of level 0: #GP(50)',
      'absent TSS: #NP(50)',
      'TSS too small: #TS(50)',
      'task gate to data: #GP(10)',
      'task gate to null: #GP(0)',
      'absent task gate: #NP(58)',
      'IRET with NT and a null link: #TS(0)',
      'IRET with NT to an available TSS: #TS(50)',
    ]);
  });

  it('can fail in the new task, and a handler behind a task gate sees that', () => {
    expect(
      report(`
%include "protected.inc"
${MACROS}
HANDLER      equ FREE + 0x10
TSS_HANDLER  equ 0x3200
; An attempt with one field of the new TSS set
%macro switch 3
        set_descriptor OTHER, TSS_OTHER, 103, TSS_32, 0
        fill_tss TSS_OTHER, other, 2, 0, 0
        mov dword [TSS_OTHER + %2], %3
        say %1, ":"
        catch %%after
        jmp OTHER:0
%%after:
        newline
%endmacro
start:  enter_protected
        set_descriptor HANDLER, TSS_HANDLER, 103, TSS_32, 0
        fill_tss TSS_HANDLER, handler, 2, 0, 0
        set_interrupt 10, HANDLER, 0, TASK_GATE
        set_interrupt 11, HANDLER, 0, TASK_GATE
        set_interrupt 12, HANDLER, 0, TASK_GATE
        set_interrupt 13, HANDLER, 0, TASK_GATE
        set_descriptor FREE + 0x18, 0, 0xfff, CODE_R, 4
        set_descriptor FREE + 0x20, 0, 0xfffff, CODE_R ^ ABSENT, 12
        set_descriptor FREE + 0x28, 0, 0xfffff, DATA_RW ^ ABSENT, 12
        switch "good", 0x24, 2
        switch "null CS", 0x4c, 0
        switch "data in CS", 0x4c, KERNEL_DATA
        switch "absent CS", 0x4c, FREE + 0x20
        switch "code in SS", 0x50, KERNEL_CODE
        switch "null SS", 0x50, 0
        switch "SS of another level", 0x50, USER_DATA
        switch "absent SS", 0x50, FREE + 0x28
        switch "code in LDTR", 0x60, KERNEL_CODE
        switch "beyond the GDT in FS", 0x58, GDT_END
        switch "absent DS", 0x54, FREE + 0x28
        switch "EIP beyond the limit", 0x4c, FREE + 0x18
        finish
other:  say " ok"
        mov eax, [resume]
        mov [tss + 0x20], eax
        jmp TASK:0
handler:
        pop eax
        say " error"
        value eax
        say " in"
        movzx eax, word [TSS_HANDLER]
        value eax
        say " at"
        mov eax, [TSS_OTHER + 0x20]
        sub eax, other
        value eax
        and byte [gdt + HANDLER + 5], ~2 & 0xff
        mov eax, [resume]
        mov [tss + 0x20], eax
        jmp TASK:0
        jmp handler
`),
    ).toEqual([
      'good: ok',
      'null CS: error 0 in 50 at 0',
      'data in CS: error 10 in 50 at 0',
      'absent CS: error 70 in 50 at 0',
      'code in SS: error 8 in 50 at 0',
      'null SS: error 0 in 50 at 0',
      'SS of another level: error 20 in 50 at 0',
      'absent SS: error 78 in 50 at 0',
      'code in LDTR: error 8 in 50 at 0',
      'beyond the GDT in FS: error 200 in 50 at 0',
      'absent DS: error 78 in 50 at 0',
      'EIP beyond the limit: error 0 in 50 at 0',
    ]);
  });
});
