import { FLAG } from '../../arch/registers.ts';
import { ACTIVITY } from '../../arch/vmx.ts';
import type { VcpuAccess } from '../machines/lab-machine.ts';
import { modeOf } from '../views/modes.ts';

/** One line of gdb's list of threads. */
export function describeVcpu(cpu: number, access: VcpuAccess | undefined, ring: number): string {
  if (access === undefined) return `CPU ${cpu}: has not started: its registers read as 0`;
  const level = ring === -1 ? 'VMX root' : `ring ${ring}`;
  return `CPU ${cpu}: ${modeOf(access.state).name}, ${level}${activityText(access)}`;
}

/** What it waits for, where it executes nothing. */
function activityText({ activity, state }: VcpuAccess): string {
  switch (activity) {
    case ACTIVITY.ACTIVE:
      return '';
    case ACTIVITY.WAIT_FOR_SIPI:
      return ', has not started: waits for SIPI';
    case ACTIVITY.SHUTDOWN:
      return ', shut down for good';
    default:
      return Number(state.rflags) & FLAG.IF ? ', halted' : ', halted for good: IF is 0, only an NMI wakes it';
  }
}
