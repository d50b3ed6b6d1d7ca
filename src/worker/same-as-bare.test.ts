/** Programs that cannot tell a virtual machine from the bare one: same output on both. */
import { describe, expect, it } from 'vitest';
import { EXIT } from '../arch/exit-reasons.ts';
import { runGuest } from '../machine/system-tests/run-guest.ts';
import { TestLab } from './vm-testing.ts';

function compare(source: string): { output: string; exits: (reason: number) => number } {
  const bare = runGuest(source, { limit: 20_000_000 });
  const lab = new TestLab();
  const vm = lab.vm(source);
  lab.run(40_000_000);
  expect(vm.end).toEqual(bare.stop);
  expect(lab.output(vm)).toBe(bare.output);
  return { output: bare.output, exits: (reason) => vm.counters.exits[reason] };
}

const IOAPIC = '0xfec00000';
const WINDOW = '0xfec00010';

describe('memory-mapped registers', () => {
  /** Works on an I/O APIC redirection entry, whose low half keeps bits 7:0 among others. */
  const program = (instructions: string) => `
%include "protected.inc"
start:  enter_protected
        mov dword [${IOAPIC}], 0x12
        mov dword [${WINDOW}], 0x10044
        ${instructions}
        finish
%macro flags 0
        pushfd
        pop eax
        and eax, 0x8d5
        value eax
%endmacro
`;
  const shown = (instruction: string) => `${instruction}
        pushfd
        push eax
        value eax
        mov eax, [${WINDOW}]
        value eax
        mov eax, [esp + 4]
        and eax, 0x8c5                  ; OF SF ZF PF CF
        value eax
        pop eax
        popfd
`;

  it.each([
    'mov eax, 0x10055\n mov [%], eax',
    'mov dword [%], 0x10066',
    'mov eax, [%]',
    'mov ebx, [%]\n mov eax, ebx',
    'mov esi, %\n lodsd',
    'mov edi, %\n mov eax, 0x10077\n stosd',
    'mov esi, %\n mov edi, 0x9000\n movsd\n mov eax, [0x9000]',
    'mov dword [0x9000], 0x100aa\n mov esi, 0x9000\n mov edi, %\n movsd',
    'mov eax, 0x10011\n xchg [%], eax',
    'or dword [%], 3',
    'and dword [%], ~4',
    'xor dword [%], 0x55',
    'add dword [%], 0x33',
    'sub dword [%], 0x33',
    'stc\n adc dword [%], 0x33',
    'stc\n sbb dword [%], 0x33',
    'mov eax, 0x10044\n cmp [%], eax',
    'mov eax, 0x7fffffff\n cmp eax, [%]',
    'mov eax, 5\n add eax, [%]',
    'mov eax, -1\n and eax, [%]',
    'test dword [%], 4',
    'mov eax, 0x80\n test [%], eax',
    'inc dword [%]',
    'stc\n dec dword [%]',
    'not dword [%]\n and dword [%], 0x100ff',
    'neg dword [%]\n and dword [%], 0x100ff',
    'mov eax, -1\n mov eax, [% - 0x10]',
    'mov ecx, 4\n mov eax, [% + ecx * 4 - 16]',
    'o16 mov ax, [%]',
    'movzx eax, byte [0xfee00030]',
    'movsx eax, byte [0xfee00300]',
    'movzx eax, word [0xfee00032]',
    'mov ah, [0xfee00030]',
  ])('%s', (template) => {
    const instruction = template.replaceAll('%', WINDOW);
    const { exits } = compare(program(shown(instruction)));
    expect(exits(EXIT.EPT_VIOLATION)).toBeGreaterThan(3);
  });

  it('with REP, some elements in RAM and some not', () => {
    compare(
      program(`mov ecx, 3
        mov edi, 0x9000
        mov esi, 0xfee00030             ; LVR, then nothing, nothing
        rep movsd
        value ecx
        value esi
        value edi
        value [0x9000]
        value [0x9004]`),
    );
  });

  it('of the local APIC: identification, task priority, vector table', () => {
    const { output } = compare(
      program(`mov eax, [0xfee00020]
        value eax
        mov dword [0xfee00080], 0x35
        mov eax, [0xfee00080]
        value eax
        mov eax, [0xfee000a0]
        value eax
        mov eax, [0xfee00320]
        value eax`),
    );
    expect(output).toBe(' 0 35 35 10000');
  });
});

describe('ports', () => {
  it('one at a time, in all sizes, and by strings', () => {
    const { exits } = compare(`start: mov dx, 0x71
        mov al, 0x0f
        out 0x70, al
        mov al, 0x5a
        out 0x71, al
        in al, 0x71
        value ax
        mov dx, 0xcf8
        mov eax, 0x80000000
        out dx, eax
        mov eax, -1
        in eax, dx
        mov dx, 0xcfc
        in ax, dx
        value ax
        mov si, text
        mov dx, COM1
        mov cx, 6
        cld
        rep outsb
        value si
        value cx
        std
        mov si, text + 5
        mov cx, 6
        rep outsb
        value si
        cld
        mov dx, 0xcfc
        mov di, 0x9000
        mov cx, 2
        rep insw
        value di
        value [0x9000]
        value [0x9002]
        finish
text:   db "string"`);
    expect(exits(EXIT.IO_INSTRUCTION)).toBeGreaterThan(8);
  });
});

describe('interrupts', () => {
  it('from the timer by way of the PIC, with halts between', () => {
    const { output, exits } = compare(`start: cli
        mov word [8 * 4], at(tick)
        mov word [8 * 4 + 2], 0
        mov al, 0x11
        out 0x20, al
        mov al, 8
        out 0x21, al
        mov al, 4
        out 0x21, al
        mov al, 1
        out 0x21, al
        mov al, 0xfe
        out 0x21, al
        mov al, 0x34
        out 0x43, al
        mov al, 0x00
        out 0x40, al
        mov al, 0x10
        out 0x40, al
        xor cx, cx
.wait:  sti
        hlt
        cmp cx, 5
        jb .wait
        cli
        value cx
        finish
tick:   inc cx
        push ax
        mov al, 0x20
        out 0x20, al
        pop ax
        iret`);
    expect(output).toBe(' 5');
    expect(exits(EXIT.HLT)).toBeGreaterThan(3);
  });

  it('that arrive while interrupts are off wait for STI', () => {
    const { exits } = compare(`start: cli
        mov word [0x50 * 4], at(handler)
        mov word [0x50 * 4 + 2], 0
        mov ecx, 0x1b
        rdmsr
        or ax, 0xc00                    ; x2APIC
        wrmsr
        xor edx, edx
        mov ecx, 0x80f
        mov eax, 0x1ff
        wrmsr
        mov ecx, 0x83f                  ; to itself
        mov eax, 0x50
        wrmsr
        say "before "
        sti
        nop
        say "after"
        finish
handler: say "interrupt "
        iret`);
    expect(exits(EXIT.INTERRUPT_WINDOW)).toBe(1);
  });
});

describe('control registers and exceptions', () => {
  it('CR0, CR4 and CR8 read as written', () => {
    compare(`
%include "protected.inc"
start:  enter_protected
        mov eax, cr0
        or eax, 0x10020                 ; WP, NE
        mov cr0, eax
        mov ebx, cr0
        value ebx
        and eax, ~0x20
        mov cr0, eax
        mov ebx, cr0
        value ebx
        mov eax, cr4
        or eax, 0x90
        mov cr4, eax
        mov ebx, cr4
        value ebx
        check "reserved CR4 bit", mov cr4, eax
        check "UD", ud2
        check "MSR", {mov ecx, 0x4000}
        check "RDMSR", rdmsr
        finish`);
  });
});
