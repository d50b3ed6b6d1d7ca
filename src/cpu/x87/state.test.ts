/** Stack faults, masks and #MF, device-not-available, environment and save images. */
import { beforeEach, describe, expect, test } from 'vitest';
import { CR0, FLAG, SEG, VECTOR } from '../../arch/registers.ts';
import { EXCEPTION } from '../../isa/float/workspace.ts';
import { FSW, STACK_OVERFLOW, STACK_UNDERFLOW } from '../../isa/x87/status.ts';
import { STATE } from '../state.ts';
import { refresh } from '../system/mode.ts';
import { type Extended, FpuBench, INDEFINITE, ZERO } from './testing.ts';

const ONE: Extended = { top: 0x3fff, significand: 1n << 63n };
const PI: Extended = { top: 0x4000, significand: 0xc90f_daa2_2168_c235n };
const FULL = [ONE, ZERO, PI, ONE, PI, ZERO, ONE, PI];
const DIVIDE_ONE_BY_ZERO = 'D8 F1';
const FWAIT = '9B';
const FLD1 = 'D9 E8';

let fpu: FpuBench;

beforeEach(() => {
  fpu = new FpuBench();
});

describe('stack', () => {
  test('a ninth register overflows: the indefinite replaces what was there', () => {
    fpu.load(0x37f, ...FULL);
    fpu.run(FLD1);
    expect(fpu.st(0)).toEqual(INDEFINITE);
    expect({ fsw: fpu.fsw, top: fpu.top, tags: fpu.tags }).toEqual({
      fsw: STACK_OVERFLOW,
      top: 7,
      tags: 0xff,
    });
  });

  test('unmasked, an overflow leaves everything', () => {
    fpu.load(0x37e, ...FULL);
    fpu.run(FLD1);
    expect(fpu.st(0)).toEqual(ONE);
    expect({ fsw: fpu.fsw, top: fpu.top }).toEqual({ fsw: STACK_OVERFLOW | FSW.SUMMARY, top: 0 });
  });

  test('an empty register underflows', () => {
    fpu.load(0x37f, ONE);
    fpu.run('D8 C3'); // fadd st0, st3
    expect(fpu.st(0)).toEqual(INDEFINITE);
    expect(fpu.fsw).toBe(STACK_UNDERFLOW);
  });

  test('pops, frees and rotations', () => {
    fpu.load(0x37f, ONE, PI, ZERO);
    fpu.run('DD D9'); // fstp st1
    expect([fpu.st(0), fpu.st(1)]).toEqual([ONE, ZERO]);
    expect(fpu.tags).toBe(0xc0);
    fpu.run('DD C1'); // ffree st1
    expect(fpu.tags).toBe(0x40);
    fpu.run('D9 F7'); // fincstp
    expect({ top: fpu.top, tags: fpu.tags }).toEqual({ top: 7, tags: 0x40 });
    fpu.run('D9 F6'); // fdecstp
    expect(fpu.top).toBe(6);
    fpu.run('D9 C9'); // fxch st1: the empty register becomes the indefinite
    expect([fpu.st(0), fpu.st(1)]).toEqual([INDEFINITE, ONE]);
  });
});

describe('unmasked exceptions', () => {
  test('the instruction has no result; the next waiting one raises #MF', () => {
    fpu.load(0x37b, ONE, ZERO);
    expect(fpu.run(DIVIDE_ONE_BY_ZERO)).toBeUndefined();
    expect(fpu.st(0)).toEqual(ONE);
    expect(fpu.fsw).toBe(EXCEPTION.ZERO_DIVIDE | FSW.SUMMARY);
    for (const code of [FLD1, FWAIT, 'D9 2F', 'D9 67 00', '0F 77']) {
      expect(fpu.run(code)?.vector, code).toBe(VECTOR.MF);
    }
    expect(fpu.regs.rip).toBe(0x10_0000);
  });

  test('instructions that do not wait read the state and clear it', () => {
    fpu.load(0x37b, ONE, ZERO);
    fpu.run(DIVIDE_ONE_BY_ZERO);
    expect(fpu.run('DF E0')).toBeUndefined(); // fnstsw ax
    expect(fpu.regs.gprLo(0) & 0xffff).toBe(0x8084 | (6 << 11));
    expect(fpu.run('D9 7F 04')).toBeUndefined(); // fnstcw
    expect(fpu.data.getUint16(4, true)).toBe(0x37b);
    expect(fpu.run('DB E2')).toBeUndefined(); // fnclex
    expect({ fsw: fpu.fsw, pending: fpu.pending }).toEqual({ fsw: 0, pending: false });
    expect(fpu.run(FWAIT)).toBeUndefined();
  });

  test('FLDCW unmasks what is flagged, FNSTENV masks it again', () => {
    fpu.load(0x37f, ONE, ZERO);
    fpu.run(DIVIDE_ONE_BY_ZERO);
    expect(fpu.pending).toBe(false);
    fpu.data.setUint16(0, 0x37b, true);
    fpu.run('D9 2F'); // fldcw
    expect({ pending: fpu.pending, fsw: fpu.fsw }).toEqual({ pending: true, fsw: 4 | FSW.SUMMARY });
    expect(fpu.run('D9 77 10')).toBeUndefined(); // fnstenv
    expect({ pending: fpu.pending, fcw: fpu.fcw, fsw: fpu.fsw }).toEqual({
      pending: false,
      fcw: 0x37f,
      fsw: 4,
    });
    expect(fpu.run('D9 67 10')).toBeUndefined(); // fldenv: as it was
    expect({ pending: fpu.pending, fcw: fpu.fcw }).toEqual({ pending: true, fcw: 0x37b });
  });

  test('a store to memory that overflows is not done; to a register the exponent is wrapped', () => {
    const huge: Extended = { top: 0x7ffe, significand: 1n << 63n };
    fpu.load(0x377, huge);
    fpu.data.setUint32(0, 0xdead_beef, true);
    fpu.run('D9 1F'); // fstp dword [rdi]
    expect(fpu.data.getUint32(0, true)).toBe(0xdead_beef);
    expect({ fsw: fpu.fsw, top: fpu.top }).toEqual({ fsw: EXCEPTION.OVERFLOW | FSW.SUMMARY, top: 7 });
    fpu.load(0x377, huge, huge);
    fpu.run('D8 C1');
    expect(fpu.st(0)).toEqual({ top: 0x7fff - 0x6000, significand: 1n << 63n });
  });
});

describe('CR0', () => {
  const setCr0 = (set: number, clear = 0) => {
    fpu.regs.cr0 = (fpu.regs.cr0 & ~clear) | set;
    refresh(fpu.regs);
  };

  test.each([
    ['TS', CR0.TS],
    ['EM', CR0.EM],
  ])('%s makes x87 instructions raise #NM, waiting or not', (_, bit) => {
    fpu.load(0x37f);
    setCr0(bit);
    for (const code of [FLD1, 'DB E3', 'D9 7F 00']) expect(fpu.run(code)?.vector, code).toBe(VECTOR.NM);
  });

  test('FWAIT raises #NM only when both MP and TS are set', () => {
    fpu.load(0x37f);
    setCr0(CR0.TS | CR0.EM, CR0.MP);
    expect(fpu.run(FWAIT)).toBeUndefined();
    setCr0(CR0.MP, CR0.TS);
    expect(fpu.run(FWAIT)).toBeUndefined();
    setCr0(CR0.MP | CR0.TS);
    expect(fpu.run(FWAIT)?.vector).toBe(VECTOR.NM);
  });
});

describe('images in memory', () => {
  const u16 = (at: number) => fpu.data.getUint16(at, true);
  const u32 = (at: number) => fpu.data.getUint32(at, true);

  test('FNSTENV, 32 bits: words with their upper halves set, tags, pointers', () => {
    fpu.load(0x27f, ONE, ZERO, { top: 0x7fff, significand: 1n << 63n }, PI);
    fpu.run('D9 C0'); // fld st0: opcode 1C0h
    fpu.run('D9 77 00');
    expect([0, 4, 8].map(u32)).toEqual([0xffff_027f, 0xffff_1800, 0xffff_243f]);
    expect(u32(12)).toBe(0x10_0000);
    expect(u32(16)).toBe((0x1c0 << 16) | 0x33);
  });

  test('FNSAVE and FRSTOR, both sizes', () => {
    for (const prefix of ['', '66 ']) {
      fpu.load(0x27f, ONE, PI);
      expect(fpu.run(`${prefix}DD 37`)).toBeUndefined();
      expect({ fcw: fpu.fcw, tags: fpu.tags, top: fpu.top }).toEqual({ fcw: 0x37f, tags: 0, top: 0 });
      const registers = prefix ? 14 : 28;
      expect(fpu.data.getBigUint64(registers + 10, true)).toBe(PI.significand);
      expect(u16(registers + 18)).toBe(PI.top);
      fpu.run(`${prefix}DD 27`);
      expect([fpu.st(0), fpu.st(1)]).toEqual([ONE, PI]);
      expect({ fcw: fpu.fcw, tags: fpu.tags, top: fpu.top }).toEqual({ fcw: 0x27f, tags: 0xc0, top: 6 });
    }
  });

  test('FXSAVE and FXRSTOR keep registers, tags and a pending exception', () => {
    fpu.load(0x37b, ONE, ZERO);
    fpu.run(DIVIDE_ONE_BY_ZERO);
    expect(fpu.run('0F AE 07')).toBeUndefined(); // fxsave [rdi]
    expect([0, 2, 4].map(u16)).toEqual([0x37b, 0xb084, 0xc0]);
    expect(fpu.data.getBigUint64(32, true)).toBe(ONE.significand);
    fpu.load(0x37f);
    expect(fpu.run('0F AE 0F')).toBeUndefined(); // fxrstor [rdi]
    expect({ ...fpu.st(0), tags: fpu.tags, top: fpu.top }).toEqual({ ...ONE, tags: 0xc0, top: 6 });
    expect({ fcw: fpu.fcw, fsw: fpu.fsw, pending: fpu.pending }).toEqual({
      fcw: 0x37b,
      fsw: 0x8084,
      pending: true,
    });
    fpu.data.setUint16(0, 0x37f, true);
    fpu.run('0F AE 0F');
    expect({ fsw: fpu.fsw, pending: fpu.pending }).toEqual({ fsw: 4, pending: false });
  });

  test('FNSAVE to a page that is not there changes nothing', () => {
    fpu.load(0x27f, ONE, PI);
    const fault = fpu.run('DD B7 C0 0F 00 00'); // fnsave [rdi + FC0h]
    expect(fault?.vector).toBe(VECTOR.PF);
    expect({ fcw: fpu.fcw, tags: fpu.tags, first: u32(0xfc0) }).toEqual({ fcw: 0x27f, tags: 0xc0, first: 0 });
  });

  test('real-address mode: linear addresses and the opcode share words', () => {
    const { regs, bench } = fpu;
    regs.cr0 = CR0.ET | CR0.NE;
    regs.efer = 0;
    regs.cpl = 0;
    const segment = (selector: number, attributes: number) => ({
      selector,
      attributes,
      limit: 0xffff,
      base: selector << 4,
    });
    for (let n = SEG.ES; n <= SEG.GS; n++) regs.setSegment(n, segment(0xe000, 0x93));
    regs.setSegment(SEG.CS, segment(0xf000, 0x9b));
    refresh(regs);
    bench.processor.memory.flush('all');
    const execute = (...code: number[]) => {
      bench.ram.set(code, 0xf0123);
      bench.changed(0xf0123, 16);
      regs.rip = 0x123;
      expect(bench.step()).toBeUndefined();
    };
    execute(0xdb, 0xe3); // fninit
    execute(0xd9, 0x06, 0x34, 0x12); // fld dword [1234h]
    execute(0xd9, 0x36, 0x00, 0x01); // fnstenv [100h]
    const view = new DataView(bench.ram.buffer, bench.ram.byteOffset + 0xe0100, 28);
    const words = [6, 8, 10, 12].map((at) => view.getUint16(at, true));
    expect(words).toEqual([0x0123, 0xf000 | 0x106, 0x1234, 0xe000]);
    execute(0x66, 0xd9, 0x36, 0x00, 0x01);
    const dwords = [12, 16, 20, 24].map((at) => view.getUint32(at, true));
    expect(dwords).toEqual([0xffff_0123, 0xf000 | 0x106, 0xffff_1234, 0xe000]);
    execute(0x66, 0xd9, 0x26, 0x00, 0x01);
    expect(regs.lo(STATE.FIP)).toBe(0xf0123);
    expect(regs.lo(STATE.FDP)).toBe(0xe1234);
    expect(regs.u16[STATE.FOP >> 1]).toBe(0x106);
  });
});

describe('comparisons', () => {
  const INFINITY: Extended = { top: 0x7fff, significand: 1n << 63n };
  const QNAN: Extended = { top: 0x7fff, significand: 3n << 62n };

  test.each([
    [ONE, PI, FSW.C0, FLAG.CF, 0],
    [PI, ONE, 0, 0, 0],
    [ONE, ONE, FSW.C3, FLAG.ZF, 0],
    [{ ...ZERO, top: 0x8000 }, ZERO, FSW.C3, FLAG.ZF, 0],
    [INFINITY, PI, 0, 0, 0],
    [QNAN, ONE, FSW.C3 | FSW.C2 | FSW.C0, FLAG.ZF | FLAG.PF | FLAG.CF, EXCEPTION.INVALID],
  ] as const)('case %#', (a, b, conditions, flags, signalled) => {
    fpu.load(0x37f, a, b);
    fpu.run('D8 D1'); // fcom st1
    expect(fpu.fsw).toBe(conditions | signalled);
    fpu.load(0x37f, a, b);
    fpu.run('DD E1'); // fucom st1: a QNaN does not signal
    expect(fpu.fsw).toBe(conditions);
    fpu.load(0x37f, a, b);
    fpu.run('DB F1'); // fcomi st0, st1
    expect(fpu.regs.rflags & 0x8d5).toBe(flags);
    expect(fpu.fsw).toBe(signalled);
  });
});
