/** The faults that x87, MMX and SSE instructions raise before anything else. SDM volume 3A, "CR0.EM, CR0.MP, CR0.TS". */
import { VECTOR } from '../../arch/registers.ts';
import type { Context, Instruction } from '../../isa/definition.ts';
import { hasAttribute } from '../../isa/operands.ts';
import { type I32, i32 } from '../../wasm/expression.ts';
import { FPU_TRAP, STATE } from '../state.ts';

/**
 * Which bits of FPU_TRAP raise what, by attribute. A pending x87 exception raises #MF whatever CR0.NE is:
 * the external way of CR0.NE = 0 (FERR#, IRQ 13, IGNNE#) would begin here and is not modelled.
 */
const FPU_CHECKS = [
  {
    attribute: 'sse-mmx',
    undefined: FPU_TRAP.EM | FPU_TRAP.NO_OSFXSR,
    unavailable: FPU_TRAP.TS,
    pending: FPU_TRAP.PENDING,
  },
  { attribute: 'fxsr', undefined: FPU_TRAP.EM, unavailable: FPU_TRAP.TS, pending: 0 },
  { attribute: 'sse', undefined: FPU_TRAP.EM | FPU_TRAP.NO_OSFXSR, unavailable: FPU_TRAP.TS, pending: 0 },
  { attribute: 'mmx', undefined: FPU_TRAP.EM, unavailable: FPU_TRAP.TS, pending: FPU_TRAP.PENDING },
  { attribute: 'fpu', undefined: 0, unavailable: FPU_TRAP.EM | FPU_TRAP.TS, pending: FPU_TRAP.PENDING },
  /** x87 instructions that do not wait: FNINIT, FNSTSW, FNSTCW, FNCLEX, FNSAVE, FNSTENV. */
  { attribute: 'fpu-nowait', undefined: 0, unavailable: FPU_TRAP.EM | FPU_TRAP.TS, pending: 0 },
  { attribute: 'fpu-wait', undefined: 0, unavailable: FPU_TRAP.WAIT, pending: FPU_TRAP.PENDING },
] as const;

/** #UD, #NM or #MF, as the row's attributes say. */
export function checkFpu(c: Context, row: Instruction): void {
  const checks = FPU_CHECKS.find(({ attribute }) => hasAttribute(row, attribute));
  if (!checks) return;
  const { undefined: ud, unavailable: nm, pending: mf } = checks;
  const trap = (mask: number): I32 => i32.and(i32.load(c.field(STATE.FPU_TRAP)), i32.const(mask));
  c.f.ifUnlikely(trap(ud | nm | mf), () => {
    if (ud !== 0) c.f.if(trap(ud), () => c.raise(VECTOR.UD));
    c.f.if(trap(nm), () => c.raise(VECTOR.NM));
    if (mf !== 0) c.raise(VECTOR.MF);
  });
}
