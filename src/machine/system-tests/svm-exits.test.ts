/** Instructions that exit, and what the exits report. AMD APM volume 2, "Instruction Intercepts". */
import { describe, expect, it } from 'vitest';
import { CR0, GPR } from '../../arch/registers.ts';
import { IOIO } from '../../arch/svm.ts';
import { SVM_EXIT } from '../../arch/svm-exits.ts';
import { VMCB } from '../../arch/vmcb.ts';
import { type GuestControl, runSvm, STOPPED, SVM_AREA, type SvmOptions } from './svm-run.ts';

/** Exits of a program as [code, length of the instruction, EXITINFO1]. */
function exits(source: string, options: SvmOptions = {}) {
  const { exits, stop, output } = runSvm(`start: ${source}\n finish`, options);
  expect({ stop, output }).toEqual({ stop: { kind: 'exit', status: 1 }, output: '' });
  return exits.map(({ code, rip, nextRip, info1 }) => [code, nextRip - rip, Number(info1)]);
}

const intercept =
  (...codes: number[]) =>
  (guest: GuestControl) =>
    guest.intercept(...codes);

const INSTRUCTIONS: readonly (readonly [source: string, code: number, length: number])[] = [
  ['cpuid', SVM_EXIT.CPUID, 2],
  ['hlt', SVM_EXIT.HLT, 1],
  ['invd', SVM_EXIT.INVD, 2],
  ['wbinvd', SVM_EXIT.WBINVD, 2],
  ['invlpg [0x1234]', SVM_EXIT.INVLPG, 5],
  ['rdtsc', SVM_EXIT.RDTSC, 2],
  ['rdtscp', SVM_EXIT.RDTSCP, 3],
  ['rdpmc', SVM_EXIT.RDPMC, 2],
  ['pause', SVM_EXIT.PAUSE, 2],
  ['rsm', SVM_EXIT.RSM, 2],
  ['pushf', SVM_EXIT.PUSHF, 1],
  ['popf', SVM_EXIT.POPF, 1],
  ['iret', SVM_EXIT.IRET, 1],
  ['int 0x21', SVM_EXIT.SWINT, 2],
  ['int1', SVM_EXIT.ICEBP, 1],
  ['sgdt [0x600]', SVM_EXIT.GDTR_READ, 5],
  ['sidt [0x600]', SVM_EXIT.IDTR_READ, 5],
  ['lgdt [0x600]', SVM_EXIT.GDTR_WRITE, 5],
  ['lidt [0x600]', SVM_EXIT.IDTR_WRITE, 5],
  ['mov eax, cr0', SVM_EXIT.CR0_READ, 3],
  ['smsw ax', SVM_EXIT.CR0_READ, 3],
  ['mov ecx, cr3', SVM_EXIT.CR0_READ + 3, 3],
  ['mov edx, cr4', SVM_EXIT.CR0_READ + 4, 3],
  ['mov cr2, esi', SVM_EXIT.CR0_WRITE + 2, 3],
  ['clts', SVM_EXIT.CR0_WRITE, 2],
  ['lmsw ax', SVM_EXIT.CR0_WRITE, 3],
  ['mov cr3, edi', SVM_EXIT.CR0_WRITE + 3, 3],
  ['mov ebx, dr3', SVM_EXIT.DR0_READ + 3, 3],
  ['mov dr7, esi', SVM_EXIT.DR0_WRITE + 7, 3],
  ['vmmcall', SVM_EXIT.VMMCALL, 3],
];

describe('intercepted instructions', () => {
  it.each(INSTRUCTIONS)('%s', (source, code, length) => {
    expect(exits(source, { setUp: intercept(code) })).toEqual([[code, length, 0]]);
  });

  it('run without an exit when they are not intercepted', () => {
    const program =
      'rdtsc\n rdtscp\n pause\n wbinvd\n invlpg [0]\n mov ebx, dr3\n mov ecx, cr3\n mov cr3, ecx\n sgdt [0x600]\n cpuid\n smsw ax';
    expect(exits(program)).toEqual([]);
  });

  it('LLDT, LTR, SLDT and STR, which need protected mode', () => {
    const source = `mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp .in
.in:    sldt ax
        str bx
        lldt ax
        ltr ax`;
    const codes = [SVM_EXIT.LDTR_READ, SVM_EXIT.TR_READ, SVM_EXIT.LDTR_WRITE, SVM_EXIT.TR_WRITE];
    expect(exits(source, { setUp: intercept(...codes) })).toEqual(codes.map((code) => [code, 3, 0]));
  });

  it.each([
    ['vmload', SVM_EXIT.VMLOAD],
    ['vmsave', SVM_EXIT.VMSAVE],
    ['stgi', SVM_EXIT.STGI],
    ['clgi', SVM_EXIT.CLGI],
    ['invlpga', SVM_EXIT.INVLPGA],
    ['vmrun', SVM_EXIT.VMRUN],
  ])('%s of a guest in protected mode', (instruction, code) => {
    const source = `mov eax, cr0
        or al, 1
        mov cr0, eax
        mov eax, 0x130000
        jmp .in
.in:    a32 ${instruction}`;
    expect(exits(source, { setUp: intercept(code) })).toEqual([[code, 4, 0]]);
  });
});

describe('the selective intercept of CR0', () => {
  const setUp = intercept(SVM_EXIT.CR0_SEL_WRITE);
  const change = (bits: number) => `mov eax, cr0\n xor eax, ${bits}\n mov cr0, eax`;

  it.each([
    ['MOV that changes only TS and MP', change(CR0.TS | CR0.MP), 0],
    ['MOV that changes EM', change(CR0.EM), 1],
    ['CLTS', 'clts', 0],
    ['LMSW that changes TS', 'mov ax, 8\n lmsw ax', 0],
    ['LMSW that changes EM', 'mov ax, 4\n lmsw ax', 1],
  ])('%s', (_, source, count) => {
    expect(exits(source, { setUp })).toEqual(Array(count).fill([SVM_EXIT.CR0_SEL_WRITE, 3, 0]));
  });

  it('gives way to the intercept of all writes', () => {
    expect(exits(change(CR0.EM), { setUp: intercept(SVM_EXIT.CR0_SEL_WRITE, SVM_EXIT.CR0_WRITE) })).toEqual([
      [SVM_EXIT.CR0_WRITE, 3, 0],
    ]);
  });
});

describe('ports', () => {
  const marked =
    (...ports: number[]) =>
    (guest: GuestControl) => {
      guest.intercept(SVM_EXIT.IOIO);
      for (const port of ports) guest.mark(SVM_AREA.IOPM, port);
    };
  const info = (port: number, bits: number) => ((port << IOIO.PORT_SHIFT) | bits) >>> 0;
  const size = (bytes: number) => IOIO.SIZE_8 << Math.log2(bytes);

  it.each([
    ['in al, 0x80', 0x80, 2, IOIO.IN | size(1)],
    ['out 0x80, ax', 0x80, 2, size(2)],
    ['mov dx, 0x1234\n in eax, dx', 0x1234, 2, IOIO.IN | size(4)],
  ])('%s', (source, port, length, bits) => {
    expect(exits(source, { setUp: marked(port) })).toEqual([
      [SVM_EXIT.IOIO, length, info(port, bits | IOIO.ADDRESS_16)],
    ]);
  });

  it('string instructions say so, with their segment and address size', () => {
    const bits = IOIO.STRING | IOIO.REP | size(1) | IOIO.ADDRESS_32 | (4 << IOIO.SEGMENT_SHIFT);
    expect(exits('mov dx, 0x80\n mov ecx, 2\n a32 fs rep outsb', { setUp: marked(0x80) })).toEqual([
      [SVM_EXIT.IOIO, 4, info(0x80, bits)],
    ]);
  });

  it('an access exits for any of its ports', () => {
    const setUp = marked(0x83);
    expect(exits('out 0x82, al', { setUp })).toEqual([]);
    expect(exits('out 0x82, ax', { setUp })).toHaveLength(1);
    expect(exits('in eax, 0x80', { setUp })).toHaveLength(1);
    expect(exits('in ax, 0x84', { setUp })).toEqual([]);
  });

  it('the map does not count without the intercept', () => {
    expect(exits('in al, 0x80', { setUp: (guest) => guest.mark(SVM_AREA.IOPM, 0x80) })).toEqual([]);
  });

  it('EXITINFO2 is RIP behind the instruction', () => {
    const [exit] = runSvm('start: in al, 0x80\n finish', { setUp: marked(0x80) }).exits;
    expect(Number(exit.info2)).toBe(exit.nextRip);
  });
});

describe('model-specific registers', () => {
  const STAR = 0xc000_0081;
  const access = (index: number, write: boolean) => `mov ecx, ${index}\n ${write ? 'wrmsr' : 'rdmsr'}`;
  const bitOf = (offset: number, number: number, write: boolean) => offset * 8 + 2 * number + (write ? 1 : 0);

  it.each([
    ['a low one', 0x10, 0, 0x10],
    ['a high one', STAR, 0x800, 0x81],
    ["one of AMD's", 0xc001_0015, 0x1000, 0x15],
  ])('%s, by the bit for what is done', (_, index, offset, number) => {
    for (const write of [false, true]) {
      const setUp = (guest: GuestControl) => {
        guest.intercept(SVM_EXIT.MSR);
        guest.mark(SVM_AREA.MSRPM, bitOf(offset, number, write));
      };
      expect(exits(access(index, write), { setUp })).toEqual([[SVM_EXIT.MSR, 2, write ? 1 : 0]]);
    }
  });

  it('reads pass when only writes are intercepted', () => {
    const setUp = (guest: GuestControl) => {
      guest.intercept(SVM_EXIT.MSR);
      guest.mark(SVM_AREA.MSRPM, bitOf(0x800, 0x81, true));
    };
    expect(exits(access(STAR, false), { setUp })).toEqual([]);
  });

  it('those outside of the map always exit', () => {
    expect(exits(access(0x4000_0000, false), { setUp: intercept(SVM_EXIT.MSR) })).toEqual([
      [SVM_EXIT.MSR, 2, 0],
    ]);
  });
});

describe('exceptions', () => {
  const first = (source: string, setUp: (guest: GuestControl) => void) =>
    runSvm(`start: ${source}\n finish`, { setUp, onExit: () => 'stop' }).exits[0];
  const vector = (n: number) => SVM_EXIT.EXCEPTION + n;

  it.each([
    ['#DE', 'xor cx, cx\n div cx', 0, 0],
    ['#UD', 'ud2', 6, 0],
    ['#BP, with nRIP', 'int3', 3, 1],
  ])('%s', (_, source, n, length) => {
    const exit = first(source, intercept(vector(n)));
    expect(exit).toMatchObject({ code: vector(n), info1: 0n, interrupted: 0n });
    expect(exit.nextRip).toBe(length === 0 ? 0 : exit.rip + length);
  });

  it('#GP has its error code', () => {
    // An interrupt beyond the limit of the interrupt vector table.
    const exit = first('lidt [.small]\n int 0x40\n.small: dw 0x3f\n dd 0', intercept(vector(13)));
    expect(exit).toMatchObject({ code: vector(13) });
  });

  it('#DB leaves DR6 as the handler would see it', () => {
    const { exits, guest } = runSvm('start: pushf\n or word [0xeffe], 0x100\n popf\n nop\n nop\n finish', {
      setUp: intercept(vector(1)),
      onExit: () => 'stop',
    });
    expect(exits).toMatchObject([{ code: vector(1) }]);
    expect(guest.get(VMCB.DR6) & 0x4000).toBe(0x4000);
  });

  it('#PF tells the address, and CR2 stays', () => {
    const { exits, guest } = runSvm(
      `start: mov eax, 0x20000
        mov cr3, eax
        mov eax, cr0
        or eax, 0x80000001
        mov cr0, eax
        mov eax, [0x7124]
        finish`,
      {
        setUp: (guest) => {
          guest.write32(0x2_0000, 0x2_1003);
          // The code, but not the page at 7000h.
          for (let page = 8; page < 16; page++) guest.write32(0x2_1000 + 4 * page, (page << 12) | 3);
          guest.intercept(vector(14));
          guest.set(VMCB.CR2, 0x5555);
        },
        onExit: () => 'stop',
      },
    );
    expect(exits).toMatchObject([{ code: vector(14), info1: 0n, info2: 0x7124n }]);
    expect(guest.get(VMCB.CR2)).toBe(0x5555);
  });

  it('an exception in the delivery of another tells of that one', () => {
    const exit = first('lidt [.none]\n ud2\n.none: dw 0, 0, 0', intercept(vector(13)));
    // #UD, an exception without error code.
    expect(exit).toMatchObject({ code: vector(13), interrupted: 0x8000_0306n });
  });

  it('a shutdown', () => {
    expect(first('lidt [.none]\n ud2\n.none: dw 0, 0, 0', () => {})).toMatchObject({
      code: SVM_EXIT.SHUTDOWN,
    });
  });

  it('a shutdown that nobody intercepts stops the computer', () => {
    const { stop } = runSvm('start: lidt [.none]\n ud2\n.none: dw 0, 0, 0', {
      setUp: (guest) => guest.set(VMCB.INTERCEPT_MISC1, 0),
    });
    expect(stop).toMatchObject({ kind: 'crash', reason: { kind: 'triple-fault' } });
  });
});

it('the time-stamp counter is ahead by TSC_OFFSET', () => {
  const { output } = runSvm('start: rdtsc\n value dx\n finish', {
    setUp: (guest) => guest.set(VMCB.TSC_OFFSET, 0, 0x1234),
  });
  expect(output).toBe(' 1234');
});

it('general registers other than RAX and RSP are the guest’s after an exit', () => {
  const { guest } = runSvm('start: mov ebx, 0x1234\n mov eax, 0x5678\n cpuid\n finish', {
    setUp: intercept(SVM_EXIT.CPUID),
    onExit: (_, { computer }) => {
      expect(computer.processor.regs.gprLo(GPR.RBX)).toBe(0x1234);
      return 'stop';
    },
  });
  expect(guest.get(VMCB.RAX)).toBe(0x5678);
});

it.each([
  ['mov eax, 0x1234\n vmmcall', SVM_EXIT.VMMCALL, { kind: 'hypercall', number: 0x1234 }],
  ['mov ecx, 0xc0000081\n wrmsr', SVM_EXIT.MSR, { kind: 'msr', index: 0xc000_0081, write: true }],
  ['in al, 0x80', SVM_EXIT.IOIO, { kind: 'port', port: 0x80, write: false }],
  ['hlt', SVM_EXIT.HLT, undefined],
])('a debugger is told what the guest was about to do: %s', (source, code, intercepted) => {
  const { svm } = runSvm(`start: ${source}`, {
    setUp: (guest) => {
      guest.intercept(code);
      guest.mark(SVM_AREA.IOPM, 0x80);
      guest.mark(SVM_AREA.MSRPM, 0x800 * 8 + 2 * 0x81 + 1);
    },
    onExit: () => 'stop',
  });
  expect(svm.intercepted).toEqual(intercepted);
});

it('a run that a test stops says so', () => {
  const { stop } = runSvm('start: vmmcall', {
    setUp: intercept(SVM_EXIT.VMMCALL),
    onExit: () => 'stop',
  });
  expect(stop).toEqual({ kind: 'exit', status: STOPPED });
});
