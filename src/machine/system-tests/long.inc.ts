/**
 * `long.inc`: 64-bit mode, with exceptions that are caught and reported as by `protected.inc`.
 *
 *   enter_long               from real mode; the first GiB is mapped one to one for the supervisor, and
 *                            again at USER_ALIAS for the user; TSS loaded, interrupts off
 *   check "text", instr      reports "text: ok", or the exception that the instruction raises at CPL 0
 *   check_user "text", instr the same at CPL 3; the instruction runs at its address + USER_ALIAS
 *   catch label              for longer attempts, see protected.inc
 *   enter_user label         to CPL 3 in 64-bit mode
 *   set_interrupt vector, target selector, target offset, access byte, IST
 *   set_msr number, value
 *
 * Exceptions leave last_rip, last_cs, last_rflags, last_rsp, last_error and last_vector; with the byte
 * `quiet` set they are not reported.
 */
export const LONG_INC = `
KERNEL_CODE    equ 0x08
KERNEL_DATA    equ 0x10
USER_CODE_32   equ 0x18 | 3
USER_DATA      equ 0x20 | 3
USER_CODE      equ 0x28 | 3
USER_DATA_2    equ 0x30 | 3             ; for SYSEXIT
TASK           equ 0x38
KERNEL_CODE_32 equ 0x48
FREE           equ 0x50                 ; this descriptor and all behind it are unused
GDT_END        equ 0x200

IDT            equ 0x1000
USER_STACK     equ 0x5c00
IST_2_STACK    equ 0x6000
IST_1_STACK    equ 0x6400
FAULT_STACK    equ 0x6c00               ; of handlers that are entered from CPL 3
KERNEL_STACK   equ 0x7c00

PML4           equ 0x70000
PDPT           equ 0x71000              ; of the first 512 GiB
PD             equ 0x72000              ; of the first GiB
USER_PD        equ 0x73000              ; of the GiB at USER_ALIAS
USER_ALIAS     equ 0x40000000

OK_VECTOR      equ 0x30                 ; INT 30h from any ring: the attempt has succeeded

INTERRUPT_64   equ 0x8e
TRAP_64        equ 0x8f
RING_3         equ 0x60
ABSENT         equ 0x80

EFER           equ 0xc0000080
STAR           equ 0xc0000081
LSTAR          equ 0xc0000082
CSTAR          equ 0xc0000083
FMASK          equ 0xc0000084
FS_BASE        equ 0xc0000100
GS_BASE        equ 0xc0000101
KERNEL_GS_BASE equ 0xc0000102
SYSENTER_CS    equ 0x174
SYSENTER_ESP   equ 0x175
SYSENTER_EIP   equ 0x176

%macro set_interrupt 5
        mov dword [abs IDT + (%1) * 16], (%2) << 16 | (%3) & 0xffff
        mov dword [abs IDT + (%1) * 16 + 4], (%3) & 0xffff0000 | (%4) << 8 | (%5)
        mov qword [abs IDT + (%1) * 16 + 8], 0
%endmacro

%macro set_msr 2
        push rax
        push rcx
        push rdx
        mov ecx, %1
        mov rax, %2
        mov rdx, rax
        shr rdx, 32
        wrmsr
        pop rdx
        pop rcx
        pop rax
%endmacro

%macro catch 1
        mov qword [abs resume], %1
        mov [abs resume_rsp], rsp
%endmacro

%macro check 2+
        say %1, ":"
        catch %%after
        %2
        say " ok"
%%after:
        newline
%endmacro

%macro check_user 2+
        say %1, ":"
        catch %%after
        enter_user %%user
%%user: %2
        int OK_VECTOR
%%after:
        newline
%endmacro

%macro enter_user 1
        push USER_DATA
        push USER_STACK + USER_ALIAS
        push 2
        push USER_CODE
        push %1 + USER_ALIAS
        iretq
%endmacro

%macro enter_long 0
        cli
        call map_pages
        mov eax, cr4
        or ax, 1 << 9 | 1 << 5          ; OSFXSR, PAE
        mov cr4, eax
        mov eax, PML4
        mov cr3, eax
        mov ecx, EFER
        rdmsr
        or eax, 1 << 11 | 1 << 8 | 1    ; NXE, LME, SCE
        wrmsr
        lgdt [gdt_pointer]
        mov eax, cr0
        or eax, 1 << 31 | 1
        mov cr0, eax
        jmp KERNEL_CODE:%%in
bits 64
%%in:   mov eax, KERNEL_DATA
        mov ss, eax
        mov esp, KERNEL_STACK
        mov eax, USER_DATA
        mov ds, eax
        mov es, eax
        mov fs, eax
        mov gs, eax
        call set_up_idt
        mov eax, TASK
        ltr ax
%endmacro

bits 16
map_pages:
        cld
        mov ax, PML4 >> 4
        mov es, ax
        xor di, di
        xor eax, eax
        mov ecx, 4 * 0x1000 / 4
        rep stosd
        mov dword [es:0], PDPT + 7
        mov dword [es:PDPT - PML4], PD + 3
        mov dword [es:PDPT - PML4 + 8], USER_PD + 7
        mov di, PD - PML4
        mov eax, 0x83
.page:  mov [es:di], eax
        or al, 4
        mov [es:di + USER_PD - PD], eax
        xor al, 4
        add eax, 0x200000
        add di, 8
        cmp di, USER_PD - PML4
        jb .page
        xor ax, ax
        mov es, ax
        ret

bits 64
set_up_idt:
        xor edx, edx                    ; vector
        mov edi, IDT
.next:  mov eax, edx
        shl eax, 4
        add eax, stubs
        mov [rdi], ax
        mov word [rdi + 2], KERNEL_CODE
        mov dword [rdi + 4], INTERRUPT_64 << 8
        mov qword [rdi + 8], 0
        add edi, 16
        inc edx
        cmp edx, 32
        jb .next
        set_interrupt OK_VECTOR, KERNEL_CODE, at(succeed), INTERRUPT_64 | RING_3, 0
        lidt [idt_pointer]
        ret

align 16
stubs:
%assign vector 0
%rep 32
%if vector == 8 || vector >= 10 && vector <= 14 || vector == 17
        nop
        nop
%else
        push 0
%endif
        push vector
        jmp strict near exception
        align 16
%assign vector vector + 1
%endrep

; Stack: vector, error code, RIP, CS, RFLAGS, RSP, SS
exception:
        push rax
        mov rax, [rsp + 8]
        mov [last_vector], al
        mov rax, [rsp + 16]
        mov [last_error], rax
        mov rax, [rsp + 24]
        mov [last_rip], rax
        mov rax, [rsp + 32]
        mov [last_cs], rax
        mov rax, [rsp + 40]
        mov [last_rflags], rax
        mov rax, [rsp + 48]
        mov [last_rsp], rax
        cmp byte [quiet], 0
        jne .quiet
        push rsi
        push rcx
        push rdx
        call report_exception
        pop rdx
        pop rcx
        pop rsi
.quiet: pop rax
        cmp qword [resume], 0
        jne go_on
        say " where none was expected, RIP"
        value [last_rip]
        newline
        mov al, 0x7f
        out DEBUG_EXIT, al
        hlt

succeed:
        mov byte [last_vector], 0xff
        cmp byte [quiet], 0
        jne go_on
        say " ok"
go_on:  mov rsp, [resume_rsp]
        push 2
        popfq
        jmp [resume]

report_exception:
        movzx eax, byte [last_vector]
        lea esi, [eax + eax * 2 + exception_names]
        say " "
        mov ecx, 3
        mov edx, COM1
.name:  lodsb
        out dx, al
        loop .name
        movzx eax, byte [last_vector]
        bt dword [with_error_code], eax
        jnc .end
        say "("
        digits [last_error]
        say ")"
        cmp eax, 14
        jne .end
        say " at"
        mov rax, cr2
        value rax
.end:   ret

with_error_code:
        dd 1 << 8 | 0x1f << 10 | 1 << 17
exception_names:
        db "#DE#DBNMI#BP#OF#BR#UD#NM#DF#09#TS#NP#SS#GP#PF#15#MF#AC#MC#XM#VE#CP"
        times 30 db "?"

align 8
gdt:
        dq 0
        dq 0x00af9a000000ffff
        dq 0x00cf92000000ffff
        dq 0x00cffa000000ffff
        dq 0x00cff2000000ffff
        dq 0x00affa000000ffff
        dq 0x00cff2000000ffff
        dw tss_end - tss - 1, at(tss), 0x8900, 0, 0, 0, 0, 0
        dq 0x00cf9a000000ffff
        times GDT_END - ($ - gdt) db 0
gdt_pointer:
        dw GDT_END - 1
        dq gdt
idt_pointer:
        dw 256 * 16 - 1
        dq IDT

; Task-state segment, 64-bit
align 8
        dd 0
tss:    dd 0
        dq FAULT_STACK, 0, 0, 0
        dq IST_1_STACK, IST_2_STACK, 0, 0, 0, 0, 0, 0
        dw 0, tss_end - tss             ; no I/O permission bitmap
tss_end:

; In lines of their own: a write to a line that holds decoded code costs decoding it again.
align 64
resume:      dq 0
resume_rsp:  dq 0
last_rip:    dq 0
last_cs:     dq 0
last_rflags: dq 0
last_rsp:    dq 0
last_error:  dq 0
last_vector: db 0
quiet:       db 0
align 64
bits 16
`;
