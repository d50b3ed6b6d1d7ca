; Hello from a boot sector: 512 bytes that a PC's firmware loads at 7C00h and enters in real mode.
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
