/** Every row of the entry checks holds for a plain guest, and fails for the defect it is there for. */
import { beforeEach, describe, expect, it } from 'vitest';
import { CR0, CR4, EFER, FLAG, SEG } from '../../arch/registers.ts';
import { FIELD, FIELD_STEP } from '../../arch/vmcs.ts';
import { ENTRY_CONTROL, EXIT_CONTROL, mustBe1, PIN, PRIMARY, SECONDARY } from '../../arch/vmx.ts';
import { EntryContext, firstFailure } from './check.ts';
import { EXECUTION_CHECKS, INJECTION_CHECKS } from './check-controls.ts';
import { failureQualification, GUEST_CHECKS } from './check-guest.ts';
import { HOST_CHECKS } from './check-host.ts';
import { Vmcs } from './format.ts';

const ALLOWED_CR4 = CR4.PAE | CR4.PGE | CR4.PCIDE | CR4.SMEP;
const CODE64 = 0xa09b;
const CODE32 = 0xc09b;
const DATA = 0xc093;
const BUSY_TSS = 0x8b;
const UNUSABLE = 0x1_0000;

let vmcs: Vmcs;
let context: EntryContext;

const step = (n: number): number => n * FIELD_STEP;
const rights = (n: number, value: number): void => vmcs.set(FIELD.GUEST_ES_ACCESS_RIGHTS + step(n), value);
const selector = (n: number, value: number): void => vmcs.set(FIELD.GUEST_ES_SELECTOR + step(n), value);
const set = (field: number, lo: number, hi = 0): void => vmcs.set64(field, lo, hi);
const or = (field: number, bits: number): void => vmcs.set(field, vmcs.lo(field) | bits);

/** A 64-bit guest under EPT and a 64-bit host, with nothing to complain about. */
beforeEach(() => {
  vmcs = new Vmcs(new Int32Array(1024));
  context = new EntryContext(vmcs, ALLOWED_CR4);
  vmcs.set(FIELD.PIN_BASED_CONTROLS, mustBe1('pin'));
  vmcs.set(FIELD.PRIMARY_CONTROLS, mustBe1('primary') | PRIMARY.SECONDARY_CONTROLS);
  vmcs.set(FIELD.SECONDARY_CONTROLS, SECONDARY.EPT);
  set(FIELD.EPT_POINTER, 0x1_001e);
  vmcs.set(FIELD.VM_EXIT_CONTROLS, mustBe1('exit') | EXIT_CONTROL.HOST_64);
  vmcs.set(FIELD.VM_ENTRY_CONTROLS, mustBe1('entry') | ENTRY_CONTROL.IA32E_GUEST);
  for (const side of ['HOST', 'GUEST'] as const) {
    set(FIELD[`${side}_CR0`], CR0.PE | CR0.NE | CR0.PG);
    set(FIELD[`${side}_CR4`], CR4.PAE | CR4.VMXE);
    set(FIELD[`${side}_CR3`], 0x2000);
    set(FIELD[`${side}_RIP`], 0x1000, 0xffff_8000);
  }
  for (const field of [FIELD.HOST_CS_SELECTOR, FIELD.HOST_SS_SELECTOR, FIELD.HOST_TR_SELECTOR])
    vmcs.set(field, 8);
  for (let n = 0; n <= SEG.TR; n++) {
    vmcs.set(FIELD.GUEST_ES_LIMIT + step(n), n < SEG.LDTR ? -1 : 0xffff);
    rights(n, DATA);
  }
  rights(SEG.CS, CODE64);
  rights(SEG.LDTR, UNUSABLE);
  rights(SEG.TR, BUSY_TSS);
  set(FIELD.GUEST_RFLAGS, 2);
  set(FIELD.VMCS_LINK_POINTER, -1, -1);
});

/** Makes the guest a 32-bit one with an unrestricted-guest control, where segments are freer. */
function unrestricted32(): void {
  or(FIELD.SECONDARY_CONTROLS, SECONDARY.UNRESTRICTED_GUEST);
  vmcs.set(FIELD.VM_ENTRY_CONTROLS, mustBe1('entry'));
  set(FIELD.GUEST_RIP, 0x1000);
  rights(SEG.CS, CODE32);
}

function vm86(): void {
  unrestricted32();
  or(FIELD.GUEST_RFLAGS, FLAG.VM);
  for (let n = 0; n < SEG.LDTR; n++) {
    rights(n, 0xf3);
    vmcs.set(FIELD.GUEST_ES_LIMIT + step(n), 0xffff);
  }
}

const inject = (info: number): void => vmcs.set(FIELD.VM_ENTRY_INTERRUPTION_INFO, 0x8000_0000 | info);

/** What makes each row fail; several defects where a row has several parts. */
const DEFECTS: Readonly<Record<string, readonly (() => void)[]>> = {
  'control.pin': [() => vmcs.set(FIELD.PIN_BASED_CONTROLS, 0), () => or(FIELD.PIN_BASED_CONTROLS, 1 << 7)],
  'control.primary': [() => vmcs.set(FIELD.PRIMARY_CONTROLS, 0), () => or(FIELD.PRIMARY_CONTROLS, 1 << 17)],
  'control.secondary': [() => or(FIELD.SECONDARY_CONTROLS, 1)],
  'control.cr3-targets': [() => vmcs.set(FIELD.CR3_TARGET_COUNT, 5)],
  'control.io-bitmaps': [FIELD.IO_BITMAP_A, FIELD.IO_BITMAP_B].map((field) => () => {
    or(FIELD.PRIMARY_CONTROLS, PRIMARY.IO_BITMAPS);
    set(field, 0x800);
  }),
  'control.msr-bitmap': [
    () => {
      or(FIELD.PRIMARY_CONTROLS, PRIMARY.MSR_BITMAPS);
      set(FIELD.MSR_BITMAP, 0, 0x100);
    },
  ],
  'control.virtual-nmis': [() => or(FIELD.PIN_BASED_CONTROLS, PIN.VIRTUAL_NMIS)],
  'control.nmi-window': [() => or(FIELD.PRIMARY_CONTROLS, PRIMARY.NMI_WINDOW_EXITING)],
  'control.vpid': [() => or(FIELD.SECONDARY_CONTROLS, SECONDARY.VPID)],
  'control.eptp': [
    () => set(FIELD.EPT_POINTER, 0x1_001c),
    () => set(FIELD.EPT_POINTER, 0x1_0016),
    () => set(FIELD.EPT_POINTER, 0x1_005e),
    () => set(FIELD.EPT_POINTER, 0x1_001e, 0x100),
  ],
  'control.unrestricted': [() => vmcs.set(FIELD.SECONDARY_CONTROLS, SECONDARY.UNRESTRICTED_GUEST)],
  'control.exit': [() => or(FIELD.VM_EXIT_CONTROLS, 1 << 12)],
  'control.save-timer': [() => or(FIELD.VM_EXIT_CONTROLS, EXIT_CONTROL.SAVE_PREEMPTION_TIMER)],
  'control.exit-msr-store': [
    () => {
      vmcs.set(FIELD.VM_EXIT_MSR_STORE_COUNT, 1);
      set(FIELD.VM_EXIT_MSR_STORE_ADDRESS, 8);
    },
  ],
  'control.exit-msr-load': [() => vmcs.set(FIELD.VM_EXIT_MSR_LOAD_COUNT, 513)],
  'control.entry': [() => or(FIELD.VM_ENTRY_CONTROLS, 1 << 10)],
  'control.entry-msr-load': [
    () => {
      vmcs.set(FIELD.VM_ENTRY_MSR_LOAD_COUNT, 2);
      set(FIELD.VM_ENTRY_MSR_LOAD_ADDRESS, -16, 0xff);
    },
  ],

  'control.injection.type': [
    () => inject(0x120),
    () => inject(0x203),
    () => inject(0x320),
    () => inject(0x701),
  ],
  'control.injection.error-code-flag': [() => inject(0x30e), () => inject(0xb03), () => inject(0x820)],
  'control.injection.reserved': [() => inject(0x1020)],
  'control.injection.error-code': [
    () => {
      inject(0xb0d);
      vmcs.set(FIELD.VM_ENTRY_EXCEPTION_ERROR, 0x1_0000);
    },
  ],
  'control.injection.length': [
    () => {
      inject(0x480);
      vmcs.set(FIELD.VM_ENTRY_INSTRUCTION_LENGTH, 16);
    },
  ],

  'host.cr0.fixed': [() => set(FIELD.HOST_CR0, CR0.PE | CR0.PG), () => set(FIELD.HOST_CR0, -1, 1)],
  'host.cr4.fixed': [() => set(FIELD.HOST_CR4, CR4.PAE), () => or(FIELD.HOST_CR4, CR4.SMAP)],
  'host.cr3': [() => set(FIELD.HOST_CR3, 0, 0x100)],
  'host.sysenter': [
    () => set(FIELD.HOST_SYSENTER_ESP, 0, 0x8000),
    () => set(FIELD.HOST_SYSENTER_EIP, 0, 0xffff_0000),
  ],
  'host.pat': [
    () => {
      or(FIELD.VM_EXIT_CONTROLS, EXIT_CONTROL.LOAD_PAT);
      set(FIELD.HOST_IA32_PAT, 0x0007_0406, 0x0003_0406);
    },
  ],
  'host.efer': [
    () => or(FIELD.VM_EXIT_CONTROLS, EXIT_CONTROL.LOAD_EFER),
    () => {
      or(FIELD.VM_EXIT_CONTROLS, EXIT_CONTROL.LOAD_EFER);
      set(FIELD.HOST_IA32_EFER, EFER.LMA | EFER.LME | 2);
    },
  ],
  'host.selectors': [() => vmcs.set(FIELD.HOST_CS_SELECTOR, 0xb), () => vmcs.set(FIELD.HOST_GS_SELECTOR, 4)],
  'host.cs-tr': [() => vmcs.set(FIELD.HOST_CS_SELECTOR, 0), () => vmcs.set(FIELD.HOST_TR_SELECTOR, 0)],
  'host.ss': [
    () => {
      vmcs.set(FIELD.VM_EXIT_CONTROLS, mustBe1('exit'));
      vmcs.set(FIELD.HOST_SS_SELECTOR, 0);
    },
  ],
  'host.bases': [FIELD.HOST_FS_BASE, FIELD.HOST_IDTR_BASE, FIELD.HOST_TR_BASE].map(
    (f) => () => set(f, 0, 0x8000),
  ),
  'host.address-space': [() => vmcs.set(FIELD.VM_EXIT_CONTROLS, mustBe1('exit'))],
  'host.guest-long': [
    () => {
      vmcs.set(FIELD.VM_EXIT_CONTROLS, mustBe1('exit'));
      context.load(false);
    },
  ],
  'host.rip': [
    () => set(FIELD.HOST_RIP, 0, 0x8000),
    () => set(FIELD.HOST_CR4, CR4.VMXE),
    () => {
      vmcs.set(FIELD.VM_EXIT_CONTROLS, mustBe1('exit'));
      vmcs.set(FIELD.VM_ENTRY_CONTROLS, mustBe1('entry'));
      context.load(false);
    },
  ],

  'guest.cr0.fixed': [
    () => set(FIELD.GUEST_CR0, CR0.PE | CR0.PG),
    () => set(FIELD.GUEST_CR0, CR0.NE | CR0.PE),
    () => {
      unrestricted32();
      set(FIELD.GUEST_CR0, 0);
    },
  ],
  'guest.cr0.pg': [
    () => {
      unrestricted32();
      set(FIELD.GUEST_CR0, CR0.NE | CR0.PG);
    },
  ],
  'guest.cr4.fixed': [() => set(FIELD.GUEST_CR4, CR4.PAE), () => or(FIELD.GUEST_CR4, CR4.SMAP)],
  'guest.debugctl': [
    () => {
      or(FIELD.VM_ENTRY_CONTROLS, ENTRY_CONTROL.LOAD_DEBUG);
      set(FIELD.GUEST_IA32_DEBUGCTL, 4);
    },
  ],
  'guest.long-mode': [
    () => set(FIELD.GUEST_CR4, CR4.VMXE),
    () => {
      unrestricted32();
      or(FIELD.GUEST_CR4, CR4.PCIDE);
    },
  ],
  'guest.cr3': [() => set(FIELD.GUEST_CR3, 0, 0x100)],
  'guest.dr7': [
    () => {
      or(FIELD.VM_ENTRY_CONTROLS, ENTRY_CONTROL.LOAD_DEBUG);
      set(FIELD.GUEST_DR7, 0x400, 1);
    },
  ],
  'guest.sysenter': [() => set(FIELD.GUEST_SYSENTER_ESP, 0, 0x8000)],
  'guest.pat': [
    () => {
      or(FIELD.VM_ENTRY_CONTROLS, ENTRY_CONTROL.LOAD_PAT);
      set(FIELD.GUEST_IA32_PAT, 2);
    },
  ],
  'guest.efer': [
    () => or(FIELD.VM_ENTRY_CONTROLS, ENTRY_CONTROL.LOAD_EFER),
    () => {
      unrestricted32();
      or(FIELD.VM_ENTRY_CONTROLS, ENTRY_CONTROL.LOAD_EFER);
      set(FIELD.GUEST_IA32_EFER, EFER.LME);
    },
  ],
  'guest.tr.selector': [
    () => selector(SEG.TR, 4),
    () => {
      rights(SEG.LDTR, 0x82);
      selector(SEG.LDTR, 4);
    },
  ],
  'guest.ss.rpl': [() => selector(SEG.SS, 3)],
  'guest.vm86': [
    () => {
      vm86();
      selector(SEG.DS, 0x100);
    },
    () => {
      vm86();
      vmcs.set(FIELD.GUEST_ES_LIMIT, 0xfffe);
    },
    () => {
      vm86();
      rights(SEG.GS, 0x93);
    },
  ],
  'guest.bases.canonical': [
    () => set(FIELD.GUEST_FS_BASE, 0, 0x8000),
    () => set(FIELD.GUEST_TR_BASE, 0, 0x8000),
  ],
  'guest.bases.32-bit': [() => set(FIELD.GUEST_CS_BASE, 0, 1), () => set(FIELD.GUEST_DS_BASE, 0, 1)],
  'guest.cs.type': [() => rights(SEG.CS, 0xa099 & ~1), () => rights(SEG.CS, 0xa093)],
  'guest.ss.type': [() => rights(SEG.SS, 0xc091), () => rights(SEG.SS, 0xc09b)],
  'guest.data.type': [() => rights(SEG.DS, 0xc092), () => rights(SEG.ES, 0xc099)],
  'guest.segments.present': [
    () => rights(SEG.DS, DATA & ~0x80),
    () => rights(SEG.FS, DATA & ~0x10),
    () => rights(SEG.ES, DATA | 0x100),
    () => rights(SEG.GS, DATA & ~0x8000),
    () => vmcs.set(FIELD.GUEST_DS_LIMIT, 0xfff_fffe),
  ],
  'guest.cs.usable': [() => rights(SEG.CS, CODE64 | UNUSABLE)],
  'guest.cs.dpl': [
    () => rights(SEG.CS, CODE64 | 0x60),
    () => {
      unrestricted32();
      rights(SEG.CS, DATA | 0x20);
    },
  ],
  'guest.ss.dpl': [
    () => {
      rights(SEG.SS, DATA | 0x60);
      rights(SEG.CS, CODE64 | 0x60);
    },
    () => {
      unrestricted32();
      set(FIELD.GUEST_CR0, CR0.NE);
      rights(SEG.SS, DATA | 0x60);
      rights(SEG.CS, CODE32 | 0x60);
    },
  ],
  'guest.data.dpl': [() => selector(SEG.ES, 3)],
  'guest.cs.db': [() => rights(SEG.CS, CODE64 | 0x4000)],
  'guest.tr': [
    () => rights(SEG.TR, 0x89),
    () => rights(SEG.TR, 0x83),
    () => rights(SEG.TR, BUSY_TSS | UNUSABLE),
    () => rights(SEG.TR, 0x0b),
  ],
  'guest.ldtr': [() => rights(SEG.LDTR, 0x83), () => rights(SEG.LDTR, 0x02)],
  'guest.tables': [
    () => set(FIELD.GUEST_GDTR_BASE, 0, 0x8000),
    () => vmcs.set(FIELD.GUEST_IDTR_LIMIT, 0x1_0000),
  ],
  'guest.rip': [
    () => set(FIELD.GUEST_RIP, 0, 0x1_0000),
    () => {
      unrestricted32();
      set(FIELD.GUEST_RIP, 0, 1);
    },
  ],
  'guest.rflags.reserved': [() => set(FIELD.GUEST_RFLAGS, 0), () => set(FIELD.GUEST_RFLAGS, 0xa)],
  'guest.rflags.vm': [() => or(FIELD.GUEST_RFLAGS, FLAG.VM)],
  'guest.rflags.if': [() => inject(0x020)],
  'guest.activity': [
    () => vmcs.set(FIELD.GUEST_ACTIVITY_STATE, 4),
    () => {
      or(FIELD.GUEST_RFLAGS, FLAG.IF);
      vmcs.set(FIELD.GUEST_ACTIVITY_STATE, 1);
      vmcs.set(FIELD.GUEST_INTERRUPTIBILITY, 1);
    },
  ],
  'guest.activity.event': [
    () => {
      vmcs.set(FIELD.GUEST_ACTIVITY_STATE, 1);
      inject(0x306);
    },
    () => {
      vmcs.set(FIELD.GUEST_ACTIVITY_STATE, 3);
      inject(0x202);
    },
  ],
  'guest.interruptibility': [
    () => vmcs.set(FIELD.GUEST_INTERRUPTIBILITY, 1),
    () => vmcs.set(FIELD.GUEST_INTERRUPTIBILITY, 4),
    () => {
      or(FIELD.GUEST_RFLAGS, FLAG.IF);
      vmcs.set(FIELD.GUEST_INTERRUPTIBILITY, 3);
    },
  ],
  'guest.interruptibility.event': [
    () => {
      or(FIELD.GUEST_RFLAGS, FLAG.IF);
      vmcs.set(FIELD.GUEST_INTERRUPTIBILITY, 1);
      inject(0x020);
    },
    () => {
      vmcs.set(FIELD.GUEST_INTERRUPTIBILITY, 2);
      inject(0x202);
    },
  ],
  'guest.pending-debug': [() => set(FIELD.GUEST_PENDING_DEBUG, 0x10)],
  'guest.pending-debug.step': [
    () => {
      or(FIELD.GUEST_RFLAGS, FLAG.TF);
      vmcs.set(FIELD.GUEST_INTERRUPTIBILITY, 2);
    },
  ],
  'guest.link-pointer': [() => set(FIELD.VMCS_LINK_POINTER, 0x1000)],
  'guest.pdptes': [
    () => {
      unrestricted32();
      set(FIELD.GUEST_PDPTE2, 3);
    },
  ],
};

const GROUPS = { EXECUTION_CHECKS, INJECTION_CHECKS, HOST_CHECKS, GUEST_CHECKS };
const ALL = Object.values(GROUPS).flat();

describe('the entry checks', () => {
  it('have names of their own, and a defect each in this test', () => {
    const ids = ALL.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(Object.keys(DEFECTS).sort()).toEqual([...ids].sort());
  });

  it.each(Object.entries(GROUPS))('hold for a plain guest: %s', (_, checks) => {
    context.load(true);
    expect(firstFailure(checks, context)).toBeUndefined();
  });

  it('hold for an unrestricted 32-bit guest and for virtual-8086 mode', () => {
    unrestricted32();
    context.load(true);
    expect(firstFailure(GUEST_CHECKS, context)).toBeUndefined();
    vm86();
    context.load(true);
    expect(firstFailure(GUEST_CHECKS, context)).toBeUndefined();
  });

  const cases = ALL.flatMap((check) =>
    (DEFECTS[check.id] ?? []).map((defect, i) => ({ name: `${check.id} (${i + 1})`, check, defect })),
  );
  it.each(cases)('$name fails', ({ check, defect }) => {
    context.load(true);
    expect(check.test(context)).toBe(true);
    defect();
    context.load(context.hostLongMode);
    expect(check.test(context)).toBe(false);
  });

  it('say in the exit qualification when PDPTEs or the link pointer are to blame', () => {
    const qualification = (id: string) => failureQualification(ALL.find((check) => check.id === id)!);
    expect(['guest.cr3', 'guest.pdptes', 'guest.link-pointer'].map(qualification)).toEqual([0, 2, 4]);
  });
});
