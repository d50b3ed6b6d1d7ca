/** Registers of a virtual CPU by the names that gdb's layer has for them, and what writing one means as an edit. */
import { MSR } from '../../arch/msr.ts';
import { GPR, SEG } from '../../arch/registers.ts';
import { type RegisterName, SELECTOR_NAMES, type SelectorName } from '../../gdb/register-names.ts';
import type { VcpuAccess } from '../machines/lab-machine.ts';
import type { FloatState } from '../views/extended-state.ts';
import { modeOf } from '../views/modes.ts';
import type { ProcessorState } from '../views/processor-state.ts';

type Read = (access: VcpuAccess) => bigint;

/** An unsigned value of the register's size. */
export function readVcpuRegister(access: VcpuAccess, name: RegisterName): bigint {
  const read = READ.get(name);
  if (read === undefined) throw new Error(`no access to the register ${name} is described`);
  return read(access);
}

/** The register as an edit names it, with the value that it is to get there. */
export function editedRegister(
  { state }: VcpuAccess,
  name: RegisterName,
  value: bigint,
): { readonly register: string; readonly value: bigint } {
  if (name === 'rip') {
    return { register: name, value: BigInt.asUintN(linearBits(state), value - baseOf(state, SEG.CS)) };
  }
  return { register: EDITED_AS[name] ?? name, value };
}

/** What edits call otherwise. */
const EDITED_AS: Readonly<Partial<Record<RegisterName, string>>> = {
  eflags: 'rflags',
  k_gs_base: 'ia32_kernel_gs_base',
};

const segmentNumber = (name: SelectorName): number => SEG[name.toUpperCase() as Uppercase<SelectorName>];

/** What the processor adds to an offset: in 64-bit mode only FS and GS have a base. */
function baseOf(state: ProcessorState, n: number): bigint {
  const flat = modeOf(state).bitness === 64 && n < SEG.FS;
  return flat ? 0n : (state.segments[n]?.base ?? 0n);
}

/** Bits of linear addresses in the present mode. */
const linearBits = (state: ProcessorState): 64 | 32 => (modeOf(state).bitness === 64 ? 64 : 32);

const float =
  (read: (float: FloatState) => number): Read =>
  ({ extended }) =>
    BigInt(read(extended().float));

/** Bytes of a physical register's image, of which 10 count. */
const X87_SIZE = 16;
const SIGNIFICAND_BITS = 64n;

/** Physical register n: sign and exponent above the significand. */
function x87At({ x87 }: FloatState, n: number): bigint {
  const view = new DataView(x87.buffer, x87.byteOffset + X87_SIZE * n, X87_SIZE);
  return (BigInt(view.getUint16(8, true)) << SIGNIFICAND_BITS) | view.getBigUint64(0, true);
}

/** Two bits for each physical register. SDM volume 1, "x87 FPU Tag Word". */
const TAG = { VALID: 0, ZERO: 1, SPECIAL: 2, EMPTY: 3 } as const;

function tagOf(state: FloatState, n: number): number {
  if ((state.tags & (1 << n)) === 0) return TAG.EMPTY;
  const value = x87At(state, n);
  const exponent = (value >> SIGNIFICAND_BITS) & 0x7fffn;
  const significand = BigInt.asUintN(64, value);
  if (exponent === 0n && significand === 0n) return TAG.ZERO;
  const normal = exponent !== 0n && exponent !== 0x7fffn && significand >> 63n === 1n;
  return normal ? TAG.VALID : TAG.SPECIAL;
}

function tagWord(state: FloatState): number {
  let word = 0;
  for (let n = 0; n < 8; n++) word |= tagOf(state, n) << (2 * n);
  return word;
}

function xmmAt({ xmm }: FloatState, n: number): bigint {
  const view = new DataView(xmm.buffer, xmm.byteOffset + 16 * n, 16);
  return (view.getBigUint64(8, true) << 64n) | view.getBigUint64(0, true);
}

const TOP_SHIFT = 11;
const low32 = (value: bigint): number => Number(BigInt.asUintN(32, value));

const READ: ReadonlyMap<string, Read> = new Map<string, Read>([
  ...Object.entries(GPR).map(([name, n]): [string, Read] => [
    name.toLowerCase(),
    ({ state }) => state.general[n] ?? 0n,
  ]),
  ...SELECTOR_NAMES.map((name): [string, Read] => {
    const n = segmentNumber(name);
    return [name, ({ state }) => BigInt(state.segments[n]?.selector ?? 0)];
  }),
  ...SELECTOR_NAMES.map((name): [string, Read] => [
    `${name}_base`,
    ({ state }) => baseOf(state, segmentNumber(name)),
  ]),
  // The physical registers turn under ST(i).
  ...Array.from({ length: 8 }, (_, i): [string, Read] => [
    `st${i}`,
    ({ extended }) => {
      const state = extended().float;
      return x87At(state, (state.top + i) & 7);
    },
  ]),
  ...Array.from({ length: 16 }, (_, n): [string, Read] => [
    `xmm${n}`,
    ({ extended }) => xmmAt(extended().float, n),
  ]),
  ...Object.entries<Read>({
    rip: ({ state }) => BigInt.asUintN(linearBits(state), state.rip + baseOf(state, SEG.CS)),
    eflags: ({ state }) => state.rflags,
    fctrl: float(({ fcw }) => fcw),
    fstat: float(({ fsw, top }) => fsw | (top << TOP_SHIFT)),
    ftag: float(tagWord),
    fiseg: float(({ fcs }) => fcs),
    fioff: float(({ fip }) => low32(fip)),
    foseg: float(({ fds }) => fds),
    fooff: float(({ fdp }) => low32(fdp)),
    fop: float(({ fop }) => fop),
    mxcsr: float(({ mxcsr }) => mxcsr),
    k_gs_base: ({ extended }) => extended().msrs.get(MSR.IA32_KERNEL_GS_BASE) ?? 0n,
    cr0: ({ state }) => state.cr0,
    cr2: ({ state }) => state.cr2,
    cr3: ({ state }) => state.cr3,
    cr4: ({ state }) => state.cr4,
    cr8: ({ extended }) => BigInt(extended().cr8),
    efer: ({ state }) => state.efer,
  }),
]);
