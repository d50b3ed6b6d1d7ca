/** Real-address mode. SDM volume 3A, "8086 Emulation": "Real-Address Mode". */
import { describe, expect, it } from 'vitest';
import { report, runGuest } from './run-guest.ts';

describe('real mode', () => {
  it('enters handlers by the interrupt vector table', () => {
    const lines = report(`
%include "real.inc"
start:  vector 0x21, service
        sti
        push sp                         ; as it was before the push
        pop ax
        say "SP"
        value ax
        int 0x21
        pushf
        pop ax
        and ax, 0x0200
        say "IF after IRET"
        value ax
        newline
        vector 3, service
        vector 4, service
        int3
        mov al, 0x7f
        add al, 1
        into
        clc
        mov al, 1
        add al, 1
        into                            ; no overflow: nothing happens
        finish

service:
        pushf
        pop ax
        and ax, 0x0300
        say " at SP"
        value sp
        say ": IF and TF"
        value ax
        push bp
        mov bp, sp
        mov ax, [bp + 2]
        say ", back to"
        value ax
        say ", there"
        mov ax, [bp + 2]
        sub ax, start
        cmp ax, 0x100
        sbb ax, ax
        value ax
        pop bp
        newline
        iret
`);
    expect(lines[0]).toMatch(/^SP 8000 at SP 7ffa: IF and TF 0, back to [89a-f][0-9a-f]{3}, there ffff$/);
    expect(lines[1]).toBe('IF after IRET 200');
    expect(lines.slice(2).map((line) => line.replace(/back to .*, /, ''))).toEqual([
      ' at SP 7ffa: IF and TF 0, there ffff',
      ' at SP 7ffa: IF and TF 0, there ffff',
    ]);
  });

  it('raises exceptions without error codes, at the faulting instruction', () => {
    expect(
      report(`
%include "real.inc"
start:  catch_exceptions
        xor cx, cx
        check "division by zero", div cx
        mov ax, -128
        mov cl, -1
        check "quotient too large", idiv cl
        mov ax, 11
        check "BOUND above", bound ax, [bounds]
        mov ax, 1
        check "BOUND below", bound ax, [bounds]
        mov ax, 10
        check "BOUND at the upper bound", bound ax, [bounds]
        check "UD2", ud2
        check "LOCK on a register", {db 0xf0, 0x01, 0xc0}
        check "LLDT", {db 0x0f, 0x00, 0xd0}
        check "ARPL", {db 0x63, 0xc0}
        ; A fault's return address is the instruction itself.
        vector 6, where
        catch .after
.faulty: ud2
.after: say "return address off by"
        value bx
        newline
        finish
where:  pop bx
        sub bx, start.faulty
        add sp, 4
        jmp [resume]
bounds: dw 2, 10
`),
    ).toEqual([
      'division by zero: vector 0',
      'quotient too large: vector 0',
      'BOUND above: vector 5',
      'BOUND below: vector 5',
      'BOUND at the upper bound: ok',
      'UD2: vector 6',
      'LOCK on a register: vector 6',
      'LLDT: vector 6',
      'ARPL: vector 6',
      'return address off by 0',
    ]);
  });

  it('checks the limit FFFFh of every access', () => {
    expect(
      report(`
%include "real.inc"
start:  catch_exceptions
        check "byte at FFFFh", {mov al, [0xffff]}
        check "word at FFFEh", {mov ax, [0xfffe]}
        check "word at FFFFh", {mov ax, [0xffff]}
        check "word in the stack segment at FFFFh", {mov ax, [ss:0xffff]}
        check "dword at FFFDh", {mov eax, [0xfffd]}
        mov bx, 0xffff
        check "16-bit address wraps", {mov al, [bx + 2]}
        mov ebx, 0x10000
        check "32-bit address does not", {mov al, [ebx]}
        mov si, 0xffff
        check "LODSW at FFFFh", lodsw
        mov si, 0xffff
        check "LODSB at FFFFh", lodsb
        say "SI"
        value si
        newline
        mov sp, 2
        catch .a
        push word 0x1234
        mov bp, sp
        mov sp, 0x7c00
        say "push at SP 2: SP"
        value bp
.a:     newline
        finish
`),
    ).toEqual([
      'byte at FFFFh: ok',
      'word at FFFEh: ok',
      'word at FFFFh: vector 13',
      'word in the stack segment at FFFFh: vector 12',
      'dword at FFFDh: vector 13',
      '16-bit address wraps: ok',
      '32-bit address does not: vector 13',
      'LODSW at FFFFh: vector 13',
      'LODSB at FFFFh: ok',
      'SI 0',
      'push at SP 2: SP 0',
    ]);
  });

  it('shuts down when no stack is left to report that', () => {
    const { stop } = runGuest(`
start:  mov sp, 1
        push ax
`);
    expect(stop).toMatchObject({
      kind: 'crash',
      reason: {
        kind: 'triple-fault',
        chain: [{ vector: 12 }, { vector: 12 }, { vector: 8 }, { vector: 12 }],
      },
    });
  });

  it('calls, jumps and returns between segments', () => {
    expect(
      report(`
%include "real.inc"
start:  mov ax, 0x1234
        call 0x10:far_procedure - 0x100 ; the same place by another segment
        say "returned, SP"
        value sp
        newline
        call far [pointer]
        say "returned, SP"
        value sp
        newline
        push word 7
        push word 8
        call 0:cleaning
        say "RETF 4: SP"
        value sp
        newline
        o32 call dword 0:far_32
        say "returned, SP"
        value sp
        newline
        jmp 0x20:.end - 0x200
.end:   mov ax, cs
        value ax
        newline
        jmp 0:.flat
.flat:  finish
pointer: dw far_procedure - 0x100, 0x10
far_procedure:
        mov ax, cs
        call say_cs
        retf
say_cs: push cs
        pop bx
        mov [0x600], bx
        mov bx, sp
        db 0xea                         ; say works in segment 0
        dw .here, 0
.here:  say "CS"
        value ax
        say ", SP"
        value bx
        newline
        jmp far [.back]
.back:  dw .out - 0x100, 0x10
.out:   ret
cleaning:
        retf 4
far_32: say "32-bit, SP"
        value sp
        newline
        o32 retf
`),
    ).toEqual([
      'CS 10, SP 7ffa',
      'returned, SP 8000',
      'CS 10, SP 7ffa',
      'returned, SP 8000',
      'RETF 4: SP 8000',
      '32-bit, SP 7ff8',
      'returned, SP 8000',
      ' 20',
    ]);
  });

  it('reaches above 1 MiB by FFFFh:0010h, and by 32-bit addresses in a segment without limit', () => {
    expect(
      report(`
%include "real.inc"
start:  xor ax, ax
        mov byte [0x500], 0x11
        dec ax
        mov es, ax
        mov byte [es:0x510], 0x22       ; 100500h: the A20 gate is open
        mov al, [0x500]
        value ax
        newline
        ; "Unreal" mode: the limit of a segment register stays when protected mode is left.
        cli
        lgdt [table]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp .protected
.protected:
        mov bx, 8
        mov fs, bx
        and al, 0xfe
        mov cr0, eax
        jmp 0:.real
.real:  mov ebx, 0x100500
        mov ax, [fs:ebx]
        value ax
        xor ax, ax
        mov fs, ax                      ; loads the base only
        mov ax, [fs:ebx]
        value ax
        newline
        finish
table:  dw 15
        dd gdt
gdt:    dq 0, 0x008f92000000ffff
`),
    ).toEqual([' ff11', ' 22 22']);
  });

  it('takes interrupts of vectors above the table limit as general protection', () => {
    expect(
      report(`
%include "real.inc"
start:  catch_exceptions
        lidt [short_table]
        vector 0x3f, iret_only
        check "INT 40h", int 0x40
        check "INT 3Fh", int 0x3f
        finish
short_table:
        dw 0x40 * 4 - 1
        dd 0
iret_only:
        iret
`),
    ).toEqual(['INT 40h: vector 13', 'INT 3Fh: ok']);
  });
});
