/**
 * `protected.inc`: 32-bit protected mode, with exceptions that are caught and reported.
 *
 *   enter_protected          from real mode; flat segments, TSS loaded, interrupts off
 *   check "text", instr      reports "text: ok", or the exception that the instruction raises at CPL 0
 *   check_user "text", instr the same at CPL 3
 *   catch label              for longer attempts: an exception is reported, then execution goes on at
 *                            the label, at CPL 0 with the present stack
 *   quiet = 1                (a byte) nothing is reported; the vector is left in last_vector, FFh for success
 *   set_descriptor selector, base, limit, access byte, flags (G 8, D/B 4, L 2)
 *   set_gate selector, target selector, target offset, access byte, parameters
 *   set_interrupt vector, target selector, target offset, access byte
 *
 * An exception is reported as " #GP(18)", a page fault as " #PF(2) at 402000". Further on it is found
 * in last_eip, last_cs, last_eflags and last_error.
 */
export const PROTECTED_INC = `
KERNEL_CODE  equ 0x08
KERNEL_DATA  equ 0x10
USER_CODE    equ 0x18 | 3
USER_DATA    equ 0x20 | 3
TASK         equ 0x28
CODE_16      equ 0x30
DATA_16      equ 0x38
RING_1_CODE  equ 0x40 | 1
RING_1_DATA  equ 0x48 | 1
FREE         equ 0x50                   ; this descriptor and all behind it are unused
GDT_END      equ 0x200

IDT          equ 0x1000
USER_STACK   equ 0x5c00
RING_1_STACK equ 0x6400
FAULT_STACK  equ 0x6c00                 ; of handlers that are entered from an outer ring
KERNEL_STACK equ 0x7c00

OK_VECTOR    equ 0x30                   ; INT 30h from any ring: the attempt has succeeded

; Access bytes
DATA_RW      equ 0x92
DATA_RO      equ 0x90
DATA_DOWN    equ 0x96                   ; expand-down, writable
CODE_R       equ 0x9a
CODE_X       equ 0x98                   ; execute-only
CONFORMING   equ 0x9e
LDT_ACCESS   equ 0x82
TASK_GATE    equ 0x85
TSS_16       equ 0x81
TSS_32       equ 0x89
CALL_GATE_16 equ 0x84
CALL_GATE_32 equ 0x8c
INTERRUPT_16 equ 0x86
INTERRUPT_32 equ 0x8e
TRAP_32      equ 0x8f
RING_1       equ 0x20
RING_2       equ 0x40
RING_3       equ 0x60
ABSENT       equ 0x80                   ; to be taken out by XOR

; Where user code and stack are mapped, less their physical address
%ifndef USER_ALIAS
%define USER_ALIAS 0
%endif

%macro set_descriptor 5
        mov dword [ss:gdt + (%1 & ~7)], ((%2) & 0xffff) << 16 | (%3) & 0xffff
        mov dword [ss:gdt + (%1 & ~7) + 4], (%2) & 0xff000000 | (%5) << 20 | (%3) & 0xf0000 | (%4) << 8 | (%2) >> 16 & 0xff
%endmacro

%macro set_gate 5
        mov dword [ss:gdt + (%1 & ~7)], (%2) << 16 | (%3) & 0xffff
        mov dword [ss:gdt + (%1 & ~7) + 4], (%3) & 0xffff0000 | (%4) << 8 | (%5)
%endmacro

%macro set_interrupt 4
        mov dword [ss:IDT + (%1) * 8], (%2) << 16 | (%3) & 0xffff
        mov dword [ss:IDT + (%1) * 8 + 4], (%3) & 0xffff0000 | (%4) << 8
%endmacro

%macro catch 1
        mov dword [ss:resume], %1
        mov [ss:resume_esp], esp
%endmacro

%macro check 2+
        say %1, ":"
        catch %%after
        %2
        say " ok"
%%after:
        newline
%endmacro

%macro check_user 2+
        say %1, ":"
        catch %%after
        enter_user %%user
%%user: %2
        int OK_VECTOR
%%after:
        newline
%endmacro

; To CPL 3 at a label, with IOPL 0
%macro enter_user 1
        push dword USER_DATA
        push dword USER_STACK + USER_ALIAS
        push dword 2
        push dword USER_CODE
        push dword %1 + USER_ALIAS
        iretd
%endmacro

%macro enter_protected 0
        cli
        lgdt [gdt_pointer]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp dword KERNEL_CODE:%%in
bits 32
%%in:   mov eax, KERNEL_DATA
        mov ss, eax
        mov esp, KERNEL_STACK
        mov eax, USER_DATA              ; stays valid in every ring
        mov ds, eax
        mov es, eax
        mov fs, eax
        mov gs, eax
        call set_up_idt
        mov eax, TASK
        ltr ax
%endmacro

bits 32
set_up_idt:
        xor edx, edx                    ; vector
.next:  mov eax, edx
        shl eax, 4
        add eax, stubs
        mov [IDT + edx * 8], ax
        mov word [IDT + edx * 8 + 2], KERNEL_CODE
        mov word [IDT + edx * 8 + 4], INTERRUPT_32 << 8
        mov word [IDT + edx * 8 + 6], 0
        inc edx
        cmp edx, 32
        jb .next
        mov dword [IDT + OK_VECTOR * 8], KERNEL_CODE << 16 | at(succeed)
        mov dword [IDT + OK_VECTOR * 8 + 4], (INTERRUPT_32 | RING_3) << 8
        lidt [idt_pointer]
        ret

align 16
stubs:
%assign vector 0
%rep 32
%if vector == 8 || vector >= 10 && vector <= 14 || vector == 17
        nop
        nop
%else
        push byte 0
%endif
        push byte vector
        jmp strict near exception
        align 16
%assign vector vector + 1
%endrep

; Stack: vector, error code, EIP, CS, EFLAGS (, ESP, SS)
exception:
        pushad
        mov eax, USER_DATA
        mov ds, eax
        mov es, eax
        mov eax, [esp + 36]
        mov [last_error], eax
        mov eax, [esp + 40]
        mov [last_eip], eax
        mov eax, [esp + 44]
        mov [last_cs], eax
        mov eax, [esp + 48]
        mov [last_eflags], eax
        mov eax, [esp + 32]
        mov [last_vector], al
        cmp byte [quiet], 0
        jne .quiet
        call report_exception
.quiet: cmp dword [resume], 0
        je .unexpected
        popad
        jmp go_on
.unexpected:
        say " where none was expected, EIP"
        value [last_eip]
        newline
        mov al, 0x7f
        out DEBUG_EXIT, al
        hlt

succeed:
        mov byte [ss:last_vector], 0xff
        cmp byte [ss:quiet], 0
        jne go_on
        say " ok"
go_on:  mov esp, [ss:resume_esp]
        push dword USER_DATA
        pop ds
        push dword USER_DATA
        pop es
        push dword 2
        popfd
        jmp [ss:resume]

; EAX = vector
report_exception:
        lea esi, [eax + eax * 2 + exception_names]
        say " "
        mov ecx, 3
        mov edx, COM1
.name:  lodsb
        out dx, al
        loop .name
        mov eax, [esp + 36]             ; the vector again: return address, then PUSHAD's frame
        bt dword [with_error_code], eax
        jnc .end
        say "("
        digits [last_error]
        say ")"
        cmp eax, 14
        jne .end
        say " at"
        mov eax, cr2
        value eax
.end:   ret

with_error_code:
        dd 1 << 8 | 0x1f << 10 | 1 << 17
exception_names:
        db "#DE#DBNMI#BP#OF#BR#UD#NM#DF#09#TS#NP#SS#GP#PF#15#MF#AC#MC#XM#VE#CP"
        times 30 db "?"

align 8
gdt:
        dq 0
        dq 0x00cf9a000000ffff
        dq 0x00cf92000000ffff
        dq 0x00cffa000000ffff
        dq 0x00cff2000000ffff
        dw tss_end - tss - 1, at(tss), TSS_32 << 8, 0
        dq 0x00009a000000ffff
        dq 0x000092000000ffff
        dq 0x00cfba000000ffff
        dq 0x00cfb2000000ffff
        times GDT_END - ($ - gdt) db 0
gdt_pointer:
        dw GDT_END - 1
        dd gdt
idt_pointer:
        dw 256 * 8 - 1
        dd IDT

; Task-state segment, 32-bit
align 8
tss:
        dd 0
        dd FAULT_STACK, KERNEL_DATA
        dd RING_1_STACK, RING_1_DATA
        dd 0, 0
        times 102 - ($ - tss) db 0
        dw tss_end - tss                ; no I/O permission bitmap
tss_end:

; In lines of their own: a write to a line that holds decoded code costs decoding it again.
align 64
resume:      dd 0
resume_esp:  dd 0
last_eip:    dd 0
last_cs:     dd 0
last_eflags: dd 0
last_error:  dd 0
last_vector: db 0
quiet:       db 0
align 64
bits 16
`;
