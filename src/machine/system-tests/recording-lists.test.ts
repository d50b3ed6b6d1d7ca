/** What a recorder is told of single instructions: the references that the processor made, in their order. */
import { describe, expect, it } from 'vitest';
import { EXIT } from '../../arch/exit-reasons.ts';
import { FIELD } from '../../arch/vmcs.ts';
import type { MicroOperation } from '../../cpu/micro-operations.ts';
import { brief, MARK, recordMarked, recordStep } from './record-steps.ts';
import { loadGuest } from './run-guest.ts';
import { loadVmx, setEptEntry } from './vmx-run.ts';

const lists = (source: string): string[][] =>
  recordMarked(loadGuest(source).computer).map((operations) => operations.map(brief));

/** Without the fetch of the instruction. */
const data = (list: readonly string[] = []): string[] => list.filter((text) => !text.startsWith('fetch'));

/** 4-level paging with a page of its own for data, and one behind it that is absent. */
const LONG = `
%include "long.inc"
PT      equ 0x75000
TARGET  equ 0x40060000
ENTRY   equ PT + 0x60 * 8
start:  enter_long
        mov edi, PT
        xor eax, eax
        mov ecx, 0x1000 / 8
        rep stosq
        mov dword [USER_PD], PT + 7
        mov dword [ENTRY], 0x60003
        mov ebx, TARGET
`;

describe('4-level paging', () => {
  it('reads four entries on a miss, marks them, and none on a hit', () => {
    const [first, second, third] = lists(`${LONG}
        mov dword [0x60010], 0x11223344
        mov rax, cr3
        mov cr3, rax
        ${MARK}
        mov eax, [rbx + 0x10]
        ${MARK}
        mov eax, [rbx + 0x10]
        ${MARK}
        mov word [rbx + 0x10], 0x5566
        finish`);
    expect(data(first)).toEqual([
      'read 40060010 miss',
      'guest 4 70000: 71027',
      'guest 3 71008: 73007',
      'guest 2 73000: 75007',
      'guest 1 75300: 60003',
      'mark 3 A',
      'mark 2 A',
      'mark 1 A',
      'read at 60010/4: 44 33 22 11',
    ]);
    expect(data(second)).toEqual(['read 40060010 hit', 'read at 60010/4: 44 33 22 11']);
    expect(data(third).slice(0, 1)).toEqual(['write 40060010 miss']);
    expect(data(third).slice(5)).toEqual(['mark 1 D', 'write at 60010/2: 66 55']);
  });

  it('walks no tables for a hit', () => {
    const { computer } = loadGuest(`${LONG}
        mov al, [rbx]
        mov [rbx], al
        and dword [ENTRY], ~0x60
        ${MARK}
        mov al, [rbx]
        ${MARK}
        mov [rbx], al
        finish`);
    const [read, write] = recordMarked(computer).map((operations) => data(operations.map(brief)));
    expect([read?.[0], write?.[0]]).toEqual(['read 40060000 hit', 'write 40060000 hit']);
    expect(computer.ram.read(0x75300, 1)[0]).toBe(3);
  });

  it('tells of the fetch', () => {
    const [list] = lists(`${LONG} ${MARK}
        nop
        finish`);
    expect(list).toHaveLength(2);
    expect(list?.[0]).toMatch(/^fetch 8[0-9a-f]{3} hit$/);
    expect(list?.[1]).toMatch(/^fetch at 8[0-9a-f]{3}\/1: 90$/);
  });

  it('walks twice for an access that crosses a page', () => {
    const [list] = lists(`${LONG}
        mov dword [ENTRY + 8], 0x65003
        mov byte [0x60fff], 0xaa
        mov byte [0x65000], 0xbb
        ${MARK}
        mov ax, [rbx + 0xfff]
        finish`);
    const walks = data(list);
    expect(walks.filter((text) => text.startsWith('guest 1'))).toEqual([
      'guest 1 75300: 60003',
      'guest 1 75308: 65003',
    ]);
    expect(walks[0]).toBe('read 40060fff miss');
    expect(walks.at(-1)).toBe('read at 60fff/1 + 65000/1: aa bb');
  });

  it('ends a walk in its middle with the fault and its delivery', () => {
    const [list] = lists(`${LONG}
        catch .after
        ${MARK}
        mov eax, [rbx + 0x2000]
.after: finish`);
    const told = data(list);
    expect(told.slice(3, 8)).toEqual([
      'guest 2 73000: 75007',
      'guest 1 75310: 0',
      '#PF 0 40062000',
      'delivery 14',
      // The gate, upper half first.
      'read 10e8 miss',
    ]);
    expect(told.filter((text) => /^write at .*\/8:/.test(text))).toHaveLength(6);
    expect(told.at(-1)).toMatch(/^write at 7[0-9a-f]+\/8: 00 00/);
  });

  it('tells what an instruction reads before it writes it, and each of its accesses', () => {
    const [add, push] = lists(`${LONG}
        mov dword [rbx], 7
        ${MARK}
        add dword [rbx], 1
        ${MARK}
        push qword [rbx]
        finish`);
    expect(data(add)).toEqual([
      'write 40060000 hit',
      'read at 60000/4: 07 00 00 00',
      'write at 60000/4: 08 00 00 00',
    ]);
    expect(data(push)[0]).toBe('read 40060000 miss');
    expect(data(push)[5]).toBe('read at 60000/8: 08 00 00 00 00 00 00 00');
    expect(data(push).at(-1)).toMatch(/\/8: 08 00 00 00 00 00 00 00$/);
  });
});

describe('alignment checks', () => {
  it('that an instruction turns on are on afterwards', () => {
    const { computer, output } = loadGuest(`
%include "protected.inc"
start:  enter_protected
        mov eax, cr0
        bts eax, 18                     ; CR0.AM
        mov cr0, eax
        check_user "before", {mov eax, [0x2002]}
        check_user "after", {call checked}
        check "at CPL 0", {call checked}
        finish
checked:
        push dword 1 << 18 | 2
        popfd
        mov eax, [0x2002]
        push dword 2
        popfd
        ret`);
    recordMarked(computer);
    expect(output().trim().split('\n')).toEqual(['before: ok', 'after: #AC(0)', 'at CPL 0: ok']);
  });
});

describe('the older paging modes', () => {
  const protectedMode = (tables: string, cr4: number): string => `
%include "protected.inc"
start:  enter_protected
        mov edi, 0x70000
        xor eax, eax
        mov ecx, 0x8000 / 4
        rep stosd
        ${tables}
        mov eax, cr4
        or eax, ${cr4}
        mov cr4, eax
        mov eax, 0x70000
        mov cr3, eax
        mov eax, cr0
        bts eax, 31
        mov cr0, eax
        jmp .paged
.paged: ${MARK}
        mov eax, [0xc00060]
        finish`;

  it('32-bit paging reads two entries of 4 bytes', () => {
    const [list] = lists(
      protectedMode(
        `mov dword [0x70000], 0x71007
        mov dword [0x70000 + 4 * 3], 0x72007
        mov dword [0x72000], 0x60007

%assign page 0
%rep 256
        mov dword [0x71000 + page * 4], page * 4096 + 7
%assign page page + 1
%endrep`,
        0,
      ),
    );
    expect(data(list).slice(0, 3)).toEqual([
      'read c00060 miss',
      'guest 2 7000c: 72007',
      'guest 1 72000: 60007',
    ]);
    expect(data(list).at(-1)).toMatch(/^read at 60060\/4/);
  });

  it('PAE paging begins with a register', () => {
    const [list] = lists(
      protectedMode(
        `mov dword [0x70000], 0x71001
        mov dword [0x71000], 0x87
        mov dword [0x71000 + 8 * 6], 0x72007
        mov dword [0x72000], 0x60007`,
        0x20,
      ),
    );
    expect(data(list).slice(0, 4)).toEqual([
      'read c00060 miss',
      'pdpte',
      'guest 2 71030: 72007',
      'guest 1 72000: 60007',
    ]);
  });
});

describe('events', () => {
  it('an interrupt is delivered as a step of its own', () => {
    const { computer } = loadGuest(`
start:  mov word [0x20 * 4], handler
        mov word [0x20 * 4 + 2], 0
        mov al, 0x11                    ; the interrupt controller: vector 20h for its first line
        out 0x20, al
        mov al, 0x20
        out 0x21, al
        mov al, 4
        out 0x21, al
        mov al, 1
        out 0x21, al
        mov al, 0xfe
        out 0x21, al
        mov al, 0x34                    ; the timer: soon
        out 0x43, al
        mov al, 100
        out 0x40, al
        xor al, al
        out 0x40, al
        sti
        ${MARK}
        jmp $
handler: finish`);
    const steps: string[][] = [];
    for (let i = 0; i < 100_000 && !steps.at(-1)?.includes('delivery 32'); i++) {
      steps.push(recordStep(computer)?.map(brief) ?? []);
    }
    const [delivery] = steps.slice(-1);
    expect(delivery?.map((text) => text.replace(/: .*/, ''))).toEqual([
      'delivery 32',
      'read 80 off',
      'read at 80/4',
      ...['7ffe', '7ffc', '7ffa'].flatMap((sp) => [`write ${sp} off`, `write at ${sp}/2`]),
    ]);
  });
});

describe('under EPT', () => {
  /** Its own code has 4 KiB pages. At each exit the host drops what is cached of EPT. */
  const guest = `${LONG}
OWN     equ 0x76000
        mov edi, OWN
        mov eax, 3
        mov ecx, 512
.page:  mov [rdi], rax
        add edi, 8
        add eax, 0x1000
        loop .page
        mov dword [PD], OWN + 3
        mov rax, cr3
        mov cr3, rax
        mov dword [rbx + 0x10], 7
        ${MARK}
        cpuid
        mov ebx, TARGET
        mov eax, [rbx + 0x10]
        finish`;
  const load = () =>
    loadVmx(guest, {
      onExit: ({ reason }, cpu) => {
        if (reason === EXIT.RDMSR) cpu.gprs[0] = cpu.vmread(FIELD.GUEST_IA32_EFER);
        if (reason === EXIT.WRMSR) cpu.vmwrite(FIELD.GUEST_IA32_EFER, cpu.gprs[0]);
        cpu.invept(2, 0);
        return 'skip';
      },
    }).computer;
  /** The exit, the host, and the first instruction after it. */
  const steps = (): MicroOperation[][] => {
    const computer = load();
    const exit = recordMarked(computer, true)[0] ?? [];
    return [exit, recordStep(computer) ?? [], recordStep(computer) ?? [], recordStep(computer) ?? []];
  };
  const EPT = ['nested 4 102000: 103007', 'nested 3 103000: 104007', 'nested 2 104000: 105007'];

  it('a two-dimensional walk with nothing cached is 24 references', () => {
    const [, , next = [], after = []] = steps();
    expect(next.map(brief).map((text) => text.replace(/(fetch|nested 1) \S+/, '$1'))).toEqual([
      'fetch miss',
      ...[...EPT, 'nested 1 70037', 'guest 4 70000: 71027'],
      ...[...EPT, 'nested 1 71037', 'guest 3 71000: 72023'],
      ...[...EPT, 'nested 1 72037', 'guest 2 72000: 76023'],
      ...[...EPT, 'nested 1 76037', 'guest 1 76040: 8023'],
      ...[...EPT, 'nested 1 8037'],
      expect.stringMatching(/^fetch 8[0-9a-f]{3}\/5: bb 00 00 06 40$/),
    ]);
    expect(next.filter(({ kind }) => kind === 'reference')).toHaveLength(24);
    // Two of its tables have been translated for the fetch.
    expect(data(after.map(brief)).filter((text) => text.startsWith('nested hit'))).toEqual([
      'nested hit 70000',
      'nested hit 71008',
    ]);
  });

  it('an exit saves the guest and loads the host; the handler works, and enters the guest', () => {
    const [exit = [], host = []] = steps();
    expect(exit.map(brief).slice(2)).toEqual(['exit CPUID', 'saved', 'loaded']);
    const [saved, loaded] = exit.slice(-2);
    const rip = exit[1]?.kind === 'transfer' ? exit[1].linear : 0;
    expect(saved?.kind === 'saved' && saved.fields).toEqual(
      expect.arrayContaining([
        { name: 'EXIT_REASON', value: BigInt(EXIT.CPUID) },
        { name: 'EXIT_INSTRUCTION_LENGTH', value: 2n },
        { name: 'GUEST_RIP', value: BigInt(rip) },
      ]),
    );
    expect(loaded?.kind === 'loaded' && loaded.fields).toEqual(
      expect.arrayContaining([{ name: 'HOST_CR4', value: 0x2020n }]),
    );
    const told = host.map(brief);
    expect(told.slice(0, 2)).toEqual(['handler', 'VMREAD EXIT_REASON']);
    expect(told.slice(-5)).toEqual(['INVEPT 0h', 'VMWRITE GUEST_RIP', 'VMRESUME ', 'entry', 'loaded']);
    const entered = host.at(-1);
    expect(entered?.kind === 'loaded' && entered.fields).toEqual(
      expect.arrayContaining([{ name: 'GUEST_RIP', value: BigInt(rip + 2) }]),
    );
  });

  it('a violation ends the walk with an exit', () => {
    const { computer } = loadVmx(`start: ${MARK}\n mov ax, [0x7124]\n finish`, {
      setUp: (cpu) => setEptEntry(cpu, 0x7000, 0),
      onExit: () => 'stop',
    });
    const list = (recordMarked(computer, true)[0] ?? []).map(brief);
    expect(data(list)).toEqual([
      'read 7124 off',
      ...EPT,
      'nested 1 105038: 0',
      'nested fault 7124',
      'exit EPT violation',
      'saved',
      'loaded',
    ]);
  });
});
