/**
 * Exception handlers of the random programs, in guest code. After a fault a program goes on with the
 * instruction behind the one that faulted, which a table knows. After a fault outside the program, and
 * after an NMI, which gets programs out of endless loops, it goes on at its next checkpoint. Traps and
 * interrupts return to where they came from.
 */
import { assemble } from '../../isa/assembler/index.ts';

/** Physical addresses; every mode but real mode maps them for the supervisor. */
export const HANDLER = {
  /** Entry of exception n: 16 n further. Behind: that of everything else. */
  CODE: 0xa000,
  PLAIN: 0xa200,
  /** Offset of the window in the segments; 8 bytes. */
  ORIGIN: 0xb000,
  /** How many of the checkpoints are used up (4 bytes), and the checkpoints: window offsets, 2 bytes each. */
  NEXT: 0xb008,
  CHECKPOINTS: 0xb010,
  CHECKPOINT_COUNT: 64,
  /** Times that each exception came, 4 bytes each. */
  COUNTS: 0xb100,
  /** Resume offsets by offset in the code area; 2 bytes each. */
  RESUME: 0xc000,
} as const;

const EXCEPTIONS = 32;
const WITH_ERROR_CODE = new Set([8, 10, 11, 12, 13, 14, 17]);
/** Breakpoint and overflow: RIP is that of the next instruction already. */
const PLAIN = new Set([3, 4]);
const DEBUG = 1;

interface Dialect {
  readonly bits: 16 | 32 | 64;
  readonly hasErrorCodes: boolean;
  readonly common: string;
  readonly debug: string;
}

/** Lets single-stepping end. */
const TF = '~0x100';

const LONG: Dialect = {
  bits: 64,
  hasErrorCodes: true,
  debug: `and dword [rsp + 16], ${TF}\n iretq`,
  common: `
        push rax
        push rbx
        mov rax, [rsp + 16]
        inc dword [COUNTS + rax * 4]
        cmp eax, 2
        je wild
        mov rax, [rsp + 32]
        sub rax, [ORIGIN]
        cmp rax, 0x2000
        jae wild
        movzx eax, word [RESUME + rax * 2]
go:     add rax, [ORIGIN]
        mov [rsp + 32], rax
        pop rbx
        pop rax
        add rsp, 16
        iretq
wild:   mov ebx, [NEXT]
        movzx eax, word [CHECKPOINTS + rbx * 2]
        inc ebx
        and ebx, 63
        mov [NEXT], ebx
        jmp go`,
};

const PROTECTED: Dialect = {
  bits: 32,
  hasErrorCodes: true,
  debug: `and dword [esp + 8], ${TF}\n iretd`,
  common: `
        push eax
        push ebx
        push ds
        mov eax, 0x10
        mov ds, ax
        mov eax, [ss:esp + 12]
        inc dword [COUNTS + eax * 4]
        cmp eax, 2
        je wild
        mov eax, [ss:esp + 20]
        sub eax, [ORIGIN]
        cmp eax, 0x2000
        jae wild
        movzx eax, word [RESUME + eax * 2]
go:     add eax, [ORIGIN]
        mov [ss:esp + 20], eax
        pop ds
        pop ebx
        pop eax
        add esp, 8
        iretd
wild:   mov ebx, [NEXT]
        movzx eax, word [CHECKPOINTS + ebx * 2]
        inc ebx
        and ebx, 63
        mov [NEXT], ebx
        jmp go`,
};

const REAL: Dialect = {
  bits: 16,
  hasErrorCodes: false,
  debug: `push bp\n mov bp, sp\n and word [bp + 6], ${TF} & 0xffff\n pop bp\n iret`,
  common: `
        push ax
        push bx
        push ds
        push bp
        mov bp, sp
        xor ax, ax
        mov ds, ax
        cmp word [bp + 8], 2
        je wild
        mov bx, [bp + 10]
        cmp word [bp + 12], 0x1000
        jne wild
        cmp bx, 0x2000
        jae wild
        shl bx, 1
        mov bx, [bx + RESUME]
go:     mov [bp + 10], bx
        mov word [bp + 12], 0x1000
        pop bp
        pop ds
        pop bx
        pop ax
        add sp, 2
        iret
wild:   mov ax, [NEXT]
        inc ax
        and ax, 63
        mov bx, [NEXT]
        mov [NEXT], ax
        shl bx, 1
        mov bx, [bx + CHECKPOINTS]
        jmp go`,
};

function stub(vector: number, { hasErrorCodes }: Dialect): string {
  const entry = ' align 16';
  if (PLAIN.has(vector)) return `${entry}\n jmp near plain`;
  if (vector === DEBUG) return `${entry}\n jmp near debug`;
  const code = hasErrorCodes && !WITH_ERROR_CODE.has(vector) ? ' push byte 0\n' : '';
  return `${entry}\n${code} push byte ${vector}\n jmp near common`;
}

function source(dialect: Dialect): string {
  const { bits, common, debug } = dialect;
  return `
        bits ${bits}
        org ${HANDLER.CODE}
        ORIGIN equ ${HANDLER.ORIGIN}
        NEXT equ ${HANDLER.NEXT}
        CHECKPOINTS equ ${HANDLER.CHECKPOINTS}
        COUNTS equ ${HANDLER.COUNTS}
        RESUME equ ${HANDLER.RESUME}
${Array.from({ length: EXCEPTIONS }, (_, n) => stub(n, dialect)).join('\n')}
        align 16
plain:  ${{ 16: 'iret', 32: 'iretd', 64: 'iretq' }[bits]}
debug:  ${debug}
common: ${common}
`;
}

const DIALECTS = { long: LONG, protected: PROTECTED, 'virtual-8086': PROTECTED, real: REAL } as const;

/** Code for HANDLER.CODE. */
export function assembleHandlers(kind: keyof typeof DIALECTS): Uint8Array {
  const { bytes, errors } = assemble(source(DIALECTS[kind]), { file: 'handlers.asm' });
  if (errors.length > 0)
    throw new Error(errors.map((e) => `handlers.asm:${e.line}: ${e.message}`).join('\n'));
  return bytes;
}
