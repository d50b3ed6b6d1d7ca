; From real mode into 32-bit protected mode with paging, in one boot sector: a GDT with flat segments,
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
