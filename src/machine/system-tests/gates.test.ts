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

        mov dword [tss + 8], 0          ; SS0
        check_user "null SS0", {call FREE:0}
        mov dword [tss + 8], USER_DATA
        check_user "SS0 with RPL 3", {call FREE:0}
        mov dword [tss + 8], USER_DATA & ~3
        check_user "SS0 with DPL 3", {call FREE:0}
        mov dword [tss + 8], KERNEL_CODE
        check_user "code in SS0", {call FREE:0}
        set_descriptor FREE + 0x58, 0, 0xfffff, DATA_RW ^ ABSENT, 12
        mov dword [tss + 8], FREE + 0x58
        check_user "absent SS0", {call FREE:0}
        set_descriptor FREE + 0x58, 0, 0x10f, DATA_RW, 4
        mov dword [tss + 4], 0x114
        check_user "stack with room for one push", {call FREE:0}
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
    ].concat([
      'null SS0: #DF(0)',
    ]));
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
