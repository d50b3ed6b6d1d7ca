/**
 * Small sources for the comparison with NASM: what people write who know it, with the corners of each directive.
 * One feature each, so that a failing name says what is wrong.
 */
export const CORPUS: Readonly<Record<string, string>> = {
  'nested conditions': `%define A 1
%define B 2
%if A
  %if B == 1
    db 1
  %elif B == 2
    %ifdef C
      db 2
    %elifdef A
      db 3
    %else
      db 4
    %endif
  %else
    db 5
  %endif
%elif B
  db 6
%endif
%ifndef C
  %ifidn A, 1
    db 7
  %endif
  %ifnidn A, 2
    db 8
  %endif
  %ifidni abc, ABC
    db 9
  %elifidn x, y
    db 10
  %endif
%endif
%if A == 1 && B == 2 || 0
  db 11
%endif
%if 0
  %error never seen
  %if 1
  %else
  %endif
%endif
`,
  'what a parameter is': `%macro kind 1
  %ifnum %1
    db 'n'
  %elifstr %1
    db 's'
  %elifid %1
    db 'i'
  %else
    db '?'
  %endif
%endmacro
kind 5
kind "five"
kind five
kind 5 + 5
kind [bx]
kind eax
`,
  'empty parameters and tokens': `%macro given 0-2
  %ifempty %1
    db 0
  %else
    db 1
  %endif
  %iftoken %2
    db 2
  %else
    db 3
  %endif
%endmacro
given
given 1
given 1, 2
given 1, 2 3
given {}, 5
`,
  repetition: `%assign i 0
%rep 4
  %assign j 0
  %rep 3
    db i * 3 + j
    %assign j j + 1
  %endrep
  %if i = 2
    %exitrep
  %endif
  %assign i i + 1
%endrep
%rep 0
  db 99
%endrep
%rep i * 2
  db 7
%endrep
`,
  'strings at assembly time': `%strlen n 'hello'
db n
%substr a 'hello' 1
%substr b 'hello' 2, 3
%substr c 'hello' 2, -1
%substr d 'hello' 2, -2
db a, b, c, d
%strcat e "ab", 'cd', "ef"
db e
%defstr f hello world
db f
%deftok g 'db 5'
g
%xdefine h e
db h
`,
  'macro parameters': `%macro m 1-3 10, 20
  db %1, %2, %3, %0
%endmacro
m 1
m 1, 2
m 1, 2, 3
%macro rest 2+
  db %1
  db %2
%endmacro
rest 1, 2, 3, 4
rest 5, "a, b", 6
%macro over 1
  db %1
%endmacro
%macro over 2
  db %2, %1
%endmacro
%macro over 3-*
  db %0
%endmacro
over 1
over 1, 2
over 1, 2, 3, 4
%macro star 1-*
  %rep %0
    db %1
    %rotate 1
  %endrep
%endmacro
star 1, 2, 3, 4
%macro back 1-*
  %rep %0
    %rotate -1
    db %1
  %endrep
%endmacro
back 1, 2, 3
%macro slice 1-*
  db %{2:3}
  db %{1:-1}
  db %{-1:1}
%endmacro
slice 1, 2, 3, 4
`,
  'names put together': `%macro entry 2
%1_%2: db 1
%1_%{2}x: db 2
dw %1_%2, %1_%{2}x
%endmacro
entry a, 1
entry b, 22
%define join(x, y) x %+ y
join(a, _1) %+ z: db 3
dw a_1z
%define n 5
lab%[n]: db 4
dw lab5
%assign n 6
lab%[n]_%[n]: db 5
dw lab6_6
`,
  'condition codes': `bits 32
%macro unless 2
  j%-1 %2
%endmacro
%macro when 2
  j%+1 %2
%endmacro
here: unless e, here
unless nc, here
unless ge, here
unless s, here
unless pe, here
when a, here
when nbe, here
`,
  'local labels in macros': `bits 32
%macro wait_bit 2
%%again: in al, %1
  test al, %2
  jz %%again
  jmp %%done
%%done:
%endmacro
start: wait_bit 0x60, 1
wait_bit 0x64, 2
.local: jmp .local
second: jmp .local
.local: wait_bit 0x61, 3
jmp .local
`,
  'the label of a macro call': `%macro proc 0
%00: db 1
dw %00
%endmacro
first: proc
second proc
`,
  'the context stack': `bits 32
%macro repeat 0
  %push repeat
%$begin:
%endmacro
%macro until 1
  j%-1 %$begin
  %pop
%endmacro
%macro if 1
  %push if
  j%-1 %$ifnot
%endmacro
%macro else 0
  %ifctx if
    %repl else
    jmp %$ifend
    %$ifnot:
  %else
    %error expected if before else
  %endif
%endmacro
%macro endif 0
  %ifctx if
    %$ifnot:
    %pop
  %elifctx else
    %$ifend:
    %pop
  %else
    %error expected if or else before endif
  %endif
%endmacro
cmp eax, ebx
if ae
  cmp ebx, ecx
  if ae
    mov eax, ecx
  else
    mov eax, ebx
  endif
else
  inc eax
endif
repeat
dec eax
until z
%push outer
%define %$value 5
%push inner
%define %$value 6
db %$value, %$$value
%pop
db %$value
%pop
`,
  structures: `struc point
.x: resw 1
.y: resw 1
.tag: resb 3
    alignb 4
.end:
endstruc
struc big, 16
.head resd 1
.body resb point_size * 2
endstruc
db point_size, big_size, big.head, big.body, point.end
p: istruc point
at .x, dw 1
at .y, dw 2
iend
q: istruc point
at point.tag, db "ab"
iend
mov ax, [p + point.y]
`,
  absolute: `absolute 0x7e00
a: resb 1
b: resw 4
   alignb 16
c: resq 2
section .text
dw a, b, c
absolute 0x100
d: resb 1
section .data
dw d, $
`,
  times: `times 3 db 1, 2
times 2 times 2 db 3
count equ 4
times count - 1 dw 5
label: times 2 nop
times 20 - ($ - $$) db 0xff
times (count << 1) / 2 db count
times 0 db 9
dw label
`,
  'here and the start of the section': `org 0x100
db $ - $$
dw $, $$
section .data align=1
db $ - $$
dw $, $$
jmp $ + 2
x: dw $ - x, $ - $$
`,
  'wide data': `do 1.5, -2.0, 0.0
dt 1.5, -0.1, 1e100
dq 1.0, 0x1p3, 1.0e-3
dd 1.5e5, 5.e1
dw 1.5, -2.0, 65504.0
reso 1
rest 1
do "sixteen bytes ok"
dq 0.1, 1_000.5
`,
  'hexadecimal floating-point numbers': `dd 0x1.8p0, 0x1p-149, -0x1.fffffep127
dq 0x1.8p0, 0x1p-1074, 0x1.921fb54442d18p+1
dt 0x1.8p0
`,
  'numbers that round up to a power of two': `dw 65504.0, 2047.9, 0.99999
dd 16777215.9, 3.4028235e38, 1.99999999
dq 0.9999999999999999999, 9007199254740991.9
`,
  'strings and characters': `db 'a"b', "a'b", \`a\\tb\\\\c\\"d\`
db 'backslash \\n stays'
db \`\\0\\1\\x1f\\a\\b\\e\\f\\v\\r\\n\`
db \`\\u00e9\\U0001f600\`, 'é'
dw 'a', 'ab', 'abc'
dd 'a', 'ab', 'abc', 'abcde'
dq 'abc', 'abcdefghi'
mov ax, 'ab'
mov al, 'a'
mov eax, 'abcd'
cmp al, "'"
db ''
db "", 1
`,
  numbers: `dd 100, 0100, 100h, 0x64, 0h64, $64, 0d100, 0t100, 100d, 100t
dd 144o, 144q, 0o144, 0q144, 1100100b, 0b1100100, 1100100y, 0y1100100
dd 1_000_000, 0xdead_beef, 1111_0000b, 0ah
`,
  operators: `dd 7 / 2, 7 % 4, 1 << 3 | 1, 6 & 3, 6 ^ 3, ~0 & 0xff, -1 & 0xff, !5, !0
dd 2 * 3 + 4 * 5, (2 + 3) * 4, 10 - 3 - 2, 2 + -3 + 5, - - 5
dd 1 ? 2 : 3, 0 ? 2 : 3
dd 5 > 3, 5 < 3, 5 >= 5, 3 <= 2, 5 = 5, 5 == 4, 5 <> 4, 5 != 5
dd 1 && 2, 0 || 0, 1 ^^ 1, 4 <=> 4
db -7 // 2 & 0xff, -7 %% 3 & 0xff
dq -8 >>> 1, -8 >> 1, 1 <<< 63
`,
  'jumps of the right size': `bits 32
a: jmp b
jz b
call b
jmp short b
jmp near b
jz near b
jecxz b
loop a
times 60 nop
b: jmp a
jz a
times 80 nop
jz a
jmp a
jmp strict near c
jmp strict short c
c: jmp word 8:0x1234
jmp dword 8:0x12345678
jmp far [ebx]
call dword [ebx]
call far [esi + 4]
jmp [a]
`,
  alignment: `bits 64
db 1
align 8
db 2
align 16, db 0
db 3
align 32, int3
db 4
align 4, nop
alignb 8
db 5
align 2
align 1
section .data align=64
db 6
align 64
db 7
section .bss
resb 1
alignb 16
x: resb 1
section .text
dq x
`,
  'sizes and prefixes': `bits 64
a32 lodsb
o16 lodsd
o16 mov ax, bx
rep a32 movsb
es lodsb
fs mov eax, [rbx]
mov eax, [gs:rbx + 4]
lock xadd [rbx], eax
repne scasb
repz cmpsb
o64 push rax
o16 push ax
mov [ebx], al
mov [r8d + ecx * 2], ax
bits 32
a16 mov eax, [bx]
o16 retf
mov eax, [word 5]
mov al, [dword 5]
bits 16
o32 ret
a32 loop $
mov eax, [dword 0x12345]
o32 lgdt [5]
jmp dword 8:5
push dword 5
push word 5
pushfd
iretd
`,
  strict: `bits 64
add rax, strict byte 5
push strict dword 5
mov rax, strict qword 5
jmp strict near $
cmp ax, strict word 5
and ecx, strict dword 1
imul eax, ebx, strict dword 3
`,
  'default rel and its exceptions': `bits 64
default rel
mov rax, [x]
mov rax, [abs x]
mov rax, [fs:x]
mov rax, [gs:abs x]
mov rax, [rel gs:x]
mov rax, [es:x]
lea rsi, [x + 8]
mov rax, [x + rbx]
jmp [x]
inc dword [x]
mov dword [x], 5
add word [x], 500
default abs
mov rax, [x]
mov rax, [rel x]
x: dq 0
`,
  'directives in brackets': `[bits 32]
[org 0x100]
[section .text]
mov eax, x
[section .data align=8]
x: dd 5
[absolute 10]
y: resd 1
[section .text]
mov eax, y
`,
  'sections in order': `org 0x1000
section .data
d: dw d
section .text
t: dw t, d, r, e
section .rodata
r: dw r
section .extra start=0x1100
e: dw e
section .last follows=.extra
dw $
`,
  'virtual addresses': `org 0x7c00
section .text
mov si, code
section .reloc vstart=0x600
code: jmp code
dw $$, $
section .next vfollows=.reloc
dw $
`,
  'single-line macros': `%define f(x) (x) * 2
%define g(x, y) f(x) + f(y)
dw f(1 + 2), g(3, 4)
%define empty()  5
dw empty()
%define quoted(x) 'x'
%define outer(x) f(x) + 1
dw outer(2)
%idefine Case 9
dw CASE, case
%define late early
%define early 3
dw late
%xdefine now early
%define early 4
dw late, now
%undef early
early: dw early
%define over(x) x
%define over(x, y) x + y
dw over(1), over(1, 2)

`,
  'macros that define macros': `%macro maker 2
%macro %1 1
  db %1
%endmacro
%1 %2
%endmacro
maker five, 5
five 1
`,
  'macros that are taken back': `%macro m 0
 db 1
%endmacro
m
%unmacro m 0
%macro m 0
 db 2
%endmacro
m
%imacro Loud 1
 db %1
%endmacro
LOUD 3
loud 4
%ifmacro m 0
 db 5
%endif
%ifmacro m 1
 db 6
%endif
`,
  'lines that go on': `db 1, \\
   2, \\
   3
%define long 1 + \\
  2
db long
`,
  'standard macros': `db __BITS__, __?BITS?__
bits 32
db __BITS__
dw __LINE__
%ifdef __NASM_VER__
 db 1
%endif
%if __NASM_MAJOR__ >= 2
 db 2
%endif
%ifdef __OUTPUT_FORMAT__
 %ifidn __OUTPUT_FORMAT__, bin
  db 3
 %endif
%endif
`,
  'comments and odd layout': `; nothing
  db 1 ; one
label:db 2
a :db 3
%if 0 ; never
garbage
%endif ; over
db 4;four
   times   2   db   5
b: ; alone
c:
dw label,a,b,c
`,
  'warnings that are silenced': `[warning -number-overflow]
db 1
%pragma something else
[list -]
db 2
[list +]
cpu 486
db 3
`,
  'immediates by size': `bits 32
mov ax, -1
mov ax, 65535
mov al, -128
mov al, 255
add ax, 0xfff0
add eax, 0xfffffff0
sub eax, -128
sub eax, 128
cmp byte [ebx], 200
push 0xffffffff
push -1
and dword [ebx], ~3
or eax, 1 << 31
`,
  'SSE and friends': `bits 64
movaps xmm0, [rax]
movups [rax + 8], xmm9
pxor xmm1, xmm1
cvtsi2sd xmm0, ecx
cvttss2si rax, xmm3
pshufd xmm0, xmm1, 0x4e
shufps xmm0, xmm2, 1
cmpeqps xmm0, xmm1
pcmpistri xmm0, xmm1, 12
aesenc xmm0, xmm1
movd mm0, eax
emms
prefetcht0 [rax]
clflush [rax]
ldmxcsr [rax]
sfence
crc32 eax, byte [rbx]
popcnt rax, rbx
`,
  'a label without a colon': `one db 1
two times 2 db 2
three resb 1
four equ 4
db four
dw one, two, three
`,
  dup: `db 3 dup (1), 2 dup (2, 'x')
dw 2 dup (?)
dd 2 dup (1, 2 dup (3))
db 4 dup 5
`,
};
