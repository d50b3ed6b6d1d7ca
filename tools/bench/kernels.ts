/**
 * The guest programs that the interpreter's speed is measured with: 64-bit code, called once, without
 * system instructions, so that the same bytes also run natively. They may use the 1 MiB from DATA on
 * and every register but RSP, RBX, RBP and R12 to R15.
 */

export const CODE = 0x0100_0000;
export const DATA = 0x0110_0000;

/** Source texts by name; each is the body of a function. */
export const KERNELS: Readonly<Record<string, string>> = {
  'integer loop': `
        mov ecx, 12000000
        xor eax, eax
        mov edx, 1
.next:  add eax, edx
        lea edx, [rdx + rax * 2 + 7]
        xor eax, ecx
        shr edx, 1
        and edx, 0xffffff
        dec ecx
        jnz .next
        ret`,
  sort: `
        mov r11d, 40                    ; passes over a fresh random array of 500 numbers, insertion sort
.pass:  mov edi, DATA
        mov ecx, 500
        mov eax, 12345
.fill:  imul eax, eax, 1103515245
        add eax, 12345
        mov [rdi], eax
        add edi, 4
        dec ecx
        jnz .fill
        mov esi, DATA + 4
.outer: mov eax, [rsi]
        mov rdi, rsi
.inner: cmp rdi, DATA
        jbe .place
        mov edx, [rdi - 4]
        cmp edx, eax
        jbe .place
        mov [rdi], edx
        sub rdi, 4
        jmp .inner
.place: mov [rdi], eax
        add rsi, 4
        cmp rsi, DATA + 2000
        jb .outer
        dec r11d
        jnz .pass
        ret`,
  'pointer chasing': `
        mov edi, DATA                   ; a ring of 4,096 nodes, 64 bytes apart, each 1,027 nodes further on
        xor ecx, ecx
.build: lea eax, [rcx + 1027]
        and eax, 4095
        shl eax, 6
        add eax, DATA
        mov [rdi], rax
        add edi, 64
        inc ecx
        cmp ecx, 4096
        jb .build
        mov rax, DATA
        mov ecx, 8000000
.chase: mov rax, [rax]
        dec ecx
        jnz .chase
        ret`,
  calls: `
        mov ecx, 3000000
        xor eax, eax
.next:  mov edi, ecx
        call .outer
        dec ecx
        jnz .next
        ret
.outer: push rbx
        mov ebx, edi
        call .leaf
        add eax, ebx
        pop rbx
        ret
.leaf:  lea eax, [rdi + rax]
        ret`,
  'byte-code interpreter': `
        mov esi, DATA                   ; eight operations, over and over; one ends the program
        mov ecx, 4096
        mov eax, 7
.fill:  imul eax, eax, 13
        add eax, 5
        mov edx, eax
        shr edx, 4
        and edx, 7
        mov [rsi], dl
        inc esi
        dec ecx
        jnz .fill
        mov byte [rsi], 8
        mov r11d, 600
.again: mov esi, DATA
        jmp .fetch
.op0:   add eax, 3
        jmp .fetch
.op1:   xor eax, edx
        jmp .fetch
.op2:   mov edx, eax
        jmp .fetch
.op3:   sub eax, edx
        jmp .fetch
.op4:   ror eax, 5
        jmp .fetch
.op5:   inc edx
        jmp .fetch
.op6:   not eax
        jmp .fetch
.op7:   imul eax, edx
.fetch: movzx ecx, byte [rsi]
        inc esi
        lea rdi, [rel .table]
        jmp [rdi + rcx * 8]
.op8:   dec r11d
        jnz .again
        ret
        align 8
.table: dq .op0, .op1, .op2, .op3, .op4, .op5, .op6, .op7, .op8`,
  'hash rounds': `
        mov ecx, 3000000
        mov eax, 0x6a09e667
        mov edx, 0xbb67ae85
        mov esi, 0x3c6ef372
.next:  mov edi, eax
        rol edi, 5
        mov r8d, edx
        and r8d, esi
        mov r9d, edx
        not r9d
        and r9d, eax
        or r8d, r9d
        add edi, r8d
        add edi, ecx
        mov esi, edx
        mov edx, eax
        ror edx, 2
        mov eax, edi
        dec ecx
        jnz .next
        ret`,
  '64-bit arithmetic': `
        mov ecx, 4000000
        mov rax, 0x9e3779b97f4a7c15
        mov rsi, rax
.next:  mov rdx, rax
        shr rdx, 30
        xor rax, rdx
        imul rax, rsi
        mov rdx, rax
        shr rdx, 27
        xor rax, rdx
        adc rsi, rax
        dec rcx
        jnz .next
        ret`,
  'memory copy': `
        mov r11d, 400
.pass:  mov esi, DATA
        mov edi, DATA + 0x40000
        mov ecx, 4096
.next:  mov rax, [rsi]
        mov rdx, [rsi + 8]
        mov [rdi], rax
        mov [rdi + 8], rdx
        add rsi, 16
        add rdi, 16
        dec ecx
        jnz .next
        dec r11d
        jnz .pass
        ret`,
  'string instructions': `
        mov r11d, 60                    ; fill, encode byte by byte, compare, look for a byte that is not there
.pass:  mov edi, DATA
        mov ecx, 8192
        mov al, 0x41
        rep stosb
        mov esi, DATA
        mov edi, DATA + 0x40000
        mov ecx, 8192
.next:  lodsb
        xor al, 0x20
        stosb
        dec ecx
        jnz .next
        mov esi, DATA + 0x40000
        mov edi, DATA + 0x40001
        mov ecx, 8191
        repe cmpsb
        mov edi, DATA
        mov ecx, 8192
        xor eax, eax
        repne scasb
        dec r11d
        jnz .pass
        ret`,
};
