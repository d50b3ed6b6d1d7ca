/** Raising exceptions from system operations. */
import { VECTOR } from '../../arch/registers.ts';
import { STATUS } from '../state.ts';
import type { SystemContext } from './context.ts';
import { EVENT_TYPE } from './event.ts';

/** Stores an exception; `errorCode` -1: none. */
export function fault(c: SystemContext, vector: number, errorCode: number): typeof STATUS.FAULT {
  c.regs.setFault(vector, errorCode);
  return STATUS.FAULT;
}

/** The same for functions whose result is "succeeded". */
export function failed(c: SystemContext, vector: number, errorCode: number): false {
  c.regs.setFault(vector, errorCode);
  return false;
}

/** The same for functions whose result is an outcome of a transfer. */
export function faulted(c: SystemContext, vector: number, errorCode: number): 'fault' {
  c.regs.setFault(vector, errorCode);
  return 'fault';
}

export const undefinedOpcode = (c: SystemContext): typeof STATUS.FAULT => fault(c, VECTOR.UD, -1);

/** #GP(0). */
export const generalProtection = (c: SystemContext): typeof STATUS.FAULT => fault(c, VECTOR.GP, 0);

/**
 * The EXT bit of error codes: 1 while an event external to the program is being delivered (an
 * interrupt, an exception, INT1), 0 for INT n, INT3, INTO and outside deliveries.
 * SDM volume 3A, "Error Code".
 */
export function extBit(c: SystemContext): 0 | 1 {
  const event = c.delivering;
  if (!event) return 0;
  return event.type === EVENT_TYPE.SOFTWARE || event.type === EVENT_TYPE.SOFTWARE_EXCEPTION ? 0 : 1;
}

/** Error code that names a selector: index and TI, IDT = 0, EXT as it applies. */
export const selectorError = (c: SystemContext, selector: number): number => (selector & 0xfffc) | extBit(c);

/** Error code that names an IDT entry. */
export const idtError = (c: SystemContext, vector: number): number => (vector << 3) | 2 | extBit(c);
