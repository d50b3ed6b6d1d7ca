/** Nested page tables under a guest, and the guest and host state over VMRUN and #VMEXIT. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CR0, CR4, EFER } from '../../arch/registers.ts';
import { NPF, TLB_CONTROL } from '../../arch/svm.ts';
import { SVM_EXIT } from '../../arch/svm-exits.ts';
import { VMCB, type VmcbField } from '../../arch/vmcb.ts';
import { PTE } from '../../cpu/paging.ts';
import { type GuestControl, inLongMode, runSvm, SVM_AREA, type SvmExit, type SvmOptions } from './svm-run.ts';

const NX_HIGH = 0x8000_0000;
const stopAtOnce: NonNullable<SvmOptions['onExit']> = () => 'stop';
const first = (source: string, setUp: (guest: GuestControl) => void): SvmExit =>
  runSvm(source, { setUp, onExit: stopAtOnce }).exits[0];
const errorOf = ({ info1 }: SvmExit) => ({ low: Number(info1 & 0xffff_ffffn), high: Number(info1 >> 32n) });

describe('nested page faults', () => {
  const { USER, WRITE, PRESENT, FETCH, RESERVED, HIGH } = NPF;

  it.each([
    ['a read of an absent page', 'mov ax, [0x7124]', 0, 0, USER],
    ['a write to an absent page', 'mov [0x7124], ax', 0, 0, USER | WRITE],
    ['a write to a read-only page', 'mov [0x7124], ax', 0x7005, 0, USER | WRITE | PRESENT],
    ['a fetch from a page without execution', 'jmp 0:0x7124', 0x7007, NX_HIGH, USER | FETCH | PRESENT],
    ['an access to a page of the supervisor', 'mov ax, [0x7124]', 0x7003, 0, USER | PRESENT],
    ['reserved bits', 'mov ax, [0x7124]', 0x7007, 1 << 8, USER | PRESENT | RESERVED],
  ])('of %s', (_, instruction, lo, hi, low) => {
    const exit = first(`start: ${instruction}`, (guest) => guest.setPage(0x7000, lo, hi));
    expect(exit).toMatchObject({ code: SVM_EXIT.NPF, info2: 0x7124n, nextRip: 0 });
    expect(errorOf(exit)).toEqual({ low, high: HIGH.FINAL });
  });

  it('leave the instruction undone, so that it can be done again', () => {
    let faults = 0;
    const { output } = runSvm(
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
        setUp: (guest) => guest.setPage(0x7000, 0),
        onExit: (exit, guest) => {
          faults++;
          expect(exit.info2).toBe(0x7000n);
          guest.setPage(0x7000, 0x7007);
          return 'resume';
        },
      },
    );
    expect([faults, output]).toEqual([1, ' 700a 0 1234']);
  });

  it('of a guest paging structure are told from those of the page, and are always writes', () => {
    const source = `start: mov eax, 0x20000
        mov cr3, eax
        mov eax, cr0
        or eax, 0x80000001
        mov cr0, eax`;
    const exit = first(source, (guest) => guest.setPage(0x2_0000, 0x2_0005));
    expect(exit).toMatchObject({ code: SVM_EXIT.NPF, info2: 0x2_0000n });
    expect(errorOf(exit)).toEqual({ low: USER | WRITE | PRESENT, high: HIGH.TABLE });
  });

  it('of the PDPTEs of PAE paging too', () => {
    const source = `start: mov eax, cr4
        or eax, 0x20
        mov cr4, eax
        mov eax, 0x20000
        mov cr3, eax
        mov eax, cr0
        or eax, 0x80000001
        mov cr0, eax`;
    const exit = first(source, (guest) => guest.setPage(0x2_0000, 0));
    expect(exit).toMatchObject({ code: SVM_EXIT.NPF, info2: 0x2_0000n });
    expect(errorOf(exit)).toEqual({ low: USER | WRITE, high: HIGH.TABLE });
  });

  it('pages elsewhere in host memory are what the guest sees', () => {
    const { output } = runSvm('start: value [0x7010]\n mov word [0x7010], 0x4321\n cpuid\n finish', {
      setUp: (guest) => {
        guest.intercept(SVM_EXIT.CPUID);
        guest.setPage(0x7000, SVM_AREA.FREE | 7);
        guest.write32(SVM_AREA.FREE + 0x10, 0xbeef);
      },
      onExit: (_, guest) => {
        expect(guest.read32(SVM_AREA.FREE + 0x10)).toBe(0x4321);
        return 'skip';
      },
    });
    expect(output).toBe(' beef');
  });
});

describe('nested page tables', () => {
  const marks = (entry: number) => entry & (PTE.A | PTE.D);
  const run = (source: string, setUp: (guest: GuestControl) => void = () => {}) =>
    runSvm(`start: ${source}\n vmmcall`, {
      setUp: (guest) => {
        guest.intercept(SVM_EXIT.VMMCALL);
        setUp(guest);
      },
      onExit: stopAtOnce,
    }).guest;

  it('are marked as accessed and dirty', () => {
    expect(marks(run('nop').entryOf(0x7000))).toBe(0);
    expect(marks(run('mov ax, [0x7000]').entryOf(0x7000))).toBe(PTE.A);
    expect(marks(run('mov ax, [0x7000]\n mov [0x7000], ax').entryOf(0x7000))).toBe(PTE.A | PTE.D);
    const guest = run('nop');
    expect(marks(guest.read32(SVM_AREA.NESTED_PML4))).toBe(PTE.A);
    expect(marks(guest.read32(SVM_AREA.NESTED_PD))).toBe(PTE.A);
  });

  it('map larger pages, whose entries get the marks', () => {
    const guest = run('push ds\n mov ax, 0x1000\n mov ds, ax\n mov [0x10], ax\n pop ds', (guest) => {
      guest.write32(SVM_AREA.NESTED_PDPT, 0x87);
    });
    expect(marks(guest.read32(SVM_AREA.NESTED_PDPT))).toBe(PTE.A | PTE.D);
    expect(guest.read32(0x1_0010)).toBe(0x1000);
  });

  /** Reads a page twice; between, the host lets it lie elsewhere and does what `change` says. */
  const readTwice = (change: (guest: GuestControl) => void) => {
    const { output } = runSvm('start: value [0x7010]\n vmmcall\n value [0x7010]\n finish', {
      setUp: (guest) => {
        guest.intercept(SVM_EXIT.VMMCALL);
        guest.write32(0x7010, 0x1111);
        guest.write32(SVM_AREA.FREE + 0x10, 0x2222);
      },
      onExit: (_, guest) => {
        guest.setPage(0x7000, SVM_AREA.FREE | 7);
        change(guest);
        return 'skip';
      },
    });
    return output;
  };

  it('are cached until TLB_CONTROL or another address-space identifier', () => {
    expect(readTwice(() => {})).toBe(' 1111 1111');
    for (const control of [
      TLB_CONTROL.FLUSH_ALL,
      TLB_CONTROL.FLUSH_GUEST,
      TLB_CONTROL.FLUSH_GUEST_NONGLOBAL,
    ]) {
      expect(readTwice(({ set }) => set(VMCB.TLB_CONTROL, control))).toBe(' 1111 2222');
    }
    expect(readTwice(({ set }) => set(VMCB.GUEST_ASID, 2))).toBe(' 1111 2222');
  });

  it('a reserved TLB_CONTROL stops the computer', () => {
    const { stop } = runSvm('start: nop', { setUp: ({ set }) => set(VMCB.TLB_CONTROL, 2) });
    expect(stop).toMatchObject({ kind: 'crash', reason: { what: 'VMRUN with the reserved TLB_CONTROL 2' } });
  });
});

describe('without nested paging', () => {
  /** A real-mode guest with paging: CR0.PG without CR0.PE, its CR3 the host's. AMD APM volume 2, "Paged Real Mode". */
  const shadow = (guest: GuestControl) => {
    guest.set(VMCB.NP_CONTROL, 0);
    guest.set(VMCB.CR0, CR0.PG);
    guest.set(VMCB.CR3, 0x2_0000);
    guest.write32(0x2_0000, 0x2_1003);
    for (let page = 0; page < 16; page++) guest.write32(0x2_1000 + 4 * page, (page << 12) | 3);
    guest.intercept(SVM_EXIT.VMMCALL, SVM_EXIT.EXCEPTION + 14);
  };

  it('CR3 of the guest is a shadow page table, also in paged real mode', () => {
    const { output } = runSvm('start: value [0x7010]\n vmmcall\n value [0x7010]\n finish', {
      setUp: (guest) => {
        shadow(guest);
        guest.write32(0x7010, 0x1111);
        guest.write32(SVM_AREA.FREE + 0x10, 0x2222);
      },
      onExit: (_, guest) => {
        guest.write32(0x2_1000 + 4 * 7, SVM_AREA.FREE | 3);
        return 'skip';
      },
      // What the host has changed counts after INVLPGA under the identifier of the guest.
      before: 'mov ecx, 1\n push rax\n mov eax, 0x7000\n invlpga\n pop rax',
    });
    expect(output).toBe(' 1111 2222');
  });

  it('what another identifier drops does not matter', () => {
    const { output } = runSvm('start: value [0x7010]\n vmmcall\n value [0x7010]\n finish', {
      setUp: (guest) => {
        shadow(guest);
        guest.write32(0x7010, 0x1111);
      },
      onExit: (_, guest) => {
        guest.write32(0x2_1000 + 4 * 7, SVM_AREA.FREE | 3);
        return 'skip';
      },
      before: 'mov ecx, 2\n push rax\n mov eax, 0x7000\n invlpga\n pop rax',
    });
    expect(output).toBe(' 1111 1111');
  });
});

describe('guest state', () => {
  const high = fc.constantFrom(0, 0xffff_8000, 0xffff_ffff);
  const address = fc
    .tuple(fc.nat(0xffff_ffff), high)
    .map(([lo, hi]) => ({ lo, hi: hi === 0 ? lo >>> 17 : hi }));
  const SWITCHED = ['RSP', 'RAX', 'GDTR_BASE', 'IDTR_BASE', 'CR2', 'ES_BASE', 'DS_BASE'] as const;
  const LOADED = [
    'FS_BASE',
    'GS_BASE',
    'KERNEL_GS_BASE',
    'LSTAR',
    'CSTAR',
    'SYSENTER_ESP',
    'SYSENTER_EIP',
    'STAR',
  ] as const;

  it('is the same after VMLOAD, VMRUN, an exit without an instruction, and VMSAVE', () => {
    const arbitrary = fc.record({
      addresses: fc.tuple(...[...SWITCHED, ...LOADED].map(() => address)),
      selectors: fc.tuple(fc.nat(0xffff), fc.nat(0xffff), fc.nat(0xffff), fc.nat(0xffff)),
      limits: fc.tuple(fc.nat(0xffff), fc.nat(0xffff)),
      flags: fc.nat(0x3f_ffff).map((value) => (value & ~0x2_8028) | 2),
      dr7: fc.nat(0xffff_ffff).map((value) => ((value & ~0xd8ff) | 0x400) >>> 0),
      shadow: fc.nat(1),
    });
    fc.assert(
      fc.property(arbitrary, (s) => {
        const values: [string, VmcbField, number, number][] = [];
        const put = (guest: GuestControl, name: keyof typeof VMCB, lo: number, hi = 0) => {
          guest.set(VMCB[name], lo, hi);
          values.push([name, VMCB[name], lo >>> 0, hi >>> 0]);
        };
        const { exits, guest } = runSvm('start:', {
          setUp: (g) => {
            inLongMode(g);
            put(g, 'CR0', (CR0.PE | CR0.ET | CR0.WP | CR0.PG) >>> 0);
            put(g, 'CR4', CR4.PAE | CR4.PGE);
            put(g, 'EFER', EFER.LMA | EFER.LME | EFER.NXE | EFER.SVME);
            [...SWITCHED, ...LOADED].forEach((name, i) => {
              put(g, name, s.addresses[i].lo, s.addresses[i].hi);
            });
            (['ES', 'DS', 'FS', 'GS'] as const).forEach((name, i) => {
              put(g, `${name}_SELECTOR`, s.selectors[i]);
              put(g, `${name}_ATTRIBUTES`, 0xc93);
              put(g, `${name}_LIMIT`, 0xffff_ffff);
            });
            put(g, 'SS_ATTRIBUTES', 0xcf3);
            put(g, 'LDTR_ATTRIBUTES', 0x82);
            put(g, 'TR_ATTRIBUTES', 0x8b);
            put(g, 'GDTR_LIMIT', s.limits[0]);
            put(g, 'IDTR_LIMIT', s.limits[1]);
            put(g, 'RFLAGS', s.flags);
            put(g, 'DR7', s.dr7);
            put(g, 'CPL', 3);
            put(g, 'INTERRUPT_SHADOW', s.shadow);
            put(g, 'SFMASK', 0x4_7700);
            put(g, 'SYSENTER_CS', 0x10);
            put(g, 'G_PAT', 0x0107_0406, 0x0007_0406);
            // The first fetch, at CPL 3, has no page: so there is no instruction.
            put(g, 'RIP', 0x4000_8000);
            g.setPage(0x8000, 0);
          },
          before: 'vmload',
          after: 'vmsave',
          onExit: stopAtOnce,
        });
        expect(exits[0].code).toBe(SVM_EXIT.NPF);
        for (const [name, field, lo, hi] of values) {
          expect([name, guest.get(field)]).toEqual([name, lo]);
          if (field.width === 8) expect([name, guest.vmcb.hi(field) >>> 0]).toEqual([name, hi]);
        }
      }),
      { numRuns: 20 },
    );
  });
});

describe('host state', () => {
  it('is there again after an exit; RFLAGS and DR7 as #VMEXIT makes them', () => {
    const { output } = runSvm(
      `bits 64
start:  xor eax, eax
        mov rsp, 0x12345678
        lgdt [abs .none]
        lidt [abs .none]
        mov dr7, rax
        vmmcall
.none:  dw 0
        dq 0
bits 16`,
      {
        setUp: (guest) => {
          inLongMode(guest);
          guest.set(VMCB.SS_ATTRIBUTES, 0xc93);
          guest.intercept(SVM_EXIT.VMMCALL);
        },
        before: 'mov ebx, 0x701\n mov dr7, rbx\n sgdt [abs 0x600]\n mov rbx, rsp',
        after: `value rax
        mov rcx, dr7
        value rcx
        sgdt [abs 0x610]
        mov rcx, [abs 0x602]
        cmp rcx, [abs 0x612]
        jne .run_end
        cmp rsp, rbx
        jne .run_end
        mov ecx, 0x277
        rdmsr
        value rax
        int3                            ; through the IDT of the host
.run_end:`,
        host: 'set_msr 0x277, 0x0007040600070401\n catch caught\n jmp go\ncaught: finish\ngo:',
      },
    );
    expect(output).toMatch(/^ 100000 400 70401 #BP/);
  });
});
