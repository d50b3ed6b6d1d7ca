; The smallest useful hypervisor on VT-x. It starts in 64-bit mode with memory mapped one to one, enters VMX
; root operation, describes one guest, and answers the guest's exits until it says VMCALL.
; Run it on the bare machine: the lab's own hypervisor offers no VT-x to its guests.

%include "ports.inc"
%include "msrs.inc"
%include "vmx.inc"
%include "vmcs.inc"

bits 64
default rel
org 0x100000

%macro vmset 2                          ; field, value
        mov edx, %1
        mov rax, %2
        vmwrite rdx, rax
%endmacro
%macro control 3                        ; field, its capability MSR, wanted bits
        mov ecx, %2
        rdmsr
        or eax, %3                      ; low half: must be 1
        and eax, edx                    ; high half: may be 1
        mov ecx, %1
        vmwrite rcx, rax
%endmacro

start:  mov ecx, IA32_FEATURE_CONTROL
        mov eax, FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMXON_OUTSIDE_SMX
        xor edx, edx
        wrmsr
        mov rax, cr4
        bts rax, 13                     ; CR4.VMXE
        mov cr4, rax
        mov rax, cr0
        or al, 1 << 5                   ; CR0.NE, which VMX operation fixes to 1
        mov cr0, rax
        mov ecx, IA32_VMX_BASIC
        rdmsr
        mov [root], eax                 ; both regions begin with the VMCS revision
        mov [vmcs], eax
        vmxon [root_address]
        vmclear [vmcs_address]
        vmptrld [vmcs_address]

        control PIN_BASED_CONTROLS, IA32_VMX_PINBASED_CTLS, 0
        control PRIMARY_CONTROLS, IA32_VMX_PROCBASED_CTLS, PRIMARY_HLT_EXITING | PRIMARY_UNCONDITIONAL_IO_EXITING
        control VM_EXIT_CONTROLS, IA32_VMX_EXIT_CTLS, VM_EXIT_HOST_64
        control VM_ENTRY_CONTROLS, IA32_VMX_ENTRY_CTLS, VM_ENTRY_IA32E_GUEST
        lea rsi, [fields]
.field: lodsd
        mov edx, eax
        lodsq
        vmwrite rdx, rax
        cmp rsi, fields_end
        jb .field
        vmset GUEST_CR0, cr0
        vmset HOST_CR0, cr0
        vmset GUEST_CR3, cr3
        vmset HOST_CR3, cr3
        vmset GUEST_CR4, cr4
        vmset HOST_CR4, cr4
        vmlaunch                        ; comes back only when it fails
        mov al, 'F'
        jmp quit

; Every VM exit arrives here. The guest only uses AL.
exit:   mov bl, al
        mov edx, EXIT_REASON
        vmread rcx, rdx
        cmp ecx, EXIT_REASON_IO_INSTRUCTION
        je .print
        cmp ecx, EXIT_REASON_VMCALL
        je .done
        mov bl, '.'                     ; any other exit (CPUID, HLT) prints a full stop
.print: mov al, bl                      ; the guest's OUT becomes ours
        mov edx, PORT_COM1
        out dx, al
        mov edx, EXIT_INSTRUCTION_LENGTH
        vmread rcx, rdx
        mov edx, GUEST_RIP
        vmread rax, rdx
        add rax, rcx                    ; go on behind the instruction
        vmwrite rdx, rax
        vmresume
        mov al, 'F'
        jmp quit
.done:  vmxoff
        xor eax, eax
quit:   out PORT_DEBUG_EXIT, al
        hlt
        jmp quit

guest:  lea rsi, [text]
.next:  lodsb
        test al, al
        jz .end
        out PORT_POST, al               ; exits: the hypervisor prints AL
        jmp .next
.end:   cpuid
        hlt
        vmcall
text:   db "Hello from ring 0, inside a VM", 0

%macro field 2
        dd %1
        dq %2
%endmacro
fields:
%assign i 0
%rep 8                                  ; ES, CS, SS, DS, FS, GS, LDTR, TR: not usable, but for these
%if i == 1
        field GUEST_CS_SELECTOR, 0x10
        field GUEST_CS_ACCESS_RIGHTS, 0xa09b
        field GUEST_CS_LIMIT, 0xffffffff
%elif i == 7
        field GUEST_TR_SELECTOR, 0x18
        field GUEST_TR_ACCESS_RIGHTS, 0x8b
        field GUEST_TR_LIMIT, 0x67
%else
        field GUEST_ES_ACCESS_RIGHTS + 2 * i, 0x10000
%endif
%assign i i + 1
%endrep
        field GUEST_RIP, guest
        field GUEST_RSP, stack
        field GUEST_RFLAGS, 2
        field GUEST_DR7, 0x400
        field VMCS_LINK_POINTER, -1
        field HOST_CS_SELECTOR, 0x10
        field HOST_TR_SELECTOR, 0x18
        field HOST_RIP, exit
        field HOST_RSP, stack
fields_end:
root_address:   dq root
vmcs_address:   dq vmcs

section .bss align=4096
root:   resb 4096
vmcs:   resb 4096
        resb 4096
stack:
