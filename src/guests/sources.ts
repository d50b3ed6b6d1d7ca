// Made by scripts/embed-guests.mjs from the files in src/guests/asm: change those, then run it.

/** Assembly sources and headers by file name. */
export const FILES: Readonly<Record<string, string>> = {
  'boot-sector.asm': `; Hello from a boot sector: 512 bytes that a PC's firmware loads at 7C00h and enters in real mode.
; Prints on the first serial port and ends the simulation; on a machine without the debug exit port it
; halts.

COM1         equ 0x3f8
LINE_CONTROL equ 3
EIGHT_BITS   equ 3
LINE_STATUS  equ 5
CAN_WRITE    equ 1 << 5
DEBUG_EXIT   equ 0xf4

bits 16
org 0x7c00

start:
        cli
        cld
        xor ax, ax                      ; segment 0: offsets are addresses
        mov ds, ax
        mov ss, ax
        mov sp, start                   ; the stack grows down from the code
        mov dx, COM1 + LINE_CONTROL
        mov al, EIGHT_BITS
        out dx, al
        mov si, text
.next:  lodsb
        test al, al
        jz .done
        call put
        jmp .next
.done:  out DEBUG_EXIT, al              ; AL = 0
.stop:  hlt
        jmp .stop

; AL = character
put:
        push ax
        mov dx, COM1 + LINE_STATUS
.wait:  in al, dx
        test al, CAN_WRITE
        jz .wait
        pop ax
        mov dx, COM1
        out dx, al
        ret

text:   db "Hello from real mode.", 13, 10, 0

        times 510 - ($ - $$) db 0
        dw 0xaa55                       ; marks a boot sector
`,
  'headers/com1.inc': `; Text on the first serial port, and the end of a run, for 64-bit code. The macros change no register; print
; changes flags.
;   print "text", 13, 10      print_char al      print_hex rax      end_run 0
%ifndef COM1_INC
%define COM1_INC
%include "ports.inc"

%macro print 1+                         ; strings and bytes, as behind db
        push rsi
        lea rsi, [rel %%text]
        call com1_text
        pop rsi
[section .rodata]
%%text: db %1, 0
__SECT__
%endmacro

%macro print_char 1                     ; an 8-bit register
        push rax
        mov al, %1
        call com1_char
        pop rax
%endmacro

%macro print_hex 1                      ; a 64-bit register
        push rax
        mov rax, %1
        call com1_hex
        pop rax
%endmacro

%macro end_run 1                        ; the value that ringlab and QEMU make their exit status of
%%stop: mov al, %1
        out PORT_DEBUG_EXIT, al
        cli
        hlt
        jmp %%stop
%endmacro

%assign com1_bits __BITS__
[bits 64]
[section .text.com1]
; Prints the zero-terminated text at RSI.
com1_text:
        push rax
        push rsi
.next:  mov al, [rsi]
        inc rsi
        test al, al
        jz .end
        call com1_char
        jmp .next
.end:   pop rsi
        pop rax
        ret

; Prints RAX in hexadecimal, without leading zeros.
com1_hex:
        push rax
        push rcx
        mov ecx, 60                     ; the highest digit of the number
.skip:  push rax
        shr rax, cl
        pop rax
        jnz .digit
        sub cl, 4
        jnz .skip
.digit: push rax
        shr rax, cl
        and al, 15
        add al, '0'
        cmp al, '9'
        jbe .print
        add al, 'a' - '9' - 1
.print: call com1_char
        pop rax
        sub cl, 4
        jns .digit
        pop rcx
        pop rax
        ret

; Prints AL.
com1_char:
        push rax
        push rdx
        mov ah, al
        mov edx, PORT_COM1 + 5          ; line status
.wait:  in al, dx
        test al, 1 << 5                 ; the transmitter takes a byte
        jz .wait
        mov al, ah
        mov edx, PORT_COM1
        out dx, al
        pop rdx
        pop rax
        ret
__SECT__
[bits com1_bits]

%endif
`,
  'headers/vt-x.inc': `; VT-x for 64-bit code that runs with memory mapped one to one: the steps that every hypervisor takes, as
; macros. SDM volume 3C, "Virtual-Machine Monitor Programming Considerations". They change RAX, RCX and RDX
; unless they say otherwise. Regions and tables are whole pages.
%ifndef VT_X_INC
%define VT_X_INC
%include "registers.inc"
%include "msrs.inc"
%include "vmx.inc"
%include "vmcs.inc"

%macro vmset 2                          ; field, value: changes RAX and RDX
        mov rax, %2
        mov edx, %1
        vmwrite rdx, rax
%endmacro

%macro vmget 2                          ; register, field: changes nothing else
        mov %1, %2
        vmread %1, %1
%endmacro

; The processor enters VMX root operation and takes up a VMCS; CF or ZF are set if it does not.
%macro vmx_on 2                         ; region for VMXON, VMCS
        mov ecx, IA32_FEATURE_CONTROL
        rdmsr
        test al, FEATURE_CONTROL_LOCK   ; else the firmware has left the decision to us
        jnz %%locked
        or al, FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMXON_OUTSIDE_SMX
        wrmsr
%%locked:
        mov rax, cr0
        or rax, CR0_NE                  ; VMX operation fixes it to 1
        mov cr0, rax
        mov rax, cr4
        or rax, CR4_VMXE
        mov cr4, rax
        mov ecx, IA32_VMX_BASIC
        rdmsr
        mov [%1], eax                   ; both regions begin with the revision of the VMCS format
        mov [%2], eax
        push %1
        vmxon [rsp]
        pop rax
        push %2
        vmclear [rsp]
        vmptrld [rsp]
        pop rax
%endmacro

; The wanted controls, and those that the processor insists on.
%macro vmx_controls 3                   ; field, its capability MSR, wanted bits
        mov ecx, %2
        rdmsr
        or eax, %3                      ; low half: must be 1
        and eax, edx                    ; high half: may be 1
        mov ecx, %1
        vmwrite rcx, rax
%endmacro

; Guest-physical memory below 1 GiB is host-physical memory at the same place; beyond there is none.
%macro ept_first_gigabyte 1             ; two pages, filled with zeros
        mov rax, %1 + 4096
        or al, 7                        ; readable, writable, executable
        mov [%1], rax                   ; PML4 entry
        mov qword [%1 + 4096], 1 << 7 | 6 << 3 | 7      ; PDPT entry: one page of 1 GiB, write-back
        vmset EPT_POINTER, %1
        or al, 3 << 3 | 6               ; four levels, tables in write-back memory
        vmwrite rdx, rax
%endmacro

; The guest starts in 64-bit mode, in ring 0, with the control registers and page tables of the host.
%macro vm_guest 2                       ; RIP, RSP
%assign vm_segment 0
%rep 8                                  ; ES, CS, SS, DS, FS, GS, LDTR, TR
        vmset GUEST_ES_ACCESS_RIGHTS + 2 * vm_segment, 1 << 16  ; unusable
%assign vm_segment vm_segment + 1
%endrep
        vmset GUEST_CS_SELECTOR, cs
        vmset GUEST_CS_ACCESS_RIGHTS, 0xa09b    ; 64-bit code
        vmset GUEST_CS_LIMIT, 0xffffffff
        vmset GUEST_TR_ACCESS_RIGHTS, 0x8b      ; a busy TSS: VM entry wants one
        vmset GUEST_TR_LIMIT, 0x67
        vmset GUEST_CR0, cr0
        vmset GUEST_CR3, cr3
        vmset GUEST_CR4, cr4
        vmset GUEST_DR7, 0x400
        vmset GUEST_RFLAGS, 2
        vmset VMCS_LINK_POINTER, -1
        vmset GUEST_RIP, %1
        vmset GUEST_RSP, %2
%endmacro

; Each VM exit comes back to the host as it is now, at another RIP and RSP.
%macro vm_host 2                        ; RIP, RSP
        vmset HOST_CS_SELECTOR, cs
        vmset HOST_TR_SELECTOR, 1 << 3  ; never used, but it must not be 0
        vmset HOST_CR0, cr0
        vmset HOST_CR3, cr3
        vmset HOST_CR4, cr4
        vmset HOST_RIP, %1
        vmset HOST_RSP, %2
%endmacro

; The guest goes on behind the instruction that exited. Changes no register.
%macro vm_skip_instruction 0
        push rax
        push rdx
        vmget rax, GUEST_RIP
        vmget rdx, EXIT_INSTRUCTION_LENGTH
        add rax, rdx
        vmset GUEST_RIP, rax
        pop rdx
        pop rax
%endmacro

%endif
`,
  'hypervisor.asm': `; A hypervisor of about 200 lines on VT-x (SDM volume 3C, "Introduction to Virtual Machine Extensions" and
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
`,
  'kernel.asm': `; A small 64-bit kernel.
;
; A boot loader puts it at 1 MiB and enters it in 32-bit protected mode (Multiboot 1). It switches to
; 64-bit mode, sets up descriptor tables, interrupts, a timer and a serial console, and then runs tasks
; in ring 3: each with an address space of its own, entered and left by SYSCALL and SYSRET, preempted by
; the timer, its heap and stack filled in page by page when they are first touched.
;
; On a hypervisor that calls itself "RinglabHV" the same kernel asks by hypercalls (VMCALL) for what it
; otherwise gets from the interrupt controller, the timer chip and the serial port. Type \`hv\` on its
; console to see which way it took and what that cost.
;
; Linear addresses        what                            who may touch it
;   0        .. 1 GiB     RAM, mapped one to one          ring 0 (shared by all address spaces)
;   1 GiB    .. + 2 MiB   the running task                ring 3
;
; Registers in kernel code: functions take RDI, RSI, RDX, return RAX, and keep RBX, RBP, R12 to R15.
; The kernel runs with interrupts disabled; only the idle task and ring 3 have them enabled.

%include "kernel/constants.inc"

org KERNEL_BASE
default rel

section .text                            ; the order of the sections in memory
section .user vstart=USER_BASE align=PAGE_SIZE
section .rodata align=PAGE_SIZE
section .data align=PAGE_SIZE
section .bss align=PAGE_SIZE

section .text
%include "kernel/boot.inc"              ; from the boot loader to 64-bit mode
%include "kernel/descriptors.inc"       ; GDT, TSS, IDT
%include "kernel/interrupts.inc"        ; every way into the kernel, and out of it
%include "kernel/memory.inc"            ; frames, address spaces, page faults
%include "kernel/tasks.inc"             ; tasks and the scheduler
%include "kernel/syscalls.inc"          ; what ring 3 can ask for
%include "kernel/console.inc"           ; text in and out
%include "kernel/devices.inc"           ; 16550, PIC, PIT
%include "kernel/paravirtual.inc"       ; the hypercalls that replace them
%include "kernel/commands.inc"          ; what the console's commands do

section .user
%include "kernel/user.inc"              ; the programs that run in ring 3

section .bss
alignb PAGE_SIZE
kernel_end:                             ; frames from here to the end of RAM are free
`,
  'kernel/boot.inc': `; From the boot loader's 32-bit protected mode to 64-bit mode (SDM volume 3, "IA-32e Mode Operation":
; paging off, PAE on, tables, EFER.LME, paging on, far jump into a 64-bit code segment).

MULTIBOOT_MAGIC  equ 0x1badb002         ; in the header
MULTIBOOT_LOADER equ 0x2badb002         ; in EAX on entry
MULTIBOOT_FLAGS  equ 1 << 1             ; wants to know how much memory there is

bits 32
align 4
        dd MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

global start
start:
        cli
        cld
        mov esp, boot_stack_top
        mov esi, text_no_multiboot
        cmp eax, MULTIBOOT_LOADER
        jne boot_failed
        mov eax, [ebx + 8]              ; KiB of RAM from 1 MiB on
        add eax, 1024
        mov [ram_kib], eax

        mov esi, text_no_long_mode
        mov eax, 0x80000000
        cpuid
        cmp eax, 0x80000001
        jb boot_failed
        mov eax, 0x80000001
        cpuid
        and edx, 1 << 29 | 1 << 20      ; long mode (SYSCALL comes with it), no-execute
        cmp edx, 1 << 29 | 1 << 20
        jne boot_failed

        ; The first GiB one to one in pages of 2 MiB, for ring 0 only.
        mov eax, kernel_pdpt + (PTE_PRESENT | PTE_WRITE | PTE_USER)
        mov [kernel_pml4], eax
        mov eax, kernel_pd + (PTE_PRESENT | PTE_WRITE)
        mov [kernel_pdpt], eax
        mov edi, kernel_pd
        mov eax, PTE_PRESENT | PTE_WRITE | PTE_LARGE | PTE_GLOBAL
        mov ecx, 512
.entry: mov [edi], eax
        add eax, 2 << 20
        add edi, 8
        loop .entry

        mov eax, cr4
        or eax, 1 << 5 | 1 << 7         ; CR4.PAE, CR4.PGE
        mov cr4, eax
        mov eax, kernel_pml4
        mov cr3, eax
        mov ecx, MSR_EFER
        rdmsr
        or eax, EFER_SCE | EFER_LME | EFER_NXE
        wrmsr
        mov eax, cr0
        or eax, 1 << 31 | 1 << 16 | 1   ; CR0.PG, CR0.WP, CR0.PE
        mov cr0, eax
        lgdt [gdt_pointer]
        jmp KERNEL_CODE:long_mode

; Prints the text at ESI on the serial port and stops.
boot_failed:
        mov dx, COM1 + UART_LINE
        mov al, 3                       ; 8 data bits
        out dx, al
        mov dx, COM1 + UART_LINE_STATUS
.wait:  in al, dx
        test al, LSR_CAN_WRITE
        jz .wait
        lodsb
        test al, al
        jz .stop
        mov dx, COM1
        out dx, al
        jmp boot_failed
.stop:  hlt
        jmp .stop

bits 64
long_mode:
        mov eax, KERNEL_DATA
        mov ds, eax
        mov es, eax
        mov ss, eax
        xor eax, eax
        mov fs, eax
        mov gs, eax
        mov esp, boot_stack_top         ; also clears the upper half
        call descriptors_init
        call memory_init
        call paravirtual_detect
        call console_init
        call syscall_init
        mov rdi, text_welcome
        call print
        call print_path
        mov rdi, text_hint
        call print
        call tasks_init
        call timer_init
        jmp resume                      ; into the first task

section .rodata
text_no_multiboot: db "kernel: the boot loader does not speak Multiboot", 13, 10, 0
text_no_long_mode: db "kernel: this processor has no 64-bit mode, or no NX", 13, 10, 0
text_welcome:      db "A small kernel in 64-bit mode, using ", 0
text_hint:         db "Type help and press Enter.", 10, 0

section .bss
alignb PAGE_SIZE
kernel_pml4:    resb PAGE_SIZE
kernel_pdpt:    resb PAGE_SIZE
kernel_pd:      resb PAGE_SIZE
boot_stack:     resb PAGE_SIZE
boot_stack_top:
ram_kib:        resd 1

section .text
`,
  'kernel/commands.inc': `; What the shell's commands do. RDI = argument of the command.

section .rodata
align 8
command_table:
        dq command_ps, command_mem, command_peek, command_fault, command_crash, command_halt, command_hv
        dq command_balloon
COMMANDS equ ($ - command_table) / 8

section .text

; RDI = label, RSI = number: prints both and a line feed.
print_item:
        push rsi
        call print
        pop rdi
        call print_decimal
        mov edi, 10
        jmp put

command_ps:
        push rbx
        push r12
        push r13
        mov rdi, text_ps
        call print
        mov rbx, tasks
        xor r12d, r12d
.task:  mov r13, [rbx + TASK.state]
        test r13, r13
        jz .next
        mov rdi, r12
        mov esi, 10
        mov edx, 2
        call print_number
        mov rdi, state_names
        lea rdi, [rdi + r13 * 8]
        call print
%macro column 2
        mov rdi, [rbx + TASK.%1]
        mov esi, 10
        mov edx, %2
        call print_number
%endmacro
        column ticks, 9
        column calls, 9
        column faults, 7
        column progress, 10
        mov edi, ' '
        call put
        mov rdi, [rbx + TASK.name]
        call print
        mov edi, 10
        call put
.next:  add rbx, TASK_size
        inc r12d
        cmp r12d, TASKS
        jb .task
        pop r13
        pop r12
        pop rbx
        ret

command_mem:
        mov rdi, text_ram
        mov esi, [ram_kib]
        call print_item
        mov rdi, text_free
        mov rsi, [free_frames]
        call print_item
        mov rdi, text_cr3
        call print
        mov rdi, cr3
        call print_hex
        mov edi, 10
        jmp put

; Shows 16 bytes of RAM. RDI = physical address.
command_peek:
        push rbx
        push r12
        mov rbx, rdi
        mov r12d, 16
        lea rax, [rdi + 16]
        cmp rax, [last_frame]
        ja .outside
        call print_hex
        mov edi, ':'
        call put
.byte:  movzx edi, byte [rbx]
        mov esi, 16
        mov edx, 3
        call print_number
        inc rbx
        dec r12d
        jnz .byte
        mov edi, 10
        call put
        jmp .end
.outside:
        mov rdi, text_outside
        call print
.end:   pop r12
        pop rbx
        ret

; Starts a task that does what ring 3 may not do.
command_fault:
        mov rdi, name_fault
        mov rsi, user_fault
        jmp task_create

; No IDT: INT3 cannot be delivered, nor the fault of that, nor the double fault. The processor shuts
; down, and a PC resets.
command_crash:
        mov rdi, text_crash
        call print
        call console_flush
        lidt [no_idt]
        int3

command_halt:
        mov rdi, text_halt
        call print
        call console_flush
halt:
        xor eax, eax
        out DEBUG_EXIT, al
        cli
.stop:  hlt
        jmp .stop

print_path:
        mov rdi, text_devices
        mov rax, text_hypercalls
        cmp byte [paravirtual], 0
        cmovne rdi, rax
        jmp print

; Lends frames to the hypervisor. RDI = how many.
command_balloon:
        cmp byte [paravirtual], 0
        je .none
        call pv_balloon
        test rax, rax
        js .none
        mov rdi, text_lent
        mov rsi, rax
        jmp print_item
.none:  mov rdi, text_no_balloon
        jmp print

command_hv:
        mov rdi, text_path
        call print
        call print_path
        mov rdi, text_ticks
        mov rsi, [ticks]
        call print_item
        mov rdi, text_ports
        mov rsi, [port_accesses]
        call print_item
        mov rdi, text_vmcalls
        mov rsi, [hypercalls]
        call print_item
        mov rdi, text_batched
        mov rsi, [batched]
        call print_item
        cmp byte [paravirtual], 0
        je .end
        hypercall HC_READ_CLOCK
        mov rdi, text_clock
        mov rsi, rax
        jmp print_item
.end:   ret

section .rodata
state_names:    db "-     ", 0, 0, " ready", 0, 0, " sleep", 0, 0, " input", 0, 0
text_ps:        db "id state     ticks    calls faults  progress name", 10, 0
text_ram:       db "RAM (KiB)         ", 0
text_free:      db "free frames       ", 0
text_cr3:       db "CR3               ", 0
text_lent:      db "frames lent       ", 0
text_no_balloon: db "no hypervisor takes them", 10, 0
text_outside:   db "that is not RAM", 10, 0
text_crash:     db "triple fault", 10, 0
text_halt:      db "halted", 10, 0
text_path:      db "path              ", 0
text_devices:   db "emulated devices (serial port, PIC, PIT).", 10, 0
text_hypercalls: db "hypercalls of RinglabHV.", 10, 0
text_ticks:     db "timer ticks       ", 0
text_ports:     db "port accesses     ", 0
text_vmcalls:   db "hypercalls        ", 0
text_batched:   db "calls in batches  ", 0
text_clock:     db "clock (ns)        ", 0
name_fault:     db "fault", 0
no_idt:         dw 0
                dq 0

section .text
`,
  'kernel/console.inc': `; Text out: collected in a buffer, which \`console_flush\` hands to the device or to the hypervisor.
; Text in: characters wait in a ring until they are edited into a line, with echo and backspace; what is
; typed ahead stays there until a task reads.

OUTPUT_SIZE equ 256
LINE_SIZE   equ 80
RING_SIZE   equ 256                     ; so that a byte counts around it

section .bss
alignb 8
output_length:  resq 1
line_length:    resq 1
line_ready:     resb 1                  ; Enter was pressed
reading:        resb 1                  ; a task waits for a line
output:         resb OUTPUT_SIZE
line:           resb LINE_SIZE
ring:           resb RING_SIZE
ring_in:        resb 1                  ; where the next character goes
ring_out:       resb 1                  ; the oldest one
digits:         resb 24

section .text

console_init:
        cmp byte [paravirtual], 0
        je device_init
        jmp pv_init

; DIL = character. A line feed becomes carriage return and line feed.
put:
        cmp dil, 10
        jne .one
        mov edi, 13
        call .one
        mov edi, 10
.one:   cmp qword [output_length], OUTPUT_SIZE
        jb .room
        push rdi
        call console_flush
        pop rdi
.room:  mov rax, [output_length]
        mov rcx, output
        mov [rcx + rax], dil
        inc qword [output_length]
        ret

; Hands the collected text over.
console_flush:
        cmp qword [output_length], 0
        je .end
        cmp byte [paravirtual], 0
        je .device
        call pv_write
        jmp .done
.device:
        call device_write
.done:  mov qword [output_length], 0
.end:   ret

; RDI = zero-terminated text
print:
        push rbx
        mov rbx, rdi
.next:  movzx edi, byte [rbx]
        test edi, edi
        jz .end
        call put
        inc rbx
        jmp .next
.end:   pop rbx
        ret

; RDI = number, RSI = base, RDX = least number of characters, filled up with blanks
print_number:
        push rbx
        mov rax, rdi
        mov rdi, rdx
        mov rbx, digits + 23
        mov byte [rbx], 0
.digit: xor edx, edx
        div rsi
        add dl, '0'
        cmp dl, '9'
        jbe .store
        add dl, 'a' - '9' - 1
.store: dec rbx
        mov [rbx], dl
        dec rdi
        test rax, rax
        jnz .digit
.fill:  test rdi, rdi
        jle .print
        dec rbx
        mov byte [rbx], ' '
        dec rdi
        jmp .fill
.print: mov rdi, rbx
        call print
        pop rbx
        ret

print_decimal:
        mov esi, 10
        xor edx, edx
        jmp print_number

print_hex:
        mov esi, 16
        xor edx, edx
        call print_number
        mov edi, 'h'
        jmp put

; DIL = character from outside. When the ring is full it is lost.
receive:
        movzx ecx, byte [ring_in]
        lea eax, [rcx + 1]
        cmp al, [ring_out]
        je .full
        mov rdx, ring
        mov [rdx + rcx], dil
        mov [ring_in], al
.full:  cmp byte [reading], 0
        jne edit
        ret

; Takes characters from the ring as long as there is no finished line.
edit:
        cmp byte [line_ready], 0
        jne .end
        movzx eax, byte [ring_out]
        cmp al, [ring_in]
        je .end
        inc byte [ring_out]
        mov rcx, ring
        movzx edi, byte [rcx + rax]
        call edit_character
        jmp edit
.end:   ret

edit_character:
        mov rcx, line
        mov rax, [line_length]
        cmp edi, 13
        je .enter
        cmp edi, 10
        je .enter
        cmp edi, 127
        je .erase
        cmp edi, 8
        je .erase
        cmp edi, ' '
        jb .end
        cmp rax, LINE_SIZE
        jae .end
        mov [rcx + rax], dil
        inc qword [line_length]
        jmp put
.erase: test rax, rax
        jz .end
        dec qword [line_length]
        mov rdi, text_erase
        jmp print
.enter: mov byte [line_ready], 1
        mov byte [reading], 0
        mov edi, 10
        call put
        mov rax, tasks                  ; wake up who waits for it
        mov ecx, TASKS
.task:  cmp qword [rax + TASK.state], STATE_READING
        jne .next
        mov qword [rax + TASK.state], STATE_READY
        mov byte [reschedule], 1
.next:  add rax, TASK_size
        loop .task
.end:   ret

section .rodata
text_erase:     db 8, " ", 8, 0

section .text
`,
  'kernel/constants.inc': `; Numbers that several parts of the kernel agree on.

KERNEL_BASE       equ 0x100000
PAGE_SIZE         equ 4096

; The region of a task: one page table's worth.
USER_BASE         equ 0x40000000        ; 1 GiB: entry 1 of the page-directory-pointer table
USER_HEAP         equ USER_BASE + 0x100000
USER_STACK        equ USER_BASE + 0x1f0000
USER_END          equ USER_BASE + 0x200000

; Selectors. SYSRET wants user data and user code in this order (SDM volume 2, "SYSRET").
KERNEL_CODE       equ 0x08
KERNEL_DATA       equ 0x10
USER_CODE_32      equ 0x18
USER_DATA         equ 0x20 | 3
USER_CODE         equ 0x28 | 3
TSS_SELECTOR      equ 0x30

; Page-table entry bits
PTE_PRESENT       equ 1 << 0
PTE_WRITE         equ 1 << 1
PTE_USER          equ 1 << 2
PTE_LARGE         equ 1 << 7
PTE_GLOBAL        equ 1 << 8
PTE_SHARED        equ 1 << 9            ; free for software: the frame belongs to the kernel image
PTE_NX_BIT        equ 63
PTE_ADDRESS       equ 0x000ffffffffff000

; Model-specific registers
MSR_EFER          equ 0xc0000080
EFER_SCE          equ 1 << 0            ; SYSCALL
EFER_LME          equ 1 << 8            ; long mode
EFER_NXE          equ 1 << 11           ; no-execute
MSR_STAR          equ 0xc0000081
MSR_LSTAR         equ 0xc0000082
MSR_FMASK         equ 0xc0000084
MSR_KERNEL_GS     equ 0xc0000102

RFLAGS_IF         equ 1 << 9
RFLAGS_FIXED      equ 1 << 1

; Interrupt vectors
VECTOR_PAGE_FAULT equ 14
VECTOR_IRQ        equ 0x20              ; IRQ 0 .. 15 of the PIC
VECTOR_TIMER      equ VECTOR_IRQ + 0
VECTOR_SERIAL     equ VECTOR_IRQ + 4
VECTOR_PV_TIMER   equ 0x40              ; the hypervisor's timer
VECTORS           equ 0x41
VECTOR_SYSCALL    equ 0x100             ; not a real one: marks frames made by SYSCALL

TICKS_PER_SECOND  equ 100
NS_PER_TICK       equ 1000000000 / TICKS_PER_SECOND

; What every entry into the kernel leaves on the task's kernel stack, lowest address first.
struc FRAME
  .r15:     resq 1
  .r14:     resq 1
  .r13:     resq 1
  .r12:     resq 1
  .r11:     resq 1
  .r10:     resq 1
  .r9:      resq 1
  .r8:      resq 1
  .rbp:     resq 1
  .rdi:     resq 1
  .rsi:     resq 1
  .rdx:     resq 1
  .rcx:     resq 1
  .rbx:     resq 1
  .rax:     resq 1
  .vector:  resq 1
  .error:   resq 1                      ; from here on as the processor pushes it
  .rip:     resq 1
  .cs:      resq 1
  .rflags:  resq 1
  .rsp:     resq 1
  .ss:      resq 1
endstruc

struc TASK
  .state:     resq 1
  .frame:     resq 1                    ; its FRAME while it does not run
  .cr3:       resq 1
  .stack:     resq 1                    ; top of its kernel stack
  .name:      resq 1                    ; zero-terminated
  .wake:      resq 1                    ; tick at which a sleeping task goes on
  .ticks:     resq 1                    ; timer ticks that found it running
  .faults:    resq 1                    ; pages filled in on demand
  .calls:     resq 1                    ; system calls
  .progress:  resq 1                    ; a number the task publishes, shown by \`ps\`
endstruc

TASKS             equ 8                 ; task 0 is the idle task
KERNEL_STACK      equ 4096

STATE_FREE        equ 0
STATE_READY       equ 1
STATE_SLEEPING    equ 2
STATE_READING     equ 3                 ; waits for a line from the console

; System calls: RAX number, RDI and RSI arguments; result in RAX. RCX and R11 are lost.
SYS_EXIT          equ 0                 ; (code)
SYS_WRITE         equ 1                 ; (address, length)
SYS_READ          equ 2                 ; (address, length) -> length of the line
SYS_YIELD         equ 3
SYS_SLEEP         equ 4                 ; (ticks)
SYS_PROGRESS      equ 5                 ; (number)
SYS_COMMAND       equ 6                 ; (command, argument), see commands.inc
SYSCALLS          equ 7
`,
  'kernel/descriptors.inc': `; Segment descriptors, the task-state segment and the interrupt descriptor table.

section .data
align 8
gdt:    dq 0
        dq 0x00af9b000000ffff           ; kernel code, 64-bit
        dq 0x00cf93000000ffff           ; kernel data
        dq 0x00cffb000000ffff           ; user code, 32-bit: only SYSRET's arithmetic needs its place
        dq 0x00cff3000000ffff           ; user data
        dq 0x00affb000000ffff           ; user code, 64-bit
gdt_tss:
        dq 0x0000890000000067, 0        ; 64-bit TSS; its base is filled in at run time
gdt_pointer:
        dw $ - gdt - 1
        dd gdt

align 16
tss:    dd 0
.rsp0:  dq 0                            ; the running task's kernel stack
        dq 0, 0, 0
.ist1:  dq double_fault_stack_top       ; a double fault gets a stack that is good for sure
        times 6 dq 0
        dw 0, 0, 0, .end - tss          ; no I/O permission bitmap: ring 3 may touch no port
.end:

idt_pointer:
        dw VECTORS * 16 - 1
        dq idt

section .bss
alignb 16
idt:    resb VECTORS * 16
double_fault_stack: resb 1024
double_fault_stack_top:

section .text

; Loads TR and fills the IDT: gate n leads to stub n.
descriptors_init:
        mov rax, tss
        mov [gdt_tss + 2], ax
        shr rax, 16
        mov [gdt_tss + 4], al
        mov [gdt_tss + 7], ah
        shr rax, 16
        mov [gdt_tss + 8], eax
        mov eax, TSS_SELECTOR
        ltr ax

        mov rdi, idt
        mov rax, interrupt_stubs
        mov ecx, VECTORS
.gate:  mov [rdi], ax                   ; offset 15..0
        mov word [rdi + 2], KERNEL_CODE
        mov word [rdi + 4], 0x8e00      ; present, DPL 0, interrupt gate
        mov rdx, rax
        shr rdx, 16
        mov [rdi + 6], dx               ; offset 31..16
        shr rdx, 16
        mov [rdi + 8], edx              ; offset 63..32
        mov dword [rdi + 12], 0
        add rdi, 16
        add rax, STUB_SIZE
        loop .gate
        mov byte [idt + 8 * 16 + 4], 1  ; double fault: IST 1
        mov byte [idt + 3 * 16 + 5], 0xee ; INT3 may be used by ring 3
        lidt [idt_pointer]
        ret
`,
  'kernel/devices.inc': `; The PC's devices: serial port (16550), interrupt controllers (8259) and interval timer (8254).

COM1             equ 0x3f8
UART_DATA        equ 0
UART_INTERRUPTS  equ 1
UART_FIFO        equ 2
UART_LINE        equ 3
UART_MODEM       equ 4
UART_LINE_STATUS equ 5
LSR_HAS_DATA     equ 1 << 0
LSR_CAN_WRITE    equ 1 << 5
PIC1             equ 0x20
PIC2             equ 0xa0
PIT_CHANNEL_0    equ 0x40
PIT_COMMAND      equ 0x43
PIT_HZ           equ 1193182
DEBUG_EXIT       equ 0xf4               ; ends the simulation, where there is such a port

section .bss
alignb 8
port_accesses:  resq 1                  ; in a virtual machine each of them is a VM exit

section .text

; Writes a byte to a port below 256 or, with DX, any port.
%macro write_port 2
        mov al, %2
        out %1, al
        inc qword [port_accesses]
%endmacro

; Serial port: 115200 baud, 8 bits, no parity, FIFO on, interrupt on reception.
device_init:
        mov rsi, .settings
        mov ecx, (.end - .settings) / 2
.next:  movzx edx, byte [rsi]
        add edx, COM1
        write_port dx, [rsi + 1]
        add rsi, 2
        loop .next
        jmp pic_init
.settings:
        db UART_LINE, 0x80              ; divisor latch
        db UART_DATA, 1, UART_INTERRUPTS, 0
        db UART_LINE, 0x03
        db UART_FIFO, 0x07
        db UART_MODEM, 0x0b             ; DTR, RTS, OUT2 lets interrupts through
        db UART_INTERRUPTS, 0x01
.end:

; Interrupt controllers: IRQ 0 to 15 become vectors 20h to 2Fh; only timer and serial port may interrupt.
pic_init:
        write_port PIC1, 0x11           ; ICW1: edge-triggered, cascaded, ICW4 follows
        write_port PIC2, 0x11
        write_port PIC1 + 1, VECTOR_IRQ ; ICW2
        write_port PIC2 + 1, VECTOR_IRQ + 8
        write_port PIC1 + 1, 1 << 2     ; ICW3: the second one is at IRQ 2
        write_port PIC2 + 1, 2
        write_port PIC1 + 1, 1          ; ICW4: 8086
        write_port PIC2 + 1, 1
        write_port PIC1 + 1, 0xee       ; mask: all but IRQ 0 and IRQ 4
        write_port PIC2 + 1, 0xff
        ret

timer_init:
        cmp byte [paravirtual], 0
        jne pv_timer_init
        write_port PIT_COMMAND, 0x34    ; channel 0, both bytes, rate generator
        write_port PIT_CHANNEL_0, (PIT_HZ / TICKS_PER_SECOND) & 0xff
        write_port PIT_CHANNEL_0, (PIT_HZ / TICKS_PER_SECOND) >> 8
        ret

; Interrupt handlers
device_timer:
        write_port PIC1, 0x20           ; end of interrupt
        jmp tick

device_input:
        write_port PIC1, 0x20
.next:  mov edx, COM1 + UART_LINE_STATUS
        in al, dx
        inc qword [port_accesses]
        test al, LSR_HAS_DATA
        jz .end
        mov edx, COM1
        in al, dx
        inc qword [port_accesses]
        movzx edi, al
        call receive
        jmp .next
.end:   ret

; Sends the collected output byte by byte.
device_write:
        mov rsi, output
        mov rcx, [output_length]
.next:  mov edx, COM1 + UART_LINE_STATUS
.wait:  in al, dx
        inc qword [port_accesses]
        test al, LSR_CAN_WRITE
        jz .wait
        mov edx, COM1
        write_port dx, [rsi]
        inc rsi
        loop .next
        ret
`,
  'kernel/interrupts.inc': `; Every way into the kernel and the one way out of it. Interrupts, exceptions and system calls leave
; the same FRAME on the kernel stack of the task, so that a task can be left by one and another one be
; resumed that had been left by something else.

STUB_SIZE equ 16
%define HAS_ERROR_CODE(v) ((v) == 8 || (v) >= 10 && (v) <= 14 || (v) == 17 || (v) == 21)

align STUB_SIZE
interrupt_stubs:
%assign vector 0
%rep VECTORS
  align STUB_SIZE
  %if !HAS_ERROR_CODE(vector)
        push 0                          ; in place of the error code
  %endif
        push vector
        jmp near interrupt_entry
  %assign vector vector + 1
%endrep

%macro push_registers 0
        push rax
        push rbx
        push rcx
        push rdx
        push rsi
        push rdi
        push rbp
        push r8
        push r9
        push r10
        push r11
        push r12
        push r13
        push r14
        push r15
%endmacro

interrupt_entry:
        push_registers
        cld
        mov rbx, rsp                    ; RBX = FRAME
        mov rbp, [current]
        test byte [rbx + FRAME.cs], 3
        jnz .outermost
        cmp rbp, tasks                  ; the idle task runs in ring 0
        jne fault_in_kernel
.outermost:
        mov [rbp + TASK.frame], rbx
        mov eax, [rbx + FRAME.vector]
        mov rdx, exception
        cmp eax, 32
        jb .go
        mov rdx, spurious
        cmp eax, VECTOR_TIMER
        cmove rdx, [handlers]
        cmp eax, VECTOR_SERIAL
        cmove rdx, [handlers + 8]
        cmp eax, VECTOR_PV_TIMER
        cmove rdx, [handlers + 16]
.go:    call rdx
        jmp resume

; The kernel itself faulted while it worked for a task: it may have touched a page of the task that is
; not there yet. Then the access is repeated; any other fault ends the task or the kernel.
fault_in_kernel:
        cmp dword [rbx + FRAME.vector], VECTOR_PAGE_FAULT
        jne panic
        mov rdi, cr2
        call demand_page
        test rax, rax
        jnz restore                     ; the interrupted kernel code goes on
        mov rax, cr2
        cmp rax, USER_BASE
        jb panic
        cmp rax, USER_END
        jae panic
        call kill
        jmp resume

spurious:
        ret

; Leaves the kernel: to the running task, or to another one when \`reschedule\` says so.
resume:
        cmp byte [reschedule], 0
        je .same
        call schedule
.same:  call console_flush
        mov rax, [current]
        mov rsp, [rax + TASK.frame]
restore:
        pop r15
        pop r14
        pop r13
        pop r12
        pop r11
        pop r10
        pop r9
        pop r8
        pop rbp
        pop rdi
        pop rsi
        pop rdx
        pop rcx
        pop rbx
        pop rax
        cmp dword [rsp], VECTOR_SYSCALL
        lea rsp, [rsp + 16]             ; past vector and error code; leaves the flags alone
        je .sysret
        iretq
.sysret:                                ; RCX and R11 are the caller's loss (SDM volume 2, "SYSCALL")
        mov rcx, [rsp]
        mov r11, [rsp + 16]
        mov rsp, [rsp + 24]
        o64 sysret

; SYSCALL brings RIP in RCX and RFLAGS in R11, but no stack: swapgs finds one.
syscall_entry:
        swapgs
        mov [gs:8], rsp
        mov rsp, [gs:0]
        push USER_DATA
        push qword [gs:8]
        swapgs
        push r11
        push USER_CODE
        push rcx
        push 0
        push VECTOR_SYSCALL
        push_registers
        cld
        mov rbx, rsp
        mov rbp, [current]
        mov [rbp + TASK.frame], rbx
        inc qword [rbp + TASK.calls]
        mov qword [rbx + FRAME.rax], -1 ; unless the call says otherwise
        cmp rax, SYSCALLS
        jae resume
        mov rcx, syscall_table
        call [rcx + rax * 8]
        jmp resume

syscall_init:
        mov ecx, MSR_STAR
        xor eax, eax
        mov edx, (USER_CODE_32 | 3) << 16 | KERNEL_CODE
        wrmsr
        mov ecx, MSR_LSTAR
        mov rax, syscall_entry
        mov rdx, rax
        shr rdx, 32
        wrmsr
        mov ecx, MSR_FMASK
        mov eax, RFLAGS_IF | 1 << 8 | 1 << 10 | 1 << 18 ; clears IF, TF, DF, AC
        xor edx, edx
        wrmsr
        mov ecx, MSR_KERNEL_GS
        mov rax, per_cpu
        mov rdx, rax
        shr rdx, 32
        wrmsr
        ret

; An exception in ring 3, or in the idle task. RBX = FRAME.
exception:
        test byte [rbx + FRAME.cs], 3
        jz panic
        cmp dword [rbx + FRAME.vector], VECTOR_PAGE_FAULT
        jne kill
        mov rdi, cr2
        call demand_page
        test rax, rax
        jz kill
        ret

; Ends the running task because of the exception in the frame at RBX, and says so.
kill:
        mov rdi, text_killed
        call print
        mov rax, [current]
        mov rdi, [rax + TASK.name]
        call print
        call print_exception
        call task_end
        ret

; The kernel cannot go on. RBX = FRAME.
panic:
        mov rdi, text_panic
        call print
        call print_exception
        call console_flush
        jmp halt

; "#14, error 2, at 40000123h"
print_exception:
        mov rdi, text_exception
        call print
        mov rdi, [rbx + FRAME.vector]
        call print_decimal
        mov rdi, text_error
        call print
        mov rdi, [rbx + FRAME.error]
        call print_hex
        mov rdi, text_at
        call print
        mov rdi, [rbx + FRAME.rip]
        call print_hex
        cmp dword [rbx + FRAME.vector], VECTOR_PAGE_FAULT
        jne .end
        mov rdi, text_address
        call print
        mov rdi, cr2
        call print_hex
.end:   mov edi, 10
        jmp put

section .rodata
text_killed:    db "killed: task ", 0
text_panic:     db "kernel panic", 0
text_exception: db ": exception ", 0
text_error:     db ", error code ", 0
text_at:        db ", at ", 0
text_address:   db ", address ", 0

section .data
handlers:       dq device_timer, device_input, pv_timer
per_cpu:        dq 0, 0                 ; kernel stack of the running task; its RSP during SYSCALL

section .text
`,
  'kernel/memory.inc': `; Frames of RAM, address spaces, and pages that come into being when they are touched.

section .bss
alignb 8
next_frame:     resq 1                  ; frames from here to \`last_frame\` were never used
last_frame:     resq 1
free_list:      resq 1                  ; frames given back, linked through their first 8 bytes
free_frames:    resq 1

section .text

memory_init:
        mov eax, [ram_kib]
        shl rax, 10
        and rax, -PAGE_SIZE
        mov ecx, 1 << 30                ; no more than is mapped
        cmp rax, rcx
        cmova rax, rcx
        mov [last_frame], rax
        mov rcx, kernel_end
        mov [next_frame], rcx
        sub rax, rcx
        shr rax, 12
        mov [free_frames], rax
        ret

; -> RAX = a frame filled with zeros, or 0 when RAM is used up.
frame_take:
        mov rax, [free_list]
        test rax, rax
        jz .fresh
        mov rcx, [rax]
        mov [free_list], rcx
        jmp .clear
.fresh: mov rax, [next_frame]
        cmp rax, [last_frame]
        jae .none
        add qword [next_frame], PAGE_SIZE
.clear: dec qword [free_frames]
        mov rdx, rax
        mov rdi, rax
        xor eax, eax
        mov ecx, PAGE_SIZE / 8
        rep stosq
        mov rax, rdx
        ret
.none:  xor eax, eax
        ret

; RDI = frame
frame_give:
        mov rax, [free_list]
        mov [rdi], rax
        mov [free_list], rdi
        inc qword [free_frames]
        ret

; -> RAX = physical address of a new PML4, or 0. Ring 0's part is shared; ring 3's is a page table with
; the programs' pages in it and nothing else.
space_create:
        push rbx
        push r12
        cmp qword [free_frames], 4
        jb .none
        call frame_take
        mov rbx, rax                    ; PML4
        call frame_take
        mov r12, rax                    ; page-directory-pointer table
        or rax, PTE_PRESENT | PTE_WRITE | PTE_USER
        mov [rbx], rax
        mov rax, [kernel_pdpt]
        mov [r12], rax                  ; entry 0: the kernel's GiB
        call frame_take
        or rax, PTE_PRESENT | PTE_WRITE | PTE_USER
        mov [r12 + 8], rax              ; entry 1: the task's page directory
        and rax, -PAGE_SIZE
        mov r12, rax
        call frame_take
        or rax, PTE_PRESENT | PTE_WRITE | PTE_USER
        mov [r12], rax                  ; its only page table
        and rax, -PAGE_SIZE
        mov rdx, user_image + (PTE_PRESENT | PTE_USER | PTE_SHARED)     ; not writable
        mov ecx, USER_PAGES
.page:  mov [rax], rdx
        add rdx, PAGE_SIZE
        add rax, 8
        loop .page
        mov rax, rbx
        jmp .end
.none:  xor eax, eax
.end:   pop r12
        pop rbx
        ret

; RDI = PML4. Follows the tables to the task's page table -> RAX.
page_table_of:
        mov rax, [rdi]                  ; PML4 entry 0
        and rax, -PAGE_SIZE
        mov rax, [rax + 8]              ; page-directory-pointer table entry 1
        and rax, -PAGE_SIZE
        mov rax, [rax]                  ; page directory entry 0
        and rax, -PAGE_SIZE
        ret

; RDI = PML4 of an address space that is not in use any more.
space_destroy:
        push rbx
        push r12
        push r13
        push r14
        mov r13, rdi
        call page_table_of
        mov rbx, rax
        xor r12d, r12d
        mov r14, PTE_ADDRESS
.page:  mov rdi, [rbx + r12 * 8]
        test edi, PTE_PRESENT
        jz .next
        test edi, PTE_SHARED
        jnz .next
        and rdi, r14
        call frame_give
.next:  inc r12d
        cmp r12d, 512
        jb .page
        mov rdi, rbx                    ; page table
        mov rbx, [r13]
        and rbx, -PAGE_SIZE             ; page-directory-pointer table
        mov r12, [rbx + 8]
        and r12, -PAGE_SIZE             ; page directory
        call frame_give
        mov rdi, r12
        call frame_give
        mov rdi, rbx
        call frame_give
        mov rdi, r13
        call frame_give
        pop r14
        pop r13
        pop r12
        pop rbx
        ret

; RDI = address of a page fault. Heap and stack of a task get their pages here, writable and not
; executable. -> RAX = 0 when the page should be there already, or is none of the task's.
demand_page:
        push rbx
        mov rbx, rdi
        mov rax, USER_HEAP
        cmp rbx, rax
        jb .refuse
        mov rax, USER_END
        cmp rbx, rax
        jae .refuse
        mov rdi, cr3
        call page_table_of
        shr rbx, 12
        and ebx, 511
        lea rbx, [rax + rbx * 8]
        test byte [rbx], PTE_PRESENT
        jnz .refuse                     ; present: the access itself was forbidden
        call frame_take
        test rax, rax
        jz .refuse
        or rax, PTE_PRESENT | PTE_WRITE | PTE_USER
        bts rax, PTE_NX_BIT
        mov [rbx], rax
        mov rcx, [current]
        inc qword [rcx + TASK.faults]
        pop rbx
        ret
.refuse:
        xor eax, eax
        pop rbx
        ret
`,
  'kernel/paravirtual.inc': `; The hypervisor's services in place of devices. RAX = number, RDI, RSI, RDX = arguments, result in RAX.
; Addresses are guest-physical, which here are the same as linear ones.

HYPERVISOR_LEAF    equ 0x40000000
HC_CONSOLE_WRITE   equ 1                ; (address, length)
HC_YIELD           equ 2                ; ()
HC_SET_TIMER       equ 3                ; (instant in ns, vector)
HC_READ_CLOCK      equ 4                ; () -> ns since the start
HC_BALLOON         equ 5                ; (list of page numbers, count, 0 give | 1 take back)
HC_MULTICALL       equ 6                ; (entries, count)
HC_CONSOLE_READ    equ 7                ; (address, length) -> bytes
BALLOON_FREE       equ 64               ; frames that the kernel always keeps for itself
BALLOON_PAGES      equ 512              ; as many as one page of numbers holds
INPUT_SIZE         equ 16

struc BATCH                             ; one entry of a multicall
  .number:    resq 1
  .arguments: resq 5
  .result:    resq 1
  .reserved:  resq 1
endstruc

section .data
align 8
; All that a tick needs, in a single exit.
tick_calls:
        dq HC_READ_CLOCK, 0, 0, 0, 0, 0, 0, 0
tick_timer:
        dq HC_SET_TIMER, 0, VECTOR_PV_TIMER, 0, 0, 0, 0, 0
tick_input:
        dq HC_CONSOLE_READ, input, INPUT_SIZE, 0, 0, 0, 0, 0
TICK_CALLS equ 3

section .bss
alignb 8
hypercalls:     resq 1                  ; VMCALLs made
batched:        resq 1                  ; calls that went along in a multicall
ballooned:      resq 1                  ; frames lent to the hypervisor, listed in \`balloon\`
balloon:        resq BALLOON_PAGES
paravirtual:    resb 1                  ; 1: the hypervisor offers hypercalls
input:          resb INPUT_SIZE

section .text

; Leaf 40000000h spells the hypervisor's name in EBX, ECX, EDX. (Without a hypervisor the leaf gives
; the data of some other leaf, which is not this name.)
paravirtual_detect:
        push rbx
        mov eax, HYPERVISOR_LEAF
        cpuid
        cmp ebx, 'Ring'
        jne .end
        cmp ecx, 'labH'
        jne .end
        cmp edx, 'V'
        sete [paravirtual]
.end:   pop rbx
        ret

%macro hypercall 1
        mov eax, %1
        vmcall
        inc qword [hypercalls]
%endmacro

; No device is used; the interrupt controllers keep quiet.
pv_init:
        write_port PIC1 + 1, 0xff
        write_port PIC2 + 1, 0xff
        ret

pv_write:
        mov rdi, output
        mov rsi, [output_length]
        hypercall HC_CONSOLE_WRITE
        ret

pv_yield:
        hypercall HC_YIELD
        ret

pv_timer_init:
        hypercall HC_READ_CLOCK
        add rax, NS_PER_TICK
        mov [tick_timer + BATCH.arguments], rax
        mov rdi, rax
        mov esi, VECTOR_PV_TIMER
        hypercall HC_SET_TIMER
        ret

; The hypervisor's timer fired: ask for the next one and for input at once.
pv_timer:
        mov rax, [tick_timer + BATCH.arguments]
        add rax, NS_PER_TICK
        mov rcx, [tick_calls + BATCH.result]
        add rcx, NS_PER_TICK            ; a machine that did not get to run skips what it missed
        cmp rax, rcx
        cmovb rax, rcx
        mov [tick_timer + BATCH.arguments], rax
        mov rdi, tick_calls
        mov esi, TICK_CALLS
        hypercall HC_MULTICALL
        add qword [batched], TICK_CALLS
        push rbx
        push r12
        mov rbx, input
        mov r12, [tick_input + BATCH.result]
.next:  dec r12
        js .end
        movzx edi, byte [rbx]
        call receive
        inc rbx
        jmp .next
.end:   pop r12
        pop rbx
        jmp tick

; Takes back the frames lent so far, then lends RDI frames to the hypervisor, which can use them for
; others: their contents are gone. -> RAX = frames lent, or a negative error
pv_balloon:
        push rbx
        push r12
        mov r12d, BALLOON_PAGES
        cmp rdi, r12
        cmovb r12, rdi
        mov rdi, balloon
        mov rsi, [ballooned]
        test rsi, rsi
        jz .lend
        mov edx, 1
        hypercall HC_BALLOON
        test rax, rax
        js .end
        call balloon_empty
.lend:  xor ebx, ebx
.take:  cmp rbx, r12
        je .call
        cmp qword [free_frames], BALLOON_FREE
        jbe .call
        call frame_take
        shr rax, 12
        mov rcx, balloon
        mov [rcx + rbx * 8], rax
        inc rbx
        jmp .take
.call:  mov [ballooned], rbx
        mov rax, rbx
        test rbx, rbx
        jz .end
        mov rdi, balloon
        mov rsi, rbx
        xor edx, edx
        hypercall HC_BALLOON
        test rax, rax
        jns .end
        mov r12, rax                    ; refused: keep them
        call balloon_empty
        mov rax, r12
.end:   pop r12
        pop rbx
        ret

; The frames of the list are the kernel's own again.
balloon_empty:
        mov rdx, [ballooned]
        mov rcx, balloon
.frame: mov rdi, [rcx + rdx * 8 - 8]
        shl rdi, 12
        call frame_give                 ; changes RAX only
        dec rdx
        jnz .frame
        mov [ballooned], rdx
        ret
`,
  'kernel/syscalls.inc': `; The system calls. On entry RBX = FRAME of the caller, RBP = its TASK, RDI and RSI its arguments.
; A result goes to the RAX of the frame.

section .rodata
align 8
syscall_table:
        dq sys_exit, sys_write, sys_read, sys_yield, sys_sleep, sys_progress, sys_command

section .text

sys_exit:
        jmp task_end

; RDI = address, RSI = length. Sets CF when that is not memory of the task.
check_buffer:
        cmp rsi, PAGE_SIZE
        ja .bad
        mov rax, USER_BASE
        cmp rdi, rax
        jb .bad
        lea rcx, [rdi + rsi]
        mov rax, USER_END
        cmp rax, rcx                    ; carry when the end is beyond
        ret
.bad:   stc
        ret

sys_write:
        call check_buffer
        jc .end
        mov [rbx + FRAME.rax], rsi
        mov r12, rdi
        mov r13, rsi
.next:  sub r13, 1
        jc .end
        movzx edi, byte [r12]           ; may fault: then demand_page helps, or the task ends
        call put
        inc r12
        jmp .next
.end:   ret

; Takes a finished line, or waits for one: then the call is made again when the task goes on.
sys_read:
        call check_buffer
        jc .end
        call edit                       ; what was typed ahead
        cmp byte [line_ready], 0
        je .wait
        mov rdi, [rbx + FRAME.rdi]
        mov rsi, [rbx + FRAME.rsi]
        mov rcx, [line_length]
        cmp rcx, rsi
        cmova rcx, rsi
        mov [rbx + FRAME.rax], rcx
        mov rsi, line
        rep movsb
        mov byte [line_ready], 0
        mov qword [line_length], 0
.end:   ret
.wait:  mov byte [reading], 1
        mov qword [rbp + TASK.state], STATE_READING
        mov byte [reschedule], 1
        mov qword [rbx + FRAME.rax], SYS_READ
        sub qword [rbx + FRAME.rip], 2  ; back to the SYSCALL instruction
        ret

sys_yield:
        mov qword [rbx + FRAME.rax], 0
        mov byte [reschedule], 1
        cmp byte [paravirtual], 0
        jne pv_yield
        ret

sys_sleep:
        mov qword [rbx + FRAME.rax], 0
        add rdi, [ticks]
        mov [rbp + TASK.wake], rdi
        mov qword [rbp + TASK.state], STATE_SLEEPING
        mov byte [reschedule], 1
        ret

sys_progress:
        mov qword [rbx + FRAME.rax], 0
        mov [rbp + TASK.progress], rdi
        ret

sys_command:
        cmp rdi, COMMANDS
        jae .end
        mov qword [rbx + FRAME.rax], 0
        mov rcx, command_table
        mov rax, [rcx + rdi * 8]
        mov rdi, rsi
        jmp rax
.end:   ret
`,
  'kernel/tasks.inc': `; Tasks and the scheduler: round robin, one tick each.

section .bss
alignb 8
tasks:          resb TASKS * TASK_size  ; task 0 is the idle task
current:        resq 1                  ; the running one
ticks:          resq 1                  ; since boot
reschedule:     resb 1                  ; another task should run
alignb 16
kernel_stacks:  resb TASKS * KERNEL_STACK

section .text

tasks_init:
        mov qword [current], tasks
        mov rdi, name_idle
        mov rsi, idle
        call task_create                ; takes slot 0
        mov rax, kernel_pml4
        mov [tasks + TASK.cr3], rax
        mov rax, [tasks + TASK.frame]   ; the idle task stays in ring 0
        mov qword [rax + FRAME.cs], KERNEL_CODE
        mov qword [rax + FRAME.ss], KERNEL_DATA
        mov rcx, [tasks + TASK.stack]
        mov [rax + FRAME.rsp], rcx
        mov rdi, name_shell
        mov rsi, user_shell
        call task_create
        mov rdi, name_primes
        mov rsi, user_primes
        call task_create
        mov rdi, name_clock
        mov rsi, user_clock
        call task_create
        mov byte [reschedule], 1
        ret

; RDI = name, RSI = entry point in ring 3. -> RAX = task, or 0 when there is no room.
task_create:
        push rbx
        push r12
        push r13
        push r14
        mov r12, rdi
        mov r13, rsi
        mov rbx, tasks
        mov r14, kernel_stacks + KERNEL_STACK
.slot:  cmp qword [rbx + TASK.state], STATE_FREE
        je .found
        add rbx, TASK_size
        add r14, KERNEL_STACK
        cmp rbx, tasks + TASKS * TASK_size
        jb .slot
.none:  xor eax, eax
        jmp .end
.found: mov rdi, rbx
        xor eax, eax
        mov ecx, TASK_size / 8
        rep stosq
        call space_create
        test rax, rax
        jz .none
        mov [rbx + TASK.cr3], rax
        mov [rbx + TASK.name], r12
        mov [rbx + TASK.stack], r14
        lea rdi, [r14 - FRAME_size]     ; as if it had been interrupted before its first instruction
        mov [rbx + TASK.frame], rdi
        mov rdx, rdi
        xor eax, eax
        mov ecx, FRAME_size / 8
        rep stosq
        mov [rdx + FRAME.rip], r13
        mov qword [rdx + FRAME.cs], USER_CODE
        mov qword [rdx + FRAME.rflags], RFLAGS_IF | RFLAGS_FIXED
        mov rax, USER_END
        mov [rdx + FRAME.rsp], rax
        mov qword [rdx + FRAME.ss], USER_DATA
        mov qword [rbx + TASK.state], STATE_READY
        mov rax, rbx
.end:   pop r14
        pop r13
        pop r12
        pop rbx
        ret

; Ends the running task and gives its memory back. Its kernel stack stays in use until the switch.
task_end:
        mov rcx, [current]
        mov qword [rcx + TASK.state], STATE_FREE
        mov byte [reschedule], 1
        mov rdi, [rcx + TASK.cr3]
        mov rax, kernel_pml4
        mov cr3, rax
        jmp space_destroy

; Chooses the next ready task after the running one, or the idle task, and switches stacks and
; address spaces to it.
schedule:
        mov byte [reschedule], 0
        mov rax, [current]
        mov ecx, TASKS
.next:  add rax, TASK_size
        cmp rax, tasks + TASKS * TASK_size
        jb .look
        mov rax, tasks + TASK_size      ; the idle task is not in the circle
.look:  cmp qword [rax + TASK.state], STATE_READY
        je .switch
        loop .next
        mov rax, tasks
.switch:
        mov [current], rax
        mov rcx, [rax + TASK.stack]
        mov [tss.rsp0], rcx             ; for interrupts
        mov [per_cpu], rcx              ; for SYSCALL
        mov rcx, [rax + TASK.cr3]
        mov rdx, cr3
        cmp rcx, rdx
        je .end
        mov cr3, rcx
.end:   ret

; What the timer does, whoever the timer is.
tick:
        inc qword [ticks]
        mov rax, [current]
        inc qword [rax + TASK.ticks]
        mov rdx, [ticks]
        mov rax, tasks
        mov ecx, TASKS
.task:  cmp qword [rax + TASK.state], STATE_SLEEPING
        jne .next
        cmp [rax + TASK.wake], rdx
        ja .next
        mov qword [rax + TASK.state], STATE_READY
.next:  add rax, TASK_size
        loop .task
        mov byte [reschedule], 1
        ret

; Task 0: waits for interrupts.
idle:
        hlt
        jmp idle

section .rodata
name_idle:      db "idle", 0
name_shell:     db "shell", 0
name_primes:    db "primes", 0
name_clock:     db "clock", 0

section .text
`,
  'kernel/user.inc': `; The programs. They run in ring 3, share these pages (which they cannot write to), and have a heap and a
; stack each, empty until touched.

user_image equ section..user.start      ; where the loader put them

%macro system_call 1
        mov eax, %1
        syscall
%endmacro

; RSI = text, RDI = number (decimal), R12 = buffer: appends at R12. Keeps RBX, RBP, R13 to R15.
append_text:
        lodsb
        test al, al
        jz .end
        mov [r12], al
        inc r12
        jmp append_text
.end:   ret

append_number:
        mov rax, rdi
        mov ecx, 10
        xor r8d, r8d
.split: xor edx, edx
        div rcx
        push rdx
        inc r8d
        test rax, rax
        jnz .split
.join:  pop rax
        add al, '0'
        mov [r12], al
        inc r12
        dec r8d
        jnz .join
        ret

; Writes what was appended since USER_HEAP.
write_buffer:
        mov rdi, USER_HEAP
        mov rsi, r12
        sub rsi, rdi
        system_call SYS_WRITE
        ret

; Looks for primes in bursts, by trial division; reports the 1000th, 2000th, 4000th ...
user_primes:
        xor ebx, ebx                    ; primes found
        mov ebp, 1                      ; candidate
        mov r13d, 1000                  ; next report
.burst: mov r14d, 2000
.candidate:
        inc ebp
        mov ecx, 2
.divide:
        mov eax, ecx
        imul eax, ecx
        cmp eax, ebp
        ja .prime
        mov eax, ebp
        xor edx, edx
        div ecx
        test edx, edx
        jz .next
        inc ecx
        jmp .divide
.prime: inc ebx
        mov edi, ebx
        system_call SYS_PROGRESS
        cmp ebx, r13d
        jne .next
        shl r13d, 1
        mov r12, USER_HEAP              ; the first touch brings the page into being
        lea rsi, [text_prime_1]
        call append_text
        mov edi, ebx
        call append_number
        lea rsi, [text_prime_2]
        call append_text
        mov edi, ebp
        call append_number
        lea rsi, [text_prime_3]
        call append_text
        call write_buffer
.next:  dec r14d
        jnz .candidate
        mov edi, 20
        system_call SYS_SLEEP
        jmp .burst

; Counts seconds, and uses another page of its heap every now and then.
user_clock:
        mov rbp, USER_HEAP
        xor ebx, ebx
.second:
        mov edi, TICKS_PER_SECOND
        system_call SYS_SLEEP
        inc ebx
        mov edi, ebx
        system_call SYS_PROGRESS
        system_call SYS_YIELD
        mov eax, ebx
        and eax, 63
        shl eax, 12
        mov [rbp + rax], ebx            ; 64 pages in turn
        jmp .second

; Reads commands and has them carried out.
user_shell:
        lea rdi, [text_prompt]
        mov esi, text_prompt_end - text_prompt
        system_call SYS_WRITE
        mov rdi, USER_HEAP
        mov esi, 64
        system_call SYS_READ
        test rax, rax
        jle user_shell
        mov rdi, USER_HEAP
        mov byte [rdi + rax], 0
        lea rsi, [command_names]
        xor ebx, ebx
.compare:                               ; RSI = name in the table, RDI = what was typed
        mov al, [rsi]
        mov cl, [rdi]
        inc rsi
        inc rdi
        test al, al
        jz .name_ends
        cmp al, cl
        je .compare
.skip:  lodsb                           ; to the end of this name
        test al, al
        jnz .skip
.another:
        inc ebx
        mov rdi, USER_HEAP
        cmp byte [rsi], 0
        jne .compare
        lea rdi, [text_unknown]
        mov esi, text_unknown_end - text_unknown
        system_call SYS_WRITE
        jmp user_shell
.name_ends:
        cmp cl, 0
        je .found
        cmp cl, ' '
        jne .another
.found: test ebx, ebx
        jz .help
        xor esi, esi                    ; a hexadecimal argument
        jmp .blank
.digit: inc rdi
.blank: movzx eax, byte [rdi]
        cmp al, ' '
        je .digit
        or al, 0x20
        sub al, '0'
        cmp al, 10
        jb .take
        sub al, 'a' - '0' - 10
        cmp al, 10
        jb .run
        cmp al, 16
        jae .run
.take:  shl rsi, 4
        movzx eax, al
        or rsi, rax
        jmp .digit
.run:   lea edi, [rbx - 1]
        system_call SYS_COMMAND
        jmp user_shell
.help:  lea rdi, [text_help]
        mov esi, text_help_end - text_help
        system_call SYS_WRITE
        jmp user_shell

; HLT is for ring 0: the processor answers with a general-protection exception.
user_fault:
        hlt
        jmp user_fault

; In the order of command_table, after help.
command_names:  db "help", 0, "ps", 0, "mem", 0, "peek", 0, "fault", 0, "crash", 0, "halt", 0, "hv", 0
                db "balloon", 0, 0
text_prompt:    db "> "
text_prompt_end:
text_unknown:   db "? Type help.", 10
text_unknown_end:
text_help:
        db "ps         tasks: ticks used, system calls, pages filled in, progress", 10
        db "mem        memory", 10
        db "peek A     16 bytes of RAM at the hexadecimal address A", 10
        db "fault      start a task that does what ring 3 may not do", 10
        db "hv         devices or hypercalls, and how often", 10
        db "balloon N  lend N (hexadecimal) frames to the hypervisor, 0 takes them back", 10
        db "crash      triple fault", 10
        db "halt       stop", 10
text_help_end:
text_prime_1:   db "primes: number ", 0
text_prime_2:   db " is ", 0
text_prime_3:   db 10, 0

        align PAGE_SIZE, db 0           ; nothing else shares the last page
USER_PAGES      equ ($ - $$) / PAGE_SIZE
`,
  'long-mode.asm': `; From real mode straight into 64-bit mode, in one boot sector: page tables, CR4.PAE, EFER.LME, then
; CR0.PE and CR0.PG at once, and a far jump into a 64-bit code segment. (SDM volume 3, "IA-32e Mode
; Operation"; that paging and protection may be switched on together saves the way through 32-bit code.)

COM1         equ 0x3f8
LINE_CONTROL equ 3
EIGHT_BITS   equ 3
LINE_STATUS  equ 5
CAN_WRITE    equ 1 << 5
DEBUG_EXIT   equ 0xf4
MSR_EFER     equ 0xc0000080
EFER_LME     equ 1 << 8

; Four tables, one page each; the last level maps 2 MiB.
PML4         equ 0x9000
PDPT         equ 0xa000
PD           equ 0xb000
PRESENT      equ 1
WRITABLE     equ 1 << 1
LARGE        equ 1 << 7

CODE         equ 0x08
DATA         equ 0x10

org 0x7c00

bits 16
start:
        cli
        cld
        xor ax, ax
        mov ds, ax
        mov es, ax
        mov di, PML4
        mov cx, 3 * 4096 / 2
        rep stosw
        mov word [PML4], PDPT | PRESENT | WRITABLE
        mov word [PDPT], PD | PRESENT | WRITABLE
        mov word [PD], LARGE | PRESENT | WRITABLE      ; 0 .. 2 MiB

        mov eax, cr4
        or al, 1 << 5                   ; CR4.PAE
        mov cr4, eax
        mov eax, PML4
        mov cr3, eax
        mov ecx, MSR_EFER
        rdmsr
        or eax, EFER_LME
        wrmsr
        lgdt [gdt_pointer]
        mov eax, cr0
        or eax, 1 << 31 | 1             ; CR0.PG, CR0.PE
        mov cr0, eax
        jmp CODE:long_mode

bits 64
default rel
long_mode:
        mov eax, DATA
        mov ss, eax
        mov esp, start
        mov edx, COM1 + LINE_CONTROL
        mov al, EIGHT_BITS
        out dx, al
        lea rsi, [text]
.next:  lodsb
        test al, al
        jz .done
        call put
        jmp .next
.done:  out DEBUG_EXIT, al
.stop:  hlt
        jmp .stop

; AL = character
put:
        mov bl, al
        mov edx, COM1 + LINE_STATUS
.wait:  in al, dx
        test al, CAN_WRITE
        jz .wait
        mov al, bl
        mov edx, COM1
        out dx, al
        ret

text:   db "Hello from 64-bit mode.", 13, 10, 0

align 8
gdt:    dq 0
        dq 0x00af9b000000ffff           ; code, 64-bit
        dq 0x00cf93000000ffff           ; data
gdt_pointer:
        dw $ - gdt - 1
        dd gdt

        times 510 - ($ - $$) db 0
        dw 0xaa55
`,
  'paravirtual.asm': `; A guest that knows it is one: it asks the hypervisor by hypercalls instead of driving devices.
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

; RAX to the eight digits at \`number\`
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
`,
  'protected-mode.asm': `; From real mode into 32-bit protected mode with paging, in one boot sector: a GDT with flat segments,
; CR0.PE, a far jump; then one page directory that maps the first 4 MiB twice, CR0.PG. The text is read
; through its second address. (SDM volume 3, "Switching to Protected Mode", "32-Bit Paging")

COM1           equ 0x3f8
LINE_CONTROL   equ 3
EIGHT_BITS     equ 3
LINE_STATUS    equ 5
CAN_WRITE      equ 1 << 5
DEBUG_EXIT     equ 0xf4
PAGE_DIRECTORY equ 0x9000
PAGE_FLAGS     equ 1 | 1 << 1 | 1 << 7  ; present, writable, 4 MiB
ALIAS          equ 0xc0000000           ; where the first 4 MiB can be seen again

CODE           equ 0x08                 ; selectors
DATA           equ 0x10

org 0x7c00

bits 16
start:
        cli
        xor ax, ax
        mov ds, ax
        lgdt [gdt_pointer]
        mov eax, cr0
        or al, 1                        ; CR0.PE
        mov cr0, eax
        jmp CODE:protected

bits 32
protected:
        mov eax, DATA
        mov ds, eax
        mov es, eax
        mov ss, eax
        mov esp, start
        cld

        mov edi, PAGE_DIRECTORY
        xor eax, eax
        mov ecx, 1024
        rep stosd
        mov dword [PAGE_DIRECTORY], PAGE_FLAGS
        mov dword [PAGE_DIRECTORY + (ALIAS >> 22) * 4], PAGE_FLAGS
        mov eax, cr4
        or eax, 1 << 4                  ; CR4.PSE
        mov cr4, eax
        mov eax, PAGE_DIRECTORY
        mov cr3, eax
        mov eax, cr0
        or eax, 1 << 31                 ; CR0.PG
        mov cr0, eax

        mov edx, COM1 + LINE_CONTROL
        mov al, EIGHT_BITS
        out dx, al
        mov esi, text + ALIAS
.next:  lodsb
        test al, al
        jz .done
        call put
        jmp .next
.done:  out DEBUG_EXIT, al
.stop:  hlt
        jmp .stop

; AL = character
put:
        mov bl, al
        mov edx, COM1 + LINE_STATUS
.wait:  in al, dx
        test al, CAN_WRITE
        jz .wait
        mov al, bl
        mov edx, COM1
        out dx, al
        ret

text:   db "Hello from protected mode, read at C0000000h and more.", 13, 10, 0

align 8
gdt:    dq 0
        dq 0x00cf9b000000ffff           ; code: base 0, limit 4 GiB, 32-bit, readable
        dq 0x00cf93000000ffff           ; data
gdt_pointer:
        dw $ - gdt - 1
        dd gdt

        times 510 - ($ - $$) db 0
        dw 0xaa55
`,
  'tiny-hypervisor-amd-v.asm': `; The smallest useful hypervisor on AMD-V. It starts in 64-bit mode with memory mapped one to one, describes one
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
`,
  'tiny-hypervisor.asm': `; A hypervisor at a glance: VT-x runs a guest under EPT, and each VM exit comes back to \`exit\`.
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
`,
};
