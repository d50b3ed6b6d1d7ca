/** Which exception an instruction's accesses and branches raise, and that it then has changed nothing. */
import { beforeEach, describe, expect, it } from 'vitest';
import { hasFeature } from '../arch/cpuid.ts';
import { CR0, FLAG, GPR, SEG, VECTOR } from '../arch/registers.ts';
import { instructions } from '../isa/instructions.ts';
import { STATE } from './state.ts';
import { DR6 } from './system/debug-registers.ts';
import { refresh } from './system/mode.ts';
import { Bench } from './testing/bench.ts';

const CODE = 0x10_0000;
const DATA = 0x20_0000;
/** High halves of linear addresses that are and are not canonical. */
const NOT_CANONICAL = 0x8000_0000;

const bytes = (hex: string): number[] => hex.split(' ').map((byte) => Number.parseInt(byte, 16));

let bench: Bench;
let code: number;
let data: number;

/** Executes one instruction. @returns `#vector(error)` of its exception, or 'none' */
function run(hex: string): string {
  const { regs, ram } = bench;
  ram.set(bytes(hex), code);
  bench.changed(code, 16);
  regs.rip = CODE;
  const event = bench.step();
  return event ? `#${event.vector}(${event.errorCode})` : 'none';
}

beforeEach(() => {
  bench = new Bench();
  code = bench.map(CODE);
  data = bench.map(DATA);
  const r = bench.regs;
  for (let n = 0; n < 16; n++) r.setGpr32(n, DATA + 0x800);
});

const GP = `#${VECTOR.GP}(0)`;
const SS = `#${VECTOR.SS}(0)`;
const AC = `#${VECTOR.AC}(0)`;

describe('addresses that are not canonical', () => {
  const spoil = (n: number) => bench.regs.setGpr(n, 0, NOT_CANONICAL);

  it.each([
    ['PUSH RAX', '50'],
    ['POP RAX', '58'],
    ['PUSH 1', '6a 01'],
    ['PUSH [RAX]', 'ff 30'],
    ['POP [RAX]', '8f 00'],
    ['CALL', 'e8 00 01 00 00'],
    ['CALL RAX', 'ff d0'],
    ['RET', 'c3'],
    ['RET 8', 'c2 08 00'],
    ['ENTER 16, 0', 'c8 10 00 00'],
    ['PUSHF', '9c'],
    ['MOV RAX, [RSP]', '48 8b 04 24'],
  ])('the stack pointer: %s raises #SS', (_, hex) => {
    spoil(GPR.RSP);
    expect(run(hex)).toBe(SS);
    expect(bench.regs.gprHi(GPR.RSP)).toBe(NOT_CANONICAL);
    expect(bench.regs.rip).toBe(CODE);
  });

  it('the frame pointer: LEAVE and memory operands raise #SS', () => {
    spoil(GPR.RBP);
    expect(run('c9')).toBe(SS);
    expect(run('48 8b 45 00')).toBe(SS);
  });

  it('other registers: #GP', () => {
    spoil(GPR.RAX);
    expect(run('48 8b 00')).toBe(GP);
    expect(run('ff 30')).toBe(GP); // PUSH [RAX]
    spoil(GPR.RSI);
    expect(run('a4')).toBe(GP); // MOVSB
  });

  it('an FS override makes it #GP again', () => {
    spoil(GPR.RSP);
    expect(run('64 48 8b 04 24')).toBe(GP);
  });
});

describe('branches out of the code segment', () => {
  it.each([
    ['JMP RAX', 'ff e0'],
    ['JMP [RBX]', 'ff 23'],
    ['CALL RAX', 'ff d0'],
    ['RET', 'c3'],
    ['RET 8', 'c2 08 00'],
  ])('to an address that is not canonical: %s is refused before it does anything', (_, hex) => {
    const r = bench.regs;
    r.setGpr(GPR.RAX, 0, NOT_CANONICAL);
    bench.ram.fill(0xab, data, data + 0x1000);
    expect(run(hex)).toBe(GP);
    expect(r.rip).toBe(CODE);
    expect(r.gprLo(GPR.RSP)).toBe(DATA + 0x800);
    expect(bench.ram[data + 0x7ff]).toBe(0xab);
  });

  it.each([
    ['JMP', 'e9 00 00 10 00'],
    ['JZ', '0f 84 00 00 10 00'],
    ['CALL', 'e8 00 00 10 00'],
    ['LOOP', 'e2 7e'],
    ['RET', 'c3'],
  ])('beyond the limit of CS: %s is refused before it does anything', (_, hex) => {
    bench.setMode(32);
    const r = bench.regs;
    r.setSegment(SEG.CS, { ...r.segment(SEG.CS), limit: CODE + 0x40 });
    refresh(r);
    r.rflags = FLAG.ZF;
    bench.ram.fill(0xab, data, data + 0x1000);
    expect(run(hex)).toBe(GP);
    expect(r.rip).toBe(CODE);
    expect(r.gprLo(GPR.RCX)).toBe(DATA + 0x800);
    expect(r.gprLo(GPR.RSP)).toBe(DATA + 0x800);
  });
});

describe('alignment checking', () => {
  beforeEach(() => {
    const r = bench.regs;
    r.cr0 |= CR0.AM;
    r.rflags = FLAG.AC;
    r.setGpr32(GPR.RAX, DATA + 0x101);
    r.setGpr32(GPR.RSP, DATA + 0x804);
    refresh(r);
  });

  it.each([
    ['MOV AX, [RAX]', '66 8b 00'],
    ['MOV [RAX], EBX', '89 18'],
    ['ADD [RAX], RBX', '48 01 18'],
    ['PUSH RBX', '53'],
    ['FLD tbyte [RAX]', 'db 28'],
  ])('%s raises #AC', (_, hex) => {
    expect(run(hex)).toBe(AC);
    expect(bench.regs.rip).toBe(CODE);
  });

  it('bytes and aligned accesses are fine, also after other accesses to the page', () => {
    expect(run('8a 18')).toBe('none');
    expect(run('8b 58 03')).toBe('none');
    expect(run('8b 58 03')).toBe('none');
    expect(run('8b 18')).toBe(AC);
  });

  it('nothing is checked without CR0.AM or EFLAGS.AC', () => {
    bench.regs.rflags = 0;
    refresh(bench.regs);
    expect(run('8b 18')).toBe('none');
    bench.regs.rflags = FLAG.AC;
    bench.regs.cr0 &= ~CR0.AM;
    refresh(bench.regs);
    expect(run('8b 18')).toBe('none');
  });
});

describe('data breakpoints', () => {
  const WRITE_4 = 0x000d_0001;
  const READ_WRITE_1 = 0x0003_0001;

  /** Debug conditions that are due after one instruction. */
  function hits(hex: string): number {
    expect(run(hex)).toBe('none');
    const pending = bench.regs.i32[STATE.PENDING_DEBUG >> 2];
    bench.regs.i32[STATE.PENDING_DEBUG >> 2] = 0;
    return pending & DR6.B;
  }

  function watch(address: number, dr7: number): void {
    bench.regs.setDr(0, address, 0);
    bench.regs.setDr(7, dr7, 0);
    bench.processor.memory.flush('all');
  }

  it('trap writes, but not reads, and only of the watched bytes', () => {
    watch(DATA + 0x800, WRITE_4);
    expect(hits('8b 18')).toBe(0); // MOV EBX, [RAX]
    expect(hits('89 18')).toBe(1); // MOV [RAX], EBX
    expect(hits('88 58 03')).toBe(1);
    expect(hits('88 58 04')).toBe(0);
    expect(hits('48 89 58 fc')).toBe(1); // eight bytes that begin before
  });

  it('trap reads, pushes and string elements', () => {
    watch(DATA + 0x800, READ_WRITE_1);
    expect(hits('8a 18')).toBe(1);
    expect(hits('53')).toBe(0);
    expect(hits('5b')).toBe(0);
    bench.regs.setGpr32(GPR.RSP, DATA + 0x808);
    expect(hits('53')).toBe(1);
    bench.regs.setGpr32(GPR.RDI, DATA + 0x7ff);
    expect(hits('aa')).toBe(0);
    expect(hits('aa')).toBe(1);
  });
});

describe('features that CPUID does not show', () => {
  const UD = `#${VECTOR.UD}(-1)`;

  it.each([
    ['CMOVZ EAX, ECX', '0f 44 c1', 'cmov'],
    ['RDTSC', '0f 31', 'tsc'],
    ['LAHF', '9f', 'lahf_lm'],
    ['CMPXCHG16B [RAX]', '48 0f c7 08', 'cx16'],
    ['ADDPS XMM0, XMM1', '0f 58 c1', 'sse'],
    ['POPCNT EAX, ECX', 'f3 0f b8 c1', 'popcnt'],
    ['CRC32 EAX, CL', 'f2 0f 38 f0 c1', 'sse4_2'],
  ])('%s is undefined', (_, hex, feature) => {
    expect(run(hex)).toBe('none');
    bench = new Bench([feature]);
    code = bench.map(CODE);
    expect(run(hex)).toBe(UD);
    expect(bench.regs.rip).toBe(CODE);
  });

  it('CMPXCHG8B and LAHF in 32-bit code do without those of their 64-bit forms', () => {
    bench = new Bench(['cx16', 'lahf_lm']);
    code = bench.map(CODE);
    bench.map(DATA);
    bench.regs.setGpr32(GPR.RAX, DATA);
    expect(run('0f c7 08')).toBe('none');
    bench.setMode(32);
    expect(run('9f')).toBe('none');
  });

  it("are features that CPUID knows, of one vendor's processors at least", () => {
    const { cpuid } = bench.processor;
    const isKnown = (name: string) =>
      (['intel', 'amd'] as const).some((vendor) => hasFeature({ ...cpuid, vendor }, name));
    const unknown = instructions.flatMap(({ feature, feature64 }) =>
      [feature, feature64].filter((name) => name !== undefined && !isKnown(name)),
    );
    expect(unknown).toEqual([]);
  });
});

describe('code that is written while it runs', () => {
  /** Runs for `cycles` in one piece, as the generated code does between two events. */
  function runCode(hex: string, cycles: number): void {
    bench.ram.set(bytes(hex), code);
    bench.changed(code, 64);
    bench.regs.rip = CODE;
    bench.processor.run(bench.processor.now() + cycles);
  }

  it('the next instruction is executed as written', () => {
    // MOV BYTE [RIP + 0], B4h turns MOV AL, 11h into MOV AH, 11h.
    runCode('c6 05 00 00 00 00 b4 b0 11 eb fe', 2);
    expect(bench.regs.gprLo(GPR.RAX)).toBe((DATA & ~0xff00) | 0x1100);
  });

  it('an instruction behind a linked branch is executed as written', () => {
    // L: MOV AL, 11h; JMP +0; INC BYTE [RIP - 10]; JMP L: the immediate grows with every turn.
    runCode('b0 11 eb 00 fe 05 f7 ff ff ff eb f4', 4 * 5 + 1);
    expect(bench.regs.gprLo(GPR.RAX) & 0xff).toBe(0x16);
  });

  it('also when it is written at another linear address', () => {
    const ALIAS = 0x30_0000;
    bench.map(ALIAS, code);
    bench.regs.setGpr32(GPR.RDI, ALIAS + 1);
    // L: MOV AL, 11h; INC BYTE [RDI]; JMP L
    runCode('b0 11 fe 07 eb fa', 3 * 5 + 1);
    expect(bench.regs.gprLo(GPR.RAX) & 0xff).toBe(0x16);
  });

  it('an instruction that lies in two pages is executed as the second page says', () => {
    const next = bench.map(CODE + 0x1000);
    const r = bench.regs;
    const execute = (immediate: number): number => {
      bench.ram.set([0xb8, 0x44, 0x33], code + 0xffd); // MOV EAX, imm32
      bench.ram.set([0x22, immediate], next);
      bench.changed(next, 2);
      r.rip = CODE + 0xffd;
      expect(bench.step()).toBeUndefined();
      expect(r.rip).toBe(CODE + 0x1002);
      return r.gprLo(GPR.RAX) >>> 0;
    };
    expect(execute(0x11)).toBe(0x1122_3344);
    expect(execute(0x77)).toBe(0x7722_3344);
  });

  it('an instruction that lies in two pages faults at the second page, when that is missing', () => {
    bench.ram.set([0xb8, 0x44, 0x33], code + 0xffd);
    bench.changed(code + 0xffd, 3);
    bench.regs.rip = CODE + 0xffd;
    const event = bench.step();
    expect([event?.vector, event?.errorCode, event?.detail]).toEqual([VECTOR.PF, 0x14, CODE + 0x1000]);
  });

  it('REP STOSB over itself: the element that changes it is the last', () => {
    bench.regs.setGpr32(GPR.RDI, CODE);
    bench.regs.setGpr32(GPR.RCX, 8);
    bench.regs.setGpr32(GPR.RAX, 0x90);
    // F3h of REP STOSB becomes NOP: what remains is STOSB, once, at CODE + 1, which becomes NOP as well.
    runCode('f3 aa eb fe', 2);
    expect(bench.regs.gprLo(GPR.RCX)).toBe(7);
    expect([...bench.ram.subarray(code, code + 3)]).toEqual([0x90, 0xaa, 0xeb]);
    bench.processor.run(bench.processor.now() + 1);
    expect([...bench.ram.subarray(code, code + 3)]).toEqual([0x90, 0x90, 0xeb]);
    expect(bench.regs.gprLo(GPR.RCX)).toBe(7);
  });
});

describe('PUSH of a segment register', () => {
  /** The 8 bytes below the old top of the stack, and how far the pointer moved. */
  const pushed = (mode: 32 | 64, hex: string): [number, ...number[]] => {
    bench.setMode(mode);
    const r = bench.regs;
    r.setGpr32(GPR.RSP, DATA + 0x800);
    bench.ram.fill(0xaa, data + 0x7f8, data + 0x800);
    expect(run(hex)).toBe('none');
    return [DATA + 0x800 - r.gpr(GPR.RSP), ...bench.ram.subarray(data + 0x7f8, data + 0x800)];
  };

  it.each([
    ['32 bits', 32, '0f a0', [4, 0xaa, 0xaa, 0xaa, 0xaa, 0x2b, 0, 0, 0]],
    ['16 bits', 32, '66 1e', [2, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0x2b, 0]],
    ['64 bits', 64, '0f a8', [8, 0x2b, 0, 0, 0, 0, 0, 0, 0]],
  ] as const)('zero-extends the selector to the operand size: %s', (_, mode, hex, expected) => {
    expect(pushed(mode, hex)).toEqual(expected);
  });
});
