/**
 * `report.inc`: how guests report, in every mode. All macros keep every register and flag; they need
 * a stack, a code segment with base 0, and the right to use the serial port.
 *
 *   say "text", 10      text and numbers as with DB, no 0
 *   value eax           a blank, and the number in hexadecimal; as wide as the mode's registers
 *   digits eax          the same without the blank
 *   newline
 *   finish              ends the run with success
 */
export const REPORT_INC = `
COM1         equ 0x3f8
DEBUG_EXIT   equ 0xf4

%macro say 1+
        call say_%[__BITS__]
        db %1, 0
%endmacro

%macro value 1
        say " "
        digits %1
%endmacro

%macro digits 1
%if __BITS__ == 64
        push qword %1
%elif __BITS__ == 32
        push dword %1
%else
        push word %1
%endif
        call digits_%[__BITS__]
%endmacro

%macro newline 0
        say 10
%endmacro

; For descriptors, whose fields are pieces of an address: the address of a label as a plain number.
%define at(label) (label - $$ + 0x8000)

%macro finish 0
        mov al, 0
        out DEBUG_EXIT, al
        hlt
%endmacro

        jmp start

; One copy of the routines for each register width: (bits, A, B, D, SI, BP, SP, size of a push)
%macro REPORT_ROUTINES 8
bits %1
say_%1:                                 ; the text follows the call
        push %6
        mov %6, %7
        pushf
        push %2
        push %4
        push %5
        cld
        mov %5, [ss:%6 + %8]
        mov dx, COM1
%%next: cs lodsb
        test al, al
        jz %%end
        out dx, al
        jmp %%next
%%end:  mov [ss:%6 + %8], %5
        pop %5
        pop %4
        pop %2
        popf
        pop %6
        ret

digits_%1:                               ; the number was pushed
        push %6
        mov %6, %7
        pushf
        push %2
        push %3
        push %4
        push %5
        mov dx, COM1
        mov %3, [ss:%6 + 2 * %8]
        mov %5, %1 / 4                  ; digits left
%%zero: cmp %5, 1                       ; leading zeros are not shown
        je %%show
        rol %3, 4
        test bl, 15
        jnz %%have
        dec %5
        jmp %%zero
%%show: rol %3, 4
%%have: mov al, bl
        and al, 15
        add al, '0'
        cmp al, '9'
        jbe %%send
        add al, 'a' - '9' - 1
%%send: out dx, al
        dec %5
        jnz %%show
        pop %5
        pop %4
        pop %3
        pop %2
        popf
        pop %6
        ret %8
%endmacro

        REPORT_ROUTINES 16, ax, bx, dx, si, bp, sp, 2
        REPORT_ROUTINES 32, eax, ebx, edx, esi, ebp, esp, 4
        REPORT_ROUTINES 64, rax, rbx, rdx, rsi, rbp, rsp, 8
bits 16
`;
