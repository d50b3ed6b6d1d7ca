/**
 * A guest for several processors: the first starts the others by INIT and SIPI, all count under a lock
 * and without one, answer an interrupt each, and one is started again. Wants the assembler's defines
 * CPUS and ROUNDS.
 */
export const PROCESSORS_GUEST = `
%include "long.inc"
APIC     equ 0xfee00000
ID       equ APIC + 0x20
SPURIOUS equ APIC + 0xf0
EOI      equ APIC + 0xb0
ICR_HIGH equ APIC + 0x310
ICR      equ APIC + 0x300
OTHERS   equ 3 << 18                    ; all excluding self
INIT     equ 0x4500
STARTUP  equ 0x4600
ANSWER   equ 0x50

%macro apic 2
        mov edx, %1
        mov dword [rdx], %2
%endmacro

start:  enter_long
        mov dword [abs PDPT + 24], 0xc0000083
        mov al, 0xff                    ; all interrupts of the PIC masked
        out 0x21, al
        out 0xa1, al
        apic SPURIOUS, 0x1ff
        set_interrupt 0x41, KERNEL_CODE, at(on_ipi), INTERRUPT_64, 0
%assign processor 1                     ; a vector for each, as equal ones would merge
%rep CPUS - 1
        set_interrupt ANSWER + processor, KERNEL_CODE, at(on_answer), INTERRUPT_64, 0
%assign processor processor + 1
%endrep
        ; The trampoline of the other processors goes to a page of its own.
        mov esi, trampoline
        mov edi, TRAMPOLINE
        mov ecx, trampoline_end - trampoline
        rep movsb
        apic ICR, OTHERS | INIT
        apic ICR, OTHERS | STARTUP | TRAMPOLINE >> 12
        apic ICR, OTHERS | STARTUP | TRAMPOLINE >> 12      ; the second one is ignored
.wait:  pause
        cmp dword [started], CPUS - 1
        jb .wait
        say "started"
        value [started]
        newline
        ; Each processor adds under a lock and by LOCK XADD.
        mov dword [go], 1
.sum:   pause
        cmp dword [finished], CPUS - 1
        jb .sum
        say "locked"
        value [locked_sum]
        say ", atomic"
        value [atomic_sum]
        newline
        ; An IPI to each one by its number; all answer.
        mov ecx, 1
.ipi:   mov eax, ecx
        shl eax, 24
        apic ICR_HIGH, eax
        apic ICR, 0x41
        inc ecx
        cmp ecx, CPUS
        jb .ipi
.answer: cli
        cmp dword [answers], CPUS - 1
        jb .halt
        say "answers"
        value [answers]
        say " from"
        value [answered]
        newline
        ; INIT stops a processor; it starts again from the trampoline.
        mov dword [started], 0
        apic ICR_HIGH, 1 << 24
        apic ICR, INIT
        apic ICR, STARTUP | TRAMPOLINE >> 12
.back:  pause
        cmp dword [started], 0
        je .back
        say "again"
        value [started]
        newline
        finish
.halt:  sti                             ; with HLT in its shadow no answer can be missed
        hlt
        jmp .answer

on_answer:
        push rax
        lock inc dword [answers]
        mov eax, EOI
        mov dword [rax], 0
        pop rax
        iretq

; On the other processors
on_ipi: push rax
        push rdx
        mov eax, EOI
        mov dword [rax], 0
        mov eax, ID
        mov eax, [rax]
        shr eax, 24
        lock bts dword [answered], eax
        apic ICR_HIGH, 0
        add eax, ANSWER
        apic ICR, eax
        pop rdx
        pop rax
        iretq

other:  mov eax, KERNEL_DATA
        mov ss, eax
        mov eax, 0x100
        lock xadd dword [next_stack], eax
        mov esp, eax
        lidt [idt_pointer]
        apic SPURIOUS, 0x1ff
        lock inc dword [started]
.wait:  pause
        cmp dword [go], 0
        je .wait
        mov ecx, ROUNDS
.round: lock bts dword [lock_bit], 0
        jc .busy
        mov eax, [locked_sum]
        inc eax
        mov [locked_sum], eax
        mov dword [lock_bit], 0
        mov eax, 1
        lock xadd [atomic_sum], eax
        dec ecx
        jnz .round
        lock inc dword [finished]
        sti
.halt:  hlt
        jmp .halt
.busy:  pause
        jmp .round

TRAMPOLINE equ 0x60000
bits 16
trampoline:
        cli
        mov ax, cs
        mov ds, ax
        mov eax, cr4
        or ax, 1 << 9 | 1 << 5
        mov cr4, eax
        mov eax, PML4
        mov cr3, eax
        mov ecx, EFER
        rdmsr
        or eax, 1 << 11 | 1 << 8 | 1
        wrmsr
        lgdt [pointer - trampoline]
        mov eax, cr0
        or eax, 1 << 31 | 1
        mov cr0, eax
        jmp dword KERNEL_CODE:other
pointer: dw GDT_END - 1
        dd gdt
trampoline_end:
align 8
next_stack: dd 0x3000
started:    dq 0
go:         dd 0
finished:   dd 0
lock_bit:   dd 0
locked_sum: dq 0
atomic_sum: dq 0
answers:    dq 0
answered:   dq 0
`;
