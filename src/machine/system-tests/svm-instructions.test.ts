/** The SVM instructions and MSRs as machine code: which there are, and what they raise. */
import { describe, expect, it } from 'vitest';
import { VMCB } from '../../arch/vmcb.ts';
import { report } from './run-guest.ts';
import { runSvm } from './svm-run.ts';

const PROLOGUE = `%include "long.inc"
bits 16
start:  enter_long`;
const lines = (source: string, withhold: readonly string[] = []) =>
  report(`${PROLOGUE}\n${source}\n finish`, { virtualization: 'amd-v', withhold });
const SVME = 'set_msr EFER, 0x1d01';
const ALL = ['vmrun', 'vmload', 'vmsave', 'stgi', 'clgi', 'invlpga'];
const checks = (names: readonly string[], before = '') =>
  names.map((name) => `${before}\n check "${name}", ${name}`).join('\n');

describe('the instructions', () => {
  it('are undefined without EFER.SVME', () => {
    expect(lines(checks([...ALL, 'vmmcall']))).toEqual([...ALL, 'vmmcall'].map((name) => `${name}: #UD`));
  });

  it('are undefined on a processor with VT-x, as the VMX instructions are on this one', () => {
    expect(report(`${PROLOGUE}\n${checks(ALL)}\n finish`)).toEqual(ALL.map((name) => `${name}: #UD`));
    expect(lines(`${SVME}\n check "vmxoff", vmxoff\n check "vmcall", vmcall`)).toEqual([
      'vmxoff: #UD',
      'vmcall: #UD',
    ]);
  });

  it('need CPL 0', () => {
    const users = ALL.map((name) => `check_user "${name}", ${name}`).join('\n');
    expect(lines(`${SVME}\n${users}`)).toEqual(ALL.map((name) => `${name}: #GP(0)`));
  });

  it('VMMCALL is undefined outside of a guest', () => {
    expect(lines(`${SVME}\n check "vmmcall", vmmcall`)).toEqual(['vmmcall: #UD']);
  });

  it.each(['vmrun', 'vmload', 'vmsave'])('%s takes a page within the physical-address width', (name) => {
    const source = `${SVME}
      ${checks([name], 'mov eax, 0x100008')}
      ${checks([name], 'mov rax, 1 << 40')}
      ${checks([name], 'mov rax, -4096')}`;
    expect(lines(source)).toEqual(Array(3).fill(`${name}: #GP(0)`));
  });

  it('VMLOAD of no RAM stops the computer', () => {
    expect(() => lines(`${SVME}\n mov rax, 1 << 39\n vmload`)).toThrow(/VMLOAD of a page outside RAM/);
  });

  it('VMSAVE and VMLOAD move what VMRUN leaves', () => {
    const source = `${SVME}
        set_msr KERNEL_GS_BASE, 0x1111
        set_msr FS_BASE, 0x2222
        set_msr LSTAR, 0x3333
        mov eax, 0x100000
        vmsave
        set_msr KERNEL_GS_BASE, 0
        set_msr FS_BASE, 0
        set_msr LSTAR, 0
        mov dword [abs 0x100000 + ${VMCB.STAR.offset}], 0x4444
        vmload
        mov ecx, KERNEL_GS_BASE
        rdmsr
        value rax
        mov ecx, FS_BASE
        rdmsr
        value rax
        mov ecx, LSTAR
        rdmsr
        value rax
        mov ecx, STAR
        rdmsr
        value rax
        str ax
        value rax
        newline`;
    expect(lines(source)).toEqual([' 1111 2222 3333 4444 38']);
  });
});

describe('MSRs', () => {
  const read = (index: string) => `mov ecx, ${index}\n check "read", rdmsr\n`;
  const write = (index: string, value: string) =>
    `mov ecx, ${index}\n mov eax, ${value}\n xor edx, edx\n check "write", wrmsr\n`;

  it('VM_HSAVE_PA takes pages', () => {
    expect(lines(write('0xc0010117', '0x5000') + write('0xc0010117', '0x5008'))).toEqual([
      'write: ok',
      'write: #GP(0)',
    ]);
  });

  it('VM_CR.SVMDIS keeps EFER.SVME from being set, for good when locked', () => {
    const source = `${write('0xc0010114', '0x18')}
      ${write('0xc0000080', '0x1d01')}
      ${write('0xc0010114', '0')}
      ${write('0xc0000080', '0x1d01')}`;
    expect(lines(source)).toEqual(['write: ok', 'write: #GP(0)', 'write: ok', 'write: #GP(0)']);
  });

  it('SVM in use cannot be disabled, and other bits of VM_CR do not exist', () => {
    expect(lines(`${SVME}\n${write('0xc0010114', '0x10')}${write('0xc0010114', '2')}`)).toEqual([
      'write: #GP(0)',
      'write: #GP(0)',
    ]);
  });

  it("are not there where CPUID shows no SVM, nor are Intel's", () => {
    expect(lines(read('0xc0010117') + write('0xc0000080', '0x1d01'), ['svm'])).toEqual([
      'read: #GP(0)',
      'write: #GP(0)',
    ]);
    expect(lines(read('0x3a') + read('0x480') + read('0x1a0'))).toEqual(Array(3).fill('read: #GP(0)'));
    expect(report(`${PROLOGUE}\n${read('0xc0010114')}${read('0xc0010015')}\n finish`)).toEqual(
      Array(2).fill('read: #GP(0)'),
    );
  });
});

it('CPUID says whose processor it is, and what of SVM there is', () => {
  const source = `
        xor eax, eax
        cpuid
        value rbx
        mov eax, 0x80000001
        cpuid
        and ecx, 4
        value rcx
        mov eax, 0x8000000a
        cpuid
        value rax
        value rbx
        value rdx
        mov eax, 1
        cpuid
        shr ecx, 5
        and ecx, 1
        value rcx
        newline`;
  expect(lines(source)).toEqual([' 68747541 4 1 40 49 0']);
  expect(lines(source, ['svm'])).toEqual([' 68747541 0 0 0 0 0']);
});

describe('SYSCALL and SYSENTER by the rules of AMD', () => {
  it('SYSCALL goes to CSTAR from compatibility mode', () => {
    const source = `
        set_msr STAR, 0x0018000800000000
        set_msr CSTAR, there
        push qword USER_CODE_32
        push qword there32
        jmp go
bits 32
there32: syscall
bits 64
there:  value rcx
        mov rsp, KERNEL_STACK
        say " there", 10
        finish
go:     mov eax, there32 + USER_ALIAS
        push USER_DATA
        push USER_STACK + USER_ALIAS
        push 2
        push USER_CODE_32
        push rax
        iretq`;
    const [line] = lines(source);
    expect(line).toMatch(/^ 4000[\da-f]+ there$/);
  });

  it('SYSENTER and SYSEXIT are undefined in long mode', () => {
    expect(lines('check "sysenter", sysenter\n check "sysexit", sysexit')).toEqual([
      'sysenter: #UD',
      'sysexit: #UD',
    ]);
  });
});

it('a VMRUN that is refused tells VMEXIT_INVALID, which check it was, and nothing of the guest', () => {
  const { exits, svm, guest } = runSvm('start: hlt', { setUp: ({ set }) => set(VMCB.GUEST_ASID, 0) });
  expect(exits).toMatchObject([{ code: -1, info1: 0n, info2: 0n }]);
  expect(svm.failedCheck?.id).toBe('control.asid');
  expect([svm.holdsEvents, svm.inGuest]).toEqual([true, false]);
  expect(guest.vmcb.hi(VMCB.EXITCODE)).toBe(-1);
});
