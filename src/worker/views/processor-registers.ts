import { GPR, SEG } from '../../arch/registers.ts';
import type { Registers } from '../../cpu/registers.ts';
import { STATE } from '../../cpu/state.ts';
import { fromHalves, unsigned64 } from './numbers.ts';
import type { ProcessorState } from './processor-state.ts';

const GENERAL = Object.values(GPR);
const SEGMENTS = Object.values(SEG);

/** The state of a physical processor: that of whatever runs on it now, guest or host. */
export function stateOfProcessor(r: Registers): ProcessorState {
  const pair = (offset: number) => fromHalves(r.lo(offset), r.hi(offset));
  const table = ({ base, limit }: { base: number; limit: number }) => ({ base: unsigned64(base), limit });
  return {
    general: GENERAL.map((n) => fromHalves(r.gprLo(n), r.gprHi(n))),
    rip: pair(STATE.RIP),
    rflags: BigInt(r.rflags >>> 0),
    segments: SEGMENTS.map((n) => ({ ...r.segment(n), base: unsigned64(r.segmentBase(n)) })),
    gdtr: table(r.gdtr),
    idtr: table(r.idtr),
    cr0: pair(STATE.CR0),
    cr2: pair(STATE.CR2),
    cr3: pair(STATE.CR3),
    cr4: pair(STATE.CR4),
    efer: pair(STATE.EFER),
    cpl: r.cpl,
  };
}
