/** Debug exceptions: single step, breakpoints, RF, INT3, ICEBP. SDM volume 3B, "Debug, Branch Profile, TSC ...". */
import { describe, expect, it } from 'vitest';
import { report } from './run-guest.ts';

/** A #DB handler that reports where, why and with which flags, and goes on. */
const MACROS = `
%include "long.inc"
%macro enter_debug 0
        enter_long
        set_interrupt 1, KERNEL_CODE, at(on_debug), INTERRUPT_64, 0
%endmacro
%macro step_on 0
        pushfq
        or qword [rsp], 0x100
        popfq
%endmacro
%macro step_off 0
        pushfq
        and qword [rsp], ~0x100
        popfq
%endmacro
bits 64
; RIP relative to here, DR6, RF, TF
on_debug:
        push rax
        push rdx
        say "+"
        mov rax, [rsp + 16]
        mov edx, [here]
        sub rax, rdx
        digits rax
        mov rax, dr6
        and eax, 0xe00f
        value rax
        mov rax, [rsp + 32]
        shr eax, 16
        and eax, 1
        value rax
        mov eax, 0xffff0ff0
        mov dr6, rax
        say "; "
        mov al, [after]
        test al, al
        jz .end
        ; "after" says what to do: 1 ends stepping, 2 sets RF
        cmp al, 2
        je .resume
        and qword [rsp + 32], ~0x100
        jmp .end
.resume: bts qword [rsp + 32], 16
.end:   pop rdx
        pop rax
        iretq
here:   dq 0
after:  db 0
bits 16
`;

describe('single step', () => {
  it('traps after each instruction that began with TF set', () => {
    expect(
      report(`${MACROS}
start:  enter_debug
        mov qword [here], .here
        step_on
.here:  nop
        mov eax, 1
        cpuid
        mov ax, ss
        mov ss, ax                      ; no trap between this and the next instruction
        nop
        step_off
        newline
        ; A REP string instruction traps after every repetition.
        mov qword [here], .string
        mov edi, 0x60000
        mov esi, 0x61000
        mov ecx, 3
        step_on
.string: rep movsb
        step_off
        newline
        ; INT n clears TF: the trap comes after the instruction behind it.
        set_interrupt 0x31, KERNEL_CODE, at(returns), INTERRUPT_64, 0
        mov qword [here], .interrupt
        step_on
.interrupt: int 0x31
        nop
        step_off
        newline
        ; A fault is taken without a trap for the instruction.
        mov qword [here], .fault
        catch .after
        step_on
.fault: ud2
.after: newline
        finish
returns: iretq
`),
    ).toEqual([
      '+1 4000 0; +6 4000 0; +8 4000 0; +b 4000 0; +e 4000 0; +f 4000 0; +17 4000 0; +18 4000 0; ',
      '+0 4000 0; +0 4000 0; +2 4000 0; +3 4000 0; +b 4000 0; +c 4000 0; ',
      '+3 4000 0; +4 4000 0; +c 4000 0; +d 4000 0; ',
      ' #UD',
    ]);
  });
});

describe('breakpoints', () => {
  it('of instructions fault before execution, unless RF is set', () => {
    expect(
      report(`${MACROS}
start:  enter_debug
        mov byte [after], 2
        mov qword [here], .here
        lea rax, [.here]
        mov dr0, rax
        lea rax, [.second]
        mov dr1, rax
        mov eax, 0x00000305             ; local enables 0 and 1, LE, GE
        mov dr7, rax
        xor ebx, ebx
.here:  inc ebx
        nop
.second: inc ebx
        value rbx
        newline
        ; IRET to a breakpoint with RF set does not hit it, without it does
        mov dword [here], .here_2
        lea rax, [.here_2]
        mov dr0, rax
        mov eax, 1
        mov dr7, rax
        push KERNEL_DATA
        push KERNEL_STACK
        push 0x10002
        push KERNEL_CODE
        push .here_2
        iretq
.here_2: nop
        push KERNEL_DATA
        push KERNEL_STACK
        push 2
        push KERNEL_CODE
        push .here_2
        inc byte [.count]
        cmp byte [.count], 2
        je .end
        iretq
.count: db 0
.end:   newline
        xor eax, eax
        mov dr7, rax
        finish
`),
    ).toEqual(['+0 1 0; +3 2 0;  2', '+0 1 0; ']);
  });

  it('of data trap after the access', () => {
    expect(
      report(`${MACROS}
start:  enter_debug
        mov eax, 0x60010
        mov dr0, rax
        mov eax, 0x60020
        mov dr1, rax
        mov eax, 0x60028
        mov dr2, rax
        ; DR0: write, 4 bytes; DR1: read or write, 2 bytes; DR2: write, 8 bytes
        mov eax, 0x09 << 24 | 0x7 << 20 | 0xd << 16 | 0x15
        mov dr7, rax
        mov ebx, 0x60000
        mov qword [here], .here
.here:  mov al, [rbx + 0x10]            ; read: not watched
        mov [rbx + 0x0f], al            ; beside it
        mov [rbx + 0x14], al
        mov [rbx + 0x13], al            ; last byte
        mov [rbx + 0x0d], eax           ; reaches into it
        mov ax, [rbx + 0x21]
        mov al, [rbx + 0x22]
        mov [rbx + 0x2f], al
        inc byte [rbx + 0x20]
        push qword [rbx + 0x20]
        pop rcx
        lea rdi, [rbx + 0x08]
        mov ecx, 12
        rep stosb                       ; traps at each watched byte
        newline
        xor eax, eax
        mov dr7, rax
        mov [rbx + 0x10], al
        finish
`),
    ).toEqual(['+c 1 0; +f 1 0; +13 2 0; +19 4 0; +1c 2 0; +1f 2 0; +29 1 0; +29 1 0; +29 1 0; +2b 1 0; ']);
  });

  it('are guarded by DR7.GD, CR4.DE and the privilege level', () => {
    expect(
      report(`${MACROS}
start:  enter_debug
        check_user "MOV from DR0 at CPL 3", {mov rax, dr0}
        check "DR4 is DR6", {mov rax, dr4}
        mov rax, cr4
        bts rax, 3
        mov cr4, rax
        check "DR4 with CR4.DE", {mov rax, dr4}
        mov rax, 1 << 32
        check "upper half of DR7", {mov dr7, rax}
        check "upper half of DR6", {mov dr6, rax}
        check "upper half of DR0", {mov dr0, rax}
        mov qword [here], .here
        mov eax, 1 << 13
        mov dr7, rax
.here:  mov rcx, dr0                    ; GD: faults; the processor clears GD for the handler
        mov rax, dr7
        value rax
        newline
        check "INT3", int3
        mov qword [here], .icebp
.icebp: db 0xf1                         ; a trap without a bit in DR6
        newline
        ; Both kinds of traps of one instruction are reported together.
        mov eax, 0x60010
        mov dr0, rax
        mov eax, 0xd << 16 | 1
        mov dr7, rax
        mov qword [here], .both
        mov byte [after], 1
        step_on
.both:  mov [abs 0x60010], al
        newline
        finish
`),
    ).toEqual([
      'MOV from DR0 at CPL 3: #GP(0)',
      'DR4 is DR6: ok',
      'DR4 with CR4.DE: #UD',
      'upper half of DR7: #GP(0)',
      'upper half of DR6: #GP(0)',
      'upper half of DR0: ok',
      '+0 2000 1;  400',
      'INT3: #BP',
      '+1 0 0; ',
      '+7 4001 0; ',
    ]);
  });
});
