/** Order of exceptions, and what follows when one cannot be delivered. SDM volume 3A, "Interrupt and Exception Handling". */
import { describe, expect, it } from 'vitest';
import { report, runGuest } from './run-guest.ts';

/** Vectors of the events of a triple fault, first to last. */
function chain(source: string): number[] {
  const { stop, output } = runGuest(source);
  if (stop.kind !== 'crash' || stop.reason.kind !== 'triple-fault')
    throw new Error(JSON.stringify(stop) + output);
  return stop.reason.chain.map(({ vector }) => vector);
}

describe('double faults', () => {
  it('come from pairs of contributory exceptions', () => {
    expect(
      report(`
%include "protected.inc"
%macro without 2+                       ; vector: its gate is absent
        mov byte [IDT + %1 * 8 + 5], INTERRUPT_32 ^ ABSENT
        %2
        mov byte [IDT + %1 * 8 + 5], INTERRUPT_32
%endmacro
start:  enter_protected
        xor ecx, ecx
        mov ebx, GDT_END
        without 0, check "#DE, then #NP", {div ecx}
        without 13, check "#GP, then #NP", {mov fs, bx}
        without 6, check "#UD, then #NP", ud2
        without 3, check "#BP, then #NP", int3
        set_interrupt 0, KERNEL_DATA, 0, INTERRUPT_32
        check "#DE, then #GP", {div ecx}
        set_interrupt 6, KERNEL_DATA, 0, INTERRUPT_32
        check "#UD, then #GP", ud2
        set_interrupt 0x40, KERNEL_CODE, at(returns), INTERRUPT_32 ^ ABSENT
        check "INT n, then #NP", int 0x40
        finish
returns: iretd
`),
    ).toEqual([
      '#DE, then #NP: #DF(0)',
      '#GP, then #NP: #DF(0)',
      '#UD, then #NP: #NP(33)',
      '#BP, then #NP: #NP(1a)',
      '#DE, then #GP: #DF(0)',
      '#UD, then #GP: #GP(11)',
      'INT n, then #NP: #NP(202)',
    ]);
  });

  it('come from page faults before contributory exceptions and page faults, not the other way round', () => {
    expect(
      report(`
%include "protected.inc"
PAGES   equ 0x20000
start:  enter_protected
        mov edi, PAGES                  ; one table, one to one; 300000h is absent
        xor eax, eax
        mov ecx, 0x1000 / 4
        rep stosd
        mov dword [PAGES], PAGES + 0x1000 + 3
        mov eax, 3
.page:  stosd
        add eax, 0x1000
        cmp eax, 0x300003
        jb .page
        mov eax, PAGES
        mov cr3, eax
        mov eax, cr0
        or eax, 1 << 31
        mov cr0, eax
        check "#PF", {mov al, [0x300000]}
        mov byte [IDT + 14 * 8 + 5], INTERRUPT_32 ^ ABSENT
        check "#PF, then #NP", {mov al, [0x300000]}
        mov byte [IDT + 14 * 8 + 5], INTERRUPT_32
        ; The gate of #GP in an absent page, that of #PF in the next one: handled one after the other.
        mov esi, IDT + 14 * 8
        mov edi, 0x2ff000
        mov ecx, 8
        rep movsb
        mov dword [PAGES + 0x1000 + 0x2fe * 4], 0
        lidt [high_idt]
        mov ebx, GDT_END
        check "#GP, then #PF", {mov fs, bx}
        finish
high_idt:
        dw 0x7ff
        dd 0x2ff000 - 14 * 8
`),
    ).toEqual(['#PF: #PF(0) at 300000', '#PF, then #NP: #DF(0)', '#GP, then #PF: #PF(0) at 2feff8']);
  });
});

describe('triple faults', () => {
  it('stop the processor and name the chain', () => {
    expect(
      chain(`
%include "protected.inc"
start:  enter_protected
        lidt [empty]
        ud2
empty:  dw 0
        dd 0
`),
    ).toEqual([6, 13, 13, 8, 13]);
    expect(
      chain(`
%include "protected.inc"
start:  enter_protected
        mov byte [IDT + 13 * 8 + 5], INTERRUPT_32 ^ ABSENT
        mov byte [IDT + 8 * 8 + 5], 0
        int 0x60
`),
    ).toEqual([13, 11, 8, 13]);
  });
});

describe('one instruction with several reasons to fault', () => {
  it('reports the first in the order of the manual', () => {
    expect(
      report(`
%include "protected.inc"
PAGES   equ 0x20000
start:  enter_protected
        mov edi, PAGES                  ; one table, one to one; 300000h is absent
        xor eax, eax
        mov ecx, 0x1000 / 4
        rep stosd
        mov dword [PAGES], PAGES + 0x1000 + 7
        mov eax, 7
.page:  stosd
        add eax, 0x1000
        cmp eax, 0x300007
        jb .page
        mov eax, PAGES
        mov cr3, eax
        mov eax, cr0
        or eax, 1 << 31 | 1 << 18       ; PG, AM
        mov cr0, eax

        set_descriptor FREE, 0x300000, 0xfff, DATA_RW | RING_3, 4
        mov eax, FREE | 3
        mov fs, eax
        check "limit before page", {mov eax, [fs:0xffe]}
        check "page alone", {mov eax, [fs:0xffc]}
        check_user "privilege before operand", {lgdt [0x300000]}
        check_user "undefined before privilege", {mov eax, cr1}
        check_user "HLT", hlt
        check_user "IN before its port", {in al, 0x81}
        check_user "INS: port before memory", {call ins_absent}
        mov eax, cr0
        or eax, 1 << 3
        mov cr0, eax
        check "#NM before memory", {fld dword [0x300000]}
        check "#NM of SSE without OSFXSR is #UD", {addps xmm0, [0x300000]}
        clts
        check "LOCK on a load", {db 0xf0, 0x8b, 0x05, 0, 0, 0x30, 0}
        check "divide: memory before quotient", {div dword [0x300000]}
        check "PUSH of an absent operand", {push dword [0x300000]}
        check "instruction of 16 bytes", {db 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90}
        check "instruction of 15 bytes", {db 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90}
        check_user "alignment", {call misaligned}
        check "alignment is of CPL 3", {call misaligned}
        mov edi, 0x2ffffe
        check "store into an absent page", {mov dword [edi], -1}
        value [0x2ffffc]
        newline
        finish
ins_absent:
        mov edi, 0x300000
        mov edx, 0x81
        insb
misaligned:
        push dword 1 << 18 | 2
        popfd
        mov eax, [0x2002]
        push dword 2
        popfd
        ret
`),
    ).toEqual([
      'limit before page: #GP(0)',
      'page alone: #PF(0) at 300ffc',
      'privilege before operand: #GP(0)',
      'undefined before privilege: #UD',
      'HLT: #GP(0)',
      'IN before its port: #GP(0)',
      'INS: port before memory: #GP(0)',
      '#NM before memory: #NM',
      '#NM of SSE without OSFXSR is #UD: #UD',
      'LOCK on a load: #UD',
      'divide: memory before quotient: #PF(0) at 300000',
      'PUSH of an absent operand: #PF(0) at 300000',
      'instruction of 16 bytes: #GP(0)',
      'instruction of 15 bytes: ok',
      'alignment: #AC(0)',
      'alignment is of CPL 3: ok',
      'store into an absent page: #PF(2) at 300000',
      ' 0',
    ]);
  });
});
