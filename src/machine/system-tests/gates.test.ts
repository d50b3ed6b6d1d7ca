/** Control transfers between privilege levels. SDM volume 3A, "Gate Descriptors", "Stack Switching". */
import { describe, expect, it } from 'vitest';
import { report } from './run-guest.ts';

describe('call gates', () => {
  it('switch to the stack of the TSS and copy parameters', () => {
    expect(
      report(`
%include "protected.inc"
%macro colon_digits 1
        say ":"
        digits %1
%endmacro
start:  enter_protected
        set_gate FREE, KERNEL_CODE, at(inner), CALL_GATE_32 | RING_3, 3
        set_gate FREE + 8, KERNEL_CODE, at(inner_16), CALL_GATE_16 | RING_3, 2
        set_gate FREE + 0x10, RING_1_CODE & ~3, at(ring_1), CALL_GATE_32 | RING_3, 0
        set_interrupt 0x31, KERNEL_CODE, at(show), INTERRUPT_32 | RING_3
        catch .next
        enter_user .user
.user:  push dword 0x33
        push dword 0x22
        push dword 0x11
        call FREE | 3:0xdeadbeef        ; the offset is ignored
        push esp                        ; RET 12 has taken the parameters from both stacks
        int 0x31
        push word 0x66
        push word 0x55
        o16 call FREE + 8:0
        mov eax, esp
        push eax
        int 0x31
        int OK_VECTOR
.next:  newline
        catch .end
        enter_user .again
.again: call FREE + 0x10:0
        push esp
        int 0x31
        int OK_VECTOR
.end:   newline
        finish

inner:  mov ebp, esp
        say "CS"
        value cs
        say " SS"
        value ss
        say " ESP"
        value ebp
        say ": parameters"
        value [ebp + 8]
        value [ebp + 12]
        value [ebp + 16]
        say ", back to CS"
        value [ebp + 4]
        say ", stack"
        value [ebp + 24]
        colon_digits [ebp + 20]
        newline
        retf 12

inner_16:
        movzx ebp, sp
        say "16-bit, SP"
        value ebp
        say ": parameters"
        movzx eax, word [ebp + 4]
        value eax
        movzx eax, word [ebp + 6]
        value eax
        say ", stack"
        movzx eax, word [ebp + 10]
        value eax
        movzx eax, word [ebp + 8]
        colon_digits eax
        newline
        o16 retf 4

ring_1: pushfd                          ; without IOPL ring 1 cannot report
        mov ax, ss
        movzx eax, ax
        push eax
        push dword cs
        int 0x31
        add esp, 4
        int 0x31
        add esp, 8
        retf

show:   mov eax, [esp + 12]             ; the caller's ESP
        mov eax, [ss:eax]
        say "pushed"
        value eax
        say " at CPL"
        mov eax, [esp + 4]
        and eax, 3
        value eax
        newline
        iretd
`),
    ).toEqual([
      'CS 8 SS 10 ESP 6be4: parameters 11 22 33, back to CS 1b, stack 23:5bf4',
      'pushed 5c00 at CPL 3',
      '16-bit, SP 6bf4: parameters 55 66, stack 23:5bf8',
      'pushed 5bfc at CPL 3',
      ' ok',
      'pushed 41 at CPL 1',
      'pushed 49 at CPL 1',
      'pushed 5c00 at CPL 3',
      ' ok',
    ]);
  });

  it('are checked before anything changes', () => {
    expect(
      report(`
%include "protected.inc"
start:  enter_protected
        set_gate FREE, KERNEL_CODE, at(returns), CALL_GATE_32 | RING_3, 0
        set_gate FREE + 8, KERNEL_CODE, at(returns), CALL_GATE_32, 0
        set_gate FREE + 0x10, KERNEL_CODE, at(returns), (CALL_GATE_32 | RING_3) ^ ABSENT, 0
        set_gate FREE + 0x18, KERNEL_DATA, at(returns), CALL_GATE_32 | RING_3, 0
        set_gate FREE + 0x20, FREE + 0x28, at(returns), CALL_GATE_32 | RING_3, 0
        set_descriptor FREE + 0x28, 0, 0xfffff, CODE_R ^ ABSENT, 12
        set_gate FREE + 0x30, 0, at(returns), CALL_GATE_32 | RING_3, 0
        set_gate FREE + 0x38, KERNEL_CODE, 0xfffffff0, CALL_GATE_32 | RING_3, 0
        set_gate FREE + 0x40, USER_CODE & ~3, at(returns), CALL_GATE_32 | RING_3, 0
        set_gate FREE + 0x48, FREE + 0x50, 0x20000, CALL_GATE_32 | RING_3, 0
        set_descriptor FREE + 0x50, 0, 0xffff, CODE_R, 4

        check "from the same level", {call FREE:0}
        check "by JMP, same level", {call by_jump}
        check_user "DPL below CPL", {call FREE + 8:0}
        check "DPL 0 with RPL 3", {call FREE + 8 | 3:0}
        check_user "by JMP to an inner level", {jmp FREE:0}
        check_user "absent gate", {call FREE + 0x10:0}
        check_user "to data", {call FREE + 0x18:0}
        check_user "to absent code", {call FREE + 0x20:0}
        check_user "to a null selector", {call FREE + 0x30:0}
        check_user "to user code at CPL 3", {call FREE + 0x40:0}
        check "to user code at CPL 0", {call FREE + 0x40:0}
        check_user "to an offset beyond the limit", {call FREE + 0x48:0}
        check_user "directly to kernel code", {call KERNEL_CODE:returns}
        check_user "far jump to kernel code", {jmp KERNEL_CODE:returns}
        check "far jump to user code", {jmp USER_CODE:returns}
        check_user "TSS descriptor busy", {call TASK:0}
        check "LDT selector without LDT", {call 4:0}

        ; The stack of ring 1, so that ring 0 can still report.
        set_gate FREE + 0x58, RING_1_CODE & ~3, at(returns), CALL_GATE_32 | RING_3, 0
        %macro check_stack 2
        mov dword [tss + 16], %2        ; SS1
        check_user %1, {call FREE + 0x58:0}
        %endmacro
        check_stack "good stack", RING_1_DATA
        check_stack "null stack selector", 0
        check_stack "stack with RPL 3", RING_1_DATA | 3
        check_stack "stack with DPL 3", USER_DATA & ~3 | 1
        check_stack "code as stack", RING_1_CODE
        check_stack "stack beyond the GDT", GDT_END | 1
        set_descriptor FREE + 0x60, 0, 0xfffff, (DATA_RW | RING_1) ^ ABSENT, 12
        check_stack "absent stack", FREE + 0x60 | 1
        set_descriptor FREE + 0x60, 0, 0xfffff, DATA_RO | RING_1, 12
        check_stack "read-only stack", FREE + 0x60 | 1
        set_descriptor FREE + 0x60, 0, 0xffff, DATA_RW | RING_1, 4
        mov dword [tss + 12], 0x10004   ; ESP1
        check_stack "stack pointer beyond the limit", FREE + 0x60 | 1
        mov dword [tss + 12], 12
        check_stack "stack with room for three pushes", FREE + 0x60 | 1
        finish
returns:
        retf
by_jump:
        pop eax
        push cs
        push eax
        jmp FREE:0
`),
    ).toEqual([
      'from the same level: ok',
      'by JMP, same level: ok',
      'DPL below CPL: #GP(58)',
      'DPL 0 with RPL 3: #GP(58)',
      'by JMP to an inner level: #GP(8)',
      'absent gate: #NP(60)',
      'to data: #GP(10)',
      'to absent code: #NP(78)',
      'to a null selector: #GP(0)',
      'to user code at CPL 3: ok',
      'to user code at CPL 0: #GP(18)',
      'to an offset beyond the limit: #GP(0)',
      'directly to kernel code: #GP(8)',
      'far jump to kernel code: #GP(8)',
      'far jump to user code: #GP(18)',
      'TSS descriptor busy: #GP(28)',
      'LDT selector without LDT: #GP(4)',
      'good stack: ok',
      'null stack selector: #TS(0)',
      'stack with RPL 3: #TS(48)',
      'stack with DPL 3: #TS(20)',
      'code as stack: #TS(40)',
      'stack beyond the GDT: #TS(200)',
      'absent stack: #SS(b0)',
      'read-only stack: #TS(b0)',
      'stack pointer beyond the limit: #SS(b0)',
      'stack with room for three pushes: #SS(b0)',
    ]);
  });

  it('lead to conforming code at the level of the caller', () => {
    expect(
      report(`
%include "protected.inc"
start:  enter_protected
        set_descriptor FREE, 0, 0xfffff, CONFORMING, 12
        set_gate FREE + 8, FREE, at(conforming), CALL_GATE_32 | RING_3, 0
        set_descriptor FREE + 0x10, 0, 0xfffff, CONFORMING | RING_3, 12
        set_interrupt 0x31, KERNEL_CODE, at(show), INTERRUPT_32 | RING_3
        set_interrupt 0x32, FREE, at(show_and_return), INTERRUPT_32 | RING_3
        check_user "call", {call FREE:conforming}
        check_user "call by a gate", {call FREE + 8:0}
        check_user "call with RPL 0", {call FREE:conforming}
        check "at CPL 0", {call FREE | 3:conforming}
        check "at CPL 0, of level 3", {call FREE + 0x10:conforming}
        check_user "interrupt", int 0x32
        finish
conforming:
        call observe
        retf
show_and_return:
        call observe
        iretd
observe: push dword cs
        int 0x31
        add esp, 4
        ret
show:   mov eax, [esp + 4]
        say " CS"
        value eax
        iretd
`),
    ).toEqual([
      'call: CS 53 ok',
      'call by a gate: CS 53 ok',
      'call with RPL 0: CS 53 ok',
      'at CPL 0: CS 50 ok',
      'at CPL 0, of level 3: #GP(60)',
      'interrupt: CS 53 ok',
    ]);
  });
});

describe('interrupt gates', () => {
  it('enter inner levels, and IRET returns to outer ones', () => {
    expect(
      report(`
%include "protected.inc"
start:  enter_protected
        set_interrupt 0x31, KERNEL_CODE, at(show), INTERRUPT_32 | RING_3
        set_interrupt 0x32, KERNEL_CODE, at(show), TRAP_32 | RING_3
        set_interrupt 0x33, RING_1_CODE & ~3, at(ring_1), INTERRUPT_32 | RING_3
        set_interrupt 0x34, KERNEL_CODE, at(show_16), INTERRUPT_16 | RING_3
        catch .next
        push dword USER_DATA
        push dword USER_STACK
        push dword 0x3202               ; IOPL 3, IF
        push dword USER_CODE
        push dword .user
        iretd
.user:  int 0x31
        int 0x32
        int 0x33
        int 0x34
        mov ecx, 0
        mov es, ecx
        int OK_VECTOR
.next:  newline
        ; Segment registers that the outer level may not use become null.
        catch .end
        mov eax, KERNEL_DATA
        mov fs, eax
        set_descriptor FREE, 0, 0xfffff, CONFORMING, 12
        mov eax, FREE
        mov gs, eax
        enter_user .outer
.outer: mov ebx, fs
        mov ecx, gs
        int OK_VECTOR
.end:   value ebx
        value ecx
        newline
        finish

show:   pushfd
        say "CPL 0 at ESP"
        value esp
        say ", flags"
        pop eax
        and eax, 0x3302
        value eax
        say ", saved"
        mov eax, [esp + 8]
        and eax, 0x3302
        value eax
        value [esp + 4]
        value [esp + 16]
        value [esp + 12]
        newline
        iretd
show_16:
        say "16-bit gate, SP"
        value esp
        movzx eax, word [esp + 2]
        value eax
        movzx eax, word [esp + 8]
        value eax
        movzx eax, word [esp + 6]
        value eax
        newline
        o16 iret
ring_1: pushfd
        pop eax
        and eax, 0x3302
        mov ebx, esp
        int 0x31                        ; from ring 1 to ring 0, and back
        say "ring 1, flags"             ; IOPL is still 3
        value eax
        say ", ESP"
        value ebx
        newline
        iretd
`),
    ).toEqual([
      'CPL 0 at ESP 6be8, flags 3002, saved 3202 1b 23 5c00',
      'CPL 0 at ESP 6be8, flags 3202, saved 3202 1b 23 5c00',
      'CPL 0 at ESP 6be8, flags 3002, saved 3002 41 49 63ec',
      'ring 1, flags 3002, ESP 63ec',
      '16-bit gate, SP 6bf6 1b 23 5c00',
      ' ok',
      ' ok 0 50',
    ]);
  });

  it('are checked', () => {
    expect(
      report(`
%include "protected.inc"
start:  enter_protected
        %macro gate 3
        set_interrupt 0x31, %1, at(handler), %2
        check_user %3, int 0x31
        %endmacro
        gate KERNEL_CODE, INTERRUPT_32, "DPL 0 from CPL 3"
        check "DPL 0 from CPL 0", int 0x31
        gate KERNEL_CODE, (INTERRUPT_32 | RING_3) ^ ABSENT, "absent"
        gate KERNEL_CODE, DATA_RW | RING_3, "not a gate"
        gate KERNEL_CODE, CALL_GATE_32 | RING_3, "a call gate"
        gate KERNEL_DATA, INTERRUPT_32 | RING_3, "to data"
        gate 0, INTERRUPT_32 | RING_3, "to a null selector"
        gate USER_CODE & ~3, INTERRUPT_32 | RING_3, "to user code from CPL 3"
        check "to user code from CPL 0", int 0x31
        gate GDT_END, INTERRUPT_32 | RING_3, "beyond the GDT"
        set_descriptor FREE, 0, 0xfffff, CODE_R ^ ABSENT, 12
        gate FREE, INTERRUPT_32 | RING_3, "to absent code"
        check_user "INT3 through DPL 0", int3
        check_user "ICEBP through DPL 0", {db 0xf1}
        check_user "INTO through DPL 0", {jmp overflow}
        lidt [short]
        check "beyond the IDT", int 0x31
        finish
handler: iretd
overflow:
        mov al, 0x7f
        add al, 1
        into
short:  dw 0x31 * 8 - 1
        dd IDT
`),
    ).toEqual([
      'DPL 0 from CPL 3: #GP(18a)',
      'DPL 0 from CPL 0: ok',
      'absent: #NP(18a)',
      'not a gate: #GP(18a)',
      'a call gate: #GP(18a)',
      'to data: #GP(10)',
      'to a null selector: #GP(0)',
      'to user code from CPL 3: ok',
      'to user code from CPL 0: #GP(18)',
      'beyond the GDT: #GP(200)',
      'to absent code: #NP(50)',
      'INT3 through DPL 0: #GP(1a)',
      'ICEBP through DPL 0: #DB',
      'INTO through DPL 0: #GP(22)',
      'beyond the IDT: #GP(18a)',
    ]);
  });
});

describe('IRET and RETF', () => {
  it('check what they return to', () => {
    expect(
      report(`
%include "protected.inc"
start:  enter_protected
        ; From CPL 0 to a level given by CS, with a stack
        %macro back 3
        push dword %3
        push dword USER_STACK
        push dword 2
        push dword %2
        push dword user_done
        check %1, iretd
        add esp, 20
        push dword %3
        push dword USER_STACK
        push dword %2
        push dword user_done
        check {"  RETF"}, retf
        add esp, 16
        %endmacro
        back "to level 3", USER_CODE, USER_DATA
        back "null CS", 0, USER_DATA
        back "null CS with RPL 3", 3, USER_DATA
        back "DPL 0 with RPL 3", KERNEL_CODE | 3, USER_DATA
        back "data", USER_DATA, USER_DATA
        back "beyond the GDT", GDT_END | 3, USER_DATA
        back "null SS", USER_CODE, 3
        back "SS of level 1", USER_CODE, RING_1_DATA
        back "SS with RPL 0", USER_CODE, USER_DATA & ~3
        back "code in SS", USER_CODE, USER_CODE
        set_descriptor FREE, 0, 0xfffff, (CODE_R | RING_3) ^ ABSENT, 12
        back "absent CS", FREE | 3, USER_DATA
        set_descriptor FREE, 0, 0xfffff, (DATA_RW | RING_3) ^ ABSENT, 12
        back "absent SS", USER_CODE, FREE | 3
        set_descriptor FREE, 0, 0x9fff, CODE_R | RING_3, 4
        back "EIP beyond the limit", FREE | 3, USER_DATA
        ; CPL 3 cannot go inwards.
        check_user "RETF to an inner level", {call retf_inwards}
        check_user "IRET to an inner level", {call iret_inwards}
        finish
        times 0xa000 - 0x8000 - ($ - $$) nop    ; beyond that limit
user_done:
        int OK_VECTOR
retf_inwards:
        push dword KERNEL_CODE
        push dword user_done
        retf
iret_inwards:
        push dword 2
        push dword KERNEL_CODE
        push dword user_done
        iretd
`),
    ).toEqual([
      'to level 3: ok',
      '  RETF: ok',
      'null CS: #GP(0)',
      '  RETF: #GP(0)',
      'null CS with RPL 3: #GP(0)',
      '  RETF: #GP(0)',
      'DPL 0 with RPL 3: #GP(8)',
      '  RETF: #GP(8)',
      'data: #GP(20)',
      '  RETF: #GP(20)',
      'beyond the GDT: #GP(200)',
      '  RETF: #GP(200)',
      'null SS: #GP(0)',
      '  RETF: #GP(0)',
      'SS of level 1: #GP(48)',
      '  RETF: #GP(48)',
      'SS with RPL 0: #GP(20)',
      '  RETF: #GP(20)',
      'code in SS: #GP(18)',
      '  RETF: #GP(18)',
      'absent CS: #NP(50)',
      '  RETF: #NP(50)',
      'absent SS: #SS(50)',
      '  RETF: #SS(50)',
      'EIP beyond the limit: #GP(0)',
      '  RETF: #GP(0)',
      'RETF to an inner level: #GP(8)',
      'IRET to an inner level: #GP(8)',
    ]);
  });
});
