/** EPT under a guest, and the guest and host state over an entry and an exit. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EPT, EPT_VIOLATION } from '../../arch/ept.ts';
import { EXIT } from '../../arch/exit-reasons.ts';
import { CR0, CR4, EFER, SEG } from '../../arch/registers.ts';
import { FIELD, FIELD_STEP, type FieldName } from '../../arch/vmcs.ts';
import { ENTRY_CONTROL, EXIT_CONTROL, PIN } from '../../arch/vmx.ts';
import type { HostCpu } from '../../contracts/host-cpu.ts';
import { HOST_AREA, orField, runVmx, setEptEntry, type VmxOptions } from './vmx-run.ts';

const WB = 6 << 3;
const stopAtOnce: NonNullable<VmxOptions['onExit']> = () => 'stop';
const first = (source: string, setUp: (cpu: HostCpu) => void) =>
  runVmx(source, { setUp, onExit: stopAtOnce }).exits[0];

describe('EPT violations', () => {
  const LINEAR = EPT_VIOLATION.LINEAR_VALID | EPT_VIOLATION.FINAL;

  it.each([
    ['a read', 'mov ax, [0x7124]', 0, EPT_VIOLATION.READ],
    ['a write', 'mov [0x7124], ax', EPT.READ, EPT_VIOLATION.WRITE | EPT_VIOLATION.READABLE],
    [
      'a write to an executable page',
      'mov [0x7124], ax',
      EPT.READ | EPT.EXECUTE,
      EPT_VIOLATION.WRITE | EPT_VIOLATION.READABLE | EPT_VIOLATION.EXECUTABLE,
    ],
    [
      'a fetch',
      'jmp 0:0x7124',
      EPT.READ | EPT.WRITE,
      EPT_VIOLATION.FETCH | EPT_VIOLATION.READABLE | EPT_VIOLATION.WRITABLE,
    ],
  ])('of %s', (_, instruction, rights, qualification) => {
    const entry = rights === 0 ? 0 : 0x7000 | WB | rights;
    expect(first(`start: ${instruction}`, (cpu) => setEptEntry(cpu, 0x7000, entry))).toMatchObject({
      reason: EXIT.EPT_VIOLATION,
      qualification: qualification | LINEAR,
      linear: 0x7124,
      physical: 0x7124,
    });
  });

  it('leave the instruction undone, so that it can be done again', () => {
    let violations = 0;
    const { output } = runVmx(
      `start: mov di, 0x6ffe
        mov eax, 0x12345678
        cld
        mov cx, 3
        rep stosd
        value di
        value cx
        value [0x7000]
        finish`,
      {
        setUp: (cpu) => setEptEntry(cpu, 0x7000, 0),
        onExit: (exit, cpu) => {
          violations++;
          expect(exit.physical).toBe(0x7000);
          setEptEntry(cpu, 0x7000, 0x7000 | WB | 7);
          return 'resume';
        },
      },
    );
    expect([violations, output]).toEqual([1, ' 700a 0 1234']);
  });

  it('misconfigured entries exit with the address alone', () => {
    expect(
      first('start: mov ax, [0x7124]', (cpu) => setEptEntry(cpu, 0x7000, 0x7000 | WB | EPT.WRITE)),
    ).toMatchObject({
      reason: EXIT.EPT_MISCONFIGURATION,
      qualification: 0,
      physical: 0x7124,
    });
  });

  it('of a guest paging structure are told from those of the page', () => {
    const source = `start: mov eax, 0x4000
        mov cr3, eax
        mov eax, cr0
        or eax, 0x80000001
        mov cr0, eax`;
    const exit = first(source, (cpu) => {
      cpu.memory.write32(0x4000, 0x5003);
      cpu.memory.write32(0x5000 + 8 * 4, 0x8003);
      setEptEntry(cpu, 0x4000, 0x4000 | WB | EPT.READ);
    });
    // The directory is read without trouble, but its accessed bit cannot be set.
    expect(exit).toMatchObject({ reason: EXIT.EPT_VIOLATION, physical: 0x4000 });
    expect(exit.qualification & EPT_VIOLATION.FINAL).toBe(0);
    expect(exit.qualification & (EPT_VIOLATION.WRITE | EPT_VIOLATION.LINEAR_VALID)).toBe(
      EPT_VIOLATION.WRITE | EPT_VIOLATION.LINEAR_VALID,
    );
  });

  it('pages elsewhere in host memory are what the guest sees', () => {
    const { output } = runVmx('start: value [0x7010]\n mov word [0x7010], 0x4321\n cpuid\n finish', {
      setUp: (cpu) => {
        setEptEntry(cpu, 0x7000, HOST_AREA.FREE | WB | 7);
        cpu.memory.write32(HOST_AREA.FREE + 0x10, 0xbeef);
      },
      onExit: (_, cpu) => {
        expect(cpu.memory.read32(HOST_AREA.FREE + 0x10)).toBe(0x4321);
        return 'skip';
      },
    });
    expect(output).toBe(' beef');
  });
});

describe('lists of MSRs', () => {
  const STAR = 0xc000_0081;
  const LSTAR = 0xc000_0082;
  const CSTAR = 0xc000_0083;
  const entry = (cpu: HostCpu, at: number, index: number, lo: number, reserved = 0) => {
    cpu.memory.write32(at, index);
    cpu.memory.write32(at + 4, reserved);
    cpu.memory.write32(at + 8, lo);
    cpu.memory.write32(at + 12, 0);
  };
  const list = HOST_AREA.FREE;

  it('are loaded by entries, stored and loaded by exits', () => {
    const { cpu } = runVmx('start: cpuid', {
      setUp: (c) => {
        entry(c, list, STAR, 0x111);
        entry(c, list + 16, LSTAR, 0x222);
        c.vmwrite(FIELD.VM_ENTRY_MSR_LOAD_ADDRESS, list);
        c.vmwrite(FIELD.VM_ENTRY_MSR_LOAD_COUNT, 2);
        entry(c, list + 0x100, LSTAR, 0);
        c.vmwrite(FIELD.VM_EXIT_MSR_STORE_ADDRESS, list + 0x100);
        c.vmwrite(FIELD.VM_EXIT_MSR_STORE_COUNT, 1);
        entry(c, list + 0x200, CSTAR, 0x333);
        c.vmwrite(FIELD.VM_EXIT_MSR_LOAD_ADDRESS, list + 0x200);
        c.vmwrite(FIELD.VM_EXIT_MSR_LOAD_COUNT, 1);
      },
      onExit: stopAtOnce,
    });
    expect(cpu.rdmsr(STAR)?.lo).toBe(0x111);
    expect(cpu.memory.read32(list + 0x108)).toBe(0x222);
    expect(cpu.rdmsr(CSTAR)?.lo).toBe(0x333);
  });

  it.each([
    ['a segment base', (cpu: HostCpu) => entry(cpu, list + 16, 0xc000_0100, 0)],
    ['an x2APIC register', (cpu: HostCpu) => entry(cpu, list + 16, 0x80b, 0)],
    ['an MSR that does not exist', (cpu: HostCpu) => entry(cpu, list + 16, 0x4000_0000, 0)],
    ['reserved bits', (cpu: HostCpu) => entry(cpu, list + 16, STAR, 0, 1)],
  ])('fail the entry that would load %s, and name its number', (_, defect) => {
    const exit = first('start: cpuid', (cpu) => {
      entry(cpu, list, STAR, 0x111);
      defect(cpu);
      cpu.vmwrite(FIELD.VM_ENTRY_MSR_LOAD_ADDRESS, list);
      cpu.vmwrite(FIELD.VM_ENTRY_MSR_LOAD_COUNT, 2);
    });
    expect(exit).toMatchObject({ reason: 0x8000_0022, qualification: 2 });
  });
});

describe('guest state', () => {
  const high = fc.constantFrom(0, 0xffff_8000, 0xffff_ffff);
  const address = fc
    .tuple(fc.nat(0xffff_ffff), high)
    .map(([lo, hi]) => ({ lo, hi: hi === 0 ? lo >>> 17 : hi }));
  const ADDRESSES: readonly FieldName[] = [
    'GUEST_RSP',
    'GUEST_GDTR_BASE',
    'GUEST_IDTR_BASE',
    'GUEST_SYSENTER_ESP',
    'GUEST_SYSENTER_EIP',
    'GUEST_FS_BASE',
    'GUEST_GS_BASE',
    'GUEST_TR_BASE',
    'GUEST_RIP',
  ];
  const rights = fc.constantFrom(0xc093, 0xc097, 0xa09b, 0x1_0000, 0x1_c093);

  it('is the same after an entry and an exit without an instruction', () => {
    const arbitrary = fc.record({
      addresses: fc.tuple(...ADDRESSES.map(() => address)),
      selectors: fc.array(fc.nat(0xffff), { minLength: 6, maxLength: 6 }),
      data: fc.array(rights, { minLength: 4, maxLength: 4 }),
      limits: fc.tuple(fc.nat(0xffff), fc.nat(0xffff)),
      flags: fc.nat(0x3f_ffff).map((value) => (value & ~0x2_8028) | 2),
      cr3: fc.nat(0x7fff_ffff),
      sysenterCs: fc.nat(0xffff_ffff),
      dr7: fc.nat(0xffff_ffff).map((value) => ((value & ~0xd800) | 0x400) >>> 0),
      blocking: fc.constantFrom(0, 8),
    });
    fc.assert(
      fc.property(arbitrary, (s) => {
        const values: [number, number, number][] = [];
        const put = (cpu: HostCpu, field: number, lo: number, hi = 0) => {
          cpu.vmwrite(field, lo >>> 0, hi >>> 0);
          values.push([field, lo >>> 0, hi >>> 0]);
        };
        const { exits, cpu } = runVmx('start:', {
          setUp: (c) => {
            orField(c, FIELD.VM_ENTRY_CONTROLS, ENTRY_CONTROL.IA32E_GUEST | ENTRY_CONTROL.LOAD_DEBUG);
            orField(c, FIELD.VM_EXIT_CONTROLS, EXIT_CONTROL.SAVE_DEBUG);
            orField(c, FIELD.PIN_BASED_CONTROLS, PIN.PREEMPTION_TIMER);
            put(c, FIELD.GUEST_CR0, CR0.PE | CR0.NE | CR0.ET | CR0.WP | CR0.PG);
            put(c, FIELD.GUEST_CR4, CR4.PAE | CR4.VMXE | CR4.PGE);
            put(c, FIELD.GUEST_IA32_EFER, EFER.LMA | EFER.LME | EFER.NXE);
            ADDRESSES.forEach((name, i) => {
              put(c, FIELD[name], s.addresses[i].lo, s.addresses[i].hi);
            });
            for (let n = 0; n < SEG.LDTR; n++)
              put(c, FIELD.GUEST_ES_SELECTOR + n * FIELD_STEP, s.selectors[n]);
            [SEG.ES, SEG.DS, SEG.FS, SEG.GS].forEach((n, i) => {
              put(c, FIELD.GUEST_ES_ACCESS_RIGHTS + n * FIELD_STEP, s.data[i]);
              put(c, FIELD.GUEST_ES_LIMIT + n * FIELD_STEP, 0xffff_ffff);
            });
            put(c, FIELD.GUEST_CS_ACCESS_RIGHTS, 0xa09b);
            put(c, FIELD.GUEST_CS_LIMIT, 0xffff_ffff);
            put(c, FIELD.GUEST_GDTR_LIMIT, s.limits[0]);
            put(c, FIELD.GUEST_IDTR_LIMIT, s.limits[1]);
            put(c, FIELD.GUEST_RFLAGS, s.flags);
            put(c, FIELD.GUEST_CR3, s.cr3);
            put(c, FIELD.GUEST_SYSENTER_CS, s.sysenterCs);
            put(c, FIELD.GUEST_DR7, s.dr7);
            put(c, FIELD.GUEST_INTERRUPTIBILITY, s.blocking);
          },
          onExit: stopAtOnce,
        });
        expect(exits[0].reason).toBe(EXIT.PREEMPTION_TIMER);
        const wide = (field: number) => ((field >> 13) & 1) === 1;
        for (const [field, lo, hi] of values) {
          expect([field.toString(16), cpu.vmread(field)]).toEqual([field.toString(16), lo]);
          if (wide(field))
            expect([field.toString(16), cpu.vmreadHigh(field)]).toEqual([field.toString(16), hi]);
        }
      }),
      { numRuns: 20 },
    );
  });
});
