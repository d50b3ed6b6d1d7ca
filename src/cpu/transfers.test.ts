/**
 * Generated code changes privilege levels in the ordinary cases, TypeScript in all of them. Random programs on random
 * descriptors go to two processors; one has an observer, for whose sake it leaves every transfer to TypeScript. Both
 * are the same wherever a run ends.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CR0, FLAG, GPR, SEG, VECTOR } from '../arch/registers.ts';
import { Processor } from './processor.ts';
import { Runtime } from './runtime.ts';
import { LAYOUT, STATE, TLB } from './state.ts';
import { refresh } from './system/mode.ts';
import { MSR_FIELD } from './system/msr-fields.ts';

const RAM_BYTES = 0x10_0000;
const GDT = 0x1000;
const IDT = 0x2000;
const TSS = 0x3000;
const DIRECTORY = 0x4000;
const TABLE = 0x5000;
const STACK0 = 0x9000;
const STACK3 = 0xb000;
const HANDLERS = 0x1_0000;
const PROGRAM = 0x2_0000;
/** A page that is not present. */
const ABSENT = 0xf_0000;
const SYSCALL_VECTOR = 0x80;

/** Selectors: SYSENTER and SYSEXIT want the first four in this order. */
const CODE0 = 0x08;
const DATA0 = 0x10;
const CODE3 = 0x1b;
const DATA3 = 0x23;
const TR = 0x28;

const dword = (value: number): number[] =>
  [value, value >>> 8, value >>> 16, value >>> 24].map((b) => b & 0xff);

const IRETD = [0xcf];
/** ADD DWORD [ESP + offset], n; OR DWORD [ESP + offset], mask. */
const add = (offset: number, n: number): number[] => [0x83, 0x44, 0x24, offset, n];
const or = (offset: number, mask: number): number[] => [0x81, 0x4c, 0x24, offset, ...dword(mask)];

/** What a handler does with a frame whose EIP lies at ESP before it returns. */
const TAMPERINGS = {
  nothing: [],
  'sets RF': or(8, FLAG.RF),
  'sets TF': or(8, FLAG.TF),
  'sets NT': or(8, FLAG.NT),
  'sets AC': or(8, FLAG.AC),
  'sets IF': or(8, FLAG.IF),
  'faults itself': [0x0f, 0x0b],
  'STI before': [0xfb],
  // MOV EAX, DATA0; MOV FS, EAX
  'leaves a kernel segment': [0xb8, ...dword(DATA0), 0x8e, 0xe0],
  // OR DWORD [ESP + 4], 3: to level 3 whoever was interrupted.
  'returns to level 3': or(4, 3),
  // AND DWORD [ESP + 16], ~1
  'gives SS another RPL': [0x81, 0x64, 0x24, 16, ...dword(~1)],
  // PUSHFD; OR DWORD [ESP], NT; POPFD
  'sets NT of its own': [0x9c, 0x81, 0x0c, 0x24, ...dword(FLAG.NT), 0x9d],
} as const;
type Tampering = keyof typeof TAMPERINGS;

/** Pieces of a program at level 3. */
const PIECES = {
  int: [0xcd, SYSCALL_VECTOR],
  'int with a prefix': [0x66, 0xcd, SYSCALL_VECTOR],
  ud2: [0x0f, 0x0b],
  hlt: [0xf4],
  'int3 (no gate)': [0xcc],
  // MOV EAX, [ABSENT]
  'page fault': [0x8b, 0x05, ...dword(ABSENT)],
  // CALL next; next: POP EDX; ADD EDX, 9; MOV ECX, ESP; SYSENTER
  sysenter: [0xe8, 0, 0, 0, 0, 0x5a, 0x83, 0xc2, 8, 0x89, 0xe1, 0x0f, 0x34],
  'sets flags': [0x83, 0xe8, 1],
  // PUSHFD; POP EBX
  pushfd: [0x9c, 0x5b],
  // PUSHFD; OR DWORD [ESP], AC; POPFD
  'sets AC': [0x9c, 0x81, 0x0c, 0x24, ...dword(FLAG.AC), 0x9d],
  'sets NT': [0x9c, 0x81, 0x0c, 0x24, ...dword(FLAG.NT), 0x9d],
  nop: [0x90],
} as const;
type Piece = keyof typeof PIECES;

interface Case {
  readonly pieces: readonly Piece[];
  readonly tampering: Tampering;
  readonly isTrap: boolean;
  readonly gateDpl: number;
  /** Bytes of the descriptor tables and the TSS that are changed between two slices, when the TLB has them. */
  readonly changes: readonly { readonly at: number; readonly mask: number }[];
  readonly changedAfter: number;
  /** ESP0, less the top of the stack. */
  readonly stackOffset: number;
  readonly slices: readonly number[];
}

const cases: fc.Arbitrary<Case> = fc.record({
  pieces: fc.array(fc.constantFrom(...(Object.keys(PIECES) as Piece[])), { minLength: 1, maxLength: 20 }),
  tampering: fc.oneof(
    fc.constant<Tampering>('nothing'),
    fc.constantFrom(...(Object.keys(TAMPERINGS) as Tampering[])),
  ),
  isTrap: fc.boolean(),
  gateDpl: fc.constantFrom(3, 3, 3, 0),
  changes: fc.oneof(
    fc.constant([]),
    fc.array(
      fc.record({
        at: fc.oneof(
          fc.integer({ min: GDT + 8, max: GDT + 0x27 }),
          fc
            .constantFrom(VECTOR.UD, VECTOR.GP, VECTOR.PF, SYSCALL_VECTOR)
            .chain((vector) => fc.integer({ min: IDT + 8 * vector, max: IDT + 8 * vector + 7 })),
          fc.integer({ min: TSS + 4, max: TSS + 9 }),
          fc.constant(TSS + 8),
        ),
        mask: fc.integer({ min: 0, max: 7 }).map((bit) => 1 << bit),
      }),
      { minLength: 1, maxLength: 2 },
    ),
  ),
  changedAfter: fc.integer({ min: 0, max: 8 }),
  stackOffset: fc.constantFrom(0, 0, 0, 4, -4, 0x1000, 8 - 0x1000),
  slices: fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 3, maxLength: 40 }),
});

/** A processor in flat protected mode with paging, at level 3. */
class Machine {
  readonly processor: Processor;
  readonly ram: Uint8Array;
  /** Transfers that TypeScript has carried out. */
  slow = 0;
  private readonly view: DataView;
  private readonly runtime: Runtime;

  constructor(isObserved: boolean) {
    const memory = new WebAssembly.Memory({ initial: (LAYOUT.RAM + RAM_BYTES) / 0x10000, maximum: 0x10000 });
    this.ram = new Uint8Array(memory.buffer, LAYOUT.RAM, RAM_BYTES);
    this.view = new DataView(memory.buffer, LAYOUT.RAM, RAM_BYTES);
    this.runtime = new Runtime(memory, RAM_BYTES);
    this.runtime.regions.setMode('off');
    this.processor = new Processor({
      memory,
      ramBytes: RAM_BYTES,
      index: 0,
      runtime: this.runtime,
      bus: { read: () => 0, write: () => {} },
      ports: { in: () => 0, out: () => {} },
      cpuid: { vendor: 'intel', cpus: 1, apicId: 0, tscHz: 1_000_000_000, physicalBits: 40, withhold: [] },
    });
    this.processor.connect({
      pending: () => false,
      acknowledge: () => -1,
      cr8: 0,
      readMsr: () => undefined,
      writeMsr: () => false,
    });
    if (isObserved) this.processor.observer = { delivering: () => {}, executed: () => {} };
  }

  prepare(of: Case): void {
    const { processor, ram, view } = this;
    ram.fill(0);
    this.runtime.code.written(HANDLERS, 0x1000);
    this.runtime.code.written(PROGRAM, 0x1000);
    processor.reset();
    const descriptor = (selector: number, lo: number, hi: number) => {
      view.setUint32(GDT + (selector & ~7), lo, true);
      view.setUint32(GDT + (selector & ~7) + 4, hi, true);
    };
    descriptor(CODE0, 0xffff, 0x00cf_9b00);
    descriptor(DATA0, 0xffff, 0x00cf_9300);
    descriptor(CODE3, 0xffff, 0x00cf_fb00);
    descriptor(DATA3, 0xffff, 0x00cf_f300);
    view.setUint32(TSS + 4, STACK0 + of.stackOffset, true);
    view.setUint32(TSS + 8, DATA0, true);
    view.setUint32(DIRECTORY, TABLE | 7, true);
    for (let page = 0; page < 256; page++) {
      view.setUint32(TABLE + 4 * page, page << 12 === ABSENT ? 0 : (page << 12) | 7, true);
    }

    let at = HANDLERS;
    const handler = (...code: readonly number[]): number => {
      const begin = at;
      ram.set(code, at);
      at += code.length;
      return begin;
    };
    const gate = (vector: number, ip: number, dpl: number) => {
      view.setUint32(IDT + 8 * vector, (CODE0 << 16) | (ip & 0xffff), true);
      const type = of.isTrap ? 0x8f : 0x8e;
      view.setUint32(IDT + 8 * vector + 4, (ip & 0xffff_0000) | ((type | (dpl << 5)) << 8), true);
    };
    const withoutCode = [0x83, 0xc4, 4];
    const tampered = TAMPERINGS[of.tampering];
    gate(VECTOR.DB, handler(...IRETD), 0);
    gate(VECTOR.UD, handler(...add(0, 2), ...IRETD), 0);
    gate(VECTOR.GP, handler(...withoutCode, ...add(0, 1), ...IRETD), 0);
    // MOV EAX, CR2
    gate(VECTOR.PF, handler(0x0f, 0x20, 0xd0, ...withoutCode, ...add(0, 6), ...tampered, ...IRETD), 0);
    gate(VECTOR.AC, handler(...withoutCode, ...or(8, 0), ...IRETD), 0);
    gate(SYSCALL_VECTOR, handler(...tampered, ...IRETD), of.gateDpl);
    // STI; SYSEXIT
    const entry = handler(0xfb, 0x0f, 0x35);
    // JMP to the beginning
    const length = of.pieces.reduce((sum, piece) => sum + PIECES[piece].length, 0);
    const again = [0xe9, ...dword(-length - 5)];
    ram.set([...of.pieces.flatMap((piece) => PIECES[piece]), ...again], PROGRAM);

    const r = processor.regs;
    r.cr0 = CR0.PE | CR0.ET | CR0.PG | CR0.AM;
    r.cr3 = DIRECTORY;
    r.gdtr = { base: GDT, limit: 0x2f };
    r.idtr = { base: IDT, limit: 0x7ff };
    r.setPair(MSR_FIELD.SYSENTER_CS, CODE0, 0);
    r.setPair(MSR_FIELD.SYSENTER_ESP, STACK0, 0);
    r.setPair(MSR_FIELD.SYSENTER_EIP, entry, 0);
    const whole = { limit: 0xffff_ffff, base: 0 };
    r.setSegment(SEG.TR, { selector: TR, attributes: 0x8b, limit: 0x67, base: TSS });
    r.setSegment(SEG.CS, { ...whole, selector: CODE3, attributes: 0xc0fb });
    for (const n of [SEG.ES, SEG.SS, SEG.DS, SEG.FS, SEG.GS]) {
      r.setSegment(n, { ...whole, selector: DATA3, attributes: 0xc0f3 });
    }
    r.cpl = 3;
    r.setGpr32(GPR.RSP, STACK3);
    r.rip = PROGRAM;
    refresh(r);
  }

  /** @returns all that software can see, and what views are told */
  run(cycles: number): unknown {
    const { processor } = this;
    const { imports } = this;
    const end = processor.run(processor.now() + cycles);
    if (imports === undefined) this.countSlow();
    const r = processor.regs;
    const field = (from: number, to: number): string => Buffer.from(r.u8.subarray(from, to)).toString('hex');
    return {
      end: end.kind === 'stopped' ? end.reason.kind : end.kind,
      rip: r.rip,
      rflags: r.rflags,
      general: field(STATE.GPR, STATE.ZERO),
      derived: field(STATE.EFFECTIVE_BASE, STATE.SCRATCH),
      privilege: [r.cpl, r.lo(STATE.CODE_MODE), r.lo(STATE.STACK_MASK), r.lo(STATE.TLB_BANK) % TLB.SET_SIZE],
      segments: field(STATE.SEGMENTS, STATE.TLB_SET),
      control: field(STATE.CR0, TLB.OFFSET),
      now: processor.now(),
      instructions: processor.instructions,
      crossings: processor.crossings.recent(),
    };
  }

  private imports: object | undefined;

  /** Counts from here on. */
  private countSlow(): void {
    const imports = this.runtime.active;
    const { system } = imports;
    imports.system = (record) => {
      this.slow++;
      return system(record);
    };
    this.imports = imports;
  }
}

describe('changes of privilege level', () => {
  it('are in generated code what they are in TypeScript', () => {
    const [quick, careful] = [new Machine(false), new Machine(true)];
    let inGeneratedCode = 0;
    fc.assert(
      fc.property(cases, (of) => {
        for (const machine of [quick, careful]) {
          machine.prepare(of);
          machine.slow = 0;
        }
        for (const [n, cycles] of of.slices.entries()) {
          if (n === of.changedAfter) {
            for (const { ram } of [quick, careful]) for (const { at, mask } of of.changes) ram[at] ^= mask;
          }
          expect(quick.run(cycles)).toEqual(careful.run(cycles));
        }
        expect(Buffer.compare(quick.ram, careful.ram)).toBe(0);
        inGeneratedCode += careful.slow - quick.slow;
      }),
      { numRuns: 1500, seed: 20261123 },
    );
    expect(inGeneratedCode).toBeGreaterThan(3000);
  });
});
