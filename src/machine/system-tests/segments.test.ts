/** Segment limits, types and privileges of data accesses. SDM volume 3A, "Protection". */
import { describe, expect, it } from 'vitest';
import { report } from './run-guest.ts';

describe('segments', () => {
  it('have limits in bytes and in pages', () => {
    expect(
      report(`
%include "protected.inc"
start:  enter_protected
        set_descriptor FREE, 0x2000, 0xfff, DATA_RW, 4
        set_descriptor FREE + 8, 0x2000, 0, DATA_RW, 8 | 4
        mov eax, FREE
        mov fs, eax
        mov eax, FREE + 8
        mov gs, eax
        check "last byte", {mov al, [fs:0xfff]}
        check "byte behind it", {mov al, [fs:0x1000]}
        check "dword that ends at the limit", {mov eax, [fs:0xffc]}
        check "dword that reaches beyond", {mov eax, [fs:0xffd]}
        check "write beyond", {mov [fs:0x1000], al}
        check "offset FFFFFFFFh", {mov al, [fs:-1]}
        check "dword over the end of 4 GiB", {mov eax, [fs:-2]}
        check "read and write beyond", {add dword [fs:0xffe], 1}
        check "LSS with its selector beyond", {lss esp, [fs:0xffb]}
        check "limit 0 in pages: FFFh", {mov al, [gs:0xfff]}
        check "limit 0 in pages: 1000h", {mov al, [gs:0x1000]}
        mov dword [0x2ffc], 0x12345678  ; the base counts
        mov eax, [fs:0xffc]
        value eax
        newline
        finish
`),
    ).toEqual([
      'last byte: ok',
      'byte behind it: #GP(0)',
      'dword that ends at the limit: ok',
      'dword that reaches beyond: #GP(0)',
      'write beyond: #GP(0)',
      'offset FFFFFFFFh: #GP(0)',
      'dword over the end of 4 GiB: #GP(0)',
      'read and write beyond: #GP(0)',
      'LSS with its selector beyond: #GP(0)',
      'limit 0 in pages: FFFh: ok',
      'limit 0 in pages: 1000h: #GP(0)',
      ' 12345678',
    ]);
  });

  it('may expand down: valid offsets lie above the limit', () => {
    expect(
      report(`
%include "protected.inc"
start:  enter_protected
        set_descriptor FREE, 0, 0xfff, DATA_DOWN, 4
        set_descriptor FREE + 8, 0, 0xfff, DATA_DOWN, 0
        mov eax, FREE
        mov fs, eax
        mov eax, FREE + 8
        mov gs, eax
        check "at the limit", {mov al, [fs:0xfff]}
        check "above it", {mov al, [fs:0x1000]}
        check "dword from below", {mov eax, [fs:0xffd]}
        check "above 64 KiB, D/B set", {mov al, [fs:0x10000]}
        check "at 64 KiB - 1, D/B clear", {mov al, [gs:0xffff]}
        check "word over 64 KiB, D/B clear", {mov ax, [gs:0xffff]}
        check "above 64 KiB, D/B clear", {mov al, [gs:0x10000]}
        finish
`),
    ).toEqual([
      'at the limit: #GP(0)',
      'above it: ok',
      'dword from below: #GP(0)',
      'above 64 KiB, D/B set: ok',
      'at 64 KiB - 1, D/B clear: ok',
      'word over 64 KiB, D/B clear: #GP(0)',
      'above 64 KiB, D/B clear: #GP(0)',
    ]);
  });

  it('have types that say what may be done with them', () => {
    expect(
      report(`
%include "protected.inc"
start:  enter_protected
        set_descriptor FREE, 0, 0xffff, DATA_RO, 4
        set_descriptor FREE + 8, 0, 0xffff, CODE_X, 4
        set_descriptor FREE + 0x10, 0, 0xffff, CODE_R, 4
        mov eax, FREE
        mov fs, eax
        check "read from read-only data", {mov al, [fs:0]}
        check "write to read-only data", {mov [fs:0], al}
        check "read-modify-write", {or byte [fs:0], 0}
        mov eax, FREE + 0x10
        mov fs, eax
        check "read from readable code", {mov al, [fs:0]}
        check "write to readable code", {mov [fs:0], al}
        check "write by CS", {mov [cs:0x2000], al}
        mov eax, FREE + 8
        check "execute-only code in DS", {mov fs, ax}
        say "read by CS of execute-only code:"
        catch .end
        jmp FREE + 8:.execute_only
.execute_only:
        mov al, [cs:0x2000]
.end:   newline
        finish
`),
    ).toEqual([
      'read from read-only data: ok',
      'write to read-only data: #GP(0)',
      'read-modify-write: #GP(0)',
      'read from readable code: ok',
      'write to readable code: #GP(0)',
      'write by CS: #GP(0)',
      'execute-only code in DS: #GP(58)',
      'read by CS of execute-only code: #GP(0)',
    ]);
  });

  it('cannot be used through null selectors', () => {
    expect(
      report(`
%include "protected.inc"
start:  enter_protected
        xor eax, eax
        check "null in FS", {mov fs, ax}
        check "read", {mov al, [fs:0x2000]}
        check "write", {mov [fs:0x2000], al}
        mov eax, 3
        check "null with RPL 3 in GS", {mov gs, ax}
        check "read by it", {mov al, [gs:0]}
        xor eax, eax
        check "null in SS", {mov ss, ax}
        check "null in CS by JMP", {jmp 0:0}
        check "null in CS by CALL", {call 3:0}
        push dword 0
        push dword 0
        check "null in CS by RETF", retf
        check "null in LDTR", {lldt ax}
        check "selector of the LDT then", {mov fs, [null_ldt]}
        check "null in TR", {ltr ax}
        check "null in ES by POP", {pop es}
        check "string instruction with it", stosb
        finish
null_ldt: dw 4
`),
    ).toEqual([
      'null in FS: ok',
      'read: #GP(0)',
      'write: #GP(0)',
      'null with RPL 3 in GS: ok',
      'read by it: #GP(0)',
      'null in SS: #GP(0)',
      'null in CS by JMP: #GP(0)',
      'null in CS by CALL: #GP(0)',
      'null in CS by RETF: #GP(0)',
      'null in LDTR: ok',
      'selector of the LDT then: #GP(4)',
      'null in TR: #GP(0)',
      'null in ES by POP: ok',
      'string instruction with it: #GP(0)',
    ]);
  });

  it('are checked when a segment register is loaded', () => {
    expect(
      report(`
%include "protected.inc"
start:  enter_protected
        set_descriptor FREE, 0, 0xffff, DATA_RW ^ ABSENT, 4
        set_descriptor FREE + 8, 0, 0xffff, DATA_RW | RING_1, 4
        set_descriptor FREE + 0x10, 0, 0xffff, CONFORMING, 4
        set_descriptor FREE + 0x18, 0, 0xffff, TSS_32, 0
        set_descriptor FREE + 0x20, 0, 0xffff, DATA_RO, 4
        %macro load 3
        mov eax, %3
        check %1, {mov %2, ax}
        %endmacro
        load "beyond the GDT", fs, GDT_END
        load "absent in FS", fs, FREE
        load "absent in SS", ss, FREE
        load "DPL 1 in SS", ss, FREE + 8
        load "RPL 1 in SS", ss, KERNEL_DATA | 1
        load "RPL 3 in DS, DPL 0", fs, KERNEL_DATA | 3
        load "RPL 1 in DS, DPL 1", fs, FREE + 8 | 1
        load "code in SS", ss, KERNEL_CODE
        load "read-only data in SS", ss, FREE + 0x20
        load "TSS in DS", fs, FREE + 0x18
        load "conforming code with RPL 3 in DS", fs, FREE + 0x10 | 3
        load "code with RPL 3 in DS", fs, KERNEL_CODE | 3
        mov eax, KERNEL_DATA
        check_user "kernel data in DS at CPL 3", {mov ds, ax}
        mov eax, KERNEL_DATA | 3
        check_user "the same with RPL 3", {mov ds, ax}
        mov eax, FREE + 0x10
        check_user "conforming code in DS at CPL 3", {mov ds, ax}
        mov eax, KERNEL_DATA
        check_user "kernel data in SS at CPL 3", {mov ss, ax}
        check "MOV to CS", {db 0x8e, 0xc8}
        check "MOV to segment register 6", {db 0x8e, 0xf0}
        finish
`),
    ).toEqual([
      'beyond the GDT: #GP(200)',
      'absent in FS: #NP(50)',
      'absent in SS: #SS(50)',
      'DPL 1 in SS: #GP(58)',
      'RPL 1 in SS: #GP(10)',
      'RPL 3 in DS, DPL 0: #GP(10)',
      'RPL 1 in DS, DPL 1: ok',
      'code in SS: #GP(8)',
      'read-only data in SS: #GP(70)',
      'TSS in DS: #GP(68)',
      'conforming code with RPL 3 in DS: ok',
      'code with RPL 3 in DS: #GP(8)',
      'kernel data in DS at CPL 3: #GP(10)',
      'the same with RPL 3: #GP(10)',
      'conforming code in DS at CPL 3: ok',
      'kernel data in SS at CPL 3: #GP(10)',
      'MOV to CS: #UD',
      'MOV to segment register 6: #UD',
    ]);
  });
});
