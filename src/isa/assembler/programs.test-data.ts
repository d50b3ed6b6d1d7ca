/** Sources for the comparison with NASM: every directive, the operators, the preprocessor, and jumps that settle late. */

interface Program {
  readonly source: string;
  readonly includes?: Readonly<Record<string, string>>;
}

const branches = (bits: number) => `bits ${bits}
org 0x1000
start: jmp start
  jmp forward
  jz forward
  call forward
  jmp near forward
  jmp short .local
  jz near .local
.local:
  loop .local
  loope .local
  loopnz .local
  jmp far_away
  jc far_away
times 100 nop
forward:
  jmp start
  jnz start
  times 28 jmp forward
  jecxz .near
.near:
  jmp $
  jmp $$
  call $+5
  jmp $-130
  jmp $-120
  jo $+129
  jo $+130
  jmp strict near forward
times 200 db 0
far_away:
  jmp forward
  jmp .near2
  times 120 nop
  jmp .near2
  times 3 nop
.near2: nop
`;

export const PROGRAMS: Readonly<Record<string, Program>> = {
  'branches 16': { source: branches(16) },
  'branches 32': { source: branches(32) },
  'branches 64': { source: branches(64) },
  'branches whose sizes depend on one another': {
    source: `bits 32
a: jmp b
times 120 db 1
jmp c
b: jmp a
times 117 db 2
c: jmp a
jz b
jmp d
times 126 db 3
d: jmp c
call a
jmp e
times 127 db 4
e: jmp d
`,
  },
  data: {
    source: `db 1, 2, 'a', "bc", \`d\\n\\x41\\101\\0\\e\\u20ac\`, -1, 255
dw 1, 'ab', 'abc', 0x1234, -1, 65535
dd 1, 'abcd', 'abcde', 0xdeadbeef, -1, 1.5, -2.25, 1e10, 3.14159265358979
dq 1, 'abcdefgh', 0x123456789abcdef0, 1.5, -1e-300, 1e308, 0.1, 123456789.125
dt 1.5, -1.0, 3.141592653589793238462643383279, 1e4000, 1.0e-4940, 0.0
dd __?Infinity?__, -__?Infinity?__, __?QNaN?__, 0.0, -0.0, 1e-45, 1.4e-40, 3.4028234e38, 16777217.0
dq __?Infinity?__, 4.9e-324, 2.2250738585072014e-308, 2.2250738585072011e-308, 9007199254740993.0
db 0b1010, 0o17, 0x1f, 1fh, 0ffh, 1010b, 17o, 17q, 0d10, 10d, 0h1f, $1f, 1_0
db 10 dup (1, 2), 2 dup (2 dup ('x'), 'y')
dw 3 dup (0x1234)
dd label, label2 - label, $ - $$, label + 4
label: db 0
label2: dq label, $
db 'trailing',
`,
  },
  expressions: {
    source: `bits 32
a equ 10
b equ a * 3 + 2
dd a, b, -a, ~a, a + b * 2 - 3, (a + b) * 2, a / 3, a % 3, -7 // 2, -7 %% 3, a << 4, b >> 2, a | 5, a & 6, a ^ 3
dd 1 << 31, 0xffffffff >> 4, a == 10, a != 10, a < b, a > b, a <= 10, a >= 11, a && 0, a || 0, a ^^ 1, !a, !0
dd a = 10, a <> 10, end - start, (end - start) / 4, $ - start, $$ - start, 2 + 3 << 1, 1 | 2 ^ 3 & 4
dq -1 >> 60, -1 >>> 60, 1 <<< 3, 0x7fffffffffffffff + 1
start:
mov eax, end - start
mov eax, (end - start) * 2 + 1
mov ebx, [start + ebx * 4 + (end - start)]
add eax, a
add eax, end - start
cmp byte [start + 3], 'x'
mov eax, 'abcd'
mov ax, 'ab'
mov eax, 'a'
push start
push end - start
end:
later equ after + 4
mov eax, later
after: dd later, start == end, start < end
`,
  },
  'local labels and equ': {
    source: `bits 64
one: nop
.a: jmp .b
.b: jmp .a
two: nop
.a: jmp .b
.b: jmp one.a
..@odd: jmp .a
  jmp ..@odd
three equ $ - two
  mov eax, three
  dq two.b
$eax: dq $eax
  mov rcx, [rel one.b]
`,
  },
  'boot sector': {
    source: `[bits 16]
[org 0x7c00]
start: cli
xor ax, ax
mov ds, ax
mov si, message
.next: lodsb
test al, al
jz .done
mov ah, 0x0e
int 0x10
jmp .next
.done: hlt
jmp .done
lgdt [gdt.pointer]
jmp 8:protected
jmp dword 8:protected
call 0x1234:0x5678
mov eax, cr0
or al, 1
mov cr0, eax
[bits 32]
protected: mov ax, 0x10
mov ds, ax
jmp $
jmp word 8:start
gdt: dq 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
.pointer: dw gdt.pointer - gdt - 1
dd gdt
message: db "Hello", 13, 10, 0
times 510 - ($ - $$) db 0
dw 0xaa55
`,
  },
  sections: {
    source: `bits 64
org 0x100000
section .text
start: mov rax, [rel value]
lea rdi, [rel buffer]
mov rsi, text
mov eax, dword value
jmp start
call other
section .data
value: dq 5, start, text, buffer
align 16
  db 1
section .rodata align=32
text: db "text", 0
section .bss
buffer: resb 100
alignb 64
more: resq 2
section .text
dq more, value
section .code2 align=16
other: ret
jmp start
`,
  },
  'virtual start addresses': {
    source: `bits 64
org 0x8000
section .text
mov rax, task
mov rsi, __load
dq high
section .task vstart=0x400000 align=4096
task: lea rax, [rel task]
mov rbx, task
jmp task
section .high start=0xa000 vstart=0xffffffff80000000
high: dq high, $, $$
mov rax, [rel high]
__load equ 0x9000
dq section..high.start, section..high.vstart
mov rax, section..task.start + 1
section .bss
buffer: resb 4
section .text
dd buffer
`,
  },
  'a detour to another section': {
    source: `bits 32
%macro text 1+
  push dword %%text
[section .rodata]
%%text: db %1, 0
__SECT__
%endmacro
text "in .text"
section .code align=16
text "in .code", 1
nop
[section .more]
db 1
__SECT__
ret
`,
  },
  alignment: {
    source: `bits 32
db 1
align 4
db 2
align 16, db 0xcc
db 3
align 8, db 0
db 4
alignb 32
db 5
align 4
align 4
`,
  },
  'single-line macros': {
    source: `bits 32
%define SIZE 4
%define OFFSET(n) ((n) * SIZE)
%define two(a, b) a + b * 2
%xdefine FIXED SIZE
%idefine Any 7
%define SIZE 8
mov eax, [ebx + OFFSET(3)]
mov ecx, two(1, 2)
dd FIXED, SIZE, any, ANY
%assign i 5
%assign i i + 1
dd i
%define name label_ %+ i
name: dd name, label_6
%defstr text hello
db text
%strlen length text
dd length
%substr part text 2, 3
db part
%undef i
i: dd i
%define empty
empty nop
%define reg eax
mov reg, 1
%define self self
self: dd self
%define cat(a) x %+ a
cat(1): dd x1
l_%[length]: dd l_5
`,
  },
  'multi-line macros': {
    source: `bits 32
%macro save 0
  pushad
%endmacro
%macro set 2
  mov %1, %2
%endmacro
%macro set 1
  xor %1, %1
%endmacro
%macro many 1-*
  dd %0
  dd %1
%endmacro
%macro defaults 1-3 20, {30, 31}
  dd %1, %2, %3
%endmacro
%macro wait_for 2
%%again: in al, %1
  test al, %2
  jz %%again
%endmacro
%macro text 1+
  db %1, 0
%endmacro
%macro handler 1
handler_%1: push dword %1
  jmp shared
%endmacro
%macro outer 1
  set eax, %1
  set ecx
%endmacro
%imacro CaseLess 0
  nop
%endmacro
%macro cond 1
  %if %1 > 5
    db 'big'
  %else
    db 'small'
  %endif
%endmacro
save
set eax, 5
set ebx
many 1, 2, 3
defaults 1
defaults 1, 2
defaults 1, 2, {3, 4}
wait_for 0x60, 1
wait_for 0x61, 2
text "abc", 1, 2
handler 3
handler 4
shared: outer 7
caseless
CASELESS
cond 3
cond 9
labelled: set edx, labelled
`,
  },
  'conditionals and repetition': {
    source: `bits 32
%define A 3
%if A == 3
  db 1
%elif A == 4
  db 2
%else
  db 3
%endif
%ifdef A
  db 4
  %ifdef B
    db 5
  %elifndef C
    db 6
  %endif
%endif
%ifndef A
  db 7
%else
  db 8
%endif
%if 0
  garbage here (
  %if 1
    db 9
  %else
    db 10
  %endif
%elif 1
  db 11
%else
  db 12
%endif
%ifidn abc, abc
  db 13
%endif
%ifidni ABC, abc
  db 14
%endif
%ifnum 5
  db 15
%endif
%ifstr "x"
  db 16
%endif
%ifid foo
  db 17
%endif
%ifempty
  db 18
%endif
%ifn A
  db 19
%else
  db 20
%endif
%ifmacro nothing
  db 21
%endif
%assign n 0
%rep 5
  dw n * n
  %assign n n + 1
%endrep
%assign n 0
%rep 100
  %if n == 3
    %exitrep
  %endif
  db n
  %assign n n + 1
%endrep
%assign n 0
%rep 3
isr_%[n]: push dword n
  jmp isr_common
  %assign n n + 1
%endrep
isr_common: iret
%assign n 0
%rep 3
  dd isr_ %+ n
  %assign n n + 1
%endrep
%rep 2
  %rep 2
    db 'r'
  %endrep
%endrep
%if ($ - $$) > 10
  db 'long'
%endif
%assign size $ - $$
  dd size
`,
  },
  include: {
    source: `bits 32
%include "constants.inc"
mov eax, VALUE
twice nop
%include "code.inc"
`,
    includes: {
      'constants.inc': '%define VALUE 42\n%macro twice 1+\n %1\n %1\n%endmacro\n',
      'code.inc': 'included: ret\n jmp included\n',
    },
  },
  structures: {
    source: `bits 32
struc point
  .x: resd 1
  .y: resd 1
  .name: resb 8
endstruc
struc offset, 4
  .a resb 1
  .b resw 1
endstruc
mov eax, [ebx + point.y]
mov ecx, point_size
dd point.x, point.name, offset.b, offset_size
here: istruc point
  at point.x, dd 5
  at point.name, db "abc"
iend
absolute 0x500
scratch: resb 4
cursor: resd 1
section .text
mov [cursor], eax
mov byte [scratch], 1
`,
  },
  'default rel': {
    source: `bits 64
default rel
mov rax, [value]
mov rax, [abs value]
lea rbx, [value + 8]
mov rax, [fs:value]
mov rax, [fs:0x28]
mov eax, [value + rcx * 4]
cmp dword [value], 100000
mov byte [value], 1
jmp [value]
call [value]
movaps xmm0, [value]
default abs
mov rax, [value]
mov rax, [rel value]
mov [value], al
align 16
value: dq 0, 0
`,
  },
  'sizes and strictness': {
    source: `bits 32
add eax, 1
add eax, strict dword 1
add eax, byte 1
add eax, 127
add eax, 128
add eax, -128
add eax, -129
add ax, 0xffff
cmp eax, 0xffffffff
push 1
push 127
push 128
push byte 1
push dword 1
push word 1
push strict dword 1
imul eax, ebx, 5
imul eax, ebx, 500
imul eax, 5
mov eax, [ebx + 0]
mov eax, [byte ebx + 0]
mov eax, [dword ebx + 1]
mov eax, [ebp]
mov eax, [esp]
mov eax, [ebp + esi]
mov eax, [esi + ebp]
mov eax, [eax * 2]
mov eax, [eax * 3]
mov eax, [eax * 5 + 8]
mov eax, [eax * 8]
mov eax, [nosplit eax * 2]
mov eax, [esp + eax]
mov eax, [eax + esp]
mov eax, [eax * 1 + ebx]
mov eax, [ebx + eax * 1]
mov eax, [eax + eax * 4]
mov eax, [es:ebx]
mov eax, es:[ebx]
mov al, [0x1234]
mov [0x1234], eax
mov [fs:0x1234], eax
mov ax, [bx + si]
mov ax, [bp + di + 5]
mov ax, [word 0x1234]
mov eax, [bx]
mov word [ebx], 5
mov dword [ebx], 'abc'
test [ebx], eax
test eax, [ebx]
xchg [ebx], eax
xchg eax, [ebx]
xchg eax, eax
xchg ebx, eax
shl eax, 1
shl dword [ebx], 1
shl eax, cl
rep movsb
repne scasd
lock inc dword [ebx]
a16 lodsb
o16 pushf
o16 push bx
es lodsd
es movsd
jmp far [ebx]
call far [ebx]
jmp word far [ebx]
call dword [ebx]
jmp eax
jmp [eax]
enter 8, 1
int 3
int3
in al, 0x60
in eax, dx
out 0x80, al
out dx, ax
retf
retf 4
ret 8
iret
iretd
iretw
pushf
pushfw
popad
popaw
salc
aam
aad 16
movsd
movsd xmm0, [eax]
cmpsd
cmpsd xmm0, xmm1, 2
cmpltps xmm1, [eax]
`,
  },
  'sizes and strictness in 64-bit code': {
    source: `bits 64
mov rax, 1
mov rax, -1
mov rax, 0xffffffff
mov rax, 0x100000000
mov rax, 0x7fffffffffffffff
mov rax, strict dword 1
mov rax, strict qword 1
mov rax, dword 5
mov rax, qword 5
mov r9, 1
mov rax, label
mov rax, dword label
mov eax, label
mov qword [rax], 5
mov qword [rax], -5
mov qword [rax], label
add rax, label
add rax, 0x7fffffff
and rax, -16
push 1
push 500
push qword 1
push dword 1
push word 1
push label
push fs
pop gs
push rax
push r12
pop qword [rax]
push qword [rel label]
mov rax, [0x1234]
mov rax, [qword 0x123456789abcdef0]
mov [qword 0x123456789abcdef0], al
mov eax, [rsp]
mov eax, [r12]
mov eax, [r13]
mov eax, [rbp + r13]
mov eax, [r12 + r13 * 8 - 4]
mov eax, [ebx]
mov eax, [r10d + 4]
mov eax, [rsp * 1 + rbx]
movzx eax, byte [rax]
movzx rax, word [rax]
movzx eax, al
movsx rax, eax
movsxd rax, dword [rbx]
mov spl, al
mov r8b, sil
mov ah, bl
xchg eax, eax
xchg rax, rax
xchg r8, rax
cmpxchg16b [rax]
lock cmpxchg [rdi], rcx
syscall
sysret
o64 sysret
o64 sysexit
iretq
iret
retfq
pushfq
pushf
swapgs
wrmsr
rdtscp
invlpg [rax]
lgdt [rax]
lidt [rel label]
ltr ax
lldt ax
str rax
sldt ax
mov ds, ax
mov ds, eax
mov ax, ds
mov rax, ds
mov fs, [rax]
mov cr3, rax
mov rax, cr8
mov cr8, rax
mov dr7, rax
jmp rax
jmp [rax]
call qword [rax + 8]
jmp far [rax]
jmp far dword [rax]
call far [rel label]
in al, dx
rep stosq
rep movsq
nearby:
jrcxz nearby
jecxz nearby
loop nearby, ecx
loop nearby
enter 16, 0
leave
cmove rax, rbx
setnz [rax]
bswap r9
bt rax, 5
bts qword [rax], 5
shld rax, rbx, 3
imul r8, r9, -3
imul rcx, 1000
test rax, 5
test byte [rax], 1
fxsave64 [rax]
fxsave [rax]
o64 fxsave [rax]
vmxon [rax]
vmclear [rax]
vmptrld [rax]
vmptrst [rax]
vmread rax, rbx
vmread [rax], rbx
vmwrite rbx, rax
vmwrite rbx, [rax]
vmlaunch
vmresume
vmcall
vmxoff
invept rax, [rbx]
invvpid rax, [rbx]
vmrun
vmload
vmsave
vmmcall
stgi
clgi
invlpga
skinit
rdrand rax
xgetbv
cvtsi2sd xmm0, rax
cvtsi2sd xmm0, [rax]
cvttsd2si rax, xmm0
movq xmm0, rax
movq rax, xmm9
movq xmm1, xmm2
movq xmm1, [rax]
movq [rax], xmm1
movd xmm0, eax
movaps xmm8, [rax]
pshufd xmm1, xmm2, 0x1b
pinsrw xmm0, eax, 1
pextrw eax, xmm0, 1
label: dq label
`,
  },
  x87: {
    source: `bits 32
fld dword [eax]
fld qword [eax]
fld tword [eax]
fld st1
fst st2
fstp qword [eax]
fstp tword [eax]
fild word [eax]
fild dword [eax]
fild qword [eax]
fistp qword [eax]
fadd
fadd st1
fadd st0, st2
fadd st2, st0
fadd to st2
fadd dword [eax]
fadd qword [eax]
fsub st3
fsub to st3
fsubr st3, st0
faddp
faddp st2
faddp st2, st0
fsubp st1, st0
fsubrp
fdivp
fdivrp st4
fmul st0, st7
fcom
fcom st3
fcom dword [eax]
fcomp qword [eax]
fcompp
fucom
fucomp st2
fucompp
fcomi
fcomi st2
fcomi st0, st2
fucomip st3
fxch
fxch st4
fxch st0, st4
fcmovb st3
fcmovnbe st0, st3
ffree st2
fiadd word [eax]
fidiv dword [eax]
fbld tword [eax]
fnstcw [eax]
fstcw [eax]
fldcw [eax]
fnstsw ax
fstsw ax
fstsw [eax]
fninit
finit
fclex
fnclex
fsave [eax]
fnsave [eax]
frstor [eax]
fldenv [eax]
fnstenv [es:eax]
fstenv [es:eax]
fwait
wait
fsin
fsqrt
f2xm1
fyl2x
`,
  },
};
