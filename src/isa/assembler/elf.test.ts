import { describe, expect, it } from 'vitest';
import { bothExecutables, hasLinker } from '../../../tools/nasm-elf.ts';

/** Each with its format; `org` is ours alone. */
const EXECUTABLES: Readonly<Record<string, readonly ['elf32' | 'elf64', string]>> = {
  'addresses in 64-bit code': [
    'elf64',
    `bits 64
org 0x100000
global start
section .text
start: mov rax, value
mov eax, value
lea rbx, [rel value]
mov rcx, [value + rbx * 8]
mov rdx, [abs value]
mov byte [rel value + 2], 5
cmp dword [rel value], 100000
call other
jmp other
jnz other
jmp .near
.near: loop .near
push value
add rax, value
jmp [rel table]
section .data
value: dq 5, start, table, $
dd value - table
table: dq start.near, other, later
later equ other + 3
section .text.more
other: ret
jmp start
jmp other
global other
section .rodata
text: db "text", 0
size equ $ - text
section .bss
buffer: resb 100
alignb 64
end: resq 2
`,
  ],
  'addresses in 32-bit code': [
    'elf32',
    `bits 32
org 0x100000
section .multiboot
align 4
dd 0x1badb002, 0, -0x1badb002
section .text
global start
start: mov eax, value
mov ebx, [value + eax * 4]
mov dword [value], other
push start
push dword value
call other
jmp near other
jmp 8:other
mov esp, stack_top
add eax, stack_top - stack
cmp eax, end - start
lea edi, [ebx + value]
end:
section .code
other: ret
jmp start
section .data
value: dd start, other, value, $, end
dd end - start, stack_top - stack
section .bss
stack: resb 4096
stack_top:
`,
  ],
  'structures, macros and repetition': [
    'elf64',
    `bits 64
default rel
org 0x200000
struc node
  .next: resq 1
  .value: resd 2
endstruc
%macro make 2
%%self: istruc node
  at node.next, dq %2
  at node.value, dd %1, %%self - first
iend
%endmacro
section .data
first: make 1, second
second: make 2, first
%assign i 0
%rep 4
entry_%[i]: dq entry_%[i], i
%assign i i + 1
%endrep
section .text
global start
start: mov rax, [first + node.next]
lea rdx, [rax + node_size]
movzx ecx, byte [entry_3]
align 16
after: ret
`,
  ],
};

describe.skipIf(!hasLinker())('executables, as NASM and the linker make them', () => {
  for (const [name, [format, source]] of Object.entries(EXECUTABLES)) {
    it(name, () => {
      const { ours, theirs } = bothExecutables(format, source);
      expect(ours.sections.length).toBeGreaterThan(1);
      expect(ours.symbols.length).toBeGreaterThan(3);
      expect(ours).toEqual(theirs);
    });
  }
});
