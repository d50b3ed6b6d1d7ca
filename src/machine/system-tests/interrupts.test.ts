/** External interrupts: timers, local APIC, HLT, shadows, NMI. SDM volume 3A, "Advanced Programmable Interrupt Controller". */
import { describe, expect, it } from 'vitest';
import { report, runGuest } from './run-guest.ts';

/** 64-bit mode with the local APIC's registers in reach, and an interrupt handler that counts. */
const MACROS = `
%include "long.inc"
APIC     equ 0xfee00000
SPURIOUS equ APIC + 0xf0
EOI      equ APIC + 0xb0
TPR      equ APIC + 0x80
ICR      equ APIC + 0x300
TIMER    equ APIC + 0x320
LINT0    equ APIC + 0x350
INITIAL  equ APIC + 0x380
CURRENT  equ APIC + 0x390
DIVIDE   equ APIC + 0x3e0
SELF     equ 1 << 18                    ; destination shorthand in the ICR
VECTOR   equ 0x40

%macro apic 2                           ; writes a register
        mov edx, %1
        mov dword [rdx], %2
%endmacro

%macro enter_with_apic 0
        enter_long
        mov dword [abs PDPT + 24], 0xc0000083
        apic SPURIOUS, 0x1ff
        set_interrupt VECTOR, KERNEL_CODE, at(on_interrupt), INTERRUPT_64, 0
        set_interrupt VECTOR + 0x10, KERNEL_CODE, at(on_interrupt), INTERRUPT_64, 0
        mov al, 0xff                    ; all interrupts of the PIC masked
        out 0x21, al
        out 0xa1, al
%endmacro
bits 64
on_interrupt:
        push rax
        mov eax, EOI
        mov dword [rax], 0
        inc dword [count]
        mov rax, [rsp + 8]
        mov [interrupted], rax
        rdtsc
        mov [when], eax
        pop rax
        iretq
count:       dq 0
when:        dd 0
interrupted: dq 0
bits 16
`;

describe('the local APIC timer', () => {
  it('interrupts once or periodically, and wakes from HLT', () => {
    expect(
      report(`${MACROS}
start:  enter_with_apic
        apic DIVIDE, 0xb                ; by 1
        apic TIMER, VECTOR
        rdtsc
        mov ebx, eax
        apic INITIAL, 10000
        sti
        hlt
        cli
        say "one shot: count"
        value [count]
        mov eax, [when]
        sub eax, ebx
        sub eax, 10000
        cmp eax, 1000
        setb al
        movzx eax, al
        say ", in time"
        value rax
        mov eax, CURRENT
        mov eax, [rax]
        say ", left"
        value rax
        newline
        apic TIMER, VECTOR | 1 << 17
        apic DIVIDE, 0                  ; by 2
        rdtsc
        mov ebx, eax
        apic INITIAL, 5000
        sti
        mov ecx, 5
.wait:  hlt
        dec ecx
        jnz .wait
        cli
        apic INITIAL, 0
        say "periodic: count"
        value [count]
        mov eax, [when]
        sub eax, ebx
        sub eax, 50000
        cmp eax, 1000
        setb al
        movzx eax, al
        say ", in time"
        value rax
        newline
        ; Masked: counts, does not interrupt
        apic TIMER, VECTOR | 1 << 16
        apic INITIAL, 1000
.poll:  mov eax, CURRENT
        cmp dword [rax], 0
        jne .poll
        sti
        nop
        nop
        cli
        say "masked: count"
        value [count]
        newline
        finish
`),
    ).toEqual(['one shot: count 1, in time 1, left 0', 'periodic: count 6, in time 1', 'masked: count 6']);
  });
});

describe('the PIT', () => {
  it('interrupts by way of the PIC at its rate', () => {
    expect(
      report(
        `
%include "protected.inc"
start:  enter_protected
        set_interrupt 0x20, KERNEL_CODE, at(tick), INTERRUPT_32
        mov esi, .sequence
.next:  lodsw
        test ax, ax
        jz .running
        movzx edx, ah
        out dx, al
        jmp .next
.sequence:
        db 0x11, 0x20, 0x20, 0x21, 4, 0x21, 1, 0x21             ; ICW1-4, vector 20h
        db 0xfe, 0x21                                           ; IRQ 0 only
        db 0x34, 0x43, 1193 & 0xff, 0x40, 1193 >> 8, 0x40       ; channel 0, rate generator, 1 ms
        dw 0
.running:
        sti
        hlt                             ; the first tick begins a period
        rdtsc
        mov ebx, eax
        mov dword [ticks], 0
.wait:  hlt
        cmp dword [ticks], 10
        jb .wait
        cli
        rdtsc
        sub eax, ebx                    ; 10 ms at 100 MHz are a million cycles
        sub eax, 1000000 - 2000
        cmp eax, 4000
        setb al
        movzx eax, al
        value eax
        newline
        finish
tick:   push eax
        inc dword [ticks]
        mov al, 0x20
        out 0x20, al
        pop eax
        iretd
ticks:  dd 0
`,
        { hz: 100_000_000 },
      ),
    ).toEqual([' 1']);
  });
});

describe('interrupts are held off', () => {
  it('for one instruction by STI and MOV SS, and by CR8', () => {
    expect(
      report(`${MACROS}
%macro pend 0
        apic ICR, SELF | VECTOR         ; an interrupt to oneself, pending while IF = 0
%endmacro
%macro where 2
        mov rax, [interrupted]
        mov edx, %2
        sub rax, rdx
        say %1, ": count"
        value [count]
        say ", at +"
        digits rax
        newline
%endmacro
start:  enter_with_apic
        pend
        sti
.sti:   nop
        nop
        cli
        where "STI", .sti
        pend
        sti
        cli                             ; the shadow covers CLI: nothing is delivered
        nop
        say "STI, CLI: count"
        value [count]
        newline
        sti
.again: sti                             ; IF was 1 already: no new shadow
        nop
        cli
        where "STI twice", .again
        pend
        mov eax, KERNEL_DATA
        pushfq
        bts qword [rsp], 9
        popfq
.popf:  nop
        cli
        where "POPF", .popf
        pend
        sti
        mov ss, eax
.ss:    mov rsp, KERNEL_STACK
        nop
        cli
        where "MOV SS", .ss
        ; CR8 is the task priority: classes up to its value wait
        mov eax, VECTOR >> 4
        mov cr8, rax
        pend
        sti
        nop
        nop
        say "CR8 = 4: count"
        value [count]
        mov eax, TPR
        mov eax, [rax]
        value rax
        newline
        mov eax, (VECTOR >> 4) - 1
        mov cr8, rax
.cr8:   nop
        cli
        where "CR8 = 3", .cr8
        ; HLT behind STI does not miss the interrupt
        pend
        sti
        hlt
.hlt:   cli
        where "STI, HLT", .hlt
        ; The higher of two vectors is first.
        pend
        apic ICR, SELF | VECTOR + 0x10
        set_interrupt VECTOR, KERNEL_CODE, at(.low), INTERRUPT_64, 0
        set_interrupt VECTOR + 0x10, KERNEL_CODE, at(.high), INTERRUPT_64, 0
        sti
        nop
        nop
        cli
        newline
        finish
.low:   say " low"
        jmp .eoi
.high:  say " high"
.eoi:   push rax
        mov eax, EOI
        mov dword [rax], 0
        pop rax
        iretq
`),
    ).toEqual([
      'STI: count 1, at +1',
      'STI, CLI: count 1',
      'STI twice: count 2, at +1',
      'POPF: count 3, at +0',
      'MOV SS: count 4, at +5',
      'CR8 = 4: count 4 40',
      'CR8 = 3: count 5, at +0',
      'STI, HLT: count 6, at +0',
      ' high low',
    ]);
  });
});

describe('NMI', () => {
  it('ignores IF, wakes from HLT, and blocks itself until IRET', () => {
    expect(
      report(`${MACROS}
NMI     equ 4 << 8                      ; to processor 0; the shorthand for oneself is not for NMIs
start:  enter_with_apic
        set_interrupt 2, KERNEL_CODE, at(on_nmi), INTERRUPT_64, 0
        say "one:"
        apic ICR, NMI
        nop
        newline
        say "nested:"
        mov byte [again], 1
        apic ICR, NMI
        nop
        newline
        say "HLT:"
        apic LINT0, 4 << 8              ; the PIC's interrupts as NMIs
        mov esi, .sequence
.next:  lodsw
        test ax, ax
        jz .wait
        movzx edx, ah
        out dx, al
        jmp .next
.sequence:
        db 0x11, 0x20, 0x20, 0x21, 4, 0x21, 1, 0x21     ; ICW1-4
        db 0xfe, 0x21                                   ; IRQ 0 only
        db 0x30, 0x43, 0, 0x40, 1, 0x40                 ; PIT channel 0, once, after 256 ticks
        dw 0
.wait:  hlt                             ; IF = 0
        say " awake"
        newline
        finish
on_nmi: push rdx
        say " in"
        cmp byte [again], 0
        je .end
        mov byte [again], 0
        apic ICR, NMI                   ; stays pending
        nop
        say " still in"
.end:   say " out"
        pop rdx
        iretq
again:  db 0
`),
    ).toEqual(['one: in out', 'nested: in still in out in out', 'HLT: in out awake']);
  });
});

describe('HLT', () => {
  it('with interrupts off and no NMI to come ends the run, as nothing can happen any more', () => {
    const { stop, computer } = runGuest(`
start:  cli
        hlt
        finish
`);
    expect(stop).toEqual({ kind: 'waiting' });
    expect(computer.instructions).toBeLessThan(10);
  });

  it('costs no instructions: time jumps to the next timer', () => {
    const { stop, computer } = runGuest(`${MACROS}
start:  enter_with_apic
        apic DIVIDE, 0xb
        apic TIMER, VECTOR
        apic INITIAL, 10000000
        sti
        hlt
        finish
`);
    expect(stop).toEqual({ kind: 'exit', status: 1 });
    expect(computer.now).toBeGreaterThan(10_000_000);
    expect(computer.instructions).toBeLessThan(50_000);
  });
});
