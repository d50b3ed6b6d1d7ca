/** Registers of a simulated processor by name, for a debugger. */
import { FLAG, GPR, SEG } from '../arch/registers.ts';
import { isCanonical } from '../cpu/number64.ts';
import type { Processor } from '../cpu/processor.ts';
import { STATE } from '../cpu/state.ts';
import { refresh, usesDescriptors } from '../cpu/system/mode.ts';
import { type RegisterName, SELECTOR_NAMES, type SelectorName } from './register-names.ts';

/** How to get at one register. Without `write` it cannot be changed; `write` answers false when it cannot now. */
interface Access {
  readonly read: (processor: Processor) => bigint;
  readonly write?: (processor: Processor, value: bigint) => boolean;
}

export function readProcessorRegister(processor: Processor, name: RegisterName): bigint {
  return access(name).read(processor);
}

/** False when it cannot be changed, or not to this value. */
export function writeProcessorRegister(processor: Processor, name: RegisterName, value: bigint): boolean {
  return access(name).write?.(processor, value) ?? false;
}

function access(name: RegisterName): Access {
  const found = REGISTERS.get(name);
  if (found === undefined) throw new Error(`no access to the register ${name} is described`);
  return found;
}

const segmentNumber = (name: SelectorName): number => SEG[name.toUpperCase() as Uppercase<SelectorName>];

const unsigned = (value: number): bigint => BigInt.asUintN(64, BigInt(value));

/** A 64-bit field of the CPU block. */
const field = (offset: number): Access => ({ read: ({ regs }) => regs.fieldBig(offset) });

const half = (offset: number): Access => ({ read: ({ regs }) => BigInt(regs.u16[offset >> 1]) });

const general = (n: number): Access => ({
  read: ({ regs }) => regs.gprBig(n),
  write: ({ regs }, value) => {
    regs.u64[n] = value;
    return true;
  },
});

/** What the processor adds to an offset in CS. */
const codeBase = ({ regs }: Processor): bigint => unsigned(regs.address(STATE.EFFECTIVE_BASE + 8 * SEG.CS));

/** Bits of linear addresses in the present mode. */
const linearBits = ({ regs }: Processor): 64 | 32 => (regs.hi(STATE.ADDRESS_MASK) === 0 ? 32 : 64);

const INSTRUCTION_POINTER: Access = {
  read: (p) => BigInt.asUintN(linearBits(p), p.regs.fieldBig(STATE.RIP) + codeBase(p)),
  write: (p, linear) => {
    const rip = Number(BigInt.asIntN(64, BigInt.asUintN(linearBits(p), linear - codeBase(p))));
    if (!isCanonical(rip)) return false;
    p.regs.rip = rip;
    return true;
  },
};

/** Virtual-8086 mode is entered by the guest alone. */
const FLAGS: Access = {
  read: ({ regs }) => BigInt(regs.rflags >>> 0),
  write: ({ regs }, value) => {
    regs.rflags = (Number(value) & ~FLAG.VM) | (regs.rflags & FLAG.VM);
    refresh(regs);
    return true;
  },
};

/** Where a selector stands for a descriptor, only an instruction can load it: that reads and checks the descriptor. */
const selector = (n: number): Access => ({
  read: ({ regs }) => BigInt(regs.selector(n)),
  write: ({ regs }, value) => {
    if (usesDescriptors(regs) || value > 0xffffn) return false;
    regs.setSegment(n, { ...regs.segment(n), selector: Number(value), base: Number(value) * 16 });
    refresh(regs);
    return true;
  },
});

const base = (n: number): Access => ({
  read: ({ regs }) => unsigned(regs.address(STATE.EFFECTIVE_BASE + 8 * n)),
});

const changeableBase = (n: number): Access => ({
  ...base(n),
  write: ({ regs }, value) => {
    const address = Number(BigInt.asIntN(64, value));
    if (!isCanonical(address)) return false;
    regs.setSegmentBase(n, address);
    refresh(regs);
    return true;
  },
});

/** Bytes of the CPU block's image of ST(i): 16, of which 10 count. */
const X87_SIZE = 16;
const SIGNIFICAND_BITS = 64n;

/** ST(i): the physical registers turn under it. */
const x87Offset = ({ regs }: Processor, i: number): number =>
  STATE.X87 + X87_SIZE * ((regs.lo(STATE.FTOP) + i) & 7);

const x87 = (i: number): Access => ({
  read: (p) => x87At(p, x87Offset(p, i)),
  write: (p, value) => {
    const offset = x87Offset(p, i);
    p.regs.u64[offset >> 3] = BigInt.asUintN(64, value);
    p.regs.u16[(offset >> 1) + 4] = Number(value >> SIGNIFICAND_BITS);
    return true;
  },
});

const x87At = ({ regs }: Processor, offset: number): bigint =>
  (BigInt(regs.u16[(offset >> 1) + 4]) << SIGNIFICAND_BITS) | regs.u64[offset >> 3];

const TOP_SHIFT = 11;

const STATUS_WORD: Access = {
  read: ({ regs }) => BigInt(regs.u16[STATE.FSW >> 1] | (regs.lo(STATE.FTOP) << TOP_SHIFT)),
};

/** Two bits for each physical register. SDM volume 1, "x87 FPU Tag Word". */
const TAG = { VALID: 0, ZERO: 1, SPECIAL: 2, EMPTY: 3 } as const;

const TAG_WORD: Access = {
  read: (p) => {
    let word = 0;
    for (let n = 0; n < 8; n++) word |= tagOf(p, n) << (2 * n);
    return BigInt(word);
  },
};

function tagOf(p: Processor, n: number): number {
  if ((p.regs.lo(STATE.FTAG) & (1 << n)) === 0) return TAG.EMPTY;
  const value = x87At(p, STATE.X87 + X87_SIZE * n);
  const exponent = (value >> SIGNIFICAND_BITS) & 0x7fffn;
  const significand = BigInt.asUintN(64, value);
  if (exponent === 0n && significand === 0n) return TAG.ZERO;
  const normal = exponent !== 0n && exponent !== 0x7fffn && significand >> 63n === 1n;
  return normal ? TAG.VALID : TAG.SPECIAL;
}

const lowHalf = (offset: number): Access => ({ read: ({ regs }) => BigInt(regs.lo(offset)) });

const xmm = (n: number): Access => {
  const at = (STATE.XMM >> 3) + 2 * n;
  return {
    read: ({ regs }) => (regs.u64[at + 1] << 64n) | regs.u64[at],
    write: ({ regs }, value) => {
      regs.u64[at] = BigInt.asUintN(64, value);
      regs.u64[at + 1] = value >> 64n;
      return true;
    },
  };
};

const REGISTERS: ReadonlyMap<string, Access> = new Map([
  ...Object.entries(GPR).map(([name, n]): [string, Access] => [name.toLowerCase(), general(n)]),
  ...SELECTOR_NAMES.map((name): [string, Access] => [name, selector(segmentNumber(name))]),
  ...SELECTOR_NAMES.map((name): [string, Access] => {
    const n = segmentNumber(name);
    return [`${name}_base`, n >= SEG.FS ? changeableBase(n) : base(n)];
  }),
  ...Array.from({ length: 8 }, (_, i): [string, Access] => [`st${i}`, x87(i)]),
  ...Array.from({ length: 16 }, (_, n): [string, Access] => [`xmm${n}`, xmm(n)]),
  ...Object.entries({
    rip: INSTRUCTION_POINTER,
    eflags: FLAGS,
    fctrl: half(STATE.FCW),
    fstat: STATUS_WORD,
    ftag: TAG_WORD,
    fiseg: half(STATE.FCS),
    fioff: lowHalf(STATE.FIP),
    foseg: half(STATE.FDS),
    fooff: lowHalf(STATE.FDP),
    fop: half(STATE.FOP),
    mxcsr: lowHalf(STATE.MXCSR),
    k_gs_base: field(STATE.KERNEL_GS_BASE),
    cr0: field(STATE.CR0),
    cr2: field(STATE.CR2),
    cr3: field(STATE.CR3),
    cr4: field(STATE.CR4),
    cr8: { read: ({ interrupts }: Processor) => BigInt(interrupts.cr8) },
    efer: field(STATE.EFER),
  }),
]);
