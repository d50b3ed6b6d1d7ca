/** Instructions that exit, and what the exits report. SDM volume 3C, "Instructions That Cause VM Exits". */
import { describe, expect, it } from 'vitest';
import { EXIT } from '../../arch/exit-reasons.ts';
import { CR0, CR4 } from '../../arch/registers.ts';
import { FIELD } from '../../arch/vmcs.ts';
import { PRIMARY, SECONDARY } from '../../arch/vmx.ts';
import type { HostCpu } from '../../contracts/host-cpu.ts';
import { HOST_AREA, orField, runVmx, type VmxOptions } from './vmx-run.ts';

const primary = (bits: number) => (cpu: HostCpu) => orField(cpu, FIELD.PRIMARY_CONTROLS, bits);
const secondary = (bits: number) => (cpu: HostCpu) => orField(cpu, FIELD.SECONDARY_CONTROLS, bits);

/** Exits of a program as [reason, length, qualification]. */
function exits(source: string, options: VmxOptions = {}) {
  const { exits, stop, output, entryError } = runVmx(`start: ${source}\n finish`, options);
  expect({ stop, output, entryError }).toMatchObject({
    stop: { kind: 'exit', status: 1 },
    output: '',
    entryError: 0,
  });
  return exits.map(({ reason, length, qualification }) => [reason, length, qualification]);
}

describe('unconditional exits', () => {
  it.each([
    ['cpuid', EXIT.CPUID, 2],
    ['invd', EXIT.INVD, 2],
    ['vmcall', EXIT.VMCALL, 3],
  ])('%s', (instruction, reason, length) => {
    expect(exits(instruction)).toEqual([[reason, length, 0]]);
  });
});

describe('exits by control', () => {
  const cases: readonly [string, number, number, (cpu: HostCpu) => void, number?][] = [
    ['hlt', EXIT.HLT, 1, primary(PRIMARY.HLT_EXITING)],
    ['rdtsc', EXIT.RDTSC, 2, primary(PRIMARY.RDTSC_EXITING)],
    ['rdtscp', EXIT.RDTSCP, 3, primary(PRIMARY.RDTSC_EXITING)],
    ['rdpmc', EXIT.RDPMC, 2, primary(PRIMARY.RDPMC_EXITING)],
    ['pause', EXIT.PAUSE, 2, primary(PRIMARY.PAUSE_EXITING)],
    ['wbinvd', EXIT.WBINVD, 2, secondary(SECONDARY.WBINVD_EXITING)],
    ['invlpg [0x1234]', EXIT.INVLPG, 5, primary(PRIMARY.INVLPG_EXITING), 0x1234],
    ['mov ebx, dr3', EXIT.MOV_DR, 3, primary(PRIMARY.MOV_DR_EXITING), 3 | (1 << 4) | (3 << 8)],
    ['mov dr7, esi', EXIT.MOV_DR, 3, primary(PRIMARY.MOV_DR_EXITING), 7 | (6 << 8)],
    ['mov cr3, edi', EXIT.CR_ACCESS, 3, primary(PRIMARY.CR3_LOAD_EXITING), 3 | (7 << 8)],
    ['mov ecx, cr3', EXIT.CR_ACCESS, 3, primary(PRIMARY.CR3_STORE_EXITING), 3 | (1 << 4) | (1 << 8)],
    ['sgdt [0x1234]', EXIT.GDTR_IDTR_ACCESS, 5, secondary(SECONDARY.DESCRIPTOR_TABLE_EXITING), 0x1234],
    ['lidt [bx]', EXIT.GDTR_IDTR_ACCESS, 3, secondary(SECONDARY.DESCRIPTOR_TABLE_EXITING)],
  ];

  it.each(cases)('%s', (instruction, reason, length, setUp, qualification = 0) => {
    expect(exits(instruction, { setUp })).toEqual([[reason, length, qualification]]);
  });

  it('none of them without its control', () => {
    const program =
      'rdtsc\n rdtscp\n pause\n wbinvd\n invlpg [0]\n mov ebx, dr3\n mov ecx, cr3\n mov cr3, ecx\n sgdt [0x600]';
    expect(exits(program)).toEqual([]);
  });

  it('RDTSCP is undefined without "enable RDTSCP"', () => {
    const { exits } = runVmx('start: rdtscp', {
      setUp: (cpu) => {
        cpu.vmwrite(FIELD.SECONDARY_CONTROLS, SECONDARY.EPT | SECONDARY.UNRESTRICTED_GUEST);
        cpu.vmwrite(FIELD.EXCEPTION_BITMAP, 1 << 6);
      },
      onExit: () => 'stop',
    });
    expect(exits[0]).toMatchObject({ reason: EXIT.EXCEPTION_OR_NMI, interruption: 0x8000_0306 });
  });
});

describe('control registers', () => {
  it('exit for bits that the host owns and whose shadow differs', () => {
    const setUp = (cpu: HostCpu) => {
      cpu.vmwrite(FIELD.CR0_GUEST_HOST_MASK, CR0.NE | CR0.MP | CR0.TS);
      cpu.vmwrite(FIELD.CR0_READ_SHADOW, CR0.ET | CR0.TS);
    };
    const mov = (value: number) => `mov eax, ${value}\n mov cr0, eax\n`;
    // Equal to the shadow: no exit. EM is not owned: no exit.
    expect(exits(mov(CR0.ET | CR0.TS | CR0.EM), { setUp })).toEqual([]);
    expect(exits(mov(CR0.ET), { setUp })).toEqual([[EXIT.CR_ACCESS, 3, 0]]);
    expect(exits(`clts`, { setUp })).toEqual([[EXIT.CR_ACCESS, 2, 2 << 4]]);
    expect(exits(`mov ax, ${CR0.MP | CR0.TS}\n lmsw ax`, { setUp })).toEqual([
      [EXIT.CR_ACCESS, 3, (3 << 4) | ((CR0.MP | CR0.TS) << 16)],
    ]);
  });

  it('read as shadow where the host owns, and keep what it has put there', () => {
    const { output, cpu } = runVmx(
      `start:  mov eax, cr0
        mov ebx, eax
        shr ebx, 16
        value bx
        value ax
        or eax, 4
        mov cr0, eax
        smsw ax
        value ax
        mov eax, cr4
        value ax
        cpuid
        finish`,
      {
        setUp: (cpu) => {
          cpu.vmwrite(FIELD.CR0_GUEST_HOST_MASK, CR0.NE | CR0.AM);
          cpu.vmwrite(FIELD.CR0_READ_SHADOW, CR0.AM);
          cpu.vmwrite(FIELD.CR4_READ_SHADOW, CR4.VMXE | CR4.PSE);
          cpu.vmwrite(FIELD.CR4_GUEST_HOST_MASK, CR4.VMXE | CR4.PSE);
        },
      },
    );
    expect(output).toBe(' 4 10 14 2010');
    expect(cpu.vmread(FIELD.GUEST_CR0) & (CR0.NE | CR0.AM | CR0.EM)).toBe(CR0.NE | CR0.EM);
  });

  it('take CR3-target values without an exit', () => {
    const setUp = (cpu: HostCpu) => {
      primary(PRIMARY.CR3_LOAD_EXITING)(cpu);
      cpu.vmwrite(FIELD.CR3_TARGET_COUNT, 2);
      cpu.vmwrite(FIELD.CR3_TARGET_VALUE1, 0x7000);
      cpu.vmwrite(FIELD.CR3_TARGET_VALUE2, 0x9000);
    };
    const load = (value: number) => `mov eax, ${value}\n mov cr3, eax\n`;
    expect(exits(load(0x7000) + load(0) + load(0x9000), { setUp })).toEqual([[EXIT.CR_ACCESS, 3, 3]]);
  });
});

describe('I/O', () => {
  const unconditional = primary(PRIMARY.UNCONDITIONAL_IO_EXITING);
  const until =
    (wanted: number): NonNullable<VmxOptions['onExit']> =>
    (exit) =>
      exit.qualification >>> 16 === wanted ? 'stop' : 'skip';

  const access = (instruction: string) => {
    const { exits } = runVmx(`start: mov dx, 0x1234\n mov si, 0x700\n mov di, 0x710\n ${instruction}`, {
      setUp: unconditional,
      onExit: () => 'stop',
    });
    return exits[0];
  };

  it.each([
    ['out 0x80, al', 0x80_0040, 2],
    ['in al, 0x80', 0x80_0048, 2],
    ['out dx, ax', 0x1234_0001, 1],
    ['in eax, dx', 0x1234_000b, 2],
    ['outsb', 0x1234_0010, 1],
    ['rep insd', 0x1234_003b, 3],
  ])('%s', (instruction, qualification, length) => {
    expect(access(instruction)).toMatchObject({ reason: EXIT.IO_INSTRUCTION, qualification, length });
  });

  it('string instructions report address size, segment and linear address', () => {
    expect(access('es outsb')).toMatchObject({ info: 0 << 15, linear: 0x700 });
    expect(access('outsb')).toMatchObject({ info: 3 << 15, linear: 0x700 });
    expect(access('a32 insb')).toMatchObject({ info: 1 << 7, linear: 0x710 });
  });

  it('by bitmaps: only for ports whose bit is set, whatever the access touches', () => {
    const setUp = (cpu: HostCpu) => {
      primary(PRIMARY.IO_BITMAPS | PRIMARY.UNCONDITIONAL_IO_EXITING)(cpu);
      cpu.vmwrite(FIELD.IO_BITMAP_A, HOST_AREA.FREE);
      cpu.vmwrite(FIELD.IO_BITMAP_B, HOST_AREA.FREE + 0x1000);
      cpu.memory.write(HOST_AREA.FREE + (0x1235 >> 3), Uint8Array.of(1 << 5));
      cpu.memory.write(HOST_AREA.FREE + 0x1000 + (0x1236 >> 3), Uint8Array.of(1 << 6));
    };
    const program = `start: mov dx, 0x1234
        out dx, al
        out dx, ax              ; touches 1235h
        mov dx, 0x9234
        out dx, ax
        out dx, eax             ; touches 9236h
        mov dx, 0xffff
        in ax, dx               ; wraps
        finish`;
    const { exits } = runVmx(program, { setUp, onExit: until(0xffff) });
    expect(exits.map(({ qualification }) => qualification >>> 0)).toEqual([
      0x1234_0001, 0x9234_0003, 0xffff_0009,
    ]);
  });
});

describe('MSRs', () => {
  const program = ['0x10', '0x174', '0xc0000080', '0xc0000100', '0x40000000']
    .map((index) => `mov ecx, ${index}\n rdmsr\n wrmsr\n`)
    .join('');

  it('all exit without a bitmap', () => {
    const { exits } = runVmx(`start: ${program} finish`);
    const expected = Array.from({ length: 5 }, () => [EXIT.RDMSR, EXIT.WRMSR]).flat();
    expect(exits.map(({ reason }) => reason)).toEqual(expected);
  });

  it('exit by bitmap, and outside of its ranges always', () => {
    const setUp = (cpu: HostCpu) => {
      primary(PRIMARY.MSR_BITMAPS)(cpu);
      cpu.vmwrite(FIELD.MSR_BITMAP, HOST_AREA.FREE);
      cpu.memory.fill(HOST_AREA.FREE, 0x1000, 0);
      const set = (offset: number, bit: number) =>
        cpu.memory.write(HOST_AREA.FREE + offset + (bit >> 3), Uint8Array.of(1 << (bit & 7)));
      set(0, 0x174);
      set(0xc00, 0x80);
    };
    const { exits, cpu } = runVmx(`start: ${program} finish`, { setUp });
    expect(exits.map(({ reason }) => reason)).toEqual([EXIT.RDMSR, EXIT.WRMSR, EXIT.RDMSR, EXIT.WRMSR]);
    expect(cpu.gprs[2]).toBe(0x4000_0000);
  });
});

describe('the time-stamp counter', () => {
  it('is read with the offset', () => {
    const source = `start: rdtsc
        value edx
        xor ecx, ecx
        mov cl, 0x10
        finish`;
    const setUp = (cpu: HostCpu) => {
      primary(PRIMARY.TSC_OFFSETTING)(cpu);
      cpu.vmwrite(FIELD.TSC_OFFSET, 0, 0x1234);
    };
    expect(runVmx(source, { setUp }).output).toBe(' 1234');
    expect(runVmx(source).output).toBe(' 0');
  });
});

describe('instruction information', () => {
  const info = (instruction: string, setUp?: (cpu: HostCpu) => void) =>
    runVmx(`start: ${instruction}`, { ...(setUp ? { setUp } : {}), onExit: () => 'stop' }).exits[0];
  const tables = secondary(SECONDARY.DESCRIPTOR_TABLE_EXITING);

  it('names the descriptor-table instruction and its operand', () => {
    // Base BX (3), index SI (6), scale 1, DS, 16-bit addresses.
    const operand = (3 << 23) | (6 << 18) | (3 << 15);
    expect(info('lgdt [bx + si + 5]', tables)).toMatchObject({ info: operand | (2 << 28), qualification: 5 });
    // Base EDI, index ECX * 4, FS, 32-bit addresses.
    const wide = (7 << 23) | (1 << 18) | (4 << 15) | (1 << 7) | 2;
    expect(info('sidt [fs:edi + ecx * 4]', tables).info & ~(1 << 11)).toBe(wide | (1 << 28));
  });
});
