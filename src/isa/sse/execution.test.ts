/**
 * What the recorded vectors do not hold: state images, MXCSR's reserved bits, unmasked exceptions
 * without CR4.OSXMMEXCPT, CR0.EM and CR0.TS, alignment. Programs of one instruction in 64-bit mode, ring 0.
 */
import { beforeEach, expect, test } from 'vitest';
import { CR0, CR4, EFER, VECTOR } from '../../arch/registers.ts';
import { Processor } from '../../cpu/processor.ts';
import { Runtime } from '../../cpu/runtime.ts';
import { LAYOUT } from '../../cpu/state.ts';
import { refresh } from '../../cpu/system/mode.ts';
import { STATE } from '../state.ts';

const RAM_BYTES = 4 << 20;
const CODE = 0x10000;
const DATA = 0x20000;
/** Not present; the pages before and after are. */
const HOLE = 0x30_0000;

const memory = new WebAssembly.Memory({ initial: (LAYOUT.RAM + RAM_BYTES) >> 16, maximum: 65536 });
const runtime = new Runtime(memory, RAM_BYTES);
const { code } = runtime;
const processor = new Processor({
  memory,
  ramBytes: RAM_BYTES,
  index: 0,
  runtime,
  bus: { read: () => 0, write: () => {} },
  ports: { in: () => 0, out: () => {} },
  cpuid: { vendor: 'intel', cpus: 1, apicId: 0, tscHz: 1e9, physicalBits: 36, withhold: [] },
});
processor.connect({
  pending: () => false,
  acknowledge: () => -1,
  cr8: 0,
  readMsr: () => undefined,
  writeMsr: () => false,
});
const r = processor.regs;
const ram = new DataView(memory.buffer, LAYOUT.RAM, RAM_BYTES);

const flat = (attributes: number) => ({ selector: 8, attributes, limit: 0xffff_ffff, base: 0 });

/** Identity paging: 2 MiB by 4 KiB pages without HOLE, in 64-bit mode or compatibility mode. */
function enter(mode: 32 | 64): void {
  for (const [entry, value] of [
    [0x1000, 0x2007],
    [0x2000, 0x3007],
    [0x3000, 0x4007],
    [0x3008, 0x5007],
  ]) {
    ram.setBigUint64(entry, BigInt(value), true);
  }
  for (let page = 0; page < 1024; page++) {
    ram.setBigUint64(0x4000 + page * 8, page * 4096 === HOLE ? 0n : BigInt(page * 4096 + 7), true);
  }
  r.cr3 = 0x1000;
  r.cr4 = CR4.PAE | CR4.OSFXSR | CR4.OSXMMEXCPT;
  r.efer = EFER.LME | EFER.LMA;
  r.cr0 = CR0.PE | CR0.PG | CR0.NE | CR0.MP | CR0.ET;
  r.setSegment(1, flat(mode === 64 ? 0xa09b : 0xc09b));
  for (const n of [0, 2, 3, 4, 5]) r.setSegment(n, flat(0xc093));
  r.cpl = 0;
  refresh(r);
  processor.memory.flush('all');
}

/** Where the handlers of exceptions stand: one HLT each, at HANDLERS + vector. */
const HANDLERS = 0x8000;
const IDT = 0x9000;

function installHandlers(): void {
  ram.setBigUint64(0xa008, 0x00af_9b00_0000_ffffn, true);
  r.gdtr = { base: 0xa000, limit: 15 };
  r.idtr = { base: IDT, limit: 0xfff };
  for (let vector = 0; vector < 32; vector++) {
    ram.setUint8(HANDLERS + vector, 0xf4);
    const target = HANDLERS + vector;
    ram.setBigUint64(IDT + vector * 16, BigInt(target & 0xffff) | (8n << 16n) | (0x8e00n << 32n), true);
    ram.setBigUint64(IDT + vector * 16 + 8, 0n, true);
  }
}

beforeEach(() => {
  processor.reset();
  new Uint8Array(memory.buffer, LAYOUT.RAM, RAM_BYTES).fill(0);
  enter(64);
  installHandlers();
  r.setGpr(4, 0xf000, 0);
  r.setGpr(6, DATA, 0);
});

/** Executes one instruction. @returns the vector of the exception it raised, or -1 */
function execute(...bytes: number[]): number {
  new Uint8Array(memory.buffer, LAYOUT.RAM + CODE, 16).set([...bytes, 0x90]);
  code.written(CODE, 16);
  r.rip = CODE;
  processor.step();
  if (r.rip === CODE + bytes.length) return -1;
  expect(r.rip).toBeGreaterThanOrEqual(HANDLERS);
  expect(r.rip).toBeLessThan(HANDLERS + 32);
  return r.rip - HANDLERS;
}

const xmm = (n: number) => new Uint8Array(memory.buffer, r.base + STATE.XMM + 16 * n, 16);
const xmmDoubles = (n: number) => new Float64Array(memory.buffer, r.base + STATE.XMM + 16 * n, 2);
const mxcsr = () => r.u32[STATE.MXCSR >> 2];
const setMxcsr = (value: number) => {
  r.u32[STATE.MXCSR >> 2] = value;
};

test('LDMXCSR refuses reserved bits', () => {
  ram.setUint32(DATA, 0x1_0000, true);
  expect(execute(0x0f, 0xae, 0x16)).toBe(VECTOR.GP);
  expect(mxcsr()).toBe(0x1f80);
  ram.setUint32(DATA, 0xffff, true);
  expect(execute(0x0f, 0xae, 0x16)).toBe(-1);
  expect(mxcsr()).toBe(0xffff);
  expect(execute(0x0f, 0xae, 0x5e, 0x08)).toBe(-1);
  expect(ram.getUint32(DATA + 8, true)).toBe(0xffff);
});

const ADDSD_01 = [0xf2, 0x0f, 0x58, 0xc1];

test('an unmasked exception sets its flag and keeps the destination; #UD without CR4.OSXMMEXCPT', () => {
  for (const [cr4, vector] of [
    [CR4.OSXMMEXCPT, VECTOR.XM],
    [0, VECTOR.UD],
  ]) {
    r.cr4 = CR4.PAE | CR4.OSFXSR | cr4;
    setMxcsr(0x1f80 & ~(1 << 12));
    xmmDoubles(0).set([1, 7]);
    xmmDoubles(1).set([2 ** -60, 7]);
    expect(execute(...ADDSD_01)).toBe(vector);
    expect(mxcsr()).toBe(0x1fa0 & ~(1 << 12));
    expect([...xmmDoubles(0)]).toEqual([1, 7]);
  }
});

test('an unmasked invalid operation in one lane hides the precision flag of another', () => {
  setMxcsr(0x1f80 & ~(1 << 7));
  xmmDoubles(0).set([Number.POSITIVE_INFINITY, 1]);
  xmmDoubles(1).set([Number.NEGATIVE_INFINITY, 2 ** -60]);
  expect(execute(0x66, 0x0f, 0x58, 0xc1)).toBe(VECTOR.XM);
  expect(mxcsr() & 0x3f).toBe(1);
});

test('flush to zero applies to exact denormal results too, when underflow is masked', () => {
  setMxcsr(0x9f80);
  xmmDoubles(0).set([-(2 ** -1022), 0]);
  xmmDoubles(1).set([0.5, 0]);
  expect(execute(0xf2, 0x0f, 0x59, 0xc1)).toBe(-1);
  expect(Object.is(xmmDoubles(0)[0], -0)).toBe(true);
  expect(mxcsr()).toBe(0x9fb0);
});

test('CR0.EM and CR4.OSFXSR = 0 make SSE undefined, CR0.TS makes it unavailable', () => {
  const movaps = [0x0f, 0x28, 0xc1];
  r.cr0 |= CR0.TS;
  refresh(r);
  expect(execute(...movaps)).toBe(VECTOR.NM);
  expect(execute(0x0f, 0xae, 0x06)).toBe(VECTOR.NM);
  r.cr0 |= CR0.EM;
  refresh(r);
  expect(execute(...movaps)).toBe(VECTOR.UD);
  r.cr0 &= ~(CR0.EM | CR0.TS);
  r.cr4 &= ~CR4.OSFXSR;
  refresh(r);
  expect(execute(...movaps)).toBe(VECTOR.UD);
  // FXSAVE, MOVNTI and CRC32 do not ask for OSFXSR.
  expect(execute(0x0f, 0xae, 0x06)).toBe(-1);
  expect(execute(0x0f, 0xc3, 0x06)).toBe(-1);
  expect(execute(0xf2, 0x0f, 0x38, 0xf1, 0xc1)).toBe(-1);
});

test('aligned forms refuse unaligned memory, unaligned forms take it', () => {
  r.setGpr(6, DATA + 8, 0);
  expect(execute(0x66, 0x0f, 0x6f, 0x06)).toBe(VECTOR.GP);
  expect(execute(0x66, 0x0f, 0xe7, 0x06)).toBe(VECTOR.GP);
  expect(execute(0x0f, 0x58, 0x06)).toBe(VECTOR.GP);
  expect(execute(0xf3, 0x0f, 0x6f, 0x06)).toBe(-1);
  expect(execute(0xf3, 0x0f, 0x58, 0x06)).toBe(-1);
});

/** x87 with TOP = 5, three registers in use, and XMM registers full of their numbers. */
function fillState(): void {
  r.u16[STATE.FCW >> 1] = 0x27f;
  r.u16[STATE.FSW >> 1] = 0x4521;
  r.i32[STATE.FTOP >> 2] = 5;
  r.i32[STATE.FTAG >> 2] = 0b1110_0000;
  r.u16[STATE.FOP >> 1] = 0x3d9;
  r.setPair(STATE.FIP, 0x1234_5678, 0x9abc);
  r.setPair(STATE.FDP, 0x8765_4321, 0xdef0);
  r.u16[STATE.FCS >> 1] = 0x33;
  r.u16[STATE.FDS >> 1] = 0x2b;
  for (let n = 0; n < 8; n++) r.u8.fill(0x10 + n, STATE.X87 + 16 * n, STATE.X87 + 16 * n + 10);
  for (let n = 0; n < 16; n++) xmm(n).fill(0xa0 + n);
  setMxcsr(0x5fa1);
}

const FXSAVE = [0x0f, 0xae, 0x06];
const FXRSTOR = [0x0f, 0xae, 0x0e];
const WIDE = 0x48;

test('FXSAVE writes the image of 64-bit mode and leaves its end alone', () => {
  fillState();
  new Uint8Array(memory.buffer, LAYOUT.RAM + DATA, 512).fill(0xee);
  expect(execute(WIDE, ...FXSAVE)).toBe(-1);
  const word = (offset: number) => ram.getUint16(DATA + offset, true);
  expect([word(0), word(2), word(4), word(6)]).toEqual([0x27f, 0x6d21, 0xe0, 0x3d9]);
  expect(ram.getBigUint64(DATA + 8, true)).toBe(0x9abc_1234_5678n);
  expect(ram.getBigUint64(DATA + 16, true)).toBe(0xdef0_8765_4321n);
  expect([ram.getUint32(DATA + 24, true), ram.getUint32(DATA + 28, true)]).toEqual([0x5fa1, 0xffff]);
  // ST(0) is R5.
  const st0 = Array.from({ length: 16 }, (_, i) => ram.getUint8(DATA + 32 + i));
  expect(st0).toEqual([...Array(10).fill(0x15), 0, 0, 0, 0, 0, 0]);
  expect(ram.getUint8(DATA + 32 + 16 * 3)).toBe(0x10);
  for (let n = 0; n < 16; n++) expect(ram.getUint8(DATA + 160 + 16 * n + 7)).toBe(0xa0 + n);
  expect(ram.getUint8(DATA + 416)).toBe(0xee);
});

test('without REX.W the pointers have selectors and 32 bits', () => {
  fillState();
  expect(execute(...FXSAVE)).toBe(-1);
  const words = [8, 12, 16, 20].map((offset) => ram.getUint32(DATA + offset, true));
  expect(words).toEqual([0x1234_5678, 0x33, 0x8765_4321, 0x2b]);
});

test('outside 64-bit mode only eight XMM registers are saved and restored', () => {
  fillState();
  enter(32);
  new Uint8Array(memory.buffer, LAYOUT.RAM + DATA, 512).fill(0xee);
  expect(execute(...FXSAVE)).toBe(-1);
  expect(ram.getUint8(DATA + 160 + 16 * 7)).toBe(0xa7);
  expect(ram.getUint8(DATA + 160 + 16 * 8)).toBe(0xee);
  for (let n = 0; n < 16; n++) xmm(n).fill(0);
  expect(execute(...FXRSTOR)).toBe(-1);
  expect([xmm(7)[0], xmm(8)[0]]).toEqual([0xa7, 0]);
});

test('FXRSTOR takes back what FXSAVE wrote', () => {
  fillState();
  const part = () => [
    ...r.u8.slice(STATE.X87, STATE.X87 + 128).filter((_, i) => i % 16 < 10),
    ...r.u8.slice(STATE.FCW, STATE.FIP + 16),
    ...r.u8.slice(STATE.XMM, STATE.XMM + 256),
    mxcsr(),
  ];
  // An unmasked exception that is flagged: the summary bits come from it.
  r.u16[STATE.FCW >> 1] = 0x27e;
  r.u16[STATE.FSW >> 1] = 0xc5a1;
  const before = part();
  expect(execute(WIDE, ...FXSAVE)).toBe(-1);
  r.u8.fill(0, STATE.XMM, STATE.XMM + 0x1ac);
  r.u16[STATE.FCW >> 1] = 0x37f;
  expect(execute(WIDE, ...FXRSTOR)).toBe(-1);
  expect(part()).toEqual(before);
  // The next waiting instruction raises #MF.
  expect(execute(0x0f, 0x6f, 0xc0)).toBe(VECTOR.MF);
});

test('FXRSTOR refuses reserved MXCSR bits and changes nothing', () => {
  fillState();
  expect(execute(...FXSAVE)).toBe(-1);
  ram.setUint32(DATA + 24, 0x8000_1f80, true);
  xmm(0).fill(1);
  expect(execute(...FXRSTOR)).toBe(VECTOR.GP);
  expect([mxcsr(), xmm(0)[0]]).toEqual([0x5fa1, 1]);
});

test('an image must be aligned, and wholly accessible before anything is written', () => {
  r.setGpr(6, DATA + 8, 0);
  expect(execute(...FXSAVE)).toBe(VECTOR.GP);
  const start = HOLE - 256;
  r.setGpr(6, start, 0);
  ram.setUint32(start, 0xeeee_eeee, true);
  expect(execute(...FXSAVE)).toBe(VECTOR.PF);
  expect(ram.getUint32(start, true)).toBe(0xeeee_eeee);
  expect(r.cr2).toBe(HOLE);
  expect(execute(...FXRSTOR)).toBe(VECTOR.PF);
});

test('an MMX instruction makes all tags valid and TOP 0, EMMS makes them empty', () => {
  fillState();
  expect(execute(0x0f, 0x6f, 0xc1)).toBe(-1);
  expect([r.i32[STATE.FTAG >> 2], r.i32[STATE.FTOP >> 2]]).toEqual([0xff, 0]);
  expect(r.u16[(STATE.X87 + 8) >> 1]).toBe(0xffff);
  expect(execute(0x0f, 0x77)).toBe(-1);
  expect(r.i32[STATE.FTAG >> 2]).toBe(0);
});

test('MASKMOVDQU writes the chosen bytes, and nothing with an empty mask', () => {
  r.setGpr(7, DATA, 0);
  xmm(0).set(Array.from({ length: 16 }, (_, i) => i + 1));
  xmm(1).fill(0);
  xmm(1)[3] = 0x80;
  xmm(1)[15] = 0xff;
  expect(execute(0x66, 0x0f, 0xf7, 0xc1)).toBe(-1);
  const written = Array.from({ length: 16 }, (_, i) => ram.getUint8(DATA + i));
  expect(written).toEqual([0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16]);
  r.setGpr(7, HOLE, 0);
  expect(execute(0x66, 0x0f, 0xf7, 0xc1)).toBe(VECTOR.PF);
  xmm(1).fill(0x7f);
  expect(execute(0x66, 0x0f, 0xf7, 0xc1)).toBe(-1);
});

test('prefetches ignore bad addresses, CLFLUSH does not', () => {
  r.setGpr(6, HOLE, 0);
  for (let n = 0; n < 4; n++) expect(execute(0x0f, 0x18, 0x06 | (n << 3))).toBe(-1);
  expect(execute(0x0f, 0xae, 0x3e)).toBe(VECTOR.PF);
  for (const fence of [0xe8, 0xf0, 0xf8]) expect(execute(0x0f, 0xae, fence)).toBe(-1);
});
