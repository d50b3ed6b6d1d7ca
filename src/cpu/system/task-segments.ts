/** Loading the segment registers of a new task. SDM volume 3A, "Task Switching", exception conditions. */
import { FLAG, SEG, VECTOR } from '../../arch/registers.ts';
import { isNullSelector, SELECTOR, SYSTEM_TYPE, VM86_ATTRIBUTES } from '../../arch/segments.ts';
import type { SystemContext } from './context.ts';
import { dataSegment, markAccessed, nullSegment, readDescriptor, stackSegment } from './descriptor.ts';
import { failed, selectorError } from './fault.ts';
import type { TaskState } from './task-state.ts';

/**
 * Loads LDTR, CPL and the six segment registers. The selectors are all in place, with unusable hidden
 * parts, before the first check, so a handler for the exception sees them.
 */
export function loadTaskSegments(c: SystemContext, task: TaskState): boolean {
  const r = c.regs;
  const { segments } = task;
  const isVm86 = (task.eflags & FLAG.VM) !== 0;
  r.setSegment(SEG.LDTR, nullSegment(task.ldt));
  for (let n = SEG.ES; n <= SEG.GS; n++) r.setSegment(n, nullSegment(segments[n]));
  r.cpl = isVm86 ? 3 : segments[SEG.CS] & SELECTOR.RPL;
  if (!loadTaskLdt(c, task.ldt)) return false;
  if (isVm86) {
    for (let n = SEG.ES; n <= SEG.GS; n++) {
      const selector = segments[n];
      r.setSegment(n, { selector, attributes: VM86_ATTRIBUTES, limit: 0xffff, base: selector << 4 });
    }
    return true;
  }
  if (!loadTaskCode(c, segments[SEG.CS])) return false;
  const ss = stackSegment(c, segments[SEG.SS], r.cpl, VECTOR.TS, false);
  if (!ss) return false;
  r.setSegment(SEG.SS, ss);
  for (const n of [SEG.DS, SEG.ES, SEG.FS, SEG.GS]) {
    const segment = dataSegment(c, segments[n], r.cpl, VECTOR.TS);
    if (!segment) return false;
    r.setSegment(n, segment);
  }
  return true;
}

function loadTaskLdt(c: SystemContext, selector: number): boolean {
  if (isNullSelector(selector)) return true;
  if (selector & SELECTOR.TI) return failed(c, VECTOR.TS, selectorError(c, selector));
  const d = readDescriptor(c, selector, VECTOR.TS);
  if (!d) return false;
  if (d.isSegment || d.type !== SYSTEM_TYPE.LDT || !d.present) {
    return failed(c, VECTOR.TS, selectorError(c, selector));
  }
  c.regs.setSegment(SEG.LDTR, d.segment(selector));
  return true;
}

function loadTaskCode(c: SystemContext, selector: number): boolean {
  if (isNullSelector(selector)) return failed(c, VECTOR.TS, selectorError(c, selector));
  const d = readDescriptor(c, selector, VECTOR.TS);
  if (!d) return false;
  const rpl = selector & SELECTOR.RPL;
  const privileged = d.isConforming ? d.dpl <= rpl : d.dpl === rpl;
  if (!d.isCode || !privileged) return failed(c, VECTOR.TS, selectorError(c, selector));
  if (!d.present) return failed(c, VECTOR.NP, selectorError(c, selector));
  if (!markAccessed(c, d)) return false;
  c.regs.setSegment(SEG.CS, d.segment(selector));
  return true;
}
