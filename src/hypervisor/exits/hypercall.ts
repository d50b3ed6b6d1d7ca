/** VMCALL: registers to arguments, result to RAX. */
import { HYPERCALL_ERROR } from '../../arch/hypercalls.ts';
import { COST } from '../costs.ts';
import { codeBits, guestCpl } from '../guest-state.ts';
import { type Arguments, runHypercall } from '../hypercalls/table.ts';
import type { ExitContext } from './context.ts';

const [RAX, RDX, RSI, RDI, R8, R10] = [0, 2, 6, 7, 8, 10];
const HIGH = 0x1_0000_0000;

export function hypercall(x: ExitContext): void {
  x.cpu.charge(COST.HYPERCALL);
  const { gprs } = x.cpu;
  const wide = codeBits(x.cpu) === 64;
  const value = (n: number): number => (wide ? gprs[2 * n + 1] * HIGH : 0) + gprs[2 * n];
  // A hypercall is done before its effect on the scheduler: RIP is behind it already.
  x.skipInstruction();
  const a: Arguments = [value(RDI), value(RSI), value(RDX), value(R10), value(R8)];
  const result = guestCpl(x.cpu) === 0 ? runHypercall(x, value(RAX), a) : HYPERCALL_ERROR.NOT_PERMITTED;
  gprs[2 * RAX] = result >>> 0;
  gprs[2 * RAX + 1] = wide ? Math.floor(result / HIGH) >>> 0 : 0;
}
