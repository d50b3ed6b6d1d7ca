/** The VMX instructions as machine code: success, failure, error numbers. SDM volume 3C, "VMX Instruction Reference". */
import { describe, expect, it } from 'vitest';
import { VMCS_REVISION } from '../../cpu/vmx/format.ts';
import { report } from './run-guest.ts';

/** Protected mode with CR4.VMXE and FEATURE_CONTROL set, and regions with the right revision. */
const PROLOGUE = `
%include "protected.inc"
VMXON_REGION equ 0x20000
REGION_A     equ 0x21000
REGION_B     equ 0x22000

%macro outcome 0                        ; CF, ZF, and the error if there is a current VMCS
        call show_outcome
%endmacro

start:  enter_protected
        mov ecx, 0x3a
        rdmsr
        or eax, 5
        wrmsr
        mov eax, cr0
        or eax, 0x80000021              ; PG, NE, PE
        mov dword [0x30000], 0x87       ; the first 4 MiB to themselves
        mov ebx, 0x30000
        mov cr3, ebx
        mov ebx, cr4
        or ebx, 0x2010                  ; VMXE, PSE
        mov cr4, ebx
        mov cr0, eax
        mov dword [VMXON_REGION], ${VMCS_REVISION}
        mov dword [REGION_A], ${VMCS_REVISION}
        mov dword [REGION_B], ${VMCS_REVISION}
`;
const EPILOGUE = `
        finish
show_outcome:
        pushfd
        jc .carry
        jz .zero
        say " ok"
        popfd
        ret
.carry: say " invalid"
        popfd
        ret
.zero:  push eax
        push ecx
        mov ecx, 0x4400
        vmread eax, ecx
        say " error"
        value eax
        pop ecx
        pop eax
        popfd
        ret
vmxon_region:   dd VMXON_REGION, 0
region_a:       dd REGION_A, 0
region_b:       dd REGION_B, 0
unaligned:      dd REGION_A + 8, 0
beyond:         dd 0, 0x100
stored:         dd 0, 0
all:            dd 0, 0, 0, 0
`;
const say = (program: string) => report(`${PROLOGUE}${program}\n newline${EPILOGUE}`).join('\n').trim();

const ON = 'vmxon [vmxon_region]\n';
const CURRENT = `${ON} vmclear [region_a]\n vmptrld [region_a]\n`;

describe('VMXON', () => {
  it('succeeds once', () => {
    expect(say(`${ON} outcome\n ${ON} outcome\n vmptrld [region_a]\n ${ON} outcome`)).toBe(
      'ok invalid error f',
    );
  });

  it('fails without a valid region', () => {
    expect(
      say(
        'vmxon [unaligned]\n outcome\n vmxon [beyond]\n outcome\n inc dword [VMXON_REGION]\n vmxon [vmxon_region]\n outcome',
      ),
    ).toBe('invalid invalid invalid');
  });

  it('is undefined without CR4.VMXE, and so is everything else without VMXON', () => {
    expect(say('mov eax, cr4\n and eax, ~0x2000\n mov cr4, eax\n check "vmxon", vmxon [vmxon_region]')).toBe(
      'vmxon: #UD',
    );
    for (const instruction of [
      'vmxoff',
      'vmptrld [region_a]',
      'vmread eax, ebx',
      'vmlaunch',
      'vmcall',
      'invept eax, [all]',
    ]) {
      expect(say(`check "it", ${instruction}`)).toBe('it: #UD');
    }
  });

  it('raises #GP above CPL 0, and so does everything else', () => {
    expect(say(`${ON} check_user "vmxoff", vmxoff\n check_user "vmread", vmread eax, ebx`)).toBe(
      'vmxoff: #GP(0)\nvmread: #GP(0)',
    );
  });

  it('fixes CR0 and CR4 until VMXOFF', () => {
    const clear = (register: string, bit: string) =>
      `mov eax, ${register}\n and eax, ~${bit}\n check "${register}", mov ${register}, eax\n`;
    expect(
      say(`${ON} ${clear('cr0', '0x20')} ${clear('cr4', '0x2000')} vmxoff\n ${clear('cr4', '0x2000')}`),
    ).toBe('cr0: #GP(0)\ncr4: #GP(0)\ncr4: ok');
  });
});

describe('the current VMCS', () => {
  it('is chosen by VMPTRLD, told by VMPTRST, and given up by VMCLEAR', () => {
    const show = 'vmptrst [stored]\n value [stored]\n digits [stored + 4]\n';
    expect(
      say(
        `${ON} ${show} vmptrld [region_a]\n ${show} vmclear [region_b]\n ${show} vmclear [region_a]\n ${show}`,
      ),
    ).toBe('ffffffffffffffff 210000 210000 ffffffffffffffff');
  });

  it('VMPTRLD fails for bad addresses, the VMXON region, and another revision', () => {
    const load = (operand: string) => `vmptrld [${operand}]\n outcome\n`;
    expect(
      say(
        `${CURRENT} ${load('unaligned')} ${load('beyond')} ${load('vmxon_region')} inc dword [REGION_B]\n ${load('region_b')}`,
      ),
    ).toBe('error 9 error 9 error a error b');
  });

  it('VMCLEAR fails for bad addresses and the VMXON region', () => {
    const clear = (operand: string) => `vmclear [${operand}]\n outcome\n`;
    expect(say(`${CURRENT} ${clear('unaligned')} ${clear('vmxon_region')}`)).toBe('error 2 error 3');
  });
});

describe('VMREAD and VMWRITE', () => {
  const write = (field: string, value: string) =>
    `mov ecx, ${field}\n mov ebx, ${value}\n vmwrite ecx, ebx\n outcome\n`;
  const read = (field: string) => `mov ecx, ${field}\n vmread edx, ecx\n value edx\n`;

  it('keep what is written, cut to the width of the field', () => {
    expect(
      say(
        `${CURRENT} ${write('0x802', '0x12345678')} ${read('0x802')} ${write('0x4002', '0x87654321')} ${read('0x4002')}`,
      ),
    ).toBe('ok 5678 ok 87654321');
  });

  it('reach the upper halves of 64-bit fields outside 64-bit mode', () => {
    expect(
      say(
        `${CURRENT} ${write('0x2010', '0x1111')} ${write('0x2011', '0x2222')} ${read('0x2010')} ${read('0x2011')}`,
      ),
    ).toBe('ok ok 1111 2222');
  });

  it('take memory operands', () => {
    const program = `mov dword [stored], 0xabcd
        mov ecx, 0x681e
        vmwrite ecx, [stored]
        vmread [stored + 4], ecx
        value [stored + 4]`;
    expect(say(CURRENT + program)).toBe('abcd');
  });

  it('fail for fields that do not exist, are read-only, or without a current VMCS', () => {
    expect(say(`${CURRENT} ${write('0x2018', '0')} ${write('0x8000', '0')} ${write('0x4402', '0')}`)).toBe(
      'error c error c error d',
    );
    expect(say(`${ON} ${write('0x802', '0')} mov ecx, 0x802\n vmread edx, ecx\n outcome`)).toBe(
      'invalid invalid',
    );
  });
});

describe('VMLAUNCH and VMRESUME', () => {
  it('fail without a current VMCS, or one in the wrong state', () => {
    expect(
      say(
        `${ON} vmlaunch\n outcome\n vmptrld [region_a]\n vmclear [region_a]\n vmptrld [region_a]\n vmresume\n outcome`,
      ),
    ).toBe('invalid error 5');
  });

  it('fail with controls that are not allowed', () => {
    expect(say(`${CURRENT} vmlaunch\n outcome`)).toBe('error 7');
  });

  it('fail right behind MOV SS', () => {
    expect(say(`${CURRENT} mov ax, ss\n mov ss, ax\n vmlaunch\n outcome`)).toBe('error 1a');
  });
});

describe('the others', () => {
  it('VMCALL in root operation fails', () => {
    expect(say(`${CURRENT} vmcall\n outcome`)).toBe('error 1');
  });

  it('VMFUNC does not exist', () => {
    expect(say(`${ON} check "vmfunc", vmfunc`)).toBe('vmfunc: #UD');
  });

  it('INVEPT and INVVPID check type and descriptor', () => {
    const invalidate = (instruction: string, type: number, lo = '0') =>
      `mov dword [all], ${lo}\n mov eax, ${type}\n ${instruction} eax, [all]\n outcome\n`;
    expect(
      say(
        CURRENT +
          invalidate('invept', 2) +
          invalidate('invept', 0) +
          invalidate('invept', 1, '0x5000') +
          invalidate('invept', 1, '0x501e'),
      ),
    ).toBe('ok error 1c error 1c ok');
    expect(
      say(
        CURRENT +
          invalidate('invvpid', 2) +
          invalidate('invvpid', 1, '0') +
          invalidate('invvpid', 1, '7') +
          invalidate('invvpid', 0, '0x10007') +
          invalidate('invvpid', 4, '7'),
      ),
    ).toBe('ok error 1c ok error 1c error 1c');
  });
});
