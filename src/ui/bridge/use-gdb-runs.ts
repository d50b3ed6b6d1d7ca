import { useView } from '../../client/lab-store.ts';

/** gdb is there and runs the machine: what would do so on the page is off, and says why. */
export function useGdbRuns(): boolean {
  return useView('gdb')?.state === 'attached';
}

export const GDB_RUNS = 'gdb is connected; it runs the machine';
