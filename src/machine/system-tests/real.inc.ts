/**
 * `real.inc`: real mode, with exceptions that are caught and reported.
 *
 *   vector number, handler   sets an interrupt vector
 *   catch_exceptions         takes over vectors 0, 5, 6, 12 and 13
 *   check "text", instr      reports "text: ok" or "text: vector 13"
 *   catch label              for longer attempts: an exception is reported, then execution goes on at the
 *                            label with the present stack
 */
export const REAL_INC = `
%macro vector 2
        mov word [cs:%1 * 4], %2
        mov word [cs:%1 * 4 + 2], 0
%endmacro

%macro catch 1
        mov word [cs:resume], %1
        mov [cs:resume_sp], sp
%endmacro

%macro check 2+
        say %1, ":"
        catch %%after
        %2
        say " ok"
%%after:
        newline
%endmacro

%macro report_vector 1
        mov word [cs:vector_text], %1
        jmp say_vector
%endmacro

on_0:   report_vector "0"
on_5:   report_vector "5"
on_6:   report_vector "6"
on_12:  report_vector "12"
on_13:  report_vector "13"

say_vector:
        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, [resume_sp]
        cld
        say " vector "
        mov si, vector_text
        mov dx, COM1
.next:  lodsb
        test al, al
        jz .end
        out dx, al
        jmp .next
.end:   jmp [resume]

vector_text: dw 0
             db 0
align 2
resume:      dw 0
resume_sp:   dw 0

%macro catch_exceptions 0
        vector 0, on_0
        vector 5, on_5
        vector 6, on_6
        vector 12, on_12
        vector 13, on_13
%endmacro
`;
