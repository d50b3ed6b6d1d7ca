; A hypervisor at a glance: VT-x runs a guest under EPT, and each VM exit comes back to `exit`.
; Starts in 64-bit mode, on the bare machine: the lab's own hypervisor offers no VT-x to its guests.
bits 64
org 0x100000
%include "vt-x.inc"                     ; vm... and ept...: the steps as macros
%include "com1.inc"                     ; print..., end_run

EXITING equ PRIMARY_HLT_EXITING | PRIMARY_UNCONDITIONAL_IO_EXITING
start:  vmx_on vmxon_region, vmcs       ; from here on this is ring -1
        vmx_controls PIN_BASED_CONTROLS, IA32_VMX_PINBASED_CTLS, 0
        vmx_controls PRIMARY_CONTROLS, IA32_VMX_PROCBASED_CTLS, EXITING | PRIMARY_SECONDARY_CONTROLS
        vmx_controls SECONDARY_CONTROLS, IA32_VMX_PROCBASED_CTLS2, SECONDARY_EPT
        vmx_controls VM_EXIT_CONTROLS, IA32_VMX_EXIT_CTLS, VM_EXIT_HOST_64
        vmx_controls VM_ENTRY_CONTROLS, IA32_VMX_ENTRY_CTLS, VM_ENTRY_IA32E_GUEST
        ept_first_gigabyte ept
        vm_guest guest, guest_stack
        vm_host exit, host_stack
        vmlaunch                        ; comes back only when it fails
        jmp failed

exit:   push rax                        ; the guest's registers are still in place
        vmget rax, EXIT_REASON
        cmp eax, EXIT_REASON_CPUID
        je .cpuid
        cmp eax, EXIT_REASON_IO_INSTRUCTION
        je .out
        cmp eax, EXIT_REASON_HLT
        je .hlt
        print "unexpected VM exit "
        print_hex rax
        end_run 1
.hlt:   print "HLT", 13, 10, "The guest is done.", 13, 10
        end_run 0
.cpuid: print "CPUID", 13, 10
        mov ebx, 'Hi!'                  ; so this processor calls itself
        jmp .next
.out:   mov al, [rsp]                   ; the guest's AL
        print "OUT "
        print_char al
        print 13, 10
.next:  vm_skip_instruction
        pop rax
        vmresume                        ; comes back only when it fails
failed: print "VM entry failed"
        end_run 1

guest:  cpuid                           ; always exits; the hypervisor answers in EBX
.next:  mov al, bl
        out PORT_POST, al               ; exits, for each letter
        shr ebx, 8
        jnz .next
        hlt                             ; exits

section .bss align=4096
vmxon_region: resb 4096
vmcs:         resb 4096
ept:          resb 2 * 4096
              resb 4096
host_stack:   resb 4096
guest_stack:
