/**
 * A hypervisor on AMD-V that runs two guests in 64-bit mode by turns, each with nested page tables of its own over
 * the same code. The guests compute, call, write pages that the hypervisor maps when they fault, and are interrupted
 * by its timer. It adds up what they say, and all that it has seen, on the serial port.
 */
import { V_INTR } from '../../arch/svm.ts';
import { SVM_EXIT } from '../../arch/svm-exits.ts';
import { VMCB } from '../../arch/vmcb.ts';

/** Defines: ROUNDS of each guest. */
export const SVM_GUEST = `
%include "long.inc"
VMCBS     equ 0x100000                  ; two pages
HOST_SAVE equ 0x102000
NESTED    equ 0x110000                  ; four pages of tables for each guest
DATA      equ 0x200000                  ; what the guests write: 64 pages each, at 1 MiB in the guest

bits 64
; The guest: RSI rounds
guest:  mov ebx, 0x100000
        xor edx, edx
.round: mov ecx, 200
.work:  imul edx, edx, 69069
        add edx, ecx
        loop .work
        mov [rbx], edx
        add ebx, 0x1000
        and ebx, 0x13ffff
        or ebx, 0x100000
        test esi, 7
        jnz .next
        mov eax, edx
        vmmcall
.next:  dec esi
        jnz .round
        hlt

; RBX: the VMCB, RDI: its nested tables, EBP: 0 or 1
set_up: or dword [rbx + ${VMCB.INTERCEPT_MISC1.offset}], 1 << ${SVM_EXIT.INTR & 31} | 1 << ${SVM_EXIT.HLT & 31} | 1 << ${SVM_EXIT.SHUTDOWN & 31}
        or dword [rbx + ${VMCB.INTERCEPT_MISC2.offset}], 1 << ${SVM_EXIT.VMRUN & 31} | 1 << ${SVM_EXIT.VMMCALL & 31}
        lea eax, [rbp + 1]
        mov [rbx + ${VMCB.GUEST_ASID.offset}], eax
        mov dword [rbx + ${VMCB.V_INTR.offset}], ${V_INTR.MASKING}
        mov byte [rbx + ${VMCB.NP_CONTROL.offset}], 1
        mov [rbx + ${VMCB.N_CR3.offset}], rdi
        lea rax, [rdi + 0x1007]
        mov [rdi], rax
        lea rax, [rdi + 0x2007]
        mov [rdi + 0x1000], rax
        lea rax, [rdi + 0x3007]
        mov [rdi + 0x2000], rax
        mov ecx, 0x100                  ; the first MiB
        mov eax, 7
        lea rdx, [rdi + 0x3000]
.page:  mov [rdx], rax
        add eax, 0x1000
        add edx, 8
        loop .page
        mov rax, cr0
        mov [rbx + ${VMCB.CR0.offset}], rax
        mov rax, cr3
        mov [rbx + ${VMCB.CR3.offset}], rax
        mov rax, cr4
        mov [rbx + ${VMCB.CR4.offset}], rax
        mov dword [rbx + ${VMCB.EFER.offset}], 0x1d01
        mov word [rbx + ${VMCB.CS_ATTRIBUTES.offset}], 0xa9b
        mov word [rbx + ${VMCB.SS_ATTRIBUTES.offset}], 0xc93
        mov dword [rbx + ${VMCB.RFLAGS.offset}], 0x202
        mov dword [rbx + ${VMCB.DR7.offset}], 0x400
        mov dword [rbx + ${VMCB.RIP.offset}], guest
        mov dword [rbx + ${VMCB.G_PAT.offset}], 0x70406
        mov dword [rbx + ${VMCB.G_PAT.offset} + 4], 0x70406
        ret

tick:   inc dword [abs ticks]
        push rax
        push rcx
        push rdx
        xor eax, eax
        xor edx, edx
        mov ecx, 0x80b
        wrmsr                           ; end of interrupt
        pop rdx
        pop rcx
        pop rax
        iretq

bits 16
start:  enter_long
        set_msr EFER, 0x1d01
        set_msr 0xc0010117, HOST_SAVE
        mov ebx, VMCBS
        mov edi, NESTED
        xor ebp, ebp
        call set_up
        mov ebx, VMCBS + 0x1000
        mov edi, NESTED + 0x4000
        inc ebp
        call set_up
        set_interrupt 0x40, KERNEL_CODE, at(tick), INTERRUPT_64, 0
        set_msr 0x1b, 0xfee00d00        ; x2APIC
        set_msr 0x80f, 0x1ff
        set_msr 0x83e, 0xb              ; timer: as fast as the bus
        set_msr 0x832, 0x20040          ; periodic
        set_msr 0x838, 3001

turn:   xor dword [abs current], 1
        mov ebp, [abs current]
        cmp dword [abs left + rbp * 4], 0
        je other
enter:  mov eax, ebp                    ; the general registers that VMRUN does not switch
        shl eax, 12
        add eax, VMCBS
        mov r15, rax
        lea r14, [abs registers]
        mov ecx, ebp
        shl ecx, 6
        add r14, rcx
        mov rbx, [r14]
        mov rcx, [r14 + 8]
        mov rdx, [r14 + 16]
        mov rsi, [r14 + 24]
        clgi
        sti
        vmrun
        mov [r14], rbx
        mov [r14 + 8], rcx
        mov [r14 + 16], rdx
        mov [r14 + 24], rsi
        stgi
        cli
        mov eax, [r15 + ${VMCB.EXITCODE.offset}]
        cmp eax, ${SVM_EXIT.INTR}
        je turn
        cmp eax, ${SVM_EXIT.NPF}
        je fault
        cmp eax, ${SVM_EXIT.VMMCALL}
        je call
        cmp eax, ${SVM_EXIT.HLT}
        je halted
        say " exit"
        value rax
        newline
        finish

call:   inc dword [abs calls]
        mov eax, [r15 + ${VMCB.RAX.offset}]
        rol dword [abs sum], 5
        add [abs sum], eax
        mov rax, [r15 + ${VMCB.NRIP.offset}]
        mov [r15 + ${VMCB.RIP.offset}], rax
        jmp enter

fault:  inc dword [abs faults]          ; maps the page of the guest
        mov ecx, [r15 + ${VMCB.EXITINFO2.offset}]
        and ecx, ~0xfff
        mov eax, ebp
        shl eax, 18
        lea eax, [rax + rcx + DATA - 0x100000 + 7]
        shr ecx, 9
        mov edx, ebp
        shl edx, 14
        mov [rdx + rcx + NESTED + 0x3000], rax
        jmp enter

halted: mov dword [abs left + rbp * 4], 0
other:  mov eax, [abs left]
        or eax, [abs left + 4]
        jnz turn
        say "calls"
        mov eax, [abs calls]
        value rax
        say " faults"
        mov eax, [abs faults]
        value rax
        say " sum"
        mov eax, [abs sum]
        value rax
        cmp dword [abs ticks], 10
        jb .end
        say " ticks"
.end:   newline
        finish

align 8
registers:
        dq 0, 0, 0, ROUNDS, 0, 0, 0, 0
        dq 0, 0, 0, ROUNDS, 0, 0, 0, 0
left:   dd 1, 1
current: dd 1
calls:  dd 0
faults: dd 0
sum:    dd 0
ticks:  dd 0
`;
