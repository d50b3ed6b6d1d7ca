; The smallest useful hypervisor on AMD-V. It starts in 64-bit mode with memory mapped one to one, describes one
; guest in a VMCB, and runs it until it says VMMCALL. VMRUN comes back with each exit, so the hypervisor is a loop.
; Run it on a bare machine with AMD-V.

%include "ports.inc"
%include "registers.inc"
%include "msrs.inc"
%include "vmcb.inc"
%include "svm.inc"

bits 64
default rel
org 0x100000

%macro vmset 3                          ; size, field, value
        mov %1 [rbx + VMCB_%2], %3
%endmacro
%macro intercept 1                      ; the code of an exit is the number of its bit in the VMCB
        or byte [rbx + VMEXIT_%1 / 8], 1 << (VMEXIT_%1 & 7)
%endmacro

start:  mov eax, 0x80000001
        cpuid
        mov bl, 'A'
        test ecx, 1 << 2                ; SVM: is this an AMD processor?
        jz fail
        mov ecx, IA32_EFER
        rdmsr
        or eax, EFER_SVME               ; now there are the SVM instructions
        wrmsr
        mov ecx, VM_HSAVE_PA
        lea rax, [host]                 ; where VMRUN keeps what the hypervisor needs to go on
        xor edx, edx
        wrmsr

        lea rbx, [vmcb]
        intercept VMRUN                 ; which the processor insists on
        intercept CPUID
        intercept HLT
        intercept VMMCALL
        vmset dword, GUEST_ASID, 1      ; 0 is the hypervisor's own
        vmset byte, NP_CONTROL, 1
        lea rax, [nested]
        vmset qword, N_CR3, rax
        lea rcx, [nested + 4096]        ; two nested tables map the first GiB one to one
        or rcx, 7                       ; present, writable, user: guests count as users
        mov [rax], rcx
        mov qword [nested + 4096], 0x87 ; one page of a GiB

        vmset qword, EFER, EFER_SVME | EFER_LME | EFER_LMA
        mov rax, cr0
        vmset qword, CR0, rax
        mov rax, cr3
        vmset qword, CR3, rax
        mov rax, cr4
        vmset qword, CR4, rax
        vmset word, CS_ATTRIBUTES, 0xa9b
        vmset word, SS_ATTRIBUTES, 0xc93
        vmset qword, RFLAGS, 2
        vmset qword, DR7, 0x400
        lea rax, [guest]
        vmset qword, RIP, rax
        lea rax, [guest_stack]
        vmset qword, RSP, rax
        mov rax, 0x0007040600070406     ; memory types of the guest's PAT
        vmset qword, G_PAT, rax

run:    mov rax, rbx
        vmrun                           ; to the guest, and back with its next exit
        mov rax, [rbx + VMCB_EXITCODE]
        cmp rax, VMEXIT_VMMCALL
        je .call
        mov bp, '.'                     ; CPUID and HLT print a full stop
        cmp rax, VMEXIT_CPUID
        je .print
        cmp rax, VMEXIT_HLT
        je .print
        mov bl, 'F'                     ; VMEXIT_INVALID, or something that nobody asked for
        jmp fail
.call:  mov rbp, [rbx + VMCB_RAX]       ; RAX is the guest's only register that VMRUN switches
        test bp, bp
        jz .done
.print: mov eax, ebp
        mov edx, PORT_COM1
        out dx, al
        mov rax, [rbx + VMCB_NRIP]      ; go on behind the instruction
        mov [rbx + VMCB_RIP], rax
        jmp run
.done:  xor ebx, ebx
fail:   mov al, bl
        out PORT_DEBUG_EXIT, al
        hlt
        jmp fail

guest:  lea rsi, [text]
.next:  lodsb
        movzx eax, al
        test al, al
        jz .end
        vmmcall                         ; prints AL
        jmp .next
.end:   cpuid
        hlt
        vmmcall                         ; with RAX = 0: the end
text:   db "Hello from ring 0, inside a VM", 0

section .bss align=4096
vmcb:   resb 4096
host:   resb 4096
nested: resb 8192
        resb 4096
guest_stack:
