; From real mode straight into 64-bit mode, in one boot sector: page tables, CR4.PAE, EFER.LME, then
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
