/** Code that is written while it runs. SDM volume 3A, "Self-Modifying Code": this processor sees every write at once. */
import { describe, expect, it } from 'vitest';
import { report } from './run-guest.ts';

describe('self-modifying code', () => {
  it('is seen in the same page, in other pages and right ahead', () => {
    expect(
      report(`
%include "long.inc"
start:  enter_long
        ; Right ahead, in the same straight line of code
        mov byte [rel .ahead + 1], 0x22
.ahead: mov al, 0x11
        movzx eax, al
        value rax
        ; Far ahead, decoded already by a first pass
        xor ecx, ecx
.loop:  jmp .body
.change: mov byte [rel .body + 1], 0x44
        jmp .body
.body:  mov al, 0x33
        movzx eax, al
        value rax
        inc ecx
        cmp ecx, 2
        jb .change
        newline

        ; A procedure in another page, called again and again with its immediate counted up
        mov dword [abs 0x60000], 0xc300b0       ; MOV AL, 0; RET
        mov ebx, 0x60000
        mov ecx, 5
.call:  call rbx
        movzx eax, al
        value rax
        inc byte [rbx + 1]
        dec ecx
        jnz .call
        newline

        ; Another alias of the same physical page
        mov dword [abs USER_ALIAS + 0x60000], 0xc377b0
        call rbx
        movzx eax, al
        value rax
        ; A write of 8 bytes that reaches into the code from before it
        mov rax, 0xc388b00000000000
        mov [abs 0x5fffb], rax
        call rbx
        movzx eax, al
        value rax
        ; By a string instruction
        lea rsi, [.procedure]
        mov edi, 0x60000
        mov ecx, 3
        rep movsb
        call rbx
        movzx eax, al
        value rax
        newline
        ; A loop that rewrites its own body in each round, many times
        xor ebx, ebx
        xor edx, edx
        mov ecx, 1000
.self:  add ebx, 0                      ; the immediate counts down with ECX
        mov [rel .self + 2], cl
        dec ecx
        jnz .self
        value rbx
        newline
        finish
.procedure: mov al, 0x99
        ret
`),
    ).toEqual([
      ' 22 33 44',
      ' 0 1 2 3 4',
      ' 77 88 99',
      // The sum of the low bytes, sign-extended, of 1000 down to 2.
      ` ${(sumOfBytes(1000) >>> 0).toString(16)}`,
    ]);
  });

  it('is seen in instructions that cross a page', () => {
    expect(
      report(`
%include "long.inc"
start:  enter_long
        ; MOV EAX, imm32 at 60ffdh: its last two bytes lie in the next page
        mov ebx, 0x60ffd
        mov byte [rbx], 0xb8
        mov dword [rbx + 1], 0x44332211
        mov byte [rbx + 5], 0xc3
        call rbx
        value rax
        mov byte [rbx + 4], 0x99        ; in the second page
        call rbx
        value rax
        mov byte [rbx + 1], 0x88        ; in the first page
        call rbx
        value rax
        mov word [rbx + 2], 0x7777      ; over the boundary
        call rbx
        value rax
        newline
        ; The second page is mapped elsewhere: 61000h -> 62000h by page tables of 4 KiB
        mov edi, 0x75000
        mov eax, 3
.page:  stosq
        add eax, 0x1000
        cmp edi, 0x76000
        jb .page
        mov dword [abs PD], 0x75003
        mov rax, cr3
        mov cr3, rax
        mov byte [abs 0x62000], 0x55
        mov byte [abs 0x62001], 0x66
        mov byte [abs 0x62002], 0xc3
        call rbx
        value rax
        mov dword [abs 0x75000 + 0x61 * 8], 0x62003
        mov eax, 0x61000
        invlpg [rax]
        call rbx
        value rax
        mov byte [abs 0x62001], 0xaa
        call rbx
        value rax
        newline
        ; The second page disappears
        mov dword [abs 0x75000 + 0x61 * 8], 0
        mov eax, 0x61000
        invlpg [rax]
        check "absent", {call rbx}
        finish
`),
    ).toEqual([
      ' 44332211 99332211 99332288 99777788',
      ' 99777788 66557788 aa557788',
      'absent: #PF(10) at 61000',
    ]);
  });

  it('is seen when another processor mode executes the same bytes', () => {
    expect(
      report(`
%include "protected.inc"
start:  enter_protected
        ; 32-bit: MOV EAX, 1; RET. 16-bit: MOV AX, 1; ADD [BX + SI], AL; RET.
        mov byte [0x3000], 0xb8
        mov dword [0x3001], 1
        mov byte [0x3005], 0xc3
        mov ebx, 0x3000
        mov ecx, 0x2000
%macro both 0
        mov eax, -1
        call ebx
        value eax
        mov eax, -1
        xor esi, esi
        xchg ebx, ecx
        call CODE_16:at(.narrow)
        xchg ebx, ecx
        value eax
%endmacro
        both
        both
        mov byte [0x3001], 2
        both
        newline
        finish
bits 16
.narrow: call 0x3000
        o32 retf
`),
    ).toEqual([' 1 ffff0001 1 ffff0001 2 ffff0002']);
  });
});

/** What the loop adds up: in each round but the first the low byte of the count before, as a signed number. */
function sumOfBytes(count: number): number {
  let sum = 0;
  for (let n = count; n > 1; n--) sum += (n << 24) >> 24;
  return sum;
}
