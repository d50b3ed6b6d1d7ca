/** 64-bit and compatibility mode: interrupts, fast system calls, canonical addresses. SDM volume 3A. */
import { describe, expect, it } from 'vitest';
import { report } from './run-guest.ts';

describe('interrupts in 64-bit mode', () => {
  it('push SS:RSP always, align the stack, and may use the interrupt stack table', () => {
    expect(
      report(`
%include "long.inc"
start:  enter_long
        set_interrupt 0x31, KERNEL_CODE, at(show), INTERRUPT_64 | RING_3, 0
        set_interrupt 0x32, KERNEL_CODE, at(show), INTERRUPT_64 | RING_3, 1
        set_interrupt 0x33, KERNEL_CODE, at(show), TRAP_64 | RING_3, 2
        mov rsp, 0x7bf3
        int 0x31
        int 0x32
        mov rsp, KERNEL_STACK
        push 0x202
        popfq
        int 0x31
        int 0x33
        cli
        catch .end
        enter_user .user
.user:  int 0x31
        int 0x32
        int OK_VECTOR
.end:   newline
        ; Nested on the same IST stack: the inner frame overwrites the outer one.
        set_interrupt 6, KERNEL_CODE, at(nested), INTERRUPT_64, 1
        mov qword [resume], 0
        ud2
        finish
show:   say "RSP"
        value rsp
        say " SS"
        mov eax, ss
        value rax
        pushfq
        pop rax
        and eax, 0x200
        say " IF"
        value rax
        say ", saved"
        value [rsp + 8]
        mov rax, [rsp + 16]
        and eax, 0x200
        value rax
        value [rsp + 24]
        value [rsp + 32]
        newline
        iretq
nested: value rsp
        mov qword [rsp], .inner
        cmp byte [.again], 0
        jne .done
        inc byte [.again]
        ud2
.inner: finish
.done:  value rsp
        newline
        finish
.again: db 0
`),
    ).toEqual([
      'RSP 7bc8 SS 10 IF 0, saved 8 0 7bf3 10',
      'RSP 63d8 SS 10 IF 0, saved 8 0 7bf3 10',
      'RSP 7bd8 SS 10 IF 0, saved 8 200 7c00 10',
      'RSP 5fd8 SS 10 IF 200, saved 8 200 7c00 10',
      'RSP 6bd8 SS 0 IF 0, saved 2b 0 40005c00 23',
      'RSP 63d8 SS 0 IF 0, saved 2b 0 40005c00 23',
      ' ok',
      ' 63d8 63d8 63d8',
    ]);
  });

  it('check gates of 16 bytes', () => {
    expect(
      report(`
%include "long.inc"
start:  enter_long
%macro gate 3
        set_interrupt 0x31, %1, at(returns), %2, 0
        check_user %3, {int 0x31}
%endmacro
        gate KERNEL_CODE, INTERRUPT_64 | RING_3, "good"
        gate KERNEL_CODE, INTERRUPT_64, "DPL 0"
        gate KERNEL_CODE, (INTERRUPT_64 | RING_3) ^ ABSENT, "absent"
        gate KERNEL_CODE_32, INTERRUPT_64 | RING_3, "to 32-bit code"
        gate 0, INTERRUPT_64 | RING_3, "to null"
        gate KERNEL_DATA, INTERRUPT_64 | RING_3, "to data"
        gate KERNEL_CODE, 0x85 | RING_3, "task gate"
        gate KERNEL_CODE, 0x86 | RING_3, "16-bit gate"
        gate KERNEL_CODE, 0x8c | RING_3, "call gate"
        set_interrupt 0x31, KERNEL_CODE, at(returns), INTERRUPT_64 | RING_3, 0
        mov dword [abs IDT + 0x31 * 16 + 8], 0x8000
        check "non-canonical offset", {int 0x31}
        set_interrupt 0x31, KERNEL_CODE, at(returns), INTERRUPT_64 | RING_3, 3
        mov dword [tss + 0x24 + 16 + 4], 0x8000
        check "non-canonical IST entry", {int 0x31}
        finish
returns: iretq
`),
    ).toEqual([
      'good: ok',
      'DPL 0: #GP(18a)',
      'absent: #NP(18a)',
      'to 32-bit code: #GP(48)',
      'to null: #GP(0)',
      'to data: #GP(10)',
      'task gate: #GP(18a)',
      '16-bit gate: #GP(18a)',
      'call gate: #GP(18a)',
      'non-canonical offset: #GP(0)',
      'non-canonical IST entry: #SS(0)',
    ]);
  });
});

describe('fast system calls', () => {
  it('SYSCALL and SYSRET, the latter to 64-bit and compatibility mode', () => {
    expect(
      report(`
%include "long.inc"
start:  enter_long
        set_msr STAR, (0x1b << 48 | KERNEL_CODE << 32)
        set_msr LSTAR, from_64
        set_msr CSTAR, from_64
        set_msr FMASK, 0x4700           ; NT DF IF TF
        catch .next
        push USER_DATA
        push USER_STACK + USER_ALIAS
        push 0x40602                    ; AC DF IF
        push USER_CODE
        push .user + USER_ALIAS
        iretq
.user:  mov eax, 0x1111
        syscall
        pushfq
        pop rax
        mov rcx, ss
        mov rdx, cs
        int OK_VECTOR
.next:  say ": RFLAGS"
        value rax
        value rdx
        value rcx
        newline
        say "SYSRET to compatibility mode:"
        catch .end
        mov rcx, .compat + USER_ALIAS
        mov r11d, 0x202
        mov rsp, USER_STACK + USER_ALIAS
        o32 sysret
bits 32
.compat: mov edx, cs
        mov ecx, ss
        db 0x40                         ; INC EAX, no prefix
        int OK_VECTOR
bits 64
.end:   value rdx
        value rcx
        newline
        say "SYSCALL in compatibility mode:"
        catch .intel
        mov rcx, .again + USER_ALIAS
        o32 sysret
bits 32
.again: syscall
        int OK_VECTOR
bits 64
.intel: newline
        ; Without EFER.SCE
        mov ecx, EFER
        rdmsr
        btr eax, 0
        wrmsr
        check_user "SYSCALL without SCE", syscall
        check "SYSRET without SCE", {o64 sysret}
        bts eax, 0
        xor edx, edx
        mov ecx, EFER
        wrmsr
        check_user "SYSRET at CPL 3", {o64 sysret}
        ; SYSRET to a non-canonical address: #GP at CPL 0
        mov rcx, 1 << 47
        mov r11d, 2
        check "SYSRET to 800000000000h", {o64 sysret}
        mov rax, [last_cs]
        value rax
        newline
        finish
from_64: mov rbx, rsp
        mov rsp, KERNEL_STACK - 0x100
        push rcx
        push r11
        say "from 64 bits: EAX"
        value rax
        pushfq
        pop rax
        say " RFLAGS"
        value rax
        say " R11"
        value r11
        mov eax, cs
        value rax
        mov eax, ss
        value rax
        mov rax, [rsp + 8]
        sub rax, start.user + USER_ALIAS
        say " RCX"
        value rax
        pop r11
        pop rcx
        mov rsp, rbx
        o64 sysret
`),
    ).toEqual([
      'from 64 bits: EAX 1111 RFLAGS 40002 R11 40602 8 10 RCX 7 ok: RFLAGS 40602 2b 23',
      'SYSRET to compatibility mode: ok 1b 23',
      // As Intel processors have it.
      'SYSCALL in compatibility mode: #UD',
      'SYSCALL without SCE: #UD',
      'SYSRET without SCE: #UD',
      'SYSRET at CPL 3: #GP(0)',
      'SYSRET to 800000000000h: #GP(0)',
      ' 8',
    ]);
  });

  it('SYSENTER and SYSEXIT', () => {
    expect(
      report(`
%include "long.inc"
start:  enter_long
        check_user "SYSENTER without a code segment", sysenter
        set_msr SYSENTER_CS, KERNEL_CODE
        set_msr SYSENTER_ESP, KERNEL_STACK - 0x200
        set_msr SYSENTER_EIP, entry
        catch .next
        push USER_DATA
        push USER_STACK + USER_ALIAS
        push 0x202
        push USER_CODE_32
        push .compat + USER_ALIAS
        iretq
bits 32
.compat: mov edx, .back + USER_ALIAS
        mov ecx, USER_STACK + USER_ALIAS
        mov esi, 32
        sysenter
.back:  mov eax, cs
        mov edx, ss
        int OK_VECTOR
bits 64
.next:  value rax
        value rdx
        newline
        catch .end
        enter_user .user
.user:  mov edx, .back_64 + USER_ALIAS
        mov ecx, USER_STACK + USER_ALIAS
        mov esi, 64
        sysenter
.back_64:
        mov eax, cs
        mov edx, ss
        int OK_VECTOR
.end:   value rax
        value rdx
        newline
        check_user "SYSEXIT at CPL 3", sysexit
        mov rdx, 1 << 47
        check "SYSEXIT to a non-canonical address", {o64 sysexit}
        set_msr SYSENTER_CS, 0
        check "SYSEXIT without a code segment", sysexit
        mov ecx, SYSENTER_EIP
        mov edx, 0x8000
        xor eax, eax
        check "non-canonical SYSENTER_EIP", wrmsr
        finish
entry:  say "RSP"
        value rsp
        mov eax, cs
        value rax
        mov eax, ss
        value rax
        pushfq
        pop rax
        and eax, 0x200
        say " IF"
        value rax
        cmp esi, 64
        je .wide
        o32 sysexit
.wide:  o64 sysexit
`),
    ).toEqual([
      'SYSENTER without a code segment: #GP(0)',
      'RSP 7a00 8 10 IF 0 ok 1b 23',
      'RSP 7a00 8 10 IF 0 ok 2b 33',
      'SYSEXIT at CPL 3: #GP(0)',
      'SYSEXIT to a non-canonical address: #GP(0)',
      'SYSEXIT without a code segment: #GP(0)',
      'non-canonical SYSENTER_EIP: #GP(0)',
    ]);
  });
});

describe('FS and GS in 64-bit mode', () => {
  it('have bases in MSRs, which SWAPGS exchanges', () => {
    expect(
      report(`
%include "long.inc"
start:  enter_long
        mov qword [abs 0x60000], 0x11
        mov qword [abs 0x60100], 0x22
        set_msr GS_BASE, 0x60000
        set_msr KERNEL_GS_BASE, 0x60100
        value [gs:0]
        swapgs
        value [gs:0]
        swapgs
        value [gs:0]
        newline
        set_msr FS_BASE, 0x60100
        value [fs:0]
        mov eax, USER_DATA
        mov fs, eax                     ; loads base 0
        mov rcx, [fs:0x60000]
        value rcx
        newline
        check_user "SWAPGS at CPL 3", swapgs
        mov ecx, FS_BASE
        mov edx, 0x8000
        xor eax, eax
        check "non-canonical FS base", wrmsr
        mov ecx, KERNEL_GS_BASE
        check "non-canonical kernel GS base", wrmsr
        set_msr FS_BASE, 0x7fffffffffff
        check "base + offset beyond the canonical half", {mov al, [fs:1]}
        set_msr FS_BASE, 0xffff800000000000
        check "in the upper half", {mov al, [fs:0]}
        mov eax, 0
        mov ds, eax                     ; null segments do not matter
        mov es, eax
        mov ss, eax
        check "null DS", {mov al, [abs 0x60000]}
        check "null SS", {push rax}
        finish
`),
    ).toEqual([
      ' 11 22 11',
      ' 22 11',
      'SWAPGS at CPL 3: #GP(0)',
      'non-canonical FS base: #GP(0)',
      'non-canonical kernel GS base: #GP(0)',
      'base + offset beyond the canonical half: #GP(0)',
      'in the upper half: #PF(0) at ffff800000000000',
      'null DS: ok',
      'null SS: ok',
    ]);
  });
});

describe('canonical addresses', () => {
  it('are checked for data, stack and code', () => {
    expect(
      report(`
%include "long.inc"
start:  enter_long
        mov rbx, 0x7fffffffffff
        check "last of the lower half", {mov al, [rbx]}
        check "word over its end", {mov ax, [rbx]}
        mov rbx, 0x800000000000
        check "read", {mov al, [rbx]}
        check "write", {mov [rbx], al}
        mov rbp, rbx
        check "by RBP", {mov al, [rbp]}
        check_user "by RSP", {jmp pop_there}
        check "JMP", {jmp rbx}
        push rbx
        check "RET", {ret}
        add rsp, 8
        check "CALL", {call rbx}
        check "IRETQ", {call iret_there}
        mov rax, 0xffff7fffffffffff
        check "below the upper half", {mov al, [rax]}
        mov rax, 0xffff800000000000
        check "upper half", {mov al, [rax]}
        mov rax, [last_rip]
        finish
pop_there:
        mov rsp, rbx
        pop rax
iret_there:
        push KERNEL_DATA
        push KERNEL_STACK
        push 2
        push KERNEL_CODE
        push rbx
        iretq
`),
    ).toEqual([
      'last of the lower half: #PF(0) at 7fffffffffff',
      'word over its end: #GP(0)',
      'read: #GP(0)',
      'write: #GP(0)',
      'by RBP: #SS(0)',
      'by RSP: #SS(0)',
      'JMP: #GP(0)',
      'RET: #GP(0)',
      'CALL: #GP(0)',
      'IRETQ: #GP(0)',
      'below the upper half: #GP(0)',
      'upper half: #PF(0) at ffff800000000000',
    ]);
  });
});

describe('compatibility mode', () => {
  it('runs 32-bit code with segment limits, and returns by far calls and gates', () => {
    expect(
      report(`
%include "long.inc"
start:  enter_long
        ; A call gate of 16 bytes at FREE, a data segment with a limit behind it
        mov dword [gdt + FREE], KERNEL_CODE << 16 | at(by_gate)
        mov dword [gdt + FREE + 4], 0x8c00 | 0x6000
        mov qword [gdt + FREE + 8], 0
        mov rax, 0x0040f20000000fff
        mov [gdt + FREE + 16], rax
        mov qword [resume], 0
        push KERNEL_CODE_32
        push .compat
        retfq
bits 32
.compat: mov eax, 0xffffffff
        inc eax                         ; 40h+ is INC here, not REX
        db 0x40
        value eax
        mov eax, esp
        push eax
        sub eax, esp
        value eax
        say " CS"
        mov eax, cs
        value eax
        newline
        jmp KERNEL_CODE:.wide
bits 64
.wide:  catch .end
        push USER_DATA
        push USER_STACK + USER_ALIAS
        push 2
        push USER_CODE_32
        push .user + USER_ALIAS
        iretq
bits 32
.user:  mov ecx, esp
        call FREE:0
        sub ecx, esp                    ; far return of a 64-bit gate pops all
        mov edx, cs
        int OK_VECTOR
bits 64
.end:   value rcx
        value rdx
        newline
        catch .limit
        push USER_DATA
        push USER_STACK + USER_ALIAS
        push 2
        push USER_CODE_32
        push .limited + USER_ALIAS
        iretq
bits 32
.limited: mov eax, FREE + 16
        mov fs, eax
        mov al, [fs:0x1000]
        int OK_VECTOR
bits 64
.limit: newline
        check "LDS is gone", {db 0xc5, 0x00}
        check "PUSH ES", {db 0x06}
        check "AAM", {db 0xd4, 0x0a}
        check "INTO", {db 0xce}
        check "far CALL with immediate", {db 0x9a}
        finish
by_gate:
        say "by the gate: RSP"
        value rsp
        value [rsp + 8]
        value [rsp + 16]
        value [rsp + 24]
        retfq
`),
    ).toEqual([
      ' 1 4 CS 48',
      'by the gate: RSP 6be0 1b 40005c00 23 ok 0 1b',
      ' #GP(0)',
      'LDS is gone: #UD',
      'PUSH ES: #UD',
      'AAM: #UD',
      'INTO: #UD',
      'far CALL with immediate: #UD',
    ]);
  });
});
