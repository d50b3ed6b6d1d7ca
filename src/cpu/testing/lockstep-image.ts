/**
 * The memory image that a random program starts in: page tables, descriptor tables, handlers, and the
 * window (random-program-settings.ts) at physical address 10000h.
 *
 *   0000  interrupt vectors of real mode    7000  GDT    8000  IDT    9800  TSS
 *   A000  handlers (lockstep-handlers.ts)   10000  window    20000  kernel stacks    30000  page tables
 */
import { CR0, CR4, EFER, FLAG, SEG } from '../../arch/registers.ts';
import { PTE } from '../paging.ts';
import type { Registers, Segment } from '../registers.ts';
import { FPU_TRAP, STATE } from '../state.ts';
import { refresh } from '../system/mode.ts';
import { assembleHandlers, HANDLER } from './lockstep-handlers.ts';
import { Random } from './random.ts';
import { type Layout, type Program, placer, putNumber } from './random-program.ts';
import { originOf, type Setting, WINDOW } from './random-program-settings.ts';
import { OTHER_CODE } from './random-program-snippets.ts';

export const IMAGE_BYTES = 0x4_0000;
export const WINDOW_AT = 0x1_0000;
const PAGE = 0x1000;
const GDT = 0x7000;
const GDT_BYTES = 0x58;
const IDT = 0x8000;
const TSS = 0x9800;
const KERNEL_STACK = 0x2_2000;
const INTERRUPT_STACK = 0x2_3000;
/** The window's page table comes first, at a known place; see `changeMapping` of the snippets. */
const TABLES = 0x3_0000;
/** A physical address without RAM. */
const DEVICE = 0xe000_0000;

const S = { CODE: 0x18, DATA: 0x20, TSS: 0x28, FS: 0x38, READ_ONLY: 0x40, ABSENT: 0x48, SMALL: 0x50 };
const KERNEL = { CODE: 0x08, DATA: 0x10 };
const FLAT = { base: 0, limit: 0xffff_ffff };

const view = (image: Uint8Array): DataView => new DataView(image.buffer, image.byteOffset, image.byteLength);

/** A descriptor from attributes in the VMCS access-rights format; limit in bytes. */
function putDescriptor(
  image: Uint8Array,
  selector: number,
  { attributes, base, limit }: Omit<Segment, 'selector'>,
) {
  const isLarge = limit > 0xf_ffff;
  const units = isLarge ? Math.floor(limit / PAGE) : limit;
  const flags = (attributes & 0x7000) | (isLarge ? 0x8000 : 0);
  const at = GDT + (selector & ~7);
  const address = base >>> 0;
  view(image).setUint32(at, ((units & 0xffff) | (address << 16)) >>> 0, true);
  const upper = ((address >>> 16) & 0xff) | ((attributes & 0xff) << 8) | (units & 0xf_0000) | (flags << 8);
  view(image).setUint32(at + 4, (upper | (address & 0xff00_0000)) >>> 0, true);
}

/** The program's segments. */
function segmentsOf(program: Program): { code: Segment; data: Segment; extra: Segment } {
  const { setting, window, codeLimit } = program;
  const { bits, cpl, kind, segmented, limit = 0xffff, stackBits = bits === 64 ? 32 : bits } = setting;
  if (kind === 'real' || kind === 'virtual-8086') {
    const attributes = kind === 'real' ? 0x93 : 0xf3;
    const data = { selector: 0x1000, attributes, limit: 0xffff, base: WINDOW_AT };
    const code = kind === 'real' ? { ...data, attributes: 0x9b } : data;
    return { code, data, extra: { ...data, selector: 0x1200, base: WINDOW_AT + 0x2000 } };
  }
  const dpl = cpl << 5;
  const place = segmented ? { base: window, limit } : FLAT;
  const size = { 16: 0, 32: 0x4000, 64: 0x2000 }[bits];
  const big = segmented ? 0 : 0x8000;
  const data = {
    ...place,
    selector: S.DATA | cpl,
    attributes: 0x93 | dpl | big | (stackBits === 32 ? 0x4000 : 0),
  };
  return {
    code: {
      ...place,
      limit: segmented ? (codeLimit ?? limit) : FLAT.limit,
      selector: S.CODE | cpl,
      attributes: 0x9b | dpl | size | big,
    },
    data,
    extra: { ...data, selector: S.FS | cpl, base: (segmented ? window : 0) + 0x2000 },
  };
}

function putTables(image: Uint8Array, program: Program): void {
  const { setting } = program;
  const { code, data, extra } = segmentsOf(program);
  const isLong = setting.kind === 'long';
  putDescriptor(image, KERNEL.CODE, { ...FLAT, attributes: isLong ? 0xa09b : 0xc09b });
  putDescriptor(image, KERNEL.DATA, { ...FLAT, attributes: 0xc093 });
  putDescriptor(image, S.TSS, { base: TSS, limit: 0x67, attributes: 0x8b });
  if (setting.kind !== 'virtual-8086') {
    putDescriptor(image, S.CODE, code);
    putDescriptor(image, S.DATA, data);
    putDescriptor(image, S.FS, extra);
  }
  putDescriptor(image, S.READ_ONLY, { ...data, attributes: data.attributes & ~2 });
  putDescriptor(image, S.ABSENT, { ...data, attributes: data.attributes & ~0x80 });
  putDescriptor(image, S.SMALL, { ...data, attributes: data.attributes & ~0x8000, limit: 0x3fff });
  const tss = view(image);
  tss.setUint32(TSS + 4, KERNEL_STACK, true);
  if (isLong) tss.setUint32(TSS + 36, INTERRUPT_STACK, true);
  else tss.setUint32(TSS + 8, KERNEL.DATA, true);
  tss.setUint16(TSS + 0x66, 0x68, true);
  for (let vector = 0; vector < 256; vector++) putGate(image, setting, vector);
}

/** Vectors that INT may name at CPL 3: breakpoint, overflow, 80h. */
const OPEN = new Set([3, 4, 0x80]);

function putGate(image: Uint8Array, setting: Setting, vector: number): void {
  const target = vector < 32 ? HANDLER.CODE + 16 * vector : HANDLER.PLAIN;
  const out = view(image);
  if (setting.kind === 'real') {
    out.setUint32(4 * vector, target, true);
    return;
  }
  const isLong = setting.kind === 'long';
  const at = IDT + vector * (isLong ? 16 : 8);
  const access = 0x8e | (OPEN.has(vector) ? 0x60 : 0);
  // At CPL 0 the stack pointer may be anything: handlers have their own stack.
  const ist = isLong && setting.cpl === 0 ? 1 : 0;
  out.setUint32(at, (KERNEL.CODE << 16) | target, true);
  out.setUint32(at + 4, (access << 8) | ist, true);
}

/** Builds page tables; pages for them are taken one after the other. */
class Tables {
  readonly root: number;
  private readonly out: DataView;
  private readonly wide: boolean;
  private readonly shifts: readonly number[];
  private next = TABLES + PAGE;
  private windowTable = TABLES;

  constructor(image: Uint8Array, paging: Setting['paging']) {
    this.out = view(image);
    this.wide = paging !== '32-bit';
    this.shifts = { none: [], '32-bit': [22], pae: [30, 21], '4-level': [39, 30, 21] }[paging];
    this.root = this.take();
  }

  map(linear: number, physical: number, rights: number, isWindow = false): void {
    let table = this.root;
    const bits = this.wide ? 9 : 10;
    for (const shift of this.shifts) {
      const at = table + this.entry(linear, shift, bits);
      if (this.out.getUint32(at, true) === 0) {
        // PAE's top level has no rights.
        const upper = shift === 30 && this.shifts.length === 2 ? PTE.P : PTE.P | PTE.W | PTE.U;
        this.out.setUint32(
          at,
          (shift <= 22 && isWindow ? this.takeWindowTable() : this.take()) | upper,
          true,
        );
      }
      table = this.out.getUint32(at, true) & ~(PAGE - 1);
    }
    this.out.setUint32(table + this.entry(linear, 12, bits), (physical | rights) >>> 0, true);
  }

  private entry(linear: number, shift: number, bits: number): number {
    return (Math.floor(linear / 2 ** shift) & (2 ** bits - 1)) * (this.wide ? 8 : 4);
  }

  private take(): number {
    const page = this.next;
    this.next += PAGE;
    if (page >= IMAGE_BYTES) throw new RangeError('no room for page tables');
    return page;
  }

  private takeWindowTable(): number {
    const page = this.windowTable;
    this.windowTable = 0;
    return page === 0 ? this.take() : page;
  }
}

type Placement = (physical: number) => readonly [physical: number, rights: number];

const SPECIAL_PAGES: ReadonlyMap<number, Placement> = new Map<number, Placement>([
  [WINDOW.ABSENT, (at) => [at, PTE.W | PTE.U]],
  [WINDOW.READ_ONLY, (at) => [at, PTE.P | PTE.U]],
  [WINDOW.SUPERVISOR, (at) => [at, PTE.P | PTE.W]],
  [WINDOW.ALIAS, () => [WINDOW_AT + 0x3000, PTE.P | PTE.W | PTE.U]],
  [WINDOW.CODE_ALIAS, () => [WINDOW_AT, PTE.P | PTE.W | PTE.U]],
  [WINDOW.DEVICE, () => [DEVICE, PTE.P | PTE.W | PTE.U]],
]);

/** @returns the top of the page tables */
function putPaging(image: Uint8Array, { paging }: Setting, window: number): number {
  if (paging === 'none') return 0;
  const tables = new Tables(image, paging);
  // The window first: its table is where the programs look for it.
  for (let offset = 0; offset < WINDOW.SIZE; offset += PAGE) {
    const at = WINDOW_AT + offset;
    const [physical, rights] = SPECIAL_PAGES.get(offset)?.(at) ?? [at, PTE.P | PTE.W | PTE.U];
    tables.map(window + offset, physical, rights, true);
  }
  for (let at = 0; at < IMAGE_BYTES; at += PAGE) {
    if (window === WINDOW_AT && at >= WINDOW_AT && at < WINDOW_AT + WINDOW.SIZE) continue;
    tables.map(at, at, PTE.P | PTE.W);
  }
  return tables.root;
}

interface Template {
  readonly bytes: Uint8Array;
  readonly root: number;
}

const templates = new Map<string, Template>();

/** Everything but the program. */
function templateOf(setting: Setting, window: number): Template {
  const key = `${setting.name} ${window}`;
  let template = templates.get(key);
  if (!template) {
    const bytes = new Uint8Array(IMAGE_BYTES);
    const random = new Random(1);
    for (let at = WINDOW.DATA; at < WINDOW.SIZE; at += 4) {
      putNumber(bytes, WINDOW_AT + at, 4, random.chance(0.3) ? random.below(300) : random.u32());
    }
    bytes.fill(0xcc, WINDOW_AT, WINDOW_AT + WINDOW.CODE_SIZE);
    bytes.set(assembleHandlers(setting.kind), HANDLER.CODE);
    putNumber(bytes, HANDLER.ORIGIN, 8, originOf(setting, window));
    const root = putPaging(bytes, setting, window);
    template = { bytes, root };
    templates.set(key, template);
  }
  return template;
}

/** Writes the image of a program. */
export function putImage(ram: Uint8Array, program: Program, layout: Layout): void {
  const { setting, window, start, items, pointers, data } = program;
  ram.set(templateOf(setting, window).bytes);
  putTables(ram, program);
  ram.set(layout.code, WINDOW_AT + start);
  putOtherCode(ram);
  for (const [i, offset] of checkpoints(layout).entries())
    putNumber(ram, HANDLER.CHECKPOINTS + 2 * i, 2, offset);
  ram.set(new Uint8Array(layout.resume.buffer), HANDLER.RESUME);
  for (const { offset, value } of data) putNumber(ram, WINDOW_AT + offset, 4, value);
  const place = placer(items, layout.offsets);
  const origin = originOf(setting, window);
  for (const { offset, bytes, label } of pointers) {
    putNumber(ram, WINDOW_AT + offset, bytes, origin + place(label));
  }
}

/** A variant of the second page of code, in a frame that nothing maps: some bytes are others. */
function putOtherCode(ram: Uint8Array): void {
  const from = WINDOW_AT + 0x1000;
  const to = from ^ OTHER_CODE;
  ram.copyWithin(to, from, from + 0x1000);
  for (let at = 7; at < 0x1000; at += 29) ram[to + at] ^= 1;
}

/** A few places of the program, evenly spread, then its end. */
function checkpoints({ offsets, end }: Layout): number[] {
  const last = offsets.length - 1;
  return Array.from(
    { length: HANDLER.CHECKPOINT_COUNT },
    (_, i) => offsets[Math.ceil((last * (i + 1)) / 7)] ?? end,
  );
}

/** Puts a processor that was just reset where the program begins. */
export function putRegisters(r: Registers, ram: Uint8Array, program: Program): void {
  const { setting, window, registers, start } = program;
  const { root } = templateOf(setting, window);
  const { kind, cpl, paging } = setting;
  r.u32.set(registers.general, 0);
  r.rip = originOf(setting, window) + start;
  const pages = paging === 'none' ? 0 : CR0.PG | CR0.WP;
  r.cr0 = CR0.MP | CR0.ET | CR0.NE | CR0.AM | (kind === 'real' ? 0 : CR0.PE) | pages;
  r.cr3 = root;
  r.cr4 = CR4.OSFXSR | CR4.OSXMMEXCPT | (paging === 'pae' || paging === '4-level' ? CR4.PAE : 0);
  r.efer = kind === 'long' ? EFER.LME | EFER.LMA | EFER.SCE : 0;
  if (paging === 'pae') {
    for (let i = 0; i < 8; i++) r.u32[(STATE.PDPTE >> 2) + i] = view(ram).getUint32(root + 4 * i, true);
  }
  const { code, data, extra } = segmentsOf(program);
  for (const n of [SEG.ES, SEG.SS, SEG.DS, SEG.GS]) r.setSegment(n, data);
  r.setSegment(SEG.FS, extra);
  r.setSegment(SEG.CS, code);
  if (kind === 'real') r.idtr = { base: 0, limit: 0x3ff };
  else {
    r.idtr = { base: IDT, limit: kind === 'long' ? 0xfff : 0x7ff };
    r.gdtr = { base: GDT, limit: GDT_BYTES - 1 };
    r.setSegment(SEG.TR, { selector: S.TSS, attributes: 0x8b, base: TSS, limit: 0x67 });
  }
  r.cpl = cpl;
  r.rflags = registers.rflags | (kind === 'virtual-8086' ? FLAG.VM : 0);
  putVectors(r, program);
  refresh(r);
}

function putVectors(r: Registers, { registers }: Program): void {
  const { xmm, mxcsr, fcw, x87, ftag, ftop } = registers;
  r.u32.set(xmm, STATE.XMM >> 2);
  r.u32[STATE.MXCSR >> 2] = mxcsr;
  r.u16[STATE.FCW >> 1] = fcw;
  r.u16[STATE.FSW >> 1] = 0;
  r.u32[STATE.FPU_TRAP >> 2] &= ~FPU_TRAP.PENDING;
  r.i32[STATE.FTOP >> 2] = ftop;
  r.i32[STATE.FTAG >> 2] = ftag;
  for (let n = 0; n < 8; n++) {
    const at = (STATE.X87 >> 2) + 4 * n;
    r.u32.set(x87.subarray(3 * n, 3 * n + 3), at);
    r.u32[at + 3] = 0;
  }
}
