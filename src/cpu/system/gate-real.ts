/** Interrupts in real-address mode: the interrupt vector table. SDM volume 3B, "Interrupt and Exception Handling" of 8086 emulation. */
import { FLAG, SEG, VECTOR } from '../../arch/registers.ts';
import type { SystemContext } from './context.ts';
import { realModeSegment } from './descriptor.ts';
import type { DeliveredEvent } from './event.ts';
import { faulted } from './fault.ts';
import { refresh } from './mode.ts';
import { Stack } from './stack.ts';
import type { Outcome } from './task-switch.ts';

export function enterRealHandler(
  c: SystemContext,
  event: DeliveredEvent,
  flags: number,
  returnIp: number,
): Outcome {
  const r = c.regs;
  const { base, limit } = r.idtr;
  const entry = event.vector * 4;
  if (entry + 3 > limit) return faulted(c, VECTOR.GP, 0);
  if (!c.memory.read((base + entry) >>> 0, 4, true)) return 'fault';
  const ip = c.memory.lo & 0xffff;
  const cs = realModeSegment(c, SEG.CS, c.memory.lo >>> 16);
  const stack = Stack.current(c);
  const pushed =
    stack.push(2, flags & 0xffff) && stack.push(2, r.selector(SEG.CS)) && stack.push(2, returnIp & 0xffff);
  if (!pushed) return 'fault';
  if (ip > cs.limit) return faulted(c, VECTOR.GP, 0);
  stack.commit();
  r.setSegment(SEG.CS, cs);
  r.rip = ip;
  r.systemFlags = r.systemFlags & ~(FLAG.IF | FLAG.TF | FLAG.AC | FLAG.RF);
  refresh(r);
  return 'entered';
}
