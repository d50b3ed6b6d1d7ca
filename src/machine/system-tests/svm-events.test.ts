/**
 * Events on their way into and out of a guest, and the global interrupt flag. AMD APM volume 2, "Event Injection",
 * "Interrupt and Local APIC Support", "Global Interrupt Flag, STGI and CLGI Instructions".
 */
import { describe, expect, it } from 'vitest';
import { EVENT, V_INTR } from '../../arch/svm.ts';
import { SVM_EXIT } from '../../arch/svm-exits.ts';
import { VMCB } from '../../arch/vmcb.ts';
import { report } from './run-guest.ts';
import {
  eventToInject,
  type GuestControl,
  inLongMode,
  runSvm,
  type SvmExit,
  type SvmOptions,
} from './svm-run.ts';

const { TYPE } = EVENT;
const IF = 0x200;
const stopAtOnce: NonNullable<SvmOptions['onExit']> = () => 'stop';
const codes = (exits: readonly SvmExit[]) => exits.map(({ code }) => code);

/** Sets a vector of the guest's real-mode interrupt table. */
const vector = (n: number, label: string) =>
  `mov word [${n} * 4], at(${label})\n mov word [${n} * 4 + 2], 0\n`;

/** Interrupt 40h is pending at the host's local APIC; its handler says so. */
const PENDING = `
        jmp armed
handler:
        say " host"
        set_msr 0x80b, 0                ; end of interrupt
        iretq
armed:  set_interrupt 0x40, KERNEL_CODE, at(handler), INTERRUPT_64, 0
        set_msr 0x1b, 0xfee00d00        ; x2APIC
        set_msr 0x80f, 0x1ff
        set_msr 0x83f, 0x40             ; to itself
`;

describe('an external interrupt', () => {
  const GUEST = `start: mov bx, 1
        sti
        mov bx, 2
        mov bx, 3
        vmmcall`;
  const run = (setUp: (guest: GuestControl) => void, options: SvmOptions = {}) => {
    const { exits, guest, output } = runSvm(GUEST, {
      host: PENDING,
      onExit: stopAtOnce,
      ...options,
      setUp: (guest) => {
        guest.intercept(SVM_EXIT.VMMCALL);
        // MOV BX, 4; VMMCALL
        guest.write32(0x40 * 4, 0x9000);
        guest.write32(0x9000, 0x0f00_04bb);
        guest.write32(0x9004, 0xd901);
        setUp(guest);
      },
    });
    return { codes: codes(exits), bx: guest.computer.processor.regs.gprLo(3) & 0xffff, output };
  };
  const masking = (guest: GuestControl) => guest.or(VMCB.V_INTR, V_INTR.MASKING);

  it('that is intercepted exits when the guest has RFLAGS.IF set, behind the shadow of STI', () => {
    expect(run((guest) => guest.intercept(SVM_EXIT.INTR))).toMatchObject({ codes: [SVM_EXIT.INTR], bx: 2 });
  });

  it('that is not intercepted goes to the handler of the guest', () => {
    expect(run(() => {})).toMatchObject({ codes: [SVM_EXIT.VMMCALL], bx: 4 });
  });

  it('waits for the RFLAGS.IF of the host under V_INTR_MASKING', () => {
    const setUp = (guest: GuestControl) => {
      guest.intercept(SVM_EXIT.INTR);
      masking(guest);
    };
    expect(run(setUp)).toMatchObject({ codes: [SVM_EXIT.VMMCALL], bx: 3 });
    const open = { before: 'clgi\n sti', after: '' };
    expect(run(setUp, open)).toMatchObject({ codes: [SVM_EXIT.INTR] });
  });

  it('goes to the guest under V_INTR_MASKING whatever its RFLAGS.IF, when it is not intercepted', () => {
    expect(run(masking, { before: 'clgi\n sti' })).toMatchObject({ codes: [SVM_EXIT.VMMCALL], bx: 4 });
  });

  it('is not acknowledged by the exit: the host takes it after STGI', () => {
    const { exits, output } = runSvm('start: vmmcall', {
      host: PENDING,
      before: 'clgi\n sti',
      after: 'say " exit"\n nop\n stgi\n nop\n say " after"',
      setUp: (guest) => {
        guest.intercept(SVM_EXIT.INTR, SVM_EXIT.VMMCALL);
        masking(guest);
      },
      onExit: stopAtOnce,
    });
    expect([codes(exits), output]).toEqual([[SVM_EXIT.INTR], ' exit host after']);
  });

  it('ends HLT of the guest by an exit behind it', () => {
    const { exits } = runSvm('start: sti\n hlt\n nop', {
      host: PENDING,
      setUp: (guest) => guest.intercept(SVM_EXIT.INTR),
      onExit: stopAtOnce,
    });
    // STI keeps interrupts away until HLT has been executed.
    expect(exits[0]).toMatchObject({ code: SVM_EXIT.INTR, nextRip: 0 });
  });
});

describe('an NMI', () => {
  /** The port tells the test to raise it. */
  const RAISE = 'mov dx, 0x600\n out dx, al\n nop';
  const onPort: NonNullable<SvmOptions['onPort']> = (port, { computer }) => {
    if (port === 0x600) computer.processor.nmi();
  };

  it('that is intercepted stays pending until STGI', () => {
    const { exits, output } = runSvm(`start: ${RAISE}\n vmmcall`, {
      host: `jmp armed
handler:
        say " nmi"
        iretq
armed:  set_interrupt 2, KERNEL_CODE, at(handler), INTERRUPT_64, 0`,
      after: 'say " exit"\n nop\n stgi\n nop\n say " after"',
      setUp: (guest) => guest.intercept(SVM_EXIT.NMI, SVM_EXIT.VMMCALL),
      onPort,
      onExit: stopAtOnce,
    });
    expect([codes(exits), output]).toEqual([[SVM_EXIT.NMI], ' exit nmi after']);
  });

  it('that is not intercepted goes to the guest, which blocks others until IRET', () => {
    const source = `start: ${vector(2, 'handler')} ${RAISE}
        vmmcall
handler: ${RAISE}
        iret`;
    const { exits } = runSvm(source, {
      setUp: (guest) => guest.intercept(SVM_EXIT.IRET, SVM_EXIT.VMMCALL),
      onPort,
      onExit: ({ code }, guest) => {
        if (code === SVM_EXIT.NMI) return 'stop';
        guest.set(VMCB.INTERCEPT_MISC1, 0);
        guest.intercept(SVM_EXIT.NMI);
        return 'resume';
      },
    });
    expect(codes(exits)).toEqual([SVM_EXIT.IRET, SVM_EXIT.NMI]);
  });

  it('that is injected blocks others as well', () => {
    const { exits } = runSvm(`start: ud2\nhandler: ${RAISE}\n iret`, {
      setUp: (guest) => {
        const handler = guest.get(VMCB.RIP) + 2;
        guest.write32(2 * 4, handler);
        guest.intercept(SVM_EXIT.NMI, SVM_EXIT.IRET);
        guest.set(VMCB.EVENTINJ, eventToInject(TYPE.NMI, 2));
      },
      onPort,
      onExit: stopAtOnce,
    });
    expect(codes(exits)).toEqual([SVM_EXIT.IRET]);
  });
});

describe('an INIT', () => {
  const run = (...intercepts: number[]) =>
    runSvm('start: mov dx, 0x600\n out dx, al\n nop\n vmmcall', {
      setUp: (guest) => guest.intercept(SVM_EXIT.VMMCALL, ...intercepts),
      onPort: (port, { computer }) => {
        if (port === 0x600) computer.processor.init();
      },
      onExit: stopAtOnce,
      limit: 300_000,
    });

  it('that is intercepted stays pending', () => {
    const { exits, guest } = run(SVM_EXIT.INIT);
    expect(codes(exits)).toEqual([SVM_EXIT.INIT]);
    expect(guest.computer.processor.pendingSignals.init).toBe(true);
  });

  it('that is not intercepted ends guest and SVM', () => {
    const { exits, svm, guest } = run();
    expect([exits, svm.inGuest, svm.holdsEvents]).toEqual([[], false, false]);
    expect(guest.computer.processor.regs.efer).toBe(0);
  });
});

it('a task switch tells its selector, where it comes from, and an error code', () => {
  const { exits } = runSvm(
    `start: lgdt [.gdt_pointer]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp 8:at(.in)
.in:    jmp 0x18:0
align 8
.gdt:   dq 0
        dq 0x00009b000000ffff           ; 16-bit code
        dq 0x000093000000ffff
        dq 0x000089070000ffff           ; a TSS
.gdt_pointer:
        dw 0x1f
        dd at(.gdt)`,
    { setUp: (guest) => guest.intercept(SVM_EXIT.TASK_SWITCH), onExit: stopAtOnce },
  );
  // Bit 38: by a far jump.
  expect(exits).toMatchObject([{ code: SVM_EXIT.TASK_SWITCH, info1: 0x18n, info2: 1n << 38n, nextRip: 0 }]);
});

describe('virtual interrupts', () => {
  const GUEST = `start: ${vector(0x50, 'taken')}
        mov bx, 1
        sti
        mov bx, 2
        mov bx, 3
        vmmcall
taken:  mov bx, 4
        vmmcall`;
  const control = (priority: number, tpr: number, more = 0) =>
    V_INTR.IRQ | V_INTR.MASKING | (priority << V_INTR.PRIORITY_SHIFT) | tpr | more;
  const run = (value: number, ...intercepts: number[]) => {
    const { exits, guest } = runSvm(GUEST, {
      setUp: (guest) => {
        guest.intercept(SVM_EXIT.VMMCALL, ...intercepts);
        guest.set(VMCB.V_INTR, value);
        guest.set(VMCB.V_INTR_VECTOR, 0x50);
      },
      onExit: stopAtOnce,
    });
    const bx = guest.computer.processor.regs.gprLo(3) & 0xffff;
    return [...codes(exits), bx, guest.get(VMCB.V_INTR) & V_INTR.IRQ];
  };

  it('are delivered when RFLAGS.IF becomes 1, and are then no more pending', () => {
    expect(run(control(5, 0))).toEqual([SVM_EXIT.VMMCALL, 4, 0]);
  });

  it('wait while V_TPR is not below their priority, unless it is ignored', () => {
    expect(run(control(5, 5))).toEqual([SVM_EXIT.VMMCALL, 3, V_INTR.IRQ]);
    expect(run(control(5, 5, V_INTR.IGNORE_TPR))).toEqual([SVM_EXIT.VMMCALL, 4, 0]);
  });

  it('exit instead when they are intercepted, and stay pending', () => {
    expect(run(control(5, 0), SVM_EXIT.VINTR)).toEqual([SVM_EXIT.VINTR, 2, V_INTR.IRQ]);
  });

  it('are let in by a write to CR8, which is V_TPR', () => {
    const { exits, guest } = runSvm(
      `bits 64
start:  sti
        nop
        mov rax, cr8
        mov rbx, rax
        xor eax, eax
        mov cr8, rax
        nop
        vmmcall
bits 16`,
      {
        setUp: (guest) => {
          inLongMode(guest);
          guest.intercept(SVM_EXIT.VINTR, SVM_EXIT.VMMCALL);
          guest.set(VMCB.V_INTR, control(5, 7));
        },
        onExit: stopAtOnce,
      },
    );
    expect(codes(exits)).toEqual([SVM_EXIT.VINTR]);
    expect(guest.get(VMCB.V_INTR) & V_INTR.TPR).toBe(0);
    expect(guest.computer.processor.regs.gprLo(3)).toBe(7);
    expect(guest.computer.processor.interrupts.cr8).toBe(0);
  });
});

describe('injection', () => {
  /** The handler is at 9000h: VMMCALL. */
  const run = (type: number, number: number, setUp: (guest: GuestControl) => void = () => {}) =>
    runSvm('start: ud2', {
      setUp: (guest) => {
        guest.write32(number * 4, 0x9000);
        guest.write32(0x9000, 0x00d9_010f);
        guest.intercept(SVM_EXIT.VMMCALL);
        guest.set(VMCB.EVENTINJ, eventToInject(type, number));
        setUp(guest);
      },
      onExit: stopAtOnce,
    });
  const returnAddress = (guest: GuestControl) => guest.read32(guest.get(VMCB.RSP)) & 0xffff;

  it.each([
    ['an interrupt', TYPE.INTERRUPT, 0x40],
    ['an NMI', TYPE.NMI, 2],
    ['an exception', TYPE.EXCEPTION, 0],
  ])('%s, whatever is intercepted', (_, type, number) => {
    const { exits, guest } = run(type, number, (guest) => guest.intercept(SVM_EXIT.EXCEPTION + number));
    expect(exits).toMatchObject([{ code: SVM_EXIT.VMMCALL, rip: 0x9000 }]);
    expect(returnAddress(guest)).toBeGreaterThan(0x8000);
    expect(guest.big(VMCB.EVENTINJ)).toBe(0n);
  });

  it.each([
    ['INT n', TYPE.SOFTWARE_INTERRUPT, 0x21],
    ['#BP', TYPE.EXCEPTION, 3],
    ['#OF', TYPE.EXCEPTION, 4],
  ])('%s returns to nRIP', (_, type, number) => {
    const { guest } = run(type, number, (guest) => guest.set(VMCB.NRIP, 0x8765));
    expect(returnAddress(guest)).toBe(0x8765);
  });

  it('an exception with its error code, in 64-bit mode', () => {
    const { exits, guest } = runSvm('bits 64\nstart: nop\nbits 16', {
      setUp: (guest) => {
        inLongMode(guest);
        const { regs } = guest.computer.processor;
        guest.vmcb.setNumber(VMCB.IDTR_BASE, regs.idtr.base);
        guest.set(VMCB.IDTR_LIMIT, regs.idtr.limit);
        guest.vmcb.setNumber(VMCB.GDTR_BASE, regs.gdtr.base);
        guest.set(VMCB.GDTR_LIMIT, regs.gdtr.limit);
        guest.set(VMCB.EVENTINJ, eventToInject(TYPE.EXCEPTION, 13, true), 0x1234);
        // The handlers write to the serial port.
        guest.intercept(SVM_EXIT.IOIO);
        guest.mark(0x10_8000, 0x3f8);
      },
      onExit: stopAtOnce,
    });
    expect(codes(exits)).toEqual([SVM_EXIT.IOIO]);
    // Where long.inc keeps the error code is above the interrupted stack: the frame has it.
    const frame = guest.get(VMCB.RSP);
    const words = Array.from({ length: 40 }, (_, i) => guest.read32(frame + 8 * i));
    expect(words).toContain(0x1234);
  });

  it('a delivery that ends in a nested page fault tells of the event', () => {
    const { exits } = run(TYPE.SOFTWARE_INTERRUPT, 0x21, (guest) => {
      guest.set(VMCB.RSP, 0x7100);
      guest.set(VMCB.NRIP, 0x8100);
      guest.setPage(0x7000, 0);
    });
    expect(exits).toMatchObject([{ code: SVM_EXIT.NPF, info2: 0x70fen, interrupted: 0x8000_0421n }]);
  });
});

describe('the global interrupt flag', () => {
  const PROLOGUE = `%include "long.inc"
bits 16
start:  enter_long
        set_msr EFER, 0x1d01
        ${PENDING}`;

  it('holds interrupts back between CLGI and STGI', () => {
    const lines = report(
      `${PROLOGUE}
        clgi
        sti
        nop
        say " held"
        stgi
        nop
        say " done", 10
        finish`,
      { virtualization: 'amd-v' },
    );
    expect(lines).toEqual([' held host done']);
  });

  it('keeps a halted processor halted', () => {
    expect(() => report(`${PROLOGUE}\n clgi\n sti\n hlt\n say "on"`, { virtualization: 'amd-v' })).toThrow(
      /"waiting"/,
    );
  });

  it('is 1 in a guest and 0 after its exit', () => {
    const { svm } = runSvm('start: vmmcall', {
      setUp: (guest) => guest.intercept(SVM_EXIT.VMMCALL),
      onExit: stopAtOnce,
      before: 'clgi',
    });
    expect(svm.holdsEvents).toBe(true);
  });
});

it('the interrupt shadow is loaded and saved', () => {
  const { exits, guest } = runSvm(`start: nop\n nop\n sti\n vmmcall`, {
    host: PENDING,
    setUp: (guest) => {
      guest.intercept(SVM_EXIT.INTR, SVM_EXIT.VMMCALL);
      guest.set(VMCB.INTERRUPT_SHADOW, 1);
      guest.or(VMCB.RFLAGS, IF);
    },
    onExit: ({ code }, { set, get }) => {
      if (code === SVM_EXIT.VMMCALL) return 'stop';
      // One instruction has been executed.
      expect(get(VMCB.INTERRUPT_SHADOW)).toBe(0);
      set(VMCB.RFLAGS, 2);
      return 'resume';
    },
  });
  expect(codes(exits)).toEqual([SVM_EXIT.INTR, SVM_EXIT.VMMCALL]);
  expect(exits[1].rip - exits[0].rip).toBe(2);
  expect(guest.get(VMCB.INTERRUPT_SHADOW)).toBe(1);
});
