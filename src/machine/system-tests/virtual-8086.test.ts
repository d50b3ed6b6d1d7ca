/** Virtual-8086 mode under a small monitor. SDM volume 3A, "8086 Emulation". */
import { describe, expect, it } from 'vitest';
import { report } from './run-guest.ts';

/** `enter_v86 label, eflags`: to virtual-8086 mode with all segments 0 (16-bit code at the label). */
const MACROS = `
%macro enter_v86 2
        push dword 0                    ; GS FS DS ES SS
        push dword 0
        push dword 0
        push dword 0
        push dword 0
        push dword USER_STACK
        push dword 1 << 17 | %2
        push dword 0
        push dword %1
        iretd
%endmacro

; An instruction in virtual-8086 mode with IOPL 0 and with IOPL 3. BOUND comes after it: #BR means that
; it was executed.
%macro check_v86 2+
        say %1, ":"
%assign privilege 0
%rep 2
        catch %%after%[privilege]
        enter_v86 %%v86%[privilege], privilege << 12 | 2
bits 16
%%v86%[privilege]:
        %2
        bound ax, [no_bounds]
bits 32
%%after%[privilege]:
%assign privilege privilege + 3
%endrep
        newline
%endmacro
no_bounds: dw 1, 0
`;

describe('virtual-8086 mode', () => {
  it('lets IOPL guard the sensitive instructions', () => {
    expect(
      report(`
%include "protected.inc"
${MACROS}
start:  enter_protected
        set_interrupt 0x31, KERNEL_CODE, at(return), INTERRUPT_32 | RING_3
        check_v86 "CLI", cli
        check_v86 "STI", sti
        check_v86 "PUSHF", pushf
        check_v86 "POPF", {call pop_flags}
        check_v86 "IRET", {call iret_here}
        check_v86 "INT n, DPL 3", int 0x31
        check_v86 "INT n, DPL 0", int 0x32
        check_v86 "INT3, DPL 0", int3
        check_v86 "IN", {in al, 0x80}
        check_v86 "HLT", hlt
        check_v86 "MOV from CR0", {mov eax, cr0}
        check_v86 "LGDT", {lgdt [0]}
        check_v86 "LMSW", {lmsw ax}
        check_v86 "SMSW", {smsw ax}
        check_v86 "SGDT", {sgdt [0x600]}
        check_v86 "CLTS", clts
        check_v86 "RDMSR", rdmsr
        check_v86 "LAR", {lar ax, ax}
        check_v86 "VERR", {verr ax}
        check_v86 "SLDT", {sldt ax}
        check_v86 "STR", {str ax}
        check_v86 "LTR", {ltr ax}
        check_v86 "ARPL", {arpl ax, ax}
        check_v86 "LOCK NOP", {db 0xf0, 0x90}
        finish
return: iretd
bits 16
pop_flags:
        push word 2
        popf
        ret
iret_here:
        pop ax
        pushf
        push word 0
        push ax
        iret
`),
    ).toEqual([
      'CLI: #GP(0) #BR',
      'STI: #GP(0) #BR',
      'PUSHF: #GP(0) #BR',
      'POPF: #GP(0) #BR',
      'IRET: #GP(0) #BR',
      // INT with IOPL below 3 goes to the monitor as #GP, with IOPL 3 through the gate.
      'INT n, DPL 3: #GP(0) #BR',
      'INT n, DPL 0: #GP(0) #GP(192)',
      'INT3, DPL 0: #GP(1a) #GP(1a)',
      // Ports are a matter of the I/O permission bitmap, which this TSS does not have.
      'IN: #GP(0) #GP(0)',
      'HLT: #GP(0) #GP(0)',
      'MOV from CR0: #GP(0) #GP(0)',
      'LGDT: #GP(0) #GP(0)',
      'LMSW: #GP(0) #GP(0)',
      'SMSW: #BR #BR',
      'SGDT: #BR #BR',
      'CLTS: #GP(0) #GP(0)',
      'RDMSR: #GP(0) #GP(0)',
      'LAR: #UD #UD',
      'VERR: #UD #UD',
      'SLDT: #UD #UD',
      'STR: #UD #UD',
      'LTR: #UD #UD',
      'ARPL: #UD #UD',
      'LOCK NOP: #UD #UD',
    ]);
  });

  it('has a monitor that reflects an interrupt to the 8086 program', () => {
    expect(
      report(`
%include "protected.inc"
${MACROS}
start:  mov word [0x21 * 4], service - 0x100    ; the interrupt vector table is the program's
        mov word [0x21 * 4 + 2], 0x10
        enter_protected
        set_interrupt 13, KERNEL_CODE, at(monitor), INTERRUPT_32
        mov dword [ss:resume], end
        mov [ss:resume_esp], esp
        enter_v86 v86, 2
end:    newline
        finish

; Stack at entry: error code, EIP, CS, EFLAGS, ESP, SS, ES, DS, FS, GS
monitor:
        add esp, 4
        pushad
        mov eax, USER_DATA
        mov ds, eax
        mov ebp, esp
        add ebp, 32
        movzx ebx, word [ebp + 4]       ; CS
        shl ebx, 4
        add ebx, [ebp]
        cmp byte [ebx], 0xcd
        je .int
        cmp byte [ebx], 0xcf
        je .iret
        say "monitor: opcode"
        movzx eax, byte [ebx]
        value eax
        say ", segments"
        value [ebp + 4]
        value [ebp + 16]
        value [ebp + 20]
        value [ebp + 24]
        value [ebp + 28]
        value [ebp + 32]
        say ", now"
        mov eax, es
        value eax
        mov eax, fs
        value eax
        mov eax, gs
        value eax
        newline
        jmp succeed
.int:   movzx ecx, byte [ebx + 1]
        sub word [ebp + 12], 6          ; FLAGS, CS, IP on the program's stack
        movzx edx, word [ebp + 16]
        shl edx, 4
        add edx, [ebp + 12]
        mov ax, [ebp + 8]
        mov [edx + 4], ax
        mov ax, [ebp + 4]
        mov [edx + 2], ax
        mov ax, [ebp]
        add ax, 2
        mov [edx], ax
        movzx eax, word [ecx * 4]
        mov [ebp], eax
        movzx eax, word [ecx * 4 + 2]
        mov [ebp + 4], eax
        jmp .done
.iret:  movzx edx, word [ebp + 16]
        shl edx, 4
        add edx, [ebp + 12]
        movzx eax, word [edx]
        mov [ebp], eax
        movzx eax, word [edx + 2]
        mov [ebp + 4], eax
        add word [ebp + 12], 6
.done:  popad
        iretd

bits 16
v86:    mov ax, 0x20
        mov es, ax
        mov ax, 0x30
        mov fs, ax
        mov ax, 0x40
        mov gs, ax
        mov ax, 0x50
        mov ds, ax
        xor cx, cx
        int 0x21
        jcxz .bad
        mov ax, [0x10]                  ; segment 50h: 510h
        hlt
.bad:   ud2
service:
        mov cx, 1
        iret
`),
    ).toEqual(['monitor: opcode f4, segments 0 0 20 50 30 40, now 0 0 0', ' ok']);
  });

  it('is left by faults with all segments saved, and limits are 64 KiB', () => {
    expect(
      report(`
%include "protected.inc"
${MACROS}
start:  enter_protected
        check_v86 "word at FFFFh", {mov ax, [0xffff]}
        check_v86 "32-bit offset", {call far_offset}
        check_v86 "stack", {mov ax, [ss:0xffff]}
        check_v86 "UD2", ud2
        say "VM saved"
        mov eax, [last_eflags]
        and eax, 1 << 17
        value eax
        newline
        finish
bits 16
far_offset:
        mov ebx, 0x10000
        mov al, [ebx]
        ret
`),
    ).toEqual([
      'word at FFFFh: #GP(0) #GP(0)',
      '32-bit offset: #GP(0) #GP(0)',
      'stack: #SS(0) #SS(0)',
      'UD2: #UD #UD',
      'VM saved 20000',
    ]);
  });
});
