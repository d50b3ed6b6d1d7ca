/** INT n, INT3, INTO, INT1. SDM volume 2, "INT n/INTO/INT3/INT1 - Call to Interrupt Procedure". */
import { FLAG, VECTOR } from '../../arch/registers.ts';
import { STATUS } from '../state.ts';
import type { SystemOperation } from './context.ts';
import { softwareInterrupt } from './deliver.ts';
import { EVENT_TYPE } from './event.ts';
import { generalProtection } from './fault.ts';
import { isVm86 } from './mode.ts';

export const INTERRUPT_OPERATIONS: Record<string, SystemOperation> = {
  int: (c) => {
    if (isVm86(c.regs) && c.regs.iopl < 3) return generalProtection(c);
    if (c.interceptor?.instruction('intn')) return STATUS.EXIT;
    return softwareInterrupt(c, EVENT_TYPE.SOFTWARE, c.record.immediateLo & 0xff);
  },
  int3: (c) => softwareInterrupt(c, EVENT_TYPE.SOFTWARE_EXCEPTION, VECTOR.BP),
  into: (c) =>
    c.regs.rflags & FLAG.OF ? softwareInterrupt(c, EVENT_TYPE.SOFTWARE_EXCEPTION, VECTOR.OF) : STATUS.NEXT,
  int1: (c) => softwareInterrupt(c, EVENT_TYPE.PRIVILEGED_SOFTWARE, VECTOR.DB),
};
