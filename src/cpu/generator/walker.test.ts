import { describe, expect, it } from 'vitest';
import { EPT } from '../../arch/ept.ts';
import { CR0, CR4, EFER, FLAG, VECTOR } from '../../arch/registers.ts';
import { ACCESS, PageWalker, PF_ERROR, PTE } from '../paging.ts';
import { Registers } from '../registers.ts';
import { Runtime } from '../runtime.ts';
import { BANK, LAYOUT, NESTED_CACHE, STATE, TLB } from '../state.ts';
import { refreshPrivilege } from '../system/mode.ts';
import { Random } from '../testing/random.ts';
import { TranslationBuffers, translationArea } from '../tlb.ts';
import { PhysicalWords } from '../virtualization/physical.ts';
import { SecondDimension } from '../virtualization/second-dimension.ts';
import { ExtendedPageTables } from '../vmx/ept.ts';
import { VmxState } from '../vmx/state.ts';
import { FAULTED } from './walker.ts';

/*
 * Random page tables, registers and accesses, walked by generated code and by paging.ts.
 *
 * Pages of RAM: 0-11 paging structures, 12-19 data, 20-27 EPT structures. Entries point at random into the
 * first two groups (by way of EPT where it is on), and sometimes to where there is no RAM.
 */
const PAGE = 0x1000;
const RAM_BYTES = 32 * PAGE;
const TABLES = 12;
const DATA_END = 20;
const EPT_TABLES = { FROM: 20, TO: 28 } as const;
/** Indices into paging structures that addresses use: the first and the last few. */
const INDICES = [0, 1, 2, 509, 510, 511];
const EPTP = (EPT_TABLES.FROM * PAGE) | 0x1e;
const BYTES = [1, 2, 4, 8, 10, 16] as const;

const memory = new WebAssembly.Memory({ initial: (LAYOUT.RAM + RAM_BYTES) / 0x1_0000, maximum: 0x1_0000 });
const runtime = new Runtime(memory, RAM_BYTES);
const ram = new Uint8Array(memory.buffer, LAYOUT.RAM, RAM_BYTES);
const words = new Uint32Array(memory.buffer);
const registers = new Registers(memory, LAYOUT.CPUS);
const translations = new TranslationBuffers(memory, registers);
const ept = new SecondDimension({
  tables: new ExtendedPageTables(new PhysicalWords(memory, RAM_BYTES).read, new VmxState(registers)),
  registers,
  memory,
  address: translationArea(registers) + TLB.SETS * TLB.SET_SIZE,
});
/** Whether the walk in TypeScript has marked an entry in a line that holds code. */
let markedCode = false;
const walker = new PageWalker(memory, registers, RAM_BYTES, {
  written: (address, bytes) => {
    markedCode ||= runtime.code.holdsCode(address, bytes);
  },
  refused: () => {},
});
walker.guestPhysical = ept;
registers.u32[STATE.RAM_BYTES >> 2] = RAM_BYTES;

const fills = runtime.exports as unknown as Record<
  'fillRead' | 'fillWrite' | 'fillExecute',
  (state: number, address: bigint, bytes: number) => number
>;

const ACCESSES = ['READ', 'WRITE', 'EXECUTE'] as const;
type Access = (typeof ACCESSES)[number];
/** By access: the function, and where the TLB of a bank begins and how many entries it has. */
const FILLS = {
  READ: { fill: fills.fillRead, tlb: TLB.READ, entries: TLB.ENTRIES },
  WRITE: { fill: fills.fillWrite, tlb: TLB.WRITE, entries: TLB.ENTRIES },
  EXECUTE: { fill: fills.fillExecute, tlb: TLB.EXECUTE, entries: TLB.EXECUTE_ENTRIES },
} as const;
const CODE_MODES = 4;

const MODES = ['none', '32-bit', 'PAE', '4-level'] as const;
type Mode = (typeof MODES)[number];

class Case {
  readonly random: Random;
  readonly mode: Mode;
  readonly underEpt: boolean;
  readonly linear: number;
  readonly bytes: number;
  readonly access: Access;

  constructor(seed: number) {
    const random = new Random(seed);
    this.random = random;
    this.mode = MODES[seed % 4];
    this.underEpt = random.below(2) === 0;
    this.access = ACCESSES[random.below(3)];
    this.bytes = BYTES[random.below(BYTES.length)];
    this.tables();
    this.eptTables();
    this.registers();
    this.linear = this.address();
    runtime.code.flush();
    for (let n = random.below(3); n > 0; n--) {
      const from = random.below(PAGE - 16);
      runtime.code.markCode(random.below(DATA_END), from, from + 16);
    }
    registers.i32[STATE.CODE_MODE >> 2] = random.below(CODE_MODES);
    registers.i32[STATE.BUDGET >> 2] = this.chance(90) ? 100 : 0;
    for (let page = 0; page < DATA_END; page++) {
      if (this.chance(70))
        runtime.code.table(page, this.chance(80) ? this.codeMode : random.below(CODE_MODES));
    }
  }

  get codeMode(): number {
    return registers.lo(STATE.CODE_MODE);
  }

  private chance(percent: number): boolean {
    return this.random.below(100) < percent;
  }

  private frame(): number {
    if (this.chance(2)) return 0xff_0000 + this.random.below(100);
    return this.random.below(this.chance(70) ? TABLES : DATA_END);
  }

  private rights(): number {
    const { random } = this;
    let bits = random.u32() & (PTE.W | PTE.U | PTE.A | PTE.D | PTE.G);
    if (this.chance(60)) bits |= PTE.W;
    if (this.chance(60)) bits |= PTE.U;
    if (this.chance(97)) bits |= PTE.P;
    if (this.chance(15)) bits |= PTE.PS;
    return bits;
  }

  /** Bits 63:32 of an 8-byte entry. */
  private high(): number {
    if (this.chance(2)) return 1 << this.random.below(20);
    return this.chance(5) ? 0x8000_0000 : 0;
  }

  private tables(): void {
    const { random } = this;
    ram.fill(0);
    for (let table = 0; table < TABLES; table++) {
      for (const index of INDICES) {
        const wide = this.mode === '4-level' || this.mode === 'PAE';
        const at = (LAYOUT.RAM + table * PAGE) / 4 + (wide ? index * 2 : index === 511 ? 1023 : index);
        let entry = (this.frame() * PAGE) | this.rights();
        // A larger page has its base aligned, most of the time.
        if ((entry & PTE.PS) !== 0 && this.chance(90)) entry &= wide ? 0x1fff : 0xfff;
        words[at] = entry;
        if (wide) words[at + 1] = this.high();
      }
    }
    for (let page = TABLES; page < DATA_END; page++) ram[page * PAGE] = random.below(256);
  }

  /** Guest-physical memory one to one or shuffled, with rights that miss now and then. */
  private eptTables(): void {
    const { random } = this;
    const put = (page: number, index: number, target: number, flags: number): void => {
      const rights = this.chance(3) ? random.below(8) : EPT.RIGHTS;
      words[(LAYOUT.RAM + page * PAGE) / 4 + index * 2] = (target * PAGE) | rights | flags;
      words[(LAYOUT.RAM + page * PAGE) / 4 + index * 2 + 1] = this.chance(1) ? 0x100 : 0;
    };
    const first: number = EPT_TABLES.FROM;
    put(first, 0, first + 1, 0);
    put(first + 1, 0, first + 2, 0);
    const large = this.chance(10);
    put(first + 2, 0, large ? 0 : first + 3, large ? EPT.LARGE | (6 << 3) : 0);
    const shuffle = random.below(4);
    for (let page = 0; page < DATA_END; page++) {
      const target = this.chance(2) ? 0x12345 : page ^ shuffle;
      put(first + 3, page, target, (this.chance(3) ? random.below(8) : 6) << 3);
    }
  }

  private registers(): void {
    const r = registers;
    const { mode } = this;
    const flag = (bit: number, percent: number): number => (this.chance(percent) ? bit : 0);
    r.cr0 = CR0.PE | (mode === 'none' ? 0 : CR0.PG) | flag(CR0.WP, 60) | flag(CR0.AM, 50);
    const pae = mode === 'PAE' || mode === '4-level';
    r.cr4 = (pae ? CR4.PAE : 0) | flag(CR4.PSE, 70) | flag(CR4.PGE, 50);
    r.cr4 |= flag(CR4.SMAP, 40) | flag(CR4.SMEP, 40);
    r.efer = (mode === '4-level' ? EFER.LME | EFER.LMA : 0) | flag(EFER.NXE, 90);
    r.cr3 = this.random.below(TABLES) * PAGE;
    for (let i = 0; i < 4; i++) {
      r.setPair(STATE.PDPTE + 8 * i, (this.random.below(TABLES) * PAGE) | (this.chance(90) ? 1 : 0), 0);
    }
    r.cpl = this.chance(50) ? 3 : 0;
    r.rflags = this.chance(30) ? FLAG.AC : 0;
    r.setDr(7, 0x400 | flag(1, 3) | (3 << 16), 0);
    if (this.underEpt) ept.use(EPT_TABLES.FROM * PAGE, EPTP);
    else ept.stop();
    ept.invalidate();
    translations.reset();
    refreshPrivilege(r);
  }

  private address(): number {
    const { random, mode } = this;
    const index = (): number => INDICES[random.below(INDICES.length)];
    const offset = this.chance(10) ? random.below(PAGE) : random.below(PAGE - 16);
    if (mode === 'none') return random.below(this.chance(90) ? DATA_END : 64) * PAGE + offset;
    if (mode === '4-level') {
      const upper = index();
      const sign = upper > 255 ? upper - 512 : upper;
      return ((sign * 512 + index()) * 512 + index()) * 0x20_0000 + index() * PAGE + offset;
    }
    const wide = (): number => (this.chance(15) ? 1023 : random.below(3));
    if (mode === '32-bit') return wide() * 0x40_0000 + wide() * PAGE + offset;
    return random.below(4) * 0x4000_0000 + index() * 0x20_0000 + index() * PAGE + offset;
  }

  /** The slot of the TLB for the address, and how many slots the logs have. */
  entry(): number[] {
    const { tlb, entries } = FILLS[this.access];
    const slot = (this.linear >>> 8) & ((entries - 1) * TLB.ENTRY_SIZE);
    const at = (registers.lo(STATE.TLB_BANK) + tlb + slot) >> 2;
    const set = registers.lo(STATE.TLB_SET);
    return [
      ...words.slice(at, at + 4),
      ...words.slice((set + TLB.LOGGED) >> 2, (set + TLB.LARGE_REGIONS + 8) >> 2),
    ];
  }
}

interface Outcome {
  /** What the function returns. */
  readonly host: number;
  readonly ram: Uint8Array;
  readonly entry: readonly number[];
  /** STATE.FAULT_*, where that is what it returns. */
  readonly fault: readonly number[];
}

const FAULT_FIELDS = [STATE.FAULT_VECTOR, STATE.FAULT_ERROR, STATE.FAULT_ADDRESS, STATE.FAULT_ADDRESS + 4];
const fault = (): number[] => FAULT_FIELDS.map((field) => registers.lo(field));

/** What generated code makes of the case. */
function generated(c: Case): Outcome {
  registers.setFault(0, 0);
  const host = FILLS[c.access].fill(registers.base, BigInt(c.linear), c.bytes) >>> 0;
  return { host, ram: ram.slice(), entry: c.entry(), fault: fault() };
}

/** What it should be: `host` 0 for anything that is left to TypeScript. */
function expected(c: Case): Outcome & { readonly ok: boolean } {
  markedCode = false;
  const before = ram.slice();
  const pristine = c.entry();
  const offset = c.linear & (PAGE - 1);
  const mayBegin =
    c.access === 'EXECUTE'
      ? registers.lo(STATE.BUDGET) > 0
      : offset + c.bytes <= PAGE && (registers.lo(STATE.DR + 56) & 0xff) === 0;
  registers.setFault(0, 0);
  const mayWalk =
    mayBegin &&
    registers.lo(STATE.TLB_BANK) !== registers.lo(STATE.TLB_SET) + BANK.USER_ALIGNED * TLB.BANK_SIZE;
  const walked = mayWalk && walker.walk(c.linear, ACCESS[c.access], false);
  const ok = walked && walker.page < RAM_BYTES && !markedCode;
  if (!ok) {
    ram.set(before);
    const [vector, error] = fault();
    const isPlain = vector === VECTOR.PF && (error & PF_ERROR.RSVD) === 0 && c.access !== 'EXECUTE';
    return { ok, host: isPlain ? FAULTED : 0, ram: before, entry: pristine, fault: fault() };
  }
  const host = c.access === 'EXECUTE' ? enterCode(c) : enterData(c);
  const outcome = { ok, host, ram: ram.slice(), entry: c.entry(), fault: [0, 0, 0, 0] };
  ram.set(before);
  return outcome;
}

function enterData(c: Case): number {
  const offset = c.linear & (PAGE - 1);
  const host = LAYOUT.RAM + walker.page + offset;
  const isWrite = c.access === 'WRITE';
  const tagged = isWrite && runtime.code.holdsCode(walker.page, PAGE);
  const refused = isWrite && runtime.code.holdsCode(walker.page + offset, c.bytes);
  const { tlb } = FILLS[c.access];
  translations.fill(registers.lo(STATE.TLB_BANK), tlb, c.linear, host - c.linear, walker, tagged ? 1 : 0);
  return refused ? 0 : host;
}

function enterCode(c: Case): number {
  const known = words[LAYOUT.TABLE_OF_PAGE / 4 + walker.page / PAGE];
  if (known === 0 || known % 8 !== c.codeMode) return 0;
  const table = runtime.code.table(walker.page / PAGE, c.codeMode);
  translations.fill(registers.lo(STATE.TLB_BANK), TLB.EXECUTE, c.linear, table, walker, c.codeMode);
  return 1;
}

describe('the page walker in generated code', () => {
  const successes = new Map<string, number>();
  const CASES = 5000;

  it(`does what the one in TypeScript does, or nothing: ${CASES} random page tables`, () => {
    for (let seed = 1; seed <= CASES; seed++) {
      const c = new Case(seed);
      const wanted = expected(c);
      translations.reset();
      // The cache of EPT translations is filled now; half of the time the tables are walked.
      if (seed % 8 < 4) ept.invalidate();
      const got = generated(c);
      const what = `seed ${seed}, ${c.mode}${c.underEpt ? ' under EPT' : ''}, ${c.linear.toString(16)}`;
      expect(got.host, what).toBe(wanted.host);
      expect(Buffer.compare(got.ram, wanted.ram), `RAM, ${what}`).toBe(0);
      expect(got.entry, `TLB, ${what}`).toEqual(wanted.entry);
      const isFault = !wanted.ok && wanted.host === FAULTED;
      if (isFault) expect(got.fault, `fault, ${what}`).toEqual(wanted.fault);
      // A second time the entry is there, and nothing changes.
      expect(generated(c).host, `again, ${what}`).toBe(wanted.host);
      const key = `${c.access}, ${c.mode}${c.underEpt ? ' under EPT' : ''}`;
      const ends = isFault ? `${key}, fault` : key;
      if (wanted.host !== 0) successes.set(ends, (successes.get(ends) ?? 0) + 1);
    }
    const kinds = MODES.flatMap((mode) => [mode, `${mode} under EPT`]);
    for (const kind of ACCESSES.flatMap((access) => kinds.map((mode) => `${access}, ${mode}`))) {
      expect(successes.get(kind) ?? 0, kind).toBeGreaterThan(20);
      const faults = successes.get(`${kind}, fault`) ?? 0;
      if (!kind.startsWith('EXECUTE') && !kind.includes('none')) expect(faults, kind).toBeGreaterThan(20);
    }
  });

  it('enters EPT translations where TypeScript finds them', () => {
    const c = new Case(4);
    ept.use(EPT_TABLES.FROM * PAGE, EPTP);
    ept.invalidate();
    registers.cr0 = CR0.PE;
    const host = fills.fillRead(registers.base, BigInt(0x3010), 4);
    const slot = (registers.lo(STATE.NESTED_CACHE) + 3 * NESTED_CACHE.ENTRY_SIZE) >> 2;
    expect(words[slot]).toBe(3);
    expect(ept.translate(0x3000, ACCESS.READ)).toBe(words[slot + 1] * PAGE);
    expect(host).toBe(LAYOUT.RAM + words[slot + 1] * PAGE + 0x10);
    expect(c.mode).toBe('none');
  });

  it('drops the translations of a page that faults, in all banks, and no others', () => {
    new Case(3);
    ept.stop();
    registers.cr0 = CR0.PE | CR0.PG;
    registers.cr4 = 0;
    registers.efer = 0;
    registers.cr3 = 0;
    registers.setDr(7, 0x400, 0);
    registers.cpl = 3;
    refreshPrivilege(registers);
    ram.fill(0);
    const pages = [0x40_1000, 0x40_2000, 0x40_1000 + TLB.ENTRIES * PAGE];
    const set = registers.lo(STATE.TLB_SET);
    const banks = Array.from({ length: TLB.BANKS }, (_, n) => set + n * TLB.BANK_SIZE);
    const slots = (page: number) =>
      banks.flatMap((bank) =>
        ACCESSES.map((access) => {
          const { tlb, entries } = FILLS[access];
          return (bank + tlb + ((page >>> 8) & ((entries - 1) * TLB.ENTRY_SIZE))) >> 2;
        }),
      );
    const left = () =>
      pages.map(
        (page) => slots(page).filter((at) => (words[at] & -PAGE) === page && words[at + 1] === 0).length,
      );
    for (const bank of banks) {
      for (const { tlb } of Object.values(FILLS)) {
        const translation = { page: 0x2000, global: false, large: false };
        // Marked entries and code modes are in the low bits of tags.
        for (const page of pages.slice(0, 2)) translations.fill(bank, tlb, page, 0, translation, 1);
      }
    }
    expect(left()).toEqual([12, 12, 0]);
    expect(fills.fillWrite(registers.base, BigInt(pages[2] + 8), 4)).toBe(FAULTED);
    expect(left()).toEqual([12, 12, 0]);
    expect(fills.fillRead(registers.base, BigInt(pages[0] + 8), 4)).toBe(FAULTED);
    expect(left()).toEqual([0, 12, 0]);
    expect(fault()).toEqual([VECTOR.PF, PF_ERROR.U, pages[0] + 8, 0]);
  });

  it('leaves an address that is not canonical alone', () => {
    new Case(3);
    for (const address of [1n << 47n, -(1n << 48n), 1n << 62n]) {
      expect(fills.fillRead(registers.base, address, 4)).toBe(0);
    }
  });
});
