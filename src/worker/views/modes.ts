import { CR0, EFER, FLAG, SEG } from '../../arch/registers.ts';
import { ATTRIBUTE } from '../../arch/segments.ts';
import type { ProcessorState } from './processor-state.ts';

export interface Mode {
  /** As people call it. */
  readonly name: string;
  /** Size of code: 16, 32 or 64. */
  readonly bitness: 16 | 32 | 64;
}

/** SDM volume 3A, "Modes of Operation". */
export function modeOf(state: ProcessorState): Mode {
  const code = state.segments[SEG.CS]?.attributes ?? 0;
  const wide = (code & ATTRIBUTE.DB) !== 0;
  if (!has(state.cr0, CR0.PE)) return { name: 'real mode', bitness: 16 };
  if (has(state.rflags, FLAG.VM)) return { name: 'virtual-8086 mode', bitness: 16 };
  if (has(state.efer, EFER.LMA)) {
    if (code & ATTRIBUTE.L) return { name: '64-bit mode', bitness: 64 };
    return { name: 'compatibility mode', bitness: wide ? 32 : 16 };
  }
  return { name: `protected mode, ${wide ? 32 : 16}-bit`, bitness: wide ? 32 : 16 };
}

/** Linear address of the next instruction. */
export function linearRip(state: ProcessorState): bigint {
  if (modeOf(state).bitness === 64) return BigInt.asUintN(64, state.rip);
  return BigInt.asUintN(32, (state.segments[SEG.CS]?.base ?? 0n) + state.rip);
}

function has(value: bigint, mask: number): boolean {
  return (value & BigInt(mask >>> 0)) !== 0n;
}
