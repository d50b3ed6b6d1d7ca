; A guest that knows it is one: it asks the hypervisor by hypercalls instead of driving devices.
; VMCALL with RAX = number, RDI, RSI, RDX = arguments; the result comes in RAX. Run it in a VM.

%include "ports.inc"
%include "hypercalls.inc"

bits 64
default rel
org 0x100000

%macro hypercall 1-3 0, 0               ; number, up to two arguments
        mov rdi, %2
        mov rsi, %3
        mov eax, %1
        vmcall
%endmacro

start:  mov eax, HYPERVISOR_LEAF_SIGNATURE
        cpuid                           ; EBX, ECX, EDX spell the hypervisor's name
        mov al, 1
        cmp ebx, 'Ring'
        jne quit
        cmp ecx, 'labH'
        jne quit

        hypercall HC_CONSOLE_WRITE, hello, hello_length

        hypercall HC_READ_CLOCK
        mov rbx, rax
        hypercall HC_YIELD              ; let others run
        hypercall HC_READ_CLOCK
        sub rax, rbx
        call decimal
        hypercall HC_MULTICALL, batch, 3        ; three calls, one VM exit
        xor eax, eax
quit:   out PORT_DEBUG_EXIT, al
        hlt
        jmp quit

; RAX to the eight digits at `number`
decimal:
        lea rdi, [number + 7]
        mov ecx, 10
.digit: xor edx, edx
        div rcx
        add dl, '0'
        mov [rdi], dl
        dec rdi
        test rax, rax
        jnz .digit
        ret

align 8
; One entry of a multicall: number, five arguments, result, reserved
%macro entry 3
        dq %1, %2, %3, 0, 0, 0, 0, 0
%endmacro
batch:  entry HC_CONSOLE_WRITE, before, before_length
        entry HC_CONSOLE_WRITE, number, 8
        entry HC_CONSOLE_WRITE, after, after_length

hello:  db "Hello by hypercall.", 13, 10
hello_length equ $ - hello
before: db "Yielding took "
before_length equ $ - before
number: times 8 db ' '
after:  db " ns.", 13, 10
after_length equ $ - after
