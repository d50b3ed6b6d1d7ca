import { i32 } from '../../wasm/expression.ts';
import type { Context } from '../definition.ts';
import { STATE } from '../state.ts';

/** Leaves the instruction to the system operation unless it can go on by itself. @param bit of `DIRECT` */
export function needsDirect(c: Context, bit: number): void {
  const isDirect = i32.and(i32.load(c.field(STATE.DIRECT)), i32.const(bit));
  c.f.if(i32.eqz(isDirect), () => c.system());
}
