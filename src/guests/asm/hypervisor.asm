; A hypervisor of about 200 lines on VT-x (SDM volume 3C, "Introduction to Virtual Machine Extensions" and
; the chapters after it). A Multiboot loader enters it in 32-bit mode; it goes to 64-bit mode, enters VMX
; root operation, describes one virtual machine in a VMCS, and runs a tiny 64-bit guest that shares its
; address space. The guest does things that ring -1 gets to see; each VM exit is reported on the serial
; port, handled, and the guest resumed. VMCALL ends the run.

org 0x100000
default rel

; VMCS fields (SDM volume 3D, "Field Encoding in VMCS")
PIN_CONTROLS        equ 0x4000
PRIMARY_CONTROLS    equ 0x4002
EXIT_CONTROLS       equ 0x400c
ENTRY_CONTROLS      equ 0x4012
INSTRUCTION_ERROR   equ 0x4400
EXIT_REASON         equ 0x4402
EXIT_LENGTH         equ 0x440c
EXIT_QUALIFICATION  equ 0x6400
GUEST_RSP           equ 0x681c
GUEST_RIP           equ 0x681e

CODE                equ 0x08            ; selectors
DATA                equ 0x10
TASK                equ 0x18

section .text
bits 32
align 4
        dd 0x1badb002, 0, -0x1badb002   ; Multiboot header

global start
start:
        cli
        cld
        mov esp, stack_top
        mov edx, 0x3fb                  ; line control: 8 data bits
        mov al, 3
        out dx, al

        ; 64-bit mode, the first GiB mapped one to one by pages of 2 MiB
        mov dword [pml4], pdpt + 3
        mov dword [pdpt], pd + 3
        mov edi, pd
        mov eax, 0x83                   ; present, writable, large
.page:  mov [edi], eax
        add edi, 8
        add eax, 2 << 20
        cmp edi, pd + 4096
        jb .page
        mov eax, cr4
        or eax, 1 << 5                  ; CR4.PAE
        mov cr4, eax
        mov eax, pml4
        mov cr3, eax
        mov ecx, 0xc0000080             ; EFER
        rdmsr
        or eax, 1 << 8                  ; LME
        wrmsr
        mov eax, cr0
        or eax, 1 << 31 | 1             ; CR0.PG, CR0.PE
        mov cr0, eax
        lgdt [gdt_pointer]
        jmp CODE:long_mode

bits 64
long_mode:
        mov eax, DATA
        mov ds, eax
        mov es, eax
        mov ss, eax

        ; Is there VT-x, and does the firmware allow it?
        lea rsi, [text_no_vmx]
        mov eax, 1
        cpuid
        bt ecx, 5                       ; CPUID.1:ECX.VMX
        jnc fail
        mov ecx, 0x3a                   ; IA32_FEATURE_CONTROL
        rdmsr
        test al, 1                      ; locked: the firmware has decided
        jnz .locked
        or eax, 1 << 2 | 1              ; VMXON outside SMX, lock
        wrmsr
.locked:
        lea rsi, [text_disabled]
        test al, 1 << 2
        jz fail

        ; CR0 and CR4 must have the bits that VMX operation fixes.
        mov ecx, 0x486                  ; IA32_VMX_CR0_FIXED0 and _FIXED1
        mov rbx, cr0
        call fix
        mov cr0, rbx
        mov ecx, 0x488                  ; IA32_VMX_CR4_FIXED0 and _FIXED1
        mov rbx, cr4
        call fix                        ; sets CR4.VMXE
        mov cr4, rbx

        ; Both regions begin with the revision of the VMCS format.
        mov ecx, 0x480                  ; IA32_VMX_BASIC
        rdmsr
        and eax, 0x7fffffff
        mov [vmxon_region], eax
        mov [vmcs], eax
        lea rsi, [text_vmxon]
        vmxon [vmxon_address]
        jbe fail                        ; CF: VMfailInvalid, ZF: VMfailValid
        lea rsi, [text_vmcs]
        vmclear [vmcs_address]
        jbe fail
        vmptrld [vmcs_address]
        jbe fail
        lea rsi, [text_root]
        call print

        ; Fields whose values are known beforehand
        lea rsi, [fields]
.field: lodsd
        mov edx, eax                    ; encoding
        lodsq
        vmwrite rdx, rax
        jbe launch_failed
        cmp rsi, fields_end
        jb .field

        ; Guest and host share the control registers.
        mov rax, cr0
        mov edx, 0x6800                 ; GUEST_CR0
        mov ecx, 0x6c00                 ; HOST_CR0
        call write_both
        mov rax, cr3
        mov edx, 0x6802
        mov ecx, 0x6c02
        call write_both
        mov rax, cr4
        mov edx, 0x6804
        mov ecx, 0x6c04
        call write_both

        ; Controls: what is wanted, within what the processor allows
        mov ecx, 0x481                  ; IA32_VMX_PINBASED_CTLS
        mov edx, PIN_CONTROLS
        xor ebx, ebx
        call write_controls
        mov edx, PRIMARY_CONTROLS
        mov ebx, 1 << 7 | 1 << 24       ; HLT exiting, unconditional I/O exiting
        call write_controls
        mov edx, EXIT_CONTROLS
        mov ebx, 1 << 9                 ; host address-space size: 64 bits
        call write_controls
        mov edx, ENTRY_CONTROLS
        mov ebx, 1 << 9                 ; IA-32e mode guest
        call write_controls

        vmlaunch                        ; comes back here only when it fails
launch_failed:
        lea rsi, [text_launch]
        call print
        mov edx, INSTRUCTION_ERROR
        vmread rax, rdx
        call print_hex
        lea rsi, [text_newline]

; Prints the text at RSI and stops with exit value 1.
fail:
        call print
        mov al, 1
        jmp stop

; RBX: control register. Sets what _FIXED0 (MSR ECX) has set, clears what _FIXED1 (next MSR) has clear.
fix:    rdmsr
        or ebx, eax
        inc ecx
        rdmsr
        and ebx, eax                    ; the upper halves of CR0 and CR4 are 0
        ret

; RAX to the fields EDX and ECX
write_both:
        vmwrite rdx, rax
        vmwrite rcx, rax
        ret

; EBX to the field EDX, made legal by the capability MSR ECX: its low half must be 1, its high half may be.
; On return ECX is the next MSR.
write_controls:
        mov edi, edx
        rdmsr
        or ebx, eax
        and ebx, edx
        vmwrite rdi, rbx
        inc ecx
        ret

; Every VM exit arrives here, on the host's stack; the guest's general registers are still in place.
exit:
        push rax
        push rbx
        push rcx
        push rdx
        push rsi
        push rdi
        mov rbx, rsp                    ; RBX = the guest's registers
        lea rsi, [text_exit]
        call print
        mov edx, EXIT_REASON
        vmread rax, rdx
        mov edi, eax                    ; bit 31: the VM entry failed after all
        call print_hex
        lea rsi, [handlers - HANDLER_size]
.find:  add rsi, HANDLER_size
        mov eax, [rsi + HANDLER.reason]
        cmp eax, edi
        je .found
        cmp eax, -1                     ; the last row
        jne .find
.found: mov rdi, [rsi + HANDLER.handler]
        lea rsi, [rsi + HANDLER.name]
        call print
        call rdi
        lea rsi, [text_newline]
        call print

        ; The instruction is done: the guest goes on behind it.
        mov edx, GUEST_RIP
        vmread rax, rdx
        mov ecx, EXIT_LENGTH
        vmread rcx, rcx
        add rax, rcx
        vmwrite rdx, rax
        pop rdi
        pop rsi
        pop rdx
        pop rcx
        pop rbx
        pop rax
        vmresume
        jmp launch_failed

struc REGISTERS                         ; as pushed above
  .rdi: resq 1
  .rsi: resq 1
  .rdx: resq 1
  .rcx: resq 1
  .rbx: resq 1
  .rax: resq 1
endstruc

; Handlers. RBX = REGISTERS of the guest.

; The guest gets the processor's answer, but no VMX.
exit_cpuid:
        push rbx
        mov edi, [rbx + REGISTERS.rax]
        mov eax, edi
        mov ecx, [rbx + REGISTERS.rcx]
        cpuid
        cmp edi, 1
        jne .give
        btr ecx, 5
.give:  mov edi, ebx
        pop rbx
        mov [rbx + REGISTERS.rax], rax
        mov [rbx + REGISTERS.rbx], rdi
        mov [rbx + REGISTERS.rcx], rcx
        mov [rbx + REGISTERS.rdx], rdx
        mov eax, edi
        jmp print_hex

; Shows port and value; nothing is written.
exit_io:
        mov edx, EXIT_QUALIFICATION
        vmread rax, rdx
        shr rax, 16                     ; port number
        call print_hex
        movzx eax, byte [rbx + REGISTERS.rax]
        jmp print_hex

; A model-specific register that exists only for this guest.
exit_rdmsr:
        mov eax, [rbx + REGISTERS.rcx]
        call print_hex
        mov qword [rbx + REGISTERS.rax], 42
        mov qword [rbx + REGISTERS.rdx], 0
exit_hlt:
        ret

exit_vmcall:
        lea rsi, [text_end]
        call print
        vmxoff
        xor eax, eax
stop:
        out 0xf4, al                    ; debug exit port
        cli
.hlt:   hlt
        jmp .hlt

; Nothing else should happen.
exit_unexpected:
        mov edx, EXIT_QUALIFICATION
        vmread rax, rdx
        call print_hex
        lea rsi, [text_unexpected]
        jmp fail

; The guest: what it does here, ring -1 sees.
guest:
        xor eax, eax
        cpuid                           ; EBX: the first four letters of the vendor's name
        mov eax, ebx
        out 0x80, al
        mov ecx, 0x1234
        rdmsr
        out 0x80, al                    ; 42, as the hypervisor answered
        hlt
        vmcall

; Prints the zero-terminated text at RSI on the serial port. Keeps RDI and RBX.
print:
        lodsb
        test al, al
        jz .end
        mov ah, al
        mov edx, 0x3fd                  ; line status
.wait:  in al, dx
        test al, 1 << 5                 ; can be written
        jz .wait
        mov al, ah
        mov edx, 0x3f8
        out dx, al
        jmp print
.end:   ret

; Prints RAX in hexadecimal, with a blank before. Keeps RDI and RBX.
print_hex:
        lea rsi, [digits_end]
.digit: mov edx, eax
        and edx, 15
        lea rcx, [hexadecimal]
        mov dl, [rcx + rdx]
        dec rsi
        mov [rsi], dl
        shr rax, 4
        jnz .digit
        dec rsi
        mov byte [rsi], ' '
        jmp print

section .data
; Fields with constant values: encoding, value
%macro field 2
        dd %1
        dq %2
%endmacro
; A segment register of the guest: number (ES 0, CS 1, SS 2, DS 3, FS 4, GS 5, LDTR 6, TR 7), selector, base,
; limit, access rights (bit 16: unusable)
%macro guest_segment 5
        field 0x0800 + %1 * 2, %2
        field 0x6806 + %1 * 2, %3
        field 0x4800 + %1 * 2, %4
        field 0x4814 + %1 * 2, %5
%endmacro
fields:
        guest_segment 0, DATA, 0, 0xffffffff, 0xc093
        guest_segment 1, CODE, 0, 0xffffffff, 0xa09b
        guest_segment 2, DATA, 0, 0xffffffff, 0xc093
        guest_segment 3, DATA, 0, 0xffffffff, 0xc093
        guest_segment 4, 0, 0, 0, 0x10000
        guest_segment 5, 0, 0, 0, 0x10000
        guest_segment 6, 0, 0, 0, 0x10000
        guest_segment 7, TASK, tss, 0x67, 0x8b
        field 0x6816, gdt               ; GUEST_GDTR_BASE
        field 0x4810, gdt_pointer - gdt - 1
        field 0x6818, 0                 ; GUEST_IDTR_BASE
        field 0x4812, 0
        field 0x681a, 0x400             ; GUEST_DR7
        field 0x6820, 2                 ; GUEST_RFLAGS
        field GUEST_RSP, guest_stack_top
        field GUEST_RIP, guest
        field 0x2800, -1                ; VMCS link pointer
        field 0x2802, 0                 ; GUEST_IA32_DEBUGCTL
        field 0x482a, 0                 ; GUEST_SYSENTER_CS, _ESP, _EIP
        field 0x6824, 0
        field 0x6826, 0
        field 0x4824, 0                 ; interruptibility state
        field 0x4826, 0                 ; activity state: active
        field 0x6822, 0                 ; pending debug exceptions
        field 0x4004, 0                 ; exception bitmap
        field 0x4006, 0                 ; page-fault error-code mask and match
        field 0x4008, 0
        field 0x400a, 0                 ; CR3-target count
        field 0x400e, 0                 ; VM-exit MSR-store and -load counts
        field 0x4010, 0
        field 0x4014, 0                 ; VM-entry MSR-load count
        field 0x4016, 0                 ; VM-entry interruption information
        field 0x6000, 0                 ; CR0 and CR4 guest/host masks: the guest owns every bit
        field 0x6002, 0
        field 0x0c00, DATA              ; HOST_ES, CS, SS, DS, FS, GS, TR
        field 0x0c02, CODE
        field 0x0c04, DATA
        field 0x0c06, DATA
        field 0x0c08, 0
        field 0x0c0a, 0
        field 0x0c0c, TASK
        field 0x6c06, 0                 ; HOST_FS_BASE, GS_BASE, TR_BASE, GDTR_BASE, IDTR_BASE
        field 0x6c08, 0
        field 0x6c0a, tss
        field 0x6c0c, gdt
        field 0x6c0e, 0
        field 0x4c00, 0                 ; HOST_SYSENTER_CS, _ESP, _EIP
        field 0x6c10, 0
        field 0x6c12, 0
        field 0x6c14, stack_top         ; HOST_RSP
        field 0x6c16, exit              ; HOST_RIP
fields_end:

align 8
vmxon_address:  dq vmxon_region
vmcs_address:   dq vmcs

; Exit reasons (SDM volume 3D, "VMX Basic Exit Reasons")
struc HANDLER
  .handler: resq 1
  .reason:  resd 1
  .name:    resb 20
endstruc
%macro handler 3
%%start:
        dq %2
        dd %1
        db ": ", %3, 0
        times HANDLER_size - ($ - %%start) db 0
%endmacro
handlers:
        handler 10, exit_cpuid, "CPUID"
        handler 12, exit_hlt, "HLT"
        handler 18, exit_vmcall, "VMCALL"
        handler 30, exit_io, "I/O"
        handler 31, exit_rdmsr, "RDMSR"
        handler -1, exit_unexpected, "unexpected"

gdt:    dq 0
        dq 0x00af9b000000ffff           ; code, 64-bit
        dq 0x00cf93000000ffff           ; data
gdt_pointer:
        dw $ - gdt - 1
        dd gdt

section .rodata
text_no_vmx:     db "This processor has no VT-x.", 13, 10, 0
text_disabled:   db "VT-x is disabled by the firmware.", 13, 10, 0
text_vmxon:      db "VMXON failed.", 13, 10, 0
text_vmcs:       db "The VMCS could not be loaded.", 13, 10, 0
text_launch:     db "VM entry failed: VM-instruction error", 0
text_root:       db "In VMX root operation.", 13, 10, 0
text_exit:       db "exit", 0
text_end:        db 13, 10, "The guest is done.", 13, 10, 0
text_unexpected: db " (exit qualification)", 13, 10, 0
text_newline:    db 13, 10, 0
hexadecimal:     db "0123456789abcdef"

section .bss
alignb 4096
pml4:           resb 4096
pdpt:           resb 4096
pd:             resb 4096
vmxon_region:   resb 4096
vmcs:           resb 4096
                resb 4096
stack_top:
                resb 4096
guest_stack_top:
tss:            resb 104                ; the guest needs one; it is never used
digits:         resb 24
digits_end:
                resb 1                  ; stays 0
