/** IOPL and the I/O permission bitmap. SDM volume 1, "I/O Privilege Level" and "I/O Permission Bit Map". */
import { describe, expect, it } from 'vitest';
import { report } from './run-guest.ts';

describe('port accesses', () => {
  it('of CPL 3 need IOPL 3 or clear bits in the bitmap of the TSS', () => {
    expect(
      report(`
%include "protected.inc"
start:  enter_protected
        set_descriptor FREE, TSS_IO, 103 + 33, TSS_32, 0
        mov edi, TSS_IO
        xor eax, eax
        mov ecx, 26
        rep stosd
        mov dword [TSS_IO + 4], FAULT_STACK
        mov dword [TSS_IO + 8], KERNEL_DATA
        mov word [TSS_IO + 102], 104            ; I/O map base
        mov ecx, 8
        mov eax, -1
        rep stosd                               ; ports 0-0FFh refused
        mov byte [edi], 0xff
        btr dword [TSS_IO + 104], 0x80 & 31
        %macro allow 1
        btr dword [TSS_IO + 104 + (%1) / 32 * 4], (%1) & 31
        %endmacro
        allow 0x80
        allow 0x84
        allow 0x85
        allow 0x87
        allow 0xef
        allow 0xff
        mov eax, FREE
        ltr ax
        check_user "allowed byte", {in al, 0x80}
        check_user "refused byte", {in al, 0x81}
        check_user "OUT", {out 0x80, al}
        check_user "refused OUT", {out 0x81, al}
        check_user "word at the first of two allowed", {in ax, 0x84}
        check_user "word at the second", {in ax, 0x85}
        check_user "dword with one refused", {in eax, 0x84}
        mov edx, 0x80
        check_user "by DX", {in al, dx}
        mov edx, 0x1234
        check_user "port beyond the bitmap", {in al, dx}
        mov edi, 0x2000
        mov edx, 0x80
        check_user "INS", {insb}
        mov edx, 0x81
        check_user "refused INS", {insb}
        mov esi, 0x2000
        check_user "refused OUTS", {outsb}
        check_user "last port of the bitmap", {in al, 0xff}
        check_user "word over its end", {in ax, 0xff}
        ; The byte after the last one is read as well: it has to be inside the limit.
        set_descriptor FREE + 8, TSS_IO, 103 + 32, TSS_32, 0
        mov eax, FREE + 8
        ltr ax
        check_user "limit without the byte of ones", {in al, 0xff}
        check_user "a lower port", {in al, 0xef}
        mov word [TSS_IO + 102], 0x200
        check_user "I/O map base beyond the limit", {in al, 0x80}
        check "CPL 0 is not asked", {in al, 0x81}
        say "IOPL 3:"
        catch .end
        push dword USER_DATA
        push dword USER_STACK
        push dword 0x3002
        push dword USER_CODE
        push dword .user
        iretd
.user:  in al, 0x81
        cli
        sti
        cli
        int OK_VECTOR
.end:   newline
        check_user "CLI with IOPL 0", cli
        check_user "STI with IOPL 0", sti
        ; POPF changes IOPL and IF silently, or not at all.
        say "POPF at CPL 3 sets"
        catch .popf
        enter_user .try
.try:   push dword 0x3202
        popfd
        pushfd
        pop ebx
        int OK_VECTOR
.popf:  value ebx
        newline
        finish
TSS_IO  equ 0x3000
`),
    ).toEqual([
      'allowed byte: ok',
      'refused byte: #GP(0)',
      'OUT: ok',
      'refused OUT: #GP(0)',
      'word at the first of two allowed: ok',
      'word at the second: #GP(0)',
      'dword with one refused: #GP(0)',
      'by DX: ok',
      'port beyond the bitmap: #GP(0)',
      'INS: ok',
      'refused INS: #GP(0)',
      'refused OUTS: #GP(0)',
      'last port of the bitmap: ok',
      'word over its end: #GP(0)',
      'limit without the byte of ones: #GP(0)',
      'a lower port: ok',
      'I/O map base beyond the limit: #GP(0)',
      'CPL 0 is not asked: ok',
      'IOPL 3: ok',
      'CLI with IOPL 0: #GP(0)',
      'STI with IOPL 0: #GP(0)',
      'POPF at CPL 3 sets ok 2',
    ]);
  });
});
